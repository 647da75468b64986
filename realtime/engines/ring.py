"""The host's half of a step, the same for every engine: inputs checked and copied, the ring's ages kept.

The graph reads the ring `kv` and the age of each slot, and returns one new column. Whoever runs it writes that column into slot
`Ring.slot`, then calls `Ring.advance`. Nothing is ever rolled.
"""

from collections.abc import Mapping

import numpy as np

from ..body.errors import ShapeError
from ..body.student_io import AGE_EMPTY_S, INPUTS


class Ring:
    """Ages of the slots, s, and the slot that the next column goes into.

    Args:
        age_s: the buffer (1, slots) that the graph reads; it is written in place.
    """

    def __init__(self, age_s: np.ndarray):
        self.age_s = age_s
        self.slot = 0
        self.reset()

    def advance(self, dt_s: np.ndarray) -> None:
        """The column of this frame is in `slot`: all others are `dt_s` older, and the next slot is next."""
        self.age_s += dt_s
        self.age_s[0, self.slot] = 0
        self.slot = (self.slot + 1) % self.age_s.shape[1]

    def reset(self) -> None:
        """Makes every slot very old: its content then has no weight."""
        self.age_s.fill(AGE_EMPTY_S)
        self.slot = 0


def copy_inputs(inputs: Mapping[str, np.ndarray], buffers: Mapping[str, np.ndarray]) -> None:
    """Copies one frame's inputs into the engine's own buffers.

    Raises:
        ShapeError: an input is missing or has another shape.
    """
    for key in INPUTS:
        if key not in inputs or inputs[key].shape != buffers[key].shape:
            got = inputs[key].shape if key in inputs else "nothing"
            raise ShapeError(f"model input {key} is {buffers[key].shape}, got {got}")
        buffers[key][...] = inputs[key]
