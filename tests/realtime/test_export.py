"""Exports: numbers come back, files are whole or absent, mistakes are told before the work."""

import csv
import json
import os

import numpy as np
import pytest

from realtime.body.errors import OutputError
from realtime.body.frames import State
from realtime.body.muscles import muscle_names
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINTS
from realtime.export import SUFFIXES, open_export
from realtime.export.spool import FLOATS

from .bodies import body, meta

FRAMES = [body(i, state=State.LOST if i == 2 else State.TRACKING, pts_s=0.04 * i) for i in range(5)]


def export(path, frames=None):
    sink = open_export(path)
    for frame in FRAMES if frames is None else frames:
        sink.write(frame)
    sink.finish(meta())
    return path


def test_npz_holds_every_number_without_pickle(tmp_path):
    with np.load(export(tmp_path / "a.npz"), allow_pickle=False) as data:
        assert set(data.files) == {*FLOATS, "seq", "state", "time_s", "t_capture_ns", "betas", "meta"}
        for name in ("joints_m", "joint_sigma_m", "activation", "activation_sigma", "grf_BW", "contact", "root_velocity_m_s"):
            np.testing.assert_array_equal(data[name], [getattr(f, name) for f in FRAMES], err_msg=name)
        np.testing.assert_array_equal(data["transl"], [f.pelvis_m for f in FRAMES])
        pose = np.concatenate([data["global_orient"], data["body_pose"]], axis=1).reshape(5, 24, 3)
        np.testing.assert_allclose(from_axis_angle(pose[4]), FRAMES[4].R_local, atol=1e-6)
        assert data["state"].tolist() == ["tracking", "tracking", "lost", "tracking", "tracking"]
        np.testing.assert_allclose(data["time_s"], 0.04 * np.arange(5))
        assert np.isnan(data["joints_m"][2]).all()
        told = json.loads(str(data["meta"]))
        assert told["muscles"] == list(muscle_names())
        assert told["arrays"]["joints_m"][:3] == ["<f4", [24, 3], "m"]


def test_csv_has_one_named_column_a_number(tmp_path):
    with open(export(tmp_path / "a.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert len(rows[0]) == 4 + sum(int(np.prod(shape)) for shape in FLOATS.values())
    muscle, joint = 17, JOINTS.index("left_knee")
    for i in (0, 1, 3, 4):
        row, frame = rows[i], FRAMES[i]
        assert float(row[f"activation_{muscle_names()[muscle]}"]) == pytest.approx(frame.activation[muscle], rel=1e-5)
        assert float(row["left_knee_y_m"]) == pytest.approx(frame.joints_m[joint, 1], rel=1e-5)
        assert float(row["grf_right_y_BW"]) == pytest.approx(frame.grf_BW[1, 1], rel=1e-5)
        assert float(row["contact_right_toes"]) == pytest.approx(frame.contact[3], rel=1e-5)
        assert (int(row["frame"]), float(row["time_s"])) == (i, pytest.approx(0.04 * i))
        assert int(row["t_capture_ns"]) == frame.t_capture_ns


def test_csv_leaves_lost_frames_empty(tmp_path):
    with open(export(tmp_path / "a.csv"), newline="") as file:
        row = list(csv.DictReader(file))[2]
    assert row["state"] == "lost"
    assert all(value == "" for name, value in row.items() if name not in ("frame", "time_s", "t_capture_ns", "state"))


def test_live_time_counts_from_the_first_capture(tmp_path):
    frames = [body(i, pts_s=None, t_capture_ns=7_000_000_000 + i * 20_000_000) for i in range(3)]
    with np.load(export(tmp_path / "a.npz", frames)) as data:
        np.testing.assert_allclose(data["time_s"], [0, 0.02, 0.04])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_tracked_is_a_file_without_frames(tmp_path, suffix):
    path = export(tmp_path / f"a{suffix}", [])
    if suffix == ".csv":
        assert path.read_text().count("\n") == 1
    else:
        with np.load(path) as data:
            assert data["joints_m"].shape == (0, 24, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_appear_at_the_end_and_nothing_else_stays(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    sink = open_export(path)
    sink.write(FRAMES[0])
    assert not path.exists()
    sink.finish(meta())
    assert os.listdir(tmp_path) == [path.name]
    assert path.stat().st_mode & 0o444 == 0o444


def test_an_export_that_is_given_up_leaves_nothing(tmp_path):
    sink = open_export(tmp_path / "a.csv")
    sink.write(FRAMES[0])
    sink.close()
    assert os.listdir(tmp_path) == []


def test_a_failed_export_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    path.write_text("old")
    sink = open_export(path)
    sink.write(FRAMES[0])

    def full(*args):
        args[0].write(b"half")
        raise OSError(28, "No space left on device")

    sink._write = full
    with pytest.raises(OutputError, match="No space left on device"):
        sink.finish(meta())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.xlsx", r"\.xlsx is not a format we know; use \.npz or \.csv"),
        ("a", "no suffix is not a format"),
        ("missing/a.csv", "there is no folder .*missing; make it first"),
        ("folder.csv", "it is a folder"),
    ],
)
def test_mistakes_are_told_at_the_start(tmp_path, name, says):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match=says):
        open_export(tmp_path / name)
    assert os.listdir(tmp_path) == ["folder.csv"]


def test_a_folder_that_cannot_be_written(tmp_path):
    if not os.path.isdir("/proc/self"):
        pytest.skip("needs a folder that nobody can write: /proc")
    with pytest.raises(OutputError, match=r"cannot write /proc/self/a\.csv: .*; choose another folder"):
        open_export("/proc/self/a.csv")
