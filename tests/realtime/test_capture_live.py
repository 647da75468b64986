"""Newest picture wins: nothing old is handed out, nothing lost goes uncounted, and a fault reaches the reader."""

import threading

import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.capture import BufferedSource, LiveReader, Picture, Source, as_camera, open_source
from realtime.capture.health import Health
from realtime.capture.picture import SourceDefaults

from .videos import next_of, number_of, numbered_picture, times_s, write_video

WAIT_S = 20.0


class Scripted(SourceDefaults):
    """A source turned by hand: it gives the next picture each time `go` is released, then ends or fails."""

    is_live, name, dropped = False, "scripted", 0
    frame_count: int | None = None
    fps: float | None = None

    def __init__(self, count: int, fault: Exception | None = None):
        self.warnings: list[str] = []
        self.health = Health()
        self.go = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)
        self.closed_in: str | None = None
        self.buffers: list[np.ndarray | None] = []
        self._count, self._fault, self._index = count, fault, 0

    def read(self) -> Picture | None:
        return self.read_into(None)

    def read_into(self, buffer: np.ndarray | None) -> Picture | None:
        self.asked.release()
        assert self.go.acquire(timeout=WAIT_S)
        if self._index == self._count:
            if self._fault:
                raise self._fault
            return None
        self.buffers.append(buffer)
        image = np.empty_like(numbered_picture(0)) if buffer is None else buffer
        image[:] = numbered_picture(self._index)
        self._index += 1
        return Picture(image_bgr=image, index=self._index - 1, t_capture_ns=self._index, pts_s=None)

    def close(self) -> None:
        self.closed_in = threading.current_thread().name

    def give(self, count: int) -> None:
        """Let `count` pictures (or the end) through, and wait until the last of them has been put down."""
        for _ in range(count):
            assert self.asked.acquire(timeout=WAIT_S)
            self.go.release()
        assert self.asked.acquire(timeout=WAIT_S)
        self.asked.release()


def test_the_newest_wins_and_drops_are_counted():
    source = Scripted(count=10)
    with as_camera(source) as live:
        source.give(4)
        assert next_of(live).index == 3
        assert live.dropped == 3
        source.give(1)
        assert next_of(live).index == 4
        source.give(5)
        assert next_of(live).index == 9
        assert live.dropped == 7
        source.go.release()
        assert live.read() is None
        assert live.read() is None
    assert source.closed_in == "capture scripted"  # released by the thread that grabs, by no other


def test_three_arrays_serve_any_number_of_pictures_and_the_lent_one_is_left_alone():
    source = Scripted(count=40)
    seen = set()
    with LiveReader(source) as live:
        for turn in range(8):
            source.give(1)
            picture = next_of(live)
            seen.add(id(picture.image_bgr))
            source.give(4)  # more than there are buffers, while the reader works on `picture`
            assert number_of(picture.image_bgr) == picture.index == (0 if turn == 0 else 5 * turn)
            live.read()
        source.go.release()
    assert live.dropped == 8 * 3
    assert sum(buffer is None for buffer in source.buffers) == 3
    assert len({id(b) for b in source.buffers if b is not None} | seen) == 3


def test_the_fault_comes_after_the_last_good_picture():
    source = Scripted(count=2, fault=InputError("the cable was pulled"))
    with as_camera(source) as live:
        source.give(2)
        source.go.release()
        assert next_of(live).index == 1
        with pytest.raises(InputError, match="the cable was pulled"):
            live.read()
    assert source.closed_in is not None


def test_silence_is_a_fault_when_a_limit_is_given():
    source = Scripted(count=1)
    with LiveReader(source, stall_s=0.05) as live:
        with pytest.raises(InputError, match=r"scripted has given no picture for 0\.05\d* s"):
            live.read()
        source.give(1)
        assert next_of(live).index == 0
        source.go.release()


def test_closing_wakes_a_reader_that_waits():
    source = Scripted(count=1)
    live = as_camera(source)
    got = []
    reader = threading.Thread(target=lambda: got.append(live.read()))
    reader.start()
    source.go.release()
    reader.join(WAIT_S)
    reader = threading.Thread(target=lambda: got.append(live.read()))
    reader.start()
    closer = threading.Thread(target=live.close)
    closer.start()
    reader.join(WAIT_S)
    assert not reader.is_alive()
    assert [p.index if p else None for p in got] == [0, None]
    source.go.release()
    closer.join(WAIT_S)
    assert source.closed_in is not None


def test_a_paced_file_as_camera_accounts_for_every_picture(tmp_path):
    path = write_video(tmp_path / "walk.mp4", count=30, fps=60.0)
    with as_camera(open_source(str(path), paced=True)) as live:
        assert live.is_live
        assert live.fps == 60.0
        busy = threading.Event()
        pictures = []
        while (picture := live.read()) is not None:
            assert number_of(picture.image_bgr) == picture.index
            pictures.append(picture)
            busy.wait(0.05)  # three periods of work
    assert pictures[-1].index == 29
    assert live.dropped == 30 - len(pictures)
    assert live.dropped > 5
    ages_s = np.diff(times_s(pictures))
    assert np.all(ages_s > 0)


def test_our_sources_keep_the_protocol(tmp_path):
    source: Source = open_source(str(write_video(tmp_path / "walk.mp4", count=1)))
    assert isinstance(source, BufferedSource)
    live: Source = as_camera(source)
    live.close()
