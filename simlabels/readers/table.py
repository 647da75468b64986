"""Reads and writes OpenSim's tables: .mot (motions, forces) and .sto (everything else), a head and columns over time.

OpenSim's own readers pass over what is wrong in the head: a wrong nColumns makes one of them return the wrong rows, a missing
inDegrees is read as radians or degrees by the version line. Here columns are counted, and what is not said is None. A table
may also be .csv, whose first line names the columns; the first column is time, in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError, OutputError, ShapeError, UnknownName
from realtime.body.files import write_whole

from .findings import Finding
from .text import check_times, numbers, read_lines

#: Of a step: OpenSim's filters resample a table whose times are less even than this.
EVEN_SHARE = 0.001


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns over time, in the units of the file."""

    time_s: np.ndarray  # (T,)
    columns: tuple[str, ...]  # without time
    values: np.ndarray  # (T, C)
    in_degrees: bool | None  # of rotational columns; None = the file does not say
    name: str
    findings: tuple[Finding, ...] = ()

    @property
    def rate_Hz(self) -> float:
        """Rows a second; 0 for a single row."""
        return float((len(self.time_s) - 1) / (self.time_s[-1] - self.time_s[0])) if len(self.time_s) > 1 else 0.0

    def column(self, name: str) -> np.ndarray:
        """One column (T,).

        Raises:
            UnknownName: there is none of that name.
        """
        if name not in self.columns:
            raise UnknownName(f"column of {self.name or 'the table'}", name, self.columns)
        return self.values[:, self.columns.index(name)]

    def select(self, names: Sequence[str]) -> "Table":
        """These columns only, in this order."""
        return replace(self, columns=tuple(names), values=np.stack([self.column(name) for name in names], axis=1))


def read_table(path: Path) -> Table:
    """The table in a .mot, .sto or .csv file, plain or .gz.

    Raises:
        InputError: no head, no `time`, cut short, rows of another length, times that do not rise; names file and line.
    """
    lines = read_lines(path)
    is_csv = path.name.removesuffix(".gz").endswith(".csv")
    head, name, first = ({}, path.name, 0) if is_csv else _head(path, lines)
    rows = [(i + 1, line) for i, line in enumerate(lines) if i >= first and line.strip() and not (is_csv and line[0] == "#")]
    if not rows:
        raise InputError(f"{path} ends after its head; it is cut short")
    separator = "," if is_csv else "\t" if "\t" in rows[0][1] else None
    columns = _cells(rows[0][1], separator)
    if columns[0].lower() != "time" or not all(columns):
        raise InputError(f"{path}, line {rows[0][0]}: columns should be named there, time first; found {rows[0][1][:40]!r}")
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise InputError(f"{path} has two columns called {', '.join(twice)}; rename one")
    cells = [(number, _cells(line, separator)) for number, line in rows[1:]]
    for number, row in cells:
        if len(row) != len(columns):
            raise InputError(
                f"{path}, line {number}: {len(columns)} columns are named, found {len(row)} numbers; it is cut short or damaged"
            )
    if not cells:
        raise InputError(f"{path} has no rows; it is cut short")
    table = numbers(path, cells)
    check_times(path, table[:, 0])
    findings = (*_head_findings(path, head, len(columns), len(table)), *_time_findings(table[:, 0]))
    return Table(
        time_s=table[:, 0],
        columns=tuple(columns[1:]),
        values=table[:, 1:],
        in_degrees=_in_degrees(path, head),
        name=name,
        findings=findings,
    )


def _cells(line: str, separator: str | None) -> list[str]:
    cells = [cell.strip() for cell in line.split(separator)]
    while len(cells) > 1 and not cells[-1]:  # spreadsheets pad with tabs
        cells.pop()
    return cells


