"""How good is a model on people it never saw?  biohuman-train evaluate MODEL... --data DIR [--json]

Rendered test takes through the real front end: poses against exact truth, activations against simulated labels, beside rows
that need no network.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from realtime.body.errors import InputError
from realtime.body.landmarks import LIMB_POINTS
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import REST_STATURE_M

from .data.bank import body_of
from .data.takes import FPS, Clip, Take, check_labels, load_clips, load_takes
from .data.windows import steps_of
from .loop import CHECKPOINT, file_hash
from .metrics import accel_error_m_s2, activation_metrics, delay_ms, mpjpe_mm, one_euro, pa_mpjpe_mm, pearson
from .nets.student import Student
from .nets.teacher import Teacher
from .runs import check_held_out, load_run, mean_activation
from .streaming import OnnxStudent

Tensor = torch.Tensor

PITCH_ERROR_DEG = 3.0
#: Edges between bands of the front end's error in the picture, % of stature.
BANDS_PCT = (2.0, 3.0, 5.0)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a model is told of camera and person."""

    gravity: bool = True  # with an error of 3 degrees about a random level axis, the same all through a take
    height: bool = False

    def __str__(self) -> str:
        return f"pitch {'known' if self.gravity else 'unknown'}, height {'known' if self.height else 'unknown'}"


@dataclass(kw_only=True)
class Answer:
    """A row's answer for one take; None where the row does not say."""

    joints_m: Tensor | None = None  # (T, 24, 3) about the pelvis, camera axes
    activation: np.ndarray | None = None  # (T, 354)
    grf_BW: Tensor | None = None  # (T, 2, 3), camera axes


@dataclass(kw_only=True)
class TestSet:
    takes: list[Take]
    left_out: list[str]  # takes that are too short, or in which the person is hardly ever found: no figure is said of them
    truth_m: list[Tensor] = field(init=False)  # (T, 24, 3) about the pelvis, camera axes
    band: list[Tensor] = field(init=False)  # (T,) which of the bands each picture's landmarks are in

    def __post_init__(self) -> None:
        self.truth_m = [body_of(take)[0] for take in self.takes]
        edges_pct = torch.tensor(BANDS_PCT)
        errors_pct = [image_error_pct(*item) for item in zip(self.takes, self.truth_m, strict=True)]
        self.band = [torch.bucketize(e, edges_pct, right=True) for e in errors_pct]


def image_error_pct(take: Take, joints_m: Tensor) -> Tensor:
    """How far off the 12 limb landmarks are in the picture (T,), mean, % of the stature as seen at their joints' distance."""
    landmarks, limbs = (list(column) for column in zip(*LIMB_POINTS, strict=True))
    limbs_cam_m = joints_m[:, limbs] + take.root_m[:, None]
    depth_m = limbs_cam_m[..., 2:].clamp(min=0.2)
    miss_m = (take.ray[:, landmarks] * depth_m - limbs_cam_m[..., :2]).norm(dim=-1)
    return 100 * miss_m.mean(-1) / (take.size * REST_STATURE_M)


def load_split(data: Path, split: str, held_out: Sequence[str] = ()) -> tuple[TestSet, list[Take], list[Clip]]:
    """The takes of a split, or of training subjects held out, and the training takes and clips that naive rows are fitted on.

    Raises:
        InputError: there are no takes to judge on or to fit on, or no such subject.
    """
    check_labels(data / "labels", data / "video")
    clips = load_clips(data / "labels")
    every = load_takes(data / "video", clips)
    unknown = set(held_out) - {t.subject for t in every if t.split == "train"}
    if unknown:
        raise InputError(f"{data / 'video'} has no training subject {min(unknown)!r} that could be held out")
    # Where another's clip is the upper body, both subjects are held out, or a part of it has been learnt from.
    held_clips = {c.name for c in clips.values() if c.subject in held_out}
    wanted = [t for t in every if (t.performs_only(held_clips) if held_out else t.split == split)]
    test = [t for t in wanted if t.is_usable]
    if not test:
        raise InputError(f"{data / 'video'} has no takes of {', '.join(held_out) or f'the split {split!r}'}")
    train_clips = {c.name: c for c in clips.values() if c.split == "train" and c.subject not in held_out}
    train_takes = [t for t in every if t.split == "train" and t.is_usable and t.performs_only(train_clips)]
    if not train_takes:
        raise InputError(f"{data / 'video'} has no other training takes, which rows without a network are fitted on: film some")
    left_out = sorted(t.name for t in wanted if not t.is_usable)
    return TestSet(takes=test, left_out=left_out), train_takes, list(train_clips.values())


