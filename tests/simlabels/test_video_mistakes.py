"""Mistakes that are told before anything is drawn: no graphics, no bodies, no front end."""

import errno
import os

import numpy as np
import pytest

from realtime.body.errors import InputError
from simlabels import cli
from simlabels.dataset import LABELS, DatasetWriter
from simlabels.video import make_sample
from simlabels.video.command import _size_px
from simlabels.video.make_sample import truth_of

OLD, NEW = {"film.mp4": b"old film", "truth.npz": b"old truth"}, b"new film"


# ---- what is filmed
@pytest.fixture
def dataset(tmp_path):
    """A label dataset of one short clip; nobody will look at its frames."""
    labels = tmp_path / "labels"
    writer = DatasetWriter(labels, LABELS, {})
    columns = {name: np.zeros((40, *c.shape), "O" if c.dtype == "str" else c.dtype) for name, c in LABELS.frames.items()}
    row = {name: np.zeros(c.shape).tolist() for name, c in LABELS.index.items()}
    row |= {"clip": "a", "subject": "s", "split": "train", "action": "", "fps": 30.0, "frames": 40}
    writer.add(row, columns)
    writer.finish({})
    return labels


@pytest.mark.parametrize(
    ("labels", "more", "says"),
    [
        ("nonexistent", [], "nonexistent is not a finished label dataset; make one with `biohuman-labels make`"),
        ("labels", ["--clips", "b"], "no clip of the labels is called 'b'; nearest: a"),
        ("labels", ["--splits", "test"], "no split of the labels is called 'test'; nearest: train"),
        ("labels", ["--seconds", "0.5"], "--seconds should be 1 or more, got 0.5"),
    ],
)
def test_what_cannot_be_filmed_is_told_before_bodies_are_made(labels, more, says, dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("simlabels.video.bodies.make_bodies", lambda path: pytest.fail("minutes go by"))
    assert cli.main(["video", str(tmp_path / labels), "--out", str(tmp_path / "o"), *more]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("biohuman-labels: ")
    assert says in said
    assert not (tmp_path / "o").exists()


def test_the_labels_are_no_place_for_their_films(dataset, capsys):
    before = files_of(dataset)
    assert cli.main(["video", str(dataset), "--out", str(dataset)]) == 2
    assert "holds the labels: give --out another folder" in capsys.readouterr().err
    assert files_of(dataset) == before


@pytest.mark.parametrize(
    "size", ["²00x200", "200x²00", "\u0666\u0664x64", "640x480x3", "x480", "640", "63x480", "640x4097", "1" * 5000 + "x64"]
)
def test_what_is_no_size(size):
    with pytest.raises(InputError, match="--size should be WIDTHxHEIGHT, 64 to 4096 px each"):
        _size_px(size)


def test_sizes():
    assert (_size_px("64x4096"), _size_px("640x480")) == ((64, 4096), (640, 480))


# ---- the film that ships with the product
@pytest.fixture
def sample(tmp_path, monkeypatch):
    """Makes the sample of a kept film, over an old one, and gives the exit code."""
    monkeypatch.setattr(make_sample, "truth_of", lambda *_: {"stature_m": np.array(1.7)})
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "take.mp4").write_bytes(NEW)
    (tmp_path / "out").mkdir()
    for name, data in OLD.items():
        (tmp_path / "out" / name).write_bytes(data)
    return lambda: make_sample.main([str(tmp_path), "labels", "take", "--out", str(tmp_path / "out")])


def files_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_sample_takes_the_place_of_the_old_one(sample, tmp_path):
    assert sample() == 0
    found = files_of(tmp_path / "out")
    assert found.keys() == OLD.keys()
    assert found["film.mp4"] == NEW
    with np.load(tmp_path / "out" / "truth.npz", allow_pickle=False) as truth:
        assert truth["stature_m"] == 1.7


def test_without_the_new_film_the_old_sample_stays(sample, tmp_path, capsys):
    (tmp_path / "video" / "take.mp4").unlink()
    assert sample() == 2
    said = (
        f"make_sample: {tmp_path}/video/take.mp4 cannot be read: No such file or directory; film the take with --keep-video\n"
    )
    assert capsys.readouterr().err == said
    assert files_of(tmp_path / "out") == OLD


@pytest.mark.parametrize(
    ("fails", "left"),
    [("truth", OLD), ("film", OLD), ("film's name", {"film.mp4": OLD["film.mp4"]}), ("truth's name", {"film.mp4": NEW})],
)
def test_a_full_disk_leaves_no_film_beside_another_ones_truth(fails, left, sample, tmp_path, monkeypatch, capsys):
    replace = os.replace

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def full_at_last(part, path):
        full() if path.name.startswith(fails.removesuffix("'s name")) else replace(part, path)

    if fails == "truth":
        monkeypatch.setattr(np, "savez_compressed", full)
    elif fails == "film":
        monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    else:
        monkeypatch.setattr(os, "replace", full_at_last)
    assert sample() == 2
    assert "cannot be written: No space left on device; make room" in capsys.readouterr().err
    assert files_of(tmp_path / "out") == left


def test_what_is_no_paired_dataset(dataset, tmp_path):
    for folder in (tmp_path / "nonexistent", tmp_path, dataset):
        with pytest.raises(InputError, match="is not a finished paired dataset; make one with `biohuman-labels video`"):
            truth_of(folder, dataset, "take")
