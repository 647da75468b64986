"""From datasets on disk through teacher, student, export and evaluation; windows, resume, errors."""

import json
import shutil
import signal

import numpy as np
import pytest
import torch

from realtime.body.errors import InputError
from realtime.body.muscles import muscle_index
from realtime.body.rotations import angle_between
from realtime.body.skeleton import rest_offsets_m
from simlabels.dataset import LABELS, PAIRS, DatasetWriter
from trainer.cli import main
from trainer.data.bank import body_of, fit_carried_offsets
from trainer.data.takes import load_clips, load_takes
from trainer.data.windows import BENT, WindowConfig, WindowSource
from trainer.evaluate import image_error_pct, load_split, naive_rows, score
from trainer.loop import CHECKPOINT, RUN_JSON
from trainer.nets.geometry import LANDMARK_POSITION, global_from_local, joints_from_global, landmarks_from_body
from trainer.runs import TrainingData
from trainer.streaming import OnnxStudent

from .conftest import FRAMES, SMALL, label_item, pair_item


@pytest.fixture(scope="module")
def source(data):
    """Makes sources of windows of 16 frames of the small world, with other choices."""
    clips = load_clips(data / "labels")
    takes = load_takes(data / "video", clips)
    carried_offsets_m = fit_carried_offsets(takes)

    def make(seed=0, **choices) -> WindowSource:
        config = WindowConfig(**{"frames": 16, "batch": 8} | choices)
        return WindowSource(takes, list(clips.values()), carried_offsets_m, config, seed)

    return make


def test_takes_are_read_as_they_were_written(data):
    takes = load_takes(data / "video", load_clips(data / "labels"))
    assert [t.split for t in takes] == ["train", "train", "test"]
    joints, _ = body_of(takes[0])
    p = joints + takes[0].root_m[:, None]
    seen = takes[0].detected > 0
    knee = p[seen, 4, :2] / p[seen, 4, 2:]
    assert (takes[0].ray[seen, 25] - knee).norm(dim=-1).median() < 0.01
    assert takes[0].valid.all()
    assert not takes[0].detected[7]
    torch.testing.assert_close(takes[0].gravity_cam, torch.tensor([0.0, 1.0, 0.0]).expand(60, 3))


@pytest.mark.parametrize("bank", [0.0, 1.0])
def test_windows_agree_with_themselves_after_every_augmentation(source, bank):
    """What is seen is the body that is asked for, mirrored, rolled or moved as it may be."""
    source = source(seed=1, bank=bank, roll_rad=0.3, focal_error=0.0, drop_landmarks_3d=0.0)
    for step in range(4):
        b = source.batch(step)
        assert all(torch.isfinite(v).all() for v in b.values())
        G = global_from_local(b["R_local"])
        joints = joints_from_global(G, b["offsets_m"][:, None].expand(-1, 16, -1, -1))
        points = (
            landmarks_from_body(joints, G, source.carried_offsets_m, b["size"][:, None].expand(-1, 16))
            + b["root_m"][:, :, None]
        )
        miss = (points[..., :2] / points[..., 2:] - b["ray"]).norm(dim=-1)
        use = (b["real"] * b["detected"]) > 0
        assert miss[use].median() < 0.01  # 1 % of the distance: the noise of the pairs
        # gravity and ground forces turn with the body: the floor pushes up
        up = (b["grf_BW"].sum(2) * -b["gravity_cam"]).sum(-1)
        torch.testing.assert_close(up[b["dynamics"] > 0], torch.ones_like(up[b["dynamics"] > 0]), atol=1e-4, rtol=0)


