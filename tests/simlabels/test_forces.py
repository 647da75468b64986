"""Force plates: column conventions, wrenches, filters that leave the centre of pressure alone, and every trap found by name."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from realtime.body.errors import InputError, UnknownName
from simlabels.dynamics import low_pass
from simlabels.marker_set import Marker, MarkerSet
from simlabels.readers.axes import R_TO_Y_UP
from simlabels.readers.findings import Finding
from simlabels.readers.force_checks import (
    check_forces,
    contacts,
    expected_support_BW,
    foot_points_m,
    measured_mass_kg,
    valid_window,
)
from simlabels.readers.forces import FootForces, cleared, filtered, forces_of_wrench, levels_m, read_forces, wrench_at_origin
from simlabels.readers.markers import Markers

MASS_KG, RATE_Hz = 70.0, 500.0
WEIGHT_N = MASS_KG * 9.81
TIME_S = np.arange(1501) / RATE_Hz
NAMES = {
    "walking_emg": ("ground_force_{}_v", "ground_force_{}_p", "ground_torque_{}_", ("l", "r")),
    "numbered": ("ground_force_{}_v", "ground_force_{}_p", "ground_force_{}_m", ("1", "2")),
    "gait2354": ("{}ground_force_v", "{}ground_force_p", "{}ground_torque_", ("1_", "")),
    "treadmill": ("{}ground_force_v", "{}ground_force_p", "{}ground_torque_", ("l_", "")),
}


def walk() -> FootForces:
    """Somebody of 70 kg who walks: stances of 0.7 s every 1.1 s, always one body weight in all; feet 0.2 m apart."""
    phase = TIME_S[:, None] / 1.1 + [0.0, 0.5]
    share = np.clip(np.minimum(phase % 1, 0.636 - phase % 1) / 0.136, 0, 1)
    share /= share.sum(1, keepdims=True)
    force = np.zeros((len(TIME_S), 2, 3))
    force[..., 1] = WEIGHT_N * share
    force[..., 0] = 0.15 * force[..., 1] * np.sin(2 * np.pi * (phase % 1) / 0.636)
    force[..., 2] = force[..., 1] * [0.05, -0.05]
    cop = np.zeros_like(force)
    cop[..., 0] = 0.7 * np.floor(phase) * 2 + 0.2 * (phase % 1) / 0.636 + [0, -0.7]
    cop[..., 2] = [-0.1, 0.1]
    moment = np.zeros_like(force)
    moment[..., 1] = 5 * share
    cop[share == 0] = 0
    return FootForces(time_s=TIME_S, force_N=force, cop_m=cop, moment_Nm=moment, source="walk")


@pytest.fixture
def forces() -> FootForces:
    return walk()


@pytest.fixture
def feet(forces) -> np.ndarray:
    """Middles of the feet: 3 cm beside the centre of pressure in stance, in between through the swing."""
    out = np.full((len(TIME_S), 2, 3), 0.05)
    for k in range(2):
        on = forces.is_loaded[:, k]
        for i in (0, 2):
            out[:, k, i] = np.interp(TIME_S, TIME_S[on], forces.cop_m[on, k, i])
    return out + [0.03, 0, 0]


def table_text(forces: FootForces, kind: str, R=None) -> str:
    R = np.eye(3) if R is None else R
    names, columns = [], []
    *parts, sides = NAMES[kind]
    for part, values in zip(parts, (forces.force_N, forces.cop_m, forces.moment_Nm), strict=True):
        for k, side in reversed(list(enumerate(sides))):  # right first
            names += [part.format(side) + axis for axis in "xyz"]
            columns.append(values[:, k] @ R)
    rows = ["\t".join(f"{v:.9g}" for v in row) for row in np.column_stack([forces.time_s, *columns])]
    head = ["plates", "version=1", f"nRows={len(rows)}", f"nColumns={1 + len(names)}", "endheader", "\t".join(["time", *names])]
    return "\n".join([*head, *rows]) + "\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "forces.mot"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("kind", NAMES)
def test_columns_are_read_by_name(forces, write, kind):
    given = {"left": "ground_force_1", "right": ["ground_force_2"]} if kind == "numbered" else None
    read = read_forces(write(table_text(forces, kind)), given)
    for ours, theirs in ((read.force_N, forces.force_N), (read.cop_m, forces.cop_m), (read.moment_Nm, forces.moment_Nm)):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert read.rate_Hz == pytest.approx(RATE_Hz)
    assert read.findings == ()


def test_numbered_plates_are_asked_for(forces, write):
    path = write(table_text(forces, "numbered"))
    with pytest.raises(InputError, match=r"ground_force_2, ground_force_1 do not say which foot.*pass feet="):
        read_forces(path)
    with pytest.raises(UnknownName, match="'ground_force_3'"):
        read_forces(path, {"left": "ground_force_3"})
    with pytest.raises(InputError, match="feet are called left and right, not links"):
        read_forces(path, {"links": "ground_force_1"})
    with pytest.raises(InputError, match="cannot be under both feet"):
        read_forces(path, {"left": "ground_force_1", "right": "ground_force_1"})
    one = read_forces(path, {"left": "ground_force_1"})
    assert not one.force_N[:, 1].any()


def test_a_foot_on_several_plates(forces, write):
    """The right foot's second stance on a plate of its own: the same wrench."""
    text = table_text(forces, "numbered").splitlines()
    second = (forces.time_s > 1.4)[:, None]
    right = np.hstack([forces.force_N[:, 1], forces.cop_m[:, 1], forces.moment_Nm[:, 1]])
    names = [f"ground_force_3_{what}{axis}" for what in "vpm" for axis in "xyz"]
    lines = [line for line in text[:5] if not line.startswith("nColumns")] + ["\t".join([text[5], *names])]
    for line, row, later in zip(text[6:], right, second[:, 0], strict=True):
        cells = line.split("\t")
        for start in (1, 7, 13):  # the right plate comes first in each group of six
            cells[start : start + 3] = cells[start : start + 3] if not later else ["0", "0", "0"]
        lines.append("\t".join([*cells, *(f"{v if later else 0:.9g}" for v in row)]))
    path = write("\n".join(lines))
    read = read_forces(path, {"left": "ground_force_1", "right": ("ground_force_2", "ground_force_3")})
    np.testing.assert_allclose(wrench_at_origin(read), wrench_at_origin(forces), atol=1e-4)
    on = forces.is_loaded[:, 1]
    np.testing.assert_allclose(read.cop_m[on, 1], forces.cop_m[on, 1], atol=1e-6)


