"""`biohuman-labels make TRIAL.trc`: one laboratory trial to labels, and to tables that OpenSim loads."""

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from .choices import DEFAULT, Choices
from .coordinates import coordinates_of_body
from .dataset import LABELS, DatasetWriter, file_sha256
from .folder import ClipFile, Subject, check_person
from .label import ClipState, Labels, label_columns
from .make import dataset_info, index_row, simulation_settings
from .marker_set import MarkerSet, load_marker_set
from .musculo.body import Body
from .musculo.model import WHEEL, WHEEL_VERSION, model_sha256
from .readers.c3d import has_plates, read_c3d_plates
from .readers.findings import Finding
from .readers.force_checks import check_forces, expected_support_BW, feet_of_plates, foot_points_m
from .readers.forces import FootForces, forces_of_plates, read_forces
from .readers.markers import Markers
from .readers.table import Table, write_table
from .smpl_of_body import smpl_of_body
from .trial import (
    HIDDEN_M,
    MARKER_SUFFIXES,
    TrialMotion,
    motion_of_markers,
    name_findings,
    person_of,
    read_markers,
    solve_trial,
)


@dataclass(frozen=True, kw_only=True)
class TrialFiles:
    """What `make` is given for one trial."""

    trial: Path
    static: Path
    markers: str  # name or file of a marker set
    mass_kg: float
    height_m: float | None = None
    forces: Path | None = None
    feet: dict[str, str] | None = None  # left and right: their plates, where the columns' names do not say
    unit: str | None = None  # of the markers; overrides their files, as do the next two
    up: str | None = None
    fps: float | None = None


def make_trial(files: TrialFiles, out: Path, body: Body | None = None, choices: Choices = DEFAULT) -> dict:
    """Labels one trial into `out`: the dataset, `NAME.mot` with the angles and `NAME_activation.sto` with the activations.

    Returns what should be told: frames, rejected ones, marker error, findings about markers and plates.

    Raises:
        InputError: a file cannot be read, or mass or height are no person's.
        OutputError: `out` holds something else.
    """
    check_person(files.mass_kg, files.height_m, "--mass", "--height")
    marker_set = load_marker_set(files.markers)
    static, trial = (read_markers(path, unit=files.unit, up=files.up, fps=files.fps) for path in (files.static, files.trial))
    forces = _forces(files, trial, marker_set)
    writer = DatasetWriter(out, LABELS, _settings(files, trial.fps, choices))
    body = body or Body()
    placement = person_of(body, static, marker_set, files.mass_kg)
    motion = motion_of_markers(body, placement, trial)
    state = solve_trial(body, motion, forces, choices)
    labels, rest_m = _labels(body, motion, state, choices)
    name = next(files.trial.name.removesuffix(end) for end in MARKER_SUFFIXES if files.trial.name.endswith(end))
    person = Subject(mass_kg=files.mass_kg, height_m=files.height_m)
    clip = ClipFile(clip=name, path=files.trial, action="laboratory trial", person=person)
    findings = [
        *name_findings(marker_set, static, trial),
        *trial.check(),
        *_unused_plates(files),
        *(_check_plates(trial, marker_set, forces, files.mass_kg) if forces else ()),
    ]
    row = index_row(clip, rest_m, 0.0, motion.fps, labels)
    row["more"] |= {
        "height_from": "--height" if files.height_m else "static trial",
        "mass_from": "--mass",
        "scale": 1.0,
        "forces": "measured" if forces else "estimated",
        "placement": {"factors": placement.factors, "static_rms_m": placement.static_rms_m},
        "findings": [str(finding) for finding in findings],
    }
    if name not in writer.done:
        T = len(motion.q)
        clip_columns = {"clip": np.full(T, name, dtype=object), "frame": np.arange(T, dtype=np.int32)}
        writer.add(row, clip_columns | labels.frames)
    writer.finish(dataset_info(writer.rows, [clip], {}))
    write_table(out / f"{name}.mot", _angles(body, motion, state))
    write_table(out / f"{name}_activation.sto", _activations(body, motion, state, name))
    assert motion.rms_m is not None
    return {
        "clip": name,
        "frames": len(motion.q),
        "rejected": int((labels.own_reject > 0).sum()),
        "marker_rmse_mm": 1000 * float(motion.rms_m[motion.rms_m < HIDDEN_M].mean()),
        "findings": row["more"]["findings"],
    }


