"""What a front end makes of a group of frames (a view, a size, a look): detection, 2D and world errors, flips."""

from itertools import pairwise

import numpy as np

from .histograms import Histograms
from .landmark_errors import LIMBS, TakeErrors

#: 2D errors above this are gross.
GROSS_PCT = 10.0
#: (name, from, to) of the angle between the pelvis' facing and the line to the camera, degrees.
VIEWS = (("front, < 45", 0, 45), ("45-75", 45, 75), ("side, 75-105", 75, 105), ("105-135", 105, 135), ("back, > 135", 135, 181))
#: (name, from, to) of the stature at the pelvis' depth, px of a picture of 480 lines.
SIZES = (
    ("< 100", 0, 100),
    *((f"{low}-{high}", low, high) for low, high in pairwise((100, 130, 170, 230, 310, 430))),
    ("> 430", 430, np.inf),
)
_VISIBILITY_EDGES = (0.3, 0.5, 0.7, 0.9, 0.97, 0.995)
VISIBILITIES = ("< 0.3", *(f"{low:g}-{high:g}" for low, high in pairwise(_VISIBILITY_EDGES)), "> 0.995")
_LOOK_NAMES = {None: "none", False: "no", True: "yes"}
#: A look with more values than this is none to group by.
MOST_LOOKS = 16


def error_histograms(channels: tuple[str, ...], channel_of: np.ndarray | None = None) -> Histograms:
    """Of 2D errors in % or of distances in mm: percentiles to within half a percent of themselves."""
    return Histograms(channels, 1e-3, 1e4, 3200, log=True, channel_of=channel_of)


def summary(histograms: Histograms, channel: int = 0, percents: tuple[float, ...] = (50, 90, 95, 99)) -> dict:
    """count, mean and percentiles; None without values."""
    whole = histograms.summary(channel, percents)
    return {key: whole[key] for key in ("count", "mean", *(f"p{p:g}" for p in percents))}


class Group:
    """Running figures of a group of frames."""

    def __init__(self):
        self.takes = self.frames = self.detected = self.gross = self.flips = self.flips_judged = 0
        self.error_pct = error_histograms(("limbs",), np.zeros(len(LIMBS), int))
        self.pa_mm, self.mpjpe_mm = error_histograms(("PA",)), error_histograms(("root aligned",))
        self.world_squares = np.zeros(3)

    def add(self, errors: TakeErrors, flip: tuple[np.ndarray, np.ndarray], chosen: np.ndarray) -> None:
        """The frames of a take that are `chosen` (T,); `flip`: whole-body flips and the frames that can be judged."""
        if not chosen.any():
            return
        found = chosen & errors.detected
        distance_pct = errors.distance_pct[found]
        self.takes += 1
        self.frames += int(chosen.sum())
        self.detected += int(found.sum())
        self.gross += int((distance_pct > GROSS_PCT).sum())
        self.flips += int((flip[0] & found).sum())
        self.flips_judged += int((flip[1] & found).sum())
        self.error_pct.add(distance_pct)
        self.pa_mm.add(errors.pa_mm[found, None])
        self.mpjpe_mm.add(errors.mpjpe_mm[found, None])
        self.world_squares += np.nansum(errors.world_mm[found] ** 2, axis=(0, 1))

    def figures(self) -> dict:
        """Plain numbers; shares of nothing are None."""
        error = summary(self.error_pct)
        return {
            "takes": self.takes,
            "frames": self.frames,
            "detected_share": share(self.detected, self.frames),
            "error_pct": error,
            "gross_share": share(self.gross, error["count"]),
            "flip_share": share(self.flips, self.flips_judged),
            "pa_mm": summary(self.pa_mm),
            "mpjpe_mm": summary(self.mpjpe_mm),
            "depth_share": share(self.world_squares[2], self.world_squares.sum()),
        }


def share(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None


class ByLook:
    """A group for each value of each look that has few of them; nested looks and seeds are left out."""

    def __init__(self):
        self._groups: dict[str, dict[str, Group]] = {}
        self._free: set[str] = set()  # looks found to have many values

    def add(self, look: dict, errors: TakeErrors, flip: tuple[np.ndarray, np.ndarray], chosen: np.ndarray) -> None:
        for key, value in look.items():
            if isinstance(value, dict | list) or key == "seed" or key in self._free:
                continue
            values = self._groups.setdefault(key, {})
            name = _LOOK_NAMES.get(value) if value is None or isinstance(value, bool) else value
            name = name if isinstance(name, str) else f"{name:g}"
            if name not in values and len(values) == MOST_LOOKS:
                self._free.add(key)
                del self._groups[key]
                continue
            if name not in values:
                values[name] = Group()
            values[name].add(errors, flip, chosen)

    def figures(self) -> dict[str, dict[str, dict]]:
        """Figures by look and value; looks that never change tell nothing."""
        several = {key: values for key, values in sorted(self._groups.items()) if len(values) > 1}
        return {key: {name: values[name].figures() for name in sorted(values, key=_rank)} for key, values in several.items()}


def _rank(name: str) -> tuple[float, str]:
    """Numbers by size, then texts."""
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


class BySeen:
    """2D errors by what the front end says of a joint (its visibility) and by whether the picture shows it."""

    def __init__(self):
        self.told = error_histograms(VISIBILITIES)
        self.told_gross = np.zeros(len(VISIBILITIES), np.int64)
        self.shown = error_histograms(("seen", "hidden"))
        self.shown_gross, self.shown_low = np.zeros(2, np.int64), np.zeros(2, np.int64)

    def add(self, errors: TakeErrors) -> None:
        distance_pct = errors.distance_pct
        known = np.isfinite(distance_pct)
        visibility, distance_pct = errors.visibility[known], distance_pct[known]
        bins = np.searchsorted(_VISIBILITY_EDGES, visibility, side="right")
        gross = distance_pct > GROSS_PCT
        _add_by(self.told, bins, distance_pct)
        self.told_gross += np.bincount(bins[gross], minlength=len(VISIBILITIES))
        hidden = (~errors.seen[known]).astype(int)
        _add_by(self.shown, hidden, distance_pct)
        self.shown_gross += np.bincount(hidden[gross], minlength=2)
        self.shown_low += np.bincount(hidden[visibility < 0.5], minlength=2)

    def figures(self) -> dict:
        told, shown = ([summary(h, i) for i in range(len(h.channels))] for h in (self.told, self.shown))
        return {
            "by_visibility": {
                name: {**told[i], "gross_share": share(self.told_gross[i], told[i]["count"])}
                for i, name in enumerate(VISIBILITIES)
            },
            "by_depth_buffer": {
                name: {
                    **shown[i],
                    "gross_share": share(self.shown_gross[i], shown[i]["count"]),
                    "visibility_below_half_share": share(self.shown_low[i], shown[i]["count"]),
                }
                for i, name in enumerate(self.shown.channels)
            },
        }


def _add_by(histograms: Histograms, bins: np.ndarray, values: np.ndarray) -> None:
    """Values (n,) into the channels `bins` (n,)."""
    columns = np.full((len(values), len(histograms.channels)), np.nan)
    columns[np.arange(len(values)), bins] = values
    histograms.add(columns)
