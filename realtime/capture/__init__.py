"""Pictures in: cameras, network streams, video files, folders of images, all behind one `Source`.

    with open_source("walk.mp4") as source:
        while (picture := source.read()) is not None: ...

Files are read whole and in order. Live sources run in a thread of their own and hand out the newest picture; `as_camera`
treats a (paced) file the same way.
"""

import re
from pathlib import Path

from ..body.errors import InputError
from .camera import open_camera
from .image_folder import ImageFolder
from .live import LiveReader, as_camera
from .picture import BufferedSource, Picture, Source
from .video_file import VideoFile

__all__ = ["BufferedSource", "LiveReader", "Picture", "Source", "as_camera", "open_source"]

#: How long a camera or stream may stay silent before that is an error. OpenCV's own V4L2 time limit is 10 s a grab.
STALL_S = 15.0
STREAM = re.compile(r"(https?|rtsps?|rtmps?|udp|tcp|srt)://")


def open_source(
    spec: str, *, paced: bool = False, width: int | None = None, height: int | None = None, fps: float | None = None
) -> Source:
    """The source that `spec` names: "0" is a camera, "rtsp://..." a stream, else a video file or a folder of images.

    Args:
        spec: camera number, device file, stream address, video file, or folder of images.
        paced: release the pictures of a file at their own times, as a camera would; none is skipped.
        width, height: asked of a camera; read back, and a difference is in `warnings`.
        fps: asked of a camera; the rate of a folder of images (default 30).

    Raises:
        InputError: it does not exist, is not what it seems to be, or gives no picture.
    """
    path = Path(spec).expanduser()
    size_asked = width is not None or height is not None
    if spec.isdecimal() or STREAM.match(spec) or path.is_char_device():
        if paced:
            raise InputError(f"{spec} is live and cannot be paced; leave pacing to files")
        device = open_camera(int(spec) if spec.isdecimal() else spec, width=width, height=height, fps=fps)
        return LiveReader(device, stall_s=STALL_S)
    if path.is_dir():
        source = ImageFolder(path, fps=30.0 if fps is None else fps, paced=paced)
        ignored = "width and height are" if size_asked else ""
    elif path.exists():
        source = VideoFile(path, paced=paced)
        ignored = "width, height and fps are" if size_asked or fps is not None else ""
    else:
        raise InputError(f"{spec}: no such file; give a video file, a folder of images, or a camera number such as 0")
    if ignored:
        source.warnings.append(f"{ignored} for cameras; {source.name} keeps its own")
    return source
