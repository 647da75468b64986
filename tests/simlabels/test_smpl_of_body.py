"""The body's movement on SMPL-24 and back."""

from dataclasses import replace

import numpy as np

from realtime.body.rotations import angle_between
from simlabels.ik import inverse_kinematics
from simlabels.label import R_MJ_WORLD
from simlabels.musculo.scale import scale_body, segment_factors
from simlabels.readers.bvh import axis_rotation
from simlabels.smpl_of_body import SEGMENTS, smpl_of_body


def test_a_motion_comes_back(the_body, motion):
    R_local = motion.R_local.copy()
    R_local[:, 18], R_local[:, 19] = axis_rotation(-1.2, 1), axis_rotation(1.2, 1)  # a straight arm would not show its twist
    joints_m, R_global = replace(motion, R_local=R_local).forward()
    joints_mj, R_mj = joints_m @ R_MJ_WORLD.T, R_MJ_WORLD @ R_global
    scale_body(the_body, segment_factors(the_body, joints_mj), 70)
    R_mj[:, [1, 2, 3, 4, 5, 6, *range(10, 24)]] = np.nan
    kinematics = inverse_kinematics(the_body, joints_mj, R_mj, calibrate=False)
    back = smpl_of_body(the_body, kinematics.q, motion.fps)
    found_m, R_found = back.forward()
    limbs = [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]
    assert np.median(np.linalg.norm(found_m[:, limbs] - joints_m[:, limbs], axis=-1)) < 0.03
    for joint, most_deg in ((0, 15), (1, 15), (2, 15), (4, 15), (5, 15), (9, 15), (16, 35), (17, 35), (18, 35), (19, 35)):
        off_deg = np.degrees(np.median(angle_between(R_found[:, joint], R_global[:, joint])))
        assert off_deg < most_deg, (joint, off_deg)


def test_joints_lie_on_the_bodys(the_body, body):
    """Hips, knees, ankles, elbows and wrists are those of the body; lengths are the person's."""
    scale_body(the_body, {"femur": 1.1, "tibia": 0.95, "humerus": 1.08, "forearm": 1.02, "trunk": 1.04}, 80)
    q = np.tile(body.standing(), (20, 1))
    rng = np.random.default_rng(1)
    for joint in ("hip_flexion_r", "knee_angle_l", "elbow_flex_r", "shoulder_elv_l", "axial_rotation", "hip_rotation_l"):
        k = body.joints.index(joint)
        q[:, 7 + k] = rng.uniform(body.lower_rad[k], body.upper_rad[k], 20)
    found_m, _ = smpl_of_body(body, q, 30).forward()
    for t in range(20):
        body.pose(q[t])
        for joint, name in ((4, "tibia_l"), (5, "tibia_r"), (7, "talus_l"), (8, "talus_r")):
            at = body.data.body(name).xpos @ R_MJ_WORLD
            assert np.linalg.norm(found_m[t, joint] - at) < 0.03, name  # hips are where SMPL's pelvis has them
    assert SEGMENTS[16] == "humerus_l"