@pytest.mark.parametrize("up", ["+x", "+z"])
def test_up_is_where_the_mean_force_points(forces, write, up):
    path = write(table_text(forces, "walking_emg", R_TO_Y_UP[up]))
    np.testing.assert_allclose(read_forces(path).force_N, forces.force_N, atol=1e-5)
    np.testing.assert_allclose(read_forces(path, up=up).cop_m, forces.cop_m, atol=1e-5)


def test_forces_on_the_plate_are_refused(forces, write):
    with pytest.raises(InputError, match=r"points along -y.*change its sign"):
        read_forces(write(table_text(replace(forces, force_N=-forces.force_N), "walking_emg")))
    with pytest.raises(InputError, match="no plate is ever loaded"):
        read_forces(write(table_text(replace(forces, force_N=0 * forces.force_N), "walking_emg")))
    with pytest.raises(InputError, match="no foot is ever pushed up"):
        read_forces(write(table_text(replace(forces, force_N=-forces.force_N), "walking_emg")), up="+y")


def test_millimetres_are_refused_and_taken_when_said(forces, write):
    mm = replace(forces, cop_m=1000 * forces.cop_m, moment_Nm=1000 * forces.moment_Nm)
    path = write(table_text(mm, "walking_emg"))
    with pytest.raises(InputError, match=r"pass cop_unit_m=0\.001"):
        read_forces(path)
    np.testing.assert_allclose(read_forces(path, cop_unit_m=0.001).cop_m, forces.cop_m, atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ground_force_r_vx", "speed", "ground_force_r has no force along x"),
        ("ground_force_l_py", "speed", "ground_force_l has no centre of pressure along y"),
        ("ground_torque_r_x", "ground_force_r_my", "say the same"),
        ("ground_", "belt_", "no columns like ground_force_r_vx"),
    ],
)
def test_columns_that_are_wrong(forces, write, old, new, message):
    with pytest.raises(InputError, match=message) as error:
        read_forces(write(table_text(forces, "walking_emg").replace(old, new, -1 if old.endswith("_") else 1)))
    assert "forces.mot" in str(error.value)


