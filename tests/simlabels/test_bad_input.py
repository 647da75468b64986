"""Whatever is wrong with the input: one line that names file and frame, and the rest is labelled."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from benchmarks.synthetic_bvh import UNIT_M, write_bvh
from realtime.body.errors import InputError, OutputError
from simlabels import dataset
from simlabels.cli import main
from simlabels.dataset import read_frames
from simlabels.folder import ClipFile, list_clips
from simlabels.make import Reading, make_labels, read_motion
from simlabels.readers.bvh import read_bvh
from simlabels.readers.markers import Markers
from simlabels.readers.retarget import retarget
from simlabels.readers.table import read_table
from simlabels.readers.trc import read_trc
from simlabels.trial import HIDDEN_M, motion_of_markers, person_of

from .test_amass import write_amass
from .test_amc import write_asf_amc
from .test_c3d import written
from .test_make import run
from .test_make_trial import command  # noqa: F401 (fixtures)
from .test_markers import MASS_KG, marker_set  # noqa: F401
from .test_trc import text_of
from .test_verify import laboratory  # noqa: F401

PERSON = "subject,sex,height_m,mass_kg\nanna,f,1.7,60\nheavy,m,1.8,-70\ntall,m,3,\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return write_bvh(tmp_path_factory.mktemp("good") / "good.bvh", seconds=1)


def cell(text: str, frame: int, column: int, value: str) -> str:
    """The BVH with another number in a frame."""
    lines = text.splitlines()
    at = lines.index("MOTION") + 3 + frame
    words = lines[at].split()
    words[column] = value
    lines[at] = " ".join(words)
    return "\n".join(lines) + "\n"


def scaled(text: str, skeleton: float, place: float) -> str:
    """The BVH with its offsets and its root's places multiplied."""
    lines, motion = text.splitlines(), text.splitlines().index("MOTION")
    for i, line in enumerate(lines):
        words = line.split()
        if words[:1] == ["OFFSET"]:
            lines[i] = "OFFSET " + " ".join(f"{float(v) * skeleton:.6f}" for v in words[1:])
        elif i >= motion + 3:
            lines[i] = " ".join([*(f"{float(v) * place:.6f}" for v in words[:3]), *words[3:]])
    return "\n".join(lines) + "\n"


