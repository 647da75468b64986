"""Pictures in: cameras, network streams, video files, folders of images, all behind one `Source`.

    with open_source("walk.mp4") as source:
        while (picture := source.read()) is not None: ...

Files are read whole and in order. Live sources run in a thread of their own and hand out the newest picture; `as_camera`
treats a (paced) file the same way. A camera or stream that goes away is opened again.
"""

import os
import re
from pathlib import Path

from ..body.errors import BioHumanError, InputError
from .camera import CameraDevice, open_camera
from .devices import Camera, find_again, find_camera
from .image_folder import ImageFolder
from .live import LiveReader, as_camera
from .picture import BufferedSource, Picture, Source
from .reopening import ReopeningSource
from .video_file import VideoFile

__all__ = ["BufferedSource", "LiveReader", "Picture", "Source", "as_camera", "open_source"]

#: How long a camera or stream may stay away before that is an error.
PATIENCE_S = 60.0
#: The same where it is not opened again: longer than a driver waits for a picture by itself.
STALL_S = 15.0
STREAM = re.compile(r"(https?|rtsps?|rtmps?|udp|tcp|srt)://")
#: A name that ends so is meant as a file ("walk.mp4"), not as a camera ("USB2.0 HD WebCam").
SUFFIX = re.compile(r"\.[A-Za-z]\w{0,4}")


def open_source(
    spec: str,
    *,
    paced: bool = False,
    width: int | None = None,
    height: int | None = None,
    fps: float | None = None,
    patience_s: float = PATIENCE_S,
) -> Source:
    """The source that `spec` names: "0" is a camera, "rtsp://..." a stream, else a video file or a folder of images, else
    the name of a camera.

    Args:
        spec: camera number, device file or name, stream address, video file, or folder of images.
        paced: release the pictures of a file at their own times, as a camera would; none is skipped.
        width, height: asked of a camera; read back, and a difference is in `warnings`.
        fps: asked of a camera; the rate of a folder of images (default 30).
        patience_s: a live source that ends, fails or freezes is opened again for so long before that is an error; 0 never.

    Raises:
        InputError: it does not exist, is not what it seems to be, or gives no picture.
    """
    path = Path(spec).expanduser()
    size_asked = width is not None or height is not None
    live = _live_target(spec, path)
    if live is not None:
        if paced:
            raise InputError(f"{spec} is live and cannot be paced; leave pacing to files")
        return _open_live(live, width, height, fps, patience_s)
    if path.is_dir():
        source = ImageFolder(path, fps=30.0 if fps is None else fps, paced=paced)
        ignored = "width and height are" if size_asked else ""
    else:
        source = VideoFile(path, paced=paced)
        ignored = "width, height and fps are" if size_asked or fps is not None else ""
    if ignored:
        source.warnings.append(f"{ignored} for cameras; {source.name} keeps its own")
    return source


def _live_target(spec: str, path: Path) -> int | str | Camera | None:
    """What to open as a camera or stream; None for a file or folder, which exists.

    Raises:
        InputError: there is neither a file nor a camera of that name.
    """
    if spec.isdecimal():
        return int(spec)
    if STREAM.match(spec) or path.is_char_device():
        return spec
    if path.exists():
        return None
    if "/" in spec or os.sep in spec or SUFFIX.fullmatch(path.suffix):
        raise InputError(f"{spec}: no such file; give a video file, a folder of images, or a camera number such as 0")
    try:
        return find_camera(spec)
    except BioHumanError as error:
        raise InputError(f"there is no file or folder {spec!r}, and {error}") from None


def _open_live(
    target: int | str | Camera, width: int | None, height: int | None, fps: float | None, patience_s: float
) -> LiveReader:
    def open_device() -> CameraDevice:
        if isinstance(target, Camera):  # looked for each time: numbers move when a camera is plugged in again
            return open_camera(find_again(target).index, width=width, height=height, fps=fps, name=target.name)
        return open_camera(target, width=width, height=height, fps=fps)

    device = open_device()
    if patience_s <= 0 or device.has_end:
        return LiveReader(device, stall_s=STALL_S)
    return LiveReader(ReopeningSource(device, open_device), stall_s=patience_s)
