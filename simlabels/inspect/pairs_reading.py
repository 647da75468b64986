"""A finished paired dataset (front-end landmarks beside truth) read take by take, a batch of rows at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.body.dataset import JSON_NAME, PAIR_FRAMES, PAIR_TAKES, SHARD_GLOB
from realtime.body.errors import InputError

from ..dataset import PAIRS
from .reading import read_batches

#: What is read of a frame.
COLUMNS = (
    *("time_s", "detected", "follows_person", "xy_norm", "visibility", "landmarks_m"),
    *("quat_wxyz", "pelvis_m", "R_cam_world", "t_cam_m", "joint_visible"),
)


@dataclass(frozen=True)
class PairSet:
    """Index and description of a finished paired dataset; its frames stay on disk."""

    folder: Path
    info: dict  # dataset.json
    takes: dict[str, dict]  # rows of takes.parquet by take; arrays as numpy, `look` as a dict
    shards: list[Path]


@dataclass(frozen=True)
class Take:
    """One take: its row of the index and its frames; array columns (n, *shape)."""

    row: dict
    columns: dict[str, np.ndarray]

    @property
    def fps(self) -> float:
        """Frame rate: one over the median interval; 0 of a single frame."""
        steps_s = np.diff(self.columns["time_s"])
        return float(1 / np.median(steps_s)) if len(steps_s) else 0.0


def open_pairs(folder: Path, info: dict) -> PairSet:
    """Index of a paired dataset whose `dataset.json` is `info`, checked.

    Raises:
        InputError: a file is missing or damaged, or takes and shards do not fit each other.
    """
    shards = sorted(folder.glob(SHARD_GLOB))
    for i, shard in enumerate(shards):
        if shard.name != SHARD_GLOB.replace("*", f"{i:05d}"):
            raise InputError(f"{folder / SHARD_GLOB.replace('*', f'{i:05d}')} is missing; make the pairs again")
    if not shards:
        raise InputError(f"{folder} has a {JSON_NAME} but no {SHARD_GLOB}; make the pairs again")
    path, takes = folder / PAIRS.index_name, {}
    for batch in read_batches(path, PAIR_TAKES):
        for values in zip(*batch.values(), strict=True):
            row = dict(zip(batch, values, strict=True))
            takes[str(row["take"])] = row | {"look": _look(path, row)}
    return PairSet(folder, info, takes, shards)


def _look(path: Path, row: dict) -> dict:
    try:
        look = json.loads(row["look"])
    except ValueError as error:
        raise InputError(f"{path}: 'look' of take {row['take']!r} is not JSON; make the pairs again") from error
    if not isinstance(look, dict):
        raise InputError(f"{path}: 'look' of take {row['take']!r} should be a JSON object; make the pairs again")
    return look


def read_takes(dataset: PairSet) -> Iterator[Take]:
    """All takes in the order of the shards; never more than a batch and a take in memory.

    Raises:
        InputError: a shard that cannot be read, or whose frames are not those that takes.parquet lists.
    """
    wanted = {name: PAIR_FRAMES[name] for name in ("take", *COLUMNS)}
    ended: set[str] = set()
    for shard in dataset.shards:
        parts: list[dict[str, np.ndarray]] = []
        for batch in read_batches(shard, wanted):
            names = batch["take"]
            starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
            for a, b in zip(starts, [*starts[1:], len(names)], strict=True):
                if parts and parts[0]["take"][0] != names[a]:
                    yield _whole(dataset, shard, parts, ended)
                    parts = []
                parts.append({name: values[a:b] for name, values in batch.items()})
        if parts:  # a take never goes on in the next shard
            yield _whole(dataset, shard, parts, ended)
    missing = [name for name in dataset.takes if name not in ended]
    if missing:
        raise InputError(f"{dataset.shards[-1]}: the shards end before take {missing[0]!r}; make the pairs again")


def _whole(dataset: PairSet, shard: Path, parts: list[dict[str, np.ndarray]], ended: set[str]) -> Take:
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    name = str(columns.pop("take")[0])
    row = dataset.takes.get(name)
    if row is None or name in ended or row["frames"] != len(columns["time_s"]):
        raise InputError(
            f"{shard}: the {len(columns['time_s'])} frames of take {name!r} are not what {PAIRS.index_name} lists; "
            "make the pairs again"
        )
    if (np.diff(columns["time_s"]) <= 0).any():
        raise InputError(f"{shard}: the times of take {name!r} do not rise; make the pairs again")
    ended.add(name)
    return Take(row, columns)
