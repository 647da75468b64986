"""Writes Parquet datasets: whole shards or none, kept after a kill, columns exactly as `realtime.body.dataset` says.

A shard carries the index rows of its clips or takes and the fingerprint of the settings in its own metadata, so an
interrupted folder explains itself: what is complete is kept, `dataset.json` and the index table come last.
"""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from realtime.body.dataset import (
    JSON_NAME,
    LABEL_CLIPS,
    LABEL_FRAMES,
    LABEL_SCHEMA,
    LABEL_SPREAD,
    PAIR_FRAMES,
    PAIR_SCHEMA,
    PAIR_TAKES,
    SHARD_GLOB,
    Column,
)
from realtime.body.errors import InputError, OutputError, ShapeError
from realtime.body.files import write_whole
from realtime.body.needs import need

SHARD_ROWS = 4096
_INDEX_KEY, _FINGERPRINT_KEY = b"biohuman.index", b"biohuman.fingerprint"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One kind of dataset: its schema's name, the index table and the columns of both tables."""

    schema: str
    key: str  # column that names an item in both tables
    index_name: str
    index: dict[str, Column]
    frames: dict[str, Column]


LABELS = Layout(schema=LABEL_SCHEMA, key="clip", index_name="clips.parquet", index=LABEL_CLIPS, frames=LABEL_FRAMES)
LABELS_WITH_SPREAD = replace(LABELS, frames=LABEL_FRAMES | LABEL_SPREAD)
PAIRS = Layout(schema=PAIR_SCHEMA, key="take", index_name="takes.parquet", index=PAIR_TAKES, frames=PAIR_FRAMES)


def fingerprint(settings: dict) -> str:
    """SHA-256 of settings: two runs with the same one may fill the same folder."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def arrow_table(columns: dict[str, Column], rows: dict[str, np.ndarray], count: int):
    """A pyarrow table of exactly `columns`; arrays (count, *shape) become fixed-size lists in C order.

    Raises:
        ShapeError: a column is missing, unknown or of another shape.
    """
    pa = _pyarrow()
    if rows.keys() != columns.keys():
        raise ShapeError(f"columns differ from the schema: {', '.join(sorted(rows.keys() ^ columns.keys()))}")
    arrays, fields = [], []
    for name, column in columns.items():
        if column.dtype == "str":
            array = pa.array([str(v) for v in rows[name]], pa.string())
        else:
            values = np.ascontiguousarray(rows[name], dtype=column.dtype)
            if values.shape != (count, *column.shape):
                raise ShapeError(f"column {name} is {(count, *column.shape)}, got {values.shape}")
            array = pa.array(values.ravel())
            if column.shape:
                array = pa.FixedSizeListArray.from_arrays(array, int(np.prod(column.shape)))
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata={"shape": json.dumps(column.shape), "meaning": column.meaning}))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def as_stored(columns: dict[str, Column], rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same rows, numbers in the types that `columns` stores: half the bytes to hand from process to process."""
    return {k: v if columns[k].dtype == "str" else np.ascontiguousarray(v, columns[k].dtype) for k, v in rows.items()}


