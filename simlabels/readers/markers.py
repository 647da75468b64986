"""Skin markers of one trial: places in a world with Y up, in metres, and what is missing or wrong among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from realtime.body.errors import InputError, UnknownName

from .axes import check_unit, rotation_to_y_up, up_axis
from .findings import Finding, stretches, stretches_s

#: No marker of a person moves faster; a marker that does was given another's name.
FASTEST_M_S = 20.0
#: Present frames that a gap's cubic needs.
FEWEST_FOR_CUBIC = 4


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Frames in which a marker is absent, first and last included."""

    name: str
    first: int
    last: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Markers:
    """Markers of a trial. World: Y up; x and z as in the file, or as its axes turn when Y is brought up."""

    names: tuple[str, ...]
    positions_m: np.ndarray  # (T, M, 3), NaN = absent
    time_s: np.ndarray  # (T,)
    fps: float
    source: str
    findings: tuple[Finding, ...] = ()  # what the reader noticed

    def select(self, names: Sequence[str]) -> "Markers":
        """These markers only, in this order.

        Raises:
            UnknownName: the trial has no such marker.
        """
        for name in names:
            if name not in self.names:
                raise UnknownName(f"marker in {self.source}", name, self.names)
        at = [self.names.index(name) for name in names]
        return replace(self, names=tuple(names), positions_m=self.positions_m[:, at])

    def between(self, start_s: float, end_s: float) -> "Markers":
        """The frames from `start_s` to `end_s`, both included.

        Raises:
            InputError: the trial has none there.
        """
        half = 0.01 / self.fps  # times are rounded
        inside = (self.time_s >= start_s - half) & (self.time_s <= end_s + half)
        if not inside.any():
            raise InputError(
                f"{self.source} has no frame from {start_s:g} to {end_s:g} s; it runs from {self.time_s[0]:g} to {self.time_s[-1]:g} s"
            )
        return replace(self, positions_m=self.positions_m[inside], time_s=self.time_s[inside])

    @property
    def is_present(self) -> np.ndarray:
        """(T, M)."""
        return np.all(np.isfinite(self.positions_m), axis=-1)

    def share_present(self) -> dict[str, float]:
        """Share of the frames that show each marker."""
        return dict(zip(self.names, self.is_present.mean(0).tolist(), strict=True))

    def gaps(self) -> list[Gap]:
        """All stretches without a marker, in order of markers, then time."""
        absent = ~self.is_present
        return [
            Gap(name=name, first=a, last=b, seconds=(b - a + 1) / self.fps)
            for i, name in enumerate(self.names)
            for a, b in stretches(absent[:, i])
        ]

    def fill_gaps(self, longest_s: float) -> "Markers":
        """Gaps up to `longest_s` filled by the cubic spline through the marker's own present frames.

        Gaps that are longer, or touch the beginning or the end, stay; so do those of markers seen in fewer than four frames.
        At 0.1 s in a walk the spline is within millimetres (docs/readers.md); over half a stride it invents.
        """
        from scipy.interpolate import CubicSpline

        position_m, last = self.positions_m.copy(), len(self.time_s) - 1
        for gap in self.gaps():
            i = self.names.index(gap.name)
            there = self.is_present[:, i]
            if gap.seconds > longest_s or gap.first == 0 or gap.last == last or there.sum() < FEWEST_FOR_CUBIC:
                continue
            spline = CubicSpline(self.time_s[there], self.positions_m[there, i])
            inside = slice(gap.first, gap.last + 1)
            position_m[inside, i] = spline(self.time_s[inside])
        return replace(self, positions_m=position_m)

    def check(self, longest_gap_s: float = 0.2) -> list[Finding]:
        """What a solver should know: findings of the reader, markers never seen, long gaps, jumps."""
        found = list(self.findings)
        present = self.is_present
        never = [name for name, share in self.share_present().items() if share == 0]
        if never:
            found.append(Finding(name="never_seen", what=f"no frame shows {', '.join(never)}", to_do="leave them out"))
        for i, name in enumerate(self.names):
            long = [g for g in stretches(~present[:, i]) if (g[1] - g[0] + 1) / self.fps > longest_gap_s]
            if long and name not in never:
                when = tuple((float(self.time_s[a]), float(self.time_s[b])) for a, b in long)
                found.append(Finding(name="gap", what=f"{name} is absent", when_s=when, to_do="solve without it there"))
        speed_m_s = np.linalg.norm(np.diff(self.positions_m, axis=0), axis=-1) * self.fps
        for i, name in enumerate(self.names):
            fast = np.nan_to_num(speed_m_s[:, i]) > FASTEST_M_S
            if fast.any():
                found.append(
                    Finding(
                        name="jump",
                        what=f"{name} moves at {np.nanmax(speed_m_s[:, i]):.0f} m/s",
                        when_s=stretches_s(fast, self.time_s[1:]),
                        to_do="look for swapped names, or cut these frames",
                    )
                )
        return found


def made_markers(
    names: Sequence[str],
    positions: np.ndarray,
    time_s: np.ndarray,
    fps: float,
    source: str,
    *,
    unit: str,
    unit_m: float,
    up: str | None,
    is_unit_given: bool,
    findings: Sequence[Finding] = (),
) -> Markers:
    """Markers from a file's own numbers (T, M, 3): unit tested, Y brought up, absent ones NaN.

    Raises:
        InputError: the unit makes no person, up cannot be told, a name occurs twice.
    """
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise InputError(f"{source} has two markers called {', '.join(twice)}; rename one")
    position_m, told = positions * unit_m, list(findings)
    at_origin = (position_m == 0).all(-1)
    if at_origin.any():
        which = [name for name, some in zip(names, at_origin.any(0), strict=True) if some]
        told.append(
            Finding(
                name="marker_at_origin",
                what=f"{int(at_origin.sum())} positions are exactly 0 0 0 ({', '.join(which[:5])}{', ...' if len(which) > 5 else ''})",
                when_s=stretches_s(at_origin.any(1), time_s),
                to_do="they count as absent; OpenSim would take them as markers at the origin",
            )
        )
    position_m[at_origin | ~np.isfinite(position_m).all(-1)] = np.nan
    if not np.isfinite(position_m).any():
        raise InputError(f"{source} shows no marker in any frame")
    if not is_unit_given:
        check_unit(source, position_m, unit)
    try:
        position_m = position_m @ rotation_to_y_up(up or up_axis(names, position_m)).T
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return Markers(names=tuple(names), positions_m=position_m, time_s=time_s, fps=fps, source=source, findings=tuple(told))
