"""A laboratory trial through the chain: markers or joint angles, with or without force plates, to forces and activations."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from .choices import CUTOFF_HZ, DEFAULT, Choices
from .coordinates import positions_of
from .dynamics import low_pass
from .label import FEWEST_FRAMES, R_MJ_WORLD, ClipState, solve_clip
from .marker_place import Placement, place_markers, trial_kinematics
from .marker_set import MarkerSet
from .musculo.body import Body
from .musculo.scale import SEGMENTS, scale_body
from .readers.c3d import read_c3d
from .readers.findings import Finding
from .readers.forces import FootForces, wrench_at_origin
from .readers.markers import Markers
from .readers.motion import coordinates_of
from .readers.table import Table
from .readers.trc import read_trc

#: What markers come in.
MARKER_SUFFIXES = (".trc", ".trc.gz", ".c3d")
#: Markers absent for longer than this are done without, shorter gaps are bridged.
LONGEST_GAP_S = 0.1
#: Markers without which a frame does not show how a segment lies; the solver goes on with what the frame before showed.
FEWEST_SEEN = {"pelvis": 3, "femur_r": 1, "femur_l": 1, "tibia_r": 1, "tibia_l": 1}
#: Distance that such a frame is given at least, so that it is rejected as `ik`.
HIDDEN_M = 1.0


@dataclass(frozen=True)
class TrialMotion:
    """Reduced positions of a trial on its person's body."""

    q: np.ndarray  # (T, 38)
    time_s: np.ndarray  # (T,)
    fps: float
    rms_m: np.ndarray | None  # (T,) distance of the markers, HIDDEN_M where they show too little; None without markers


def read_markers(path: Path, *, unit: str | None = None, up: str | None = None, fps: float | None = None) -> Markers:
    """Markers of a .trc or .c3d file; unit, up and fps override what it says.

    Raises:
        InputError: another suffix, or the file cannot be read.
    """
    if not path.name.endswith(MARKER_SUFFIXES):
        raise InputError(f"{path}: markers come in {', '.join(MARKER_SUFFIXES)}")
    read = read_c3d if path.suffix == ".c3d" else read_trc
    return read(path, unit=unit, up=up, fps=fps)


def person_of(body: Body, static: Markers, marker_set: MarkerSet, mass_kg: float) -> Placement:
    """Scales `body` to the person of a static trial and finds where their markers sit.

    Raises:
        InputError: no marker of the set is in the trial, or the person cannot be told from those that are.
    """
    markers = marker_set.having(static.names)
    if not markers.markers:
        known = ", ".join(m.name for m in marker_set.markers[:6])
        raise InputError(
            f"{static.source} has no marker of the set {marker_set.name} ({known}, ...): {', '.join(static.names[:6])}, ...; "
            "give another set by --markers"
        )
    seen = static.select([m.name for m in markers.markers]).positions_m @ R_MJ_WORLD.T
    try:
        return place_markers(body, markers, seen, mass_kg)
    except InputError as error:
        raise InputError(f"{static.source}: {error}{_misnamed(marker_set, static.names)}") from None


def name_findings(marker_set: MarkerSet, static: Markers, markers: Markers) -> list[Finding]:
    """Markers of the set that neither trial has (medial ones are taken off after the static one), and the other way round."""
    names = [m.name for m in marker_set.markers]
    missing = [name for name in names if name not in static.names and name not in markers.names]
    unknown = [name for name in markers.names if name not in names]
    found = []
    if missing:
        what = f"{len(missing)} of the set's {len(names)} markers are in neither trial: {_some(missing)}"
        found.append(Finding(name="missing_markers", what=what, to_do="they are done without"))
    if unknown:
        what = f"the set {marker_set.name} does not know {_some(unknown)} of {markers.source}"
        to_do = f"they are not used{_misnamed(marker_set, markers.names)}"
        found.append(Finding(name="unknown_markers", what=what, to_do=to_do))
    return found


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"


