"""The cameras of this machine: number, name, ids; found by name; asked what sizes and rates they give.

OpenCV knows numbers only, and a number moves when a camera is plugged in again. The list comes from `cv2_enumerate_cameras`.
"""

import difflib
import time
from dataclasses import dataclass

from ..body.errors import BioHumanError, InputError
from .camera import backend_here, format_name
from .opencv import load_cv2

#: What is asked for when a camera is probed: common sizes of webcams, at the usual rates.
SIZES_PX = ((640, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
RATES_FPS = (30.0, 60.0)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One camera as the system lists it."""

    index: int  # what `cv2.VideoCapture` takes, with the backend of `camera.backend_here`
    name: str
    vendor_id: int | None  # USB; None for others
    product_id: int | None
    path: str | None  # device file, Windows' device path, or macOS' unique id

    def __str__(self) -> str:
        return f"{self.name} ({self.index})"


@dataclass(frozen=True, order=True, kw_only=True)
class Mode:
    """A setting that a camera took, as it reads back."""

    width: int
    height: int
    fps: float
    format: str  # four letters such as MJPG; "" where the backend does not say


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a camera gives when it is opened."""

    opened_s: float  # how long opening took
    modes: list[Mode]


def list_cameras() -> list[Camera]:
    """All cameras, by number.

    Raises:
        InputError: an operating system without a known camera backend.
        BioHumanError: OpenCV or cv2_enumerate_cameras is missing.
    """
    cv2 = load_cv2()
    backend = getattr(cv2, backend_here())
    try:
        from cv2_enumerate_cameras import enumerate_cameras
    except ImportError as error:
        raise BioHumanError(f"cameras cannot be listed ({error}): pip install cv2-enumerate-cameras") from error
    cameras = [
        Camera(index=c.index, name=c.name or f"camera {c.index}", vendor_id=c.vid, product_id=c.pid, path=c.path)
        for c in enumerate_cameras(backend)
    ]
    return sorted(cameras, key=lambda camera: camera.index)


def find_camera(name: str) -> Camera:
    """The camera called `name`; a part of its name is enough if no other camera has it. Upper and lower case are the same.

    Raises:
        InputError: none or several are called so; the message lists them.
    """
    cameras = list_cameras()
    wanted = name.casefold().strip()
    whole = [camera for camera in cameras if camera.name.casefold().strip() == wanted]
    fitting = whole or [camera for camera in cameras if wanted in camera.name.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(f"several cameras are called {name!r}: {_told(fitting)}; give more of the name, or the number")
    raise InputError(_unknown(name, cameras))


def find_again(camera: Camera) -> Camera:
    """The same camera, wherever it is now: its whole name counts, so that no other camera is ever taken instead.

    Raises:
        InputError: it is not there, or there are several of that name and none at its old place.
    """
    same = [
        c for c in list_cameras() if (c.name, c.vendor_id, c.product_id) == (camera.name, camera.vendor_id, camera.product_id)
    ]
    if len(same) > 1:
        same = [c for c in same if (c.index, c.path) == (camera.index, camera.path)] or same
    if len(same) > 1:
        raise InputError(f"several cameras are called {camera.name!r}: {_told(same)}; unplug one, or give the number")
    if not same:
        raise InputError(f"{camera.name} is not there: unplugged, or switched off")
    return same[0]


def probe_camera(index: int) -> Probe:
    """Opens the camera and asks for common sizes and rates, as `track --size --fps` would; what reads back is what it gives.

    Raises:
        InputError: it cannot be opened.
    """
    cv2 = load_cv2()
    started_s = time.monotonic()
    capture = cv2.VideoCapture(index, getattr(cv2, backend_here()))
    try:
        if not capture.isOpened():
            raise InputError(f"camera {index} does not open: used by another program, or not permitted")
        opened_s = time.monotonic() - started_s
        modes = {_mode_given(cv2, capture, *size, fps) for size in SIZES_PX for fps in RATES_FPS}
        return Probe(opened_s=opened_s, modes=sorted(mode for mode in modes if mode.width > 0))
    finally:
        capture.release()


def _mode_given(cv2, capture, width: int, height: int, fps: float) -> Mode:
    # The format first, as it resets the rest: uncompressed, USB 2 carries 5 to 10 pictures a second of 1080p.
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    for setting, value in ((cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height), (cv2.CAP_PROP_FPS, fps)):
        capture.set(setting, value)
    return Mode(
        width=round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        height=round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        fps=round(capture.get(cv2.CAP_PROP_FPS), 2),
        format=format_name(capture.get(cv2.CAP_PROP_FOURCC)),
    )


def _unknown(name: str, cameras: list[Camera]) -> str:
    if not cameras:
        return f"no camera is called {name!r}: there is none here (`biohuman cameras` says what to check)"
    by_name = {camera.name.casefold(): camera for camera in cameras}
    near = [by_name[n] for n in difflib.get_close_matches(name.casefold(), by_name, n=3, cutoff=0.4)] or cameras[:5]
    return f"no camera is called {name!r}; nearest: {_told(near)}"


def _told(cameras: list[Camera]) -> str:
    return ", ".join(str(camera) for camera in cameras)
