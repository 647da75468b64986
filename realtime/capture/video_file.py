"""A video file: every frame, in order, upright, with its true presentation time."""

import time
from pathlib import Path

import numpy as np

from ..body.errors import InputError
from .health import Health
from .opencv import load_cv2
from .pacing import Pacer
from .picture import Picture, SourceDefaults


class VideoFile(SourceDefaults):
    """Reads a file with OpenCV's FFmpeg in the caller's thread; FFmpeg decodes ahead in threads of its own.

    OpenCV turns rotated phone video upright by itself (CAP_PROP_ORIENTATION_AUTO, on by default for files).

    Raises:
        InputError: not a file, empty, not a video, or not one picture in it can be decoded.
    """

    is_live = False
    dropped = 0

    def __init__(self, path: Path, *, paced: bool = False):
        self.name = path.name
        self.warnings: list[str] = []
        self.health = Health()
        self._path = path
        self._cv2 = load_cv2()
        self._capture = self._open()
        # Grabbed here already, so that a file without pictures is refused when it is opened.
        self._first_is_grabbed = self._capture.grab()
        if not self._first_is_grabbed:
            self._capture.release()
            raise InputError(f"{path}: a video without one readable picture (cut short or damaged); copy or record it again")
        count, fps = self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT), self._capture.get(self._cv2.CAP_PROP_FPS)
        self.frame_count = int(count) if 0 < count < 1e9 else None  # negative or absurd where the container has none
        self.fps = fps if 0 < fps <= 1000 else None
        self._pacer = Pacer() if paced else None
        self._index = 0
        self._pts_s = -1.0

    def _open(self):
        if not self._path.is_file():
            raise InputError(f"{self._path} is neither a file nor a folder; give a video file, a folder of images, or 0")
        if self._path.stat().st_size == 0:
            raise InputError(f"{self._path} is empty (0 bytes); copy or record it again")
        try:
            self._path.open("rb").close()
        except OSError as error:
            raise InputError(f"{self._path} cannot be read: {error.strerror}") from error
        capture = self._cv2.VideoCapture(str(self._path), self._cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise InputError(f"{self._path} is not a video that can be read (damaged, cut short, or another kind of file)")
        return capture

    def read(self) -> Picture | None:
        """The next frame, or None after the last one."""
        return self.read_into(None)

    def read_into(self, buffer: np.ndarray | None) -> Picture | None:
        """As `read`, into `buffer` where it fits."""
        if not self._capture.isOpened():  # closed, or ended before
            return None
        if not (self._first_is_grabbed or self._capture.grab()):
            self._end()
            return None
        self._first_is_grabbed = False
        pts_s = self._next_pts_s()
        if self._pacer:
            self._pacer.wait(pts_s)  # decoded already: what is released when due is a finished picture, as from a camera
        t_capture_ns = time.monotonic_ns()
        is_good, image_bgr = self._capture.retrieve(buffer)
        if not is_good:
            self._end()
            return None
        picture = Picture(image_bgr=image_bgr, index=self._index, t_capture_ns=t_capture_ns, pts_s=pts_s)
        self._index += 1
        return picture

    def _next_pts_s(self) -> float:
        """The grabbed frame's time. POS_MSEC holds it once grab() returned; before, it is the previous frame's."""
        pts_s = self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000.0
        if not pts_s > self._pts_s:
            step_s = 1.0 / (self.fps or 30.0)
            pts_s = self._pts_s + step_s
            if not any("time stamps" in warning for warning in self.warnings):
                self.warnings.append(
                    f"{self.name}: time stamps do not increase at picture {self._index}; counted on by {step_s * 1000:.1f} ms"
                )
        self._pts_s = pts_s
        return pts_s

    def _end(self) -> None:
        self.close()
        if self.frame_count is not None and self._index < self.frame_count:
            self.warnings.append(
                f"{self.name}: {self.frame_count} pictures promised, {self._index} read"
                " (cut short, damaged, or trimmed without re-encoding)"
            )

    def stop(self) -> None:
        """End the waiting for a due time in another thread."""
        if self._pacer:
            self._pacer.stopped = True

    def close(self) -> None:
        """Release the file."""
        self.stop()
        self._capture.release()
