"""Left taken for right is named; legs that cross and people who turn are not taken for it."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.body.frames import LandmarkFrame
from realtime.body.landmarks import LANDMARK_MIRROR, LANDMARKS
from realtime.body.rotations import from_axis_angle
from realtime.engines import open_engine
from realtime.left_right import LEGS_LAST_S, LEGS_ONLY, OTHERS_LAST_S, WHOLE_BODY, LeftRightRule
from realtime.tracker import Tracker

from . import tiny_model
from .doubles import ScriptedFrontEnd, picture

FPS = 30.0
SIZE_PX = (640, 480)
MIRROR = list(LANDMARK_MIRROR)
LEGS = [i for i, name in enumerate(LANDMARKS) if name.split("_")[1:] in (["knee"], ["ankle"], ["heel"], ["foot", "index"])]

#: Half a person, the left one, facing +z: x to their left, y up, m.
LEFT_M = {
    "eye_inner": (0.02, 1.68, 0.08),
    "eye": (0.03, 1.68, 0.08),
    "eye_outer": (0.045, 1.68, 0.07),
    "ear": (0.08, 1.66, 0.0),
    "mouth": (0.02, 1.60, 0.08),
    "shoulder": (0.18, 1.45, 0.0),
    "elbow": (0.22, 1.17, -0.03),
    "wrist": (0.22, 0.93, 0.05),
    "pinky": (0.22, 0.85, 0.05),
    "index": (0.20, 0.84, 0.07),
    "thumb": (0.19, 0.88, 0.08),
    "hip": (0.10, 0.95, 0.0),
    "knee": (0.10, 0.52, 0.02),
    "ankle": (0.10, 0.09, -0.02),
    "heel": (0.10, 0.04, -0.06),
    "foot_index": (0.12, 0.03, 0.14),
}


def walker(t_s: float, heading_rad: float, rng: np.random.Generator) -> LandmarkFrame:
    """A person who walks on the spot at a brisk 1.1 strides a second, 300 px tall. The noise moves points by
    0.5 % of the stature from frame to frame, as MediaPipe's does (rms on rendered people).
    """
    points_m = np.zeros((33, 3))
    for i, name in enumerate(LANDMARKS):
        side = -1 if "right" in name else 1
        part = name.replace("left_", "").replace("right_", "").replace("_left", "").replace("_right", "")
        x, y, z = (0.0, 1.65, 0.1) if part == "nose" else LEFT_M[part]
        swing_rad = 0.45 * np.sin(2 * np.pi * 1.1 * t_s) * side
        leg, arm = part in ("knee", "ankle", "heel", "foot_index"), part in ("elbow", "wrist", "pinky", "index", "thumb")
        pivot_m = 0.95 if leg else 1.45
        if leg or arm:
            R = from_axis_angle(np.array([swing_rad if leg else -swing_rad, 0, 0]))
            x, y, z = R @ [x, y - pivot_m, z] + [0, pivot_m, 0]
        points_m[i] = side * x, y, z
    points_m = points_m @ from_axis_angle(np.array([0, heading_rad, 0])).T
    points_px = np.array([320, 420]) + points_m[:, :2] * [1, -1] * 300 / 1.75 + rng.normal(0, 1.0, (33, 2))
    return LandmarkFrame(
        detected=True,
        xy_norm=(points_px / SIZE_PX).astype(np.float32),
        visibility=np.ones(33, np.float32),
        landmarks_m=(points_m * [1, -1, -1]).astype(np.float32),
        image_size_px=SIZE_PX,
    )


def walk(heading_rad, seconds: float = 4.0) -> list[LandmarkFrame]:
    """Frames of a walk; `heading_rad(t_s)`: 0 faces the camera, pi / 2 walks to the picture's right."""
    rng = np.random.default_rng(7)
    return [walker(i / FPS, heading_rad(i / FPS), rng) for i in range(round(seconds * FPS))]


