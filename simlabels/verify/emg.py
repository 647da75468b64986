"""How well activations follow measured EMG: Pearson's r of each channel at its own best delay.

Force follows electrical activity, so activations are compared with the EMG of some tens of milliseconds before. The delay is
searched for each channel; one at the end of the range is no physiology, and the range is never widened to gain r.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RATE_Hz = 200.0
#: EMG channel (without its side) -> muscles of musculoskeletal models that its electrode sees.
CHANNELS = {
    "soleus": r"soleus",
    "gastrocnemius": r"gas_?med|med_gas|gas_?lat|lat_gas",
    "med_gas": r"gas_?med|med_gas",
    "lat_gas": r"gas_?lat|lat_gas",
    "tibialis_anterior": r"tib_?ant",
    "tib_ant": r"tib_?ant",
    "medial_hamstrings": r"semimem|semiten",
    "semimem": r"semimem",
    "biceps_femoris": r"bflh|bifemlh",
    "bifemlh": r"bflh|bifemlh",
    "vastus_lateralis": r"vas_?lat",
    "vas_lat": r"vas_?lat",
    "vastus_medius": r"vas_?med",
    "vas_med": r"vas_?med",
    "rectus_femoris": r"rec_?fem|rect_fem",
    "rect_fem": r"rec_?fem|rect_fem",
    "gluteus_maximus": r"gl(?:ut_)?max[123]",
    "gluteus_medius": r"gl(?:ut_)?med[123]",
}


@dataclass(frozen=True)
class Agreement:
    """One channel: correlation at the best delay, that delay, and how many muscles stood for it."""

    r: float
    delay_s: float
    muscles: int


def muscles_of(channel: str, names: Sequence[str], side: str) -> list[int]:
    """Indices of the muscles of one side that a channel sees; empty if the channel or the muscles are not known."""
    pattern = CHANNELS.get(re.sub(r"_[rl]$", "", channel.lower()))
    return [i for i, name in enumerate(names) if pattern and re.fullmatch(rf"(?:{pattern})_{side}", name)]


def agreement(
    activation: np.ndarray,
    time_s: np.ndarray,
    names: Sequence[str],
    emg: Mapping[str, np.ndarray],
    emg_time_s: np.ndarray,
    *,
    window_s: tuple[float, float],
    most_delay_s: float,
    side: str,
) -> dict[str, Agreement]:
    """Agreement of every channel of `emg` whose muscles are among `names`.

    Args:
        activation: (T, M); the muscles of a channel are averaged.
        window_s: frames compared, on the activations' clock.
        most_delay_s: delays from 0 to this are tried, in steps of 5 ms.
    """
    grid_s = np.arange(max(window_s[0], time_s[0]), min(window_s[1], time_s[-1]) + 1e-9, 1 / RATE_Hz)
    delays_s = np.arange(0, most_delay_s + 1e-9, 1 / RATE_Hz)
    found = {}
    for channel, envelope in emg.items():
        seen = muscles_of(channel, names, side)
        if not seen:
            continue
        ours = np.interp(grid_s, time_s, activation[:, seen].mean(1))
        r = np.array([_pearson(ours, np.interp(grid_s - delay_s, emg_time_s, envelope)) for delay_s in delays_s])
        best = int(r.argmax())
        found[channel] = Agreement(float(r[best]), float(delays_s[best]), len(seen))
    return found


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    """0 where one of them does not change: a silent muscle follows nothing."""
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 1e-12 else 0.0
