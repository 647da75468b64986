"""Whether the landmarks are still the same person's: two who overlap in the picture are one to the landmark model, and as they
part it can go away with the other.

It takes two signs at once, as each alone happens to everybody: the trunk has other colours (also of one who turns round or walks
into the shade), and the body is suddenly elsewhere, nearer or farther (also of one who runs). Two people in the same colours
are not told apart.
"""

from collections import deque

import numpy as np

from ..body.landmarks import LANDMARKS

#: Mean distance of the trunk's colours, in grey levels of red - green and blue - green, from which on they are another's.
OTHER_COLOURS = 15.0
#: Within so long a person moves by less than this share of their extent, and nearer or farther by less than this factor.
WITHIN_MS = 300
MOVED, SCALED = 0.25, 1.3
#: The colours in memory follow those seen with this time constant.
MEMORY_MS = 500
#: For so long nobody with other colours is taken for the person; after that whoever is there is the person.
LOYAL_MS = 1000

_TRUNK = [LANDMARKS.index(f"{side}_{part}") for part in ("shoulder", "hip") for side in ("left", "right")]
_LIMBS = [*_TRUNK, *(LANDMARKS.index(f"{side}_{part}") for part in ("knee", "ankle") for side in ("left", "right"))]
#: Where in the trunk colours are taken: share of the way from the left to the right, and from the shoulders to the hips.
_ACROSS, _DOWN = (a.ravel() for a in np.meshgrid(np.linspace(0.15, 0.85, 12), np.linspace(0.1, 0.9, 16)))
_WEIGHTS = np.stack([(1 - _DOWN) * (1 - _ACROSS), (1 - _DOWN) * _ACROSS, _DOWN * (1 - _ACROSS), _DOWN * _ACROSS], axis=1)
_QUANTILES = np.linspace(0, 1, 64)
_ENOUGH_PIXELS = 48


def trunk_colours(picture_bgr: np.ndarray, points_px: np.ndarray) -> np.ndarray | None:
    """Quantiles (64, 2) of red - green and blue - green in the trunk of these landmarks (33, 2); None if it is outside."""
    at = (_WEIGHTS @ points_px[_TRUNK]).astype(int)
    inside = ((at >= 0) & (at < picture_bgr.shape[1::-1])).all(axis=1)
    if inside.sum() < _ENOUGH_PIXELS:
        return None
    bgr = picture_bgr[at[inside, 1], at[inside, 0]].astype(np.float32)
    # Differences of channels, not brightness: that changes with every turn towards the light.
    colours = np.sort(bgr[:, [2, 0]] - bgr[:, [1]], axis=0)
    return colours[(_QUANTILES * (len(colours) - 1)).round().astype(int)]


def pixels_per_metre(points_px: np.ndarray, landmarks_m: np.ndarray) -> float:
    """How large the body is drawn, whatever its pose: landmarks in the picture (33, 2) against metric ones (33, 3)."""
    drawn_px, real_m = points_px[_LIMBS], landmarks_m[_LIMBS, :2]
    return float(np.linalg.norm(drawn_px - drawn_px.mean(axis=0)) / (np.linalg.norm(real_m - real_m.mean(axis=0)) + 1e-6))


class SamePerson:
    """Remembers the person who is followed. Colours are compared as the distance one's have to be moved to be the other's."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The next one is a new person."""
        self._colours: np.ndarray | None = None
        self._seen_ms = 0
        self._is_left = False  # the landmarks went to somebody else
        self._past: deque[tuple[int, np.ndarray, float]] = deque()  # when, middle of the trunk, pixels per metre

    def accepts(self, picture_bgr: np.ndarray, points_px: np.ndarray, landmarks_m: np.ndarray, t_ms: int) -> bool:
        """Whether these landmarks (33, 2) and (33, 3) are still the person's; if so they are remembered."""
        if t_ms - self._seen_ms > LOYAL_MS:
            self.forget()
        while len(self._past) > 1 and t_ms - self._past[0][0] > WITHIN_MS:
            self._past.popleft()
        colours = trunk_colours(picture_bgr, points_px)
        middle_px, scale = points_px[_TRUNK].mean(axis=0), pixels_per_metre(points_px, landmarks_m)
        if self._has_other_colours(colours) and (self._is_left or self._jumps(points_px, middle_px, scale)):
            self._is_left = True
            return False
        self._is_left = False
        self._remember(colours, t_ms)
        self._past.append((t_ms, middle_px, scale))
        return True

    def _has_other_colours(self, colours: np.ndarray | None) -> bool:
        if colours is None or self._colours is None:
            return False
        return float(np.abs(colours - self._colours).mean()) > OTHER_COLOURS

    def _jumps(self, points_px: np.ndarray, middle_px: np.ndarray, scale: float) -> bool:
        extent_px = float(np.ptp(points_px, axis=0).max())
        for _, before_px, scale_before in self._past:
            if np.hypot(*(middle_px - before_px)) > MOVED * extent_px:
                return True
            if max(scale, scale_before) > SCALED * min(scale, scale_before):
                return True
        return False

    def _remember(self, colours: np.ndarray | None, t_ms: int) -> None:
        if self._colours is None:
            self._colours = colours
        elif colours is not None:
            self._colours = self._colours + (1 - np.exp(-(t_ms - self._seen_ms) / MEMORY_MS)) * (colours - self._colours)
        self._seen_ms = t_ms
