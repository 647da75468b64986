"""Exports: numbers come back, files are whole or absent, mistakes are told before the work."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realtime.body.errors import OutputError
from realtime.body.frames import State
from realtime.body.muscles import muscle_names
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINTS
from realtime.export import SUFFIXES, open_export
from realtime.export.recording import Recording, nearest_seen
from realtime.export.spool import BOOLS, FLOATS, RECORD, STATES

from .bodies import body, meta

ROOT = Path(__file__).parents[2]
FRAMES = [body(i, state=State.LOST if i == 2 else State.TRACKING, pts_s=0.04 * i) for i in range(5)]


def export(path, frames=None):
    sink = open_export(path)
    for frame in FRAMES if frames is None else frames:
        sink.write(frame)
    sink.finish(meta())
    return path


SHOWN = [0, 1, 1, 3, 4]  # frame 2 is lost, and 1 is as near as 3


def test_npz_holds_every_number_without_pickle(tmp_path):
    with np.load(export(tmp_path / "a.npz"), allow_pickle=False) as data:
        assert set(data.files) == {*FLOATS, *BOOLS, "seq", "state", "valid", "time_s", "t_capture_ns", "betas", "meta"}
        for name in ("joints_m", "joint_sigma_m", "activation", "activation_sigma", "grf_BW", "contact", "root_velocity_m_s"):
            np.testing.assert_array_equal(data[name], [getattr(FRAMES[i], name) for i in SHOWN], err_msg=name)
        np.testing.assert_array_equal(data["transl"], [FRAMES[i].pelvis_m for i in SHOWN])
        pose = np.concatenate([data["global_orient"], data["body_pose"]], axis=1).reshape(5, 24, 3)
        np.testing.assert_allclose(from_axis_angle(pose[4]), FRAMES[4].R_local, atol=1e-6)
        for name in BOOLS:  # what was seen is told as it was
            np.testing.assert_array_equal(data[name], [getattr(f, name) for f in FRAMES], err_msg=name)
        assert data["state"].tolist() == ["tracking", "tracking", "lost", "tracking", "tracking"]
        assert data["valid"].tolist() == [True, True, False, True, True]
        np.testing.assert_allclose(data["time_s"], 0.04 * np.arange(5))
        told = json.loads(str(data["meta"]))
        assert told["muscles"] == list(muscle_names())
        assert told["arrays"]["joints_m"][:3] == ["<f4", [24, 3], "m"]


def test_csv_has_one_named_column_a_number(tmp_path):
    with open(export(tmp_path / "a.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert len(rows[0]) == 5 + 24 + sum(int(np.prod(shape)) for shape in FLOATS.values())
    muscle, joint = 17, JOINTS.index("left_knee")
    for i, shown in enumerate(SHOWN):
        row, frame = rows[i], FRAMES[shown]
        assert float(row[f"activation_{muscle_names()[muscle]}"]) == pytest.approx(frame.activation[muscle], rel=1e-5)
        assert float(row["left_knee_y_m"]) == pytest.approx(frame.joints_m[joint, 1], rel=1e-5)
        assert float(row["grf_right_y_BW"]) == pytest.approx(frame.grf_BW[1, 1], rel=1e-5)
        assert float(row["contact_right_toes"]) == pytest.approx(frame.contact[3], rel=1e-5)
        assert (int(row["frame"]), float(row["time_s"])) == (i, pytest.approx(0.04 * i))
        assert int(row["t_capture_ns"]) == FRAMES[i].t_capture_ns
        assert (row["state"], row["valid"]) == (("lost", "0") if i == 2 else ("tracking", "1"))
        assert [row[f"{j}_valid"] for j in JOINTS] == ["1" if x else "0" for x in FRAMES[i].joint_valid]


def test_a_lost_frame_repeats_the_nearest_in_which_somebody_was_seen():
    valid = np.array([0, 0, 1, 0, 0, 0, 1, 0, 0], bool)
    even = nearest_seen(valid, np.arange(9.0))
    assert even.tolist() == [2, 2, 2, 2, 2, 6, 6, 6, 6]
    uneven = nearest_seen(valid, np.array([0, 1, 2, 7, 8, 8.5, 9, 10, 11]))
    assert uneven.tolist() == [2, 2, 2, 6, 6, 6, 6, 6, 6]


def test_nobody_at_all_is_zeros_and_not_valid():
    records = np.zeros(3, RECORD)
    records["state"] = STATES.index(State.LOST)
    for name in FLOATS:
        records[name] = np.nan
    recording = Recording(records)
    assert not recording.valid.any()
    for name, shape in FLOATS.items():
        np.testing.assert_array_equal(recording.numbers(name, slice(1, 3)), np.zeros((2, *shape)))
    np.testing.assert_array_equal(recording.R_local(), np.tile(np.eye(3), (3, 24, 1, 1)))


@pytest.mark.parametrize("suffix", sorted({*SUFFIXES} - {".npz"}))
@pytest.mark.parametrize("states", ["t", "ltlll", "lll"], ids=["one frame", "one seen", "nobody"])
def test_no_text_has_a_hole(tmp_path, suffix, states):
    kinds = {"t": State.TRACKING, "l": State.LOST}
    frames = [body(i, state=kinds[s], pts_s=0.04 * i) for i, s in enumerate(states)]
    text = export(tmp_path / f"a{suffix}", frames).read_text().lower()
    assert re.findall(r"(?<![a-z_])(?:nan|inf)(?![a-z_])", text) == []
    assert ",," not in text


def test_live_time_counts_from_the_first_capture(tmp_path):
    frames = [body(i, pts_s=None, t_capture_ns=7_000_000_000 + i * 20_000_000) for i in range(3)]
    with np.load(export(tmp_path / "a.npz", frames)) as data:
        np.testing.assert_allclose(data["time_s"], [0, 0.02, 0.04])


def test_times_rounded_to_milliseconds_are_even_steps():
    """OpenSim resamples what is not even; containers round. Where steps are truly uneven the true times stay."""
    records = np.zeros(50, RECORD)
    records["pts_s"] = np.round(np.arange(50) / 60 + 0.2, 3)
    recording = Recording(records)
    np.testing.assert_allclose(np.diff(recording.even_time_s()), recording.interval_s, rtol=1e-9)
    np.testing.assert_allclose(recording.even_time_s(), records["pts_s"], atol=6e-4)
    assert recording.interval_s == pytest.approx(1 / 60, rel=1e-3)
    records["pts_s"][20:] += 1 / 60  # one picture was dropped
    dropped = Recording(records)
    np.testing.assert_array_equal(dropped.even_time_s(), records["pts_s"])
    assert dropped.interval_s == pytest.approx(1 / 60, abs=6e-4)


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_nothing_tracked_is_a_file_without_frames(tmp_path, suffix):
    path = export(tmp_path / f"a{suffix}", [])
    if suffix == ".csv":
        assert path.read_text().count("\n") == 1
    else:
        with np.load(path) as data:
            assert data["joints_m"].shape == (0, 24, 3)


@pytest.mark.parametrize("suffix", [".trc", ".mot", ".sto", ".bvh"])
def test_a_motion_without_frames_is_not_written(tmp_path, suffix):
    with pytest.raises(OutputError, match="not one picture was read"):
        export(tmp_path / f"a{suffix}", [])
    assert os.listdir(tmp_path) == []


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


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_keeps_the_old_file_and_the_other_formats(tmp_path, suffix):
    """The kernel refuses to make the file longer, as on a full disk: RLIMIT_FSIZE, in a process of its own."""
    program = f"""
