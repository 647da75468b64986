"""Which joints a picture shows, by its depth buffer."""

import numpy as np

from realtime.body.skeleton import JOINTS, REST_STATURE_M

from .camera import Camera

#: How far below the skin a joint may lie, m, at a stature of 1.70 m; what is nearer to the camera than this hides it.
_BELOW_SKIN_M = {
    **dict.fromkeys(("pelvis", "spine1", "spine2", "spine3"), 0.20),
    **dict.fromkeys(("left_hip", "right_hip"), 0.18),
    **dict.fromkeys(("neck", "head", "left_collar", "right_collar", "left_shoulder", "right_shoulder"), 0.14),
    **dict.fromkeys(("left_knee", "right_knee"), 0.10),
    **dict.fromkeys(("left_elbow", "right_elbow", "left_ankle", "right_ankle"), 0.09),
    **dict.fromkeys(("left_foot", "right_foot", "left_wrist", "right_wrist", "left_hand", "right_hand"), 0.08),
}
BELOW_SKIN_M = np.array([_BELOW_SKIN_M[joint] for joint in JOINTS])


def visible_joints(joints_m: np.ndarray, depth_m: np.ndarray, camera: Camera, stature_m: float) -> np.ndarray:
    """Whether each joint (24,) bool is in the picture with nothing before it but its own flesh.

    Args:
        joints_m: (24, 3), world.
        depth_m: (H, W) along the camera's axis.
    """
    height, width = depth_m.shape
    pixels, joint_depth_m = camera.project(joints_m)
    x, y = np.rint(pixels - 0.5).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (joint_depth_m > 0)
    surface_m = depth_m[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return inside & (surface_m > joint_depth_m - BELOW_SKIN_M * stature_m / REST_STATURE_M)