def test_mirrored_takes_have_mirrored_labels_and_recombined_ones_none(tmp_path):
    pairs = DatasetWriter(tmp_path / "video", PAIRS, {})
    labels = DatasetWriter(tmp_path / "labels", LABELS, {})
    row, frames = label_item("walk", "train", 0)
    labels.add(
        row, frames | {"contact": np.tile([1.0, 0, 0, 0], (FRAMES, 1)), "grf_BW": np.full((FRAMES, 2, 3), [0.1, 0.5, 0.2])}
    )
    labels.finish({})
    for name, varied in (("plain", {}), ("mirrored", {"mirrored": True}), ("both", {"upper_clip": "wave"})):
        row, frames = pair_item(name, "walk", "train", 0)
        pairs.add(row | varied, frames)
    pairs.finish({})
    plain, mirrored, both = load_takes(tmp_path / "video", load_clips(tmp_path / "labels"))
    assert plain.valid.all()
    assert mirrored.valid.all()
    assert not both.valid.any()
    assert both.contact_valid.all()  # its legs are the clip's
    assert mirrored.contact[0].tolist() == [0, 0, 1, 0]  # the left heel's contact is the right one's
    torch.testing.assert_close(mirrored.grf_BW, plain.grf_BW * torch.tensor([-1.0, 1, 1]))
    left, right = (muscle_index(name) for name in ("soleus_l", "soleus_r"))
    torch.testing.assert_close(mirrored.activation[:, left], plain.activation[:, right])
    assert (mirrored.activation[:, left] != plain.activation[:, left]).any()


def test_new_motion_keeps_the_time_of_uneven_pictures(data):
    """Cameras of 50 Hz that come late and early: what is performed moves as fast as it says."""
    clips = load_clips(data / "labels")
    takes = load_takes(data / "video", clips)
    rng = np.random.default_rng(0)
    for take in takes:
        take.time_s = (np.arange(len(take)) + rng.uniform(-0.3, 0.3, len(take))) / 50
    config = WindowConfig(frames=16, batch=16, bank=1.0, compose=0.0, bend=0.0, roll_rad=0.0, first_step_unknown=0.0)
    b = WindowSource(takes, list(clips.values()), fit_carried_offsets(takes), config, seed=0).batch(0)
    assert (b["dt_s"] > 0).all()
    assert b["dt_s"].mean() == pytest.approx(1 / 50, rel=0.05)
    torch.testing.assert_close(
        b["R_local"] @ b["R_local"].transpose(-1, -2), torch.eye(3).expand_as(b["R_local"]), atol=1e-5, rtol=0
    )
    whole = (b["dynamics"] > 0).all(1)
    moved = b["root_m"][whole, -1] - b["root_m"][whole, 0]
    velocity = (b["velocity_m_s"][whole, 1:] + b["velocity_m_s"][whole, :-1]) / 2
    said = (velocity * b["dt_s"][whole, 1:, None]).sum(1)
    assert whole.any()
    torch.testing.assert_close(moved, said, atol=0.02, rtol=0)


def test_bent_motion_teaches_pose_alone(source):
    as_is, bent = (source(bank=1.0, compose=0.0, bend=bend).batch(0) for bend in (0.0, 1.0))
    assert (as_is["dynamics"] > 0).any()
    for key in ("dynamics", "touches"):
        assert not bent[key].any(), key
    assert (bent["moves"] > 0).any()
    change = np.degrees(angle_between(as_is["R_local"].numpy(), bent["R_local"].numpy()))
    others = [j for j in range(24) if j not in BENT]
    assert 10 < np.median(change[:, :, BENT]) < 30  # the length of three angles of 12 degrees
    assert change[:, :, others].max() < 0.1


def test_a_step_always_draws_the_same_batch(source):
    a, b, other = source().batch(3), source().batch(3), source().batch(4)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a["ray"], other["ray"])


def test_what_a_window_may_teach(source):
    """Lost people weigh little, a session's first picture has no time since the one before."""
    source = source(batch=32, bank=0.0)
    b = source.batch(0)
    lost = b["detected"] == 0
    assert lost.any()
    assert (b["real"][lost] <= source.config.lost).all()
    assert (b["real"][~lost] == 1).all()
    assert (b["moves"] == 1).all()
    first = b["dt_s"][:, 0] == 0
    assert 0 < first.float().mean() < 1
    assert (b["dt_s"][:, 1:] > 0).all()


