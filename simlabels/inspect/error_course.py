"""How an error goes on over time: autocorrelation, and what of it is constant, slow or fast. Holes are NaN."""

from typing import NamedTuple

import numpy as np

#: The slow part of an error is its mean over so long.
SLOW_S = 0.5


class Parts(NamedTuple):
    """Sums of squares of an error and of its parts; the rest are cross terms of slow and fast."""

    total: float
    constant: float
    slow: float
    fast: float

    def __add__(self, other: "Parts") -> "Parts":  # type: ignore[override]
        return Parts(*(a + b for a, b in zip(self, other, strict=True)))


def mean_of(x: np.ndarray) -> np.ndarray:
    """Mean (C,) over the frames of x (T, C) that are known; NaN where none is."""
    known = np.isfinite(x)
    with np.errstate(invalid="ignore"):
        return np.where(known, x, 0).sum(0) / known.sum(0)


def autocorrelation(x: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelation (lags, C) at lags 1, 2, ... of x (T, C) about its mean, over the pairs of frames that are both known.

    NaN where a channel does not vary or has no pair.
    """
    known = np.isfinite(x)
    x = np.where(known, x - mean_of(x), 0)
    out = np.full((lags, x.shape[1]), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (x**2).sum(0) / known.sum(0)
        for k in range(1, min(lags + 1, len(x))):
            out[k - 1] = (x[k:] * x[:-k]).sum(0) / (known[k:] & known[:-k]).sum(0) / variance
    return np.where(np.isfinite(out), out, np.nan)


def parts(x: np.ndarray, fps: float) -> Parts:
    """Squared error of x (T, C) in all, of its mean, of the 0.5 s mean about that, and of what is left."""
    from scipy.ndimage import uniform_filter1d

    known = np.isfinite(x)
    mean = np.where(known.any(0), mean_of(x), 0)
    moving = np.where(known, x - mean, 0)
    frames = 2 * round(SLOW_S * fps / 2) + 1
    near = uniform_filter1d(known.astype(float), frames, axis=0, mode="constant")
    slow = np.where(known, uniform_filter1d(moving, frames, axis=0, mode="constant") / np.maximum(near, 1e-9), 0)
    squares = (np.where(known, x, 0), np.where(known, mean, 0), slow, moving - slow)
    return Parts(*(float((part**2).sum()) for part in squares))