def batch_of(take: Take, told: Told) -> dict[str, Tensor]:
    """A whole take as a batch of one."""
    T = len(take)
    gravity = torch.zeros(T, 3)
    if told.gravity:
        rng = np.random.default_rng(sum(take.name.encode()))
        axis = np.cross(take.gravity_cam[0].numpy(), rng.normal(size=3))
        tilt = from_axis_angle(np.radians(PITCH_ERROR_DEG) * axis / np.linalg.norm(axis))
        gravity = take.gravity_cam @ torch.from_numpy(tilt.T).float()
    b = {
        "ray": take.ray,
        "visibility": take.visibility,
        "landmarks_m": take.landmarks_m,
        "detected": take.detected,
        "dt_s": torch.from_numpy(steps_of(take.time_s)).float(),
        "gravity_told": gravity,
        "size_told": torch.full((T,), take.size if told.height else 0.0),
    }
    return {k: v[None] for k, v in b.items()}


@torch.no_grad()
def answers_of_network(net: Student | Teacher, takes: list[Take], told: Told, window: int | None = None) -> list[Answer]:
    """A run's network over whole takes."""
    answers = []
    for take in takes:
        b = batch_of(take, told)
        body = net(b, window) if isinstance(net, Student) else net(b).body
        answers.append(Answer(joints_m=body.joints_m[0], activation=body.activation[0].numpy(), grf_BW=body.grf_BW[0]))
    return answers


def answers_of_file(model: OnnxStudent, takes: list[Take], told: Told) -> list[Answer]:
    """An exported file, streamed frame by frame. Rays enter as a camera of focal length 1 on a picture of size 1."""
    answers = []
    for take in takes:
        b = {k: v[0].numpy() for k, v in batch_of(take, told).items()}
        stream = [
            {
                "xy_norm": b["ray"][i : i + 1] + 0.5,
                "visibility": b["visibility"][i : i + 1],
                "landmarks_m": b["landmarks_m"][i : i + 1],
                "detected": b["detected"][i : i + 1, None],
                "dt_s": b["dt_s"][i : i + 1, None],
                "image_size_px": np.ones((1, 2), np.float32),
                "focal_px": np.ones((1, 1), np.float32),
                "gravity_cam": b["gravity_told"][i : i + 1],
                "height_m": REST_STATURE_M * b["size_told"][i : i + 1, None],
            }
            for i in range(len(take))
        ]
        out = {k: torch.from_numpy(v) for k, v in model.run(stream).items()}
        R_cam_grav = out["R_grav_cam"].transpose(-1, -2)
        joints = out["joints_m"] - out["pelvis_m"][:, None]
        answers.append(
            Answer(
                joints_m=(R_cam_grav[:, None] @ joints[..., None])[..., 0],
                activation=out["activation"].numpy(),
                grf_BW=(R_cam_grav[:, None] @ out["grf_BW"][..., None])[..., 0],
            )
        )
    return answers


def fit_landmarks_to_joints(takes: list[Take]) -> Tensor:
    """Weights (33, 24) that make SMPL joints as sums of the front end's 3D landmarks: ridge regression on the takes given."""
    X = torch.cat([t.landmarks_m[t.detected > 0] for t in takes]).permute(0, 2, 1).reshape(-1, 33)
    Y = torch.cat([body_of(t)[0][t.detected > 0] for t in takes]).permute(0, 2, 1).reshape(-1, 24)
    return torch.linalg.solve(X.T @ X + 1e-4 * len(X) * torch.eye(33), X.T @ Y)


