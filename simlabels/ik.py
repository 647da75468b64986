"""Inverse kinematics: SMPL-24 joints and segment rotations to reduced positions of the body. World: MuJoCo's, Z up, metres."""

from dataclasses import dataclass

import numpy as np

from .ik_solver import Limits, Targets, solve
from .ik_tree import Tree, build_tree, segment_poses
from .musculo.body import Body
from .musculo.scale import LANDMARKS

#: SMPL joint -> model body that turns with it, and its weight in metres a radian.
ORIENTATIONS = {0: ("pelvis", 0.15), 9: ("torso", 0.15), 7: ("calcn_l", 0.05), 8: ("calcn_r", 0.05)}
#: Landmarks whose place in the segment is calibrated: motion capture puts them up to 6 cm from the anatomical joint.
CALIBRATED = (1, 2, 10, 11, 16, 17, 22, 23)
CALIBRATION_LIMIT_M = 0.06
CALIBRATION_FRAMES = 60
#: The model's segment axes (x forward, y up, z right) in SMPL's rest axes (x left, y up, z forward).
R_SMPL_SEGMENT = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])


@dataclass(frozen=True)
class Kinematics:
    q: np.ndarray  # (T, 38)
    rms_m: np.ndarray  # (T,): over the landmarks present
    steps: np.ndarray  # (T,)


def inverse_kinematics(body: Body, joints_m: np.ndarray, R_joints: np.ndarray | None, calibrate: bool = True) -> Kinematics:
    """Reduced positions that bring the body's joints onto SMPL's.

    Args:
        body: scaled to the person.
        joints_m: SMPL-24 joints, (T, 24, 3), Z up; NaN = absent.
        R_joints: global rotations of SMPL's joints (T, 24, 3, 3) in the same world, NaN = absent; only those of
            `ORIENTATIONS` are used.
        calibrate: two short passes first place hips, shoulders, toes and hands in their segments.
    """
    names = [n for n, _ in LANDMARKS.values()] + [n for n, _ in ORIENTATIONS.values()]
    tree, place = build_tree(body, names)
    R = np.full((len(joints_m), len(ORIENTATIONS), 3, 3), np.nan)
    if R_joints is not None:
        R = R_joints[:, list(ORIENTATIONS)] @ R_SMPL_SEGMENT
    targets = Targets(
        point_m=np.ascontiguousarray(joints_m[:, list(LANDMARKS)], dtype=float),
        R_segment=np.ascontiguousarray(R),
        offset_m=np.zeros((len(LANDMARKS), 3)),
        point_weight=np.array([w for _, w in LANDMARKS.values()]),
        rotation_weight=np.array([w for _, w in ORIENTATIONS.values()]),
        point_body=place[: len(LANDMARKS)],
        rotation_body=place[len(LANDMARKS) :],
    )
    limits = Limits(body.lower_rad, body.upper_rad, np.clip(np.zeros(len(body.joints)), body.lower_rad, body.upper_rad))
    q0 = _first_guess(body, joints_m[0], R_joints[0] if R_joints is not None else None, limits.neutral)
    if calibrate:
        every = max(1, len(joints_m) // CALIBRATION_FRAMES)
        some = targets._replace(point_m=targets.point_m[::every].copy(), R_segment=targets.R_segment[::every].copy())
        for _ in range(2):
            _place_landmarks(solve(some, limits, q0, tree, True)[0], some, tree)
    return Kinematics(*solve(targets, limits, q0, tree))


def _first_guess(body: Body, joints_m: np.ndarray, R_joints: np.ndarray | None, neutral: np.ndarray) -> np.ndarray:
    """Root from the hips and the pelvis's (or the world's) up direction, joints neutral."""
    z = joints_m[2] - joints_m[1]
    z /= np.linalg.norm(z)
    up = np.array([0.0, 0, 1])
    if R_joints is not None and np.isfinite(R_joints[0]).all():
        up = (R_joints[0] @ R_SMPL_SEGMENT)[:, 1]
    x = np.cross(up, z)
    x /= np.linalg.norm(x)
    root = body.root_under(joints_m[1:3].mean(0), np.stack([x, np.cross(z, x), z], axis=1))
    return np.concatenate([root, neutral])


def _place_landmarks(q: np.ndarray, targets: Targets, tree: Tree) -> None:
    """Writes into `targets.offset_m` where the calibrated landmarks lie in their segments: the median over frames."""
    position_m, R = segment_poses(q, tree, targets.point_body)
    local_m = ((targets.point_m - position_m)[:, :, None] @ R)[:, :, 0]
    for k, joint in enumerate(LANDMARKS):
        if joint in CALIBRATED and np.isfinite(local_m[:, k]).all():
            targets.offset_m[k] = np.clip(np.median(local_m[:, k], axis=0), -CALIBRATION_LIMIT_M, CALIBRATION_LIMIT_M)