#: Clip -> what becomes of a good file's text, and what is said of it.
DAMAGED_BVH = {
    "absurd": (lambda t: cell(t, 3, 0, "1e300"), "in frame 3 the pelvis is more than 10000 m away"),
    "boneless": (
        lambda t: t.replace("OFFSET 3.00000 0.96000 -0.09000", "OFFSET 0 0 0"),
        "from LeftShoulder to LeftArm has no length",
    ),
    "cut": (lambda t: t[: len(t) // 2], "announces 30 frames and holds"),
    "empty": (lambda t: "", "is empty"),
    "fast": (lambda t: t.replace("Frame Time: 0.0333333", "Frame Time: 33.3333"), "Frame Time 33.3333 s makes 0.03 frames"),
    "giant": (lambda t: scaled(t, 1.8 * UNIT_M, 1.8 * UNIT_M), "no human leg (0.55 to 1.15 m)"),
    "infinite": (lambda t: cell(t, 4, 8, "inf"), "line 174: 'inf' in frame 4 should be a finite number"),
    "millimetres": (lambda t: scaled(t, UNIT_M, 1000 * UNIT_M), "check the unit of its place"),
    "nan": (lambda t: cell(t, 7, 5, "nan"), "line 177: 'nan' in frame 7 should be a finite number"),
    "never": (lambda t: t.replace("Frame Time: 0.0333333", "Frame Time: nan"), "should be numbers, found '30 nan'"),
    "renamed": (lambda t: t.replace("LeftLeg", "Left_Leg"), "no joint 'LeftLeg' (nearest: Left_Leg"),
    "short": (lambda t: "\n".join(t.splitlines()[:-25]).replace("Frames: 30", "Frames: 5"), "has 5 frames, at least 12"),
    "slow": (lambda t: t.replace("Frame Time: 0.0333333", "Frame Time: 0.0416667"), "24 frames a second, 30 are wanted"),
    "twice": (lambda t: t.replace("JOINT Spine1", "JOINT Spine"), "a second joint is called 'Spine'"),
    "two": (lambda t: t.replace("MOTION", "ROOT Other\nMOTION"), "a file has one ROOT"),
}


@pytest.fixture
def folder(good, tmp_path):
    """A good clip, one of Windows, and every kind of bad ones; what is to be said of each."""
    folder, text = tmp_path / "in", good.read_text()
    folder.mkdir()
    said = {name: message for name, (_, message) in DAMAGED_BVH.items()}
    for name, (damage, _) in DAMAGED_BVH.items():
        (folder / f"{name}.bvh").write_text(damage(text))
    for name in ("good", "heavy", "tall"):
        (folder / f"{name}.bvh").write_text(text)
    (folder / "windows.bvh").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (folder / "sixteen.bvh").write_bytes(text.encode("utf-16"))
    (folder / "binary.bvh").write_bytes(bytes(range(256)) * 20)
    (folder / "folder.bvh").mkdir()
    (folder / "cutgz.bvh.gz").write_bytes(b"\x1f\x8b\x08" + bytes(40))
    motion = retarget(read_bvh(good))
    write_amass(folder / "smpl.npz", motion)
    (folder / "cutnpz.npz").write_bytes((folder / "smpl.npz").read_bytes()[:5000])
    (folder / "smpl.npz").unlink()
    trans = np.array(motion.pelvis_m)
    trans[11, 2] = np.nan
    write_amass(folder / "nannpz.npz", motion, trans=trans)
    _, amc = write_asf_amc(read_bvh(good), folder)
    amc.write_text("\n".join(amc.read_text().splitlines()[:72]))
    (folder / "07_01.amc").write_text("no skeleton beside it")
    said |= {
        "heavy": "subjects.csv, subject heavy: mass_kg is -70 kg, a person has 20 to 250",
        "tall": "subjects.csv, subject tall: height_m is 3 m, a person has 1 to 2.4",
        "sixteen": "is UTF-16 text; save it as UTF-8",
        "binary": "is a binary file",
        "folder": "Is a directory",
        "cutgz": "cannot be read",
        "cutnpz": "is no .npz archive",
        "nannpz": "trans is not finite in frame 11",
        "02_03": "the file is cut short or of another skeleton",
        "07_01": "its skeleton is not beside it; put the subject's there, as 07.asf",
    }
    subjects = {name: name if name in ("heavy", "tall") else "anna" for name in (*said, "good", "windows")}
    rows = "".join(f"{clip},{subject},train\n" for clip, subject in subjects.items())
    (folder / "manifest.csv").write_text("clip,subject,split\n" + rows)
    (folder / "subjects.csv").write_text(PERSON)
    return folder, said


def test_the_rest_is_labelled(folder, good, tmp_path, capsys, monkeypatch, the_body):
    folder, said = folder
    monkeypatch.setattr("simlabels.make.Body", lambda: the_body)
    out = tmp_path / "out"
    assert main(["make", str(folder), "--out", str(out)]) == 1
    printed = capsys.readouterr().err.splitlines()
    for clip, message in said.items():
        (line,) = [row for row in printed if row.startswith(f"biohuman-labels: left out: {folder / clip}.")]
        assert message in line
        assert len(line) < 400
    assert f"{len(said)} of {len(said) + 2} files were left out" in printed[-1]
    assert set(read_frames(out, ["clip"])["clip"]) == {"good", "windows"}
    info = json.loads((out / "dataset.json").read_text())
    assert info["skipped"].keys() == said.keys()
    # one is mended: the same command labels it too, and does nothing twice
    (folder / "cut.bvh").write_text(good.read_text())
    assert main(["make", str(folder), "--out", str(out)]) == 1
    rows = read_frames(out, ["clip", "frame"])
    assert sorted(zip(rows["clip"], rows["frame"], strict=True)) == [
        (c, i) for c in ("cut", "good", "windows") for i in range(30)
    ]
    assert json.loads((out / "dataset.json").read_text())["skipped"].keys() == said.keys() - {"cut"}
    # a mended table too; one whose clip has labels is another dataset
    tables = (folder / "subjects.csv").read_text()
    (folder / "subjects.csv").write_text(tables.replace("-70", "70"))
    assert main(["make", str(folder), "--out", str(out)]) == 1
    assert "heavy" in set(read_frames(out, ["clip"])["clip"])
    (folder / "subjects.csv").write_text(tables.replace("-70", "70").replace("1.7,60", "1.7,61"))
    capsys.readouterr()
    assert main(["make", str(folder), "--out", str(out)]) == 2
    assert "holds labels of clip good and 2 more, whose file" in capsys.readouterr().err.splitlines()[-1]


def test_a_strict_run_ends_at_once(folder, tmp_path, capsys, monkeypatch, the_body):
    monkeypatch.setattr("simlabels.make.Body", lambda: the_body)
    assert main(["make", str(folder[0]), "--out", str(tmp_path / "o"), "--strict"]) == 2
    assert "leave --strict out to go on with the rest" in capsys.readouterr().err.splitlines()[-1]


def test_a_file_that_may_not_be_read(good, tmp_path, monkeypatch, the_body):
    for name in "ab":
        (tmp_path / f"{name}.bvh").write_text(good.read_text())
    real = Path.open

    def refused(path, *args, **kwargs):
        if path.name == "a.bvh":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refused)
    summary = run(tmp_path, tmp_path / "out", the_body)
    assert list(summary.skipped) == ["a"]
    assert "a.bvh cannot be read" in summary.skipped["a"]
    assert summary.skipped["a"].endswith("Permission denied")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("subject,mass_kg\nanna,nan\n", "mass_kg should be a number, got 'nan'"),
        ("subject,mass_kg\nanna,70000\n", "mass_kg is 70000 kg, a person has 20 to 250"),
        ("subject,height_m\nanna,172\n", "height_m is 172 m, a person has 1 to 2.4"),
        ("subject,age_years\nanna,-4\n", "age_years is -4 years, a person has 1 to 120"),
    ],
)
def test_no_person(good, tmp_path, table, message):
    (tmp_path / "a.bvh").write_text(good.read_text())
    (tmp_path / "manifest.csv").write_text("clip,subject,split\na,anna,train\n")
    (tmp_path / "subjects.csv").write_text(table)
    (clip,) = list_clips(tmp_path)
    assert clip.problem.startswith(f"{clip.path}: {tmp_path / 'subjects.csv'}, subject anna: {message}")


