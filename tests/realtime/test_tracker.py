"""Tracker: states, times, resets, the world frame, and numbers that are not numbers."""

from dataclasses import fields

import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.body.frames import State
from realtime.body.rotations import from_axis_angle
from realtime.engines import open_engine
from realtime.tracker import WARMING_FRAMES, Tracker
from realtime.world import ANKLE_HEIGHT_M, ANKLES, TOE_HEIGHT_M, TOES, WorldOrigin, focal_px, gravity_cam, lowest_sole_m

from . import tiny_model
from .doubles import SIZE_PX, ScriptedFrontEnd, picture, someone


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.onnx")


def tracker_of(tiny, script=lambda i: someone(), **settings) -> Tracker:
    return Tracker(ScriptedFrontEnd(script), open_engine(tiny), **settings)


def arrays_of(frame) -> dict[str, np.ndarray]:
    values = {f.name: getattr(frame, f.name) for f in fields(frame)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def test_states_are_warming_then_tracking_then_lost(tiny):
    seen = [i < 30 for i in range(35)]
    tracker = tracker_of(tiny, lambda i: someone() if seen[i] else None)
    states = [tracker.step(picture(i)).state for i in range(35)]
    assert states == [State.WARMING] * (WARMING_FRAMES - 1) + [State.TRACKING] * (31 - WARMING_FRAMES) + [State.LOST] * 5


def test_reacquisition_warms_again(tiny):
    tracker = tracker_of(tiny, lambda i: None if i == 20 else someone())
    states = [tracker.step(picture(i)).state for i in range(40)]
    assert states[19:22] == [State.TRACKING, State.LOST, State.WARMING]
    assert states.index(State.TRACKING, 21) == 21 + WARMING_FRAMES - 1


def test_lost_frames_hold_no_number_and_tracked_ones_only_numbers(tiny):
    tracker = tracker_of(tiny, lambda i: None if i == 1 else someone())
    there, lost = tracker.step(picture(0)), tracker.step(picture(1))
    assert there.joint_valid.all()
    assert there.activation_valid.all()
    for name, array in arrays_of(there).items():
        if array.dtype == bool:
            assert not arrays_of(lost)[name].any(), name
            continue
        assert np.isfinite(array).all(), name
        assert array.dtype == np.float32, name
        assert np.isnan(arrays_of(lost)[name]).all(), name
        assert arrays_of(lost)[name].shape == array.shape, name
    assert np.isnan(lost.root_velocity_sigma_m_s)


def test_frames_keep_sequence_and_times(tiny):
    tracker = tracker_of(tiny)
    frames = [tracker.step(picture(i)) for i in range(5)]
    assert [f.seq for f in frames] == list(range(5))
    assert [f.pts_s for f in frames] == [i / 30 for i in range(5)]
    assert [f.t_capture_ns for f in frames] == [picture(i).t_capture_ns for i in range(5)]
    assert all(f.stage_ns.keys() == {"frontend", "model", "body"} for f in frames)
    assert all(ns > 0 for f in frames for ns in f.stage_ns.values())


@pytest.mark.parametrize("pts", [True, False])
def test_dt_is_the_time_between_pictures(tiny, pts):
    times_s = [0.0, 0.04, 0.05, 0.45, 0.4]  # the last one goes backwards: never a negative dt
    tracker = tracker_of(tiny)
    dts = [tracker.step(picture(i, t_s=t, pts=pts)).rotation_sigma_rad[0] for i, t in enumerate(times_s)]
    np.testing.assert_allclose(dts, [0, 0.04, 0.01, 0.4, 0], atol=1e-6)


def test_the_front_end_is_given_the_same_clock_as_the_model(tiny):
    for pts in (True, False):
        front_end = ScriptedFrontEnd()
        tracker = Tracker(front_end, open_engine(tiny))
        for i in range(3):
            tracker.step(picture(i, pts=pts))
        start_ns = 0 if pts else picture(0).t_capture_ns
        assert front_end.times_ns == [start_ns + round(i / 30 * 1e9) for i in range(3)]


def test_a_short_absence_is_remembered_a_long_one_is_not(tiny):
    # joint_sigma_m = live slots / slots: what the model remembers
    def remembered(missing: int) -> float:
        tracker = tracker_of(tiny, lambda i: someone() if i < 2 or i >= 2 + missing else None)
        return [tracker.step(picture(i)) for i in range(3 + missing)][-1].joint_sigma_m[0] * tiny_model.SLOTS

    assert remembered(3) == pytest.approx(5)  # two seen, three missing
    assert remembered(40) == 0  # 1.3 s: a fresh start
    assert remembered(29) == pytest.approx(tiny_model.SLOTS)  # exactly 1.0 s between sightings is not longer than 1 s


def test_a_hole_in_the_stream_counts_as_absence(tiny):
    tracker = tracker_of(tiny)
    for i in range(20):
        before = tracker.step(picture(i))
    after = tracker.step(picture(20, t_s=19 / 30 + 1.01))
    assert (before.state, after.state) == (State.TRACKING, State.WARMING)
    assert after.joint_sigma_m[0] == 0
    assert after.rotation_sigma_rad[0] == 0  # dt: the first frame for the model


def test_nobody_ever_does_not_run_the_model(tiny):
    tracker = tracker_of(tiny, lambda i: None)
    tracker.engine.step = None  # type: ignore[method-assign]  # calling it would fail
    assert [tracker.step(picture(i)).state for i in range(3)] == [State.LOST] * 3


@pytest.mark.parametrize("field", ["xy_norm", "visibility", "landmarks_m"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_landmarks_that_are_no_numbers_count_as_nobody(tiny, field, value):
    def script(i):
        landmarks = someone(0.25)
        if i == 12:
            getattr(landmarks, field)[7] = value
        return landmarks

    tracker = tracker_of(tiny, script)
    frames = [tracker.step(picture(i)) for i in range(25)]
    assert tracker.landmarks_refused == 1
    assert [i for i, f in enumerate(frames) if f.state is State.LOST] == [12]
    assert all(np.isfinite(f.activation).all() for i, f in enumerate(frames) if i != 12)


def test_a_body_that_is_no_number_is_lost_and_forgotten(tiny):
    tracker = tracker_of(tiny)
    for i in range(12):
        tracker.step(picture(i))
    tracker.engine._kv[:] = np.nan  # type: ignore[attr-defined]
    assert tracker.step(picture(12)).state is State.LOST
    assert tracker.bodies_refused == 1
    after = tracker.step(picture(13))
    assert after.state is State.WARMING
    assert np.isfinite(after.activation).all()


def test_frames_are_not_overwritten_by_later_ones(tiny):
    tracker = tracker_of(tiny, lambda i: someone(0.1 + 0.01 * i))
    frames = [tracker.step(picture(i)) for i in range(3)]
    angles = [np.arctan2(f.R_local[0, 1, 0], f.R_local[0, 0, 0]) for f in frames]
    np.testing.assert_allclose(angles, [0.1, 0.11, 0.12], rtol=1e-5)


def test_camera_and_person_settings_reach_the_model(tiny):
    tracker = tracker_of(tiny, fov_deg=90.0, pitch_deg=30.0, height_m=1.8)
    frame = tracker.step(picture(0))
    np.testing.assert_allclose(frame.grf_BW, SIZE_PX[0] / 2 / 1000, rtol=1e-6)  # 90 degrees: focal = half the longer side
    np.testing.assert_allclose(frame.grf_sigma_BW, np.array(SIZE_PX) / 1000, rtol=1e-6)
    # Lengths are scaled to the height; the tiny model's bones are always those of 1.7 m.
    np.testing.assert_allclose(frame.root_velocity_m_s, np.array([0, np.cos(np.pi / 6), 0.5]) * 1.8 / 1.7, rtol=1e-6)
    assert frame.root_velocity_sigma_m_s == pytest.approx(1.8)
    unknown = tracker_of(tiny).step(picture(0))
    assert (unknown.root_velocity_m_s == 0).all()
    assert unknown.root_velocity_sigma_m_s == 0


def test_the_origin_is_on_the_floor_under_the_first_position(tiny):
    tracker = tracker_of(tiny, lambda i: someone(0.3 if i < 15 else 0.7, 0.4))
    frames = [tracker.step(picture(i)) for i in range(30)]
    np.testing.assert_allclose(frames[14].pelvis_m[[0, 2]], 0, atol=1e-6)
    assert lowest_sole_m(frames[14].joints_m) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(frames[29].pelvis_m[[0, 2]], [0.4, 0], atol=1e-6)  # fixed: the person walks, the floor stays
    np.testing.assert_allclose(frames[29].joints_m[0], frames[29].pelvis_m, atol=1e-6)
    np.testing.assert_allclose(tracker.camera_world_m[[0, 2]], [-0.3, 3], atol=1e-6)


def test_the_floor_is_a_median_and_then_fixed():
    origin, joints_m = WorldOrigin(5), np.zeros((24, 3), np.float32)
    joints_m[ANKLES, 1], joints_m[TOES, 1] = ANKLE_HEIGHT_M + 0.2, TOE_HEIGHT_M + 0.1
    wrong = joints_m - np.array([3, 3, 3], np.float32)
    for bad in (False, True, False, False, True, True, True, True):
        pelvis_m = np.array([-2, 0, -2]) if bad else np.array([1, 0, 1])
        at = origin.update(pelvis_m.astype(np.float32), wrong if bad else joints_m)
    np.testing.assert_allclose(at, [1, 0.1, 1], atol=1e-6)


def test_focal_length_is_of_the_longer_side():
    assert focal_px((1920, 1080), 90) == pytest.approx(960)
    assert focal_px((1080, 1920), 90) == pytest.approx(960)
    assert focal_px((640, 480), 60) == pytest.approx(554.2562584)


@pytest.mark.parametrize("pitch_deg", [-40.0, 0.0, 25.0])
@pytest.mark.parametrize("roll_deg", [-30.0, 0.0, 15.0])
def test_gravity_is_that_of_a_camera_turned_by_hand(pitch_deg, roll_deg):
    # A level camera that looks along +Z sees x right, y down. It is first pitched about its own x, then rolled about its own z.
    # About x (right), with y down and z forward, a positive turn raises z towards -y (up): looking down is negative.
    R_level_pitched = from_axis_angle(np.array([-np.radians(pitch_deg), 0, 0]))
    forward_level = R_level_pitched @ [0, 0, 1]
    assert forward_level[1] == pytest.approx(np.sin(np.radians(pitch_deg)))  # y is down: looks down when positive
    # About z (forward), x right turns towards y down: the right side dips.
    R_pitched_cam = from_axis_angle(np.array([0, 0, np.radians(roll_deg)]))
    expected = (R_level_pitched @ R_pitched_cam).T @ [0, 1, 0]
    np.testing.assert_allclose(gravity_cam(pitch_deg, roll_deg), expected, atol=1e-7)


def test_gravity_with_one_angle_or_none():
    p = np.radians(20)
    np.testing.assert_allclose(gravity_cam(20, None), [0, np.cos(p), np.sin(p)], rtol=1e-6)
    np.testing.assert_allclose(gravity_cam(None, 20), [np.sin(p), np.cos(p), 0], rtol=1e-6)
    assert (gravity_cam(None, None) == 0).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"fov_deg": 0.0}, "field of view is 0 degrees"),
        ({"fov_deg": 200.0}, "field of view is 200"),
        ({"pitch_deg": 100.0}, "pitch is 100"),
        ({"roll_deg": -190.0}, "roll is -190"),
        ({"height_m": 180.0}, "height is 180 m, it must be 0.5 to 2.5"),
        ({"fov_deg": float("nan")}, "field of view is nan"),
    ],
)
def test_settings_that_cannot_be_are_refused(tiny, settings, says):
    with pytest.raises(InputError, match=says):
        tracker_of(tiny, **settings)
