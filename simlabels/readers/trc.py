"""Reads .trc marker files: OpenSim's and motion laboratories' table of marker positions, tab separated.

Rules where files differ: one or three tabs between names; spaces or tabs in the head; the empty line and the line of X1 Y1 Z1 may
be missing; an empty cell or `nan` is an absent marker, and so is a position of exactly 0 0 0, which is told.
"""

from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from .axes import UNITS_M
from .findings import Finding
from .markers import Markers, made_markers
from .text import check_times, numbers, read_lines

#: Of a frame: time stamps rounded to milliseconds are within 5 % at 100 Hz; dropped frames are off by a whole one.
UNEVEN_SHARE, DROPPED_SHARE = 0.001, 0.2
#: Relative, between DataRate and times.
RATE_SHARE = 0.01
_UNIT_NAMES = {"m": "m", "meters": "m", "metres": "m", "mm": "mm", "millimeters": "mm", "cm": "cm"}


def read_trc(path: Path, *, unit: str | None = None, up: str | None = None, fps: float | None = None) -> Markers:
    """The markers in a .trc or .trc.gz file.

    Args:
        unit: m, cm or mm; overrides the file's `Units` and is not tested.
        up: such as "+y" or "+z"; None = told by the markers' names.
        fps: overrides the file's times, which then count from the first one.

    Raises:
        InputError: not a .trc, cut short, numbers missing, a unit that makes no person, frames missing; names file and line.
    """
    lines = read_lines(path)
    head = _head(path, lines)
    names = [cell.strip() for cell in lines[3].split("\t")[2:] if cell.strip()]
    stated = _count(path, head, "NumMarkers")
    if stated != len(names):
        raise InputError(f"{path}: NumMarkers is {stated}, but line 4 names {len(names)} markers")
    table = numbers(path, _rows(path, lines, len(names)))
    check_times(path, table[:, 1])
    positions = table[:, 2:].reshape(len(table), len(names), 3)
    findings = _count_findings(path, head, len(table))
    time_s, rate, told = _even_times(path, table[:, 1], head, fps)
    unit_name = unit or _UNIT_NAMES.get(head.get("Units", "").lower())
    if unit_name not in UNITS_M:
        raise InputError(f"{path}: Units is {head.get('Units')!r}, known are {', '.join(UNITS_M)}; pass unit= (--unit)")
    return made_markers(
        names,
        positions,
        time_s,
        rate,
        str(path),
        unit=unit_name,
        unit_m=UNITS_M[unit_name],
        up=up,
        is_unit_given=unit is not None,
        findings=findings + told,
    )


def _head(path: Path, lines: list[str]) -> dict[str, str]:
    if not lines[0].startswith("PathFileType"):
        raise InputError(f"{path} does not begin with PathFileType; it is no .trc file")
    if len(lines) < 6:
        raise InputError(f"{path} ends in its header; it is cut short")
    keys, values = lines[1].split(), lines[2].split()
    if len(keys) != len(values) or not lines[3].lstrip().startswith("Frame#"):
        raise InputError(f"{path}: lines 2 to 4 should be names, their values, and Frame#, Time and the markers")
    return dict(zip(keys, values, strict=True))


def _count(path: Path, head: dict[str, str], key: str) -> int:
    try:
        return int(float(head[key]))
    except (KeyError, ValueError):
        raise InputError(f"{path}: {key} is {head.get(key)!r}; it should be a number") from None


def _rows(path: Path, lines: list[str], markers: int) -> list[tuple[int, list[str]]]:
    """Line number and 2 + 3 M cells of each frame."""
    first = next((i for i in range(4, len(lines)) if lines[i].split("\t")[0].strip().isdigit()), None)
    if first is None:
        raise InputError(f"{path} has a header and no frame; it is cut short or not tab separated")
    width, rows = 2 + 3 * markers, []
    for i in range(first, len(lines)):
        if not lines[i].strip():
            continue
        cells = lines[i].split("\t")
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if width - 3 < len(cells) < width and not any(cell.strip() for cell in cells[width - 3 :]) and lines[i].endswith("\t"):
            cells += [""] * (width - len(cells))  # the last marker is absent, its last tabs are left out
        if len(cells) != width:
            raise InputError(
                f"{path}, line {i + 1}: {width} cells make {markers} markers, found {len(cells)}; it is cut short or damaged"
            )
        rows.append((i + 1, cells))
    return rows


def _count_findings(path: Path, head: dict[str, str], frames: int) -> tuple[Finding, ...]:
    stated = _count(path, head, "NumFrames")
    if frames < stated:
        raise InputError(f"{path} announces {stated} frames and holds {frames}; it is cut short (or mend NumFrames)")
    if frames > stated:
        return (Finding(name="wrong_header", what=f"NumFrames is {stated}, there are {frames}", to_do="all were read"),)
    return ()


def _even_times(
    path: Path, time_s: np.ndarray, head: dict[str, str], fps: float | None
) -> tuple[np.ndarray, float, tuple[Finding, ...]]:
    """Times on an even grid, frames a second, what was told."""
    T = len(time_s)
    if fps is not None:
        return time_s[0] + np.arange(T) / fps, fps, ()
    try:
        stated = float(head["DataRate"])
    except (KeyError, ValueError):
        raise InputError(
            f"{path}: DataRate is {head.get('DataRate')!r}; it should be a number; pass fps= (--source-fps)"
        ) from None
    if T == 1:
        return time_s, stated, ()
    steps_s = np.diff(time_s)
    dropped = steps_s > (1 + DROPPED_SHARE) * np.median(steps_s)
    if dropped.any():
        i = int(np.argmax(dropped))
        raise InputError(
            f"{path}: from frame {i + 1} to {i + 2} time goes {steps_s[i]:.4g} s, else {np.median(steps_s):.4g} s; "
            "write absent frames with empty cells"
        )
    measured = (T - 1) / float(time_s[-1] - time_s[0])
    if abs(measured / stated - 1) > RATE_SHARE and abs(time_s[-1] - time_s[0] - (T - 1) / stated) > 0.002:
        raise InputError(
            f"{path}: DataRate is {stated:g}, the times say {measured:.4g} frames a second; pass fps= (--source-fps)"
        )
    # A rounded DataRate (120 for 119.88) would drift by half a frame within seconds: then the times are right.
    rate = stated if abs((T - 1) * (measured / stated - 1)) < 0.5 else measured
    even_s = time_s[0] + np.arange(T) / rate
    off = (time_s - even_s) * rate
    if np.abs(off).max() <= UNEVEN_SHARE:
        return time_s, rate, ()
    told = Finding(
        name="uneven_times",
        what=f"time stamps are up to {1000 * np.abs(off).max() / rate:.2f} ms off {rate:g} frames a second",
        to_do="even times were taken; OpenSim's filters would resample",
    )
    return even_s, rate, (told,)