def _misnamed(marker_set: MarkerSet, names: Sequence[str]) -> str:
    """Which names of a trial may be the set's, spelt otherwise; the end of a sentence."""
    known = [m.name for m in marker_set.markers]
    plain = {_plain(name): name for name in names if name not in known}
    near = {m: difflib.get_close_matches(_plain(m), plain, n=1, cutoff=0.75) for m in known if m not in names}
    hints = [f"{plain[found[0]]} for {name}" for name, found in near.items() if found]
    return f"; misnamed may be {_some(hints)}" if hints else ""


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def motion_of_markers(body: Body, placement: Placement, markers: Markers) -> TrialMotion:
    """Kinematics of a marker trial; `body` is the person's, as `person_of` left it."""
    _check_length(markers.source, len(markers.time_s))
    filled = markers.fill_gaps(LONGEST_GAP_S)
    try:
        kinematics = trial_kinematics(body, placement, filled.names, filled.positions_m @ R_MJ_WORLD.T)
    except InputError as error:
        raise InputError(f"{markers.source}: {error}") from None
    hidden = _is_hidden(placement, filled)
    return TrialMotion(
        kinematics.q, filled.time_s, filled.fps, np.where(hidden, np.maximum(kinematics.rms_m, HIDDEN_M), kinematics.rms_m)
    )


def _is_hidden(placement: Placement, markers: Markers) -> np.ndarray:
    """(T,): frames that show too little of the pelvis, a thigh or a shank to tell how it lies, though other frames show it."""
    hidden = np.zeros(len(markers.time_s), bool)
    for segment, fewest in FEWEST_SEEN.items():
        names = [m.name for m in placement.markers.markers if m.body == segment and m.name in markers.names]
        seen = markers.select(names).is_present.sum(1)
        hidden |= seen < min(fewest, seen.max(initial=0))
    return hidden


def motion_of_angles(body: Body, angles: Table, mass_kg: float | None = None) -> TrialMotion:
    """Kinematics of OpenSim's joint angles.

    Args:
        mass_kg: scales the body by one factor such that its feet reach the floor; None leaves it as it is.
    """
    _check_length(angles.name, len(angles.time_s))
    coordinates = coordinates_of(angles)
    if mass_kg is not None:
        scale_body(body)
        q = positions_of(body, coordinates)
        k = _height_factor(body, q)
        scale_body(body, dict.fromkeys((*SEGMENTS, "trunk"), k), mass_kg)
    return TrialMotion(positions_of(body, coordinates), angles.time_s, angles.rate_Hz, None)


def _height_factor(body: Body, q: np.ndarray) -> float:
    """Pelvis height over that of the generic body in the same posture with a foot on the floor, in the median frame."""
    from .contact import sole_points

    sole, ratio = sole_points(body), []
    for row in q[:: max(1, len(q) // 100)]:
        body.pose(row)
        d = body.data
        lowest_m = min(d.xpos[b][2] + d.xmat[b].reshape(3, 3)[2] @ p for b, p in sole)
        pelvis_m = d.body("pelvis").xpos[2]
        ratio.append(pelvis_m / (pelvis_m - lowest_m))
    return float(np.median(ratio))


def solve_trial(body: Body, motion: TrialMotion, forces: FootForces | None = None, choices: Choices = DEFAULT) -> ClipState:
    """Dynamics and activations; `forces` are measured ones, None estimates them.

    Raises:
        InputError: the forces do not cover the motion.
    """
    wrench = None if forces is None else plate_wrench(motion, forces, choices.cutoff_Hz)
    return solve_clip(body, motion.q, motion.fps, foot_wrench=wrench, choices=choices)


def plate_wrench(motion: TrialMotion, forces: FootForces, cutoff_Hz: float = CUTOFF_HZ) -> np.ndarray:
    """Measured wrench about the origin (T, 2, 6) at the motion's times, MuJoCo's world, low-passed as the motion is.

    Raises:
        InputError: the forces begin later or end earlier than the motion by more than a frame.
    """
    slack_s = 1 / motion.fps
    if forces.time_s[0] > motion.time_s[0] + slack_s or forces.time_s[-1] < motion.time_s[-1] - slack_s:
        raise InputError(
            f"{forces.source} holds {forces.time_s[0]:g} to {forces.time_s[-1]:g} s, the motion {motion.time_s[0]:g} to "
            f"{motion.time_s[-1]:g} s; cut the motion, or give the forces of this trial"
        )
    wrench = low_pass(wrench_at_origin(forces), forces.rate_Hz, cutoff_Hz)
    at = np.stack([np.interp(motion.time_s, forces.time_s, column) for column in wrench.reshape(len(wrench), 12).T], axis=1)
    at = at.reshape(-1, 2, 6)
    return np.concatenate([at[..., :3] @ R_MJ_WORLD.T, at[..., 3:] @ R_MJ_WORLD.T], axis=-1)


def _check_length(source: str, frames: int) -> None:
    if frames < FEWEST_FRAMES:
        raise InputError(f"{source} has {frames} frames, at least {FEWEST_FRAMES} are needed")
