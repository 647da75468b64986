"""A finished label dataset read clip by clip, a batch of rows at a time, with what is damaged named by its file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.body.dataset import (
    JSON_NAME,
    LABEL_CLIPS,
    LABEL_FRAMES,
    LABEL_SCHEMA,
    PAIR_SCHEMA,
    REJECT_REASONS,
    SHARD_GLOB,
    Column,
)
from realtime.body.errors import InputError
from realtime.body.muscles import muscle_table

from ..dataset import LABELS

#: 4096 rows of 354 activations are 6 MB.
BATCH_ROWS = 4096
#: Of `clip_details`.
DETAILS = ("contact_elsewhere", "flat_ground", "carried_by", "own_rejected", "own_by_reason")
_NEEDED = ("settings", "counts", "subjects", "muscles", "joints", "reject_reasons", "clip_details", "skipped", "versions")


@dataclass(frozen=True)
class Dataset:
    """Index and description of a finished dataset; its frames stay on disk."""

    folder: Path
    info: dict  # dataset.json
    clips: dict[str, dict]  # rows of clips.parquet by clip, rest_m left out
    shards: list[Path]


@dataclass(frozen=True)
class Rows:
    """Consecutive frames of one clip; array columns (n, *shape)."""

    clip: str
    first: int  # index of the first frame in the clip
    shard: Path
    columns: dict[str, np.ndarray]
    last: bool  # the clip ends here


def dataset_info(folder: Path) -> dict:
    """What `dataset.json` of a finished dataset says, of labels or of pairs by its `schema`.

    Raises:
        InputError: no dataset, unfinished, of another version, or not readable.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that `biohuman-labels make` or `video` wrote")
    shards = sorted(folder.glob(SHARD_GLOB))
    if not (folder / JSON_NAME).is_file():
        why = f"{len(shards)} shards but no {JSON_NAME}: the run that wrote it did not end" if shards else f"no {JSON_NAME}"
        raise InputError(f"{folder} is not a finished dataset, it holds {why}; run the command that writes it again")
    info = _json(folder / JSON_NAME)
    if info.get("schema") not in (LABEL_SCHEMA, PAIR_SCHEMA):
        known = f"{LABEL_SCHEMA} and {PAIR_SCHEMA}"
        raise InputError(f"{folder / JSON_NAME} says schema {info.get('schema')!r}; inspect reads {known}")
    return info


def open_dataset(folder: Path) -> Dataset:
    """Index of a finished label dataset, checked.

    Raises:
        InputError: no dataset, unfinished, of pairs, of another version, or a file that cannot be read.
    """
    info = dataset_info(folder)
    if info["schema"] != LABEL_SCHEMA:
        raise InputError(f"{folder / JSON_NAME} says schema {info['schema']!r}; these are the figures of {LABEL_SCHEMA}")
    shards = sorted(folder.glob(SHARD_GLOB))
    for key in _NEEDED:
        if key not in info:
            raise InputError(f"{folder / JSON_NAME} has no {key!r}: made by another version; make the labels again")
    for clip, details in info["clip_details"].items():
        if missing := [key for key in DETAILS if key not in details]:
            where = f"{folder / JSON_NAME}, clip {clip!r}"
            raise InputError(f"{where}: no {missing[0]!r}: made by another version; make the labels again")
    muscles = [[m.index, m.name, m.region, m.side, m.group] for m in muscle_table()]
    if info["muscles"] != muscles or tuple(info["reject_reasons"]) != REJECT_REASONS:
        raise InputError(
            f"{folder / JSON_NAME} has another table of muscles or reasons than this version; make the labels again"
        )
    for i, shard in enumerate(shards):
        if shard.name != SHARD_GLOB.replace("*", f"{i:05d}"):
            raise InputError(f"{folder / SHARD_GLOB.replace('*', f'{i:05d}')} is missing; make the labels again")
    return Dataset(folder, info, _index(folder / LABELS.index_name, info), shards)


