"""What every engine is: a model that is stepped frame by frame and keeps its state inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """Which model runs, and on what. Printed at the start and published, so that no result is without its origin."""

    model_id: str
    sha256: str  # of the file's bytes
    engine: str  # its name, and for a card: library, precision and card
    path: str
    metadata: dict[str, Any]  # the file's own description, JSON decoded


class Engine(Protocol):
    """A loaded model with its state: one stream of frames, one person."""

    info: ModelInfo

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of one frame, named and shaped as in `body.student_io`; they are overwritten by the next step.

        `inputs` holds every array of `body.student_io.INPUTS`.
        """
        ...

    def reset(self) -> None:
        """Forget every frame so far."""
        ...

    def close(self) -> None:
        """Give back what the engine holds of a device. It cannot be stepped afterwards; closing twice is allowed."""
        ...
