"""Ground forces on two feet: read from plates, filtered and sampled as wrenches, never as centres of pressure.

A force is what the ground does to the person, at the centre of pressure, plus the free moment there. World: Y up, as the markers'.
Below `CONTACT_N` a centre of pressure is a quotient of noise (hundreds of metres in published files): it is read as it stands,
told by `force_checks.check_forces`, and left out by `filtered`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from ..dynamics import low_pass
from .axes import rotation_to_y_up
from .findings import Finding
from .plates import CONTACT_N, Plate, plates_of_feet, read_plates, up_of_forces
from .table import read_table

#: A loaded centre of pressure further away than this is not in metres.
FURTHEST_COP_M = 20.0


@dataclass(frozen=True, kw_only=True)
class FootForces:
    """Ground forces on the left and the right foot, in this order."""

    time_s: np.ndarray  # (T,), even steps
    force_N: np.ndarray  # (T, 2, 3)
    cop_m: np.ndarray  # (T, 2, 3); NaN where `filtered` saw no contact
    moment_Nm: np.ndarray  # (T, 2, 3): free moment
    source: str
    findings: tuple[Finding, ...] = ()

    @property
    def rate_Hz(self) -> float:
        return float((len(self.time_s) - 1) / (self.time_s[-1] - self.time_s[0]))

    @property
    def is_loaded(self) -> np.ndarray:
        """(T, 2)."""
        return np.asarray(self.force_N[..., 1] > CONTACT_N)


def read_forces(
    path: Path, feet: Mapping[str, str | Sequence[str]] | None = None, *, up: str | None = None, cop_unit_m: float = 1.0
) -> FootForces:
    """Ground forces on both feet from an OpenSim .mot or .sto, or a .csv, plain or .gz.

    Args:
        feet: plate, or plates, that `left` and `right` stood on; None = by the plates' names, where these tell feet.
        up: such as "+z"; None = the axis along which the mean force points.
        cop_unit_m: 0.001 for centres of pressure and moments in mm and N·mm.

    Raises:
        InputError: columns are missing, plates are numbered and `feet` is None, the force points down, a unit is wrong.
        UnknownName: `feet` names a plate that is not there.
    """
    table = read_table(path)
    return forces_of_plates(read_plates(table, str(path)), table.time_s, str(path), feet, up=up, unit_m=cop_unit_m)


def forces_of_plates(
    plates: Mapping[str, Plate],
    time_s: np.ndarray,
    source: str,
    feet: Mapping[str, str | Sequence[str]] | None = None,
    *,
    up: str | None = None,
    unit_m: float = 1.0,
) -> FootForces:
    """`read_forces` of plates that were read already. A foot on several plates feels the sum of their wrenches."""
    of_foot = plates_of_feet(plates, source, feet)
    used = [plates[name] for names in of_foot for name in names]
    R = rotation_to_y_up(up or up_of_forces(used, source))
    feet_plates = [_one_plate([plates[name].turned(R, unit_m) for name in names], len(time_s)) for names in of_foot]
    none = Finding(name="no_free_moment", what="free moments are missing, or all zero", to_do="twist of the foot is lost")
    forces = FootForces(
        time_s=_even(source, time_s),
        force_N=np.stack([p.force_N for p in feet_plates], axis=1),
        cop_m=np.stack([p.cop_m for p in feet_plates], axis=1),
        moment_Nm=np.stack([p.moment_Nm for p in feet_plates], axis=1),
        source=source,
        findings=() if any(np.any(p.moment_Nm) for p in used) else (none,),
    )
    if not forces.is_loaded.any():
        raise InputError(f"{source}: no foot is ever pushed up with more than {CONTACT_N:g} N; check feet, up and the sign")
    far_m = float(np.nanmedian(np.abs(forces.cop_m[forces.is_loaded]).max(1)))
    if far_m > FURTHEST_COP_M:
        raise InputError(f"{source}: under load the centre of pressure is {far_m:.0f} m away; for mm pass cop_unit_m=0.001")
    return forces


def _even(source: str, time_s: np.ndarray) -> np.ndarray:
    """Times on an even grid: files round them, filters need it."""
    if len(time_s) < 2:
        raise InputError(f"{source} has {len(time_s)} row; forces need at least two")
    steps = np.diff(time_s)
    if steps.max() > 1.5 * np.median(steps):
        i = int(steps.argmax())
        raise InputError(f"{source}: rows are missing between {time_s[i]:g} and {time_s[i + 1]:g} s")
    return np.linspace(time_s[0], time_s[-1], len(time_s))


def _one_plate(plates: list[Plate], rows: int) -> Plate:
    """The wrenches of several plates as one. Without load its centre of pressure is that of the first."""
    if len(plates) == 1:
        return plates[0]
    if not plates:
        return Plate(force_N=np.zeros((rows, 3)), cop_m=np.zeros((rows, 3)), moment_Nm=np.zeros((rows, 3)))
    force_N = np.sum([p.force_N for p in plates], axis=0)
    moment_Nm = np.sum([_about_origin(p.force_N, p.cop_m, p.moment_Nm) for p in map(_cleared_plate, plates)], axis=0)
    level_m = np.mean([_level_m(p.force_N, p.cop_m) for p in plates])
    cop_m, free_Nm = _divided(force_N, moment_Nm, np.full(rows, level_m))
    return Plate(force_N=force_N, cop_m=np.where(np.isfinite(cop_m), cop_m, plates[0].cop_m), moment_Nm=np.nan_to_num(free_Nm))


def _cleared_plate(plate: Plate) -> Plate:
    loaded = (plate.force_N[:, 1] > CONTACT_N)[:, None]
    return Plate(
        force_N=np.where(loaded, plate.force_N, 0.0),
        cop_m=np.where(loaded, plate.cop_m, 0.0),
        moment_Nm=np.where(loaded, plate.moment_Nm, 0.0),
    )


def cleared(forces: FootForces) -> FootForces:
    """Force and moment of a foot without contact set to zero, its centre of pressure to NaN."""
    loaded = forces.is_loaded[..., None]
    return replace(
        forces,
        force_N=np.where(loaded, forces.force_N, 0.0),
        cop_m=np.where(loaded, forces.cop_m, np.nan),
        moment_Nm=np.where(loaded, forces.moment_Nm, 0.0),
    )


def wrench_at_origin(forces: FootForces, cutoff_Hz: float | None = None, time_s: np.ndarray | None = None) -> np.ndarray:
    """Force, N, and moment about the world's origin, N·m, of each foot (T, 2, 6), Y up: what inverse dynamics takes.

    Args:
        cutoff_Hz: of a zero-phase low-pass; what is below CONTACT_N is zero before it.
        time_s: other times, such as the markers'; None = those of the forces.

    Raises:
        InputError: a time lies outside the measurement.
    """
    f = cleared(forces)
    wrench = np.concatenate([f.force_N, _about_origin(f.force_N, np.nan_to_num(f.cop_m), f.moment_Nm)], axis=-1)
    wrench = low_pass(wrench, forces.rate_Hz, cutoff_Hz)
    if time_s is None:
        return wrench
    slack = 0.5 / forces.rate_Hz
    if time_s[0] < forces.time_s[0] - slack or time_s[-1] > forces.time_s[-1] + slack:
        raise InputError(
            f"{forces.source} has forces from {forces.time_s[0]:g} to {forces.time_s[-1]:g} s, "
            f"not from {time_s[0]:g} to {time_s[-1]:g} s"
        )
    flat = wrench.reshape(len(wrench), -1)
    return np.stack([np.interp(time_s, forces.time_s, column) for column in flat.T], axis=1).reshape(-1, 2, 6)


def _about_origin(force_N: np.ndarray, cop_m: np.ndarray, moment_Nm: np.ndarray) -> np.ndarray:
    return np.cross(cop_m, force_N) + moment_Nm


def forces_of_wrench(wrench: np.ndarray, time_s: np.ndarray, level_m: np.ndarray, source: str) -> FootForces:
    """The other way: centre of pressure and free moment, about the vertical, of wrenches (T, 2, 6); NaN without contact.

    Args:
        level_m: height of the ground under each foot, (2,).
    """
    cop_m, free_Nm = np.empty((2, *wrench.shape[:2], 3))
    for k in range(2):
        level = np.full(len(wrench), level_m[k])
        cop_m[:, k], free_Nm[:, k] = _divided(wrench[:, k, :3], wrench[:, k, 3:], level)
    return cleared(
        FootForces(time_s=time_s, force_N=wrench[..., :3], cop_m=cop_m, moment_Nm=np.nan_to_num(free_Nm), source=source)
    )


def _divided(force_N: np.ndarray, moment_Nm: np.ndarray, level_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre of pressure at a height, and what moment is left there (vertical only); NaN below CONTACT_N."""
    up_N = np.where(force_N[:, 1] > CONTACT_N, force_N[:, 1], np.nan)
    x_m = (moment_Nm[:, 2] + level_m * force_N[:, 0]) / up_N
    z_m = (level_m * force_N[:, 2] - moment_Nm[:, 0]) / up_N
    cop_m = np.stack([x_m, np.where(np.isfinite(x_m), level_m, np.nan), z_m], axis=1)
    return cop_m, moment_Nm - np.cross(cop_m, force_N)


def _level_m(force_N: np.ndarray, cop_m: np.ndarray) -> float:
    """Height of the centre of pressure under load; 0 without."""
    loaded = force_N[:, 1] > CONTACT_N
    return float(np.nanmedian(cop_m[loaded, 1])) if loaded.any() else 0.0


def levels_m(forces: FootForces) -> np.ndarray:
    """Height of the ground under each foot (2,), by its loaded centres of pressure."""
    return np.array([_level_m(forces.force_N[:, k], forces.cop_m[:, k]) for k in range(2)])


def filtered(forces: FootForces, cutoff_Hz: float | None, time_s: np.ndarray | None = None) -> FootForces:
    """Forces of `wrench_at_origin`'s low-pass and times; centres of pressure are divided out last, NaN without contact.

    A centre of pressure that is itself low-passed or interpolated is dragged across the edges of contact.
    """
    wrench = wrench_at_origin(forces, cutoff_Hz, time_s)
    times = forces.time_s if time_s is None else np.asarray(time_s)
    return replace(forces_of_wrench(wrench, times, levels_m(forces), forces.source), findings=forces.findings)
