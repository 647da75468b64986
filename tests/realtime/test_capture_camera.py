"""Cameras and streams. No camera is needed: a stream comes from a server in the test, settings from a scripted device."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.capture import LiveReader, camera, open_source
from realtime.capture.camera import CameraDevice

from .videos import next_of, number_of, numbered_picture

PERIOD_S = 1 / 30


class Device:
    """What a `cv2.VideoCapture` of a modest camera answers: 640x480, 30 fps, whatever it is asked for."""

    def __init__(self, frames=(), is_open=True, gives=(640.0, 480.0, 30.0)):
        self.calls = []
        self._frames, self._is_open = list(frames), is_open
        self._given = dict(zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS), gives, strict=True))

    def isOpened(self):
        return self._is_open

    def set(self, setting, value):
        self.calls.append(setting)
        return False

    def get(self, setting):
        return self._given.get(setting, 0.0)

    def grab(self):
        return bool(self._frames)

    def retrieve(self, buffer=None):
        return True, self._frames.pop(0)

    def release(self):
        self._is_open = False


def test_settings_are_read_back_and_differences_told():
    device = Device()
    source = CameraDevice(device, "camera 0", is_stream=False)
    source.ask(width=1280, height=480, fps=60)
    assert source.warnings == ["asked for 1280 pixels of width, camera 0 gives 640", "asked for 60 fps, camera 0 gives 30"]
    assert source.fps == 30.0
    assert device.calls[0] == cv2.CAP_PROP_FOURCC  # it resets the others, so it comes first


def test_a_camera_that_does_not_know_its_rate():
    source = CameraDevice(Device(gives=(640.0, 480.0, 0.0)), "camera 0", is_stream=False)
    source.ask(width=None, height=None, fps=25)
    assert source.fps is None
    assert source.warnings == ["asked for 25 fps, camera 0 gives no answer"]


def test_nothing_is_set_unasked():
    device = Device()
    CameraDevice(device, "camera 0", is_stream=False).ask(width=None, height=None, fps=None)
    assert device.calls == []


def test_pictures_carry_the_time_of_the_grab_and_no_pts():
    frames = [np.full((4, 6), 40, np.uint8), np.full((4, 6, 3), 50, np.uint8), np.full((4, 6, 1), 60 << 8, np.uint16)]
    before_ns = time.monotonic_ns()
    source = CameraDevice(Device(frames), "camera 0", is_stream=False)
    pictures = [next_of(source) for _ in range(3)]
    assert [int(p.image_bgr[1, 1, 2]) for p in pictures] == [40, 50, 60]
    assert [p.image_bgr.shape for p in pictures] == [(4, 6, 3)] * 3
    assert [p.pts_s for p in pictures] == [None] * 3
    stamps_ns = [before_ns, *(p.t_capture_ns for p in pictures), time.monotonic_ns()]
    assert stamps_ns == sorted(stamps_ns)


def test_a_camera_that_stops_is_a_fault_and_reaches_the_reader():
    live = LiveReader(CameraDevice(Device([numbered_picture(5)]), "camera 0", is_stream=False))
    with live:
        assert number_of(next_of(live).image_bgr) == 5
        with pytest.raises(InputError, match="camera 0 stopped after 1 pictures: unplugged"):
            live.read()


def test_a_camera_without_any_picture():
    with pytest.raises(InputError, match="camera 0 opens but gives no picture"):
        CameraDevice(Device(), "camera 0", is_stream=False).read()


@pytest.mark.parametrize("spec", ["4321", "rtsp://user:secret@127.0.0.1:9/none"])
def test_what_is_not_there_is_one_line(spec, capfd):
    with pytest.raises(InputError, match=r"cannot be opened|no stream can be opened") as caught:
        open_source(spec)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_the_backend_is_named_for_each_platform(monkeypatch):
    assert {name: hasattr(cv2, backend) for name, backend in camera.BACKENDS.items()} == dict.fromkeys(camera.BACKENDS, True)
    monkeypatch.setattr("sys.platform", "plan9")
    with pytest.raises(InputError, match="no camera backend is known for plan9"):
        camera.open_camera(0)


def test_live_sources_are_not_paced():
    with pytest.raises(InputError, match="is live and cannot be paced"):
        open_source("0", paced=True)


class MotionJpeg(BaseHTTPRequestHandler):
    """Sends numbered pictures at 30 fps, as a network camera does; the connection queues what nobody fetches."""

    sent_ns: dict[int, int] = {}  # noqa: RUF012
    count = 90

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        pace = threading.Event()
        for number in range(self.count):
            jpeg = cv2.imencode(".jpg", numbered_picture(number))[1].tobytes()
            self.sent_ns[number] = time.monotonic_ns()
            try:
                self.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg))
            except OSError:  # the reader has gone
                return
            pace.wait(PERIOD_S)

    def log_message(self, *_):
        pass


@pytest.fixture
def motion_jpeg():
    server = ThreadingHTTPServer(("127.0.0.1", 0), MotionJpeg)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_slow_reader_of_a_stream_sees_fresh_pictures_to_its_end(motion_jpeg):
    busy = threading.Event()
    numbers, ages_ms = [], []
    with open_source(motion_jpeg, patience_s=0) as live:
        assert live.is_live
        assert live.fps is None  # OpenCV would say 25
        while (picture := live.read()) is not None:
            number = number_of(picture.image_bgr)
            numbers.append(number)
            ages_ms.append((time.monotonic_ns() - MotionJpeg.sent_ns[number]) / 1e6)
            busy.wait(3 * PERIOD_S)  # a plain read() loop would be 2 s behind at the end
    assert numbers == sorted(set(numbers))
    assert numbers[-1] >= 88
    assert len(numbers) + live.dropped >= 89
    assert live.dropped > 30
    assert np.median(ages_ms) < 500
    assert live.warnings[-1].startswith(live.name)
    assert "the connection was lost, after" in live.warnings[-1]


@pytest.fixture(params=["http", "rtsp"])
def mute_server(request):
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"{request.param}://127.0.0.1:{server.getsockname()[1]}/live"


def test_a_stream_that_never_answers_is_given_up(mute_server, monkeypatch):
    monkeypatch.setattr(camera, "STREAM_OPEN_MS", 500)
    started_s = time.monotonic()
    with pytest.raises(InputError, match="no stream can be opened there; check the address and that the sender runs"):
        open_source(mute_server)
    assert time.monotonic() - started_s < 8
