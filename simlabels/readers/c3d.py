"""Reads .c3d files of motion laboratories by ezc3d: markers, and the force plates that stand in the same file.

What is done beyond ezc3d: points that are no markers (a model's angles, forces, moments, powers) and unnamed ones are left out,
up is told by the markers' names, forces are taken as wrenches at the plate's surface (ezc3d's centres of pressure assume Z up),
and the sign of the force is tested against up: laboratories store the push on the plate or on the person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError
from realtime.body.needs import need

from .axes import UNITS_M, rotation_to_y_up, up_axis
from .c3d_head import check_head
from .findings import Finding
from .forces import FootForces, forces_of_plates
from .markers import Markers, made_markers
from .plates import CONTACT_N, Plate

#: Groups of POINT whose members are no positions.
NO_MARKERS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS", "REACTIONS")
#: Plates whose six or eight channels ezc3d turns into force and moment at the surface.
PLATE_TYPES = (2, 3, 4)


def read_c3d(
    path: Path, *, unit: str | None = None, up: str | None = None, fps: float | None = None, subject: str | None = None
) -> Markers:
    """The markers in a .c3d file.

    Args:
        unit: m, cm or mm; overrides POINT:UNITS and is not tested.
        up: such as "+z"; None = told by the markers' names.
        fps: overrides POINT:RATE.
        subject: whose markers, where names begin with several people's (`Anna:LASI`).

    Raises:
        InputError: no .c3d, no markers, two people, a unit that makes no person; names the file.
    """
    return _markers(path, _opened(path), unit, up, fps, subject)


def _markers(path: Path, file, unit: str | None, up: str | None, fps: float | None, subject: str | None) -> Markers:
    point = file["parameters"]["POINT"]
    names = _strings(point, "LABELS")
    positions = np.moveaxis(np.asarray(file["data"]["points"])[:3], 0, -1).transpose(1, 0, 2).astype(float)
    residual = np.asarray(file["data"]["meta_points"]["residuals"])[0].T
    if not len(names) or not len(positions):
        raise InputError(f"{path} holds no markers")
    names = names[: positions.shape[1]]
    no_marker = {name for group in NO_MARKERS for name in _strings(point, group)}
    unnamed = [n for n in names if not n or n.startswith("*")]
    keep = [i for i, name in enumerate(names) if name and not name.startswith("*") and name not in no_marker]
    keep, plain = _one_person(path, names, keep, subject)
    positions, residual = positions[:, keep], residual[:, keep]
    positions[residual < 0] = np.nan
    rate = fps or _number(path, point, "RATE")
    unit_name = unit or (_strings(point, "UNITS") or [""])[0].lower()
    if unit_name not in UNITS_M:
        raise InputError(f"{path}: POINT:UNITS is {unit_name!r}, known are {', '.join(UNITS_M)}; pass unit= (--unit)")
    told = (
        [Finding(name="unnamed_points", what=f"{len(unnamed)} points have no name", to_do="they are left out")]
        if unnamed
        else []
    )
    return made_markers(
        plain,
        positions,
        (file["header"]["points"]["first_frame"] + np.arange(len(positions))) / rate,
        rate,
        str(path),
        unit=unit_name,
        unit_m=UNITS_M[unit_name],
        up=up,
        is_unit_given=unit is not None,
        findings=told,
    )


def read_c3d_forces(
    path: Path, feet: Mapping[str, str | Sequence[str]] | None = None, *, up: str | None = None, subject: str | None = None
) -> FootForces:
    """Ground forces on both feet from the plates in a .c3d file.

    Args:
        feet: plates under `left` and `right`, called plate_1, plate_2, ... in the file's order; see
            `force_checks.feet_of_plates`, which tells them by the foot markers.
        up: None = as the markers of the same file say.

    Raises:
        InputError: no plates, a type that is not read, units that contradict each other, `feet` is None.
    """
    plates, time_s, told = read_c3d_plates(path, up=up, subject=subject)
    forces = forces_of_plates(plates, time_s, str(path), feet, up="+y")
    return replace(forces, findings=(*forces.findings, *told))


def has_plates(path: Path) -> bool:
    """Whether `read_c3d_plates` would find any. Raises InputError as that."""
    parameters = _opened(path)["parameters"]
    return "FORCE_PLATFORM" in parameters and int(np.ravel(parameters["FORCE_PLATFORM"]["USED"]["value"])[0]) > 0


def read_c3d_plates(
    path: Path, *, up: str | None = None, subject: str | None = None
) -> tuple[dict[str, Plate], np.ndarray, tuple[Finding, ...]]:
    """Plates plate_1, plate_2, ... (world Y up, forces on the person), the times of their samples (T,), what was told."""
    file = _opened(path, plates=True)
    platforms = file["data"]["platform"]
    if not platforms:
        raise InputError(f"{path} holds no force plates")
    parameters = file["parameters"]
    types = [int(t) for t in np.ravel(parameters["FORCE_PLATFORM"]["TYPE"]["value"])[: len(platforms)]]
    if set(types) - set(PLATE_TYPES):
        raise InputError(f"{path}: force plates of types {types}; those read are {', '.join(map(str, PLATE_TYPES))}")
    unit_m = _plate_unit_m(path, parameters)
    R = rotation_to_y_up(up or _up_of_markers(path, file, subject))
    wrenches = [(p["force"].T @ R.T, p["moment"].T @ R.T * unit_m, p["corners"].mean(1) @ R.T * unit_m) for p in platforms]
    total_N = np.sum([force for force, *_ in wrenches], axis=0)[:, 1]
    pushed = np.abs(total_N) > CONTACT_N
    is_on_plate = bool(pushed.any() and total_N[pushed].mean() < 0)
    sign = -1.0 if is_on_plate else 1.0
    plates = {f"plate_{i + 1}": _plate(sign * force, sign * m, centre) for i, (force, m, centre) in enumerate(wrenches)}
    rate = _number(path, parameters["ANALOG"], "RATE")
    time_s = (
        file["header"]["points"]["first_frame"] / _number(path, parameters["POINT"], "RATE") + np.arange(len(total_N)) / rate
    )
    told = Finding(
        name="force_on_plate", what="the file's forces point down: they push the plates", to_do="their sign was changed"
    )
    return plates, time_s, (told,) if is_on_plate else ()


def _plate(force_N: np.ndarray, moment_Nm: np.ndarray, centre_m: np.ndarray) -> Plate:
    """Centre of pressure at the surface, by moments about the middle of the plate's corners. World: Y up."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x_m, z_m = moment_Nm[:, 2] / force_N[:, 1], -moment_Nm[:, 0] / force_N[:, 1]
    off_m = np.stack([x_m, np.zeros_like(x_m), z_m], axis=1)
    off_m[force_N[:, 1] <= CONTACT_N] = 0.0  # a quotient of noise
    return Plate(force_N=force_N, cop_m=centre_m + off_m, moment_Nm=moment_Nm - np.cross(off_m, force_N))


