"""A sheet of pictures from the takes, so that somebody looks at what is learnt from."""

from pathlib import Path

import numpy as np

from realtime.capture.opencv import load_cv2

from ..dataset import write_whole

NAME = "contact.jpg"
COLUMNS, ROWS, WIDTH_PX, HEIGHT_PX = 6, 6, 320, 240


class ContactSheet:
    """Every so many takes one picture; the sheet in the dataset's folder is written anew when a row is full."""

    def __init__(self, folder: Path, every: int = 1):
        self._path, self._every = folder / NAME, every
        self._pictures: list[np.ndarray] = []
        self._count = 0

    def add(self, filmed) -> None:
        """The picture of a `make.Filmed`, if it is its turn. A full sheet is thinned to its half, and later ones come half as often."""
        if filmed.thumbnail is None:
            return
        self._count += 1
        if self._count % self._every:
            return
        self._pictures.append(_captioned(filmed))
        if len(self._pictures) > COLUMNS * ROWS:
            self._pictures, self._every = self._pictures[::2], 2 * self._every
        if len(self._pictures) % COLUMNS == 0:
            self.write()

    def write(self) -> None:
        if not self._pictures:
            return
        cv2 = load_cv2()
        blank = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
        pictures = self._pictures + [blank] * (-len(self._pictures) % COLUMNS)
        rows = [np.hstack(pictures[i : i + COLUMNS]) for i in range(0, len(pictures), COLUMNS)]
        encoded = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
        write_whole(self._path, lambda part: part.write_bytes(encoded))


def _captioned(filmed) -> np.ndarray:
    """The picture, small, with its landmarks drawn on it and the take's name."""
    cv2 = load_cv2()
    picture = cv2.resize(filmed.thumbnail, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    xy_norm = filmed.frames["xy_norm"][len(filmed.frames["frame"]) // 2]
    for x, y in xy_norm[np.isfinite(xy_norm).all(-1)] * [WIDTH_PX, HEIGHT_PX]:
        cv2.circle(picture, (round(x), round(y)), 2, (0, 255, 255), -1)
    cv2.putText(picture, filmed.take, (4, HEIGHT_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1, cv2.LINE_AA)
    return picture
