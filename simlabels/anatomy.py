"""Poses that no person takes: joints that the capture has turned over.

Ranges of motion are those of the American Academy of Orthopaedic Surgeons (1965); a limit is well beyond what they give together,
measured from SMPL's rest pose (arms out, palms down, feet forward). In CMU's clips nothing lies between the ordinary (head 87, ankle 98
degrees) and joints turned over (from 130 on), but for wrists, which come near their limit step by step.
"""

from dataclasses import replace

import numpy as np

from realtime.body.rotations import angle_between
from realtime.body.skeleton import joint_index

from .readers.retarget import SmplMotion

#: Degrees from the rest pose. Ankle: 50 down, 20 up, 35 inwards. Wrist: 80 each way about the forearm, 80 bent: 114 together.
ANKLE_DEG, WRIST_DEG = 120.0, 150.0
#: On the neck: 80 about its axis, 60 to the front or back, 45 to the side.
HEAD_DEG = 120.0
_LIMITS_RAD = {
    joint_index(f"{side}_{joint}"): np.radians(limit)
    for side in ("left", "right")
    for joint, limit in (("ankle", ANKLE_DEG), ("wrist", WRIST_DEG))
}
_HEAD = joint_index("head")


def impossible_frames(R_local: np.ndarray) -> np.ndarray:
    """Frames (T,) of poses (T, 24, 3, 3) with an ankle or wrist that is turned over: what hangs on it is in the wrong place."""
    return np.any([_turn_rad(R_local, joint) > limit for joint, limit in _LIMITS_RAD.items()], axis=0)


def with_head_up(motion: SmplMotion) -> tuple[SmplMotion, int]:
    """The motion with the head in line with the neck where it is turned over, and in how many frames.

    Nothing that is simulated hangs on the head's rotation, so these frames' dynamics hold.
    """
    over = _turn_rad(motion.R_local, _HEAD) > np.radians(HEAD_DEG)
    if not over.any():
        return motion, 0
    R_local = motion.R_local.copy()
    R_local[over, _HEAD] = np.eye(3)
    return replace(motion, R_local=R_local), int(over.sum())


def _turn_rad(R_local: np.ndarray, joint: int) -> np.ndarray:
    return angle_between(R_local[:, joint], np.broadcast_to(np.eye(3), R_local[:, joint].shape))
