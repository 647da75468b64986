"""What goes wrong while labels are filmed: one line that names the fix, nothing half-written, and the same set in the end."""

import json
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from realtime.body.dataset import JSON_NAME
from realtime.body.errors import InputError, OutputError, UnknownName
from simlabels import cli
from simlabels.dataset import LABELS
from simlabels.video.bodies import load_bodies, write_bodies
from simlabels.video.contact_sheet import ContactSheet
from simlabels.video.film_job import Filming
from simlabels.video.plan import Clip, plan_takes
from simlabels.video.recorder import recorder

from .test_video_make import BODIES, everything_is_there, films, write_labels  # noqa: F401 (a fixture)

#: A device that is always full: every write to it fails as on a real full disk.
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.is_char_device(), reason=f"no {FULL} here")
SMALL = {"frames": 60, "seconds": 1.0, "splits": ["train"]}
COMMAND = ["--bodies", str(BODIES), "--frames", "60", "--seconds", "1", "--splits", "train", "--size", "160x120"]


def filming(out: Path | None = None) -> Filming:
    return Filming(size_px=(160, 120), plain=True, video_folder=out / "video" if out else None)


def files_of(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def error_of(command: list[str], capfd) -> str:
    """The one line that a command which fails says; `capfd`, for its processes may speak too. Progress may stand before it."""
    assert cli.main(command) == 2
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "left out" not in said
    assert said.count("biohuman-labels: ") == 1
    last = said.strip().splitlines()[-1]
    assert last.startswith("biohuman-labels: ")
    return last


@pytest.fixture(scope="module")
def dataset(labels, motion, tmp_path_factory):
    """Two clips of two takes each."""
    return write_labels(tmp_path_factory.mktemp("labels"), labels, motion, 60)


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory):
    """What an undisturbed run with one process writes, films too."""
    out = tmp_path_factory.mktemp("whole")
    films(dataset, out, filming=filming(out), **SMALL)
    files = files_of(out)
    assert sum(name.startswith("video/") for name in files) == 2
    return files


