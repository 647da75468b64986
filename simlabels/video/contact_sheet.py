"""A sheet of pictures from the takes, so that somebody looks at what is learnt from."""

from pathlib import Path

import numpy as np

from realtime.body.files import write_whole
from realtime.capture.opencv import load_cv2

from ..inspect.contact_sheet import COLUMNS, MOST_TILES, SHEET_NAME, contact_sheet


class ContactSheet:
    """The sheet in a dataset's folder; written anew whenever a row is full."""

    def __init__(self, folder: Path):
        self._path, self._every, self._count, self._is_resumed = folder / SHEET_NAME, 1, 0, False
        self._tiles: list[tuple[np.ndarray, str]] = []

    def start(self, takes: int, kept: int) -> None:
        """A run that goes on from an earlier one keeps that one's sheet, unless it has most of the takes to show."""
        self._is_resumed = kept > takes / 2 and self._path.is_file()

    def add(self, filmed) -> None:
        """The picture of a `film_job.Filmed`, if it is its turn. A full sheet is thinned to its half, and later ones come half as often."""
        if filmed.thumbnail is None:
            return
        self._count += 1
        if self._count % self._every:
            return
        self._tiles.append((_with_landmarks(filmed), filmed.take))
        if len(self._tiles) > MOST_TILES:
            self._tiles, self._every = self._tiles[::2], 2 * self._every
        if len(self._tiles) % COLUMNS == 0:
            self.write()

    def write(self) -> None:
        if self._tiles and not self._is_resumed:
            sheet = contact_sheet(*zip(*self._tiles, strict=True))
            write_whole(self._path, lambda part: part.write_bytes(sheet))


def _with_landmarks(filmed) -> np.ndarray:
    """The picture with what the front end saw in it."""
    cv2, picture = load_cv2(), filmed.thumbnail.copy()
    height, width = picture.shape[:2]
    xy_norm = filmed.frames["xy_norm"][len(filmed.frames["frame"]) // 2]
    for x, y in xy_norm[np.isfinite(xy_norm).all(-1)] * [width, height]:
        cv2.circle(picture, (round(x), round(y)), max(2, width // 200), (0, 255, 255), -1)
    return picture
