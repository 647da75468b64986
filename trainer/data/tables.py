"""Reads the datasets that `simlabels` writes: labels (motion, forces, activations) and pairs (landmarks beside truth)."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from realtime.body.dataset import (
    JSON_NAME,
    LABEL_CLIPS,
    LABEL_FRAMES,
    LABEL_SCHEMA,
    PAIR_FRAMES,
    PAIR_SCHEMA,
    PAIR_TAKES,
    SHARD_GLOB,
    Column,
)
from realtime.body.errors import InputError

_TABLES = {
    LABEL_SCHEMA: ("clips.parquet", LABEL_CLIPS, LABEL_FRAMES),
    PAIR_SCHEMA: ("takes.parquet", PAIR_TAKES, PAIR_FRAMES),
}


def read_columns(path: Path, columns: dict[str, Column]) -> dict[str, np.ndarray]:
    """Columns of one Parquet file as arrays (rows, *shape).

    Raises:
        InputError: it is not there, damaged, or a column is missing.
    """
    try:
        missing = [name for name in columns if name not in pq.read_schema(path).names]
        if missing:
            raise InputError(f"{path} has no column {missing[0]!r}; it was written by another version: make the dataset again")
        table = pq.read_table(path, columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not readable Parquet; make the dataset again") from error
    out = {}
    for name, column in columns.items():
        values = table.column(name).combine_chunks()
        if column.dtype == "str":
            out[name] = np.array(values.to_pylist(), dtype=object)
            continue
        while hasattr(values, "flatten") and str(values.type).startswith(("fixed_size_list", "list")):
            values = values.flatten()
        array = values.to_numpy(zero_copy_only=False).astype(column.dtype, copy=False)
        out[name] = array.reshape(table.num_rows, *column.shape)
    return out


def read_info(folder: Path, schema: str) -> dict:
    """`dataset.json` of a dataset.

    Raises:
        InputError: no such dataset, a damaged one, or another schema.
    """
    path = folder / JSON_NAME
    if not path.is_file():
        raise InputError(f"{folder} is not a dataset: it has no {JSON_NAME}; make one with `biohuman-labels --help`")
    try:
        info = json.loads(path.read_text())
        if not isinstance(info, dict):
            raise ValueError("no JSON object")
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): make the dataset again") from None
    if info.get("schema") != schema:
        raise InputError(f"{folder} holds {info.get('schema')!r}, wanted {schema!r}")
    return info


def read_dataset(folder: Path, schema: str, frame_columns: list[str]) -> tuple[dict, dict, dict]:
    """`dataset.json`, the table of clips or takes, and the wanted frame columns of all shards, in order.

    Raises:
        InputError: no such dataset, another schema, or no shards.
    """
    info, index = read_index(folder, schema)
    _, _, all_columns = _TABLES[schema]
    shards = sorted(folder.glob(SHARD_GLOB))
    if not shards:
        raise InputError(f"{folder} has no {SHARD_GLOB}: the dataset is empty or was interrupted; make it again")
    wanted = {name: all_columns[name] for name in frame_columns}
    parts = [read_columns(shard, wanted) for shard in shards]
    frames = {name: np.concatenate([part[name] for part in parts]) for name in wanted}
    return info, index, frames


def read_index(folder: Path, schema: str) -> tuple[dict, dict[str, np.ndarray]]:
    """`dataset.json` of a dataset, and the table of clips or takes.

    Raises:
        InputError: no such dataset, or another schema.
    """
    info = read_info(folder, schema)
    name, columns, _ = _TABLES[schema]
    return info, read_columns(folder / name, columns)


def runs(keys: np.ndarray) -> dict[str, slice]:
    """Where each run of equal keys lies: rows of one clip or take stand together."""
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    ends = np.r_[starts[1:], len(keys)]
    return {str(keys[a]): slice(int(a), int(b)) for a, b in zip(starts, ends, strict=True)}
