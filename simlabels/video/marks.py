"""What makes a take hard for a front end, and which are plain: marks by which its errors are told apart."""

from typing import Any

import numpy as np

from realtime.body.skeleton import JOINTS

_NECK, _ANKLES = JOINTS.index("neck"), [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
#: A take is bent or one-legged if this share of its pictures is.
SHARE = 0.2
BEHIND_DEG, ABOVE_DEG = 120.0, 15.0
BENT_DEG = 45.0
FOOT_UP = 0.12  # of the stature, one ankle above the other
FAR_PX = 115.0  # stature in a picture of 480 lines


def hard_marks(
    *, joints_m: np.ndarray, stature_m: float, view_deg: float, elevation_deg: float, person_px: float
) -> dict[str, bool]:
    """Marks of a take that follow from where the camera stands and what the person does.

    Args:
        joints_m: (N, 24, 3), world.
        view_deg: how far the person faces away from the camera, 180 = their back is seen.
        elevation_deg: of the camera above the person.
        person_px: their height in a picture of 480 lines.
    """
    trunk_m = joints_m[:, _NECK] - joints_m[:, 0]
    upright = trunk_m[:, 1] / np.linalg.norm(trunk_m, axis=-1)
    foot_m = np.abs(np.diff(joints_m[:, _ANKLES, 1], axis=1))[:, 0]
    return {
        "back_from_above": view_deg > BEHIND_DEG and elevation_deg > ABOVE_DEG,
        "bent": bool((upright < np.cos(np.radians(BENT_DEG))).mean() > SHARE),
        "one_legged": bool((foot_m > FOOT_UP * stature_m).mean() > SHARE),
        "far": person_px < FAR_PX,
    }


def is_hard(look: dict[str, Any]) -> bool:
    """Whether anything about a take is hard, light and bystanders included."""
    return any(look[mark] for mark in ("back_from_above", "bent", "one_legged", "far", "low_light", "bystander_behind"))


def is_plain(look: dict[str, Any]) -> bool:
    """Whether a take is one that the aims are said of: 30 even pictures a second of one whole person with nothing before them."""
    return (
        look["fps"] == 30
        and look["framing"] == "whole"
        and not any(look[key] for key in ("jitter", "blur_s", "occluder", "bystander"))
    )
