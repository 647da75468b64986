"""The training loop: optimisers, schedule, averaged weights, checkpoints, TensorBoard. One loop for teacher and student."""

import hashlib
import io
import json
import math
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.tensorboard import SummaryWriter

from realtime.body.errors import InputError, OutputError
from realtime.body.files import write_whole
from realtime.body.interrupts import held_interrupts

from .choices import Range, Share
from .muon import Muon
from .progress import progress

Tensor = torch.Tensor
Batch = dict[str, Tensor]

LOG_EVERY = 50  # steps
RUN_JSON = "run.json"
CHECKPOINT = "checkpoint.pt"
STEPS_DONE = "steps_done"  # in run.json once a run is finished


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    steps: int = 8000
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    adamw: float = 2e-3  # inlet, heads, norms, biases
    muon: float = 0.02  # the blocks' matrices
    weight_decay: float = 0.01
    warm_up: int = 50
    clip: float = 1.0
    average: Share = 0.999  # decay of the averaged weights, which are what is evaluated and exported
    checkpoint_every: int = 500
    threads: Annotated[int, Range(1, 1024)] = 1
    compile: bool = False  # network and losses by torch.compile: minutes at first, then steps a seventh shorter; needs g++


class Averaged:
    """Exponential mean of a network's weights; young averages forget faster, so that the start does not linger."""

    def __init__(self, net: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for k, v in net.state_dict().items():
            if v.is_floating_point():
                self.state[k].lerp_(v, 1 - decay)
            else:
                self.state[k].copy_(v)


def make_optimisers(net: nn.Module, c: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks (the largest gain of any training setting tried), AdamW for the rest."""
    blocks = [p for n, p in net.named_parameters() if n.startswith("blocks") and p.ndim == 2 and ".bias." not in n]
    chosen = {id(p) for p in blocks}
    rest = [p for p in net.parameters() if id(p) not in chosen]
    return [
        torch.optim.AdamW(rest, lr=c.adamw, weight_decay=c.weight_decay, betas=(0.9, 0.98)),
        Muon(blocks, lr=c.muon, weight_decay=c.weight_decay),
    ]


def rate(step: int, c: TrainConfig) -> float:
    """Share of the top learning rate: linear warm-up, then a cosine to zero."""
    return min(1.0, (step + 1) / c.warm_up) * 0.5 * (1 + math.cos(math.pi * step / c.steps))


def train(
    net: nn.Module,
    batch_of: Callable[[int], Batch],
    terms_of: Callable[[Batch], dict[str, Tensor]],
    c: TrainConfig,
    folder: Path,
    about: dict,
) -> dict:
    """Trains `net` on the sum of the terms that `terms_of` returns, into a run folder; resumes what lies there.

    Args:
        batch_of: draws the batch of a step.
        terms_of: the weighted loss terms of a batch.
        about: what the run is (kind, configurations, data hashes): written to `run.json`. A folder that holds a run with
            another `about` is refused.

    Returns:
        what `run.json` says.

    Raises:
        InputError: the folder holds another run or a damaged one, or the loss has become no number.
        OutputError: the folder cannot be written.
        KeyboardInterrupt: Ctrl-C; the steps done are saved.
    """
    if c.compile and shutil.which(os.environ.get("CXX", "g++")) is None:
        raise InputError("train.compile wants a C++ compiler (g++, or what CXX names): install one, or leave it out")
    torch.set_num_threads(c.threads)
    about = about | {"train": asdict(c)}
    _claim(folder, about)
    optimisers = make_optimisers(net, c)
    averaged = Averaged(net, c.average)
    done, cpu_before_s = _resume(folder, net, optimisers, averaged)
    if done >= c.steps and STEPS_DONE in (there := read_run_json(folder)):
        return there
    schedules = [LambdaLR(optimiser, lambda step: rate(step, c), last_epoch=done - 1) for optimiser in optimisers]
    board = _open_board(folder, done)
    if c.compile:
        terms_of = torch.compile(terms_of, dynamic=False)
    start, since = done, time.process_time() - cpu_before_s
    save = lambda: _save(folder, done, time.process_time() - since, net, optimisers, averaged)  # noqa: E731
    try:
        with progress(folder.name, c.steps, start) as tell:
            while done < c.steps:
                # A step is whole or not at all; but the first may compile for minutes, and there is nothing to save yet.
                with held_interrupts() if done > start else nullcontext():
                    terms = _learn(net, terms_of, batch_of(done), optimisers, c.clip)
                    averaged.update(net)
                    for schedule in schedules:
                        schedule.step()
                    done += 1
                if done % LOG_EVERY == 0 or done == c.steps:
                    for name, value in terms.items():
                        board.add_scalar(f"loss/{name}", value, done - 1)
                    tell(done, terms["total"])
                if done % c.checkpoint_every == 0 or done == c.steps:
                    save()
    except KeyboardInterrupt:
        if done > start:
            save()
        raise
    finally:
        board.close()
    finished = about | {STEPS_DONE: c.steps, "cpu_min": round((time.process_time() - since) / 60, 2)}
    write_json(folder / RUN_JSON, finished | provenance())
    return finished


def _learn(
    net: nn.Module,
    terms_of: Callable[[Batch], dict[str, Tensor]],
    batch: Batch,
    optimisers: list[torch.optim.Optimizer],
    clip: float,
) -> dict[str, float]:
    """One step; the terms of its loss, and their `total`.

    Raises:
        InputError: the loss is no number any more.
    """
    diverged = InputError("the loss is no number any more: lower train.adamw and train.muon, in another --out")
    try:
        terms = terms_of(batch)
    except torch.linalg.LinAlgError:  # type: ignore[reportPrivateImportUsage]  # of a body that is no number
        raise diverged from None
    loss = torch.stack(list(terms.values())).sum()
    if not loss.isfinite():
        raise diverged
    net.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), clip)
    for optimiser in optimisers:
        optimiser.step()
    return {name: value.item() for name, value in terms.items()} | {"total": loss.item()}


def write_json(path: Path, value: dict) -> None:
    """Whole or not at all."""
    write_whole(path, lambda part: part.write_text(json.dumps(value, indent=1) + "\n"))


def provenance() -> dict:
    """Commit, whether files differ from it, versions and machine: what a result needs beside it."""

    def git(*args: str) -> str:
        try:
            return subprocess.run(
                ["git", *args], capture_output=True, text=True, timeout=10, cwd=Path(__file__).parent
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return ""

    return {
        "commit": git("rev-parse", "HEAD"),
        "changed_files": git("status", "--porcelain").splitlines(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()} {platform.system()} {os.cpu_count()} cores",
    }


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _claim(folder: Path, about: dict) -> None:
    """Makes the run's folder, or finds what it holds to be this run.

    Raises:
        InputError: it holds another run.
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}; give --out another folder") from None
    if not (folder / RUN_JSON).exists():
        write_json(folder / RUN_JSON, about)
        return
    there, this = (_what_is_learnt(x) for x in (read_run_json(folder), json.loads(json.dumps(about))))
    differs = [name for key in this for name in _differences(key, this[key], there.get(key))]
    if differs:
        raise InputError(f"{folder} holds another run ({', '.join(differs)}): choose another --out, or move that away")


def _open_board(folder: Path, done: int) -> SummaryWriter:
    """TensorBoard's record of the run, without what a run cut short wrote beyond its checkpoint.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        return SummaryWriter(str(folder / "tensorboard"), purge_step=done)
    except OSError as error:
        raise OutputError(f"{folder / 'tensorboard'} cannot be made: {error.strerror}; remove what is there") from None


def _differences(name: str, this: Any, there: Any) -> list[str]:
    """What is other in a run's folder, by the names of the choices."""
    if isinstance(this, dict) and isinstance(there, dict):
        return [text for key in this for text in _differences(f"{name}.{key}", this[key], there.get(key))]
    return [] if this == there else [f"{name} {there}, not {this}"]


def _what_is_learnt(about: dict) -> dict:
    """Without what may be another when a run goes on."""
    return about | {"train": {k: v for k, v in about.get("train", {}).items() if k not in ("threads", "checkpoint_every")}}


def _save(folder: Path, step: int, cpu_s: float, net: nn.Module, optimisers: list, averaged: Averaged) -> None:
    state = {
        "step": step,
        "cpu_s": cpu_s,
        "net": net.state_dict(),
        "averaged": averaged.state,
        "averaged_steps": averaged.steps,
        "optimisers": [o.state_dict() for o in optimisers],
        "torch_rng": torch.get_rng_state(),
    }
    data = io.BytesIO()  # torch writing to a full disk says "unexpected pos 704 vs 598"
    torch.save(state, data)
    write_whole(folder / CHECKPOINT, lambda part: part.write_bytes(data.getbuffer()))


def read_run_json(folder: Path) -> dict:
    """What `run.json` says of a run.

    Raises:
        InputError: it is damaged.
    """
    try:
        about = json.loads((folder / RUN_JSON).read_text())
        if not isinstance(about, dict):
            raise ValueError("no JSON object")
        return about
    except (ValueError, OSError) as error:
        raise InputError(f"{folder / RUN_JSON} is damaged ({error}): remove the folder and train again") from None


def read_checkpoint(folder: Path) -> dict:
    """Step, weights and states of optimisers of a run.

    Raises:
        InputError: it is damaged.
    """
    try:
        return torch.load(folder / CHECKPOINT, weights_only=True)
    except Exception as error:  # zip, pickle and torch each raise their own
        raise InputError(
            f"{folder / CHECKPOINT} is damaged ({type(error).__name__}): remove the folder and train again"
        ) from None


def of_another_version(folder: Path, error: Exception) -> InputError:
    """What to raise where a run's file is whole and holds something else than it should."""
    return InputError(f"{folder} was made by another version ({type(error).__name__}): remove it and train again")


def _resume(folder: Path, net: nn.Module, optimisers: list, averaged: Averaged) -> tuple[int, float]:
    """Steps and CPU seconds done before.

    Raises:
        InputError: the checkpoint is damaged, or of another version.
    """
    if not (folder / CHECKPOINT).exists():
        return 0, 0.0
    state = read_checkpoint(folder)
    try:
        net.load_state_dict(state["net"])
        averaged.state, averaged.steps = state["averaged"], state["averaged_steps"]
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
    except (KeyError, ValueError, RuntimeError) as error:
        raise of_another_version(folder, error) from None
    torch.set_rng_state(state["torch_rng"])
    return int(state["step"]), float(state.get("cpu_s", 0.0))
