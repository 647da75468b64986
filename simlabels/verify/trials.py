"""Laboratory trials of a reference folder: which files, which person, which seconds of them."""

import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from realtime.body.errors import InputError, UnknownName

TRIAL_FILE = "trial.toml"
KINDS = ("walk", "squat", "sit")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One measured movement. Files are paths; what was not measured is None."""

    name: str
    kind: str
    mass_kg: float
    window_s: tuple[float, float]  # where forces and kinematics hold
    markers: Path | None = None
    static: Path | None = None
    marker_set: str | None = None
    opensim_marker_rmse_mm: float | None = None
    angles: Path | None = None  # OpenSim's inverse kinematics
    angles_in_degrees: bool | None = None  # where the file does not say
    forces: Path | None = None
    feet: dict[str, str] | None = None  # foot -> plate, where the names do not say
    emg: Path | None = None
    emg_side: str = "r"
    emg_window_s: tuple[float, float] = (0.0, 0.0)
    emg_delay_s: float = 0.1
    opensim_activations: Path | None = None
    oracle: Path | None = None


def trials_of(reference: Path) -> list[Trial]:
    """The known trials that `reference` holds, and those of folders with a `trial.toml`.

    Raises:
        InputError: no folder, no trial in it, a trial that lacks a file or says what it should not.
    """
    if not reference.is_dir():
        raise InputError(f"{reference} is not a folder; give one with laboratory trials (see docs/labels.md)")
    known = tomllib.loads((files("simlabels.verify") / "trials.toml").read_text())
    found = [_trial(n, row, reference / row.get("folder", n)) for n, row in known.items() if _is_there(reference, n, row)]
    for path in sorted(reference.glob(f"*/{TRIAL_FILE}")):
        try:
            row = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: {error}") from error
        found.append(_trial(path.parent.name, row, path.parent))
    if not found:
        raise InputError(f"{reference} holds no trial; a trial is a folder with a {TRIAL_FILE} (see docs/labels.md)")
    return found


def _is_there(reference: Path, name: str, row: dict) -> bool:
    folder = reference / row.get("folder", name)
    return folder.is_dir() and not (folder / TRIAL_FILE).exists()


def _trial(name: str, row: dict, folder: Path) -> Trial:
    """A trial from its table; every file that it names must exist."""
    types = {field.name: str(field.type) for field in fields(Trial)}
    values = {}
    for key, value in row.items():
        if key == "folder":
            continue
        if key not in types:
            raise UnknownName(f"key of trial {name}", key, tuple(types))
        if "Path" in types[key]:
            value = folder / value
            if not value.is_file():
                raise InputError(f"trial {name}: there is no {value}")
        elif isinstance(value, list):
            value = tuple(value)
        values[key] = value
    missing = [key for key in ("kind", "mass_kg", "window_s") if key not in values]
    if missing:
        raise InputError(f"trial {name} does not say {', '.join(missing)}")
    if values["kind"] not in KINDS:
        raise UnknownName(f"kind of trial {name}", values["kind"], KINDS)
    return Trial(name=name, **values)