def test_rows_that_are_wrong(forces, write):
    lines = table_text(forces, "walking_emg").splitlines()
    del lines[2]
    cells = lines[50].split("\t")
    nan = "\n".join([*lines[:50], "\t".join([cells[0], "nan", *cells[2:]]), *lines[51:]])
    with pytest.raises(InputError, match=r"force or moment of ground_force_r is no number at 0\.09 s"):
        read_forces(write(nan))
    with pytest.raises(InputError, match=r"rows are missing between 0\.088 and 0\.108 s"):
        read_forces(write("\n".join(lines[:50] + lines[59:])))


def test_no_free_moments_are_told(forces, write):
    read = read_forces(write(table_text(replace(forces, moment_Nm=0 * forces.moment_Nm), "walking_emg")))
    assert [f.name for f in read.findings] == ["no_free_moment"]


def test_a_wrench_is_force_and_lever():
    f = FootForces(
        time_s=np.arange(2.0),
        force_N=np.array([[[10.0, 700, -20], [0, 0, 0]]] * 2),
        cop_m=np.array([[[2.0, 0.1, 0.5], [300, 0, 0]]] * 2),
        moment_Nm=np.array([[[1.0, 4, 2], [0, 0, 0]]] * 2),
        source="by hand",
    )
    want = [0.1 * -20 - 0.5 * 700 + 1, 0.5 * 10 - 2 * -20 + 4, 2 * 700 - 0.1 * 10 + 2]  # r x F + M
    np.testing.assert_allclose(wrench_at_origin(f)[0], [[10, 700, -20, *want], [0] * 6])


def test_a_wrench_and_back(forces):
    level = replace(forces, cop_m=forces.cop_m + [0, -0.0075, 0])
    again = forces_of_wrench(wrench_at_origin(level), TIME_S, levels_m(level), "again")
    want = cleared(level)
    np.testing.assert_allclose(again.force_N, want.force_N, atol=1e-9)
    np.testing.assert_allclose(again.cop_m, want.cop_m, atol=1e-9)  # NaN where NaN
    np.testing.assert_allclose(again.moment_Nm, want.moment_Nm, atol=1e-9)
    assert np.isnan(again.cop_m).any()


def test_the_filter_keeps_centres_of_pressure_where_the_feet_are(forces, rng):
    """Unloaded rubbish of 300 m and swing from plate to plate leave no trace; filtered as columns they would."""
    spoilt = forces.cop_m.copy()
    spoilt[~forces.is_loaded] = rng.normal(scale=300, size=spoilt[~forces.is_loaded].shape)
    smooth = filtered(replace(forces, cop_m=spoilt), 20)
    for k in range(2):
        for a, b in contacts(smooth)[k]:
            inside = forces.cop_m[a : b + 1, k][forces.is_loaded[a : b + 1, k]]
            seen = smooth.cop_m[a : b + 1, k]
            assert seen[:, 0].min() > inside[:, 0].min() - 0.01
            assert seen[:, 0].max() < inside[:, 0].max() + 0.01
    naive = low_pass(spoilt, RATE_Hz, 20)
    assert np.abs(naive[smooth.is_loaded] - smooth.cop_m[smooth.is_loaded]).max() > 1
    np.testing.assert_allclose(
        wrench_at_origin(forces, 20)[smooth.is_loaded], wrench_at_origin(smooth)[smooth.is_loaded], atol=1e-9
    )