def test_windows_are_drawn_by_time(data):
    clips = load_clips(data / "labels")
    takes = load_takes(data / "video", clips)[:2]
    takes[0].time_s = takes[0].time_s / 10  # as many pictures in a tenth of the time
    config = WindowConfig(frames=16, batch=400, bank=0.0, first_step_unknown=0.0)
    b = WindowSource(takes, list(clips.values()), fit_carried_offsets(takes), config, 0).batch(0)
    assert 15 < (b["dt_s"][:, 1] < 0.01).sum() < 70


def test_shares_for_learning_curves_are_nested(data):
    every = {t.name for t in TrainingData(data / "labels", data / "video").takes}
    kept = [{t.name for t in TrainingData(data / "labels", data / "video", takes_share=s).takes} for s in (0.2, 0.7)]
    assert kept[0] <= kept[1] <= every
    assert 0 < len(kept[0]) < len(every)
    clips = TrainingData(data / "labels", data / "video", clips_share=0.8)
    assert {t.clip for t in clips.takes} == {c.name for c in clips.clips} != {"walk", "wave"}


def test_pairs_of_other_labels_are_refused(data, tmp_path):
    pairs = DatasetWriter(tmp_path / "video", PAIRS, {"labels_sha256": "0" * 64})
    pairs.add(*pair_item("t", "walk", "train", 0))
    pairs.finish({})
    with pytest.raises(InputError, match="films other labels"):
        TrainingData(data / "labels", tmp_path / "video")


def test_composed_motion_teaches_no_dynamics(source):
    b = source(bank=1.0, compose=1.0).batch(0)
    assert b["dynamics"].sum() == 0
    assert b["touches"].sum() > 0  # the legs are one clip's


def test_the_test_split_is_never_trained_on(data):
    training = TrainingData(data / "labels", data / "video")
    assert {t.split for t in training.takes} == {"train"}
    assert {c.split for c in training.clips} == {"train"}
    truth = np.concatenate([c.activation.numpy() for c in training.clips])
    np.testing.assert_allclose(training.activation_mean, truth.mean(0), atol=1e-5)


def test_nothing_is_learnt_from_a_subject_held_out(two_subjects):
    labels, video = two_subjects / "labels", two_subjects / "video"
    assert len(TrainingData(labels, video).takes) == 4
    kept = TrainingData(labels, video, hold_out=["ben"])
    assert [c.name for c in kept.clips] == ["anna"]
    assert [t.name for t in kept.takes] == ["anna"]
    assert kept.about["held_out"] == ["ben"]
    with pytest.raises(InputError, match="no subject 'bob'"):
        TrainingData(labels, video, hold_out=["bob"])


def test_runs_are_judged_on_subjects_held_out_of_them_alone(two_subjects, tmp_path, capsys):
    """And on takes that show nothing of others: one of ben's legs under anna's arms is neither learnt from nor judged on."""
    distil = ["distil", "--teacher", "none", "--data", str(two_subjects), "--out"]
    for name, option in (("without", ["--hold-out", "ben"]), ("with", [])):
        assert main([*distil, str(tmp_path / name), *option, *SMALL]) == 0
        assert main(["export", str(tmp_path / name), "--out", str(tmp_path / f"{name}.onnx")]) == 0
    judge = ["--data", str(two_subjects), "--json", "--held-out", "ben"]
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "without"), str(tmp_path / "without.onnx"), *judge]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["split"], result["takes"]) == ("ben", 1)
    for name in ("with", "with.onnx"):
        assert main(["evaluate", str(tmp_path / name), *judge]) == 2
        assert f"{name} was not told to hold out subject ben: train it with --hold-out ben" in capsys.readouterr().err


def weights(run):
    return torch.load(run / CHECKPOINT, weights_only=True)["averaged"]


