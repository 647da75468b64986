"""The musculoskeletal body's movement on SMPL-24: what `ik` does, the other way, for trials that were never SMPL.

Every bone points where the body's does; about itself it turns as the body's segment. SMPL's spine bends in three equal parts,
its neck, head and collar bones follow the chest: the body has no such joints.
"""

import numpy as np

from realtime.body.rotations import from_axis_angle, least_rotation, to_axis_angle
from realtime.body.skeleton import JOINT_COUNT, PARENTS, rest_offsets_m

from .ik import R_SMPL_SEGMENT
from .ik_tree import build_tree, segment_poses
from .label import R_MJ_WORLD
from .musculo.body import Body
from .musculo.scale import LANDMARKS, segment_lengths_m
from .readers.bvh import axis_rotation
from .readers.retarget import SmplMotion

#: SMPL joint -> segment of the body that turns with it.
SEGMENTS = {0: "pelvis", 9: "torso"} | {
    joint + k: f"{segment}_{side}"
    for joint, segment in (
        (1, "femur"),
        (4, "tibia"),
        (7, "calcn"),
        (10, "toes"),
        (16, "humerus"),
        (18, "ulna"),
        (20, "lunate"),
    )
    for k, side in enumerate("lr")
}
#: SMPL joint -> the joint that its bone leads to; these bones are aimed at the body's own joints.
AIMED = {1: 4, 2: 5, 4: 7, 5: 8, 7: 10, 8: 11, 16: 18, 17: 19, 18: 20, 19: 21}
#: Segment whose length scales the bone that ends at each joint.
_SCALED_BY = ["trunk"] * JOINT_COUNT
for _names, _segment in (((1, 2), "pelvis"), ((4, 5), "femur"), ((7, 8), "tibia"), ((10, 11), "foot"), ((18, 19), "humerus")):
    for _j in _names:
        _SCALED_BY[_j] = _segment
for _j in (20, 21, 22, 23):
    _SCALED_BY[_j] = "forearm"


def smpl_of_body(body: Body, q: np.ndarray, fps: float) -> SmplMotion:
    """SMPL-24 motion, Y up, of reduced positions (T, 38) of `body` as it is scaled."""
    landmarks = {joint: name for joint, (name, _) in LANDMARKS.items()}
    tree, places = build_tree(body, [*SEGMENTS.values(), *landmarks.values()])
    position_mj, R_mj = segment_poses(q, tree, places)
    joints_m = np.full((len(q), JOINT_COUNT, 3), np.nan)
    joints_m[:, list(landmarks)] = position_mj[:, len(SEGMENTS) :] @ R_MJ_WORLD
    R_segment = dict(zip(SEGMENTS, np.moveaxis(R_MJ_WORLD.T @ R_mj[:, : len(SEGMENTS)], 1, 0), strict=True))
    bones_m = _bones_m(joints_m)
    R_global = np.zeros((len(q), JOINT_COUNT, 3, 3))
    for joint, R in R_segment.items():
        R_global[:, joint] = R @ _rest_segment(joint).T
    for joint, child in AIMED.items():
        aim = joints_m[:, child] - joints_m[:, joint]
        R_global[:, joint] = least_rotation(R_global[:, joint] @ bones_m[child], aim) @ R_global[:, joint]
    bend = to_axis_angle(np.swapaxes(R_global[:, 0], 1, 2) @ R_global[:, 9])
    R_global[:, 3], R_global[:, 6] = (R_global[:, 0] @ from_axis_angle(bend * share) for share in (1 / 3, 2 / 3))
    R_global[:, [12, 13, 14, 15]] = R_global[:, [9]]
    R_global[:, [22, 23]] = R_global[:, [20, 21]]
    R_local = R_global.copy()
    R_local[:, 1:] = np.swapaxes(R_global[:, PARENTS[1:]], -1, -2) @ R_global[:, 1:]
    pelvis_m = joints_m[:, [1, 2]].mean(1) - R_global[:, 0] @ bones_m[[1, 2]].mean(0)
    rest_m = np.zeros((JOINT_COUNT, 3))
    for j in range(1, JOINT_COUNT):
        rest_m[j] = rest_m[PARENTS[j]] + bones_m[j]
    return SmplMotion(R_local=R_local, pelvis_m=pelvis_m, rest_m=rest_m, fps=fps)


def _rest_segment(joint: int) -> np.ndarray:
    """Axes of a joint's segment in SMPL's rest pose, where arms are held out with the palms down."""
    if joint < 16:
        return R_SMPL_SEGMENT
    side = 1.0 if joint % 2 else -1.0  # right joints are odd
    hang = R_SMPL_SEGMENT @ axis_rotation(-side * np.pi / 2, 0)
    return hang @ axis_rotation(side * np.pi / 2, 1) if joint >= 20 else hang


def _bones_m(joints_m: np.ndarray) -> np.ndarray:
    """Our rest bones (24, 3), each as long as the person's (joints (T, 24, 3), NaN where the body has none)."""
    bones_m = rest_offsets_m().copy()
    rest_m = np.zeros((JOINT_COUNT, 3))
    for j in range(1, JOINT_COUNT):
        rest_m[j] = rest_m[PARENTS[j]] + bones_m[j]
    theirs, ours = segment_lengths_m(joints_m), segment_lengths_m(rest_m[None])
    factor = np.array([theirs[segment] / ours[segment] for segment in _SCALED_BY])
    bones_m *= factor[:, None]
    return bones_m
