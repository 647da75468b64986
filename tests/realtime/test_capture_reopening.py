"""A live source that goes away: told, opened again with growing pauses, given up when patience is over.

The fake stands in for `cv2.VideoCapture`, so everything above the driver is the real thing.
"""

import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.capture import health, open_source, reopening

from .videos import next_of, numbered_picture

WAIT_S = 20.0


class Driver:
    """`cv2.VideoCapture` for every opening in turn: an iterable of pictures each, or None for a device that is not there."""

    def __init__(self, *openings):
        self.openings = list(openings)
        self.opened_s: list[float] = []

    def __call__(self, *_):
        self.opened_s.append(time.monotonic())
        script = self.openings.pop(0) if self.openings else None
        return Capture(script)


class Capture:
    def __init__(self, script):
        self._open, self._pictures, self._now = script is not None, iter(script or ()), None

    def isOpened(self):
        return self._open

    def set(self, *_):
        return True

    def get(self, setting):
        return 30.0 if setting == cv2.CAP_PROP_FPS else 0.0

    def grab(self):
        self._now = next(self._pictures, None)
        return self._now is not None

    def retrieve(self, buffer=None):
        return True, self._now

    def release(self):
        self._open = False


@pytest.fixture
def driver(monkeypatch) -> Callable[..., Driver]:
    def install(*openings) -> Driver:
        it = Driver(*openings)
        monkeypatch.setattr("sys.platform", "linux")
        monkeypatch.setattr(cv2, "VideoCapture", it)
        return it

    return install


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(reopening, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(reopening, "LONGEST_PAUSE_S", 0.08)


def numbered(first: int, count: int, then: Callable[[], object] = lambda: None, every_s: float = 0.0) -> Iterator[np.ndarray]:
    for number in range(first, first + count):
        time.sleep(every_s)
        yield numbered_picture(number)
    then()


def endless(picture_of=lambda i: numbered_picture(i % 200), every_s: float = 0.005) -> Iterator[np.ndarray]:
    for i in range(10**6):
        time.sleep(every_s)
        yield picture_of(i)


def texts(source) -> list[str]:
    return [event.split(" ", 1)[1] for event in source.health.events]


def wait_for(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until_s, "it did not happen"
        time.sleep(0.005)


def test_a_camera_that_is_unplugged_and_comes_back(driver):
    devices = driver(numbered(10, 3, every_s=0.02), None, None, endless())
    with open_source("0") as source:
        seen = [next_of(source) for _ in range(30)]
        indices = [p.index for p in seen]
        assert indices == sorted(set(indices))  # counted on, never back to 0
        story = texts(source)
    assert story[0] == "camera 0: stopped after 3 pictures: unplugged, or taken by another program; opening it again"
    assert story[1].startswith("camera 0 cannot be opened")
    assert story[2].startswith("pictures again, after ")
    assert len(story) == 3  # two failed attempts with one reason are one event
    pauses_s = np.diff(devices.opened_s[1:])
    assert len(pauses_s) == 2
    assert np.all(np.diff(pauses_s) > 0)
    assert source.health.state == health.ENDED  # closed by us


def test_a_camera_that_never_gave_a_picture_is_a_fault_at_once(driver):
    driver([], endless())
    with open_source("0") as source, pytest.raises(InputError, match="camera 0 opens but gives no picture"):
        source.read()


def test_patience_ends(driver):
    driver(numbered(0, 3))
    with open_source("0", patience_s=0.3) as source:
        wait_for(lambda: source.health.state == health.REOPENING)
        with pytest.raises(InputError, match=r"camera 0 has given no picture for 0\.3\d* s \(.*cannot be opened.*check cable"):
            list(iter(source.read, None))


def test_without_patience_the_end_is_the_end(driver):
    driver(numbered(0, 1), endless())
    with open_source("0", patience_s=0) as source:
        assert next_of(source).index == 0
        with pytest.raises(InputError, match="camera 0 stopped after 1 pictures"):
            source.read()


def test_a_frozen_picture_is_opened_again_with_growing_patience(driver, monkeypatch):
    monkeypatch.setattr(reopening, "FROZEN_AFTER_S", 0.15)
    same = numbered_picture(7)
    devices = driver(endless(lambda _: same), endless(lambda _: same), endless())
    with open_source("0") as source:
        wait_for(lambda: len(devices.opened_s) == 3)
        wait_for(lambda: source.health.state == health.RUNNING)
        story = texts(source)
    assert sum("the picture has not changed for" in text for text in story) == 2
    first_s, second_s = np.diff(devices.opened_s)
    assert second_s > 1.4 * first_s


def test_silence_is_noticed_while_the_driver_hangs(driver, monkeypatch):
    monkeypatch.setattr(health, "SILENT_AFTER_S", 0.1)
    goes_on = threading.Event()
    driver(numbered(0, 1, then=lambda: goes_on.wait(WAIT_S)), endless())
    with open_source("0") as source:
        next_of(source)
        assert [source.wait(0.05) for _ in range(6)] == [False] * 6
        assert source.health.state == health.SILENT
        assert texts(source) == ["no picture for 0.1 s"]
        goes_on.set()
        next_of(source)
        assert source.health.state == health.RUNNING
        assert "pictures again" in texts(source)[-1]


def test_another_size_or_rate_is_told_and_reading_goes_on(driver, monkeypatch):
    monkeypatch.setattr(reopening, "RATE_OVER_S", 0.3)

    def changes():
        yield from numbered(0, 70, every_s=0.01)
        for i in range(10**6):
            time.sleep(0.05)
            yield cv2.resize(numbered_picture(i % 200), (64, 40))

    driver(changes())
    with open_source("0") as source:
        wait_for(lambda: len(source.health.events) >= 2)
        assert source.health.state == health.RUNNING
        size, rate = texts(source)[:2]
    height, width = numbered_picture(0).shape[:2]
    assert size == f"the size changed from {width}x{height} to 64x40"
    assert rate.startswith("the rate changed from ")


def test_closing_does_not_wait_for_a_device_that_is_away(driver, monkeypatch):
    monkeypatch.setattr(reopening, "FIRST_PAUSE_S", 60.0)
    driver(numbered(0, 1))
    source = open_source("0")
    wait_for(lambda: source.health.state == health.REOPENING)
    started_s = time.monotonic()
    source.close()
    assert time.monotonic() - started_s < 1.0


def test_only_the_last_events_are_kept():
    it = health.Health()
    for i in range(100):
        it.tell(f"event {i}")
    assert len(it.events) == health.EVENTS_KEPT
    assert it.events[-1].endswith("event 99")
    assert it.event_count == 100
