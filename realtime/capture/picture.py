"""One picture and what can give pictures."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np

from ..body.errors import ShapeError
from .health import Health


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One upright picture and its times. From a live source the pixels hold until the next `read()`: copy to keep them."""

    image_bgr: np.ndarray  # (H, W, 3) uint8, C-contiguous
    index: int  # counts what was grabbed; a gap is a dropped picture
    t_capture_ns: int  # monotonic clock, stamped when the grab returned
    pts_s: float | None  # presentation time, files and folders only


class Source(Protocol):
    """Gives pictures until it ends.

    `frame_count` and `fps` are what the file or device says, None where it does not say. `dropped` counts pictures that
    were overwritten before anybody took them (live sources only). `warnings` grows while reading: look again at the end.
    `details` tells what was opened and how; `health` tells how a live source fares.
    """

    is_live: bool
    name: str
    frame_count: int | None
    fps: float | None
    dropped: int
    warnings: list[str]
    details: str
    health: Health

    def wait(self, timeout_s: float) -> bool:
        """Whether `read` has an answer at once; waits for one, at most `timeout_s`. Recorded sources always have."""
        ...

    def read(self) -> Picture | None:
        """The next picture, waiting for it; None when the source has ended."""
        ...

    def stop(self) -> None:
        """Ask a `read` that goes on in another thread to end soon."""
        ...

    def close(self) -> None:
        """Let go of the file or device; closing twice is fine."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


@runtime_checkable
class BufferedSource(Source, Protocol):
    """A source that can write into an array that is no longer needed: no allocation per picture."""

    def read_into(self, buffer: np.ndarray | None) -> Picture | None:
        """As `read`, with the pixels in `buffer` where its shape and type fit."""
        ...


class ClosesItself:
    """The context manager half of a `Source`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError


class SourceDefaults(ClosesItself):
    """What a `Source` answers that never keeps its reader waiting."""

    details = ""

    def wait(self, timeout_s: float) -> bool:
        """True: `read` itself does the waiting, and it is short."""
        return True

    def stop(self) -> None:
        """Nothing: `read` ends soon by itself."""


def to_bgr8(image: np.ndarray) -> np.ndarray:
    """`image` as (H, W, 3) uint8 BGR, C-contiguous; the very same array if it already is.

    Takes grey (H, W) or (H, W, 1), BGR, BGRA (alpha is left out); uint8, or uint16 whose upper byte is kept, as OpenCV does.

    Raises:
        ShapeError: any other shape or type.
    """
    grey = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1)
    colour = image.ndim == 3 and image.shape[2] in (3, 4)
    if image.dtype not in (np.uint8, np.uint16) or not (grey or colour) or 0 in image.shape:
        raise ShapeError(f"a picture is grey, BGR or BGRA in uint8 or uint16, got {image.shape} {image.dtype}")
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if grey:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image if image.shape[2] == 3 else image[..., :3])