# ---- nothing to draw with
def test_no_egl_is_told_once_by_several_processes(dataset, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("GLCONTEXT_LINUX_LIBEGL", "libnothing.so")  # what glcontext would load instead
    out = tmp_path / "o"
    said = error_of(["video", str(dataset), "--out", str(out), *COMMAND, "--jobs", "2"], capfd)
    assert "no OpenGL over EGL (libnothing.so not loaded)" in said
    assert "apt-get install libegl1 libgl1-mesa-dri libgles2" in said
    assert files_of(out) == {}


# ---- bodies
def changed(**arrays):
    """Damage to a file of bodies: other arrays, None = left out."""

    def change(path: Path) -> None:
        with np.load(BODIES) as file:
            z = {name: file[name] for name in file.files}
        z |= {name: make(z[name]) for name, make in arrays.items() if make}
        np.savez(path, allow_pickle=False, **{name: z[name] for name in z if arrays.get(name, True) is not None})

    return change


def garble(path: Path) -> None:
    """The archive is whole, what is compressed in it is not."""
    data = bytearray(BODIES.read_bytes())
    data[1000:1400] = bytes(400)
    path.write_bytes(data)


def bare(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def with_nan(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flat[0] = np.nan
    return x


BAD_BODIES = {
    "absent": (lambda path: None, "it is not there; leave out --bodies"),
    "a folder": (lambda path: path.mkdir(), "leave out --bodies"),
    "empty": (lambda path: path.write_bytes(b""), "leave out --bodies"),
    "cut off": (lambda path: path.write_bytes(BODIES.read_bytes()[:20_000]), "leave out --bodies"),
    "garbled": (garble, "leave out --bodies"),
    "one array": (bare, "leave out --bodies"),
    "no clothes": (changed(**{"faces_helper-tights": None}), "no group helper-tights; of the topology anny-quads-full"),
    "another rig": (changed(bone_names=lambda x: np.char.add("mixamo_", x)), "of the rig makehuman"),
    "another mesh": (changed(vertices_m=lambda x: x[:, :-7]), r"vertices_m should be \(2, 5160, 3\), finite"),
    "one person": (changed(heads_m=lambda x: x[:1]), r"heads_m should be \(2, 163, 3\)"),
    "not a number": (changed(weights=with_nan), "weights should be"),
    "bones of others": (changed(bones=lambda x: x + 100), "bones names 2[0-9]+ of 163"),
    "corners of others": (changed(faces_body=lambda x: x + 5000), "body names [0-9]+ of 5160"),
    "quads": (changed(faces_body=lambda x: x.reshape(-1, 4)), "triangles"),
    "no indices": (changed(faces_body=lambda x: x / 2), "body should be rows of indices"),
    "of nobody": (changed(phenotypes=lambda x: np.array(json.dumps([{}, {}]))), "phenotypes should have .*gender"),
}


@pytest.mark.parametrize(("damage", "says"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_bodies_of_another_topology(damage, says, tmp_path):
    path = tmp_path / "bodies.npz"
    damage(path)
    with pytest.raises(InputError, match=says) as caught:
        load_bodies(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("damage", ["cut off", "no clothes"])
def test_the_command_with_bodies_of_another_topology(damage, dataset, tmp_path, capfd):
    BAD_BODIES[damage][0](tmp_path / "bodies.npz")
    command = ["video", str(dataset), "--out", str(tmp_path / "o"), *COMMAND, "--bodies", str(tmp_path / "bodies.npz")]
    assert "is no file of bodies of this version" in error_of(command, capfd)
    assert not (tmp_path / "o").exists()


# ---- labels
def rewritten(text: str):
    return lambda labels: (labels / JSON_NAME).write_text(text)


BAD_LABELS = {
    "unfinished": (lambda labels: (labels / JSON_NAME).unlink(), "not a finished label dataset; make one with"),
    "cut off": (rewritten('{"schema": '), "not a finished label dataset"),
    "not a table": (rewritten("[]"), "not a finished label dataset"),
    "pairs": (rewritten('{"schema": "biohuman-pairs/1"}'), "not a finished label dataset"),
    "no index": (lambda labels: (labels / LABELS.index_name).unlink(), "not a finished label dataset"),
    "index cut off": (lambda labels: (labels / LABELS.index_name).write_bytes(b"PAR1"), "not a finished label dataset"),
    "no shard": (lambda labels: (labels / "frames-00000.parquet").unlink(), "should hold .*frames-"),
    "shard cut off": (lambda labels: os.truncate(labels / "frames-00000.parquet", 999), "is not readable Parquet; make"),
    "frames of one clip only": (lambda labels: without_last_clip(labels), "has 0 of 60 frames of b: a shard is missing"),
}


def without_last_clip(labels: Path) -> None:
    from pyarrow import parquet

    shard = labels / "frames-00000.parquet"
    parquet.write_table(parquet.read_table(shard).slice(0, 60), shard)


@pytest.mark.parametrize(("damage", "says"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_a_dataset_without_labels(damage, says, dataset, tmp_path):
    labels, out = shutil.copytree(dataset, tmp_path / "labels"), tmp_path / "o"
    damage(labels)
    with pytest.raises(InputError, match=says):
        films(labels, out, filming=filming(out), **SMALL)
    assert files_of(out) == {}


def test_an_unknown_clip_is_told_with_the_nearest(dataset, tmp_path, monkeypatch, capfd):
    with pytest.raises(UnknownName, match=r"no clip of the labels is called 'aa'; nearest: a \(2 in all\)"):
        films(dataset, tmp_path / "o", clips=["b", "aa"])
    with pytest.raises(UnknownName, match="no split of the labels is called 'val'"):
        films(dataset, tmp_path / "o", splits=["val"])
    assert cli.main(["video", str(dataset), "--out", str(tmp_path / "o"), *COMMAND, "--clips", "aa"]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1  # no empty progress bar before it


# ---- numbers
@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--seconds", "0.5", "--seconds should be 1 or more, got 0.5"),  # once went through the clips for ever
        ("--seconds", "nan", "--seconds should be positive, got nan"),
        ("--seconds", "inf", "--seconds should be positive, got inf"),
        ("--seed", "-1", "--seed should be 0 or more, got -1"),
    ],
)
def test_numbers_that_make_no_takes(option, value, says, dataset, tmp_path, capfd):
    assert says in error_of(["video", str(dataset), "--out", str(tmp_path / "o"), *COMMAND, option, value], capfd)
    assert not (tmp_path / "o").exists()


def test_clips_whose_takes_would_be_too_short_are_left_out():
    clips = [Clip("slow", "s", "train", 300, 10.0), Clip("fast", "s", "train", 300, 60.0)]
    plan = plan_takes(clips, frames=700, views=1, seed=0, seconds=1.0)
    assert {stretch.clip.clip for stretch in plan} == {"fast"}


# ---- a full disk
def put_full(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(FULL)


@needs_full
def test_a_full_disk(dataset, whole, tmp_path):
    """Under every file in turn; each time the same command goes on."""
    out = tmp_path / "o"
    for name in ("frames-00000.parquet", "takes.parquet", JSON_NAME):
        with pytest.raises(OutputError, match=rf"{name} cannot be written: .*[Nn]o space left.*; make room") as caught:
            films(
                dataset,
                out,
                filming=filming(),
                on_start=lambda *_, name=name: put_full(out / f".{name}.{os.getpid()}.part"),
                **SMALL,
            )
        assert len(str(caught.value).splitlines()) == 1
        written = files_of(out)
        assert name not in written
        assert written == {there: whole[there] for there in written}
    films(dataset, out, filming=filming(), **SMALL)
    assert files_of(out) == {there: data for there, data in whole.items() if not there.startswith("video/")}


@needs_full
def test_a_full_disk_under_the_films(dataset, whole, tmp_path, capfd):
    out = tmp_path / "o"
    film = next(name for name in whole if name.startswith("video/"))
    put_full(out / "video" / f".{Path(film).name}.part.mp4")
    command = ["video", str(dataset), "--out", str(out), *COMMAND, "--plain", "--views", "1", "--keep-video"]
    said = error_of([*command, "--jobs", "2"], capfd)
    assert f"{film} cannot be written" in said
    assert "make room" in said
    kept = [name for name in files_of(out) if name.startswith("video/") and not Path(name).name.startswith(".")]
    assert {name: files_of(out)[name] == whole[name] for name in kept} in (  # a hidden part may stay, and is written over
        {},
        {other: True for other in whole if other.startswith("video/") and other != film},
    )
    assert cli.main(command) == 0
    assert {name: data for name, data in files_of(out).items() if name != "contact.jpg"} == whole


def test_a_film_that_comes_out_short_is_no_film(tmp_path, rng):
    """OpenCV says nothing when its writes fail; past 100 kB they do here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    pictures = rng.integers(0, 255, (60, 120, 160, 3), dtype=np.uint8)

    def record() -> None:
        with recorder(tmp_path / "take.mp4", (160, 120), 30.0) as keep:
            for picture in pictures:
                keep(picture)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match=r"take\.mp4 cannot be written: the film came out short.*; make room"):
            record()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
    record()
    assert [path.name for path in tmp_path.iterdir()] == ["take.mp4"]


@needs_full
def test_a_full_disk_under_the_bodies(dataset, tmp_path, monkeypatch, capfd):
    cache, bodies = tmp_path / "cache", load_bodies(BODIES)
    path = cache / "bodies.npz"
    monkeypatch.setattr("simlabels.video.bodies.bodies_path", lambda: path)
    monkeypatch.setattr("simlabels.video.make.bodies_path", lambda: path)
    monkeypatch.setattr("simlabels.video.bodies.make_bodies", lambda path: write_bodies(path, bodies))
    put_full(cache / f".{path.name}.{os.getpid()}")
    assert cli.main(["video", str(dataset), "--out", str(tmp_path / "o"), *COMMAND[2:]]) == 2
    making, error = capfd.readouterr().err.splitlines()
    assert "making 48 bodies" in making
    assert f"{path} cannot be written: No space left on device; make room, or name another cache folder" in error
    assert list(cache.iterdir()) == []
    assert not (tmp_path / "o").exists()


# ---- the same set
def test_two_processes_film_what_one_does(dataset, whole, tmp_path):
    """Each has its own random order of hashes, its own renderer and front end."""
    films(dataset, tmp_path, filming=filming(tmp_path), jobs=2, **SMALL)
    assert files_of(tmp_path) == whole


def test_films_that_are_not_there_are_made(dataset, whole, tmp_path):
    """An earlier run kept none, or somebody removed one; the dataset is left as it is."""
    there = [name for name in whole if name.startswith("video/")]
    for name in whole.keys() - {there[0]}:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(whole[name])
    (tmp_path / "video" / f".{Path(there[0]).name}.part.mp4").write_bytes(whole[there[0]][:999])  # as a killed run leaves it
    seen = []
    summary = films(dataset, tmp_path, filming=filming(tmp_path), on_take=seen.append, **SMALL)
    assert [f"video/{filmed.take}.mp4" for filmed in seen] == [there[0]]
    assert (summary.takes, summary.without_film) == (2, [])
    assert files_of(tmp_path) == whole


def test_films_that_are_missing_in_the_end_are_told(dataset, tmp_path, monkeypatch, capfd):
    """As on a cluster whose machines have each their own disk."""
    out = tmp_path / "o"
    monkeypatch.setattr(ContactSheet, "add", lambda self, filmed: (out / "video" / f"{filmed.take}.mp4").unlink())
    assert cli.main(["video", str(dataset), "--out", str(out), *COMMAND, "--keep-video"]) == 1
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"biohuman-labels: 2 films are not in {out / 'video'}, such as a-pass0-00000.mp4; the same command")
    assert (out / JSON_NAME).is_file()
