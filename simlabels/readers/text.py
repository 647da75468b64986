"""Text files of laboratories: plain or gzip, with errors that name file and line."""

import codecs
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError


def read_lines(path: Path) -> list[str]:
    """Lines of a text file or .gz, tabs and spaces at their ends kept.

    Raises:
        InputError: no such file, a damaged .gz, binary, UTF-16, empty.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path} is UTF-16 text; save it as UTF-8")
    if b"\0" in data:
        raise InputError(f"{path} is a binary file; a text file is expected")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # Windows programs write comments in their own code page; numbers and tabs are the same
        text = data.decode("latin-1")
    if not text.strip():
        raise InputError(f"{path} is empty")
    return text.splitlines()


def numbers(path: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> np.ndarray:
    """Rows of cells as numbers (rows, cells); each row comes with its line number. An empty cell is NaN.

    Raises:
        InputError: a cell is no number; names file and line.
    """
    out = np.empty((len(rows), len(rows[0][1]) if rows else 0))
    for i, (line, cells) in enumerate(rows):
        try:
            out[i] = [float(cell) if cell.strip() else np.nan for cell in cells]
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
    return out


def check_times(path: Path, time_s: np.ndarray) -> None:
    """Raises InputError if a time is no number or not later than the one before."""
    if not np.isfinite(time_s).all():
        raise InputError(f"{path}: row {int(np.argmin(np.isfinite(time_s))) + 1} has no time")
    back = np.flatnonzero(np.diff(time_s) <= 0)
    if len(back):
        i = int(back[0])
        raise InputError(f"{path}: time goes from {time_s[i]:g} to {time_s[i + 1]:g} s at row {i + 2}; times must rise")
