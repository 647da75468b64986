"""Wrong input, damaged files, training that fails: one line that says what to do, and nothing half done."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import trainer.video
from realtime.body.errors import InputError
from realtime.body.frames import LandmarkFrame
from trainer.cli import main
from trainer.loop import CHECKPOINT, RUN_JSON, STEPS_DONE
from trainer.runs import TrainingData, load_run
from trainer.video import MARKERS, Camera, camera_of, read_calibration

from .conftest import SMALL, label_item, pair_item, write_world


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["teacher", "--data", "{tmp}", "--out", "{tmp}/run"], "not a dataset"),
        (["export", "{tmp}", "--out", "{tmp}/x.onnx"], "not a run"),
        (["export", "{runs}/teacher", "--out", "{tmp}/x.onnx"], "wanted a student"),
        (["distil", "--data", "{data}", "--out", "{tmp}/run", "--teacher", "{tmp}"], "not a run"),
        (
            ["teacher", "--data", "{data}", "--out", "{runs}/teacher", "--steps", "9"],
            "holds another run (train.steps 4, not 9)",
        ),
        (["evaluate", "{tmp}/none.onnx", "--data", "{data}"], "none.onnx is not there"),
        (
            ["evaluate", "{runs}/student", "--data", "{data}", "--held-out", "carl"],
            "student was not told to hold out subject carl",
        ),
        (["evaluate", "{runs}/student", "--video", "a", "--reference", "b", "--calibration", "c"], "is no .onnx file"),
        (["teacher", "--data", "{data}", "--out", "{tmp}/run", "--steps", "-5"], "train.steps is 1 or more, got -5"),
        (["teacher", "--data", "{data}", "--out", "{tmp}/run", "--seed", "-1"], "train.seed is 0 to"),
        (["teacher", "--data", "{data}", "--out", "{tmp}/run", "--threads", "0"], "train.threads is 1 to"),
        (["teacher", "--data", "{data}", "--out", "{tmp}/run", "--set", "net.deltas=[16]"], "fewer frames than windows.frames"),
        (["teacher", "--data", "{data}", "--out", "{data}/labels/dataset.json"], "cannot be made"),
        (["export", "{runs}/student", "--out", "{tmp}"], "is a folder; give --out the name of a file"),
        (["export", "{runs}/student", "--out", "{data}/labels/dataset.json/x.onnx"], "cannot be made"),
        (["export", "{runs}/student", "--out", "{tmp}/x.onnx", "--metrics", "{tmp}/none"], "cannot be read"),
        (["export", "{runs}/student", "--out", "{tmp}/x.onnx", "--metrics", "{runs}/student/run.json"], "is not what"),
        (["skeleton", "--data", "{data}", "--out", "{tmp}/none/x.csv"], "cannot be written"),
        (["evaluate", "{data}/labels/dataset.json", "--data", "{data}"], "not an ONNX file"),
        (["evaluate", "{runs}/student", "{tmp}/other/student", "--data", "{data}"], "two models of the name student"),
        (
            ["distil", "--data", "{data}", "--out", "{tmp}/run", "--teacher", "none", "--set", "net.window=1"],
            "net.window is 2 or",
        ),
        (["evaluate", "x.onnx"], "wants --data"),
        (["evaluate", "x.onnx", "--video", "a.mp4"], "--reference"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(command, says, data, runs, tmp_path, capsys):
    filled = [c.format(tmp=tmp_path, runs=runs, data=data) for c in command]
    assert main(filled) == 2
    said = capsys.readouterr().err.strip()
    assert says in said
    assert "\n" not in said
    assert not list(tmp_path.glob("*.onnx"))


def test_an_unfinished_or_damaged_run_is_no_run(runs, tmp_path):
    about = json.loads((runs / "student" / RUN_JSON).read_text())
    shutil.copytree(runs / "student", tmp_path / "run")
    for name, text, says in (
        (RUN_JSON, json.dumps({k: v for k, v in about.items() if k != STEPS_DONE}), "is not finished"),
        (RUN_JSON, "{", r"run\.json is damaged"),
        (CHECKPOINT, "no zip", r"checkpoint\.pt is damaged"),
    ):
        (tmp_path / "run" / RUN_JSON).write_text(json.dumps(about))
        (tmp_path / "run" / name).write_text(text)
        with pytest.raises(InputError, match=says):
            load_run(tmp_path / "run")


def test_damaged_datasets_are_told(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    labels, video = tmp_path / "data" / "labels", tmp_path / "data" / "video"
    (shard,) = video.glob("frames-*.parquet")
    shard.write_bytes(b"no parquet")
    with pytest.raises(InputError, match="is not readable Parquet"):
        TrainingData(labels, video)
    (video / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json is damaged"):
        TrainingData(labels, video)
    (video / "dataset.json").write_text("[]")
    with pytest.raises(InputError, match="no JSON object"):
        TrainingData(labels, video)
    shutil.copy(data / "video" / "dataset.json", video)
    (labels / "dataset.json").unlink()
    with pytest.raises(InputError, match="labels is not a dataset"):
        TrainingData(labels, video)


def test_runs_and_files_of_another_version_are_told(runs, tmp_path):
    about = json.loads((runs / "student" / RUN_JSON).read_text())
    weights = torch.load(runs / "student" / CHECKPOINT, weights_only=True)
    fewer = weights | {"averaged": dict(list(weights["averaged"].items())[1:])}
    for i, (said, saved) in enumerate(
        [
            (about | {"net": about["net"] | {"cells": 3}}, weights),
            (about | {"kind": None}, weights),
            (about, fewer),
            (about, {}),
        ]
    ):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / RUN_JSON).write_text(json.dumps(said))
        torch.save(saved, folder / CHECKPOINT)
        with pytest.raises(InputError, match="wanted a student" if said["kind"] is None else "made by another version"):
            load_run(folder, "student")


def test_a_run_that_cannot_go_on_is_told(data, runs, tmp_path, capsys):
    shutil.copytree(runs / "student", tmp_path / "run")
    about = json.loads((tmp_path / "run" / RUN_JSON).read_text())
    again = ["distil", "--data", str(data), "--steps", "4", "--teacher", str(runs / "teacher"), "--out", str(tmp_path / "run")]
    (tmp_path / "run" / RUN_JSON).write_text(json.dumps({k: v for k, v in about.items() if k != STEPS_DONE}))
    torch.save({"step": 2}, tmp_path / "run" / CHECKPOINT)
    assert main(again) == 2
    assert "made by another version (KeyError): remove it" in capsys.readouterr().err
    (tmp_path / "run" / RUN_JSON).unlink()
    (tmp_path / "run" / RUN_JSON).mkdir()
    assert main(again) == 2
    assert "run.json is damaged" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("a file")
    assert main(again) == 2
    assert "tensorboard cannot be made" in capsys.readouterr().err


def test_a_run_may_go_on_with_other_threads_and_checkpoints(data, runs, capsys):
    command = ["teacher", "--data", str(data), "--steps", "4", "--out", str(runs / "teacher"), "--threads", "2"]
    assert main([*command, "--set", "train.checkpoint_every=3"]) == 0


def test_training_that_diverges_ends_with_a_line(data, tmp_path, capsys):
    command = ["distil", "--data", str(data), "--teacher", "none", "--out", str(tmp_path / "run"), *SMALL]
    assert main([*command[:-1], "train.adamw=1e30", "--steps", "9"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("biohuman-train: the loss is no number any more: lower")


def test_what_answers_no_number_is_not_exported(data, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["distil", "--data", str(data), "--teacher", "none", "--out", str(run), *SMALL]) == 0
    saved = torch.load(run / CHECKPOINT, weights_only=True)
    saved["averaged"]["inlet.weight"].fill_(float("nan"))
    torch.save(saved, run / CHECKPOINT)
    assert main(["export", str(run), "--out", str(tmp_path / "x.onnx")]) == 2
    assert "differs from PyTorch by nan" in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()


def test_compiling_wants_a_compiler(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    command = ["distil", "--data", str(data), "--teacher", "none", "--out", str(tmp_path / "run"), "--steps", "1"]
    assert main([*command, "--set", "train.compile=true"]) == 2
    assert "wants a C++ compiler" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_package_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr("realtime.body.needs.find_spec", lambda name: None if name == "torch" else name)
    assert main(["evaluate", "x.onnx"]) == 2
    assert "torch is not installed; install it with `pip install -e '.[train]'`" in capsys.readouterr().err


def test_a_full_disk_is_told(data, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / f".{CHECKPOINT}.{os.getpid()}.part").symlink_to("/dev/full")
    assert main(["distil", "--data", str(data), "--teacher", "none", "--out", str(run), *SMALL]) == 2
    assert "checkpoint.pt cannot be written: No space left on device; make room" in capsys.readouterr().err


def test_no_mean_skeleton_without_training_takes(data, tmp_path, capsys):
    write_world(tmp_path, [label_item("unseen", "test", 0)], [pair_item("t", "unseen", "test", 0)])
    assert main(["skeleton", "--data", str(tmp_path), "--out", str(tmp_path / "x.csv")]) == 2
    assert "has no training takes" in capsys.readouterr().err


# ---- real video of calibrated cameras
def cameras(*names):
    return [Camera(name=name, focal_px=1.0, gravity_cam=np.array([0.0, 1.0, 0.0])) for name in names]


@pytest.mark.parametrize(
    ("video", "names", "camera"),
    [
        ("balance_cam02.mp4", ["int_cam01_img", "int_cam02_img"], "int_cam02_img"),
        ("trial3_cam2.mp4", ["cam_01", "cam_02", "cam_03"], "cam_02"),
        ("walk_right.mp4", ["left", "right"], "right"),
        ("walk_side.mp4", ["cam_00", "side"], "side"),
    ],
)
def test_a_video_is_of_the_camera_in_its_name(video, names, camera):
    assert camera_of(Path(video), cameras(*names)).name == camera


@pytest.mark.parametrize(
    ("video", "names", "says"),
    [
        ("side.mp4", ["cam_00", "left"], "no camera for side.mp4"),
        ("cam05.mp4", ["cam_01", "cam_02"], "no camera for cam05.mp4"),
        ("cam01.mp4", ["a_1", "b_1"], "more than one camera for cam01.mp4"),
    ],
)
def test_a_video_of_no_camera_is_told(video, names, says):
    with pytest.raises(InputError, match=says):
        camera_of(Path(video), cameras(*names))


def test_a_video_in_which_nobody_is_found_is_told(data, runs, tmp_path, monkeypatch, capsys):
    assert main(["export", str(runs / "student"), "--out", str(tmp_path / "x.onnx")]) == 0
    nobody = LandmarkFrame.nobody((640, 480))
    monkeypatch.setattr(trainer.video, "read_trc", lambda _: ({name: np.zeros((40, 3)) for name in MARKERS}, 30.0))
    monkeypatch.setattr(trainer.video, "read_calibration", lambda _: cameras("cam1"))
    monkeypatch.setattr(trainer.video, "landmarks_of_video", lambda *_: ([nobody] * 40, 30.0))
    command = ["evaluate", str(tmp_path / "x.onnx"), "--video", "cam1.mp4", "--reference", "r.trc", "--calibration", "c.toml"]
    assert main(command) == 2
    assert "cam1.mp4: the front end finds nobody in its first 40 pictures" in capsys.readouterr().err


@pytest.mark.parametrize("table", ["matrix = []\nrotation = [0, 0, 0]", "matrix = [[1]]\nrotation = [0, 0]", "matrix = [[1]]"])
def test_what_is_no_calibration(table, tmp_path):
    (tmp_path / "c.toml").write_text(f'[cam]\nname = "cam"\n{table}\n')
    with pytest.raises(InputError, match="is not a camera calibration"):
        read_calibration(tmp_path / "c.toml")
