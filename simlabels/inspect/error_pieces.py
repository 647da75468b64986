"""Errors within pieces of takes of 4 s: offsets, spread, autocorrelation, constant share, correlation between joints."""

from collections.abc import Iterator

import numpy as np

from .error_course import Parts, autocorrelation, mean_of, parts
from .landmark_errors import LIMBS, TakeErrors
from .landmark_groups import share

#: A take is cut into pieces of this length; what is left over counts from half of it on.
PIECE_S = 4.0
LAGS = 10
#: Lags are frames at this rate; takes further off it than LAG_TOLERANCE have no autocorrelation.
LAG_FPS, LAG_TOLERANCE = 30.0, 0.05
#: Offsets and spread are those of frames that are not lost: median error below this; at least a second of them.
GOOD_BELOW_PCT, FEWEST_S = 8.0, 1.0
_C = len(LIMBS)
#: Pairs of limb joints whose correlation is told.
PAIRS_TOLD = {
    "elbow-wrist": (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")),
    "shoulder-elbow": (("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")),
    "hip-hip": (("left_hip", "right_hip"),),
    "shoulder-shoulder": (("left_shoulder", "right_shoulder"),),
    "shoulder-hip": (("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")),
    "hip-knee": (("left_hip", "left_knee"), ("right_hip", "right_knee")),
    "knee-ankle": (("left_knee", "left_ankle"), ("right_knee", "right_ankle")),
    "ankle-ankle": (("left_ankle", "right_ankle"),),
}


def is_lag_rate(fps: float) -> bool:
    return abs(fps / LAG_FPS - 1) <= LAG_TOLERANCE


def cut(frames: int, fps: float) -> Iterator[slice]:
    """Pieces of 4 s; the last may be shorter, down to half."""
    n = round(PIECE_S * fps)
    for a in range(0, frames, n) if n else ():
        if min(n, frames - a) * 2 >= n:
            yield slice(a, a + n)


class Pieces:
    """Running figures over pieces. Kept of a piece: some 600 numbers."""

    def __init__(self):
        self.count = 0
        self.offset_pct: list[np.ndarray] = []  # (12, 2) a piece, likewise below
        self.robust_sd_pct: list[np.ndarray] = []
        self.within_squares, self.within_count = np.zeros((_C, 2)), np.zeros((_C, 2))
        self.lags_2d: list[np.ndarray] = []  # (LAGS, 24)
        self.lags_world: list[np.ndarray] = []  # (LAGS, 36)
        self.parts_2d: list[Parts] = []
        self.parts_world: list[Parts] = []
        self.world_mean_mm: list[np.ndarray] = []  # (12, 3)
        self._products, self._squares = np.zeros((2, _C, _C)), np.zeros((2, _C, _C))

    def add(self, errors: TakeErrors, fps: float) -> None:
        world_mm = np.where(errors.whole[:, None, None], errors.world_mm, np.nan)
        for piece in cut(len(errors.time_s), fps):
            self.count += 1
            self._add_2d(errors.error_pct[piece], fps)
            self._add_world(world_mm[piece], fps)

    def _add_2d(self, error_pct: np.ndarray, fps: float) -> None:
        flat = error_pct.reshape(len(error_pct), -1)
        if np.isfinite(flat).any():
            self.parts_2d.append(parts(flat, fps))
            if is_lag_rate(fps):
                self.lags_2d.append(autocorrelation(flat, LAGS))
        distance = np.linalg.norm(error_pct, axis=-1)
        some = np.isfinite(distance).any(1)
        good = error_pct[some][np.nanmedian(distance[some], axis=1) < GOOD_BELOW_PCT] if some.any() else error_pct[:0]
        enough = np.isfinite(good).sum(0) >= FEWEST_S * fps  # (12, 2)
        if not enough.any():
            return
        good = np.where(enough, good, np.nan)
        offset = mean_of(good.reshape(len(good), -1)).reshape(_C, 2)
        self.offset_pct.append(offset)
        self.robust_sd_pct.append(_robust_sd(good))
        known = np.isfinite(good)
        rest = np.where(known, good - offset, 0)
        self.within_squares += (rest**2).sum(0)
        self.within_count += known.sum(0)
        for k in range(2):
            x, m = rest[..., k], known[..., k].astype(float)
            self._products[k] += x.T @ x
            self._squares[k] += (x**2).T @ m  # of joint i over the frames in which j is known too

    def _add_world(self, world_mm: np.ndarray, fps: float) -> None:
        flat = world_mm.reshape(len(world_mm), -1)
        if np.isfinite(flat).all(1).sum() < FEWEST_S * fps:
            return
        self.parts_world.append(parts(flat, fps))
        self.world_mean_mm.append(mean_of(flat).reshape(_C, 3))
        if is_lag_rate(fps):
            self.lags_world.append(autocorrelation(flat, LAGS))

    def correlation(self) -> np.ndarray:
        """Correlation (2, 12, 12) of the joints' errors to the right and down about their means in the piece; NaN unknown."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._products / np.sqrt(self._squares * np.swapaxes(self._squares, 1, 2))

    def figures(self) -> dict:
        return {
            "pieces": self.count,
            "by_joint": {name: self._joint([i]) for i, name in enumerate(LIMBS)},
            "by_limb": {LIMBS[i].removeprefix("left_") + "s": self._joint([i, i + 1]) for i in range(0, _C, 2)},
            "lags_2d": _lags(self.lags_2d),
            "lags_world": _lags(self.lags_world),
            "pieces_with_lags": len(self.lags_2d),
            "parts_2d": _shares(self.parts_2d),
            "parts_world": _shares(self.parts_world),
            "world_constant_sd_mm": self._world_sd(),
            "correlation": self._correlations(),
        }

    def _joint(self, limbs: list[int]) -> dict | None:
        """Of one joint or one of both sides: offset right and down, its spread over pieces, and the spread within."""
        if not self.offset_pct:
            return None
        offset, robust = (np.stack(a)[:, limbs].reshape(-1, 2) for a in (self.offset_pct, self.robust_sd_pct))
        offset, robust = (a[np.isfinite(a).all(1)] for a in (offset, robust))
        if not len(offset):
            return None
        within = self.within_squares[limbs].sum() / self.within_count[limbs].sum()
        return {
            "pieces": len(offset),
            "offset_pct": offset.mean(0).tolist(),
            "offset_sd_pct": float(np.sqrt(offset.var(0).mean())),
            "robust_sd_pct": float(np.median(robust)),
            "rms_pct": float(np.sqrt(within)),
        }

    def _world_sd(self) -> dict | None:
        if not self.world_mean_mm:
            return None
        sd = np.stack(self.world_mean_mm).std(0)
        return {name: sd[i].tolist() for i, name in enumerate(LIMBS)}

    def _correlations(self) -> dict | None:
        if not self.offset_pct:
            return None
        r = self.correlation()
        others = r[:, ~np.eye(_C, dtype=bool)]
        pairs = {
            name: [_mean([r[k, LIMBS.index(a), LIMBS.index(b)] for a, b in both]) for k in range(2)]
            for name, both in PAIRS_TOLD.items()
        }
        matrix = [[[None if np.isnan(v) else float(v) for v in row] for row in one] for one in r]
        return {"mean": _mean(others.ravel()), "pairs": pairs, "right": matrix[0], "down": matrix[1], "joints": list(LIMBS)}


def _robust_sd(x: np.ndarray) -> np.ndarray:
    """Median absolute deviation of x (T, ...) as the standard deviation of a normal distribution; NaN where nothing is known.

    scipy.stats.median_abs_deviation does the same; around holes it takes ten times as long.
    """
    out = np.full(x[0].size, np.nan)
    for i, column in enumerate(x.reshape(len(x), -1).T):
        if len(known := column[np.isfinite(column)]):
            out[i] = 1.482602 * np.median(np.abs(known - np.median(known)))
    return out.reshape(x.shape[1:])


def _mean(values) -> float | None:
    values = np.asarray(values)[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def _lags(series: list[np.ndarray]) -> list[float | None] | None:
    """Median over pieces, joints and axes at lags 1 to LAGS."""
    if not series:
        return None
    r = np.concatenate(series, axis=1)
    return [float(np.median(row[np.isfinite(row)])) if np.isfinite(row).any() else None for row in r]


def _shares(pieces: list[Parts]) -> dict | None:
    """Constant, slow and fast share of the squared error of all pieces together, and the constant share of the median piece."""
    pieces = [p for p in pieces if p.total]
    if not pieces:
        return None
    total, constant, slow, fast = np.sum(pieces, axis=0)
    return {
        "constant": share(constant, total),
        "slow": share(slow, total),
        "fast": share(fast, total),
        "constant_in_median_piece": float(np.median([p.constant / p.total for p in pieces])),
    }
