"""Joint angles as in OpenSim's full-body model: signs, order of the axes, no jumps, and what inverse kinematics says."""

import numpy as np
import pytest

from realtime.body.rotations import angle_between, from_axis_angle
from realtime.body.skeleton import JOINTS, rest_offsets_m
from realtime.export.angles import Y, Z, axis_rotation, ball_angles, hinge_angle, two_hinge_angles
from realtime.export.opensim_angles import COORDINATES, ELBOW_ASKEW_RAD, R_OPENSIM_WORLD, TRANSLATIONS, coordinates

AXES = np.eye(3)
# Directions in SMPL's world of somebody who faces +Z.
RIGHT, UP, FORWARD = np.array([-1.0, 0, 0]), np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
DOWN, LEFT, BACK = -UP, -RIGHT, -FORWARD


def turn(toward_from: np.ndarray, toward: np.ndarray, angle_deg: float) -> np.ndarray:
    """The rotation that carries the first direction towards the second."""
    axis = np.cross(toward_from, toward)
    return axis_rotation(np.radians(angle_deg), axis / np.linalg.norm(axis))


def values_deg(*, pelvis_m=(0.0, 1.0, 0.0), **R_of_joint: np.ndarray) -> dict[str, float]:
    """Coordinates of the rest pose with some joints turned: degrees and metres by name."""
    R_local = np.tile(np.eye(3), (1, 24, 1, 1))
    for joint, R in R_of_joint.items():
        R_local[0, JOINTS.index(joint)] = R
    numbers = coordinates(R_local, np.array([pelvis_m]), rest_offsets_m())[0]
    return {
        n: v if n.startswith("pelvis_t") and n[-2] == "t" else np.degrees(v) for n, v in zip(COORDINATES, numbers, strict=True)
    }


REST = values_deg()
OUT = {"right": RIGHT, "left": LEFT}
IN = {"right": LEFT, "left": RIGHT}


def both(joint: str, name: str, of: str | np.ndarray, to: str | np.ndarray) -> list:
    """The same anatomical turn on either side; "in" and "out" are each side's own."""
    rows = []
    for side in ("right", "left"):
        named = {"in": IN[side], "out": OUT[side]}
        a, b = (named[d] if isinstance(d, str) else d for d in (of, to))
        rows.append((f"{side}_{joint}", a, b, f"{name}_{side[0]}"))
    return rows


#: Joint, the direction that moves, where it goes, the coordinate that grows by as much. A T-pose's arms point out, palms down.
SIGNS = [
    ("pelvis", FORWARD, UP, "pelvis_tilt"),
    ("pelvis", UP, RIGHT, "pelvis_list"),
    ("pelvis", FORWARD, LEFT, "pelvis_rotation"),
    ("spine2", UP, BACK, "lumbar_extension"),
    ("spine1", UP, RIGHT, "lumbar_bending"),
    ("spine3", FORWARD, LEFT, "lumbar_rotation"),
    *both("hip", "hip_flexion", DOWN, FORWARD),
    *both("hip", "hip_adduction", DOWN, "in"),
    *both("hip", "hip_rotation", FORWARD, "in"),
    *both("knee", "knee_angle", DOWN, BACK),
    *both("shoulder", "arm_add", "out", DOWN),
    *both("shoulder", "arm_rot", FORWARD, DOWN),
    *both("collar", "arm_add", "out", DOWN),
    *both("elbow", "elbow_flex", "out", FORWARD),
    *both("elbow", "pro_sup", FORWARD, DOWN),
    *both("wrist", "pro_sup", FORWARD, DOWN),
    *both("wrist", "wrist_flex", "out", DOWN),
    *both("wrist", "wrist_dev", "out", BACK),
]


#: An elbow that bends backwards would say that its hinge lies the other way round; an arm can be raised further, but from
#: one frame nobody knows by which way it came.
ONE_WAY = ("elbow_flex", "arm_add")


@pytest.mark.parametrize(
    ("joint", "of", "to", "grows", "angle_deg"),
    [(*row, angle_deg) for row in SIGNS for angle_deg in (30.0, -20.0) if angle_deg > 0 or not row[3].startswith(ONE_WAY)],
)
def test_a_turn_of_one_joint_is_one_coordinate(joint, of, to, grows, angle_deg):
    got = values_deg(**{joint: turn(of, to, angle_deg)})
    moved = {n: got[n] - REST[n] for n in COORDINATES if n not in TRANSLATIONS}
    assert moved.pop(grows) == pytest.approx(angle_deg, abs=1e-6)
    assert max(map(abs, moved.values())) < 1e-6, moved


def test_rest_is_a_t_pose_with_palms_down():
    askew_deg = np.degrees(ELBOW_ASKEW_RAD)
    expected = dict.fromkeys(COORDINATES, 0.0)
    for side in "rl":
        expected |= {f"arm_add_{side}": -90, f"arm_rot_{side}": -askew_deg, f"pro_sup_{side}": 90 + askew_deg}
    del expected["pelvis_ty"], expected["pelvis_tx"]
    assert {n: REST[n] for n in expected} == pytest.approx(expected, abs=1e-9)


def test_a_raised_arm_flexes_the_shoulder():
    """From hanging arms, since a T-pose is where flexion and rotation mean the same."""
    for side, out in OUT.items():
        hanging = turn(out, DOWN, 90)
        got = values_deg(**{f"{side}_shoulder": turn(DOWN, FORWARD, 40) @ hanging})
        s = side[0]
        assert got[f"arm_flex_{s}"] == pytest.approx(40, abs=1e-6)
        assert got[f"arm_add_{s}"] == pytest.approx(0, abs=1e-6)
        assert got[f"arm_rot_{s}"] == pytest.approx(-np.degrees(ELBOW_ASKEW_RAD), abs=1e-6)


