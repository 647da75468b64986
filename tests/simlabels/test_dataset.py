"""The dataset writer: schema, whole shards or none, resume after a kill."""

import json

import numpy as np
import pytest
from pyarrow import parquet

from realtime.body.dataset import LABEL_CLIPS, LABEL_FRAMES, PAIR_FRAMES, PAIR_TAKES
from realtime.body.errors import InputError, OutputError, ShapeError
from simlabels.dataset import LABELS, PAIRS, DatasetWriter, arrow_table, read_frames


def values(column, rows, rng):
    if column.dtype == "str":
        return np.array(["a"] * rows, dtype=object)
    if column.dtype == "bool":
        return rng.random((rows, *column.shape)) < 0.5
    return (100 * rng.random((rows, *column.shape))).astype(column.dtype)


def item(layout, name, rows=7, seed=0):
    rng = np.random.default_rng(seed)
    row = {
        k: v[0].tolist() if isinstance(v[0], np.ndarray) else v[0]
        for k, v in ((k, values(c, 1, rng)) for k, c in layout.index.items())
    }
    row = {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
    frames = {k: values(c, rows, rng) for k, c in layout.frames.items()}
    frames[layout.key] = np.array([name] * rows, dtype=object)
    return row | {layout.key: name, "frames": rows}, frames


@pytest.mark.parametrize(
    ("layout", "index", "frames"),
    [(LABELS, LABEL_CLIPS, LABEL_FRAMES), (PAIRS, PAIR_TAKES, PAIR_FRAMES)],
    ids=["labels", "pairs"],
)
def test_columns_are_those_of_the_contract(layout, index, frames, tmp_path):
    writer = DatasetWriter(tmp_path, layout, {})
    row, columns = item(layout, "one")
    writer.add(row, columns)
    writer.finish({"counts": 1})
    for name, wanted in (("frames-00000.parquet", frames), (layout.index_name, index)):
        table = parquet.read_table(tmp_path / name)
        assert table.column_names == list(wanted)
        for column, c in wanted.items():
            kind = table.schema.field(column).type
            if c.shape:
                assert kind.list_size == np.prod(c.shape), column
                kind = kind.value_type
            expected = {"str": "string", "float32": "float", "float64": "double"}.get(c.dtype, c.dtype)
            assert str(kind) == expected, column
        assert parquet.ParquetFile(tmp_path / name).metadata.row_group(0).column(0).compression == "ZSTD"
    for column, c in frames.items():
        back = read_frames(tmp_path, [column])[column]
        np.testing.assert_array_equal(back.reshape(7, *c.shape), columns[column])
    info = json.loads((tmp_path / "dataset.json").read_text())
    assert info["schema"] == layout.schema
    assert info["counts"] == 1


def test_what_does_not_fit_the_schema_is_refused(rng):
    _, frames = item(LABELS, "one")
    with pytest.raises(ShapeError, match=r"column contact is \(7, 4\), got \(7, 2\)"):
        arrow_table(LABELS.frames, frames | {"contact": np.zeros((7, 2))}, 7)
    with pytest.raises(ShapeError, match="columns differ from the schema: extra"):
        arrow_table(LABELS.frames, frames | {"extra": np.zeros(7)}, 7)


def write(folder, names, settings=None, stop_after=None):
    """Items of 7 rows into shards of 20 or more rows; `stop_after` ends it as a kill would."""
    writer = DatasetWriter(folder, LABELS, settings or {}, shard_rows=20)
    kept = writer.done
    for i, name in enumerate(names):
        if name in kept:
            continue
        if stop_after is not None and i >= stop_after:
            return kept
        writer.add(*item(LABELS, name, seed=i))
    writer.finish({})
    return kept


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path):
    names = [f"clip{i}" for i in range(10)]
    assert write(tmp_path / "a", names) == set()
    assert write(tmp_path / "b", names, stop_after=5) == set()
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["frames-00000.parquet"]  # the half-filled one is not there
    with pytest.raises(InputError, match="not a finished dataset"):
        read_frames(tmp_path / "b", ["clip"])
    (tmp_path / "b" / ".frames-00001.parquet.part").write_bytes(b"half")
    assert write(tmp_path / "b", names) == set(names[:3])
    a, b = (sorted(p.name for p in (tmp_path / x).iterdir()) for x in "ab")
    assert a == b
    for name in a:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_finished_dataset_is_left_as_it_is(tmp_path):
    write(tmp_path, ["a", "b"])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert write(tmp_path, ["a", "b"]) == {"a", "b"}
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_other_settings_do_not_mix(tmp_path):
    write(tmp_path, ["a", "b"], {"cutoff_Hz": 6})
    with pytest.raises(OutputError, match=r"frames-00000\.parquet was made by another version or with other settings"):
        write(tmp_path, ["a", "b"], {"cutoff_Hz": 8})


def test_a_damaged_shard_is_named(tmp_path):
    write(tmp_path, ["a", "b"])
    shard = tmp_path / "frames-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(OutputError, match=r"frames-00000\.parquet is not readable"):
        write(tmp_path, ["a", "b"])


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write_table", full)
    with pytest.raises(OutputError, match="cannot be written: No space left"):
        write(tmp_path, ["a"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot be made"):
        DatasetWriter(tmp_path / "out", LABELS, {})
