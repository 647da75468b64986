"""Keeps the film of a take, for looking; the datasets hold no pictures."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from realtime.body.errors import OutputError
from realtime.capture.opencv import load_cv2


@contextmanager
def recorder(path: Path | None, size_px: tuple[int, int], fps: float) -> Iterator[Callable[[np.ndarray], object]]:
    """A function that takes the pictures of a film; the file (.mp4) appears whole when the block ends, or not at all. No path:
    nothing is kept.

    Pictures that were taken at uneven times are played evenly; their times are in the dataset.

    Raises:
        OutputError: the file cannot be written.
    """
    if path is None:
        yield lambda picture_bgr: None
        return
    cv2 = load_cv2()
    part = path.with_name(f".{path.name}.part.mp4")  # the same in every run: what a killed one leaves is written over
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), fps, size_px)
    count = 0

    def keep(picture_bgr: np.ndarray) -> None:
        nonlocal count
        writer.write(picture_bgr)
        count += 1

    try:
        with _told(path):
            if not writer.isOpened():
                raise OSError(errno.EIO, "OpenCV cannot open it, as on a full disk")
        yield keep
        writer.release()
        with _told(path):
            if _frame_count(part) != count:  # OpenCV does not tell of a full disk
                raise OSError(errno.ENOSPC, "the film came out short, as on a full disk")
            os.replace(part, path)
    finally:
        writer.release()
        with suppress(OSError):  # else it would hide why the film cannot be written
            part.unlink()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says of a film that cannot be written, as one line."""
    try:
        yield
    except OSError as error:
        to_do = "; make room, whole files are kept and the same command goes on; or leave out --keep-video"
        raise OutputError(f"{path} cannot be written: {error.strerror or error}{to_do}") from error


def _frame_count(path: Path) -> int:
    """Pictures in a film; 0 if it cannot be read. An .mp4 gets its index last, so that one that is cut off has none."""
    cv2 = load_cv2()
    film = cv2.VideoCapture(str(path))
    try:
        return int(film.get(cv2.CAP_PROP_FRAME_COUNT)) if film.isOpened() else 0
    finally:
        film.release()
