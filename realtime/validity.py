"""Which parts of the body a frame really shows: a leg below the picture's edge is guessed, however sure the numbers look."""

from dataclasses import dataclass

import numpy as np

from .body.frames import LandmarkFrame
from .body.landmarks import LANDMARKS
from .body.muscles import MUSCLE_COUNT, muscle_table
from .body.skeleton import JOINT_COUNT, JOINTS

#: The front end's visibility above which a landmark counts as seen; it must fall further before it counts as unseen.
SEEN, UNSEEN = 0.5, 0.3
#: So far from the picture's edge, as a share of the body's extent, a landmark must be to count as seen: what is cut off is
#: guessed onto the edge rather than beyond it, with a visibility of 0.9 at times.
EDGE = 0.03


def _landmarks_of(joint: str) -> tuple[str, ...]:
    """The landmarks without which nobody can know where a joint is."""
    side, _, part = joint.partition("_")
    trunk = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    paired = {
        "hip": ("hip",),
        "knee": ("knee",),
        "ankle": ("ankle",),
        "foot": ("foot_index",),
        "collar": ("shoulder",),
        "shoulder": ("shoulder",),
        "elbow": ("elbow",),
        "wrist": ("wrist",),
        "hand": ("index",),
    }
    if part:
        return tuple(f"{side}_{name}" for name in paired[part])
    return {
        "pelvis": ("left_hip", "right_hip"),
        "neck": ("left_shoulder", "right_shoulder"),
        "head": ("nose", "left_ear", "right_ear"),
    }.get(joint, trunk)


#: Limbs by the joints that they need: a muscle is as well known as the limb it moves.
LIMBS: dict[str, tuple[str, ...]] = {
    "left_arm": ("left_shoulder", "left_elbow", "left_wrist"),
    "right_arm": ("right_shoulder", "right_elbow", "right_wrist"),
    "left_leg": ("left_hip", "left_knee", "left_ankle"),
    "right_leg": ("right_hip", "right_knee", "right_ankle"),
    "trunk": ("pelvis", "spine2", "neck"),
}


def _limb_of_muscle(region: str, side: str) -> str:
    return "trunk" if region == "trunk" else f"{'left' if side == 'l' else 'right'}_{region}"


_NEEDS = np.zeros((JOINT_COUNT, len(LANDMARKS)), bool)
for _j, _joint in enumerate(JOINTS):
    _NEEDS[_j, [LANDMARKS.index(name) for name in _landmarks_of(_joint)]] = True
#: Which landmarks must be inside the picture for one to be: an ankle just below it is guessed above it, its foot is not.
_INSIDE_WITH = np.eye(len(LANDMARKS), dtype=bool)
for _side in ("left", "right"):
    for _part in ("heel", "foot_index"):
        _INSIDE_WITH[LANDMARKS.index(f"{_side}_ankle"), LANDMARKS.index(f"{_side}_{_part}")] = True
_EXTENT = [LANDMARKS.index("nose")] + [
    LANDMARKS.index(f"{side}_{part}") for part in ("shoulder", "hip", "knee", "ankle") for side in ("left", "right")
]
_LIMB_JOINTS = [[JOINTS.index(name) for name in joints] for joints in LIMBS.values()]
_MUSCLE_LIMB = np.array([list(LIMBS).index(_limb_of_muscle(m.region, m.side)) for m in muscle_table()])


@dataclass(frozen=True, kw_only=True)
class Validity:
    """What may be believed of one frame."""

    joint_valid: np.ndarray  # (24,) bool
    activation_valid: np.ndarray  # (354,) bool
    unseen: tuple[str, ...]  # names of LIMBS that are not seen

    @classmethod
    def nothing(cls) -> "Validity":
        """Nobody is there."""
        return cls(joint_valid=np.zeros(JOINT_COUNT, bool), activation_valid=np.zeros(MUSCLE_COUNT, bool), unseen=())


class ValidityRule:
    """Tells which joints and muscles are seen, with hysteresis: an answer that flickers is of no use to anybody."""

    def __init__(self) -> None:
        self._is_seen = np.zeros(len(LANDMARKS), bool)

    def reset(self) -> None:
        """Another person, or the same after an absence."""
        self._is_seen[:] = False

    def update(self, landmarks: LandmarkFrame) -> Validity:
        """The verdict on one frame."""
        if not landmarks.detected:
            self.reset()
            return Validity.nothing()
        size_px = np.array(landmarks.image_size_px)
        points_px = landmarks.xy_norm * size_px
        edge_px = EDGE * np.ptp(points_px[_EXTENT], axis=0).max()
        inside = ((points_px >= edge_px) & (points_px <= size_px - edge_px)).all(axis=1)
        inside = np.logical_not((_INSIDE_WITH & ~inside).any(axis=1))
        self._is_seen = inside & (landmarks.visibility > np.where(self._is_seen, UNSEEN, SEEN))
        joint_valid = np.logical_not((_NEEDS & ~self._is_seen).any(axis=1))
        limb_valid = np.array([joint_valid[joints].all() for joints in _LIMB_JOINTS])
        unseen = tuple(name for name, valid in zip(LIMBS, limb_valid, strict=True) if not valid)
        return Validity(joint_valid=joint_valid, activation_valid=limb_valid[_MUSCLE_LIMB], unseen=unseen)