# ---- Acclaim in a folder
def test_amc_is_labelled_as_bvh_is(good, tmp_path):
    bvh = read_bvh(good)
    write_asf_amc(bvh, tmp_path)
    (clip,) = list_clips(tmp_path)
    assert clip.skeleton == tmp_path / "02.asf"
    motion, floor_m, _ = read_motion(clip, Reading(source_fps=30))
    same, same_floor_m, _ = read_motion(ClipFile(clip="good", path=good), Reading())
    np.testing.assert_allclose(motion.forward()[0], same.forward()[0], atol=1e-4)
    assert floor_m == pytest.approx(same_floor_m, abs=1e-4)
    with pytest.raises(InputError, match=r"02_03\.amc: the pelvis moves|02_03\.amc"):
        read_motion(clip, Reading(source_fps=1e6))


@pytest.mark.parametrize(
    ("amc", "skeletons", "found"),
    [
        ("07_01", ["07", "08"], "07"),
        ("07_01", ["07_01", "08"], "07_01"),
        ("walk_1", ["someone"], "someone"),
        ("07_01", ["person"], "person"),
        ("07_01", ["08"], None),  # another subject's
        ("walk_1", ["a", "b"], None),
        ("walk_1", [], None),
    ],
)
def test_which_skeleton(tmp_path, amc, skeletons, found):
    for name in (f"{amc}.amc", *(f"{s}.asf" for s in skeletons)):
        (tmp_path / name).touch()
    (clip,) = list_clips(tmp_path)
    assert clip.skeleton == (tmp_path / f"{found}.asf" if found else None)
    assert bool(clip.problem) == (found is None)


# ---- the frame rate
def test_half_the_frame_rate_is_seen_in_a_jump(good, tmp_path):
    """60 frames a second in a file that says 30: a jump falls at a quarter of gravity."""
    text = good.read_text().splitlines()
    start, t = text.index("MOTION") + 3, np.arange(30) / 60
    height_m = np.maximum(0.0, 2 * (t - 0.04) - 0.5 * 9.81 * (t - 0.04) ** 2)
    row = text[start].split()
    rows = [" ".join([row[0], f"{float(row[1]) + h / UNIT_M:.5f}", *row[2:]]) for h in height_m]
    path = tmp_path / "jump.bvh"
    path.write_text("\n".join([*text[:start], *rows]) + "\n")
    clip = ClipFile(clip="jump", path=path)
    with pytest.raises(InputError, match=r"jump\.bvh: jumps fall with 2\.\d m/s² at 30 .* 60 frames a second would fit"):
        read_motion(clip, Reading())
    assert read_motion(clip, Reading(source_fps=60))[0].fps == 60


