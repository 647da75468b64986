"""The muscle table and the report: complete, mended where faults are named, and resting on what OpenSim really says."""

import csv
import gzip
import json
import os
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from realtime.body.muscles import muscle_names, muscle_table
from simlabels import cli
from simlabels.body_report import compare as comparing
from simlabels.body_report.bodies import joints_of, measure, normalised, shipped_body
from simlabels.body_report.command import as_csv, muscle_rows, summary
from simlabels.body_report.compare import compare, opensim
from simlabels.body_report.make_opensim import COORDINATES, STRIKES_S, OpenSimLeg, as_text, walk_of
from simlabels.body_report.tables import report_tables
from simlabels.dataset import file_sha256

from .with_opensim import load_opensim


@pytest.fixture(scope="module")
def shipped():
    return shipped_body()


@pytest.fixture(scope="module")
def found(shipped, the_body):
    from simlabels.musculo.scale import scale_body

    scale_body(the_body)
    return compare(shipped, the_body)


@pytest.fixture
def arms(found):
    return {(row["muscle"], row["joint"]): row for row in found["moment_arms"]}


@pytest.fixture
def one_command(monkeypatch, the_body, shipped):
    """The command line with the bodies that are already built."""
    monkeypatch.setattr("simlabels.body_report.command.Body", lambda: the_body)
    monkeypatch.setattr("simlabels.body_report.bodies.shipped_body", lambda: shipped)
    return lambda *args: cli.main(["body", *map(str, args)])


# ---- the muscle table
def test_table_is_the_vocabulary(body):
    rows = muscle_rows(body)
    assert [row["name"] for row in rows] == list(muscle_names()) == list(body.muscle_names)
    for row, muscle in zip(rows, muscle_table(), strict=True):
        assert [row[k] for k in ("index", "side", "region", "group")] == [
            muscle.index,
            muscle.side,
            muscle.region,
            muscle.group,
        ]
        assert row["max_isometric_force_N"] > 0
        assert row["optimal_fibre_m"] > 0
        assert row["tendon_slack_m"] >= 0
    soleus = rows[muscle_names().index("soleus_r")]
    assert (soleus["max_isometric_force_N"], soleus["optimal_fibre_m"]) == (6194.8, 0.044)


def test_summary_counts(body):
    s = summary(body)
    assert (s["muscles"], s["trunk_muscles"], s["arm_muscles"], s["leg_muscles"]) == (354, 210, 64, 80)
    assert s["degrees_of_freedom"] == s["root_degrees_of_freedom"] + len(s["joints"]) == 37
    assert s["mass_kg"] == 75.337


def test_command_prints_every_muscle(one_command, capsys):
    assert one_command() == 0
    out = capsys.readouterr().out
    assert [name for name in muscle_names() if f" {name} " not in out] == []
    assert "354 muscles (trunk 210, arms 64, legs 80), 37 degrees of freedom" in out


