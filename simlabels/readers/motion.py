"""OpenSim's joint angles as coordinates of our body: names, radians or degrees, and the coordinate that is neither.

With inDegrees=yes OpenSim's translations are metres and its coupled coordinates (`knee_angle_*_beta`, the patella) radians all
the same; scripts that convert every rotation make them 57 times too large.
"""

import difflib
from dataclasses import replace
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from .findings import Finding
from .table import Table, read_table

#: What `simlabels.coordinates.positions_of` reads; names as in OpenSim's gait models.
_SIDED = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
_ARMS = ("arm_flex", "arm_add", "arm_rot", "elbow_flex", "pro_sup")
TRANSLATIONS = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
BODY_COORDINATES = (
    *("pelvis_tilt", "pelvis_list", "pelvis_rotation", *TRANSLATIONS),
    *("lumbar_extension", "lumbar_bending", "lumbar_rotation"),
    *(f"{name}_{side}" for side in "rl" for name in (*_SIDED, *_ARMS)),
)
#: The pelvis and the knees cannot be done without.
NEEDED = (*BODY_COORDINATES[:6], "knee_angle_r", "knee_angle_l")
#: In files, not in the body, and no mistake.
NOT_OURS = ("mtp_angle", "wrist_flex", "wrist_dev", "knee_angle_r_beta", "knee_angle_l_beta")
#: No joint turns further from neutral, rad; pelvis coordinates may.
FURTHEST_RAD = 3.5
_DEGREE = np.pi / 180


def coordinates_of(table: Table) -> dict[str, np.ndarray]:
    """Every column of a motion (T,) by its name in the file, rad or m.

    Raises:
        InputError: the table does not say whether its angles are degrees.
    """
    if table.in_degrees is None:
        raise InputError(f"{table.name or 'the motion'} does not say inDegrees=yes or no; read it with in_degrees=")
    scale = _DEGREE if table.in_degrees else 1.0
    return {
        name: values * (scale if is_angle(name) else 1.0) for name, values in zip(table.columns, table.values.T, strict=True)
    }


def is_angle(name: str) -> bool:
    """Whether a coordinate is one that inDegrees speaks of: not a translation, not a coupled one."""
    return not name.endswith(("_tx", "_ty", "_tz", "_beta"))


def read_opensim_motion(path: Path, *, in_degrees: bool | None = None) -> Table:
    """Joint angles of a .mot or .sto (or .gz), in radians and metres, with what a solver should know as findings.

    Columns by path (`/jointset/hip_r/hip_flexion_r/value`) get their plain names; speeds and other states are left out.

    Args:
        in_degrees: overrides the file.

    Raises:
        InputError: pelvis or knees are missing, a value is no number, the unit of angles is not said or cannot be true.
    """
    table = _plain(path, read_table(path))
    if in_degrees is not None:
        table = replace(table, in_degrees=in_degrees)
    findings = [*table.findings, *_name_findings(path, table)]
    bad = ~np.isfinite(table.values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(f"{path}: {table.columns[column]} is no number at {table.time_s[row]:g} s")
    if table.in_degrees is None:
        raise InputError(
            f"{path} does not say inDegrees: OpenSim would take degrees or radians by its version line; pass in_degrees="
        )
    height_m = float(np.median(table.column("pelvis_ty")))
    if abs(height_m) > 5:
        raise InputError(f"{path}: pelvis_ty is {height_m:g} in the median; it should be metres")
    findings += _degree_findings(path, table)
    values = np.stack(list(coordinates_of(table).values()), axis=1)
    return replace(table, values=values, in_degrees=False, findings=(*findings, *_beta_findings(table, values)))


def _plain(path: Path, table: Table) -> Table:
    """Coordinate values only, by plain names."""
    kept = {}
    for i, column in enumerate(table.columns):
        parts = column.strip("/").split("/")
        if len(parts) > 1 and parts[-1] != "value":
            continue
        name = parts[-2] if len(parts) > 1 else column
        if name in kept:
            raise InputError(f"{path} has two columns for {name}")
        kept[name] = i
    if not kept:
        raise InputError(f"{path} has no coordinates; its columns are {', '.join(table.columns[:4])}, ...")
    return replace(table, columns=tuple(kept), values=table.values[:, list(kept.values())])


def _name_findings(path: Path, table: Table) -> list[Finding]:
    unknown = [name for name in table.columns if name not in BODY_COORDINATES and not name.startswith(NOT_OURS)]
    missing = [name for name in BODY_COORDINATES if name not in table.columns]
    near = {name: difflib.get_close_matches(name, unknown, n=1) for name in missing}
    hints = ", ".join(f"{names[0]} for {name}" for name, names in near.items() if names)
    lacking = [name for name in NEEDED if name in missing]
    if lacking:
        hint = f"; did you mean {hints}" if hints else ""
        raise InputError(f"{path} has no {', '.join(lacking)}; coordinates should be named as in OpenSim's gait models{hint}")
    found = []
    if missing:
        what = f"{len(missing)} coordinates of the body are not in the file: {', '.join(missing)}"
        to_do = f"they are zero; misnamed may be {hints}" if hints else "they are zero"
        found.append(Finding(name="missing_coordinates", what=what, to_do=to_do))
    if unknown:
        what = f"the body has no {', '.join(unknown)}"
        found.append(Finding(name="unknown_coordinates", what=what, to_do="they are not used"))
    return found


def _degree_findings(path: Path, table: Table) -> list[Finding]:
    joints = [name for name in BODY_COORDINATES[6:] if name in table.columns]
    largest = {name: float(np.abs(table.column(name)).max()) for name in joints}
    name = max(largest, key=lambda joint: largest[joint])
    if not table.in_degrees and largest[name] > FURTHEST_RAD:
        raise InputError(f"{path}: angles are said to be radians, but {name} reaches {largest[name]:.3g}; pass in_degrees=True")
    if table.in_degrees and largest[name] < FURTHEST_RAD:
        what = f"no angle is larger than {largest[name]:.2g} degrees"
        return [Finding(name="maybe_radians", what=what, to_do="if the person moves, pass in_degrees=False")]
    return []


def _beta_findings(table: Table, values: np.ndarray) -> list[Finding]:
    """The patella's coordinate, left as it is, against the knee's, rad."""
    found = []
    for side in "rl":
        knee, beta = f"knee_angle_{side}", f"knee_angle_{side}_beta"
        if beta not in table.columns:
            continue
        knee_rad, beta_rad = values[:, table.columns.index(knee)], values[:, table.columns.index(beta)]
        size = np.abs(knee_rad).max()
        if size > 0.02 and np.abs(beta_rad * _DEGREE - knee_rad).max() < 0.05 * size:
            what = f"{beta} is in degrees, which OpenSim reads as radians"
            found.append(Finding(name="beta_in_degrees", what=what, to_do=f"use {knee} in its place"))
        elif size > 0.02 and np.abs(beta_rad - knee_rad).max() > 0.05 * size:
            what = f"{beta} is not {knee}"
            found.append(Finding(name="beta_differs", what=what, to_do=f"use {knee} in its place"))
    return found
