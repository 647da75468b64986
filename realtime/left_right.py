"""Whether the front end takes left for right: the person's points jump onto each other's places while nobody moves.

MediaPipe swaps sides mostly when it sees somebody from behind and takes them for facing the camera, for one frame in the
median. The swap is named, not undone. What a swap is can only be told by continuity: a track that begins swapped, or swaps
slowly while left and right lie on each other in the picture, goes unnoticed; who spins faster than half a turn a second can
be named wrongly as they pass through the side view.

The thresholds were chosen on rendered people whose sides are known (docs/capture.md has the figures). The metric points were
tried too and made it worse: their depth jumps without a swap.
"""

import numpy as np

from .body.frames import LandmarkFrame
from .body.landmarks import LANDMARK_MIRROR, LANDMARKS, LIMB_POINTS

WHOLE_BODY, LEGS_ONLY = "left_right_flip", "left_right_flip_legs"
#: After so long without a person nothing can be compared.
FORGET_AFTER_S = 0.25
#: Share of the newest points in the remembered ones: more follows noise, less falls behind.
MEMORY = 0.5
#: A swap goes on while the points as given lie this much worse than the swapped ones; in doubt they are right.
STAYS_BELOW = 1.4
#: How far, in body sizes, shoulders and hips must have jumped to take part in a swap, and how much closer they then lie.
TRUNK_MOVED, TRUNK_BETTER = 0.015, 0.9
#: Where they do not: the swapped points must lie closer than this share to where speed would have taken them.
FORETOLD = 0.7
#: A swap that shows the person facing the camera can last; any other is rare, and the longer it lasts the likelier it was
#: the frames before it that were swapped.
FACING_LASTS_S, OTHERS_LAST_S, LEGS_LAST_S = 2.0, 0.2, 0.1

_EXTENT = [LANDMARKS.index("nose")] + [
    LANDMARKS.index(f"{side}_{part}") for part in ("shoulder", "hip", "knee", "ankle") for side in ("left", "right")
]
_LIMBS = np.array([landmark for landmark, _ in LIMB_POINTS])  # arms, hips, knees, ankles
_LEGS = np.array([LANDMARKS.index(f"{side}_{part}") for part in ("knee", "ankle") for side in ("left", "right")])
_MIRROR = np.array(LANDMARK_MIRROR)
_LEFT_TRUNK = [LANDMARKS.index("left_shoulder"), LANDMARKS.index("left_hip")]
_RIGHT_TRUNK = _MIRROR[_LEFT_TRUNK]
_TRUNK = [*_LEFT_TRUNK, *_RIGHT_TRUNK]


class _Points:
    """Remembers where some landmarks were, under the names that they really have.

    Args:
        which: landmarks to compare.
        begins: what counts as the beginning of a swap, any of: (how many of these landmarks, counted from the first; the mean
            jump of the given points, in body sizes, below which nothing is a swap; the share of that jump that the swapped
            points must lie closer than).
    """

    def __init__(self, which: np.ndarray, begins: tuple[tuple[int, float, float], ...]):
        self._which, self._mirrored, self._begins = which, _MIRROR[which], begins
        self._trunk = np.isin(which, _TRUNK)
        self._seen_px: np.ndarray | None = None
        self._last_px = self._step_px = np.zeros(len(which), np.complex64)
        self._since_s = 0.0
        self.is_swapped = False

    def forget(self) -> None:
        self._seen_px, self.is_swapped = None, False

    def update(self, points_px: np.ndarray, size_px: float, t_s: float, lasts_s: float) -> bool:
        """Whether these landmarks (33,), x + iy, of a body of this size are swapped; after `lasts_s` they are believed."""
        given_px, swapped_px = points_px[self._which], points_px[self._mirrored]
        if self._seen_px is None:
            self._seen_px = self._last_px = given_px
            self._step_px = np.zeros_like(given_px)
            return False
        given, swapped = np.abs(given_px - self._seen_px) / size_px, np.abs(swapped_px - self._seen_px) / size_px
        if not self.is_swapped:
            if self._begins_now(given, swapped) and self._is_no_crossing(given_px, swapped_px, given, swapped):
                self.is_swapped, self._since_s = True, t_s
        elif given.sum() < STAYS_BELOW * swapped.sum():
            self.is_swapped = False
        elif t_s - self._since_s > lasts_s:
            self.is_swapped, self._seen_px = False, given_px
        real_px = swapped_px if self.is_swapped else given_px
        self._step_px, self._last_px = real_px - self._last_px, real_px
        self._seen_px = self._seen_px + MEMORY * (real_px - self._seen_px)
        return self.is_swapped

    def _begins_now(self, given: np.ndarray, swapped: np.ndarray) -> bool:
        jumps = ((given[:n].sum(), swapped[:n].sum(), n * moved, better) for n, moved, better in self._begins)
        return any(g > moved and s < better * g for g, s, moved, better in jumps)

    def _is_no_crossing(self, given_px: np.ndarray, swapped_px: np.ndarray, given: np.ndarray, swapped: np.ndarray) -> bool:
        """Limbs that swing past each other look like a swap, but no trunk does that, and their speed foretells it."""
        if self._trunk.any():
            trunk = given[self._trunk].mean()
            if trunk > TRUNK_MOVED and swapped[self._trunk].mean() < TRUNK_BETTER * trunk:
                return True
        expected_px = self._last_px + self._step_px
        return bool(np.abs(swapped_px - expected_px).sum() < FORETOLD * np.abs(given_px - expected_px).sum())


class LeftRightRule:
    """Names, frame by frame, what of a person is seen with its sides swapped."""

    def __init__(self) -> None:
        # The arms and the trunk can be swapped frames before the legs follow.
        self._body = _Points(_LIMBS, begins=((12, 0.03, 0.7), (8, 0.06, 0.5)))
        self._legs = _Points(_LEGS, begins=((4, 0.08, 0.5),))
        self._seen_s = -np.inf

    def reset(self) -> None:
        """Another person, or the same after an absence."""
        self._body.forget()
        self._legs.forget()

    def update(self, landmarks: LandmarkFrame, t_s: float) -> tuple[str, ...]:
        """WHOLE_BODY, LEGS_ONLY, or nothing, for one frame at its time."""
        if not landmarks.detected:
            return ()
        if not 0 <= t_s - self._seen_s <= FORGET_AFTER_S:
            self.reset()
        self._seen_s = t_s
        width_px, height_px = landmarks.image_size_px
        # As complex numbers, x + iy: a distance is one operation.
        points_px = landmarks.xy_norm[:, 0] * width_px + landmarks.xy_norm[:, 1] * (1j * height_px)
        extent_px = points_px[_EXTENT]
        size_px = float(np.hypot(np.ptp(extent_px.real), np.ptp(extent_px.imag))) + 1e-6
        # Who faces the camera has their left where the picture's right is.
        is_facing = (points_px[_LEFT_TRUNK] - points_px[_RIGHT_TRUNK]).sum().real > 0
        body = self._body.update(points_px, size_px, t_s, FACING_LASTS_S if is_facing else OTHERS_LAST_S)
        legs = self._legs.update(points_px[_MIRROR] if body else points_px, size_px, t_s, LEGS_LAST_S)
        return (WHOLE_BODY,) if body else (LEGS_ONLY,) if legs else ()