# ---- what is written
def clips_of(folder: Path, good: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        (folder / f"{i}.bvh").write_text(good.read_text())
    return folder


@pytest.fixture
def small_shards(monkeypatch):
    real = dataset.DatasetWriter.__init__

    def small(*args, **kwargs):
        real(*args, **{"shard_rows": 30} | kwargs)

    monkeypatch.setattr(dataset.DatasetWriter, "__init__", small)


def test_a_full_disk(good, tmp_path, capsys, monkeypatch, the_body, small_shards):
    monkeypatch.setattr("simlabels.make.Body", lambda: the_body)
    folder, out, whole = clips_of(tmp_path / "in", good, 3), tmp_path / "out", tmp_path / "whole"
    real = parquet.write_table

    def full(table, path, **kwargs):
        if "00001" in str(path):
            Path(path).write_bytes(b"PAR1 half a shard")
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(table, path, **kwargs)

    monkeypatch.setattr(parquet, "write_table", full)
    assert main(["make", str(folder), "--out", str(out)]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{out / 'frames-00001.parquet'} cannot be written: No space left on device; make room" in last
    assert [p.name for p in out.iterdir()] == ["frames-00000.parquet"]
    monkeypatch.setattr(parquet, "write_table", real)
    for target in (out, whole):
        assert main(["make", str(folder), "--out", str(target)]) == 0
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {p.name: p.read_bytes() for p in whole.iterdir()}


def test_a_damaged_shard_is_made_again(good, tmp_path, the_body, small_shards):
    folder, out = clips_of(tmp_path / "in", good, 3), tmp_path / "out"
    run(folder, out, the_body)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    shard = out / "frames-00001.parquet"
    for damage in (b"", before[shard.name][:2000], bytes(5000)):
        shard.write_bytes(damage)
        with pytest.raises(OutputError, match=r"frames-00001\.parquet is not readable Parquet; remove it and start again"):
            run(folder, out, the_body)
        with pytest.raises(InputError, match=r"frames-00001\.parquet is not readable Parquet"):
            read_frames(out, ["clip"])
    shard.unlink()
    seen = []
    run(folder, out, the_body, on_clip=seen.append)
    assert [done.clip.clip for done in seen] == ["1"]
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_a_finished_dataset_that_grows_is_unfinished_meanwhile(good, tmp_path, the_body):
    folder, out = clips_of(tmp_path / "in", good, 1), tmp_path / "out"
    run(folder, out, the_body)
    (folder / "1.bvh").write_text(good.read_text())

    class Stop(Exception):
        pass

    def stop(self, info):
        self._flush()
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset.DatasetWriter, "finish", stop)
        with pytest.raises(Stop):
            run(folder, out, the_body)
    assert len(list(out.glob("frames-*"))) == 2
    with pytest.raises(InputError, match="not a finished dataset"):
        read_frames(out, ["clip"])
    assert make_labels(folder, out, body=the_body).clips == 2


def test_a_place_that_may_not_be_written(good, tmp_path, monkeypatch, the_body):
    folder = clips_of(tmp_path / "in", good, 1)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OutputError, match=r"out may not be written to; give --out another folder"):
        run(folder, tmp_path / "out", the_body)


# ---- laboratory trials
def changed_trial(folder: Path, change, **head) -> None:
    """Rewrites trial.trc with other positions, m, or names."""
    trial = read_trc(folder / "trial.trc")
    names, positions_m = change(list(trial.names), trial.positions_m.copy())
    (folder / "trial.trc").write_text(text_of(1000 * positions_m, names=names, fps=trial.fps, **head))


def test_wrong_units_and_rate_of_a_trial(command, laboratory, tmp_path, capsys):  # noqa: F811
    folder = laboratory / "bends"
    for name in ("trial.trc", "static.trc"):
        (folder / name).write_text((folder / name).read_text().replace("\tmm\n", "\tm\n"))
    assert main(command(tmp_path / "out")) == 2
    err = capsys.readouterr().err
    assert "static.trc says m, which makes a person" in err
    assert "--unit mm" in err
    assert main(command(tmp_path / "out", "--unit", "mm")) == 0
    text = (folder / "trial.trc").read_text()
    (folder / "trial.trc").write_text(text.replace("50.00\t50.00", "100.00\t100.00"))
    assert main(command(tmp_path / "o2", "--unit", "mm")) == 2
    assert "trial.trc: DataRate is 100, the times say 50 frames a second; pass fps= (--source-fps)" in capsys.readouterr().err


