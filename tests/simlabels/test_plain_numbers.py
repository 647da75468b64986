"""The fast reader gives the numbers that numpy gives, to the bit, and leaves alone what is not plain."""

import numpy as np
import pytest

from simlabels.readers.plain_numbers import plain_numbers


def test_the_same_numbers_to_the_bit(rng):
    for _ in range(100):
        rows, columns = rng.integers(1, 20, 2)
        values = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-4, 5, (rows, columns))
        lines = ["\t".join(f"{v:{rng.choice(['+', '', ' '])}.{rng.integers(0, 10)}f}" for v in row) + " " for row in values]
        found = plain_numbers(lines, int(columns))
        assert found is not None
        assert found.tobytes() == np.array([[float(word) for word in line.split()] for line in lines]).tobytes()


@pytest.mark.parametrize(("line", "numbers"), [(" 1\t -2.5  .5 ", [1, -2.5, 0.5]), ("5. +0 9007199254740992", [5, 0, 2.0**53])])
def test_plain(line, numbers):
    np.testing.assert_array_equal(plain_numbers([line], 3), [numbers])


@pytest.mark.parametrize(
    "line",
    [
        *(
            "1 2",
            "1 2 3 4",
            "1 2 nan",
            "1 2 x",
            "1 2 .",
            "1 2 -",
            "1 2 --3",
            "1 2 3-",
            "1 2 3.4.5",
            "é 2 3",
            "",
            "1 2 3\n4 5 6",
        ),
        *("1 2 3e5", "1 2 9007199254740993", "1 2 0.12345678901234567", "1 2 0.00000000000000000000001"),  # right, not plain
    ],
)
def test_anything_else_is_left_to_others(line):
    assert plain_numbers(["1 2 3", line, "4 5 6"], 3) is None