@pytest.mark.parametrize("kind", [["teacher"], ["distil", "--teacher", "none"]])
def test_a_run_begins_with_the_weights_of_another(kind, two_subjects, tmp_path, capsys):
    distil = [*kind, "--data", str(two_subjects)]
    assert main([*distil, "--out", str(tmp_path / "first"), *SMALL]) == 0
    further = [*distil, "--start", str(tmp_path / "first"), "--out", str(tmp_path / "further")]
    assert main([*further, *SMALL, "train.adamw=0.0", "train.muon=0.0"]) == 0
    first = weights(tmp_path / "first")
    for key, value in weights(tmp_path / "further").items():
        torch.testing.assert_close(value, first[key], msg=key)
    capsys.readouterr()
    other = [*distil, "--start", str(tmp_path / "first"), "--out", str(tmp_path / "other")]
    assert main([*other, "--steps", "2"]) == 2
    assert "make them alike with --set" in capsys.readouterr().err
    assert main([*other, "--hold-out", "ben", *SMALL]) == 2
    assert "first was not told to hold out subject ben" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_teacher_has_not_seen_whom_its_student_must_not_see(two_subjects, tmp_path, capsys):
    assert main(["teacher", "--data", str(two_subjects), "--out", str(tmp_path / "teacher"), *SMALL]) == 0
    capsys.readouterr()
    distil = ["distil", "--data", str(two_subjects), "--teacher", str(tmp_path / "teacher"), "--out", str(tmp_path / "s")]
    assert main([*distil, "--hold-out", "ben", *SMALL]) == 2
    assert "teacher was not told to hold out subject ben" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")
def test_compiled_losses_train_the_same_network(two_subjects, tmp_path):
    distil = ["distil", "--data", str(two_subjects), "--teacher", "none"]
    for name, is_compiled in (("plain", "false"), ("compiled", "true")):
        choices = ["net.dropout=0.0", f"train.compile={is_compiled}"]
        assert main([*distil, "--out", str(tmp_path / name), *SMALL, *choices]) == 0
    plain = weights(tmp_path / "plain")
    for key, value in weights(tmp_path / "compiled").items():
        torch.testing.assert_close(value, plain[key], atol=1e-4, rtol=1e-3, msg=key)


