"""The BVH file as a reader that is not ours understands it: our joints to the millimetre, our times."""

import warnings

import numpy as np
import pytest

from realtime.body.frames import State
from realtime.body.rotations import angle_between, from_axis_angle
from realtime.body.skeleton import JOINTS, PARENTS, forward_kinematics, rest_offsets_m
from realtime.export import open_export
from realtime.export.bvh import evenly
from realtime.export.recording import Recording
from realtime.export.spool import RECORD

from .bodies import body, meta


def read(path):
    """The hierarchy by bvhio: joint positions (T, 24, 3), m, by our order, and its frame time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the reader and what it needs
        import bvhio

        document, root = bvhio.readAsBvh(str(path)), bvhio.readAsHierarchy(str(path))
    joints = {joint.Name: joint for joint, _, _ in root.layout()}
    assert set(joints) >= set(JOINTS)
    for name, parent in zip(JOINTS, PARENTS, strict=True):
        assert parent < 0 or joints[name].Parent.Name == JOINTS[parent]
    positions_m = np.zeros((document.FrameCount, 24, 3))
    for t in range(document.FrameCount):
        root.loadPose(t)
        positions_m[t] = [np.array(list(joints[name].PositionWorld)) / 100 for name in JOINTS]
    return positions_m, document.FrameTime


def test_a_foreign_reader_finds_our_joints(tmp_path):
    frames = [body(i, state=State.LOST if i == 0 else State.TRACKING, pts_s=i / 25) for i in range(12)]
    sink = open_export(tmp_path / "a.bvh")
    for frame in frames:
        sink.write(frame)
    sink.finish(meta())
    positions_m, frame_time_s = read(tmp_path / "a.bvh")
    shown = [frames[max(i, 1)] for i in range(12)]
    R_local = np.array([f.R_local for f in shown])
    expected_m, _ = forward_kinematics(R_local, rest_offsets_m(), np.array([f.pelvis_m for f in shown]))
    assert frame_time_s == pytest.approx(0.04)
    assert np.abs(positions_m - expected_m).max() < 1e-3
    assert np.abs(np.diff(expected_m, axis=0)).max() > 0.01  # it moves


def records_at(times_s: np.ndarray) -> np.ndarray:
    """Somebody who turns by 1 rad a second and walks at 2 m/s."""
    records = np.zeros(len(times_s), RECORD)
    records["state"], records["pts_s"] = 2, times_s
    records["global_orient"][:, 1] = times_s
    records["transl"][:, 2] = 2 * times_s
    return records


def test_uneven_recordings_are_put_on_even_steps():
    times_s = np.array([0, 1, 2, 3, 5, 6, 6.4, 7, 8, 9]) / 30  # a drop, and one that came early
    recording = Recording(records_at(times_s))
    assert not recording.is_even
    R_local, pelvis_m = evenly(recording)
    even_s = np.arange(10) / 30
    assert recording.interval_s == pytest.approx(1 / 30)
    np.testing.assert_allclose(pelvis_m[:, 2], 2 * even_s, atol=1e-6)
    turned = from_axis_angle(even_s[:, None] * [0, 1, 0])
    assert angle_between(R_local[:, 0], turned).max() < 1e-6


def test_even_recordings_are_not_touched():
    recording = Recording(records_at(np.round(np.arange(20) / 60, 3)))
    R_local, pelvis_m = evenly(recording)
    np.testing.assert_array_equal(pelvis_m, recording.numbers("transl"))
    np.testing.assert_array_equal(R_local, recording.R_local())
