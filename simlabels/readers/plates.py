"""Force plates in a table, by their columns' names, and which foot stood on which."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from realtime.body.errors import InputError, UnknownName

from .table import Table

#: Vertical force that counts as contact.
CONTACT_N = 20.0
#: Plates by name, (left, right): walking_emg's, Gait2354's, CEINMS's, and spelt out.
CONVENTIONS = (
    ("ground_force_l", "ground_force_r"),
    ("1_ground_force", "ground_force"),
    ("l_ground_force", "ground_force"),
    ("l_ground_force", "r_ground_force"),
    ("ground_force_left", "ground_force_right"),
)
_COLUMN = re.compile(r"(?P<before>.*?)ground_(?P<kind>force|torque|moment)_?(?P<plate>.*?)_?(?P<what>[vpm]?)(?P<axis>[xyz])")
_MEANING = {"v": "force", "p": "centre of pressure", "m": "moment"}
#: Share of the mean force that must go along one axis for it to be up.
UPWARD = 0.8


@dataclass(frozen=True, kw_only=True)
class Plate:
    """What one force plate measured, (T, 3) each."""

    force_N: np.ndarray  # on the person
    cop_m: np.ndarray
    moment_Nm: np.ndarray  # free moment at the centre of pressure

    @property
    def is_loaded(self) -> bool:
        return bool((np.linalg.norm(self.force_N, axis=1) > CONTACT_N).any())

    def turned(self, R: np.ndarray, unit_m: float) -> "Plate":
        """In other axes and in metres."""
        return Plate(force_N=self.force_N @ R.T, cop_m=self.cop_m @ R.T * unit_m, moment_Nm=self.moment_Nm @ R.T * unit_m)


def read_plates(table: Table, source: str) -> dict[str, Plate]:
    """Force plates by name, such as `ground_force_r` or `1_ground_force`: the columns' own name without v, p or m.

    Raises:
        InputError: no such columns, one of a plate's is missing or there twice, a force is no number.
    """
    found: dict[str, dict[str, int]] = {}
    for i, column in enumerate(table.columns):
        match = _COLUMN.fullmatch(column)
        if match is None:
            continue
        plate = found.setdefault(f"{match['before']}ground_force{'_' if match['plate'] else ''}{match['plate']}", {})
        key = (match["what"] if match["kind"] == "force" else "m") + match["axis"]
        if key in plate:
            raise InputError(f"{source}: {column} and {table.columns[plate[key]]} say the same")
        plate[key] = i
    if not found:
        raise InputError(f"{source} has no columns like ground_force_r_vx; it holds {', '.join(table.columns[:4])}, ...")
    return {name: _plate(table, source, name, at) for name, at in found.items()}


def _plate(table: Table, source: str, name: str, at: dict[str, int]) -> Plate:
    def of(what: str) -> np.ndarray:
        lacking = [axis for axis in "xyz" if what + axis not in at]
        if what == "m" and len(lacking) == 3:
            return np.zeros((len(table.time_s), 3))
        if lacking:
            raise InputError(f"{source}: {name} has no {_MEANING[what]} along {', '.join(lacking)}")
        return table.values[:, [at[what + axis] for axis in "xyz"]]

    plate = Plate(force_N=of("v"), cop_m=of("p"), moment_Nm=of("m"))
    bad = ~np.isfinite(np.hstack([plate.force_N, plate.moment_Nm])).all(1)
    if bad.any():
        raise InputError(f"{source}: force or moment of {name} is no number at {table.time_s[bad.argmax()]:g} s")
    return plate


def plates_of_feet(
    plates: Mapping[str, Plate], source: str, feet: Mapping[str, str | Sequence[str]] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the plates of the left and of the right foot: as given, or by a convention that leaves no loaded plate over.

    Raises:
        InputError: names do not tell feet, or `feet` is not about left and right.
        UnknownName: no such plate.
    """
    if feet is None:
        loaded = {name for name, plate in plates.items() if plate.is_loaded}
        for pair in CONVENTIONS:
            if set(pair) <= set(plates) and loaded <= set(pair):
                return (pair[0],), (pair[1],)
        raise InputError(
            f"{source}: plates {', '.join(plates)} do not say which foot stood on them; "
            "pass feet={'left': ..., 'right': ...} (--left, --right)"
        )
    if not feet or not set(feet) <= {"left", "right"}:
        raise InputError(f"feet are called left and right, not {', '.join(feet) or 'nothing'}")
    of_foot = []
    for foot in ("left", "right"):
        given = feet.get(foot, ())
        names = (given,) if isinstance(given, str) else tuple(given)
        for name in names:
            if name not in plates:
                raise UnknownName(f"force plate in {source}", name, tuple(plates))
        of_foot.append(names)
    both = set(of_foot[0]) & set(of_foot[1])
    if both:
        raise InputError(f"{', '.join(sorted(both))} cannot be under both feet: such steps cannot be told apart")
    return of_foot[0], of_foot[1]


def up_of_forces(plates: Sequence[Plate], source: str) -> str:
    """The axis along which the mean force of loaded samples points, such as "+y".

    Raises:
        InputError: no load, a slanted mean force; or it points down, as forces on the plate do.
    """
    total_N = np.sum([plate.force_N for plate in plates], axis=0)
    loaded = total_N[np.linalg.norm(total_N, axis=1) > CONTACT_N]
    if not len(loaded):
        raise InputError(f"{source}: no plate is ever loaded with more than {CONTACT_N:g} N")
    mean_N = loaded.mean(0)
    k = int(np.abs(mean_N).argmax())
    if abs(mean_N[k]) < UPWARD * np.linalg.norm(mean_N):
        raise InputError(f"{source}: the mean force {np.round(mean_N, 1)} N is along no axis; pass up=")
    if mean_N[k] < 0:
        raise InputError(
            f"{source}: the mean force points along -{'xyz'[k]}; if that is down, it is the force on the plate: change its "
            f"sign; if {'xyz'[k]} points down, pass up='-{'xyz'[k]}'"
        )
    return f"+{'xyz'[k]}"
