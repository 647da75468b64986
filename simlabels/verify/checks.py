"""The checks of `biohuman-labels verify`: what labels say of laboratory trials beside what was measured there.

Nothing is chosen by a trial: every trial goes through the same settings, which are those of `make`.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..choices import DEFAULT, Choices
from ..coordinates import coordinates_of_body
from ..label import R_MJ_WORLD, ClipState
from ..marker_set import load_marker_set
from ..musculo.body import Body
from ..readers.forces import read_forces
from ..readers.motion import coordinates_of, read_opensim_motion
from ..readers.table import read_table
from ..readers.trc import read_trc
from ..trial import TrialMotion, motion_of_angles, motion_of_markers, person_of, plate_wrench, solve_trial
from .emg import agreement
from .oracle import oracle_activations
from .trials import Trial, trials_of

#: Joints compared with OpenSim's inverse kinematics; toes and the pelvis's place are not observed or a matter of definition.
COMPARED = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "lumbar", "pelvis_t", "pelvis_list")
FEET = ("left", "right")


def run_checks(
    reference: Path,
    body: Body | None = None,
    on_trial: Callable[[str], None] = lambda name: None,
    choices: Choices = DEFAULT,
) -> dict:
    """All checks of all trials; the keys are those of `--json`, docs/labels.md explains them.

    Raises:
        InputError: there is no trial, or one cannot be read.
    """
    trials = trials_of(reference)
    body = body or Body()
    found: dict = {"oracle_rmse": None, "oracle_max": None, "oracle": {}, "emg": {}, "emg_trials": {}, "grf": {}, "ik": {}}
    for trial in trials:
        on_trial(trial.name)
        if trial.oracle is not None:
            ours, theirs = oracle_activations(trial.oracle)
            off = ours - theirs
            found["oracle"][trial.name] = {"rmse": float(np.sqrt((off**2).mean())), "max": float(np.abs(off).max())}
        by_markers = _by_markers(body, trial, found)
        if trial.forces is not None:
            _forces(body, trial, by_markers, found, choices)
    if found["oracle"]:
        worst = max(found["oracle"].values(), key=lambda row: row["rmse"])
        found |= {"oracle_rmse": worst["rmse"], "oracle_max": max(row["max"] for row in found["oracle"].values())}
    if "walking_emg" in found["emg_trials"]:
        rows = found["emg_trials"]["walking_emg"]
        found["emg"] = {
            name: {c: row["r"] for c, row in rows[name]["channels"].items()} for name in ("plates", "estimated", "opensim")
        }
    return found


def _by_markers(body: Body, trial: Trial, found: dict) -> TrialMotion | None:
    """Kinematics from markers beside OpenSim's; leaves `body` the person of the static trial."""
    if trial.markers is None or trial.static is None or trial.marker_set is None:
        return None
    placement = person_of(body, read_trc(trial.static), load_marker_set(trial.marker_set), trial.mass_kg)
    motion = motion_of_markers(body, placement, read_trc(trial.markers))
    assert motion.rms_m is not None
    row = {
        "marker_rmse_mm": 1000 * float(motion.rms_m.mean()),
        "opensim_marker_rmse_mm": trial.opensim_marker_rmse_mm,
        "frames": len(motion.q),
    }
    if trial.angles is not None:
        off_deg = _angle_differences_deg(body, motion, trial)
        row["median_deg"] = float(np.median(np.concatenate(list(off_deg.values()))))
        row["median_deg_by_joint"] = {name: float(np.median(off)) for name, off in off_deg.items()}
    found["ik"][trial.name] = row
    return motion


def _angle_differences_deg(body: Body, motion: TrialMotion, trial: Trial) -> dict[str, np.ndarray]:
    """Absolute differences (T,) from OpenSim's angles, a constant offset of each coordinate taken off.

    A constant of 3 degrees (knee) to 10 (ankle, pelvis) is how two models define an angle: two OpenSim runs differ as much.
    """
    assert trial.angles is not None
    table = read_opensim_motion(trial.angles, in_degrees=trial.angles_in_degrees)
    theirs, ours = coordinates_of(table), coordinates_of_body(body, motion.q)
    knees = [theirs[f"knee_angle_{s}"] for s in "rl"]
    out = {}
    for name, values in ours.items():
        if name not in theirs or not name.startswith(COMPARED) or name in ("pelvis_tx", "pelvis_ty", "pelvis_tz"):
            continue
        sign = -1.0 if name.startswith("knee") and np.median(knees) < 0 else 1.0
        inside = (motion.time_s >= table.time_s[0]) & (motion.time_s <= table.time_s[-1])
        off = values[inside] - sign * np.interp(motion.time_s[inside], table.time_s, theirs[name])
        out[name] = np.degrees(np.abs(off - off.mean()))
    return out