def test_sampled_at_other_times(forces):
    some = filtered(forces, 20, TIME_S[5:-5:5])
    np.testing.assert_allclose(some.force_N, filtered(forces, 20).force_N[5:-5:5], atol=1e-9)
    between = filtered(forces, None, TIME_S[:-1] + 0.5 / RATE_Hz)
    np.testing.assert_allclose(between.force_N.sum(1)[:, 1], WEIGHT_N, rtol=0.06)
    with pytest.raises(InputError, match=r"forces from 0 to 3 s, not from -0\.5"):
        wrench_at_origin(forces, 20, np.arange(-0.5, 2))


def test_good_forces_have_only_what_is_true(forces, feet):
    support = np.ones(len(TIME_S))
    assert [f.name for f in check_forces(forces, feet, MASS_KG, support)] == ["plate_change", "plate_change"]
    assert valid_window(forces, MASS_KG, support) == (0, 3)
    assert measured_mass_kg(forces, MASS_KG, support) == pytest.approx(MASS_KG, rel=1e-6)
    assert measured_mass_kg(forces, MASS_KG) == pytest.approx(MASS_KG, rel=1e-6)
    belt = forces.cop_m - [1.2727, 0, 0] * forces.time_s[:, None, None]  # a treadmill's belt carries them back
    found = check_forces(cleared(replace(forces, cop_m=belt)), feet - [1.2727, 0, 0] * TIME_S[:, None, None], MASS_KG, support)
    assert found == []


def named(found: list[Finding], name: str) -> Finding:
    (one,) = [f for f in found if f.name == name]
    return one


def test_force_on_the_wrong_foot(forces, feet):
    wrong = replace(forces, force_N=forces.force_N[:, ::-1], cop_m=forces.cop_m[:, ::-1], moment_Nm=forces.moment_Nm[:, ::-1])
    found = [f for f in check_forces(wrong, feet, MASS_KG) if f.name == "wrong_foot"]
    assert len(found) == 2
    assert "left foot" in found[0].what
    assert len(found[0].when_s) == len(contacts(wrong)[0])
    late = forces.time_s > 1.9  # only one step of one foot
    mixed = replace(forces, cop_m=np.where(late[:, None, None] & [[[False], [True]]], feet[:, [0]], forces.cop_m))
    swapped = named(check_forces(mixed, feet, MASS_KG), "wrong_foot")
    assert "right foot" in swapped.what
    assert all(start > 1.5 for start, _ in swapped.when_s)


def test_a_force_beside_both_feet(forces, feet):
    found = check_forces(forces, feet + [0, 0, 0.5], MASS_KG)
    assert "cop_off_foot" in [f.name for f in found] or "wrong_foot" in [f.name for f in found]
    assert "cop_off_foot" in [f.name for f in check_forces(forces, feet + [-3, 0, 0], MASS_KG)]


def test_feet_that_are_not_given_are_told(forces):
    assert "feet_unchecked" in [f.name for f in check_forces(forces, None, MASS_KG)]


def test_centre_of_pressure_without_load(forces, feet):
    cop = forces.cop_m.copy()
    off = ~forces.is_loaded[:, 1]
    cop[off, 1] += [332, 0, 0]
    told = named(check_forces(replace(forces, cop_m=cop), feet, MASS_KG), "unloaded_cop")
    assert "right centre of pressure is up to 33" in told.what
    assert len(told.when_s) == 3
    assert told.when_s[0][0] == pytest.approx(TIME_S[off][0])
    force = forces.force_N.copy()
    force[off, 1, 1] = 10
    told = named(check_forces(replace(forces, cop_m=cop, force_N=force), feet, MASS_KG), "unloaded_cop")
    assert "makes moments" in told.what


