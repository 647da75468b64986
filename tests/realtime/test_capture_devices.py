"""Cameras by name. The fakes stand at the device call: what the system lists, and `cv2.VideoCapture`."""

import json
import sys
from typing import ClassVar

import cv2
import cv2_enumerate_cameras
import pytest
from cv2_enumerate_cameras import CameraInfo

from realtime import cli
from realtime.body.errors import BioHumanError, InputError
from realtime.cameras import told_modes
from realtime.capture import open_source, reopening
from realtime.capture.devices import Camera, Mode, find_again, find_camera, list_cameras, probe_camera

from .videos import next_of, number_of, numbered_picture

BRIO = CameraInfo(2, "Logitech BRIO", "/dev/video2", 0x046D, 0x085E, cv2.CAP_V4L2)
C920 = CameraInfo(4, "HD Pro Webcam C920 (Logitech)", "/dev/video4", 0x046D, 0x082D, cv2.CAP_V4L2)
BUILT_IN = CameraInfo(0, "USB2.0 HD UVC WebCam", "/dev/video0", None, None, cv2.CAP_V4L2)


class Plugs:
    """What is plugged in: what the system lists, and which number opens with which pictures."""

    def __init__(self, *cameras: CameraInfo):
        self.cameras = list(cameras)
        self.pictures: dict[int, list[int]] = {}  # by number: what it gives before it is gone
        self.opened: list[int] = []

    def enumerate(self, backend: int) -> list[CameraInfo]:
        assert backend == cv2.CAP_V4L2
        return list(self.cameras)

    def open(self, index: int, backend: int) -> "Webcam":
        assert backend == cv2.CAP_V4L2
        self.opened.append(index)
        return Webcam([numbered_picture(n) for n in self.pictures.get(index, [])], is_there=index in self.pictures)


class Webcam:
    """A USB 2 webcam at its driver: a new format resets size and rate; what it does not have becomes the nearest it has."""

    RATES: ClassVar = {
        "MJPG": {(640, 480): (30.0, 60.0), (1280, 720): (30.0, 60.0), (1920, 1080): (30.0,)},
        "YUYV": {(640, 480): (30.0,), (1280, 720): (10.0,)},
    }

    def __init__(self, pictures, *, is_there=True):
        self._pictures, self._is_open = pictures, is_there
        self._format, self._size, self._fps = "YUYV", (640, 480), 30.0

    def isOpened(self):
        return self._is_open

    def set(self, setting, value):
        if setting == cv2.CAP_PROP_FOURCC:
            self._format, self._size = int(value).to_bytes(4, "little").decode(), (640, 480)
        elif setting == cv2.CAP_PROP_FRAME_WIDTH:
            self._size = self._nearest(value, self._size[1])
        elif setting == cv2.CAP_PROP_FRAME_HEIGHT:
            self._size = self._nearest(self._size[0], value)
        elif setting == cv2.CAP_PROP_FPS:
            self._fps = min(self.RATES[self._format][self._size], key=lambda fps: abs(fps - value))
        return True

    def _nearest(self, width, height):
        return min(self.RATES[self._format], key=lambda size: abs(size[0] - width) + abs(size[1] - height))

    def get(self, setting):
        return {
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*self._format)),
            cv2.CAP_PROP_FRAME_WIDTH: float(self._size[0]),
            cv2.CAP_PROP_FRAME_HEIGHT: float(self._size[1]),
            cv2.CAP_PROP_FPS: self._fps,
        }.get(setting, 0.0)

    def grab(self):
        return bool(self._pictures)

    def retrieve(self, buffer=None):
        return True, self._pictures.pop(0)

    def release(self):
        self._is_open = False


@pytest.fixture
def plugged(monkeypatch):
    def plug(*cameras: CameraInfo) -> Plugs:
        plugs = Plugs(*cameras)
        plugs.pictures = {camera.index: [] for camera in cameras}
        monkeypatch.setattr("sys.platform", "linux")
        monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", plugs.enumerate)
        monkeypatch.setattr(cv2, "VideoCapture", plugs.open)
        return plugs

    return plug


