"""Front ends: from a picture to BlazePose-33 landmarks. MediaPipe is the first, not the last.

with open_front_end() as front_end:
    landmarks = front_end.detect(picture.image_bgr, picture.t_capture_ns)
"""

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from ..body.errors import UnknownName
from ..body.frames import LandmarkFrame

__all__ = ["FRONT_ENDS", "FrontEnd", "open_front_end"]

FRONT_ENDS = ("mediapipe",)


class FrontEnd(Protocol):
    """Finds one person and follows them from picture to picture; it owns the region of interest."""

    name: str  # what runs, with version and mode: "mediapipe 0.10.32 full VIDEO"
    warnings: list[str]  # grows while it runs

    def detect(self, picture_bgr: np.ndarray, t_ns: int) -> LandmarkFrame:
        """What is seen in one upright picture, (H, W, 3) uint8 BGR.

        Args:
            t_ns: the frame's own time: presentation time for files, capture time for live sources. The front end smooths
                by it, so any other clock changes the result. A time that stands still or jumps back is counted on from.

        Raises:
            ShapeError: not such a picture.
        """
        ...

    def close(self) -> None:
        """Let go of the model; closing twice is fine."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def open_front_end(name: str = "mediapipe", *, landmarker: Path | None = None) -> FrontEnd:
    """The front end of that name, warmed up.

    Args:
        landmarker: model bundle (.task) to use; default: the one BIOHUMAN_LANDMARKER names, else the pinned one.

    Raises:
        UnknownName: no such front end.
        AssetError: the model cannot be fetched, or is not one.
        BioHumanError: the library behind it is not installed.
    """
    if name not in FRONT_ENDS:
        raise UnknownName("front end", name, FRONT_ENDS)
    from ..assets import fetch
    from .mediapipe import MediapipeFrontEnd

    return MediapipeFrontEnd(landmarker or fetch("landmarker_full"))