def _forces(files: TrialFiles, trial: Markers, marker_set: MarkerSet) -> FootForces | None:
    """Measured forces; plates of a .c3d belong to the foot whose markers are on them, where it is not said."""
    if files.forces is None or files.forces.suffix != ".c3d":
        return None if files.forces is None else read_forces(files.forces, files.feet)
    plates, time_s, told = read_c3d_plates(files.forces, up=files.up)
    try:
        feet = files.feet or feet_of_plates(plates, foot_points_m(trial, marker_set, time_s))
    except InputError as error:
        raise InputError(f"{files.forces}: {error}") from None
    forces = forces_of_plates(plates, time_s, str(files.forces), feet, up="+y")
    return replace(forces, findings=(*forces.findings, *told))


def _unused_plates(files: TrialFiles) -> list[Finding]:
    if files.forces is not None or files.trial.suffix != ".c3d" or not has_plates(files.trial):
        return []
    what, to_do = f"{files.trial} holds force plates", f"forces are estimated; give --grf {files.trial} to use them"
    return [Finding(name="plates_unused", what=what, to_do=to_do)]


def _settings(files: TrialFiles, fps: float, choices: Choices) -> dict:
    inputs = [path for path in (files.trial, files.static, files.forces, Path(files.markers)) if path and path.is_file()]
    return {
        "fps": fps,
        "marker_set": files.markers,
        "mass_kg": files.mass_kg,
        "height_m": files.height_m,
        "feet": files.feet,
        "unit": files.unit,
        "up": files.up,
        "source_fps": files.fps,
        "model": f"{WHEEL} {WHEEL_VERSION} myofullbody without fingers, mended",
        "model_sha256": model_sha256(),
        "choices": asdict(choices),
        "simulation": simulation_settings(),
        "inputs_sha256": {path.name: file_sha256(path) for path in inputs},
    }


def _labels(body: Body, motion: TrialMotion, state: ClipState, choices: Choices) -> tuple[Labels, np.ndarray]:
    """Labels, and the person's rest joints (24, 3)."""
    smpl = smpl_of_body(body, state.motion.q, motion.fps)
    assert motion.rms_m is not None
    own, elsewhere, frames = label_columns(body, smpl, state, motion.rms_m, choices=choices)
    labels = Labels(
        frames=frames, own_reject=own, carried_by=elsewhere, stature_m=smpl.stature_m, mass_kg=body.mass_kg, seconds={}
    )
    return labels, smpl.rest_m


def _check_plates(markers: Markers, marker_set: MarkerSet, forces: FootForces, mass_kg: float):
    feet_m = foot_points_m(markers, marker_set, forces.time_s)
    return check_forces(forces, feet_m, mass_kg, expected_support_BW(markers, marker_set, forces.time_s))


def _angles(body: Body, motion: TrialMotion, state: ClipState) -> Table:
    """Joint angles of the filtered motion, degrees and metres."""
    coordinates = coordinates_of_body(body, state.motion.q)
    values = [v if name.endswith(("_tx", "_ty", "_tz")) else np.degrees(v) for name, v in coordinates.items()]
    return Table(
        time_s=motion.time_s,
        columns=tuple(coordinates),
        values=np.stack(values, axis=1),
        in_degrees=True,
        name="Coordinates",
    )


def _activations(body: Body, motion: TrialMotion, state: ClipState, name: str) -> Table:
    columns = tuple(f"/forceset/{muscle}/activation" for muscle in body.muscle_names)
    return Table(
        time_s=motion.time_s, columns=columns, values=state.activations.activation, in_degrees=False, name=f"{name} activations"
    )


def tell(told: dict, out: Path) -> None:
    """What came of a trial, for people."""
    for finding in told["findings"]:
        print(f"biohuman-labels: {finding}", file=sys.stderr)
    share = 100 * told["rejected"] / told["frames"]
    print(
        f"{told['clip']}: {told['frames']} frames, rejected {share:.1f} %; markers {told['marker_rmse_mm']:.1f} mm from the body (rms)"
    )
    print(f"written to {out}: the dataset, {told['clip']}.mot, {told['clip']}_activation.sto")
