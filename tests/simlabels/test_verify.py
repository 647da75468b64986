"""The checks against measurements: on a laboratory made in code, whose answer is known, and on the real one."""

import json
import os

import numpy as np
import pytest

from realtime.body.errors import InputError, UnknownName
from simlabels.cli import main
from simlabels.coordinates import coordinates_of_body
from simlabels.label import R_MJ_WORLD, solve_clip
from simlabels.marker_place import place_markers, trial_kinematics
from simlabels.musculo.scale import scale_body
from simlabels.readers.table import Table, write_table
from simlabels.verify.checks import run_checks
from simlabels.verify.emg import agreement, muscles_of
from simlabels.verify.trials import trials_of

from .test_markers import FACTORS, MASS_KG, marker_set, seen_m  # noqa: F401 (a fixture)
from .test_trc import text_of

FPS = 50.0


# ---- EMG
def test_a_delay_is_found():
    t = np.arange(400) / 100
    emg = {"soleus": np.exp(-(((t - 1.5) / 0.2) ** 2)), "unheard_of": t}
    late = np.exp(-(((t - 1.54) / 0.2) ** 2))
    names = ["soleus_r", "soleus_l", "tibant_r"]
    activation = np.stack([late, 1 - late, 0 * t], axis=1)
    found = agreement(activation, t, names, emg, t, window_s=(0.5, 3.5), most_delay_s=0.1, side="r")
    assert list(found) == ["soleus"]
    assert found["soleus"].r > 0.9999
    assert found["soleus"].delay_s == pytest.approx(0.04, abs=0.006)
    other = agreement(activation, t, names, emg, t, window_s=(0.5, 3.5), most_delay_s=0.1, side="l")
    assert other["soleus"].r < 0


def test_a_silent_muscle_follows_nothing():
    t = np.arange(200) / 100
    found = agreement(0.01 + 0 * t[:, None], t, ["tibant_r"], {"tib_ant_r": t}, t, window_s=(0, 2), most_delay_s=0.1, side="r")
    assert found["tib_ant_r"].r == 0


def test_channels_see_the_muscles_of_every_model():
    assert muscles_of("gluteus_maximus", ["glmax1_r", "glmax3_r", "glut_max2_r", "glmed1_r", "glmax1_l"], "r") == [0, 1, 2]
    assert muscles_of("lat_gas_r", ["gaslat_r", "lat_gas_r", "gasmed_r"], "r") == [0, 1]
    assert muscles_of("deltoid", ["DELT1"], "r") == []


# ---- a laboratory
@pytest.fixture
def laboratory(body, marker_set, tmp_path):  # noqa: F811
    """A person of known bones who bends their knees: markers, plates, EMG and joint angles that agree with each other."""
    t = np.arange(100) / FPS
    bend = 0.35 * np.sin(np.pi * t) ** 2
    q = np.tile(body.standing(), (100, 1))
    scale_body(body, FACTORS, MASS_KG)
    for side in "rl":
        for name, share in (("hip_flexion", 1), ("knee_angle", 2), ("ankle_angle", 1)):
            q[:, 7 + body.joints.index(f"{name}_{side}")] += share * bend
    for k in range(100):  # the feet stay where they are
        body.pose(q[k])
        q[k, :3] -= body.data.body("calcn_r").xpos - [0, 0, 0.025]
    folder = tmp_path / "lab" / "bends"
    folder.mkdir(parents=True)
    names = [m.name for m in marker_set.markers]
    static_m = np.repeat(seen_m(body, q[:1], marker_set), 20, axis=0)
    (folder / "static.trc").write_text(text_of(1000 * static_m @ R_MJ_WORLD, names=names, fps=FPS))
    trial_m = seen_m(body, q, marker_set)
    (folder / "trial.trc").write_text(text_of(1000 * trial_m @ R_MJ_WORLD, names=names, fps=FPS))
    rows = [
        f"{m.name},{m.body},{','.join(map(str, m.position_m))},{LANDMARK_WORDS.get(m.landmark, '')}" for m in marker_set.markers
    ]
    (folder / "set.csv").write_text("name,body,x_m,y_m,z_m,landmark\n" + "\n".join(rows) + "\n")
    found = trial_kinematics(body, place_markers(body, marker_set, static_m, MASS_KG), names, trial_m)
    angles = {name: values for name, values in coordinates_of_body(body, found.q).items() if not name.startswith("mtp")}
    columns = np.stack(list(angles.values()), axis=1)
    write_table(folder / "ik.mot", Table(time_s=t, columns=tuple(angles), values=columns, in_degrees=False, name="ik"))
    state = solve_clip(body, found.q, FPS)
    write_table(folder / "grf.mot", plates(t, state))
    vastus = state.activations.activation[:, body.muscle_names.index("vaslat_r")]
    np.savetxt(folder / "emg.csv", np.stack([t - 0.02, vastus], axis=1), delimiter=",", header="time,vas_lat_r", comments="")
    (folder / "trial.toml").write_text(TRIAL)
    return tmp_path / "lab"