def test_cameras_are_listed_by_number(plugged):
    plugged(C920, BUILT_IN, BRIO)
    assert [camera.index for camera in list_cameras()] == [0, 2, 4]
    assert list_cameras()[1] == Camera(index=2, name="Logitech BRIO", vendor_id=0x046D, product_id=0x085E, path="/dev/video2")


@pytest.mark.parametrize(
    ("name", "index"), [("brio", 2), ("LOGITECH BRIO", 2), ("logitech b", 2), ("c920", 4), ("(Logitech)", 4), ("usb2.0", 0)]
)
def test_a_part_of_the_name_is_enough(plugged, name, index):
    plugged(BUILT_IN, BRIO, C920)
    assert find_camera(name).index == index


def test_a_whole_name_wins_over_a_part_of_another(plugged):
    plugged(CameraInfo(1, "Logitech BRIO IR", "/dev/video1", 0x046D, 0x085E, cv2.CAP_V4L2), BRIO)
    assert find_camera("logitech brio").index == 2


def test_a_name_that_several_have_is_refused(plugged):
    plugged(BUILT_IN, BRIO, C920)
    with pytest.raises(
        InputError, match=r"called 'logitech': Logitech BRIO \(2\), HD Pro Webcam C920 \(Logitech\) \(4\); give"
    ):
        find_camera("logitech")


def test_an_unknown_name_tells_the_nearest(plugged):
    plugged(BUILT_IN, BRIO, C920)
    with pytest.raises(InputError) as caught:
        open_source("logitech bro")
    told = "there is no file or folder 'logitech bro', and no camera is called 'logitech bro'; nearest: Logitech BRIO (2)"
    assert str(caught.value) == told


@pytest.mark.parametrize("spec", ["brio.mp4", "clips/brio", "./brio"])
def test_what_looks_like_a_file_is_told_as_a_file(plugged, spec):
    plugs = plugged(BRIO)
    with pytest.raises(InputError, match="no such file; give a video file"):
        open_source(spec)
    assert plugs.opened == []


def test_a_file_wins_over_a_camera(plugged, tmp_path, monkeypatch):
    plugs = plugged(BRIO)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "brio").touch()
    with pytest.raises(InputError, match=r"brio is empty \(0 bytes\)"):
        open_source("brio")
    assert plugs.opened == []


def test_a_name_opens_its_camera_with_what_is_asked(plugged):
    plugs = plugged(BUILT_IN, BRIO)
    plugs.pictures[2] = [7]
    with open_source("brio", width=1280, height=720, fps=60, patience_s=0) as source:
        assert (source.name, source.fps, source.warnings) == ("Logitech BRIO", 60.0, [])
        assert source.details.startswith("1280x720 MJPG, camera 2, V4L2, opened in ")
        assert number_of(next_of(source).image_bgr) == 7
    assert plugs.opened == [2]


