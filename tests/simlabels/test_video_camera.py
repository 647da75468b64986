"""Where cameras stand, when pictures are taken, what they show: before anything is drawn."""

import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.body.rotations import from_axis_angle, to_quat_wxyz
from realtime.body.skeleton import JOINT_MIRROR, JOINTS, UPPER_BODY, forward_kinematics, offsets_of, rest_offsets_m
from simlabels.video.camera import ELEVATION_DEG, Camera, random_camera
from simlabels.video.marks import hard_marks, is_hard
from simlabels.video.motion import ClipMotion, Glance
from simlabels.video.plan import Clip, plan_takes
from simlabels.video.sensor import Sensor, random_times_s
from simlabels.video.visibility import BELOW_SKIN_M, visible_joints

SIZE_PX = (640, 480)


def standing_m(steps=1):
    joints_m, _ = forward_kinematics(np.broadcast_to(np.eye(3), (steps, 24, 3, 3)), rest_offsets_m(), np.zeros(3))
    return joints_m - [0, joints_m[..., 1].min(), 0]


def rotated_about_z(angle_rad):
    return np.array([np.cos(angle_rad / 2), 0, 0, np.sin(angle_rad / 2)])


@pytest.mark.parametrize("seed", range(40))
def test_cameras_have_the_person_in_view_as_tall_as_drawn(seed):
    joints_m, times_s = standing_m(30), np.arange(30) / 30
    path = random_camera(np.random.default_rng(seed), SIZE_PX, joints_m, times_s, 1.75, 0.0)
    camera = path[15]
    pixels, depth_m = camera.project(joints_m[15])
    assert (depth_m > 0.3).all()
    np.testing.assert_allclose(camera.R_cam_world @ camera.R_cam_world.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.R_cam_world) == pytest.approx(1)
    middle = pixels.mean(0)
    assert 0 < middle[0] < SIZE_PX[0]
    assert 0 < middle[1] < SIZE_PX[1]
    eye_m = -camera.R_cam_world.T @ camera.t_cam_m
    assert eye_m[1] >= 0.1  # above the floor
    assert ELEVATION_DEG[0] - 8 <= path.look["elevation_deg"] <= ELEVATION_DEG[1] + 1
    # seen from far away a person of 1.75 m is as many pixels tall as was drawn, but for the view from above
    if depth_m.min() > 4 and abs(path.look["elevation_deg"]) < 10:
        along = path.K_px[1, 1] * 1.75 / depth_m.mean()
        assert along == pytest.approx(path.look["person_px"], rel=0.1)


def test_down_is_down_and_left_is_left():
    """A camera before the person: their head is up in the picture, their left hand on its right side."""
    joints_m, times_s = standing_m(4), np.arange(4) / 30
    for seed in range(200):
        path = random_camera(np.random.default_rng(seed), SIZE_PX, joints_m, times_s, 1.75, 0.0)
        pixels, _ = path[0].project(joints_m[0])
        assert pixels[JOINTS.index("head"), 1] < pixels[JOINTS.index("left_ankle"), 1]
        facing = np.cos(path.azimuth_rad)  # the person faces +Z
        is_left_on_the_right = pixels[JOINTS.index("left_wrist"), 0] > pixels[JOINTS.index("right_wrist"), 0]
        if abs(facing) > 0.5:
            assert is_left_on_the_right == (facing > 0)


def test_roll_turns_gravity_in_the_picture():
    joints_m, times_s = standing_m(2), np.arange(2) / 30
    found = set()
    for seed in range(60):
        path = random_camera(np.random.default_rng(seed), SIZE_PX, joints_m, times_s, 1.75, 0.0)
        if path.look["camera"] != "static":
            continue
        gravity_cam = path.R_cam_world[0] @ [0, -1, 0]
        assert np.degrees(np.arctan2(-gravity_cam[0], gravity_cam[1])) == pytest.approx(path.look["roll_deg"], abs=1e-6)
        found.add(path.look["roll_deg"] > 0)
    assert found == {True, False}


def test_who_walks_away_is_followed():
    joints_m, times_s = standing_m(150), np.arange(150) / 30
    joints_m = joints_m + np.stack([1.3 * times_s, 0 * times_s, 0 * times_s], axis=-1)[:, None]
    for seed in range(30):
        path = random_camera(np.random.default_rng(seed), SIZE_PX, joints_m, times_s, 1.75, 0.0)
        x = [path[i].project(joints_m[i])[0][:, 0].mean() for i in range(150)]
        assert -0.3 * SIZE_PX[0] < min(x)
        assert max(x) < 1.3 * SIZE_PX[0]
        assert path.look["camera"] in ("pan", "hand", "static")


