"""Static optimisation of one walking trial by four: ours from torques, ours from joint angles, piqp, OpenSim. CPU time of one core.

The trial is OpenSim's Gait2354 tutorial with its force plates, joint angles by OpenSim; each solver has its own model: ours 354
muscles, OpenSim's 54, its smallest with two legs and a trunk.
"""

import gzip
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import TypeVar

import numpy as np

T = TypeVar("T")
TRIAL, WINDOW_S, QUICK_WINDOW_S = "gait2354", (0.2, 2.3), (0.2, 0.6)
#: What OpenSim reads, by the name that `opensim_so` and the loads file expect.
FILES = {
    "model.osim": "subject01_scaled_with_reserves.osim.gz",
    "motion.mot": "ik_60hz.mot",
    "loads.xml": "grf_walk.xml",
    "grf_walk.mot": "grf_walk.mot.gz",
}
AT_LEAST_S, QUICK_AT_LEAST_S = 2.0, 0.2


def measure_trial(reference: Path, body, opensim_python: str, *, quick: bool) -> tuple[dict, dict[str, str]]:
    """Frames a second of each, and why one is missing."""
    names = (
        "static_optimisation_fps",
        "from_angles_fps",
        "piqp_fps",
        "opensim_fps",
        "ratio_opensim",
        "ratio_opensim_from_angles",
    )
    found: dict = dict.fromkeys(names)
    if not (reference / TRIAL).is_dir():
        why = f"there is no trial {TRIAL} in {reference}; set BIOHUMAN_DATA"
        return found, dict.fromkeys(names, why)
    window_s = QUICK_WINDOW_S if quick else WINDOW_S
    found |= _ours(reference, body, window_s, QUICK_AT_LEAST_S if quick else AT_LEAST_S)
    try:
        opensim = _opensim(reference / TRIAL, opensim_python, window_s)
    except (OSError, RuntimeError) as error:
        return found, dict.fromkeys(("opensim_fps", "ratio_opensim", "ratio_opensim_from_angles"), str(error))
    fps = opensim["frames"] / opensim["cpu_s"]
    found |= {
        "opensim_fps": round(fps, 2),
        "opensim": opensim,
        "ratio_opensim": round(found["static_optimisation_fps"] / fps, 1),
        "ratio_opensim_from_angles": round(found["from_angles_fps"] / fps, 1),
    }
    return found, {}


def _ours(reference: Path, body, window_s: tuple[float, float], at_least_s: float) -> dict:
    from simlabels.choices import DEFAULT, Choices
    from simlabels.contact import sole_points
    from simlabels.dynamics import derivatives, inverse_dynamics
    from simlabels.label import ROOT_DOFS
    from simlabels.marker_set import load_marker_set
    from simlabels.optimise import Activations, solve_activations
    from simlabels.readers.forces import read_forces
    from simlabels.readers.motion import read_opensim_motion
    from simlabels.readers.trc import read_trc
    from simlabels.trial import motion_of_angles, person_of, solve_trial
    from simlabels.verify.trials import trials_of

    trial = next(t for t in trials_of(reference) if t.name == TRIAL)
    assert trial.static is not None
    assert trial.marker_set is not None
    assert trial.angles is not None
    assert trial.forces is not None
    person_of(body, read_trc(trial.static), load_marker_set(trial.marker_set), trial.mass_kg)
    motion = motion_of_angles(body, read_opensim_motion(trial.angles))
    state = solve_trial(body, motion, read_forces(trial.forces, trial.feet))
    inside = (motion.time_s >= window_s[0]) & (motion.time_s <= window_s[1])
    m, sole = state.mechanics, sole_points(body)
    dofs = (body.muscle_dofs.count, body.muscle_dofs.joint)
    tau_Nm, arm_m, length_m, speed_m_s = (
        x[inside] for x in (state.force[:, ROOT_DOFS:], m.moment_arm_m, m.length_m, m.speed_m_s)
    )

    def optimise(choices: Choices = DEFAULT) -> Activations:
        return solve_activations(tau_Nm, arm_m, length_m, speed_m_s, dofs, body.muscles, choices)

    def from_angles() -> Activations:
        inverse_dynamics(body, derivatives(motion.q[inside], motion.fps), sole)
        return optimise()

    count = int(inside.sum())
    ours, s = _timed(optimise, at_least_s)
    _, s_angles = _timed(from_angles, at_least_s)
    theirs, s_piqp = _timed(lambda: optimise(Choices(solver="piqp")), 0)
    return {
        "trial": f"{TRIAL}, {count} frames at {motion.fps:g} Hz, plates",
        "static_optimisation_fps": round(count / s, 1),
        "from_angles_fps": round(count / s_angles, 1),
        "piqp_fps": round(count / s_piqp, 1),
        "piqp_largest_difference": float(np.abs(ours.activation - theirs.activation).max()),
        "trial_unconverged": int((ours.steps < 0).sum()),
    }


def _timed(do: Callable[[], T], at_least_s: float) -> tuple[T, float]:
    """What `do` gives, and its CPU seconds in the mean over as many calls as take `at_least_s`; the first is not counted."""
    result, calls, since = do(), 0, process_time()
    while not calls or process_time() - since < at_least_s:
        result, calls = do(), calls + 1
    return result, (process_time() - since) / calls


def _opensim(trial: Path, python: str, window_s: tuple[float, float]) -> dict:
    """What `opensim_so` prints.

    Raises:
        RuntimeError: it did not run through; why.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, source in FILES.items():
            with (
                (gzip.open if source.endswith(".gz") else open)(trial / source, "rb") as f,
                (Path(folder) / name).open("wb") as g,
            ):
                shutil.copyfileobj(f, g)
        script = Path(__file__).with_name("opensim_so.py")
        done = subprocess.run(
            [python, str(script), folder, *map(str, window_s)], cwd=folder, capture_output=True, text=True, timeout=1800
        )
    if done.returncode:
        raise RuntimeError(f"OpenSim did not run with {python}: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