def _forces(body: Body, trial: Trial, by_markers: TrialMotion | None, found: dict, choices: Choices) -> None:
    """Ground forces beside the plates', and activations with both beside EMG."""
    assert trial.forces is not None
    forces = read_forces(trial.forces, trial.feet)
    if by_markers is not None:
        estimated = solve_trial(body, by_markers, choices=choices)
        found["grf"][trial.name] = _grf(body, trial, by_markers, estimated, plate_wrench(by_markers, forces, choices.cutoff_Hz))
    if trial.emg is None:
        return
    if by_markers is not None:
        measured = solve_trial(body, by_markers, forces, choices)
        row = {"plates": _emg(body, trial, by_markers, measured), "estimated": _emg(body, trial, by_markers, estimated)}
        found["emg_trials"][f"{trial.name}, our inverse kinematics"] = row
    if trial.angles is None:
        return
    # The comparison with OpenSim's own answer is one of the label physics only if the joint angles are the same.
    table = read_opensim_motion(trial.angles, in_degrees=trial.angles_in_degrees)
    motion = motion_of_angles(body, table, trial.mass_kg if by_markers is None else None)
    states = {"plates": solve_trial(body, motion, forces, choices), "estimated": solve_trial(body, motion, choices=choices)}
    rows = {name: _emg(body, trial, motion, state) for name, state in states.items()}
    if trial.opensim_activations is not None:
        opensim = read_table(trial.opensim_activations)
        rows["opensim"] = _agreement_row(trial, opensim.values, opensim.time_s, opensim.columns)
    found["emg_trials"][trial.name] = rows
    if by_markers is None:
        found["grf"][trial.name] = _grf(
            body, trial, motion, states["estimated"], plate_wrench(motion, forces, choices.cutoff_Hz)
        )


def _grf(body: Body, trial: Trial, motion: TrialMotion, state: ClipState, plates: np.ndarray) -> dict:
    """Estimated force of each foot against the plates': rmse in body weights, correlation of the vertical."""
    inside = (motion.time_s >= trial.window_s[0]) & (motion.time_s <= trial.window_s[1])
    ours = state.ground.foot_wrench[inside, :, :3] @ R_MJ_WORLD
    theirs = plates[inside, :, :3] @ R_MJ_WORLD
    rmse = np.sqrt(((ours - theirs) ** 2).mean(0)) / body.weight_N
    row: dict = {}
    for k, foot in enumerate(FEET):
        row[foot] = {
            "rmse_bw": float(rmse[k, 1]),
            "rmse_horizontal_bw": [float(rmse[k, 0]), float(rmse[k, 2])],
            "r": float(np.corrcoef(ours[:, k, 1], theirs[:, k, 1])[0, 1]),
        }
    residual = np.linalg.norm(state.force[inside, :3], axis=1)
    return row | {"residual_N": float(np.sqrt((residual**2).mean())), "belt_m_s": float(np.linalg.norm(state.ground.belt_m_s))}


def _emg(body: Body, trial: Trial, motion: TrialMotion, state: ClipState) -> dict:
    return _agreement_row(trial, state.activations.activation, motion.time_s, body.muscle_names)


def _agreement_row(trial: Trial, activation: np.ndarray, time_s: np.ndarray, names) -> dict:
    assert trial.emg is not None
    emg = read_table(trial.emg)
    found = agreement(
        activation,
        time_s,
        names,
        {name: emg.column(name) for name in emg.columns},
        emg.time_s,
        window_s=trial.emg_window_s,
        most_delay_s=trial.emg_delay_s,
        side=trial.emg_side,
    )
    r = [row.r for row in found.values()]
    channels = {name: {"r": row.r, "delay_ms": round(1000 * row.delay_s)} for name, row in found.items()}
    return {"channels": channels, "median_r": float(np.median(r)), "mean_r": float(np.mean(r))}
