"""A run folder: `run.json` (what it is), `checkpoint.pt` (weights), `tensorboard/`. Here runs are made and read back."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn as nn

from realtime.body.dataset import JSON_NAME
from realtime.body.errors import InputError
from realtime.body.landmarks import LANDMARK_COUNT
from realtime.body.muscles import MUSCLE_COUNT

from .data.bank import fit_carried_offsets
from .data.takes import Clip, Take, check_labels, load_clips, load_takes
from .data.windows import WindowConfig, WindowSource
from .loop import (
    CHECKPOINT,
    RUN_JSON,
    STEPS_DONE,
    Batch,
    TrainConfig,
    file_hash,
    of_another_version,
    read_checkpoint,
    read_run_json,
    train,
)
from .losses import LossConfig, Truth, delta_loss, label_losses, teacher_losses
from .nets.student import Student, StudentConfig
from .nets.teacher import Teacher, TeacherConfig

Tensor = torch.Tensor


class TrainingData:
    """Takes and clips of the train split, and what is fitted on them alone.

    Args:
        takes_share, clips_share: for learning curves: only this share of the takes, of the clips and all takes of them. Which
            ones hangs on their names: a smaller share is part of a larger one.
        hold_out: subjects whose clips are not learnt from, with all takes of these clips: choices are made on them.
    """

    def __init__(
        self,
        labels: Path,
        pairs: Path,
        *,
        takes_share: float = 1.0,
        clips_share: float = 1.0,
        hold_out: Sequence[str] = (),
    ):
        check_labels(labels, pairs)
        clips = load_clips(labels)
        takes = load_takes(pairs, clips)
        unknown = set(hold_out) - {c.subject for c in clips.values()}
        if unknown:
            raise InputError(f"{labels} has no subject {min(unknown)!r} to hold out")
        self.clips: list[Clip] = [
            c for c in clips.values() if c.split == "train" and c.subject not in hold_out and _is_in(c.name, clips_share)
        ]
        kept = {c.name for c in self.clips}
        self.takes: list[Take] = [
            t for t in takes if t.split == "train" and t.is_usable and t.performs_only(kept) and _is_in(t.name, takes_share)
        ]
        if not self.clips or not self.takes:
            raise InputError(f"no training clips in {labels} or no training takes in {pairs}")
        self.carried_offsets_m = fit_carried_offsets(self.takes)
        self.activation_mean = mean_activation(self.clips)
        self.about = {
            "labels_sha256": file_hash(labels / JSON_NAME),
            "pairs_sha256": file_hash(pairs / JSON_NAME),
            "takes_share": takes_share,
            "clips_share": clips_share,
            "held_out": list(hold_out),
            "train_takes": len(self.takes),
            "train_pair_frames": sum(len(t) for t in self.takes),
            "train_clips": len(self.clips),
            "train_clip_frames": sum(len(c.valid) for c in self.clips),
            "train_label_frames": int(sum(c.valid.sum() for c in self.clips)),
        }


def _is_in(name: str, share: float) -> bool:
    return zlib.crc32(name.encode()) < share * 2**32


def mean_activation(clips: list[Clip]) -> Tensor:
    """Mean (354,) over the valid frames."""
    total = torch.zeros(MUSCLE_COUNT)
    count = 0.0
    for clip in clips:
        total += (clip.activation * clip.valid[:, None]).sum(0)
        count += float(clip.valid.sum())
    return total / max(count, 1.0)


def train_teacher(
    data: TrainingData,
    folder: Path,
    net_config: TeacherConfig,
    windows: WindowConfig,
    losses: LossConfig,
    config: TrainConfig,
    start: Path | None = None,
) -> dict:
    """The offline network, on labels; from the weights of the run `start` if there is one.

    Raises:
        InputError: a window is too short to hold the frames before and after that the network is to tell.
    """
    if max(abs(d) for d in net_config.deltas) >= windows.frames:
        raise InputError(f"net.deltas are fewer frames than windows.frames, got {list(net_config.deltas)} and {windows.frames}")
    torch.manual_seed(config.seed)
    net = Teacher(net_config, data.activation_mean, data.carried_offsets_m)
    begun = _begin(net, start, "teacher", asdict(net_config), data)
    source = WindowSource(data.takes, data.clips, data.carried_offsets_m, windows, config.seed)

    def terms(b: Batch) -> dict[str, Tensor]:
        truth = Truth(b)
        out = net(b)
        return label_losses(out.body, b, truth, losses) | {"delta": delta_loss(out, b, truth, net_config.deltas, losses)}

    about = {"kind": "teacher", "net": asdict(net_config), "windows": asdict(windows), "losses": asdict(losses)} | data.about
    return train(net, source.batch, terms, config, folder, about | begun)


def train_student(
    data: TrainingData,
    folder: Path,
    teacher_folder: Path | None,
    net_config: StudentConfig,
    windows: WindowConfig,
    losses: LossConfig,
    config: TrainConfig,
    start: Path | None = None,
) -> dict:
    """The live network, on labels and, with a teacher, on what the teacher makes of the same windows; from the weights of the run
    `start` if there is one.

    The teacher sees the frames that are still to come in the window, and is told which way is down, and all that the front end saw.
    """
    torch.manual_seed(config.seed)
    net = Student(net_config, data.activation_mean, data.carried_offsets_m)
    begun = _begin(net, start, "student", asdict(net_config), data)
    source = WindowSource(data.takes, data.clips, data.carried_offsets_m, windows, config.seed)
    teacher = None
    if teacher_folder is not None:
        teacher, _ = load_run(teacher_folder, "teacher", data.about["held_out"])

    def terms(b: Batch) -> dict[str, Tensor]:
        body = net(b)
        found = label_losses(body, b, Truth(b), losses)
        if teacher is not None:
            with torch.no_grad():
                answer = teacher(b | {"gravity_told": b["gravity_cam"], "landmarks_m": b["landmarks_seen_m"]}).body
            found |= teacher_losses(body, answer, b, losses)
        return found

    about = {"kind": "student", "net": asdict(net_config), "windows": asdict(windows), "losses": asdict(losses)} | data.about
    about["teacher_sha256"] = file_hash(teacher_folder / CHECKPOINT) if teacher_folder else None
    return train(net, source.batch, terms, config, folder, about | begun)


def _begin(net: nn.Module, start: Path | None, kind: str, net_config: dict, data: TrainingData) -> dict:
    """Gives `net` the averaged weights of the run `start`; what is to be said of it.

    Raises:
        InputError: the run's network is of another kind or size, or has learnt from a subject held out.
    """
    if start is None:
        return {"start_sha256": None}
    first, about = load_run(start, kind, data.about["held_out"])
    net_config = json.loads(json.dumps(net_config))  # a file knows no tuples
    if about["net"] != net_config:
        raise InputError(f"{start} holds a network of {about['net']}, this one is of {net_config}: make them alike with --set")
    net.load_state_dict(dict(first.named_parameters()), strict=False)  # what was fitted on the data stays that of this data
    return {"start_sha256": file_hash(start / CHECKPOINT)}


def load_run(folder: Path, kind: str | None = None, held_out: Sequence[str] = ()) -> tuple[nn.Module, dict]:
    """The averaged network of a run, ready to use, and its `run.json`.

    Raises:
        InputError: no finished run there, one of another kind, or one that may have learnt from a subject held out.
    """
    if not (folder / RUN_JSON).is_file() or not (folder / CHECKPOINT).is_file():
        raise InputError(
            f"{folder} is not a run: it lacks {RUN_JSON} or {CHECKPOINT}; train one with `biohuman-train teacher|distil`"
        )
    about = read_run_json(folder)
    if STEPS_DONE not in about:
        raise InputError(f"{folder} is not finished: give its command again")
    if kind is not None and about.get("kind") != kind:
        raise InputError(f"{folder} is a {about.get('kind')}, wanted a {kind}")
    check_held_out(folder, about, held_out)
    blank = (torch.full((MUSCLE_COUNT,), 0.05), torch.zeros(LANDMARK_COUNT, 3))
    checkpoint = read_checkpoint(folder)
    try:
        if about["kind"] == "teacher":
            options = about["net"] | {"deltas": tuple(about["net"]["deltas"])}
            net: nn.Module = Teacher(TeacherConfig(**options), *blank)
        else:
            net = Student(StudentConfig(**about["net"]), *blank)
        net.load_state_dict(checkpoint["averaged"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise of_another_version(folder, error) from None
    return net.eval(), about


def check_held_out(model: Path, about: dict, held_out: Sequence[str]) -> None:
    """Raises InputError if the model, of which `about` tells, may have learnt from a subject held out."""
    learnt = set(held_out) - set(about.get("held_out") or [])
    if learnt:
        raise InputError(
            f"{model} was not told to hold out subject {min(learnt)}: train it with --hold-out {' '.join(held_out)}"
        )