import resource, signal, sys
from realtime.body.errors import OutputError
from realtime.export import open_export
from tests.realtime.bodies import body, meta
full, good = open_export("{tmp_path}/a{suffix}"), open_export("{tmp_path}/good.csv")
for i in range(20):
    full.write(body(i, pts_s=i / 30))
    good.write(body(i, pts_s=i / 30))
for sink in (full, good):
    sink._spool.records()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then write() fails as with ENOSPC
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, unlimited[1]))
try:
    full.finish(meta())
except OutputError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
good.finish(meta())
"""
    path = tmp_path / f"a{suffix}"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith(f"cannot write {path}: File too large; free some space or choose another folder")
    assert path.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == [f"a{suffix}", "good.csv"]
    assert (tmp_path / "good.csv").read_text().count("\n") == 21


def test_a_disk_that_is_full_while_tracking_is_told(tmp_path, monkeypatch):
    sink = open_export(tmp_path / "a.npz")
    with open("/dev/full", "wb", buffering=0) as full, monkeypatch.context() as patch:
        patch.setattr(sink._spool, "_file", full)
        with pytest.raises(OutputError, match=r"cannot go on writing .*a\.npz: No space left on device; free some space"):
            sink.write(FRAMES[0])
    sink.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.xlsx", r"\.xlsx is not a format we know; use \.npz, \.csv, \.trc, \.mot, \.sto or \.bvh"),
        ("a.tcr", r"\.tcr is not a format we know; did you mean \.trc\? use"),
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
