"""A folder of BVH to a dataset: manifest, counts, bad files, resume, the command line."""

import argparse
import json
import signal

import numpy as np
import pytest

from benchmarks.synthetic_bvh import write_bvh
from realtime.body.dataset import REJECT_REASONS
from realtime.body.errors import InputError, OutputError
from simlabels import cli, make
from simlabels.dataset import read_frames
from simlabels.folder import Subject, list_clips
from simlabels.make import make_labels

MANIFEST = """\
# what is here
clip,subject,split,action,flat_ground,other_contact,props,floor_m
a,01,train,knee bends,1,0,0,0.0
b,02,test,"bends, on a chair",1,1,1,
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_bvh(folder / "a.bvh", seconds=2)
    write_bvh(folder / "b.bvh", seconds=1, skew=10)
    (folder / "manifest.csv").write_text(MANIFEST)
    return folder


def run(folder, out, body, **kwargs):
    return make_labels(folder, out, body=body, **kwargs)


def test_dataset_of_a_folder(folder, tmp_path, the_body):
    (folder / "subjects.csv").write_text("subject,sex,height_m,mass_kg\n01,f,1.72,61.5\n")
    started, seen = [], []
    summary = run(
        folder, tmp_path / "out", the_body, on_start=lambda clips, kept: started.append((len(clips), kept)), on_clip=seen.append
    )
    assert (summary.clips, summary.frames) == (2, 90)
    assert started == [(2, set())]
    assert [done.clip.clip for done in seen] == ["a", "b"]
    f = read_frames(tmp_path / "out", ["clip", "frame", "valid", "reject", "grf_BW", "quat_wxyz"])
    assert f["clip"].tolist() == ["a"] * 60 + ["b"] * 30
    assert f["frame"].tolist() == [*range(60), *range(30)]
    assert f["valid"][:60].all()
    elsewhere = 1 << REJECT_REASONS.index("contact_elsewhere")
    assert (f["reject"][60:] & elsewhere > 0).all()  # something else carries weight: pose only
    assert np.isfinite(f["quat_wxyz"]).all()
    assert f["grf_BW"].reshape(90, 2, 3)[:60, :, 1].sum(1).mean() == pytest.approx(1.0, abs=0.02)
    info = json.loads((tmp_path / "out" / "dataset.json").read_text())
    counts = info["counts"]
    assert counts["all"]["own_by_reason"]["contact_elsewhere"] == 30
    assert counts["feet_on_flat_ground_only"]["frames"] == 60
    assert counts["splits"]["test"]["clips"] == 1
    assert info["subjects"]["01"] == {"sex": "f", "age_years": None, "height_m": 1.72, "mass_kg": 61.5}
    assert info["subjects"]["02"] == dict.fromkeys(("sex", "age_years", "height_m", "mass_kg"))  # unknown stays unknown
    assert info["clip_details"]["b"]["props"]
    assert len(info["muscles"]) == 354
    assert len(info["joints"]) == 31
    assert set(info["inputs_sha256"]) == {"a.bvh", "b.bvh", "manifest.csv", "subjects.csv"}
    rows = seen[0].row, seen[1].row
    assert rows[0]["mass_kg"] == 61.5
    assert rows[0]["height_m"] == 1.72
    assert 60 < rows[1]["mass_kg"] < 100  # estimated


def test_without_a_manifest_all_is_training(folder):
    (folder / "manifest.csv").unlink()
    clips = list_clips(folder)
    assert [(c.clip, c.split, c.subject, c.floor_m, c.person) for c in clips] == [
        ("a", "train", "unknown", None, Subject()),
        ("b", "train", "unknown", None, Subject()),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b,02", "c,02", r"does not list b\.bvh"),
        (",test,", ",tset,", "split should be one of train, val, test, got 'tset'"),
        ("bends,1,0,0,0.0", "bends,1,0,0,low", "floor_m should be a number, got 'low'"),
        ("bends,1,0", "bends,yes,0", "flat_ground should be 0 or 1, got 'yes'"),
        ("clip,subject", "name,subject", "has no column 'clip'"),
        ("b,02", "a,02", "lists clip 'a' twice"),
    ],
)
def test_a_wrong_manifest_is_named(folder, old, new, message):
    (folder / "manifest.csv").write_text(MANIFEST.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        list_clips(folder)
    assert "manifest.csv" in str(error.value)


def test_a_bad_file_is_left_out(folder, tmp_path, the_body):
    text = (folder / "b.bvh").read_text()
    (folder / "b.bvh").write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match=r"b\.bvh announces 30 frames.*leave --strict out"):
        run(folder, tmp_path / "out", the_body, strict=True)
    assert list((tmp_path / "out").iterdir()) == []
    summary = run(folder, tmp_path / "out", the_body)
    assert list(summary.skipped) == ["b"]
    assert "b" in json.loads((tmp_path / "out" / "dataset.json").read_text())["skipped"]
    assert set(read_frames(tmp_path / "out", ["clip"])["clip"]) == {"a"}
    (folder / "a.bvh").write_text("HIERARCHY")
    with pytest.raises(InputError, match="none of the 2 files"):
        run(folder, tmp_path / "none", the_body)


def test_a_stopped_run_goes_on(folder, tmp_path, the_body, monkeypatch):
    monkeypatch.setattr("simlabels.dataset.DatasetWriter.__init__.__kwdefaults__", {"shard_rows": 40}, raising=False)

    class Stop(Exception):
        pass

    def stop(done):
        if done.clip.clip == "a":
            raise Stop

    with pytest.raises(Stop):
        run(folder, tmp_path / "out", the_body, on_clip=stop)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["frames-00000.parquet"]
    seen = []
    run(folder, tmp_path / "out", the_body, on_clip=seen.append)
    assert [done.clip.clip for done in seen] == ["b"]
    run(folder, tmp_path / "whole", the_body)
    for name in ("frames-00000.parquet", "frames-00001.parquet", "clips.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_changed_input_is_no_continuation(folder, tmp_path, the_body):
    run(folder, tmp_path / "out", the_body)
    write_bvh(folder / "b.bvh", seconds=1, skew=5)
    with pytest.raises(OutputError, match=r"holds labels of clip b, whose file .* has changed since"):
        run(folder, tmp_path / "out", the_body)
    (folder / "b.bvh").unlink()
    with pytest.raises(OutputError, match=r"clip b, whose file .* is gone"):
        run(folder, tmp_path / "out", the_body)


@pytest.mark.slow
def test_two_processes_make_the_same(folder, tmp_path, the_body):
    run(folder, tmp_path / "one", the_body)
    make_labels(folder, tmp_path / "two", jobs=2)
    one, two = ((tmp_path / x / "frames-00000.parquet").read_bytes() for x in ("one", "two"))
    assert one == two


def test_command_errors_are_one_line(folder, tmp_path, capsys, monkeypatch):
    (folder / "a.bvh").write_text("no motion")
    for argv, message in (
        (["make", str(tmp_path / "absent"), "--out", str(tmp_path / "o")], "is not a folder"),
        (["make", str(tmp_path), "--out", str(tmp_path / "o")], "holds no .bvh, .amc or .npz files"),
        (["make", str(folder), "--out", str(tmp_path / "o"), "--jobs", "0"], "--jobs should be positive, got 0"),
    ):
        assert cli.main(argv) == 2
        err = capsys.readouterr().err
        last = err.strip().splitlines()[-1]
        assert last.startswith("biohuman-labels: ")
        assert message in last.replace("\n", " ")
    monkeypatch.setattr("simlabels.needs.SIMULATION", ("a_package_that_is_not_there",))
    assert cli.main(["make", str(folder), "--out", str(tmp_path / "o")]) == 2
    assert "a_package_that_is_not_there is not installed; install it with" in capsys.readouterr().err


def test_ctrl_c_is_one_line(folder, tmp_path, capsys, monkeypatch):
    def stopped(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("simlabels.make.make_labels", stopped)
    assert cli.main(["make", str(folder), "--out", str(tmp_path / "o")]) == 130
    assert "whole shards are kept" in capsys.readouterr().err


def test_ctrl_c_waits_for_the_clip_in_hand(folder, tmp_path, capsys, monkeypatch, the_body):
    """In compiled code it would end in a SystemError and a traceback."""
    real, finished = make.label_file, []

    def pressed_while_computing(*args):
        signal.raise_signal(signal.SIGINT)
        done = real(*args)
        finished.append(done.error)
        return done

    monkeypatch.setattr(make, "label_file", pressed_while_computing)
    monkeypatch.setattr(make, "Body", lambda: the_body)
    assert cli.main(["make", str(folder), "--out", str(tmp_path / "o")]) == 130
    assert finished == [None]
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("biohuman-labels: stopped")


def test_command_makes_a_dataset(folder, tmp_path, capsys, monkeypatch, the_body):
    monkeypatch.setattr("simlabels.make.Body", lambda: the_body)
    assert cli.main(["make", str(folder), "--out", str(tmp_path / "o")]) == 0
    out = capsys.readouterr().out
    assert "all clips: 2 clips, 90 frames" in out
    assert "feet on flat ground only: 1 clips, 60 frames; rejected 0.0 %" in out


def test_flags_are_a_contract():
    parser = cli.build_parser()
    (commands,) = [dict(a.choices) for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    flags = {
        name: sorted(s for a in p._actions for s in a.option_strings if s.startswith("--")) for name, p in commands.items()
    }
    assert flags == {
        "make": sorted(
            [
                *("--fps", "--help", "--jobs", "--out", "--strict", "--smpl-body", "--source-fps", "--up"),
                *(
                    "--activation-dynamics",
                    "--cost",
                    "--cutoff",
                    "--no-smooth",
                    "--passive",
                    "--reject-above",
                    "--solver",
                    "--spread",
                ),
                *("--address", "--cluster"),
                *("--grf", "--height", "--left", "--markers", "--mass", "--right", "--static", "--unit"),
            ]
        ),
        "video": sorted(
            ["--help", "--out", "--frames", "--views", "--seconds", "--clips", "--splits", "--size", "--no-shadow", "--plain"]
            + ["--seed", "--bodies", "--keep-video", "--jobs", "--cluster", "--address"]
        ),
        "body": ["--csv", "--help", "--json", "--plot", "--report"],
        "inspect": ["--help", "--json", "--out"],
        "plot": ["--end", "--help", "--out", "--start"],
        "smpl-body": ["--betas", "--gender", "--help", "--out"],
        "verify": ["--help", "--json", "--reference"],
    }
    assert "examples:" in parser.format_help()