def test_pictures_come_at_uneven_times_but_in_order():
    rates, uneven = set(), 0
    for seed in range(200):
        times_s, look = random_times_s(np.random.default_rng(seed), 4.0)
        assert times_s[0] == 0
        assert times_s[-1] <= 4.0 + 1e-9
        assert (np.diff(times_s) >= 0).all()
        assert len(times_s) == pytest.approx(4 * look["fps"], rel=0.06)
        rates.add(look["fps"])
        uneven += look["jitter"]
    assert {15, 30, 60} <= rates
    assert 60 < uneven < 140
    even_s, look = random_times_s(np.random.default_rng(0), 2.0, 30.0)
    np.testing.assert_allclose(np.diff(even_s), 1 / 30)
    assert look == {"fps": 30.0, "jitter": False}


def test_sensor_adds_the_noise_that_it_says():
    grey = np.full((120, 160, 3), 128, np.uint8)
    for seed in range(12):
        sensor = Sensor(np.random.default_rng(seed), (160, 120))
        picture = sensor(grey)
        assert picture.shape == grey.shape
        if sensor.jpeg_quality == 100:
            assert picture.astype(float).std() == pytest.approx(sensor.noise, abs=0.4)
        assert sensor.look == {"noise": sensor.noise, "jpeg_quality": sensor.jpeg_quality}
    first, again = (Sensor(np.random.default_rng(5), (160, 120))(grey) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_motion_between_frames():
    quat = np.tile([1.0, 0, 0, 0], (4, 24, 1))
    quat[:, 0] = [rotated_about_z(a) for a in (0, 0.2, 0.4, 0.6)]
    quat[2] *= -1  # the same rotation
    pelvis_m = np.stack([np.arange(4) ** 2 / 100, np.ones(4), np.zeros(4)], axis=1)
    motion = ClipMotion("a", quat, pelvis_m, np.zeros((24, 3)), 30.0, Glance.at(quat, pelvis_m), first=10)
    R, p = motion.at(np.array([0, 0.5 / 30, 1.25 / 30, 9.0]))
    np.testing.assert_allclose(np.arctan2(R[:, 0, 1, 0], R[:, 0, 0, 0]), [0, 0.1, 0.25, 0.6], atol=1e-4)
    np.testing.assert_allclose(p[:3, 0], np.array([0, 0.25, 1.5625]) / 100, atol=1e-6)
    assert motion.frames_at(np.array([0, 0.5, 1.4, 50]) / 30).tolist() == [10, 10, 11, 13]
    assert motion.seconds == pytest.approx(0.1)


def camera_from(distance_m):
    return Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.diag([-1.0, -1, 1]), np.array([0, 1.0, distance_m]))


def test_joints_behind_something_are_not_seen():
    joints_m = standing_m()[0]
    camera = camera_from(3.0)
    pixels, depth_m = camera.project(joints_m)
    assert ((pixels > 0) & (pixels < SIZE_PX)).all()
    nothing = np.full((480, 640), np.inf, np.float32)
    assert visible_joints(joints_m, nothing, camera, 1.7).all()
    skin, deep = nothing.copy(), nothing.copy()
    x, y = np.floor(pixels).astype(int).T
    skin[y, x], deep[y, x] = depth_m - 0.7 * BELOW_SKIN_M, depth_m - 1.3 * BELOW_SKIN_M
    assert visible_joints(joints_m, skin, camera, 1.7).all()
    assert not visible_joints(joints_m, deep, camera, 1.7).any()
    board = nothing.copy()
    board[:, :320] = 1.0  # the left half of the picture: their left side, for the camera is behind them
    seen = visible_joints(joints_m, board, camera, 1.7)
    side = pixels[:, 0] > 321
    np.testing.assert_array_equal(seen[np.abs(pixels[:, 0] - 320) > 2], side[np.abs(pixels[:, 0] - 320) > 2])
    near = camera_from(0.8)
    pixels, _ = near.project(joints_m)
    inside = ((pixels > 0) & (pixels < SIZE_PX)).all(1)
    assert 0 < inside.sum() < 24
    np.testing.assert_array_equal(visible_joints(joints_m, nothing, near, 1.7), inside)


CLIPS = [
    Clip("a", "1", "train", 700, 30.0),
    Clip("b", "2", "train", 90, 30.0),
    Clip("short", "2", "train", 12, 30.0),
    Clip("c", "14", "test", 500, 30.0),
]