def test_teacher_student_export_evaluate(data, runs, capsys):
    out = runs / "a new folder" / "student.onnx"
    assert main(["export", str(runs / "student"), "--out", str(out)]) == 0
    capsys.readouterr()
    models = [str(runs / "teacher"), str(runs / "student"), str(out)]
    assert main(["evaluate", *models, "--data", str(data), "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = result["rows"]
    assert result["takes"] == 1
    assert result["frames_detected"] == 59
    assert rows["training mean"]["pcc"] is None
    assert rows["training mean"]["mpjpe_mm"] is None
    assert rows["MediaPipe, linear map"]["mpjpe_mm"] > 0
    in_torch = rows["student (distilled student): pitch known, height unknown"]
    in_file = rows["student.onnx: pitch known, height unknown"]
    for key in ("mpjpe_mm", "pa_mpjpe_mm", "accel_error_m_s2", "pcc", "rmse", "grf_rmse_BW"):
        assert in_file[key] == pytest.approx(in_torch[key], rel=0.02), key  # half-precision weights
    assert sum(name.startswith("student.onnx") for name in rows) == 4
    of_band = [
        n * pa for n, pa in zip(result["frames_by_image_error"], in_torch["pa_mpjpe_mm_by_image_error"], strict=True) if n
    ]
    assert sum(result["frames_by_image_error"]) == 59
    assert sum(of_band) / 59 == pytest.approx(in_torch["pa_mpjpe_mm"], rel=1e-5)
    assert "student (distilled student, one frame): pitch known, height unknown" in rows


def test_a_file_carries_the_figures_of_its_run(data, runs, tmp_path, capsys):
    assert main(["evaluate", str(runs / "student"), "--data", str(data), "--json"]) == 0
    said = capsys.readouterr().out
    (tmp_path / "said.txt").write_text(said)
    command = ["export", str(runs / "student"), "--out", str(tmp_path / "x.onnx"), "--metrics"]
    assert main([*command, str(tmp_path / "said.txt")]) == 0
    row = json.loads(said.splitlines()[-1])["rows"]["student (distilled student): pitch known, height unknown"]
    carried = json.loads(OnnxStudent(tmp_path / "x.onnx").metadata["metrics"])
    assert carried["pa_mpjpe_mm"] == row["pa_mpjpe_mm"]
    assert (carried["takes"], carried["told"]) == (1, "pitch known, height unknown")
    other = json.loads(said.splitlines()[-1])
    other["models_sha256"]["student"] = "0" * 64  # another run of that name
    (tmp_path / "other.json").write_text(json.dumps(other))
    assert main([*command, str(tmp_path / "other.json")]) == 2
    assert "does not judge" in capsys.readouterr().err


def test_a_finished_run_keeps_what_it_says(data, runs):
    command = ["teacher", "--data", str(data), "--out", str(runs / "teacher"), "--steps", "4"]
    about = (runs / "teacher" / RUN_JSON).read_text()
    assert main(command) == 0
    assert (runs / "teacher" / RUN_JSON).read_text() == about


def test_only_training_subjects_are_held_out(data):
    with pytest.raises(InputError, match="no training subject 'test' that could be held out"):
        load_split(data, "test", ["test"])


def test_rows_without_a_network_are_fitted_on_others(two_subjects):
    with pytest.raises(InputError, match="no other training takes"):
        load_split(two_subjects, "test", ["anna", "ben"])


def test_accelerations_and_delays_are_of_even_takes(data):
    test, takes, clips = load_split(data, "test")
    rows = naive_rows(test, takes, clips)
    even = score(test, rows["MediaPipe, linear map"])
    for take in test.takes:
        take.time_s = take.time_s * 2
    uneven = score(test, rows["MediaPipe, linear map"])
    assert even["accel_error_m_s2"] > 0
    assert (uneven["accel_error_m_s2"], uneven["delay_ms"]) == (None, None)
    assert uneven["mpjpe_mm"] == even["mpjpe_mm"]


def test_errors_in_the_picture_are_told_in_percent_of_the_stature(data):
    take = load_takes(data / "video", load_clips(data / "labels"))[0]
    joints_m, _ = body_of(take)
    depth_m = (joints_m + take.root_m[:, None])[:, LANDMARK_POSITION, 2]
    assert image_error_pct(take, joints_m)[take.detected > 0].max() < 2  # the noise of the world
    take.ray[..., 1] += 0.04 * 1.7 / depth_m
    found = image_error_pct(take, joints_m)[take.detected > 0]
    torch.testing.assert_close(found, torch.full_like(found, 4.0), atol=0.6, rtol=0)


def crash():
    raise MemoryError


@pytest.mark.parametrize(("stop", "at", "saved"), [(lambda: signal.raise_signal(signal.SIGINT), 3, 3), (crash, 4, 2)])
def test_resume_equals_a_run_in_one_go(stop, at, saved, data, runs, tmp_path, monkeypatch):
    """Ctrl-C ends after the step at hand and saves it; after a crash the last checkpoint is what there is."""
    import trainer.runs

    real, calls = trainer.runs.label_losses, []

    def losses(*args):
        calls.append(1)
        if len(calls) == at:
            stop()
        return real(*args)

    monkeypatch.setattr(trainer.runs, "label_losses", losses)
    command = [
        "teacher",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "t"),
        "--steps",
        "4",
        "--set",
        "train.checkpoint_every=2",
    ]
    if stop is crash:
        with pytest.raises(MemoryError):
            main(command)
    else:
        assert main(command) == 130
    assert torch.load(tmp_path / "t" / CHECKPOINT, weights_only=True)["step"] == saved
    assert main(command) == 0
    assert len(calls) == at + 4 - saved
    again, whole = weights(tmp_path / "t"), weights(runs / "teacher")
    for key, value in whole.items():
        torch.testing.assert_close(again[key], value, msg=key)


def test_the_mean_skeleton_is_that_of_the_training_people(data, tmp_path):
    out = tmp_path / "rest.csv"
    assert main(["skeleton", "--data", str(data), "--out", str(out)]) == 0
    rows = [line.split(",") for line in out.read_text().splitlines() if not line.startswith(("#", "joint"))]
    written = np.array([[float(x) for x in row[1:]] for row in rows])
    np.testing.assert_allclose(written, rest_offsets_m(), atol=2e-4)  # the people of these tests have the mean skeleton
