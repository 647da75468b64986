"""Stand-ins for camera and front end: pictures whose content is chosen by the test."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.body.frames import LandmarkFrame
from realtime.capture.health import Health
from realtime.capture.picture import SourceDefaults

SIZE_PX = (64, 48)


@dataclass(frozen=True)
class Picture:
    image_bgr: np.ndarray
    index: int
    t_capture_ns: int
    pts_s: float | None


def picture(i: int, *, fps: float = 30.0, pts: bool = True, t_s: float | None = None) -> Picture:
    """Picture number `i`, at i / fps seconds or at `t_s`; its first pixel carries the number."""
    image = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    image[0, 0] = (i & 255, i >> 8, 0)
    t_s = i / fps if t_s is None else t_s
    return Picture(image, i, 10**9 + round(t_s * 1e9), t_s if pts else None)


def someone(nose_x: float = 0.5, nose_y: float = 0.5) -> LandmarkFrame:
    xy_norm = np.full((33, 2), 0.5, np.float32)
    xy_norm[0] = nose_x, nose_y
    return LandmarkFrame(
        detected=True,
        xy_norm=xy_norm,
        visibility=np.full(33, 0.75, np.float32),
        landmarks_m=np.zeros((33, 3), np.float32),
        image_size_px=SIZE_PX,
    )


class ScriptedFrontEnd:
    """Sees what `script(picture number)` says; None is nobody. Remembers the times it was given."""

    name = "scripted"

    def __init__(self, script=lambda i: someone()):
        self.script = script
        self.warnings: list[str] = []
        self.times_ns: list[int] = []

    def detect(self, picture_bgr: np.ndarray, t_ns: int) -> LandmarkFrame:
        self.times_ns.append(t_ns)
        blue, green, _ = picture_bgr[0, 0]
        seen = self.script(int(blue) + 256 * int(green))
        return LandmarkFrame.nobody(SIZE_PX) if seen is None else seen

    def close(self) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class ListSource(SourceDefaults):
    """Gives the pictures of a list; an exception in it is raised when its turn comes."""

    is_live = False
    name = "list"
    fps: float | None = 30.0
    dropped = 0

    def __init__(self, pictures: list):
        self.frame_count: int | None = len(pictures)
        self.warnings: list[str] = []
        self.health = Health()
        self._left = iter(pictures)

    def read(self) -> Any:
        item = next(self._left, None)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        pass
