"""Keeps the film of a take, for looking; the datasets hold no pictures."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from realtime.body.errors import OutputError
from realtime.capture.opencv import load_cv2


@contextmanager
def recorder(path: Path | None, size_px: tuple[int, int], fps: float) -> Iterator[Callable[[np.ndarray], object]]:
    """A function that takes the pictures of a film; the file (.mp4) appears whole when the block ends. No path: nothing is kept.

    Pictures that were taken at uneven times are played evenly; their times are in the dataset.

    Raises:
        OutputError: the file cannot be written.
    """
    if path is None:
        yield lambda picture_bgr: None
        return
    cv2 = load_cv2()
    part = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), fps, size_px)
        if not writer.isOpened():
            raise OutputError(f"{path} cannot be written; give another --out, or leave out --keep-video")
        try:
            yield writer.write
        finally:
            writer.release()
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
