"""Joints that the capture has turned over: poses that no person takes.

Ranges of motion are those of the American Academy of Orthopaedic Surgeons (1965); a limit is well beyond what they give together,
measured from SMPL's rest pose (arms out, palms down, feet forward). In CMU's clips nothing lies between the ordinary (head 87, ankle 98
degrees) and joints turned over (from 130 on), but for wrists, which come near their limit step by step.

Feet bear the body: a frame with an ankle turned over is no kinematics. Nothing hangs on head and hands, so they are put in line with
the neck and the forearm, which is counted, and the frame's dynamics hold.
"""

from dataclasses import replace

import numpy as np

from realtime.body.rotations import angle_between
from realtime.body.skeleton import joint_index

from .readers.retarget import SmplMotion

#: Degrees from the rest pose. Head on the neck: 80 about its axis, 60 to the front or back, 45 to the side.
HEAD_DEG = 120.0
#: 80 each way about the forearm, 80 bent: 114 together.
WRIST_DEG = 150.0
#: 50 down, 20 up, 35 inwards.
ANKLE_DEG = 120.0

_ENDS = {"head": HEAD_DEG, "left_wrist": WRIST_DEG, "right_wrist": WRIST_DEG}
_FEET = {"left_ankle": ANKLE_DEG, "right_ankle": ANKLE_DEG}


def straightened(motion: SmplMotion) -> tuple[SmplMotion, dict[str, int]]:
    """The motion with head and hands straight where they are turned over, and in how many frames by joint."""
    over = {joint: frames for joint, limit in _ENDS.items() if (frames := _beyond(motion.R_local, joint, limit)).any()}
    if not over:
        return motion, {}
    R_local = motion.R_local.copy()
    for joint, frames in over.items():
        R_local[frames, joint_index(joint)] = np.eye(3)
    return replace(motion, R_local=R_local), {joint: int(frames.sum()) for joint, frames in over.items()}


def feet_turned_over(R_local: np.ndarray) -> np.ndarray:
    """Frames (T,) of poses (T, 24, 3, 3) in which an ankle is."""
    return np.any([_beyond(R_local, joint, limit) for joint, limit in _FEET.items()], axis=0)


def _beyond(R_local: np.ndarray, joint: str, limit_deg: float) -> np.ndarray:
    R = R_local[:, joint_index(joint)]
    return angle_between(R, np.broadcast_to(np.eye(3), R.shape)) > np.radians(limit_deg)