def _opened(path: Path, *, plates: bool = False):
    need(("ezc3d",), "labels")
    import ezc3d

    if not path.is_file():
        raise InputError(f"{path} is no file")
    announced = check_head(path)
    try:
        file = ezc3d.c3d(str(path))
        if plates and "FORCE_PLATFORM" not in file["parameters"]:
            raise InputError(f"{path} holds no force plates")
        if plates:
            file = ezc3d.c3d(str(path), extract_forceplat_data=True)
    except (OSError, RuntimeError, ValueError, IndexError, MemoryError) as error:
        raise InputError(f"{path} cannot be read as C3D: {' '.join(str(error).split())}") from None
    found = file["data"]["points"].shape[2]
    if found < announced:
        raise InputError(f"{path} announces {announced} frames and holds {found}; it is cut short")
    return file


def _strings(group, key: str) -> list[str]:
    """Values of LABELS and its continuations LABELS2, LABELS3, ..."""
    found, more = [], key
    for number in range(2, 100):
        if more not in group:
            break
        found += [str(value).strip() for value in group[more]["value"]]
        more = f"{key}{number}"
    return found


def _number(path: Path, group, key: str) -> float:
    value = float(np.ravel(group[key]["value"])[0]) if key in group and len(group[key]["value"]) else 0.0
    if not value > 0:
        raise InputError(f"{path}: {key} is {value:g}; it should be a rate in Hz")
    return value


def _one_person(path: Path, names: list[str], keep: list[int], subject: str | None) -> tuple[list[int], list[str]]:
    """Which points are the person's, and their names without the person's."""
    people = sorted({names[i].rpartition(":")[0] for i in keep})
    if subject is None and len([p for p in people if p]) > 1:
        raise InputError(
            f"{path} holds several people: {', '.join(p for p in people if p)}; pass subject=, or cut the others out"
        )
    if subject is not None and subject not in people:
        raise InputError(
            f"{path} has no subject {subject!r}; it holds {', '.join(p for p in people if p) or 'nameless markers'}"
        )
    if subject is not None:
        keep = [i for i in keep if names[i].rpartition(":")[0] == subject]
    if not keep:
        raise InputError(f"{path} holds no named markers")
    return keep, [names[i].rpartition(":")[2] for i in keep]


def _up_of_markers(path: Path, file, subject: str | None) -> str:
    point = file["parameters"]["POINT"]
    names = _strings(point, "LABELS")
    positions = np.moveaxis(np.asarray(file["data"]["points"])[:3], 0, -1).transpose(1, 0, 2).astype(float)
    keep = [i for i, name in enumerate(names[: positions.shape[1]]) if name and not name.startswith("*")]
    if not keep:
        raise InputError(f"{path}: without markers up cannot be told; pass up='+z' (--up z)")
    keep, plain = _one_person(path, names, keep, subject)
    try:
        return up_axis(plain, positions[:, keep])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _plate_unit_m(path: Path, parameters) -> float:
    """Metres of one unit of corners, origins and moments; refused where moments have another."""
    unit = (_strings(parameters["POINT"], "UNITS") or [""])[0].lower()
    if unit not in UNITS_M:
        raise InputError(f"{path}: POINT:UNITS is {unit!r}, known are {', '.join(UNITS_M)}")
    analog = _strings(parameters["ANALOG"], "UNITS")
    channels = [int(c) - 1 for c in np.asarray(parameters["FORCE_PLATFORM"]["CHANNEL"]["value"])[:6].T.ravel()]
    used = {analog[c].lower().replace(".", "").replace("*", "") for c in channels if 0 <= c < len(analog)} - {"", "v"}
    wrong = sorted(used - {"n", f"n{unit}"})
    if wrong:
        raise InputError(f"{path}: plates are in {', '.join(wrong)}, positions in {unit}; N and N{unit} are read")
    return UNITS_M[unit]
