"""Running histograms: percentiles of any number of frames in constant memory, to within one bin."""

from collections.abc import Sequence

import numpy as np


class Histograms:
    """One histogram for each channel, over bins that all share; values outside the range go to the outermost bins.

    Percentiles lie in the bin of the exact value (the smallest that `percent` of the values do not exceed), so they are
    off by a bin's width at most; smallest, largest, mean and counts are exact.

    Args:
        low, high: range of the bins; with `log` both positive, and bins are equal in ratio.
        channel_of: channel of each column of what is added; None = each column is its own.
    """

    def __init__(
        self,
        channels: Sequence[str],
        low: float,
        high: float,
        bins: int,
        *,
        log: bool = False,
        channel_of: np.ndarray | None = None,
    ):
        self.channels, self.low, self.high, self.bins, self.log = tuple(channels), low, high, bins, log
        C = len(self.channels)
        self.channel_of = np.arange(C) if channel_of is None else channel_of
        self.counts = np.zeros((C, bins), np.int64)
        self.sums = np.zeros(C)
        self.least, self.largest = np.full(C, np.inf), np.full(C, -np.inf)
        self.not_finite = 0
        self.edges = np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)

    def add(self, values: np.ndarray) -> None:
        """Values (n, columns); those that are not finite are only counted."""
        if not len(values):
            return
        values = values.astype(np.float64)  # at a bin's edge float32 falls to either side
        finite = np.isfinite(values)
        if not finite.all():
            self.not_finite += int((~finite).sum())
        held = np.where(finite, values, self.low)
        at = np.log(np.maximum(held, self.low) / self.low) / np.log(self.high / self.low) if self.log else held - self.low
        scale = self.bins if self.log else self.bins / (self.high - self.low)
        bin_of = np.clip(at * scale, 0, self.bins - 1).astype(np.int64) + self.channel_of * self.bins
        size = self.counts.size
        self.counts += np.bincount(bin_of[finite], minlength=size).reshape(self.counts.shape)
        np.add.at(self.sums, self.channel_of, np.where(finite, values, 0).sum(0))
        np.minimum.at(self.least, self.channel_of, np.where(finite, values, np.inf).min(0))
        np.maximum.at(self.largest, self.channel_of, np.where(finite, values, -np.inf).max(0))

    def percentile(self, channel: int, percent: float) -> float | None:
        """Percentile of one channel; None without values."""
        cumulative = np.cumsum(self.counts[channel])
        total = cumulative[-1]
        if not total:
            return None
        wanted = max(percent / 100 * total, 1)
        i = int(np.searchsorted(cumulative, wanted))
        share = (wanted - (cumulative[i] - self.counts[channel, i])) / self.counts[channel, i]
        value = self.edges[i] + share * (self.edges[i + 1] - self.edges[i])
        return float(np.clip(value, self.least[channel], self.largest[channel]))

    def summary(self, channel: int, percents: Sequence[float]) -> dict:
        """count, mean, min, max and percentiles p1, p50, ... of one channel; None where there are no values."""
        n = int(self.counts[channel].sum())
        known = {"mean": self.sums[channel] / max(n, 1), "min": self.least[channel], "max": self.largest[channel]}
        return {
            "count": n,
            **{key: float(value) if n else None for key, value in known.items()},
            **{f"p{percent:g}": self.percentile(channel, percent) for percent in percents},
        }

    def share_in_last_bins(self, channel: int, above: float) -> float:
        """Share of one channel's values in the bins from `above` on."""
        counts = self.counts[channel]
        first = int(np.searchsorted(self.edges[:-1], above - 1e-9))
        return float(counts[first:].sum() / max(counts.sum(), 1))
