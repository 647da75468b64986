"""Video files: every frame, in order, upright, with true times; and one line about what is wrong with a bad one."""

import os
import time

import cv2
import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.capture import Picture, open_source

from .videos import (
    SIZE_PX,
    cut_short,
    next_of,
    number_of,
    numbered_picture,
    set_durations_ms,
    set_rotation,
    times_s,
    write_video,
)


def read_all(source) -> list[Picture]:
    with source:
        return list(iter(source.read, None))


def test_a_video_is_read_whole_and_in_order(tmp_path):
    source = open_source(str(write_video(tmp_path / "walk.mp4", count=40, fps=25.0)))
    assert (source.is_live, source.name, source.frame_count, source.fps) == (False, "walk.mp4", 40, 25.0)
    before_ns = time.monotonic_ns()
    pictures = read_all(source)
    assert [number_of(p.image_bgr) for p in pictures] == [p.index for p in pictures] == list(range(40))
    np.testing.assert_allclose(times_s(pictures), np.arange(40) / 25.0, atol=1e-6)
    stamps_ns = [p.t_capture_ns for p in pictures]
    assert before_ns < stamps_ns[0]
    assert stamps_ns == sorted(stamps_ns)
    assert stamps_ns[-1] < time.monotonic_ns()
    assert source.warnings == []
    assert source.dropped == 0
    for p in pictures:
        assert p.image_bgr.shape == (SIZE_PX[1], SIZE_PX[0], 3)
        assert p.image_bgr.dtype == np.uint8
        assert p.image_bgr.flags.c_contiguous


def test_an_ended_source_stays_ended(tmp_path):
    source = open_source(str(write_video(tmp_path / "walk.mp4", count=3)))
    assert len(read_all(source)) == 3
    assert source.read() is None
    source.close()


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_phone_video_is_upright(tmp_path, degrees):
    path = write_video(tmp_path / "phone.mp4", count=2)
    [lying, _] = read_all(open_source(str(path)))
    set_rotation(path, degrees)
    [upright, _] = read_all(open_source(str(path)))
    np.testing.assert_array_equal(upright.image_bgr, np.rot90(lying.image_bgr, -degrees // 90))
    assert upright.image_bgr.flags.c_contiguous


def test_variable_rate_gives_true_times(tmp_path):
    durations_ms = [33, 33, 34, 167, 33, 100, 8, 8, 17, 33]
    path = write_video(tmp_path / "phone.mp4", count=len(durations_ms))
    set_durations_ms(path, durations_ms)
    pictures = read_all(open_source(str(path)))
    np.testing.assert_allclose(times_s(pictures), np.cumsum([0, *durations_ms[:-1]]) / 1000, atol=1e-9)
    assert [number_of(p.image_bgr) for p in pictures] == list(range(10))


def test_time_stamps_that_stand_still_are_counted_on_and_told(tmp_path):
    path = write_video(tmp_path / "odd.mp4", count=6)
    set_durations_ms(path, [40, 40, 0, 0, 40, 40])
    source = open_source(str(path))
    pictures = read_all(source)
    assert np.all(np.diff(times_s(pictures)) > 0)
    assert [w for w in source.warnings if "time stamps do not increase at picture 3" in w]


def test_grey_video_becomes_bgr(tmp_path):
    pictures = read_all(open_source(str(write_video(tmp_path / "grey.avi", count=5, is_colour=False))))
    assert [number_of(p.image_bgr) for p in pictures] == list(range(5))
    assert {p.image_bgr.shape for p in pictures} == {(SIZE_PX[1], SIZE_PX[0], 3)}


def test_paced_pictures_come_at_their_own_times(tmp_path):
    durations_ms = [20, 120, 20, 60, 20]
    path = write_video(tmp_path / "walk.mp4", count=5)
    set_durations_ms(path, durations_ms)
    pictures = read_all(open_source(str(path), paced=True))
    late_s = np.array([p.t_capture_ns - pictures[0].t_capture_ns for p in pictures]) * 1e-9 - times_s(pictures)
    assert [p.index for p in pictures] == list(range(5))
    assert np.all(late_s > -0.002)  # the first defines the zero and may itself be a little late
    assert np.all(late_s < 0.5)  # this machine may be busy
    hurried = read_all(open_source(str(path)))
    assert hurried[-1].t_capture_ns - hurried[0].t_capture_ns < pictures[-1].t_capture_ns - pictures[0].t_capture_ns


def test_a_late_reader_of_a_paced_file_misses_nothing(tmp_path):
    source = open_source(str(write_video(tmp_path / "walk.mp4", count=10, fps=100.0)), paced=True)
    first = next_of(source)
    time.sleep(0.15)
    assert [first.index, *(p.index for p in read_all(source))] == list(range(10))


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_video_cut_short_gives_what_is_there_and_says_so(tmp_path, suffix):
    path = write_video(tmp_path / f"cut{suffix}", count=60)
    if suffix == ".mp4":
        cut_short(path, 0.5)
    else:
        os.truncate(path, path.stat().st_size // 2)
    source = open_source(str(path))
    promised = source.frame_count
    pictures = read_all(source)
    assert 10 < len(pictures) < 50
    assert [number_of(p.image_bgr) for p in pictures[:-1]] == list(range(len(pictures) - 1))  # the last may be torn
    [warning] = source.warnings
    assert f"{promised} pictures promised, {len(pictures)} read" in warning
    assert promised is not None
    assert promised > len(pictures)


def test_a_video_with_nothing_left_is_an_error(tmp_path):
    path = write_video(tmp_path / "cut.mp4", count=60)
    cut_short(path, 0.0)
    with pytest.raises(InputError, match=r"cut\.mp4.*(without one readable picture|is not a video)"):
        open_source(str(path))


def test_what_is_no_video_is_one_line(tmp_path, capfd):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.mp4").write_text("these are not the pictures\n" * 100)
    index_lost = write_video(tmp_path / "headless.mp4")
    os.truncate(index_lost, index_lost.stat().st_size // 2)
    for name, complaint in [
        ("missing.mp4", "no such file; give a video file, a folder of images, or a camera number such as 0"),
        ("empty.mp4", r"is empty \(0 bytes\)"),
        ("notes.mp4", "is not a video that can be read"),
        ("headless.mp4", "is not a video that can be read"),
    ]:
        with pytest.raises(InputError, match=complaint) as caught:
            open_source(str(tmp_path / name))
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""  # nothing of OpenCV's and FFmpeg's own complaints


def test_camera_settings_do_not_touch_a_file_and_this_is_said(tmp_path):
    source = open_source(str(write_video(tmp_path / "walk.mp4", count=3)), width=640, fps=60)
    assert source.warnings == ["width, height and fps are for cameras; walk.mp4 keeps its own"]
    assert [p.image_bgr.shape[1] for p in read_all(source)] == [SIZE_PX[0]] * 3


def test_opencv_works_on_one_thread(tmp_path):
    read_all(open_source(str(write_video(tmp_path / "walk.mp4", count=1))))
    assert cv2.getNumThreads() == 1


def test_numbers_survive_compression(tmp_path):
    """The instrument itself: a wrong picture would be seen."""
    pictures = read_all(open_source(str(write_video(tmp_path / "all.mp4", count=256))))
    assert [number_of(p.image_bgr) for p in pictures] == list(range(256))
    assert number_of(numbered_picture(37)) == 37
