"""The training loop: optimisers, schedule, averaged weights, checkpoints, TensorBoard. One loop for teacher and student."""

import hashlib
import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import torch.nn as nn
from torch.utils.tensorboard import SummaryWriter

from realtime.body.errors import InputError, OutputError
from realtime.body.files import write_whole

from .choices import Range, Share
from .muon import Muon
from .progress import progress

Tensor = torch.Tensor
Batch = dict[str, Tensor]

RUN_JSON = "run.json"
CHECKPOINT = "checkpoint.pt"
STEPS_DONE = "steps_done"  # in run.json once a run is finished


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    steps: int = 8000
    seed: Annotated[int, Range(0)] = 0
    adamw: float = 2e-3  # inlet, heads, norms, biases
    muon: float = 0.02  # the blocks' matrices
    weight_decay: float = 0.01
    warm_up: int = 50
    clip: float = 1.0
    average: Share = 0.999  # decay of the averaged weights, which are what is evaluated and exported
    checkpoint_every: int = 500
    threads: int = 1
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
    """
    torch.set_num_threads(c.threads)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}; give --out another folder") from None
    about = about | {"train": asdict(c)}
    _claim(folder, about)
    optimisers = make_optimisers(net, c)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["top"] = group["lr"]
    averaged = Averaged(net, c.average)
    if c.compile:
        terms_of = torch.compile(terms_of, dynamic=False)
    start, cpu_before_s = _resume(folder, net, optimisers, averaged)
    if start >= c.steps and STEPS_DONE in (there := read_run_json(folder)):
        return there
    cpu_s = cpu_before_s
    board = SummaryWriter(str(folder / "tensorboard"), purge_step=start)
    cpu_0 = time.process_time()
    with progress(folder.name, c.steps, start) as tell:
        for step in range(start, c.steps):
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = group["top"] * rate(step, c)
            terms = terms_of(batch_of(step))
            loss = torch.stack(list(terms.values())).sum()
            net.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), c.clip)
            for optimiser in optimisers:
                optimiser.step()
            averaged.update(net)
            if step % 50 == 49:
                for name, value in terms.items():
                    board.add_scalar(f"loss/{name}", value.item(), step)
                board.add_scalar("loss/total", loss.item(), step)
                tell(step + 1, loss.item())
            if (step + 1) % c.checkpoint_every == 0 or step + 1 == c.steps:
                cpu_s = cpu_before_s + time.process_time() - cpu_0
                _save(folder, step + 1, cpu_s, net, optimisers, averaged)
    board.close()
    done = about | {STEPS_DONE: c.steps, "cpu_min": round(cpu_s / 60, 2)}
    write_json(folder / RUN_JSON, done | provenance())
    return done


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
    path = folder / RUN_JSON
    if path.exists():
        there = read_run_json(folder)
        differs = [k for k in about if json.loads(json.dumps(about[k])) != there.get(k)]
        if differs:
            raise InputError(f"{folder} holds another run ({', '.join(differs)} differ): choose another --out or remove it")
    else:
        write_json(path, about)


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
    write_whole(folder / CHECKPOINT, lambda part: torch.save(state, part))


def read_run_json(folder: Path) -> dict:
    """What `run.json` says of a run.

    Raises:
        InputError: it is damaged.
    """
    try:
        return json.loads((folder / RUN_JSON).read_text())
    except ValueError as error:
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


def _resume(folder: Path, net: nn.Module, optimisers: list, averaged: Averaged) -> tuple[int, float]:
    """Steps and CPU seconds done before."""
    if not (folder / CHECKPOINT).exists():
        return 0, 0.0
    state = read_checkpoint(folder)
    net.load_state_dict(state["net"])
    averaged.state, averaged.steps = state["averaged"], state["averaged_steps"]
    for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
        tops = [g["top"] for g in optimiser.param_groups]
        optimiser.load_state_dict(saved)
        for group, top in zip(optimiser.param_groups, tops, strict=True):
            group["top"] = top
    torch.set_rng_state(state["torch_rng"])
    return int(state["step"]), float(state.get("cpu_s", 0.0))
