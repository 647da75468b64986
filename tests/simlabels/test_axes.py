"""Unit, up axis, floor and frame rate: the tests give the right answer, or refuse and say what to pass."""

import csv

import numpy as np
import pytest

from realtime.body.errors import InputError
from simlabels.readers.axes import (
    R_TO_Y_UP,
    centre_of_mass_m,
    check_frame_rate,
    check_unit,
    fall_m_s2,
    floor_height_m,
    person_length,
    up_axis,
)
from simlabels.readers.bvh import read_bvh
from simlabels.readers.retarget import retarget

FPS = 60.0


def jumps(fps=FPS, gravity_m_s2=9.81):
    """Height of the centre and of the lowest point of somebody who crouches, jumps (0.5 s in the air) and lands, three times."""
    t = np.arange(int(6 * fps)) / fps
    phase = t % 2
    air = np.clip(phase - 0.8, 0, 0.5)
    rise = gravity_m_s2 / 2 * air * (0.5 - air)
    crouch = np.where(phase < 0.8, -0.2 * np.sin(np.pi * phase / 0.8) ** 2, 0)
    return 0.95 + rise + crouch, 0.02 + rise


def test_a_known_frame_rate_is_confirmed():
    centre_m, lowest_m = jumps()
    np.testing.assert_allclose(fall_m_s2(centre_m, lowest_m, FPS), 9.81, rtol=0.01)
    assert len(fall_m_s2(centre_m, lowest_m, FPS)) == 3
    assert check_frame_rate(centre_m, lowest_m, FPS) == pytest.approx(9.81, rel=0.01)


@pytest.mark.parametrize("said", [24, 30, 100, 120, 240])
def test_a_wrong_frame_rate_is_refused_and_the_right_one_named(said):
    centre_m, lowest_m = jumps()
    with pytest.raises(InputError, match=rf"at {said} frames a second, gravity is 9\.81; (50|60) frames a second"):
        check_frame_rate(centre_m, lowest_m, said)


def test_a_wrong_unit_is_refused_too():
    centre_m, lowest_m = jumps()
    with pytest.raises(InputError, match=r"lengths times 0\.45"):  # inches taken for CMU's unit
        check_frame_rate(centre_m / 0.45, lowest_m / 0.45, FPS)


def test_without_a_jump_the_rate_is_asked_for():
    t = np.arange(300) / FPS
    for lowest_m in (0.02 + 0 * t, np.where(t > 2, 0.3, 0.02)):  # walks; steps onto a box and stands there
        with pytest.raises(InputError, match=r"nobody jumps.*pass the known rate"):
            check_frame_rate(0.95 + 0.02 * np.sin(11 * t) + (lowest_m > 0.1) * 0.3, lowest_m, FPS)


def test_floor():
    t = np.arange(600) / FPS
    walk_m = 0.13 + 0.002 * np.sin(30 * t)
    walk_m[100:130] += 0.2  # a hop
    assert floor_height_m(walk_m) == pytest.approx(0.13, abs=0.004)
    with pytest.raises(InputError, match="not flat or not touched: pass the floor's height"):
        floor_height_m(np.linspace(0, 3, 600))  # stairs


def test_up_survives_bending_and_lying_is_refused():
    names = ("Head", "LFHD", "Left.Heel", "r_ankle", "Belt")
    upright = np.array([[0, 1.7, 0.1], [0.1, 1.65, 0], [0, 0.05, 0.1], [0.1, 0.1, -0.1], [0, 1, 0]])
    bent = upright @ np.array([[np.cos(0.4), np.sin(0.4), 0], [-np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])
    for up, R in R_TO_Y_UP.items():
        assert up_axis(names, np.stack([upright, bent, upright]) @ R) == up
    lying = upright @ np.array([[np.cos(0.8), np.sin(0.8), 0], [-np.sin(0.8), np.cos(0.8), 0], [0, 0, 1]])
    with pytest.raises(InputError, match="not upright"):
        up_axis(names, lying[None])
    gone = upright[None].copy()
    gone[:, :2] = np.nan
    with pytest.raises(InputError, match="no marker is named after"):
        up_axis(names, gone)


def test_length_of_a_person():
    standing = np.array([[0, 0, 0], [0, 1.75, 0], [0.3, 1, 0.4]])
    assert person_length(standing[None]) == pytest.approx(1.75)
    assert person_length(standing[None, :2]) is None
    check_unit("a", standing[None], "m")
    for factor, said, right in ((1000, "m", "mm"), (0.001, "mm", "m"), (0.01, "cm", "m"), (100, "m", "cm")):
        with pytest.raises(InputError, match=f"pass unit='{right}'"):
            check_unit("a", standing[None] * factor, said)
    with pytest.raises(InputError, match="no unit fits"):
        check_unit("a", standing[None] * 5, "m")


def test_centre_of_mass_of_a_t_pose(motion):
    """At 0.55 to 0.58 of stature, by the textbook; in the middle from left to right."""
    sole_m = motion.rest_m[[10, 11], 1].mean() - 0.033
    centre_m = centre_of_mass_m(motion.rest_m[None])[0]
    assert 0.53 < (centre_m[1] - sole_m) / motion.stature_m < 0.60
    assert centre_m[0] == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def clips(data_folder):
    folder = data_folder / "cmu_bvh"
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"no {folder}")
    lines = (folder / "manifest.csv").read_text().splitlines()
    rows = {row["clip"]: row for row in csv.DictReader(line for line in lines if not line.startswith("#"))}

    def clip(name):
        bvh = read_bvh(folder / f"{name}.bvh")
        joints_m, _ = retarget(bvh).forward()
        lowest_m = np.minimum(joints_m[:, [10, 11], 1].min(1), joints_m[:, [7, 8], 1].min(1) - 0.05)
        return joints_m, lowest_m, bvh.fps, rows[name]

    return clip


@pytest.mark.data
@pytest.mark.parametrize("name", ["02_04", "14_20", "c_jumping_1", "c_jumping_2", "c_jumping_5", "135x_07"])
def test_real_jumps(clips, name):
    joints_m, lowest_m, fps, _ = clips(name)
    centre_m = centre_of_mass_m(joints_m)[:, 1]
    if name == "14_20":  # small hops: nothing that counts as flight
        with pytest.raises(InputError, match="nobody jumps"):
            check_frame_rate(centre_m, lowest_m, fps)
        return
    assert check_frame_rate(centre_m, lowest_m, fps) == pytest.approx(9.81, rel=0.1)
    with pytest.raises(InputError, match=r"; (2[45]|30) frames a second"):
        check_frame_rate(centre_m, lowest_m, 2 * fps)


@pytest.mark.data
@pytest.mark.parametrize("name", ["c_walkx_13", "02_03", "14_20", "60_03", "01_07b", "03_01"])
def test_real_floors(clips, name):
    _, lowest_m, _, row = clips(name)
    if row["flat_ground"] == "1":
        floor_height_m(lowest_m)
    else:
        with pytest.raises(InputError, match="not flat"):
            floor_height_m(lowest_m)