def test_plan_covers_test_clips_whole_by_each_view_and_training_clips_again_and_again():
    takes = plan_takes(CLIPS, frames=3000, views=3, seed=0)
    assert takes == plan_takes(CLIPS, frames=3000, views=3, seed=0)
    assert len({t.take for t in takes}) == len(takes)
    assert len({t.seed for t in takes}) == len(takes)
    train = sum(t.last - t.first + 1 for t in takes if t.clip.split == "train")
    assert 3000 <= train < 3000 + 700
    shown = np.zeros(500, int)
    for t in takes:
        assert t.last - t.first + 1 <= 240
        assert 0 <= t.first < t.last < t.clip.frames
        assert t.clip.clip != "short"
        assert t.other[0].split == t.clip.split  # nobody of the test set stands beside somebody of the training set
        if t.clip.clip == "c":
            shown[t.first : t.last + 1] += 1
    assert (shown[:480] == 3).all()
    seams = {t.first for t in takes if t.clip.clip == "a"}
    assert len(seams) > 3  # cut elsewhere in each pass
    plain = [t for t in takes if t.clip.split == "test" or "pass0" in t.take]
    assert all(not t.mirrored and t.upper is None for t in plain)
    varied = [t for t in takes if t not in plain]
    assert {t.mirrored for t in varied} == {True, False}
    uppers = [t.upper for t in varied if t.upper is not None]
    assert 0 < len(uppers) < len(varied)
    assert {clip.split for clip, _ in uppers} == {"train"}
    other = plan_takes(CLIPS, frames=3000, views=3, seed=1)
    assert [t.seed for t in other] != [t.seed for t in takes]


def test_a_small_plan_is_drawn_from_all_clips():
    clips = [Clip(f"c{i}", str(i // 4), "train", 600, 30.0) for i in range(40)]
    takes = plan_takes(clips, frames=2400, views=1, seed=0)
    assert sum(t.last - t.first + 1 for t in takes) in range(2400, 2640)
    assert len({t.clip.subject for t in takes}) >= 5
    assert len({t.first for t in takes}) > 1
    assert takes == plan_takes(clips, frames=2400, views=1, seed=0)
    assert takes != plan_takes(clips, frames=2400, views=1, seed=1)
    assert plan_takes(clips, frames=0, views=1, seed=0) == []


def test_a_plan_of_nothing():
    with pytest.raises(InputError, match="30 frames"):
        plan_takes(CLIPS[2:3], frames=10, views=1, seed=0)


def test_mirrored_motion_is_motion_in_a_mirror(rng):
    motion = some_motion(rng, 40)
    times_s = np.array([0, 0.4, 1.1])
    (R, pelvis_m), (R_mirrored, pelvis_mirrored_m) = motion.at(times_s), motion.mirrored().at(times_s)
    joints_m, _ = forward_kinematics(R, offsets_of(motion.rest_m), pelvis_m)
    mirrored_m, _ = forward_kinematics(R_mirrored, offsets_of(motion.mirrored().rest_m), pelvis_mirrored_m)
    np.testing.assert_allclose(mirrored_m, joints_m[:, list(JOINT_MIRROR)] * [-1, 1, 1], atol=1e-6)


def test_an_upper_body_of_another_clip_leaves_the_legs_alone(rng):
    motion, other = some_motion(rng, 40), some_motion(rng, 20)
    both = motion.with_upper_body_of(other)
    upper = np.isin(np.arange(24), UPPER_BODY)
    np.testing.assert_array_equal(both.quat_wxyz[:, ~upper], motion.quat_wxyz[:, ~upper])
    times_s = np.array([0.2, 0.5, 1.2])  # the other has ended by the last
    np.testing.assert_allclose(both.at(times_s)[0][:, upper], other.at(times_s)[0][:, upper], atol=1e-6)
    np.testing.assert_array_equal(both.frames_at(times_s), motion.frames_at(times_s))


def some_motion(rng, frames):
    turns = from_axis_angle(np.cumsum(rng.normal(0, 0.02, (frames, 24, 3)), axis=0))
    rest_m = forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), rest_offsets_m(), np.zeros(3))[0]
    quat, pelvis_m = to_quat_wxyz(turns), np.cumsum(rng.normal(0, 0.01, (frames, 3)), axis=0)
    return ClipMotion("a", quat, pelvis_m, rest_m, 30.0, Glance.at(quat, pelvis_m))


# ---- what is hard
UPRIGHT = np.zeros((50, 24, 3)) + forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), rest_offsets_m(), np.zeros(3))[0]


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        ({}, None),
        ({"view_deg": 170.0}, None),
        ({"view_deg": 170.0, "elevation_deg": 25.0}, "back_from_above"),
        ({"person_px": 90.0}, "far"),
        ({"joints_m": UPRIGHT @ from_axis_angle(np.array([np.radians(80), 0, 0]))}, "bent"),
        ({"joints_m": UPRIGHT + 0.5 * np.eye(24)[8][:, None] * [0, 1, 0]}, "one_legged"),
    ],
)
def test_hard_takes_are_marked(change, mark):
    easy = {"joints_m": UPRIGHT, "stature_m": 1.7, "view_deg": 20.0, "elevation_deg": 5.0, "person_px": 300.0}
    marks = hard_marks(**(easy | change))
    assert [name for name, is_set in marks.items() if is_set] == ([mark] if mark else [])
    assert is_hard(marks | {"low_light": False, "bystander_behind": False}) == (mark is not None)
    assert is_hard(marks | {"low_light": True, "bystander_behind": False})