@pytest.mark.parametrize("side", ["right", "left"])
def test_ankle_subtalar_and_toes_turn_as_the_foot_does(side):
    s = side[0]
    up, down = (values_deg(**{f"{side}_ankle": turn(FORWARD, d, 20)})[f"ankle_angle_{s}"] for d in (UP, DOWN))
    assert (up, down) == (pytest.approx(20, abs=1.0), pytest.approx(-20, abs=1.0))  # the axis is oblique, hence nearly
    sole_in = turn(DOWN, IN[side], 15)
    assert 8 < values_deg(**{f"{side}_ankle": sole_in})[f"subtalar_angle_{s}"] < 16
    toes_down = values_deg(**{f"{side}_foot": turn(FORWARD, DOWN, 25)})
    assert 18 < toes_down[f"mtp_angle_{s}"] < 25
    assert toes_down[f"ankle_angle_{s}"] == pytest.approx(0, abs=1e-6)


def test_whoever_faces_the_camera_looks_along_x():
    np.testing.assert_array_equal(R_OPENSIM_WORLD @ FORWARD, AXES[0])
    np.testing.assert_array_equal(R_OPENSIM_WORLD @ UP, AXES[1])
    np.testing.assert_array_equal(R_OPENSIM_WORLD @ RIGHT, AXES[2])
    here, there = values_deg(pelvis_m=(0.0, 1.0, 0.0)), values_deg(pelvis_m=(0.5, 1.25, 2.0))
    moved = [there[n] - here[n] for n in ("pelvis_tx", "pelvis_ty", "pelvis_tz")]
    assert moved == pytest.approx([2.0, 0.25, -0.5])


def test_the_pelvis_hangs_on_the_hips():
    """The model's pelvis origin lies before and above its hips, wherever the pelvis turns; it grows with the legs."""
    offsets_m = rest_offsets_m()
    hips_m = offsets_m[1:3].mean(0)
    R_local = np.tile(np.eye(3), (1, 24, 1, 1))
    R_local[0, 0] = turn(FORWARD, LEFT, 90)
    got = coordinates(R_local, np.zeros((1, 3)), offsets_m)[0, 3:6]
    hips = R_OPENSIM_WORLD @ R_local[0, 0] @ hips_m
    scale = np.linalg.norm(offsets_m[[4, 7]], axis=1).sum() / 0.8046
    np.testing.assert_allclose(got - hips, [0, 0.07849 * scale, -0.056276 * scale], atol=1e-4)  # forward is now to the left


def test_two_oblique_hinges_are_found_and_a_third_turn_is_left_out():
    rng = np.random.default_rng(0)
    first, second = np.array([-0.105, -0.174, 0.979]), np.array([0.787, 0.605, -0.121])
    first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
    a, b = rng.uniform(-0.7, 0.7, (2, 200))
    R = axis_rotation(a, first) @ axis_rotation(b, second)
    got = two_hinge_angles(R, first, second)
    np.testing.assert_allclose(got, [a, b], atol=1e-9)
    R = R @ from_axis_angle(rng.normal(size=(200, 3)) * 0.1)
    best = two_hinge_angles(R, first, second)
    miss = angle_between(axis_rotation(best[0], first) @ axis_rotation(best[1], second), R)
    for da, db in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01), (0.01, 0.01), (-0.01, 0.01)):
        worse = angle_between(axis_rotation(best[0] + da, first) @ axis_rotation(best[1] + db, second), R)
        assert (worse > miss).all()
    np.testing.assert_allclose(hinge_angle(axis_rotation(a, second), second), a, atol=1e-12)


@pytest.mark.parametrize("first", [Z, Y])
def test_three_angles_give_the_rotation_back(first):
    rng = np.random.default_rng(1)
    R = from_axis_angle(rng.normal(size=(500, 3)) * 2)
    angles = ball_angles(R, first)
    order = [first, (first + 1) % 3, (first + 2) % 3]
    again = np.eye(3)
    for i, axis in enumerate(order):
        again = again @ axis_rotation(angles[:, i], AXES[axis])
    np.testing.assert_allclose(again, R, atol=1e-9)


def test_turning_on_the_spot_counts_on():
    angle = np.linspace(0, 6 * np.pi, 200)
    got = ball_angles(axis_rotation(angle, AXES[Y]), Z)
    np.testing.assert_allclose(got[:, 2], angle, atol=1e-9)


def test_an_arm_that_goes_up_sideways_goes_on_past_the_horizontal():
    """And the least tremor does not turn flexion and rotation by 180 degrees; down again in front, everything is small."""
    up = np.concatenate([np.linspace(0, -2.9, 60), np.full(10, -2.9)])
    tremor = 0.01 * np.sin(np.arange(len(up)))
    R_up = axis_rotation(tremor, AXES[Z]) @ axis_rotation(up, AXES[0]) @ axis_rotation(tremor, AXES[Y])
    got = ball_angles(R_up, Z)
    assert np.abs(np.diff(got, axis=0)).max() < np.radians(20)
    assert got[-1] == pytest.approx([0, -2.9, 0], abs=0.1)
    down_in_front = axis_rotation(np.linspace(np.pi - 0.3, 0.0, 60), AXES[Z])
    assert ball_angles(np.concatenate([R_up, down_in_front]), Z)[-1] == pytest.approx([0, 0, 0], abs=1e-9)