def _json(path: Path) -> dict:
    try:
        info = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {_line(error)}; make the dataset again") from error
    if not isinstance(info, dict):
        raise InputError(f"{path} should hold a JSON object; make the dataset again")
    return info


def _index(path: Path, info: dict) -> dict[str, dict]:
    columns = [name for name in LABEL_CLIPS if name != "rest_m"]
    rows: list[dict] = []
    for batch in read_batches(path, {name: LABEL_CLIPS[name] for name in columns}):
        rows += [dict(zip(columns, values, strict=True)) for values in zip(*(batch[c].tolist() for c in columns), strict=True)]
    clips = {row["clip"]: row for row in rows}
    if len(clips) != len(rows) or clips.keys() != info["clip_details"].keys():
        raise InputError(f"{path} lists other clips than {path.parent / JSON_NAME}; make the labels again")
    return clips


def read_clips(dataset: Dataset, columns: list[str]) -> Iterator[Rows]:
    """All frames in order, never more than a batch at a time; a clip may come in several parts.

    Raises:
        InputError: a shard that cannot be read, or whose frames are not those that clips.parquet lists.
    """
    wanted = {name: LABEL_FRAMES[name] for name in ("clip", "frame", *columns)}
    ended: set[str] = set()
    clip, count = "", 0
    for shard in dataset.shards:
        for batch in read_batches(shard, wanted):
            names, frames = batch.pop("clip"), batch.pop("frame")
            starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
            for a, b in zip(starts, [*starts[1:], len(names)], strict=True):
                if count == 0:
                    clip = str(names[a])
                row = dataset.clips.get(clip)
                if row is None or clip in ended or names[a] != clip:
                    raise InputError(
                        f"{shard}: clip {str(names[a])!r} is not where {LABELS.index_name} says; make the labels again"
                    )
                if not np.array_equal(frames[a:b], np.arange(count, count + b - a)) or count + b - a > row["frames"]:
                    raise InputError(
                        f"{shard}: frames of clip {clip!r} are not 0 to {row['frames'] - 1} in order; make the labels again"
                    )
                first, count = count, count + int(b - a)
                last = count == row["frames"]
                yield Rows(clip, first, shard, {name: values[a:b] for name, values in batch.items()}, last)
                if last:
                    ended.add(clip)
                    count = 0
    missing = [name for name in dataset.clips if name not in ended]
    if missing:
        where = dataset.shards[-1] if dataset.shards else dataset.folder / SHARD_GLOB
        raise InputError(f"{where}: the shards end before clip {missing[0]!r} is complete; make the labels again")


def read_batches(path: Path, columns: dict[str, Column]) -> Iterator[dict[str, np.ndarray]]:
    """Columns of a Parquet file, a few thousand rows at a time; array columns (n, *shape)."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow, columns)
            for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
                yield {name: _array(path, name, batch.column(name), column) for name, column in columns.items()}
    except (ArrowException, OSError) as error:
        raise InputError(f"{path} is not readable Parquet: {_line(error)}; make the dataset again") from error


def _check_columns(path: Path, schema, columns: dict[str, Column]) -> None:
    for name, column in columns.items():
        i = schema.get_field_index(name)
        if i < 0:
            raise InputError(f"{path} has no column {name!r}; it should have {', '.join(columns)}")
        size = getattr(schema.field(i).type, "list_size", None)
        if size != (int(np.prod(column.shape)) if column.shape else None):
            raise InputError(f"{path}: column {name!r} should be {column.dtype} {column.shape}, it is {schema.field(i).type}")


def _array(path: Path, name: str, values, column: Column) -> np.ndarray:
    flat = values.flatten() if column.shape else values
    if values.null_count or flat.null_count:
        raise InputError(f"{path}: column {name!r} has empty cells; make the dataset again")
    array = flat.to_numpy(zero_copy_only=False)
    return array.reshape(-1, *column.shape) if column.shape else array


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