def naive_rows(test: TestSet, train_takes: list[Take], train_clips: list[Clip]) -> dict[str, list[Answer]]:
    """Rows without a network, fitted on training subjects."""
    W = fit_landmarks_to_joints(train_takes)
    mapped = [torch.einsum("tla,lj->tja", t.landmarks_m, W) for t in test.takes]
    mapped = [j - j[:, :1] for j in mapped]
    mean = mean_activation(train_clips).numpy()
    return {
        "MediaPipe, linear map": [Answer(joints_m=j) for j in mapped],
        "MediaPipe, linear map, One-Euro": [
            Answer(joints_m=one_euro(j, 1 / np.diff(t.time_s).mean())) for t, j in zip(test.takes, mapped, strict=True)
        ],
        "training mean": [Answer(activation=np.tile(mean, (len(t), 1))) for t in test.takes],
    }


def score(test: TestSet, answers: list[Answer]) -> dict:
    """One row of the table. Poses count on frames with a detection, activations and forces on frames with a valid label."""
    row: dict = dict.fromkeys(
        ["mpjpe_mm", "pa_mpjpe_mm", "accel_error_m_s2", "delay_ms", "pcc", "rmse", "nrmse", "active_mae", "grf_rmse_BW"]
    )
    if answers[0].joints_m is not None:
        row |= _score_pose(test, answers)
    labelled = [(t, a) for t, a in zip(test.takes, answers, strict=True) if t.valid.any()]
    if answers[0].activation is not None and labelled:
        row |= activation_metrics(*_activations(labelled))
        for clip in dict.fromkeys(t.clip for t, _ in labelled):
            of_clip = pearson(*_activations([(t, a) for t, a in labelled if t.clip == clip]))
            row.setdefault("clips", {}).setdefault(clip, {})["pcc"] = of_clip
    if answers[0].grf_BW is not None and labelled:
        error = []
        for t, a in labelled:
            if a.grf_BW is None:
                continue
            truth_cam = (t.R_cam_world[:, None] @ t.grf_BW[..., None])[..., 0]
            error.append((a.grf_BW - truth_cam)[t.valid > 0].square().sum(-1).flatten())
        row["grf_rmse_BW"] = float(torch.cat(error).mean().sqrt())
    return row