LANDMARK_WORDS = {
    "asis": "anterior superior iliac spine", "psis": "posterior superior iliac spine", "acromion": "acromion",
    "knee_lateral": "lateral femoral epicondyle", "knee_medial": "medial femoral epicondyle",
    "ankle_lateral": "lateral malleolus", "ankle_medial": "medial malleolus", "heel": "heel", "toe": "toe",
}  # fmt: skip
TRIAL = f"""
kind = "squat"
mass_kg = {MASS_KG}
window_s = [0.2, 1.8]
markers = "trial.trc"
static = "static.trc"
angles = "ik.mot"
forces = "grf.mot"
emg = "emg.csv"
emg_window_s = [0.2, 1.8]
"""


def plates(t, state):
    """The estimated forces as two plates at floor height would have measured them."""
    wrench = np.concatenate([state.ground.foot_wrench[..., k : k + 3] @ R_MJ_WORLD for k in (0, 3)], axis=-1)
    foot_m = state.mechanics.foot_m @ R_MJ_WORLD
    force, moment = wrench[..., :3], wrench[..., 3:] + np.cross(foot_m, wrench[..., :3])
    # At y = 0: moment = p x F + (0, T, 0)
    px, pz = moment[..., 2] / force[..., 1], -moment[..., 0] / force[..., 1]
    twist = moment[..., 1] - (pz * force[..., 0] - px * force[..., 2])
    columns = {}
    for k, s in enumerate("lr"):
        columns |= {f"ground_force_{s}_v{axis}": force[:, k, i] for i, axis in enumerate("xyz")}
        columns |= {f"ground_force_{s}_px": px[:, k], f"ground_force_{s}_py": 0 * t, f"ground_force_{s}_pz": pz[:, k]}
        columns |= {f"ground_torque_{s}_x": 0 * t, f"ground_torque_{s}_y": twist[:, k], f"ground_torque_{s}_z": 0 * t}
    values = np.stack(list(columns.values()), axis=1)
    return Table(time_s=t, columns=tuple(columns), values=values, in_degrees=False, name="grf")


def test_a_laboratory_made_by_the_chain_agrees_with_it(the_body, laboratory):
    toml = laboratory / "bends" / "trial.toml"
    toml.write_text(toml.read_text() + f'marker_set = "{laboratory / "bends" / "set.csv"}"\n')
    found = run_checks(laboratory, the_body)
    ik, grf, emg = found["ik"]["bends"], found["grf"]["bends"], found["emg_trials"]["bends"]
    assert ik["marker_rmse_mm"] < 4
    assert ik["median_deg"] < 0.1
    for foot in ("left", "right"):
        assert grf[foot]["rmse_bw"] < 0.01
        assert grf[foot]["r"] > 0.99
    for source in ("plates", "estimated"):
        assert emg[source]["channels"]["vas_lat_r"]["r"] > 0.99
        assert emg[source]["channels"]["vas_lat_r"]["delay_ms"] == pytest.approx(20, abs=10)
    assert found["oracle_rmse"] is None


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('kind = "hop"\nmass_kg = 70\nwindow_s = [0, 1]\n', UnknownName, "hop"),
        ('kind = "walk"\nmass_kg = 70\n', InputError, "does not say window_s"),
        ('kind = "walk"\nmas_kg = 70\nwindow_s = [0, 1]\n', UnknownName, "mass_kg"),
        ('kind = "walk"\nmass_kg = 70\nwindow_s = [0, 1]\nforces = "gone.mot"\n', InputError, r"there is no .*gone\.mot"),
        ("kind = walk", InputError, r"trial\.toml"),
    ],
)
def test_a_trial_that_is_none(tmp_path, text, error, message):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "trial.toml").write_text(text)
    with pytest.raises(error, match=message):
        trials_of(tmp_path)


def test_a_folder_without_trials(tmp_path, capsys):
    assert main(["verify", "--reference", str(tmp_path)]) == 2
    assert "holds no trial" in capsys.readouterr().err
    assert main(["verify", "--reference", str(tmp_path / "gone")]) == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.data
def test_the_real_laboratory(data_folder, capsys):
    """The project's aims, as figures of trials that were measured."""
    if not (data_folder / "reference").is_dir():
        pytest.skip(f"no {data_folder / 'reference'}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    assert main(["verify", "--reference", str(data_folder / "reference"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["oracle_rmse"] < 1e-5
    assert found["oracle_max"] < 1e-4
    rows = found["emg_trials"]["walking_emg"]
    assert rows["plates"]["median_r"] >= 0.83
    assert rows["plates"]["mean_r"] >= 0.74
    assert rows["estimated"]["median_r"] >= 0.80
    assert rows["estimated"]["mean_r"] >= 0.70
    for trial, row in found["grf"].items():
        for foot in ("left", "right"):
            assert row[foot]["rmse_bw"] <= (0.06 if "squat" in trial else 0.05), trial
            assert row[foot]["r"] >= 0.97, trial
    for trial in ("gait2354", "subject4_walking", "subject4_squats", "subject4_sit_to_stand"):
        row = found["ik"][trial]
        assert row["median_deg"] <= 2, trial
        assert row["marker_rmse_mm"] <= row["opensim_marker_rmse_mm"] + 1, trial