def test_command_writes_json_and_csv(one_command, capsys, tmp_path, body):
    assert one_command("--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["body"]["muscles"] == len(printed["muscles"]) == 354
    assert one_command("--csv", tmp_path / "m.csv", "--json", tmp_path / "m.json") == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "m.json").read_text()) == printed
    rows = list(csv.DictReader((tmp_path / "m.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == list(muscle_names())
    assert (tmp_path / "m.csv").read_text() == as_csv(muscle_rows(body))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--report", "--csv", "a.csv"), "--csv is for the muscle table"),
        (("--plot", "a.pdf"), "--plot should end in .svg or .png, got a.pdf"),
        (("--csv", "nowhere/a.csv"), "nowhere/a.csv cannot be written"),
    ],
)
def test_command_refuses(one_command, capsys, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    assert one_command(*args) == 2
    assert capsys.readouterr().err.startswith(f"biohuman-labels: {message}")
    assert list(tmp_path.iterdir()) == []


# ---- faults as shipped, and their cure
@pytest.mark.parametrize(
    ("muscle", "joint", "before_mm", "after_mm"),
    [  # rms over the range: at least so far as shipped, at most so far as mended
        ("glmax1", "hip_flexion", 12, 0.6),
        ("glmax2", "hip_flexion", 7, 0.4),
        ("psoas", "hip_flexion", 4, 0.7),
        ("semimem", "knee_angle", 5, 0.3),
        ("semiten", "knee_angle", 5, 0.3),
        ("bflh", "knee_angle", 5, 0.3),
        ("bfsh", "knee_angle", 5, 0.3),
        ("grac", "knee_angle", 5, 0.3),
        ("gaslat", "knee_angle", 7, 0.7),
        ("gasmed", "knee_angle", 6, 2.5),
        ("vaslat", "knee_angle", 3, 2.0),
        ("recfem", "knee_angle", 3, 1.5),
    ],
)
def test_named_faults_are_mended(arms, muscle, joint, before_mm, after_mm):
    for side in "rl":
        row = arms[f"{muscle}_{side}", f"{joint}_{side}"]
        assert row["before"]["rms_mm"] > before_mm
        assert row["after"]["rms_mm"] < after_mm


def test_gluteus_at_120_degrees(arms):
    """As shipped its moment arm has turned round: 33 mm from OpenSim's."""
    row = arms["glmax1_r", "hip_flexion_r"]
    assert (row["before"]["worst_at_deg"], row["before"]["worst_mm"]) == (120, pytest.approx(32.7, abs=0.5))
    assert abs(row["after"]["worst_mm"]) < 2


def test_no_leg_muscle_is_far_and_none_is_worse(arms):
    assert len(arms) == 2 * 114
    assert max(row["after"]["rms_mm"] for row in arms.values()) < 5
    assert sum(row["before"]["rms_mm"] > 5 for row in arms.values()) == 24
    worse = {key: row for key, row in arms.items() if row["after"]["rms_mm"] > row["before"]["rms_mm"] + 0.05}
    assert worse == {}


def test_leg_fibres_are_those_of_the_reference(found):
    """Where parameters are the same; recfem, glmax3 and others were clamped as shipped."""
    rows = {row["muscle"]: row for row in found["leg_fibres"]}
    assert len(rows) == 80
    own = {name[:-2] for name, row in rows.items() if not row["same_parameters"]}
    assert own == {"gaslat", "gasmed", "semimem", "vasint", "vaslat", "vasmed"}
    for name, row in rows.items():
        if row["same_parameters"]:
            assert max(row[postures]["after"]["rms"] for postures in ("walk", "squat", "anywhere")) < 0.02, name
    assert rows["recfem_r"]["walk"]["before"]["rms"] > 0.1
    assert rows["glmax3_r"]["squat"]["before"]["rms"] > 0.05


def test_fibres_of_trunk_and_arms(found):
    rows = found["other_fibres"]
    assert {row["muscle"] for row in rows} == {m.name for m in muscle_table() if m.region != "leg"}
    s = found["summary"]["other_fibres"]
    assert s["before"]["negative_slack"] > 100
    assert s["after"]["negative_slack"] == 0
    assert s["after"]["outside"] < s["before"]["outside"] / 2
    assert s["after"]["muscles_outside_in_a_tenth"] < s["before"]["muscles_outside_in_a_tenth"] / 2
    assert [row["after"]["outside"] for row in rows] == sorted((row["after"]["outside"] for row in rows), reverse=True)


def test_a_wrong_body_shows(shipped, found):
    """The report of the shipped body as if it were the mended one has its faults on top."""
    bad = comparing.moment_arms({"before": shipped, "after": shipped})
    assert bad[0]["muscle"][:-2] == "glmax1"
    assert bad[0]["after"]["rms_mm"] > 3 * found["moment_arms"][0]["after"]["rms_mm"]


def test_measured_moment_arms_are_minus_dl_dq(body, shipped, rng):
    for b in (body, shipped):
        pose = 0.3 * rng.uniform(b.lower_rad, b.upper_rad)
        k, h = b.joints.index("knee_angle_r"), 1e-5
        step = np.eye(31)[k] * h
        up, here, down = (measure(b, (pose + s * step)[None]) for s in (1, 0, -1))
        difference = -(up.length_m - down.length_m)[0] / (2 * h)
        np.testing.assert_allclose(here.moment_arm_m[0, :, k], difference, atol=2e-6)
        assert np.abs(difference).max() > 0.03


def test_fibre_lengths_by_hand():
    assert normalised(np.array(0.3), 0.1, 0.2, 0.0) == pytest.approx(1.0)
    assert normalised(np.array(0.1), 0.1, 0.2, 0.5) == pytest.approx(-1.0)
    assert normalised(np.array(0.2 + 0.1 * np.cos(0.4)), 0.1, 0.2, 0.4) == pytest.approx(1.0)


# ---- the command's report
def test_report_as_tables_json_and_figure(one_command, monkeypatch, capsys, found, tmp_path):
    monkeypatch.setattr("simlabels.body_report.command.compare", lambda before, after: found)
    assert one_command("--report", "--plot", tmp_path / "a.svg") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert "as shipped, as mended" in lines[0]
    right = [row for row in found["moment_arms"] if row["muscle"].endswith("_r")]
    shown = [line for line in lines if " at " in line and "°" in line]
    assert [tuple(line.replace("│", " ").split()[:2]) for line in shown] == [(r["muscle"], r["joint"]) for r in right]
    svg = (tmp_path / "a.svg").read_text()
    assert 20_000 < len(svg) < 300_000
    assert "glmax1, hip flexion" in svg
    assert one_command("--report", "--json", tmp_path / "a.json") == 0
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(json.dumps(found))
    assert len(report_tables(found)) == 6


def test_report_needs_no_opensim(monkeypatch, shipped, body):
    monkeypatch.setitem(sys.modules, "opensim", None)
    opensim.cache_clear()
    assert len(comparing.moment_arms({"before": shipped, "after": body})) == 228


# ---- what OpenSim says
def test_reference_is_whole_small_and_says_where_it_is_from():
    path = files("simlabels.body_report") / "opensim.json"
    text = path.read_text("utf-8")
    assert len(text) < 300_000
    r = json.loads(text)
    assert "MIT" in r["licence"]
    assert {"source", "command", "model_sha256", "opensim"} <= set(r)
    head = {k: r[k] for k in ("source", "licence", "command", "model_sha256", "opensim")}
    assert as_text(head, {k: v for k, v in r.items() if k not in head}) == text
    assert sorted(f"{name}_r" for name in r["muscles"]) == sorted(
        m.name for m in muscle_table() if m.region == "leg" and m.side == "r"
    )
    for name, sweep in r["sweeps"].items():
        assert [sweep["angle_deg"][0], sweep["angle_deg"][-1]] == r["range_deg"][name]
        for curve in sweep["moment_arm_mm"].values():
            assert len(curve) == len(sweep["angle_deg"])
            assert np.ptp(curve) > 0.2  # a joint that stays where it is gives a constant


def test_ranges_are_those_of_the_body(body):
    for name, (low, high) in opensim()["range_deg"].items():
        k = body.joints.index(f"{name}_r")
        assert np.rad2deg([body.lower_rad[k], body.upper_rad[k]]) == pytest.approx([low, high], abs=0.1)


def test_opensim_says_the_same_of_the_reference(tmp_path):
    """To the last digit, where the model is at hand."""
    model = os.environ.get("BIOHUMAN_RAJAGOPAL")
    if model is None:
        pytest.skip(
            "no reference model: BIOHUMAN_RAJAGOPAL names no Rajagopal2015.osim (see simlabels/body_report/make_opensim.py)"
        )
    load_opensim(tmp_path)
    assert file_sha256(Path(model)) == opensim()["model_sha256"]
    leg = OpenSimLeg(Path(model))
    assert leg.parameters() == opensim()["muscles"]
    assert leg.ranges_deg() == opensim()["range_deg"]
    for coordinate, sweep in opensim()["sweeps"].items():
        for k in (0, 17, 30):
            leg.pose({coordinate: sweep["angle_deg"][k]})
            for muscle, curve in sweep["moment_arm_mm"].items():
                assert leg.arm_mm(muscle, coordinate) == pytest.approx(curve[k], abs=2e-3)


def test_opensim_says_alike_of_a_scaled_model(tmp_path, data_folder):
    """A relative with another knee, scaled to a person of 1.68 m: the same muscles, joints, signs; alike away from the knee."""
    load_opensim(tmp_path)
    packed = data_folder / "reference" / "subject4" / "subject4_scaled.osim.gz"
    if not packed.is_file():
        pytest.skip(f"no {packed}")
    model = tmp_path / "model.osim"
    model.write_bytes(gzip.decompress(packed.read_bytes()))
    leg = OpenSimLeg(model)
    assert {c: {m for m in leg.muscles if c in leg.crossed(m)} for c in COORDINATES} == {
        c: set(sweep["moment_arm_mm"]) for c, sweep in opensim()["sweeps"].items()
    }
    for muscle, coordinate in (
        ("soleus", "ankle_angle"),
        ("bflh", "hip_flexion"),
        ("glmax1", "hip_flexion"),
        ("tibant", "subtalar_angle"),
    ):
        sweep = opensim()["sweeps"][coordinate]
        theirs = []
        for angle in sweep["angle_deg"]:
            leg.pose({coordinate: angle})
            theirs.append(leg.arm_mm(muscle, coordinate))
        ours = np.array(sweep["moment_arm_mm"][muscle])
        assert np.corrcoef(ours, theirs)[0, 1] > 0.98
        assert 0.8 < np.linalg.norm(theirs) / np.linalg.norm(ours) < 1.2


def test_walk_is_that_of_the_laboratory(data_folder):
    motion = data_folder / "reference" / "walking_emg" / "ik_100hz.mot"
    if not motion.is_file():
        pytest.skip(f"no {motion}")
    np.testing.assert_array_equal(walk_of(motion), opensim()["postures"]["walk"]["angle_deg"])
    assert STRIKES_S[1] - STRIKES_S[0] == pytest.approx(1.14, abs=0.02)


def test_postures_reach_the_body(body):
    """Lengths of a muscle without wraps agree to 0.1 mm: angles have the same meaning and sign."""
    walk = opensim()["postures"]["anywhere"]
    angles = dict(zip((f"{c}_r" for c in COORDINATES), np.array(walk["angle_deg"]).T, strict=True))
    length = 1000 * measure(body, joints_of(body, angles)).length_m
    for muscle in ("tibpost", "fhl", "glmed2", "bfsh", "piri"):
        np.testing.assert_allclose(length[:, body.muscle_names.index(f"{muscle}_r")], walk["length_mm"][muscle], atol=0.1)
