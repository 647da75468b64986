"""A folder of images, in natural order, as a video of constant rate."""

import re
import time
from pathlib import Path

import numpy as np

from ..body.errors import InputError
from .health import Health
from .opencv import load_cv2
from .pacing import Pacer
from .picture import Picture, SourceDefaults

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class ImageFolder(SourceDefaults):
    """Every image of a folder; `pts_s` is index / fps. Sizes may differ. Grey, RGBA and 16-bit become 8-bit BGR.

    Raises:
        InputError: no images in it, or one of them cannot be read (at its turn, naming it).
    """

    is_live = False
    dropped = 0

    def __init__(self, path: Path, *, fps: float = 30.0, paced: bool = False):
        if not (0 < fps <= 1000):
            raise InputError(f"{path}: {fps:g} fps; give the rate of the images, above 0 and at most 1000")
        self.name = path.resolve().name
        self.fps: float | None = fps
        self.warnings: list[str] = []
        self.health = Health()
        files = (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
        self._files = sorted(files, key=lambda file: natural_key(file.name))
        if not self._files:
            raise InputError(f"{path}: no images in this folder; it should hold {', '.join(SUFFIXES)}")
        self.frame_count: int | None = len(self._files)
        self._rate = fps
        self._index = 0
        self._pacer = Pacer() if paced else None

    def read(self) -> Picture | None:
        """The next image, or None after the last one."""
        if self._index >= len(self._files):
            return None
        image_bgr = read_image(self._files[self._index])
        pts_s = self._index / self._rate
        if self._pacer:
            self._pacer.wait(pts_s)
        picture = Picture(image_bgr=image_bgr, index=self._index, t_capture_ns=time.monotonic_ns(), pts_s=pts_s)
        self._index += 1
        return picture

    def stop(self) -> None:
        """End the waiting for a due time in another thread."""
        if self._pacer:
            self._pacer.stopped = True

    def close(self) -> None:
        """End reading."""
        self.stop()
        self._files = []


def natural_key(name: str) -> list[tuple[int, str]]:
    """A sorting key that puts frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def read_image(path: Path) -> np.ndarray:
    """One image file as (H, W, 3) uint8 BGR, upright by its EXIF tag.

    Raises:
        InputError: the file cannot be read or is no image.
    """
    cv2 = load_cv2()
    try:
        data = path.read_bytes()  # cv2.imread cannot open every path on Windows
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    # IMREAD_COLOR also turns by EXIF, spreads grey, leaves alpha out and keeps the upper byte of 16 bits.
    image_bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image_bgr is None:
        raise InputError(f"{path} is not an image that can be read ({len(data)} bytes); mend it or take it out of the folder")
    return image_bgr