def test_unknown_markers_are_told_with_the_nearest(command, laboratory, tmp_path, capsys):  # noqa: F811
    def renamed(names, positions_m):
        return [{"R.Knee": "RKNEE", "L.TH1": "sword"}.get(n, n) for n in names], positions_m

    changed_trial(laboratory / "bends", renamed)
    assert main(command(tmp_path / "out")) == 0
    (line,) = [row for row in capsys.readouterr().err.splitlines() if "unknown_markers" in row]
    assert "does not know sword, RKNEE of" in line or "does not know RKNEE, sword of" in line
    assert "misnamed may be RKNEE for R.Knee" in line
    changed_trial(laboratory / "bends", lambda names, positions_m: ([f"a{i}" for i in range(len(names))], positions_m))
    assert main(command(tmp_path / "o2", "--up", "y")) == 2
    assert "none of the trial's markers was in the static trial" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hidden", "frames", "rejected"),
    [
        (lambda n: True, (40, 60), True),  # nobody to be seen for 0.4 s
        (lambda n: "SIS" in n and n != "R.ASIS", (40, 60), True),  # a pelvis of one marker
        (lambda n: n in ("R.TH1", "R.TH2", "R.Knee", "R.MKnee"), (40, 60), True),
        (lambda n: n == "R.TH1", (40, 60), False),  # the others do
        (lambda n: True, (40, 44), False),  # 0.08 s: bridged
    ],
)
def test_frames_without_markers_are_rejected(body, marker_set, laboratory, hidden, frames, rejected):  # noqa: F811
    static, trial = (read_trc(laboratory / "bends" / f"{name}.trc") for name in ("static", "trial"))
    positions_m = trial.positions_m.copy()
    positions_m[slice(*frames), [i for i, name in enumerate(trial.names) if hidden(name)]] = np.nan
    gappy = Markers(names=trial.names, positions_m=positions_m, time_s=trial.time_s, fps=trial.fps, source="gappy.trc")
    motion = motion_of_markers(body, person_of(body, static, marker_set, MASS_KG), gappy)
    assert np.isfinite(motion.q).all()
    assert motion.rms_m is not None
    assert ((motion.rms_m >= HIDDEN_M) == (rejected & np.isin(np.arange(100), np.arange(*frames)))).all()


def test_a_trial_in_c3d(command, laboratory, tmp_path, capsys):  # noqa: F811
    """Markers and plates of one file give what .trc and .mot gave."""
    folder = laboratory / "bends"
    trial, plates = read_trc(folder / "trial.trc"), read_table(folder / "grf.mot")
    force_N, cop_m = (
        [np.stack([plates.column(f"ground_force_{s}_{k}{axis}") for axis in "xyz"], axis=1) for s in "rl"] for k in "vp"
    )
    twist_Nm = [plates.column(f"ground_torque_{s}_y") for s in "rl"]
    path = written(
        folder / "trial.c3d",
        names=list(trial.names),
        positions=trial.positions_m,
        rate=50.0,
        forces_N=force_N,
        cops_m=cop_m,
        twists_Nm=twist_Nm,
    )
    argv = command(tmp_path / "trc", "--grf", str(folder / "grf.mot"))
    assert main(argv) == 0
    argv[1], argv[argv.index("--out") + 1], argv[-1] = str(path), str(tmp_path / "c3d"), str(path)
    capsys.readouterr()
    assert main(argv) == 0
    assert "plates_unused" not in capsys.readouterr().err
    columns = ["valid", "grf_BW", "activation_raw"]
    ours, theirs = (read_frames(tmp_path / name, columns) for name in ("c3d", "trc"))
    assert ours["valid"].mean() > 0.9
    np.testing.assert_allclose(ours["grf_BW"][5:-5], theirs["grf_BW"][5:-5], atol=0.02)
    np.testing.assert_allclose(ours["activation_raw"][5:-5], theirs["activation_raw"][5:-5], atol=0.05)
    assert main([*argv[:-2], "--out", str(tmp_path / "estimated")]) == 0
    assert f"plates_unused: {path} holds force plates; forces are estimated; give --grf {path}" in capsys.readouterr().err
