"""A camera or a network stream: opened by a named backend, its settings read back. Blocks; `LiveReader` gives it a thread."""

import re
import sys
import time
from pathlib import Path

import numpy as np

from ..body.errors import InputError
from .health import Health
from .opencv import load_cv2
from .picture import Picture, SourceDefaults, to_bgr8

#: Never CAP_ANY: the first backend that opens the device decides rate, format and delay.
BACKENDS = {"linux": "CAP_V4L2", "win32": "CAP_DSHOW", "darwin": "CAP_AVFOUNDATION"}
#: How long a stream may take to answer, and how long it may then stay silent before it counts as lost.
STREAM_OPEN_MS, STREAM_SILENT_MS = 10_000, 5_000


def backend_here() -> str:
    """OpenCV's name for the camera backend of this operating system.

    Raises:
        InputError: none is known.
    """
    backend = BACKENDS.get(sys.platform)
    if backend is None:
        raise InputError(f"no camera backend is known for {sys.platform}; give a video file or a stream")
    return backend


def format_name(fourcc: float) -> str:
    """The four letters of what CAP_PROP_FOURCC gives, such as MJPG; "" if it gives no letters."""
    code = int(fourcc)
    letters = bytes(code >> shift & 255 for shift in (0, 8, 16, 24)) if code > 0 else b""
    return letters.decode("ascii") if letters.isalnum() else ""


def open_camera(
    target: int | str,
    *,
    width: int | None = None,
    height: int | None = None,
    fps: float | None = None,
    name: str | None = None,
) -> "CameraDevice":
    """The camera of that number or device file, or the stream at that address.

    Args:
        name: what a camera is called in messages; default: "camera" and its number.

    Raises:
        InputError: it cannot be opened or gives no picture.
    """
    cv2 = load_cv2()
    if isinstance(target, str) and "://" in target:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, STREAM_OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, STREAM_SILENT_MS]
        started_s = time.monotonic()
        capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, limits)
        address = re.sub(r"//[^/@]*@", "//", target)  # no password in names, logs and messages
        device = CameraDevice(capture, address, is_stream=True)
        device.describe("FFmpeg", started_s)
        if width or height or fps:
            device.warnings.append(f"{address}: a stream sets its own width, height and fps")
        return device
    backend = backend_here()
    started_s = time.monotonic()
    device = CameraDevice(cv2.VideoCapture(target, getattr(cv2, backend)), name or f"camera {target}", is_stream=False)
    device.ask(width=width, height=height, fps=fps)
    device.describe(f"camera {target}, {backend.removeprefix('CAP_')}" if name else backend.removeprefix("CAP_"), started_s)
    return device


class CameraDevice(SourceDefaults):
    """An opened `cv2.VideoCapture` as a source of pictures stamped right after the grab.

    A live source's own time stamps are not used: OpenCV makes them up (an HTTP stream of 30 fps counts 40 ms a picture).

    Raises:
        InputError: the device is not open.
    """

    is_live = True
    dropped = 0
    frame_count: int | None = None

    def __init__(self, capture, name: str, *, is_stream: bool):
        self.name = name
        self.warnings: list[str] = []
        self.health = Health()
        self._cv2 = load_cv2()
        self._capture = capture
        self._is_stream = is_stream
        self._index = 0
        if not capture.isOpened():
            raise InputError(self._why_not_open())
        self.fps = self._rate()
        # A recording on a server has an end, which is not the loss of the connection.
        self.has_end = is_stream and capture.get(self._cv2.CAP_PROP_FRAME_COUNT) > 0

    def describe(self, backend: str, started_s: float) -> None:
        """Say in `details` what was opened, how, and how long that took since `started_s`."""
        cv2, get = self._cv2, self._capture.get
        size = f"{get(cv2.CAP_PROP_FRAME_WIDTH):g}x{get(cv2.CAP_PROP_FRAME_HEIGHT):g}"
        form = f"{size} {format_name(get(cv2.CAP_PROP_FOURCC))}".rstrip()
        self.details = f"{form}, {backend}, opened in {time.monotonic() - started_s:.1f} s"

    def _why_not_open(self) -> str:
        if self._is_stream:
            return f"{self.name}: no stream can be opened there; check the address and that the sender runs"
        found = ", ".join(str(path) for path in sorted(Path("/dev").glob("video*")))
        here = f"; cameras here: {found or 'none'}" if sys.platform == "linux" else "; the first camera is 0"
        return f"{self.name} cannot be opened: not there, used by another program, or not permitted{here}"

    def _rate(self) -> float | None:
        fps = 0.0 if self._is_stream else self._capture.get(self._cv2.CAP_PROP_FPS)  # for streams it is made up
        return fps if 0 < fps <= 1000 else None

    def ask(self, *, width: int | None, height: int | None, fps: float | None) -> None:
        """Set what is asked for, read it back, and put every difference into `warnings`."""
        cv2 = self._cv2
        asked = [
            (cv2.CAP_PROP_FRAME_WIDTH, width, "pixels of width"),
            (cv2.CAP_PROP_FRAME_HEIGHT, height, "pixels of height"),
            (cv2.CAP_PROP_FPS, fps, "fps"),
        ]
        if any(value is not None for _, value, _ in asked):
            # First, as it resets the rest: uncompressed, USB 2 carries 5 to 10 pictures a second of 1080p.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        for setting, value, _ in asked:
            if value is not None:
                self._capture.set(setting, value)
        for setting, value, unit in asked:
            got = self._capture.get(setting)
            if value is not None and not abs(got - value) < 0.5:
                self.warnings.append(f"asked for {value:g} {unit}, {self.name} gives {f'{got:g}' if got > 0 else 'no answer'}")
        self.fps = self._rate()

    def read(self) -> Picture | None:
        """The next picture in the device's queue."""
        return self.read_into(None)

    def read_into(self, buffer: np.ndarray | None) -> Picture | None:
        """As `read`, into `buffer` where it fits. None: closed, or the stream has ended.

        Raises:
            InputError: the camera has stopped giving pictures.
        """
        if not self._capture.isOpened():
            return None
        is_good = self._capture.grab()
        t_capture_ns = time.monotonic_ns()
        if is_good:
            is_good, image = self._capture.retrieve(buffer)
        if not is_good:
            return self._end()
        picture = Picture(image_bgr=to_bgr8(image), index=self._index, t_capture_ns=t_capture_ns, pts_s=None)
        self._index += 1
        return picture

    def _end(self) -> None:
        self.close()
        if self._index == 0:
            raise InputError(f"{self.name} opens but gives no picture; close other programs that use it, or permit its use")
        if not self._is_stream:
            raise InputError(f"{self.name} stopped after {self._index} pictures: unplugged, or taken by another program")
        self.warnings.append(f"{self.name}: ended, or the connection was lost, after {self._index} pictures")

    def close(self) -> None:
        """Release the device."""
        self._capture.release()