def _head(path: Path, lines: list[str]) -> tuple[dict[str, str], str, int]:
    """Values by lower-case key, the table's name, index of the first line after `endheader`."""
    head: dict[str, str] = {}
    for i, line in enumerate(lines):
        text = line.strip()
        if text.lower() == "endheader":
            named = lines[0].strip()
            is_name = i > 0 and "=" not in named and not named.lower().startswith("datacolumns")
            return head, named if is_name else "", i + 1
        key, equals, value = text.partition("=")
        if not equals:  # SIMM: `datacolumns 9`
            key, _, value = text.partition(" ")
        head.setdefault(key.strip().lower(), value.strip())
    raise InputError(f"{path} has no endheader; a .mot or .sto file has one before its columns")


def _in_degrees(path: Path, head: dict[str, str]) -> bool | None:
    said = head.get("indegrees")
    if said is None:
        return None
    if said.lower() not in ("yes", "no"):
        raise InputError(f"{path}: inDegrees is {said!r}; it should be yes or no")
    return said.lower() == "yes"


def _head_findings(path: Path, head: dict[str, str], columns: int, rows: int) -> list[Finding]:
    found = []
    for key, old, count in (("nRows", "datarows", rows), ("nColumns", "datacolumns", columns)):
        said = head.get(key.lower(), head.get(old))
        if said is None:
            continue
        if not said.isdigit():
            raise InputError(f"{path}: {key} is {said!r}; it should be a number")
        if key == "nRows" and int(said) > count:
            raise InputError(f"{path} announces {said} rows and holds {count}; it is cut short (or mend nRows)")
        if int(said) != count:
            trouble = "; OpenSim's Storage would return wrong rows" if key == "nColumns" else ""
            found.append(
                Finding(name="wrong_header", what=f"{key} is {said}, there are {count}{trouble}", to_do="all were read")
            )
    if "datacolumns" in head:
        found.append(Finding(name="simm_header", what="the head is SIMM's and says no unit of angles", to_do="say which it is"))
    return found


def _time_findings(time_s: np.ndarray) -> list[Finding]:
    if len(time_s) < 3:
        return []
    step_s = (time_s[-1] - time_s[0]) / (len(time_s) - 1)
    off = float(np.abs(time_s - (time_s[0] + np.arange(len(time_s)) * step_s)).max() / step_s)
    if off <= EVEN_SHARE:
        return []
    what = f"time stamps are up to {1000 * off * step_s:.2f} ms off even steps of {1000 * step_s:.3f} ms"
    return [Finding(name="uneven_times", what=what, to_do="interpolate in time, never by row")]


def write_table(path: Path, table: Table) -> None:
    """Writes a .mot or .sto that all of OpenSim's readers understand alike; whole or not at all.

    The head is of version 1, with nRows, nColumns and inDegrees (`no` where the table holds no angles).

    Raises:
        OutputError: another suffix, or the place cannot be written.
        ShapeError: values do not fit columns and times, or are no numbers.
    """
    if path.suffix not in (".mot", ".sto"):
        raise OutputError(f"{path}: OpenSim reads .mot and .sto, not {path.suffix or 'a file without suffix'}")
    if table.values.shape != (len(table.time_s), len(table.columns)):
        raise ShapeError(
            f"{path}: values are {table.values.shape}, {len(table.time_s)} times and {len(table.columns)} columns need another shape"
        )
    if not np.isfinite(table.values).all():
        row, column = np.argwhere(~np.isfinite(table.values))[0]
        raise ShapeError(f"{path}: {table.columns[column]} is no number in row {row + 1}; OpenSim's tools need all of them")
    head = [
        table.name or path.stem,
        "version=1",
        f"nRows={len(table.time_s)}",
        f"nColumns={1 + len(table.columns)}",
        f"inDegrees={'yes' if table.in_degrees else 'no'}",
        "endheader",
        "\t".join(["time", *table.columns]),
    ]
    row_format = "%.9f" + "\t%.10g" * len(table.columns)
    rows = [row_format % (time, *row) for time, row in zip(table.time_s.tolist(), table.values.tolist(), strict=True)]
    write_whole(path, lambda part: part.write_text("\n".join([*head, *rows]) + "\n"))
