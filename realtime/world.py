"""How picture, camera and world lie to each other: focal length, direction of gravity, the floor.

The world is the model's gravity-aligned camera frame (`grav`: Y up, x right in the picture, -Z away from the camera), moved
so that its origin lies on the floor under the person's first position.
"""

import math

import numpy as np

from .body.errors import InputError
from .body.skeleton import joint_index

ANKLES = [joint_index("left_ankle"), joint_index("right_ankle")]
TOES = [joint_index("left_foot"), joint_index("right_foot")]

#: Height of these joints above the sole of a foot that stands flat.
ANKLE_HEIGHT_M = 0.08
TOE_HEIGHT_M = 0.033


def focal_px(image_size_px: tuple[int, int], fov_deg: float) -> float:
    """Focal length in pixels of a camera whose field of view along the longer side is `fov_deg`.

    Raises:
        InputError: the angle is not between 1 and 179 degrees.
    """
    if not 1 <= fov_deg <= 179:
        raise InputError(f"the field of view is {fov_deg:g} degrees, it must be 1 to 179 (a webcam has 55 to 90)")
    return max(image_size_px) / 2 / math.tan(math.radians(fov_deg) / 2)


def gravity_cam(pitch_deg: float | None, roll_deg: float | None) -> np.ndarray:
    """Direction of gravity (3,) in camera axes (x right, y down, z forward), float32; zeros if neither angle is known.

    Args:
        pitch_deg: how far the camera looks down, -90 to 90; None counts as 0 if the roll is known.
        roll_deg: how far it is turned about its optical axis, clockwise as seen from behind it (its right side dips);
            None counts as 0 if the pitch is known.

    Raises:
        InputError: a pitch beyond straight down or up, a roll beyond half a turn.
    """
    if pitch_deg is None and roll_deg is None:
        return np.zeros(3, np.float32)
    if pitch_deg is not None and not -90 <= pitch_deg <= 90:
        raise InputError(f"the camera's pitch is {pitch_deg:g} degrees, it must be -90 (up) to 90 (straight down)")
    if roll_deg is not None and not -180 <= roll_deg <= 180:
        raise InputError(f"the camera's roll is {roll_deg:g} degrees, it must be -180 to 180 (clockwise is positive)")
    pitch, roll = math.radians(pitch_deg or 0), math.radians(roll_deg or 0)
    x, y = math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch)
    return np.array([x, y, math.sin(pitch)], np.float32)


def lowest_sole_m(joints_m: np.ndarray) -> float:
    """Height of the lowest sole of a body (24, 3), from its ankle and toe joints."""
    ankle = joints_m[ANKLES, 1].min() - ANKLE_HEIGHT_M
    toe = joints_m[TOES, 1].min() - TOE_HEIGHT_M
    return float(min(ankle, toe))


class WorldOrigin:
    """Where the world's origin lies in the grav frame: medians over the first frames in which a person is seen, then fixed.

    A median, because one frame in which a foot is guessed too low must not put the floor there (a minimum would), and one
    bad pelvis must not move the origin.
    """

    def __init__(self, frames: int):
        self._frames = frames
        self._seen: list[tuple[float, float, float]] = []  # pelvis x, lowest sole, pelvis z
        self.origin_grav_m = np.zeros(3, np.float32)

    @property
    def is_fixed(self) -> bool:
        return len(self._seen) >= self._frames

    def update(self, pelvis_grav_m: np.ndarray, joints_grav_m: np.ndarray) -> np.ndarray:
        """The origin (3,) in grav, m, after this frame of a person: pelvis (3,) and joints (24, 3)."""
        if not self.is_fixed:
            self._seen.append((float(pelvis_grav_m[0]), lowest_sole_m(joints_grav_m), float(pelvis_grav_m[2])))
            self.origin_grav_m = np.median(np.array(self._seen), axis=0).astype(np.float32)
        return self.origin_grav_m
