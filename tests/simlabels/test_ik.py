"""Inverse kinematics finds the pose that the joints were made from."""

import numpy as np
import pytest

from simlabels.folder import list_clips
from simlabels.ik import R_SMPL_SEGMENT, inverse_kinematics
from simlabels.ik_equations import empty_frame, miss, normal_equations
from simlabels.ik_solver import Limits, Targets, _step
from simlabels.ik_tree import build_tree, segment_poses
from simlabels.label import ik_targets
from simlabels.make import Reading, read_motion
from simlabels.musculo.scale import LANDMARKS, scale_body, segment_factors


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


def problem(body, rng):
    """A pose and targets near it, one point and one rotation absent; rotations are met."""
    names = ["femur_l", "talus_r", "lunate_l", "thirdmc_l", "humerus_r", "torso", "calcn_l", "calcn_r"]
    tree, at = build_tree(body, names)
    q = body.standing(body.lower_rad + (body.upper_rad - body.lower_rad) * rng.uniform(0.2, 0.8, 31))
    q[:7] = *rng.normal(size=3), *rng.normal(size=4)
    q[3:7] /= np.linalg.norm(q[3:7])
    position_m, R = segment_poses(q[None], tree, at)
    point_m, R = position_m[:, :6] + 0.1 * rng.normal(size=(1, 6, 3)), R[:, 5:].copy()
    point_m[0, 4], R[0, 1] = np.nan, np.nan
    offset_m, weight = 0.02 * rng.normal(size=(6, 3)), rng.uniform(0.2, 1, 6)
    targets = Targets(point_m, R, offset_m, weight, np.array([0.1, 0.2, 0.3]), at[:6], at[5:])
    return q, targets, Limits(body.lower_rad, body.upper_rad, np.zeros(31)), tree


def weighted_misses(q, targets, limits, tree):
    frame = empty_frame(tree, targets)
    cost, _ = miss(0, q, q, 0.0, targets, limits, 0.0, tree, frame)
    points = np.nan_to_num(targets.point_weight[:, None] * frame.point_miss_m)
    turns = np.nan_to_num(targets.rotation_weight[:, None] * frame.turn_miss_rad)
    out = np.concatenate([points.ravel(), turns.ravel()])
    assert cost == pytest.approx(out @ out, rel=1e-12)
    return out


def test_the_equations_are_those_of_the_jacobian(body, rng):
    """Against finite differences, rebuilt at another scale."""
    build_tree(body, ["femur_l"])
    scale_body(body, {"femur": 1.1, "humerus": 0.9, "trunk": 1.05}, 80.0)
    for _ in range(3):
        q, targets, limits, tree = problem(body, rng)
        here, J = weighted_misses(q, targets, limits, tree), []
        for y in 1e-6 * np.eye(37):
            ahead, behind = q.copy(), q.copy()
            _step(ahead, y, limits)
            _step(behind, -y, limits)
            J.append((weighted_misses(behind, targets, limits, tree) - weighted_misses(ahead, targets, limits, tree)) / 2e-6)
        J = np.array(J).T
        frame, H, g = empty_frame(tree, targets), np.zeros((37, 37)), np.zeros(37)
        miss(0, q, q, 0.0, targets, limits, 0.0, tree, frame)
        normal_equations(0, q, q, 0.0, targets, limits, 0.0, tree, frame, H, g)
        assert np.abs(J).max() > 0.1
        np.testing.assert_allclose(H, np.tril(J.T @ J), atol=1e-8)
        np.testing.assert_allclose(g, J.T @ here, atol=1e-8)


@pytest.mark.data
@pytest.mark.parametrize("clip", ["94x_14", "61_07"])
def test_the_last_digit_decides_nothing(body, data_folder, clip):
    """Long clips, whose landmarks are calibrated on frames far apart."""
    folder = data_folder / "cmu_bvh"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    (file,) = [c for c in list_clips(folder) if c.clip == clip]
    joints_m, R = ik_targets(read_motion(file, Reading())[0])
    scale_body(body, segment_factors(body, joints_m), 80.0)
    q = inverse_kinematics(body, joints_m, R).q
    nudged = inverse_kinematics(body, joints_m + 1e-14 * np.random.default_rng(0).normal(size=joints_m.shape), R).q
    np.testing.assert_allclose(nudged, q, atol=1e-6)
