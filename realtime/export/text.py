"""Tables as text, fast: one format string a row, some hundred rows at a time."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

ROWS_AT_ONCE = 500


def chunks(rows: int) -> Iterator[slice]:
    """Slices over so many rows, so that an hour of recording needs no memory."""
    for start in range(0, rows, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, rows))


def write_rows(file: BinaryIO, rows: int, row_format: str, table: Callable[[slice], np.ndarray]) -> None:
    """Lines of `row_format % numbers`; `table` gives the numbers (n, columns) of a slice of rows."""
    for some in chunks(rows):
        file.write("".join([row_format % tuple(row) for row in table(some).tolist()]).encode())