def _activations(labelled: list[tuple[Take, Answer]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was answered and what is true (frames, 354), and which muscles move."""
    truth = np.concatenate([t.activation[t.valid > 0].numpy() for t, _ in labelled])
    given = np.concatenate([a.activation[t.valid.numpy() > 0] for t, a in labelled if a.activation is not None])
    return given, truth, truth.std(0) > 0.01


def _score_pose(test: TestSet, answers: list[Answer]) -> dict:
    """Accelerations and delays are those of takes at 30 even pictures a second: others have another noise and another clock."""
    mpjpe, pa, band, accel, moved, per_clip = [], [], [], [], [], {}
    for take, truth, band_of_take, answer in zip(test.takes, test.truth_m, test.band, answers, strict=True):
        assert answer.joints_m is not None
        seen = take.detected > 0
        m, p = mpjpe_mm(answer.joints_m[seen], truth[seen]), pa_mpjpe_mm(answer.joints_m[seen], truth[seen])
        run = seen[2:] & seen[1:-1] & seen[:-2]
        mpjpe.append(m)
        pa.append(p)
        band.append(band_of_take[seen])
        if take.is_even:
            accel.append(accel_error_m_s2(answer.joints_m, truth, FPS)[run])
        if take.is_even and seen.all():
            moved.append((answer.joints_m, truth))
        per_clip.setdefault(take.clip, []).append(torch.stack([m, p], -1))
    return {
        "mpjpe_mm": float(torch.cat(mpjpe).mean()),
        "pa_mpjpe_mm": float(torch.cat(pa).mean()),
        "pa_mpjpe_mm_by_image_error": _means(torch.cat(pa), torch.cat(band)),
        "accel_error_m_s2": float(torch.cat(accel).mean()) if accel else None,
        "delay_ms": delay_ms(moved, FPS) if moved else None,
        "clips": {
            clip: dict(zip(("mpjpe_mm", "pa_mpjpe_mm"), torch.cat(v).mean(0).tolist(), strict=True))
            for clip, v in per_clip.items()
        },
    }


def _means(values: Tensor, band: Tensor) -> list[float | None]:
    """Mean of each band, None where it has nothing."""
    found = [values[band == i] for i in range(len(BANDS_PCT) + 1)]
    return [float(v.mean()) if len(v) else None for v in found]


def evaluate(models: list[str], data: Path, split: str = "test", held_out: Sequence[str] = ()) -> dict:
    """All rows: naive ones, then each model; a student four times (pitch, height known or not) and with its history cut.

    Args:
        held_out: judge on these training subjects instead of a split.

    Raises:
        InputError: no takes, no such model, two of one name, or one that has learnt from a subject held out.
    """
    check_names(models)
    opened = [open_model(model, held_out) for model in models]
    test, train_takes, train_clips = load_split(data, split, held_out)
    rows = {name: score(test, a) for name, a in naive_rows(test, train_takes, train_clips).items()}
    for model in opened:
        for name, answers in model_rows(*model, test.takes):
            rows[name] = score(test, answers)
    labelled = int(sum(t.valid.sum() for t in test.takes))
    bands = torch.cat([band[t.detected > 0] for t, band in zip(test.takes, test.band, strict=True)])
    return {
        "split": " ".join(held_out) or split,
        "takes": len(test.takes),
        "takes_left_out": test.left_out,
        "frames": sum(len(t) for t in test.takes),
        "frames_detected": int(sum(t.detected.sum() for t in test.takes)),
        "frames_with_label": labelled,
        "image_error_bands_pct": BANDS_PCT,
        "frames_by_image_error": bands.bincount(minlength=len(BANDS_PCT) + 1).tolist(),
        "models_sha256": {Path(model).name: model_hash(Path(model)) for model in models},
        "rows": rows,
    }


def check_names(models: Sequence[str]) -> None:
    """Raises InputError if two models would have rows of one name."""
    names = [Path(model).name for model in models]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"there are two models of the name {twice[0]}, and rows go by names: rename one")


def model_hash(model: Path) -> str:
    """Of a file, or of a run's checkpoint."""
    return file_hash(model if model.is_file() else model / CHECKPOINT)


def open_model(model: str, held_out: Sequence[str] = ()) -> tuple[str, OnnxStudent | Student | Teacher]:
    """What a model's rows are called, and the model: a run folder or an ONNX file.

    Raises:
        InputError, ModelError: neither, or it may have learnt from a subject held out.
    """
    path = Path(model)
    if path.is_file():
        student = OnnxStudent(path)
        check_held_out(path, json.loads(student.metadata.get("training", "{}")), held_out)
        return path.name, student
    if not path.exists():
        raise InputError(
            f"{path} is not there: name a run folder, or a file that `biohuman-train export RUN --out FILE` writes"
        )
    net, about = load_run(path, held_out=held_out)
    assert isinstance(net, Student | Teacher)
    kind = "teacher" if isinstance(net, Teacher) else "distilled student" if about["teacher_sha256"] else "label-only student"
    return f"{path.name} ({kind})", net


def model_rows(name: str, model: OnnxStudent | Student | Teacher, takes: list[Take]):
    """Yields (row name, answers): of a student with pitch and height known or not, and with its history cut."""
    if isinstance(model, Teacher):
        yield f"{name}: {Told()}", answers_of_network(model, takes, Told())
        return
    for told in [Told(gravity=g, height=h) for g in (True, False) for h in (False, True)]:
        is_file = isinstance(model, OnnxStudent)
        yield f"{name}: {told}", answers_of_file(model, takes, told) if is_file else answers_of_network(model, takes, told)
    if isinstance(model, Student):
        yield f"{name[:-1]}, one frame): {Told()}", answers_of_network(model, takes, Told(), window=1)
