"""Spread: reproducible, of the size of what is perturbed, optional in the dataset, and against force plates."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_bvh import write_bvh
from realtime.body.dataset import LABEL_FRAMES, LABEL_SPREAD
from realtime.body.muscles import muscle_mirror
from simlabels import cli, spread
from simlabels.choices import Choices
from simlabels.dataset import read_frames
from simlabels.label import label_clip, solve_clip
from simlabels.make import make_labels
from simlabels.musculo.scale import MASS_RANGE_KG, segment_bodies
from trainer.data.tables import read_dataset

DRAWN = {"mass": 1.063364253362413, "cutoff": 0.9426356242215552, "skin": -0.6052049699219848}
NOTHING = {
    "MASS_WEIGHED": 0,
    "MASS_ESTIMATED": 0,
    "LENGTH": 0,
    "SEGMENT_MASS": 0,
    "STRENGTH_EACH": 0,
    "STRENGTH_ALL": 0,
    "STRENGTH_EXPONENT": (2 / 3, 2 / 3),
    "CUTOFF": (1, 1),
    "MOST_NOISE": 0,
}


def columns(body, motion, labels, name="a", draws=4, **kwargs):
    return spread.spread_columns(body, motion, labels.frames["ik_rms_m"], name, Choices(spread=draws), **kwargs)


@pytest.fixture(scope="module")
def short(motion):
    return replace(motion, R_local=motion.R_local[:40], pelvis_m=motion.pelvis_m[:40])


@pytest.fixture(scope="module")
def short_labels(the_body, short):
    return label_clip(the_body, short)


def test_draws_hang_on_the_clips_name_only(the_body, short, short_labels):
    first = columns(the_body, short, short_labels)
    again, other = columns(the_body, short, short_labels), columns(the_body, short, short_labels, name="b")
    for name in LABEL_SPREAD:
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])
    one = spread.draw("07_01", 3, 0.15)  # on every machine
    assert one.mass == pytest.approx(DRAWN["mass"], rel=1e-12)
    assert one.cutoff == pytest.approx(DRAWN["cutoff"], rel=1e-12)
    assert one.skin[5, 7] == pytest.approx(DRAWN["skin"], rel=1e-12)


def test_the_body_is_left_the_person(the_body, short, short_labels):
    before = label_clip(the_body, short)
    strength, masses = the_body.muscles.fmax_N.copy(), the_body.model.body_mass.copy()
    columns(the_body, short, before, draws=2)
    np.testing.assert_array_equal(the_body.muscles.fmax_N, strength)
    np.testing.assert_array_equal(the_body.model.body_mass, masses)


def test_without_perturbation_there_is_no_spread(the_body, short, short_labels, monkeypatch):
    for name, value in NOTHING.items():
        monkeypatch.setattr(spread, name, value)
    for values in columns(the_body, short, short_labels, draws=2).values():
        assert values.max() < 1e-9


@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("MASS_ESTIMATED", "activation_spread"),
        ("LENGTH", "grf_spread_BW"),
        ("SEGMENT_MASS", "grf_spread_BW"),
        ("STRENGTH_EACH", "activation_spread"),
        ("STRENGTH_ALL", "activation_spread"),
        ("STRENGTH_EXPONENT", "activation_spread"),
        ("CUTOFF", "grf_spread_BW"),
        ("MOST_NOISE", "grf_spread_BW"),
    ],
)
def test_every_perturbation_reaches_the_labels(the_body, short, short_labels, monkeypatch, name, moves):
    for other, value in NOTHING.items():
        if other != name:
            monkeypatch.setattr(spread, other, value)
    assert columns(the_body, short, short_labels, draws=3)[moves].max() > 2e-4


def test_draws_have_the_sizes_that_are_stated():
    draws = [spread.draw(str(k), k, 0.15) for k in range(400)]
    assert np.std([np.log(d.mass) for d in draws]) == pytest.approx(0.15, rel=0.1)
    assert np.std([np.log(d.length["femur"]) for d in draws]) == pytest.approx(spread.LENGTH, rel=0.1)
    assert np.std([np.log(d.segment_mass["trunk"]) for d in draws]) == pytest.approx(spread.SEGMENT_MASS, rel=0.1)
    strength = np.log([d.strength for d in draws])
    together = np.hypot(spread.STRENGTH_EACH, spread.STRENGTH_ALL)
    assert strength.std(0).mean() == pytest.approx(together, rel=0.05)
    np.testing.assert_array_equal(strength, strength[:, list(muscle_mirror())])  # both sides alike
    for values, (low, high) in (([d.cutoff for d in draws], spread.CUTOFF), ([d.exponent for d in draws], (0.5, 1))):
        assert low <= min(values) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < max(values) <= high


def test_a_drawn_person_has_the_mass_and_keeps_its_sum(the_body):
    m = the_body.model
    d = spread.draw("a", 0, 0.15)
    for mass_kg in (70.0, MASS_RANGE_KG[1]):
        spread._become(the_body, {"femur": 1.1, "tibia": 1.0}, mass_kg, d)
        assert m.body_mass.sum() == pytest.approx(min(mass_kg * d.mass, MASS_RANGE_KG[1]))
    trunk = np.array([part == "trunk" for part in segment_bodies(m)])
    generic = the_body.generic_arrays["body_mass"]
    trunk &= generic > 0
    share, usual = m.body_mass[trunk].sum() / m.body_mass.sum(), generic[trunk].sum() / generic.sum()
    assert share != pytest.approx(usual, rel=1e-3)
    assert (m.body_mass[trunk] / m.body_mass.sum() / (generic[trunk] / generic.sum())).std() < 1e-9


def test_moved_skin_goes_with_the_posture(motion, rng):
    from simlabels.label import ik_targets

    joints_m, R = ik_targets(motion)
    skin = rng.normal(size=(72, 72))
    moved = spread.moved_skin(joints_m, R[:, 0], skin, 0.005)
    np.testing.assert_allclose(np.sqrt((moved**2).sum(2).mean(0)), 0.005, rtol=1e-9)
    still = spread.moved_skin(np.repeat(joints_m[:1], 50, axis=0), np.repeat(R[:1, 0], 50, axis=0), skin, 0.01)
    assert np.abs(still).max() < 1e-12  # who stands still has no moving skin
    hardly = joints_m[:1] + 0.01 * (joints_m - joints_m[:1])
    assert np.sqrt((spread.moved_skin(hardly, R[:, 0], skin, 0.01) ** 2).sum(2).mean()) < 0.002
    # as smooth as the motion: no faster than it, in proportion
    speed = lambda x: np.sqrt((np.diff(x, axis=0) ** 2).mean()) / x.std(0).mean()  # noqa: E731
    about = joints_m - joints_m[:, :1]
    assert speed(moved) < 1.5 * speed(about)


def test_a_mass_that_was_weighed_is_surer(the_body, short, short_labels, monkeypatch):
    for name in NOTHING:
        if not name.startswith("MASS"):
            monkeypatch.setattr(spread, name, NOTHING[name])
    guessed = columns(the_body, short, short_labels)["activation_spread"].mean()
    weighed = columns(the_body, short, short_labels, mass_kg=75.0)["activation_spread"].mean()
    assert 0 < weighed < 0.2 * guessed


def test_columns_come_only_when_asked_and_readers_do_not_mind(tmp_path, the_body, monkeypatch, capsys):
    (tmp_path / "in").mkdir()
    write_bvh(tmp_path / "in" / "a.bvh", seconds=1)
    monkeypatch.setattr("simlabels.make.Body", lambda: the_body)
    make_labels(tmp_path / "in", tmp_path / "plain", body=the_body)
    assert cli.main(["make", str(tmp_path / "in"), "--out", str(tmp_path / "wide"), "--spread", "3"]) == 0
    capsys.readouterr()
    infos = [json.loads((tmp_path / name / "dataset.json").read_text()) for name in ("plain", "wide")]
    assert infos[0]["columns"]["frames"].keys() == LABEL_FRAMES.keys()
    assert infos[1]["columns"]["frames"].keys() == (LABEL_FRAMES | LABEL_SPREAD).keys()
    assert infos[1]["settings"]["choices"]["spread"] == 3
    assert infos[1]["settings"]["spread"]["mass"] == {"given": 0.01, "estimated": 0.15}
    assert "spread" not in infos[0]["settings"]
    wide = read_frames(tmp_path / "wide", [*LABEL_FRAMES, *LABEL_SPREAD])
    plain = read_frames(tmp_path / "plain", list(LABEL_FRAMES))
    for name, values in plain.items():
        np.testing.assert_array_equal(wide[name], values, err_msg=name)  # the labels themselves are untouched
    assert wide["activation_spread"].dtype == np.float16
    assert wide["activation_spread"].shape == (30, 354)
    assert 1e-3 < wide["activation_spread"].astype(float).mean() < 0.1
    assert wide["grf_spread_BW"].shape == (30, 6)
    _, _, frames = read_dataset(tmp_path / "wide", "biohuman.labels/1", ["clip", "activation", "grf_BW"])
    assert frames["activation"].shape == (30, 354)
    assert (
        cli.main(["make", "x.trc", "--out", "o", "--static", "s.trc", "--markers", "m", "--mass", "70", "--spread", "4"]) == 2
    )
    assert "--spread is for folders" in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.parametrize(("name", "least"), [("walking_emg", 0.9), ("gait2354", 0.9), ("subject4_walking", 0.65)])
def test_against_force_plates(data_folder, the_body, name, least):
    """Share of loaded frames whose measured vertical force lies within two spreads."""
    from simlabels.marker_set import load_marker_set
    from simlabels.readers.forces import read_forces
    from simlabels.smpl_of_body import smpl_of_body
    from simlabels.trial import motion_of_markers, person_of, plate_wrench, read_markers
    from simlabels.verify.trials import trials_of

    if not (data_folder / "reference").is_dir():
        pytest.skip(f"no {data_folder / 'reference'}")
    trial = next(t for t in trials_of(data_folder / "reference") if t.name == name)
    assert trial.static is not None
    assert trial.markers is not None
    assert trial.marker_set is not None
    assert trial.forces is not None
    person = person_of(the_body, read_markers(trial.static), load_marker_set(trial.marker_set), trial.mass_kg)
    motion = motion_of_markers(the_body, person, read_markers(trial.markers))
    state = solve_clip(the_body, motion.q, motion.fps)
    plates = plate_wrench(motion, read_forces(trial.forces, trial.feet))[:, :, 2] / the_body.weight_N
    off = np.abs(state.ground.foot_wrench[:, :, 2] / the_body.weight_N - plates)
    assert motion.rms_m is not None
    smpl = smpl_of_body(the_body, state.motion.q, motion.fps)
    found = spread.spread_columns(the_body, smpl, motion.rms_m, name, Choices(spread=16), trial.mass_kg)
    inside = (motion.time_s >= trial.window_s[0]) & (motion.time_s <= trial.window_s[1])
    loaded = inside[:, None] & (plates > 0.05)
    deviation = found["grf_spread_BW"][:, :, 1]
    assert (off <= 2 * deviation)[loaded].mean() > least
    assert np.sqrt((deviation[loaded] ** 2).mean()) < 3 * np.sqrt((off[loaded] ** 2).mean())  # and not by being huge