def test_a_step_off_the_plates(forces, feet):
    lost = forces.force_N.copy()
    lost[TIME_S < 0.55, 1] = 0
    support = np.ones(len(TIME_S))
    found = check_forces(replace(forces, force_N=lost), feet, MASS_KG, support)
    told = named(found, "missing_contact")
    start_s, end_s = valid_window(replace(forces, force_N=lost), MASS_KG, support)
    assert end_s == 3
    assert 0.0 <= start_s <= 0.25
    assert told.when_s[0][0] == 0
    assert "mass_mismatch" not in [f.name for f in found]


def test_flight_is_no_lost_step(forces, feet):
    in_air = (TIME_S > 1) & (TIME_S < 1.4)
    flying = replace(forces, force_N=np.where(in_air[:, None, None], 0, forces.force_N))
    support = np.where(in_air, 0.0, 1.0)
    support = low_pass(support, RATE_Hz, 6)  # as markers show it
    assert "missing_contact" not in [f.name for f in check_forces(flying, feet, MASS_KG, support)]
    assert "missing_contact" in [f.name for f in check_forces(flying, feet, MASS_KG)]


def test_a_mass_that_is_wrong(forces, feet):
    support = np.ones(len(TIME_S))
    for said in (MASS_KG * 1.3, MASS_KG * 0.8):
        told = named(check_forces(forces, feet, said, support), "mass_mismatch")
        assert f"plates weigh {MASS_KG:.1f} kg" in told.what
    assert "mass_mismatch" not in [f.name for f in check_forces(forces, feet, MASS_KG * 1.03, support)]
    with pytest.raises(InputError, match="never carry a person of 7000 kg"):
        valid_window(forces, 7000)


def test_what_markers_say_of_feet_and_support(forces):
    rows = [
        *((f"{s}.Heel", f"calcn_{s.lower()}", "heel") for s in "RL"),
        *((f"{s}.Toe", f"calcn_{s.lower()}", "toe") for s in "RL"),
        *((f"{s}.ASIS", "pelvis", "asis") for s in "RL"),
    ]
    marker_set = MarkerSet(
        "six",
        tuple(Marker(name=n, body=b, position_m=np.zeros(3), landmark=mark, side=n[0].lower()) for n, b, mark in rows),
    )
    time_s = np.arange(301) / 100
    at = np.array([[0, 0, 0.1], [0, 0, -0.1], [0.2, 0, 0.1], [0.2, 0, -0.1], [0.1, 1, 0.1], [0.1, 1, -0.1]])
    positions = np.tile(at, (301, 1, 1))
    positions[:, :, 1] += 0.02 * np.cos(2 * np.pi * 1.5 * time_s)[:, None]
    positions[100:110, 2] = np.nan
    markers = Markers(names=tuple(n for n, *_ in rows), positions_m=positions, time_s=time_s, fps=100, source="six")
    points = foot_points_m(markers, marker_set, TIME_S)
    np.testing.assert_allclose(points[0, 0], [0.1, 0.02, -0.1], atol=1e-9)
    np.testing.assert_allclose(points[0, 1], [0.1, 0.02, 0.1], atol=1e-9)
    assert np.isnan(points[505:545, 1]).all()
    assert np.isfinite(points[:, 0]).all()
    support = expected_support_BW(markers, marker_set, TIME_S)
    middle = (TIME_S > 0.5) & (TIME_S < 2.5)
    want = 1 - 0.02 * (2 * np.pi * 1.5) ** 2 * np.cos(2 * np.pi * 1.5 * TIME_S) / 9.81
    np.testing.assert_allclose(support[middle], want[middle], atol=0.01)
    with pytest.raises(InputError, match="no marker of the pelvis"):
        expected_support_BW(markers.select(["R.Heel"]), marker_set, TIME_S)


# --- real trials ---


