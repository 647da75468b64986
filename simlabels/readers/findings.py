"""What a check found wrong in a laboratory file: told, never mended in silence."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One trap: its name, what is seen, when, and what to do about it."""

    name: str  # such as "wrong_foot"
    what: str
    to_do: str
    when_s: tuple[tuple[float, float], ...] = ()  # stretches of time; none = the whole file

    def __str__(self) -> str:
        shown = ", ".join(f"{start:.3f}-{end:.3f} s" for start, end in self.when_s[:3])
        more = f" and {len(self.when_s) - 3} more" if len(self.when_s) > 3 else ""
        return f"{self.name}: {self.what}{f' ({shown}{more})' if shown else ''}; {self.to_do}"


def stretches(is_so: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of True in (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_so, [False]]).astype(int)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def stretches_s(is_so: np.ndarray, time_s: np.ndarray) -> tuple[tuple[float, float], ...]:
    """The same as times."""
    return tuple((float(time_s[a]), float(time_s[b])) for a, b in stretches(is_so))
