"""Inverse kinematics finds the pose that the joints were made from."""

import numpy as np

from simlabels.ik import R_SMPL_SEGMENT, inverse_kinematics
from simlabels.musculo.scale import LANDMARKS


def swinging(body, frames=40):
    """Reduced positions of arms, legs and trunk in motion, and the SMPL joints and rotations that go with it."""
    t = np.linspace(0, 2 * np.pi, frames)
    q = np.tile(body.standing(np.zeros(31)), (frames, 1))
    for joint, mean, size in (
        *(("hip_flexion_r", 0.3, 0.3), ("knee_angle_r", 0.6, 0.4), ("ankle_angle_r", 0.0, 0.2), ("hip_flexion_l", 0.2, -0.3)),
        *(("knee_angle_l", 0.5, 0.3), ("flex_extension", -0.1, 0.1), ("elbow_flex_r", 1.0, 0.4), ("shoulder_elv_r", 0.8, 0.3)),
    ):
        q[:, 7 + body.joints.index(joint)] = mean + size * np.sin(t)
    q[:, 0] += 0.3 * np.sin(t)
    joints_m, R = np.full((frames, 24, 3), np.nan), np.full((frames, 24, 3, 3), np.nan)
    for i in range(frames):
        body.pose(q[i])
        for j, (name, _) in LANDMARKS.items():
            joints_m[i, j] = body.data.body(name).xpos
        for j, name in ((0, "pelvis"), (9, "torso")):
            R[i, j] = body.data.body(name).xmat.reshape(3, 3) @ R_SMPL_SEGMENT.T
    return q, joints_m, R


def test_joints_are_met_and_angles_found(body):
    q, joints_m, R = swinging(body)
    found = inverse_kinematics(body, joints_m, R, calibrate=False)
    assert found.rms_m.max() < 1e-3
    for joint in ("hip_flexion_r", "knee_angle_r", "knee_angle_l", "elbow_flex_r", "ankle_angle_r", "flex_extension"):
        column = 7 + body.joints.index(joint)
        assert np.degrees(np.abs(found.q[:, column] - q[:, column]).max()) < 1.5, joint


def test_absent_joints_are_left_out(body):
    _, joints_m, R = swinging(body)
    joints_m[:, [20, 21, 22, 23]] = np.nan
    found = inverse_kinematics(body, joints_m, R)
    assert np.isfinite(found.q).all()
    assert found.rms_m.max() < 2e-3


def test_limits_hold(body, rng):
    _, joints_m, R = swinging(body)
    found = inverse_kinematics(body, joints_m + 0.1 * rng.normal(size=joints_m.shape), R)
    assert (found.q[:, 7:] >= body.lower_rad - 1e-12).all()
    assert (found.q[:, 7:] <= body.upper_rad + 1e-12).all()
    assert found.rms_m.min() > 0.02  # noise is reported, not hidden


def test_calibration_takes_out_a_constant_offset(body):
    _, joints_m, R = swinging(body)
    joints_m[:, [16, 17], 2] += 0.03
    with_it, without = (inverse_kinematics(body, joints_m, R, calibrate=c).rms_m.mean() for c in (True, False))
    assert with_it < 0.6 * without