def test_a_camera_plugged_in_elsewhere_is_found_again_and_no_other_is_taken(plugged, monkeypatch):
    monkeypatch.setattr(reopening, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(reopening, "LONGEST_PAUSE_S", 0.05)
    plugs = plugged(BUILT_IN, BRIO)
    plugs.pictures[2] = [1]
    with open_source("log", patience_s=20) as source:  # this part of the name will fit another one, too
        assert number_of(next_of(source).image_bgr) == 1
        plugs.cameras, plugs.pictures = [BUILT_IN, C920], {0: [50], 4: [60]}
        while not any("is not there" in event for event in source.health.events):
            assert not source.wait(0.02)
        moved = CameraInfo(5, BRIO.name, "/dev/video5", BRIO.vid, BRIO.pid, BRIO.backend)
        plugs.pictures[5] = [2]
        plugs.cameras = [BUILT_IN, C920, moved]
        assert number_of(next_of(source).image_bgr) == 2
    assert plugs.opened[:2] == [2, 5]


def test_of_two_of_one_kind_the_one_at_the_old_place_is_taken(plugged):
    twin = CameraInfo(6, BRIO.name, "/dev/video6", BRIO.vid, BRIO.pid, BRIO.backend)
    plugs = plugged(BRIO)
    brio = find_camera("brio")
    plugs.cameras = [twin, BRIO]
    assert find_again(brio).index == 2
    plugs.cameras = [twin, CameraInfo(7, BRIO.name, "/dev/video7", BRIO.vid, BRIO.pid, BRIO.backend)]
    with pytest.raises(InputError, match=r"several cameras .* Logitech BRIO \(6\), Logitech BRIO \(7\); unplug one"):
        find_again(brio)


def test_modes_are_what_reads_back_when_asked_in_the_right_order(plugged):
    plugs = plugged(BRIO)
    given = [(640, 480, 30), (640, 480, 60), (1280, 720, 30), (1280, 720, 60), (1920, 1080, 30)]
    assert probe_camera(2).modes == [Mode(width=w, height=h, fps=fps, format="MJPG") for w, h, fps in given]
    assert plugs.opened == [2]


def test_a_camera_that_does_not_tell_its_rate():
    modes = [Mode(width=640, height=480, fps=0.0, format=""), Mode(width=640, height=480, fps=29.97, format="")]
    assert told_modes(modes) == ["640x480: ?, 29.97 fps"]


def test_the_command_prints_a_table(plugged, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    plugged(BUILT_IN, BRIO)
    assert cli.main(["cameras"]) == 0
    printed = capsys.readouterr()
    for part in ("Logitech BRIO", "046d:085e", "/dev/video2", "1920x1080 MJPG: 30 fps", "1280x720 MJPG: 30, 60 fps"):
        assert part in printed.out, part
    assert "opening Logitech BRIO (2) ..." in printed.err


def test_the_command_prints_json(plugged, capsys):
    plugs = plugged(BUILT_IN, BRIO)
    del plugs.pictures[0]  # listed, but does not open
    assert cli.main(["cameras", "--json"]) == 0
    built_in, brio = json.loads(capsys.readouterr().out)
    assert (built_in["vendor_id"], built_in["modes"], built_in["opened_s"]) == (None, None, None)
    assert "camera 0 does not open: used by another program" in built_in["problem"]
    assert (brio["index"], brio["vendor_id"], brio["product_id"]) == (2, "046d", "085e")
    assert brio["modes"][-1] == {"width": 1920, "height": 1080, "fps": 30.0, "format": "MJPG"}
    assert brio["problem"] == ""


def test_no_modes_opens_nothing(plugged, capsys):
    plugs = plugged(BUILT_IN, BRIO)
    assert cli.main(["cameras", "--json", "--no-modes"]) == 0
    assert [camera["modes"] for camera in json.loads(capsys.readouterr().out)] == [None, None]
    assert plugs.opened == []


@pytest.mark.parametrize(
    ("platform", "check"), [("linux", "group `video`"), ("darwin", "Privacy & Security > Camera"), ("win32", "desktop apps")]
)
def test_without_a_camera_one_line_says_what_to_check(plugged, monkeypatch, capsys, platform, check):
    plugged()
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", lambda backend: [])
    assert cli.main(["cameras"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("no camera found")
    assert check in told
    assert told.count("\n") == 1
    assert cli.main(["cameras", "--json"]) == 0
    printed = capsys.readouterr()
    assert (json.loads(printed.out), printed.err) == ([], told)


def test_a_missing_list_library_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", None)
    with pytest.raises(BioHumanError, match=r"cannot be listed .*pip install cv2-enumerate-cameras"):
        list_cameras()
    with pytest.raises(InputError, match=r"no file or folder 'brio', and cameras cannot be listed"):
        open_source("brio")