PLATES = {"left": "ground_force_2", "right": "ground_force_1"}  # subject4: plate 1 is under the right foot
TRIALS = {  # forces, markers, marker set, mass, plates, what must be found, valid window
    "walking_emg": ("walking_emg/grf_walk.mot.gz", "walking_emg/markers_walk.trc", "rajagopal_walk", 85.07, None,
                    {"unloaded_cop", "plate_change", "missing_contact"}, (0.45, 1.80)),
    "gait2354": ("gait2354/grf_walk.mot.gz", "gait2354/markers_walk.trc", "gait2354", 72.6, None, set(), (0.0, 2.5)),
    "walking": ("subject4/walking_grf.mot.gz", "subject4/walking_markers.trc.gz", "subject4", 62.6, PLATES,
                {"plate_change", "missing_contact"}, (0.16, 1.20)),
    "squats": ("subject4/squats_grf.mot.gz", "subject4/squats_markers.trc.gz", "subject4", 62.6, PLATES, set(), (0, 13.4)),
    "sit_to_stand": ("subject4/sit_to_stand_grf.mot.gz", "subject4/sit_to_stand_markers.trc.gz", "subject4", 62.6, PLATES,
                     {"missing_contact"}, (11.5, 13.2)),
}  # fmt: skip


def trial(data_folder, name, feet=None):
    from simlabels.marker_set import load_marker_set
    from simlabels.readers.trc import read_trc

    grf, trc, marker_set, mass_kg, plates, found, window = TRIALS[name]
    folder = data_folder / "reference"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    forces = read_forces(folder / grf, feet or plates)
    markers, marker_set = read_trc(folder / trc), load_marker_set(marker_set)
    points = foot_points_m(markers, marker_set, forces.time_s)
    return forces, points, expected_support_BW(markers, marker_set, forces.time_s), mass_kg, found, window


@pytest.mark.data
@pytest.mark.parametrize("name", TRIALS)
def test_real_trials(data_folder, name):
    forces, points, support, mass_kg, found, window = trial(data_folder, name)
    assert {f.name for f in check_forces(forces, points, mass_kg, support)} == found
    start_s, end_s = valid_window(forces, mass_kg, support)
    assert start_s <= window[0] + 1e-6
    assert end_s >= window[1] - 1e-6
    assert start_s > window[0] - 0.12  # no more than is measured
    assert measured_mass_kg(forces, mass_kg, support) == pytest.approx(mass_kg, rel=0.045)
    for k in range(2):
        on = forces.force_N[:, k, 1] > 100
        off_m = np.linalg.norm((forces.cop_m[on, k] - points[on, k])[:, [0, 2]], axis=1)
        assert np.nanmedian(off_m) < 0.10


@pytest.mark.data
@pytest.mark.parametrize("name", ["walking", "squats", "gait2354", "walking_emg"])
def test_real_trials_with_swapped_plates(data_folder, name):
    swapped = {
        "gait2354": {"left": "ground_force", "right": "1_ground_force"},
        "walking_emg": {"left": "ground_force_r", "right": "ground_force_l"},
    }.get(name, {"left": "ground_force_1", "right": "ground_force_2"})
    forces, points, support, mass_kg, *_ = trial(data_folder, name, swapped)
    assert {"left", "right"} == {
        f.what.split()[1] for f in check_forces(forces, points, mass_kg, support) if f.name == "wrong_foot"
    }


@pytest.mark.data
def test_a_treadmill_that_weighs_less_than_the_model(data_folder):
    file = data_folder / "reference" / "treadmill_emg" / "walk45_grf.csv.gz"
    if not file.is_file():
        pytest.skip(f"no {file}")
    forces = read_forces(file)
    assert "58." in named(check_forces(forces, None, 75.2), "mass_mismatch").what
    assert [len(c) for c in contacts(forces)] == [10, 11]


@pytest.mark.data
def test_cleared_as_published(data_folder):
    folder = data_folder / "reference" / "walking_emg"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    raw, clean = read_forces(folder / "grf_walk.mot.gz"), read_forces(folder / "grf_walk_clean_400hz.csv.gz")
    np.testing.assert_allclose(wrench_at_origin(raw)[::5], wrench_at_origin(clean), atol=0.02)


def test_gzip(forces, tmp_path):
    path = tmp_path / "forces.mot.gz"
    path.write_bytes(gzip.compress(table_text(forces, "walking_emg").encode()))
    np.testing.assert_allclose(read_forces(path).force_N, forces.force_N, atol=1e-5)
