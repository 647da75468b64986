"""The SMPL-24 skeleton: names, hierarchy, mirror pairs, our own rest pose, forward kinematics.

Rotations and hierarchy are SMPL's (Loper et al. 2015); the rest offsets are our own, since SMPL's are licensed: the mean
of the training subjects, scaled to a stature of 1.70 m, left and right equal (`rest_skeleton.csv`).
Rest pose: T-pose, Y up, facing +Z, the person's left is +X.
"""

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from .errors import ShapeError, UnknownName

JOINTS: tuple[str, ...] = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle"),
    *("spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"),
)
PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
JOINT_COUNT = len(JOINTS)

#: JOINT_MIRROR[j] is the joint that j becomes in a mirrored world.
JOINT_MIRROR: tuple[int, ...] = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
#: Joints above the waist: what may perform another clip than the legs do.
UPPER_BODY: tuple[int, ...] = (9, *range(12, JOINT_COUNT))

REST_STATURE_M = 1.70


@cache
def rest_offsets_m() -> np.ndarray:
    """Bone vectors parent -> joint in the rest pose (24, 3), metres, for a stature of `REST_STATURE_M`; row 0 is zero."""
    text = (files("realtime.body") / "rest_skeleton.csv").read_text()
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    offsets_m = np.array([[float(row["x_m"]), float(row["y_m"]), float(row["z_m"])] for row in rows])
    offsets_m.flags.writeable = False
    return offsets_m


def joint_index(name: str) -> int:
    """Index of a joint by name.

    Raises:
        UnknownName: no such joint; the message lists the nearest.
    """
    if name not in JOINTS:
        raise UnknownName("joint", name, JOINTS)
    return JOINTS.index(name)


def offsets_of(rest_joints_m: np.ndarray) -> np.ndarray:
    """Bone vectors (..., 24, 3) of rest joint positions (..., 24, 3); row 0 is zero."""
    if rest_joints_m.shape[-2:] != (JOINT_COUNT, 3):
        raise ShapeError(f"rest joints are (..., 24, 3), got {rest_joints_m.shape}")
    offsets_m = rest_joints_m - rest_joints_m[..., [max(p, 0) for p in PARENTS], :]
    offsets_m[..., 0, :] = 0
    return offsets_m


def forward_kinematics(R_local: np.ndarray, offsets_m: np.ndarray, pelvis_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint positions (..., 24, 3), metres, and global rotations (..., 24, 3, 3) of a posed skeleton.

    Args:
        R_local: rotation of each joint in its parent, the pelvis in the world, (..., 24, 3, 3).
        offsets_m: bone vectors parent -> joint in the rest pose, (..., 24, 3) or (24, 3).
        pelvis_m: position of the pelvis joint, (..., 3) or (3,).

    Raises:
        ShapeError: `R_local` is not (..., 24, 3, 3).
    """
    if R_local.shape[-3:] != (JOINT_COUNT, 3, 3):
        raise ShapeError(f"local rotations are (..., 24, 3, 3), got {R_local.shape}")
    joints, R_global = [np.broadcast_to(pelvis_m, (*R_local.shape[:-3], 3))], [R_local[..., 0, :, :]]
    for j in range(1, JOINT_COUNT):
        p = PARENTS[j]
        joints.append(joints[p] + (R_global[p] @ offsets_m[..., j, :, None])[..., 0])
        R_global.append(R_global[p] @ R_local[..., j, :, :])
    return np.stack(joints, axis=-2), np.stack(R_global, axis=-3)
