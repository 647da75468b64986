"""The page about a dataset: its numbers are those of the shards, damage is named, what is written is whole."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from benchmarks.synthetic_bvh import write_bvh
from realtime.body.dataset import REJECT_REASONS
from realtime.body.errors import InputError, OutputError
from realtime.body.muscles import group_names, muscle_table
from realtime.body.rotations import angle_between, from_quat_wxyz
from realtime.body.skeleton import JOINTS
from simlabels import cli
from simlabels.dataset import read_frames
from simlabels.inspect.command import inspect
from simlabels.inspect.course import course
from simlabels.inspect.histograms import Histograms
from simlabels.inspect.plots import save_course
from simlabels.inspect.reading import open_dataset, read_clips
from simlabels.make import make_labels

#: Names that break pages and drawings which do not escape.
NASTY = '<script>alert("x")</script> & $\\frac{1}$'
MANIFEST = f"""\
clip,subject,split,action,flat_ground,other_contact
a,01,train,"{NASTY.replace('"', '""')}",1,0
b,02 & co,test,"bends, on a chair",1,1
c,01,val,twisted bends,1,0
"""
COLUMNS = ["clip", "valid", "reject", "activation", "quat_wxyz", "tau_Nm", "reserve_Nm", "residual_BW", "ik_rms_m", "grf_BW"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, the_body):
    """A dataset of three clips, two of them in a shard of their own; c has rejected and valid frames."""
    folder, out = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("made") / "labels"
    write_bvh(folder / "a.bvh", seconds=2)
    write_bvh(folder / "b.bvh", seconds=1, skew=10)
    write_bvh(folder / "c.bvh", seconds=2, skew=30)
    lines = (folder / "c.bvh").read_text().splitlines()
    row = lines[-30].split()
    row[1] = str(float(row[1]) + 3)  # the root leaps by 17 cm in one frame: forces that no foot gives
    lines[-30] = " ".join(row)
    (folder / "c.bvh").write_text("\n".join(lines) + "\n")
    (folder / "manifest.csv").write_text(MANIFEST)
    (folder / "subjects.csv").write_text("subject,sex,height_m,mass_kg\n01,f,1.72,61.5\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simlabels.dataset.DatasetWriter.__init__.__kwdefaults__", {"shard_rows": 40}, raising=False)
        make_labels(folder, out, body=the_body)
    assert len(list(out.glob("frames-*.parquet"))) > 1
    return out


@pytest.fixture
def dataset(made, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(made, tmp_path / "labels")


@pytest.fixture(scope="module")
def found(made):
    return inspect(made, None)


@pytest.fixture(scope="module")
def columns(made):
    return read_frames(made, COLUMNS)


def lower(values, percent):
    """The smallest value that `percent` of them do not exceed: whose bin the histogram finds."""
    return np.percentile(values, percent, method="inverted_cdf")


# ---- the numbers
def test_counts_are_those_of_the_shards(made, found, columns):
    c, bits = columns["clip"], columns["reject"]
    assert 0 < (bits[c == "c"] > 0).sum() < 60
    assert found["counts"]["all"]["clips"] == 3
    assert found["counts"]["all"]["frames"] == len(c) == 150
    assert found["counts"]["all"]["rejected"] == (~columns["valid"]).sum()
    assert found["counts"]["all"]["declared_elsewhere_frames"] == 30
    assert found["counts"]["all"]["minutes"] == pytest.approx(5 / 60)
    assert found["counts"]["feet_on_flat_ground_only"]["rejected"] == (bits[c != "b"] > 0).sum()
    for i, reason in enumerate(REJECT_REASONS):
        assert found["rejected_by_reason"][reason]["with_smearing"] == (bits >> i & 1).sum(), reason
    info = json.loads((made / "dataset.json").read_text())
    for name, counts in found["counts"].items():
        for key in ("clips", "frames", "rejected", "own_rejected"):
            assert counts[key] == info["counts"][name][key], (name, key)
    assert {name: s["frames"] for name, s in found["splits"].items()} == {"train": 60, "val": 60, "test": 30}
    assert {name: a["frames"] for name, a in found["actions"].items()} == {
        NASTY: 60,
        "bends, on a chair": 30,
        "twisted bends": 60,
    }
    one, two = found["subjects"]["01"], found["subjects"]["02 & co"]
    assert (one["sex"], one["age_years"], one["mass_kg"], one["frames"]) == ("f", None, 61.5, 120)
    assert one["used_mass_kg"] == [61.5, 61.5]
    assert two["mass_kg"] is None
    assert 60 < two["used_mass_kg"][0] < 100


def test_how_people_are_known(found, dataset):
    people = found["people"]
    assert {how: n["clips"] for how, n in people["height_from"].items()} == {"subjects.csv": 2, "skeleton": 1}
    assert {how: n["frames"] for how, n in people["mass_from"].items()} == {"subjects.csv": 120, "leg length": 30}
    assert (people["scaled"], people["straightened"]) == ({}, {})
    info = json.loads((dataset / "dataset.json").read_text())
    info["clip_details"]["a"] |= {"scale": 0.8, "straightened": {"head": 7}}
    info["clip_details"]["c"] |= {"scale": 0.9, "straightened": {"head": 1, "left_wrist": 2}}
    del info["clip_details"]["b"]["mass_from"]  # a dataset of an earlier version
    (dataset / "dataset.json").write_text(json.dumps(info))
    people = inspect(dataset, dataset / "inspect.html")["people"]
    assert people["mass_from"]["not recorded"]["frames"] == 30
    assert people["scaled"] == {"a": 0.8, "c": 0.9}
    assert people["straightened"] == {"head": 8, "left_wrist": 2}
    page = (dataset / "inspect.html").read_text()
    assert (
        "2 clips were scaled as a whole, by 0.80 to 0.90. Joints turned over that were put straight, frames: head 8, left_wrist 2."
        in page
    )


def test_activations_are_those_of_the_valid_frames(found, columns):
    valid = columns["activation"][columns["valid"]]
    for name in ("vasti_l", "erector_longissimus_r"):
        group = [m.index for m in muscle_table() if f"{m.group}_{m.side}" == name]
        values, told = valid[:, group].astype(float).ravel(), found["activation"][name]
        assert told["count"] == values.size
        assert told["mean"] == pytest.approx(values.mean())
        assert (told["min"], told["max"]) == (values.min(), values.max())
        assert told["saturated_share"] == pytest.approx((values >= 0.95).mean())
        for percent in (1, 5, 50, 95, 99):
            assert told[f"p{percent}"] == pytest.approx(lower(values, percent), abs=0.001)
    assert set(found["activation"]) == set(group_names())


def test_angles_torques_and_reserves(found, columns):
    R = from_quat_wxyz(columns["quat_wxyz"].reshape(-1, 24, 4).astype(float))
    knee = JOINTS.index("left_knee")
    bend_deg = np.degrees(angle_between(np.eye(3), R[:, knee]))
    told = found["angle_deg"]["left_knee"]
    assert told["from_rest"]["max"] == pytest.approx(bend_deg.max(), abs=1e-4)
    assert told["from_rest"]["p95"] == pytest.approx(lower(bend_deg, 95), abs=0.51)
    assert 60 < told["x"]["max"] < 75  # the clips bend the knees to 70 degrees, about the axis to the left
    lean_deg = np.degrees(np.arccos(R[:, 0, 1, 1]))
    assert found["angle_deg"]["pelvis"] == {"from_rest": pytest.approx(found["angle_deg"]["pelvis"]["from_rest"])}
    assert found["angle_deg"]["pelvis"]["from_rest"]["max"] == pytest.approx(lean_deg.max(), abs=1e-4)
    valid, clip = columns["valid"], columns["clip"]
    assert not valid[clip == "b"].any()  # its mass is another one
    joint = list(found["torque_Nm_per_kg"]).index("knee_angle_l")
    torque = columns["tau_Nm"][valid, joint] / 61.5
    assert found["torque_Nm_per_kg"]["knee_angle_l"]["min"] == pytest.approx(torque.min(), rel=1e-5)
    assert found["torque_Nm_per_kg"]["knee_angle_l"]["p50"] == pytest.approx(lower(torque, 50), abs=0.0051)
    reserve = np.abs(columns["reserve_Nm"][valid])
    for i, name in enumerate(found["reserve_Nm"]):
        assert found["reserve_Nm"][name]["large_share"] == pytest.approx((reserve[:, i] > 2).mean())


def test_residuals_by_action(found, columns):
    assert set(found["residuals"]) == {NASTY, "twisted bends"}  # b has another contact
    mine = columns["clip"] == "c"
    elevation = [i for i, name in enumerate(found["reserve_Nm"]) if name.startswith("elv_angle")]
    expected = {
        "force_BW": np.linalg.norm(columns["residual_BW"][mine, :3], axis=1),
        "moment_BW_m": np.linalg.norm(columns["residual_BW"][mine, 3:], axis=1),
        "reserve_Nm_per_kg": np.delete(np.abs(columns["reserve_Nm"][mine]), elevation, axis=1).max(1) / 61.5,
        "ik_mm": 1000 * columns["ik_rms_m"][mine].ravel(),
    }
    for name, values in expected.items():
        told = found["residuals"]["twisted bends"][name]
        assert told["count"] == 60
        assert told["max"] == pytest.approx(values.max(), rel=1e-5)
        for percent in (50, 95, 99):
            assert told[f"p{percent}"] == pytest.approx(lower(values, percent), rel=0.011), name
        worst = {c["clip"]: c["worst"][name] for c in found["worst_clips"][name]}
        assert worst["c"] == pytest.approx(np.percentile(values, 95), rel=1e-5)
        assert list(worst.values()) == sorted(worst.values(), reverse=True)


def test_best_and_worst(found):
    assert found["best_clip"]["clip"] == "a"
    assert found["worst_clip"]["clip"] == "c"
    assert [c["clip"] for c in found["worst_clips"]["rejected"]] == ["c"]
    assert found["worst_clips"]["rejected"][0]["own_by_reason"]["force"] > 0
    assert {c["clip"] for c in found["worst_clips"]["ik_mm"]} == {"a", "c"}


def test_histograms_do_not_depend_on_how_they_are_fed(rng):
    values = rng.normal(0, 30, (5000, 3))
    values[7, 1] = np.nan
    whole, parts = Histograms("xyz", -180, 180, 720), Histograms("xyz", -180, 180, 720)
    whole.add(values)
    for part in np.array_split(values, 11):
        parts.add(part)
    parts.add(values[:0])
    assert np.array_equal(whole.counts, parts.counts)
    assert whole.counts.sum() == 14999
    assert whole.not_finite == 1
    wide = Histograms(["outside", "empty"], 1, 10, 5, log=True, channel_of=np.array([0]))
    wide.add(np.array([[0.0], [1e3], [2.0]]))
    assert wide.counts[0].tolist() == [1, 1, 0, 0, 1]
    assert wide.percentile(0, 100) == 10  # the last bin's end: the value lies beyond it
    assert wide.percentile(1, 50) is None
    assert wide.summary(1, (50,)) == {"count": 0, "mean": None, "min": None, "max": None, "p50": None}


def test_frames_come_in_batches(made, monkeypatch, found):
    monkeypatch.setattr("simlabels.inspect.reading.BATCH_ROWS", 7)
    rows = list(read_clips(open_dataset(made), ["valid"]))
    assert max(len(r.columns["valid"]) for r in rows) == 7
    assert [r.clip for r in rows if r.last] == ["a", "b", "c"]
    again = inspect(made, None)
    assert again["counts"] == found["counts"]
    assert again["activation"]["vasti_l"] == pytest.approx(found["activation"]["vasti_l"])


# ---- the page
class Reader(HTMLParser):
    """Cells of all tables, tags, pictures; every element that is opened must be closed."""

    EMPTY = ("meta", "img", "br")

    def __init__(self):
        super().__init__()
        self.open, self.cells, self.tags, self.pictures = [], [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "img":
            self.pictures.append(dict(attrs)["src"] or "")
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1][-1] += data


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "page.html"
    inspect(made, out)
    assert [p.name for p in out.parent.iterdir()] == ["page.html"]
    return out.read_text("utf-8")


def test_page_is_one_plain_file(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert "script" not in reader.tags
    assert NASTY in [row[0] for row in reader.cells]  # as text
    assert len(reader.pictures) == 8
    assert all(src.startswith("data:image/svg+xml;base64,") for src in reader.pictures)
    assert not re.search(r'(src|href)="?https?:', page)
    assert len(page) < 3_000_000


def test_page_shows_the_figures(page, found, columns):
    reader = Reader()
    reader.feed(page)
    rows = {row[0]: row for row in reader.cells}
    rejected = 100 * (~columns["valid"]).sum() / 150
    assert rows["all clips"][:3] == ["all clips", "3", "150"]
    assert rows["all clips"][-1] == f"{rejected:.1f} %"
    vasti = [m.index for m in muscle_table() if m.group == "vasti" and m.side == "l"]
    values = columns["activation"][columns["valid"]][:, vasti]
    assert rows["vasti_l"][1] == f"{values.mean():.3f}"
    assert rows["vasti_l"][8] == f"{values.max():.3f}"
    elsewhere = (columns["reject"] >> REJECT_REASONS.index("contact_elsewhere") & 1).sum()
    assert rows["contact_elsewhere"][3:] == [str(elsewhere), f"{elsewhere / 1.5:.1f} %"]
    assert [row[0] for row in reader.cells if row[1:4] == ["twisted bends", "60", rows["c"][3]]] == ["c"] * 5
    assert f"{found['worst_clip']['rejected'] / 0.6:.1f} %" == rows["c"][3]


def test_page_of_nothing_to_judge(made, tmp_path, monkeypatch):
    monkeypatch.setattr("simlabels.inspect.statistics.FEWEST_FRAMES", 1000)
    found = inspect(made, tmp_path / "page.html")
    assert found["best_clip"] is None
    assert "No best clip" in (tmp_path / "page.html").read_text()


# ---- what is wrong
def spoil_shard(folder):
    path = folder / "frames-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def spoil_pages(folder):
    path = folder / "frames-00000.parquet"
    raw = bytearray(path.read_bytes())
    raw[4:2000] = bytes(1996)
    path.write_bytes(raw)


def swap_shards(folder):
    one, two = folder / "frames-00000.parquet", folder / "frames-00001.parquet"
    raw = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(raw)


def edit_info(**changes):
    def spoil(folder):
        info = json.loads((folder / "dataset.json").read_text())
        info.update(changes)
        (folder / "dataset.json").write_text(json.dumps({k: v for k, v in info.items() if v is not None}))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "dataset.json").unlink(), r"labels is not a finished dataset, it holds 2 shards but no dataset\.json"),
        (lambda f: [p.unlink() for p in f.iterdir()], r"is not a finished dataset, it holds no dataset\.json"),
        (lambda f: (f / "dataset.json").write_text("{"), r"dataset\.json cannot be read as JSON"),
        (lambda f: (f / "clips.parquet").unlink(), r"clips\.parquet is not readable Parquet"),
        (spoil_shard, r"frames-00001\.parquet is not readable Parquet"),
        (spoil_pages, r"frames-00000\.parquet is not readable Parquet"),
        (lambda f: (f / "frames-00000.parquet").unlink(), r"frames-00000\.parquet is missing"),
        (lambda f: (f / "frames-00001.parquet").unlink(), r"frames-00000\.parquet: the shards end before clip 'b' is complete"),
        (
            lambda f: shutil.copy(f / "frames-00000.parquet", f / "frames-00002.parquet"),
            r"frames-00002\.parquet: clip 'a' is not",
        ),
        (
            lambda f: shutil.copy(f / "clips.parquet", f / "frames-00001.parquet"),
            r"frames-00001\.parquet has no column 'frame'",
        ),
        (
            edit_info(schema="biohuman.labels/9"),
            r"dataset\.json says schema 'biohuman\.labels/9'; inspect reads biohuman\.labels/1 and biohuman\.pairs/2",
        ),
        (edit_info(schema="biohuman.pairs/2"), r"takes\.parquet is not readable Parquet"),
        (edit_info(clip_details=None), r"dataset\.json has no 'clip_details'"),
        (edit_info(clip_details={}), r"clips\.parquet lists other clips than"),
        (edit_info(clip_details={"a": {}}), r"dataset\.json, clip 'a': no 'contact_elsewhere'"),
        (edit_info(muscles=[]), r"another table of muscles"),
    ],
)
def test_damage_is_named(dataset, tmp_path, capsys, spoil, message):
    spoil(dataset)
    page = tmp_path / "page.html"
    page.write_text("the page of before")
    assert cli.main(["inspect", str(dataset), "--out", str(page)]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert line.startswith("biohuman-labels: ")
    assert re.search(message, line), line
    assert page.read_text() == "the page of before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels", "page.html"]


def test_rejected_frames_that_disagree_are_named(dataset):
    from pyarrow import parquet

    path = dataset / "frames-00000.parquet"
    table = parquet.read_table(path)
    at = table.schema.get_field_index("valid")
    none = np.zeros(len(table), bool)
    parquet.write_table(table.set_column(at, table.schema.field(at), [none]), path)
    with pytest.raises(InputError, match=r"frames-00000\.parquet: clip 'a' has 60 rejected frames, .*clips\.parquet lists 0"):
        inspect(dataset, None)


def test_numbers_that_are_none_are_counted(dataset):
    import pyarrow as pa
    from pyarrow import parquet

    path = dataset / "frames-00000.parquet"
    table = parquet.read_table(path)
    at = table.schema.get_field_index("tau_Nm")
    values = table.column("tau_Nm").combine_chunks().flatten().to_numpy().copy()
    values[:2] = np.nan
    column = pa.FixedSizeListArray.from_arrays(pa.array(values), 31)
    parquet.write_table(table.set_column(at, table.schema.field(at), column), path)
    found = inspect(dataset, None)
    assert found["not_finite_values_in_valid_frames"] == 2
    json.dumps(found, allow_nan=False)


# ---- commands
def test_command_writes_the_page_or_json(dataset, tmp_path, capsys):
    assert cli.main(["inspect", str(dataset)]) == 0
    assert "written to" in capsys.readouterr().out
    assert (dataset / "inspect.html").is_file()
    (dataset / "inspect.html").unlink()
    assert cli.main(["inspect", str(dataset), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["all"]["frames"] == 150
    assert not (dataset / "inspect.html").exists()
    assert cli.main(["inspect", str(tmp_path / "absent")]) == 2
    assert "absent is not a folder" in capsys.readouterr().err
    assert cli.main(["inspect", str(dataset), "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "page.html cannot be written: there is no folder" in capsys.readouterr().err


def test_command_plots_a_clip(tmp_path, capsys, monkeypatch, the_body):
    monkeypatch.setattr("simlabels.musculo.body.Body", lambda: the_body)
    clip = write_bvh(tmp_path / "bend$^$.bvh", seconds=2)
    for name, start in (("a.svg", b"<?xml"), ("a.png", b"\x89PNG")):
        assert cli.main(["plot", str(clip), "--out", str(tmp_path / name), "--start", "0.5", "--end", "1.5"]) == 0
        assert "30 frames, 0 rejected" in capsys.readouterr().out
        assert (tmp_path / name).read_bytes().startswith(start)
    assert "bend$^$" in (tmp_path / "a.svg").read_text()
    for argv, message in (
        ([str(clip), "--out", str(tmp_path / "a.jpg")], "--out should end in .svg or .png"),
        ([str(clip), "--out", str(tmp_path / "b.svg"), "--start", "9"], "lasts 0 to 1.97 s; there is nothing from 9"),
        ([str(tmp_path / "no.bvh"), "--out", str(tmp_path / "b.svg")], "no.bvh is not a file"),
        ([str(tmp_path / "a.svg"), "--out", str(tmp_path / "b.svg")], "a.svg should end in .bvh, .bvh.gz, .amc, .npz"),
    ):
        assert cli.main(["plot", *argv]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "b.svg").exists()


def test_a_course_is_drawn_from_the_columns(tmp_path, columns, made):
    f = read_frames(made, ["pelvis_m", "reject", "grf_BW", "activation"])
    f["grf_BW"] = f["grf_BW"].reshape(-1, 2, 3)
    whole = course("a", "bends", 30.0, {name: values[:60].squeeze() for name, values in f.items()})
    part = whole.part(0.5, 1.0)
    assert part.time_s[0] == 0.5
    assert np.array_equal(part.grf_BW, columns["grf_BW"].reshape(-1, 2, 3)[15:30])
    vasti = [m.index for m in muscle_table() if m.group == "vasti" and m.side == "l"]
    assert part.groups[:, 1, 0] == pytest.approx(columns["activation"][15:30, vasti].mean(1), abs=1e-6)
    save_course(part, tmp_path / "one.svg", None)
    save_course(part, tmp_path / "two.svg", None)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    with pytest.raises(OutputError, match="cannot be written"):
        save_course(part, tmp_path / "no" / "one.svg", None)
