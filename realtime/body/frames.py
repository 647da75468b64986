"""What travels through the live chain: one frame's landmarks, one frame's body."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from .errors import ShapeError
from .landmarks import LANDMARK_COUNT


class State(StrEnum):
    """What a consumer may believe: nobody is seen, too little history yet, tracked."""

    LOST = "lost"
    WARMING = "warming"
    TRACKING = "tracking"


@dataclass(frozen=True, kw_only=True)
class LandmarkFrame:
    """What a front end sees in one upright picture. Without a person the arrays are zeros and `detected` is False.

    Raises:
        ShapeError: an array is not BlazePose-33.
    """

    detected: bool
    xy_norm: np.ndarray  # (33, 2), 0..1 of the image size
    visibility: np.ndarray  # (33,), 0..1
    landmarks_m: np.ndarray  # (33, 3), camera axes (x right, y down, z forward), origin mid-hip
    image_size_px: tuple[int, int]  # width, height
    z_norm: np.ndarray | None = None  # (33,)
    presence: np.ndarray | None = None  # (33,)

    def __post_init__(self) -> None:
        for name, shape in (("xy_norm", (2,)), ("visibility", ()), ("landmarks_m", (3,))):
            got = getattr(self, name).shape
            if got != (LANDMARK_COUNT, *shape):
                raise ShapeError(f"{name} is {(LANDMARK_COUNT, *shape)}, got {got}")

    @classmethod
    def nobody(cls, image_size_px: tuple[int, int]) -> "LandmarkFrame":
        """A picture without a person."""
        return cls(
            detected=False,
            xy_norm=np.zeros((LANDMARK_COUNT, 2), np.float32),
            visibility=np.zeros(LANDMARK_COUNT, np.float32),
            landmarks_m=np.zeros((LANDMARK_COUNT, 3), np.float32),
            image_size_px=image_size_px,
        )


@dataclass(frozen=True, kw_only=True)
class BodyFrame:
    """One frame of one person: right-handed world, Y up, metres, origin on the floor under the first position.

    All arrays of numbers are float32. When `state` is LOST they are NaN: a stale pose is never passed off as new.
    """

    seq: int
    t_capture_ns: int  # monotonic clock, stamped when the grab returned
    pts_s: float | None  # presentation time, files only
    state: State
    R_local: np.ndarray  # (24, 3, 3), the pelvis in the world
    pelvis_m: np.ndarray  # (3,)
    joints_m: np.ndarray  # (24, 3)
    joint_sigma_m: np.ndarray  # (24,)
    rotation_sigma_rad: np.ndarray  # (24,)
    root_velocity_m_s: np.ndarray  # (3,)
    root_velocity_sigma_m_s: float
    contact: np.ndarray  # (4,): left heel, left toes, right heel, right toes
    grf_BW: np.ndarray  # (2, 3): left foot, right foot
    grf_sigma_BW: np.ndarray  # (2,)
    activation: np.ndarray  # (354,)
    activation_sigma: np.ndarray  # (354,)
    joint_valid: np.ndarray  # (24,) bool: the picture shows it; False while nobody is seen
    activation_valid: np.ndarray  # (354,) bool: the picture shows the limb that the muscle moves
    doubts: tuple[str, ...] = ()  # what is wrong with this frame, by name: limbs not seen, left_right_flip
    stage_ns: dict[str, int] = field(default_factory=dict)  # how long each stage took
