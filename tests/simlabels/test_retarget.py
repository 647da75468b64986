"""Re-targeting: where joints land, what turning the world does, other frame rates."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_bvh import write_bvh
from realtime.body.errors import InputError
from realtime.body.rotations import angle_between, from_axis_angle
from simlabels.readers.bvh import read_bvh
from simlabels.readers.resample import resample
from simlabels.readers.retarget import SOURCES, estimated_floor_m, rest_joints_m, retarget


@pytest.fixture(scope="module")
def bvh(bvh_file):
    return read_bvh(bvh_file)


def test_joints_land_on_those_of_the_file(bvh):
    joints_m, R = retarget(bvh).forward()
    position, _ = bvh.forward()
    miss = np.linalg.norm(joints_m - position[:, [bvh.names.index(n) for n in SOURCES]], axis=-1).max(0)
    assert miss[1:].max() < 1e-5  # the pelvis is another point by design
    assert 0.02 < miss[0] < 0.12
    np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-9)


def test_rest_pose_is_a_symmetric_t_pose(bvh):
    rest = rest_joints_m(bvh)
    left, right = [1, 4, 7, 10, 13, 16, 18, 20, 22], [2, 5, 8, 11, 14, 17, 19, 21, 23]
    np.testing.assert_allclose(rest[left], rest[right] * [-1, 1, 1], atol=1e-12)
    np.testing.assert_allclose(rest[[18, 20], 1], rest[16, 1])  # arms level
    np.testing.assert_allclose(rest[[4, 7], 0], rest[1, 0])  # legs straight down
    assert (rest[10:12, 2] > rest[7, 2]).all()  # toes forward
    assert rest[22, 0] > rest[20, 0] > 0  # the left is +X


def test_turning_the_world_turns_only_the_pelvis(bvh):
    turn = from_axis_angle(np.array([0, 1.2, 0]))
    R_turned = bvh.R_local.copy()
    R_turned[:, 0] = turn @ R_turned[:, 0]
    a, b = retarget(bvh), retarget(replace(bvh, R_local=R_turned, root_m=bvh.root_m @ turn.T))
    np.testing.assert_allclose(b.R_local[:, 0], turn @ a.R_local[:, 0], atol=1e-9)
    np.testing.assert_allclose(b.R_local[:, 1:], a.R_local[:, 1:], atol=1e-9)
    np.testing.assert_allclose(b.pelvis_m, a.pelvis_m @ turn.T, atol=1e-9)


def test_floor_and_stature(bvh):
    assert estimated_floor_m(bvh) == pytest.approx(0, abs=1e-4)  # the file was made with the toes at 33 mm
    raised = replace(bvh, root_m=bvh.root_m + [0, 0.4, 0])
    assert estimated_floor_m(raised) == pytest.approx(0.4, abs=1e-4)
    assert 1.6 < retarget(bvh).stature_m < 1.8


def test_a_foreign_skeleton_is_named(bvh):
    names = ["Chest" if n == "Spine1" else n for n in bvh.names]
    with pytest.raises(InputError, match="no joint 'Spine1'"):
        retarget(replace(bvh, names=names))


def test_resampling_keeps_the_motion(tmp_path):
    fast = retarget(read_bvh(write_bvh(tmp_path / "fast.bvh", seconds=4, fps=120)))
    slow = retarget(read_bvh(write_bvh(tmp_path / "slow.bvh", seconds=4, fps=30)))
    same = resample(fast, 30)
    assert same.fps == 30
    n = min(len(same.pelvis_m), len(slow.pelvis_m))
    assert n == 120
    assert np.degrees(angle_between(same.R_local[5 : n - 5], slow.R_local[5 : n - 5])).max() < 0.2
    assert np.abs(same.pelvis_m[5 : n - 5] - slow.pelvis_m[5 : n - 5]).max() < 1e-3
    assert resample(slow, 30).pelvis_m is slow.pelvis_m


def test_frames_are_not_invented(motion):
    with pytest.raises(InputError, match="30 frames a second, 60 are wanted"):
        resample(motion, 60)