def swapped(frame: LandmarkFrame, which: list[int] = MIRROR) -> LandmarkFrame:
    """The same picture by a front end that takes left for right in the landmarks `which`."""
    order = np.arange(33)
    order[which] = np.array(MIRROR)[which]
    return replace(frame, xy_norm=frame.xy_norm[order], landmarks_m=frame.landmarks_m[order])


def named(frames: list[LandmarkFrame], fps: float = FPS) -> dict[int, tuple[str, ...]]:
    """Frame number and what is named, where something is."""
    rule = LeftRightRule()
    verdicts = {i: rule.update(frame, i / fps) for i, frame in enumerate(frames)}
    return {i: verdict for i, verdict in verdicts.items() if verdict}


@pytest.mark.parametrize("heading_deg", [0, 45, 80, 90, 100, 135, 180])
def test_crossing_legs_are_no_swap(heading_deg):
    assert named(walk(lambda t: np.radians(heading_deg))) == {}


@pytest.mark.parametrize("turns_per_s", [-0.5, -0.25, 0.25, 0.5])
def test_turning_through_the_side_view_is_no_swap(turns_per_s):
    assert named(walk(lambda t: 2 * np.pi * turns_per_s * t, seconds=8)) == {}


@pytest.mark.parametrize("first", [10, 33, 60])
@pytest.mark.parametrize("count", [1, 2, 6, 30])
def test_somebody_seen_from_behind_and_taken_for_facing_us(first, count):
    frames = walk(lambda t: np.radians(160))
    frames[first : first + count] = [swapped(frame) for frame in frames[first : first + count]]
    assert named(frames) == dict.fromkeys(range(first, first + count), (WHOLE_BODY,))


def test_arms_and_trunk_that_go_before_the_legs():
    frames = walk(lambda t: np.radians(160))
    upper = [i for i in range(33) if i not in LEGS]
    frames[20:24] = [*(swapped(frame, upper) for frame in frames[20:22]), *(swapped(frame) for frame in frames[22:24])]
    assert named(frames) == dict.fromkeys(range(20, 24), (WHOLE_BODY,))


def test_legs_alone():
    frames = walk(lambda t: np.radians(60))
    i = 7  # 0.23 s: a quarter of the stride, the feet are furthest apart
    frames[i : i + 2] = [swapped(frame, LEGS) for frame in frames[i : i + 2]]
    assert named(frames) == {i: (LEGS_ONLY,), i + 1: (LEGS_ONLY,)}


def test_a_track_that_begins_swapped_is_not_held_against_the_truth():
    """Seen from behind, right from frame 10 on: the truth looks like a swap, for a moment only."""
    frames = walk(lambda t: np.radians(160))
    frames[:10] = [swapped(frame) for frame in frames[:10]]
    assert set(named(frames)) == set(range(10, 11 + round(OTHERS_LAST_S * FPS)))


def test_legs_are_believed_soon():
    frames = walk(lambda t: np.radians(20))
    frames[30:] = [swapped(frame, LEGS) for frame in frames[30:]]
    assert set(named(frames)) <= set(range(30, 31 + round(LEGS_LAST_S * FPS)))


def test_nothing_is_compared_across_an_absence():
    facing, turned = walk(lambda t: 0.0, seconds=1), walk(lambda t: np.pi, seconds=1)
    nobody = LandmarkFrame.nobody(SIZE_PX)
    assert named([*facing, *[nobody] * 8, *turned]) == {}
    # A blink of two frames is no absence: nobody turns round in it.
    assert named([*facing, *[nobody] * 2, *turned[:3]]) == dict.fromkeys(range(32, 35), (WHOLE_BODY,))


def test_the_tracker_names_and_counts_it(tmp_path):
    frames = walk(lambda t: np.radians(160), seconds=1)
    frames[12:15] = [swapped(frame) for frame in frames[12:15]]
    tracker = Tracker(ScriptedFrontEnd(lambda i: frames[i]), open_engine(tiny_model.write(tmp_path / "tiny.onnx")))
    bodies = [tracker.step(picture(i)) for i in range(len(frames))]
    assert [i for i, body in enumerate(bodies) if WHOLE_BODY in body.doubts] == [12, 13, 14]
    assert tracker.swapped_count == 3
