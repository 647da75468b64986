"""What the machine gives: OpenCV and its backends, cameras, a cache folder, a port."""

import os
import sys
import tempfile
from collections.abc import Iterator

from .findings import MISSING, NOTE, OK, WARNING, Finding, one_line

#: How long a publisher that holds the port is given to say who it is; it greets at once, and repeats every second.
GREETING_S = 1.2


def check_display() -> Iterator[Finding]:
    """Nothing of this program draws in a window."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        yield Finding(name="display", level=OK, says="none, and none is needed")


def check_opencv() -> Iterator[Finding]:
    """OpenCV loads, opens files and streams (FFmpeg), and has this system's camera backend."""
    from ..capture.camera import backend_here
    from ..capture.opencv import load_cv2

    mend = "uninstall every opencv package (pip list), then pip install opencv-contrib-python"
    try:
        registry = load_cv2().videoio_registry
        streams = [registry.getBackendName(backend) for backend in registry.getStreamBackends()]
        cameras = [registry.getBackendName(backend) for backend in registry.getCameraBackends()]
    except Exception as error:  # half of an OpenCV may raise anything
        yield Finding(name="OpenCV", level=MISSING, says=f"does not load ({one_line(error)})", mend=mend)
        return
    if "FFMPEG" in streams:
        yield Finding(name="files and streams", level=OK, says="FFMPEG")
    else:
        yield Finding(name="files and streams", level=WARNING, says=f"no FFMPEG; OpenCV has {', '.join(streams)}", mend=mend)
    backend = backend_here().removeprefix("CAP_")
    if backend in cameras:
        yield Finding(name="camera backend", level=OK, says=f"{backend} (OpenCV has {', '.join(cameras)})")
    else:
        says = f"no {backend}, so no camera opens; OpenCV has {', '.join(cameras) or 'none'}"
        yield Finding(name="camera backend", level=WARNING, says=says, mend=mend)


def check_cameras() -> Iterator[Finding]:
    """Which cameras there are. None is opened: its light would go on, and another program may use it."""
    from ..body.errors import BioHumanError
    from ..cameras import what_to_check
    from ..capture.devices import list_cameras

    try:
        cameras = list_cameras()
    except BioHumanError as error:
        yield Finding(name="cameras", level=WARNING, says=str(error), mend="install again what it names")
        return
    if not cameras:
        yield Finding(
            name="cameras", level=NOTE, says="none found; files and streams are tracked without", mend=what_to_check()
        )
    for camera in cameras:
        if sys.platform == "linux" and camera.path and not os.access(camera.path, os.R_OK | os.W_OK):
            says = f"{camera.name}, {camera.path}: you are not permitted to use it"
            yield Finding(name=f"camera {camera.index}", level=WARNING, says=says, mend=what_to_check())
        else:
            yield Finding(name=f"camera {camera.index}", level=OK, says=camera.name)


def check_cache() -> Iterator[Finding]:
    """The cache folder takes a file: fetched models and compiled engines go there."""
    from ..assets import cache_folder

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        says, mend = f"{folder} cannot be written ({error.strerror or error})", "name another folder with BIOHUMAN_CACHE"
        yield Finding(name="cache folder", level=WARNING, says=says, mend=mend)
    else:
        yield Finding(name="cache folder", level=OK, says=str(folder))


def check_address(bind: str) -> Iterator[Finding]:
    """The address where `track` publishes is free; or else who holds it."""
    import zmq

    if bind.startswith("ipc://"):  # listening there for a moment would cut off who listens already
        yield Finding(name="address", level=NOTE, says=f"{bind} is not tried: only tcp:// is")
        return
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        try:
            socket.bind(bind)
        except zmq.ZMQError as error:
            reason = error
        else:
            yield Finding(name="address", level=OK, says=f"{bind} is free")
            return
    if reason.errno != zmq.EADDRINUSE:
        mend = "choose another with --bind, such as tcp://127.0.0.1:5755"
        yield Finding(name="address", level=MISSING, says=f"cannot listen on {bind} ({reason})", mend=mend)
        return
    tracker, mend = _who_publishes(bind), "choose another with --bind, such as tcp://127.0.0.1:5756"
    if tracker:
        says = f"{bind} is in use by {tracker}; that is fine, a second one needs another address"
        yield Finding(name="address", level=NOTE, says=says, mend=mend)
    else:
        says = f"{bind} is in use by a program that is no biohuman"
        yield Finding(name="address", level=MISSING, says=says, mend=f"stop that program, or {mend}")


def _who_publishes(address: str) -> str:
    """The tracker that publishes there, in words; "" if whoever listens there is none."""
    from ..body.errors import InputError
    from ..wire import Meta, Subscriber

    reachable = address.replace("//*:", "//127.0.0.1:").replace("//0.0.0.0:", "//127.0.0.1:")
    try:
        with Subscriber(reachable, ["meta"]) as subscriber:
            received = subscriber.recv(GREETING_S)
    except InputError as error:  # a biohuman of another version is one, too; what it says is in the error
        return f"a publisher that this program cannot read ({error})" if "wire version" in str(error) else ""
    if received is None or not isinstance(received.message, Meta):
        return ""
    return f"a running tracker ({received.message.source}, {received.message.engine})"