class DatasetWriter:
    """Adds items (a clip or take with its frames) to a folder; complete shards of an earlier, interrupted run are kept.

    Items must come in the same order in every run: the shards then are the same, whether the run was interrupted or not.

    Raises:
        OutputError: the folder holds a dataset or shards made with other settings, or cannot be written.
    """

    def __init__(self, folder: Path, layout: Layout, settings: dict, *, shard_rows: int = SHARD_ROWS):
        self.folder, self.layout, self.settings, self.shard_rows = folder, layout, settings, shard_rows
        self.fingerprint = fingerprint({"schema": layout.schema, "columns": _described(layout), "settings": settings})
        self._pending: list[tuple[dict, dict[str, np.ndarray]]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob(".*.part"):
                leftover.unlink()
        except OSError as error:
            raise OutputError(f"{folder} cannot be made: {error.strerror}; give --out another folder") from error
        if not os.access(folder, os.W_OK):  # else it would fail when the first shard is full, hours later
            raise OutputError(f"{folder} may not be written to; give --out another folder")
        self._shards = self._kept()

    def _kept(self) -> dict[int, list[dict]]:
        """Index rows of the complete shards already there, by the shard's number; one that was removed is filled again."""
        shards = sorted(self.folder.glob(SHARD_GLOB))
        if not shards and (self.folder / JSON_NAME).exists():
            raise OutputError(f"{self.folder} has a {JSON_NAME} but no shards; remove it or give --out another folder")
        rows: dict[int, list[dict]] = {}
        for shard in shards:
            metadata, number = _metadata(shard), shard.stem.partition("-")[2]
            if not number.isdigit() or metadata.get(_FINGERPRINT_KEY, b"").decode() != self.fingerprint:
                raise OutputError(
                    f"{shard} was made by another version or with other settings: give another --out, or move {self.folder} away"
                )
            rows[int(number)] = json.loads(metadata[_INDEX_KEY])
        return rows

    @property
    def index(self) -> list[dict]:
        """Index rows of the items on disk, in the order of the shards."""
        return [row for number in sorted(self._shards) for row in self._shards[number]]

    @property
    def done(self) -> set[str]:
        """Names of the items that are complete on disk."""
        return {row[self.layout.key] for row in self.index}

    @property
    def rows(self) -> list[dict]:
        """Index rows of all items so far, on disk or waiting for their shard to fill."""
        return self.index + [row for row, _ in self._pending]

    def add(self, row: dict, frames: dict[str, np.ndarray]) -> None:
        """One item: its index row (JSON-able; keys beyond the index table's are kept in the shard) and its frame columns."""
        self._pending.append((row, frames))
        if sum(r["frames"] for r, _ in self._pending) >= self.shard_rows:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        rows = [row for row, _ in self._pending]
        frames = {k: np.concatenate([f[k] for _, f in self._pending]) for k in self._pending[0][1]}
        table = arrow_table(self.layout.frames, frames, sum(row["frames"] for row in rows))
        metadata = {_INDEX_KEY: json.dumps(rows), _FINGERPRINT_KEY: self.fingerprint}
        number = next(i for i in range(len(self._shards) + 1) if i not in self._shards)
        self._unfinish()
        _write_parquet(self.folder / _shard_name(number), table.replace_schema_metadata(metadata))
        self._shards[number] = rows
        self._pending = []

    def _unfinish(self) -> None:
        """A finished dataset that gets another shard is unfinished until `finish`."""
        try:
            (self.folder / JSON_NAME).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder / JSON_NAME} cannot be replaced: {error.strerror}") from error

    def finish(self, info: dict) -> None:
        """The last shard, the index table and `dataset.json` with `info`: after it the dataset is complete."""
        self._flush()
        rows = self.index
        columns = {k: np.array([row[k] for row in rows]) for k in self.layout.index}
        table = arrow_table(self.layout.index, columns, len(rows))
        _write_parquet(self.folder / self.layout.index_name, table)
        whole = {"schema": self.layout.schema, "columns": _described(self.layout), "settings": self.settings, **info}
        text = json.dumps(whole, indent=1)
        write_whole(self.folder / JSON_NAME, lambda part: part.write_text(text))


def read_frames(folder: Path, columns: list[str]) -> dict[str, np.ndarray]:
    """Some frame columns of a finished dataset, in order; array columns come flat (rows, values).

    Raises:
        InputError: the folder is no finished dataset, or a shard cannot be read.
    """
    pa = _pyarrow()
    shards = sorted(folder.glob(SHARD_GLOB))
    if not shards or not (folder / JSON_NAME).is_file():
        raise InputError(f"{folder} is not a finished dataset; it should hold {JSON_NAME} and {SHARD_GLOB}")
    table = pa.concat_tables([_read_shard(shard, columns) for shard in shards])
    out = {}
    for name in columns:
        values = table.column(name).combine_chunks()
        if hasattr(values, "flatten") and hasattr(values.type, "list_size"):
            out[name] = values.flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
        else:
            out[name] = values.to_numpy(zero_copy_only=False)
    return out


def _read_shard(shard: Path, columns: list[str]):
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_table(shard, columns=columns)
    except (ArrowException, OSError) as error:
        raise InputError(f"{shard} is not readable Parquet; make the dataset again") from error


def _write_parquet(path: Path, table) -> None:
    from pyarrow import parquet

    # Numbers that hardly repeat only lose by a dictionary: 3.5 times the time, a fifth more bytes.
    texts = [field.name for field in table.schema if str(field.type) == "string"]
    # Least and greatest of columns of arrays help nobody and take a fifth of the time.
    scalars = [field.name for field in table.schema if not hasattr(field.type, "list_size")]
    encoding: dict = {"compression": "zstd", "use_dictionary": texts, "write_statistics": scalars}
    write_whole(path, lambda part: parquet.write_table(table, part, **encoding))


def _metadata(shard: Path) -> dict[bytes, bytes]:
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_schema(shard).metadata or {}
    except (ArrowException, OSError) as error:
        raise OutputError(f"{shard} is not readable Parquet; remove it and start again, its items are made anew") from error


def _shard_name(i: int) -> str:
    return SHARD_GLOB.replace("*", f"{i:05d}")


def _described(layout: Layout) -> dict:
    return {
        "index": {k: [c.dtype, list(c.shape), c.meaning] for k, c in layout.index.items()},
        "frames": {k: [c.dtype, list(c.shape), c.meaning] for k, c in layout.frames.items()},
    }


def _pyarrow():
    need(("pyarrow",), "labels")
    import pyarrow

    return pyarrow
