"""A folder of motion capture: its BVH, AMC and AMASS-style .npz files, its manifest.csv and subjects.csv where there are any."""

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path

from realtime.body.errors import InputError

MANIFEST, SUBJECTS = "manifest.csv", "subjects.csv"
SPLITS = ("train", "val", "test")
SUFFIXES = (".bvh", ".bvh.gz", ".amc", ".npz")
#: What no person is.
MASS_RANGE_KG, HEIGHT_RANGE_M, AGE_RANGE_YEARS = (20.0, 250.0), (1.0, 2.4), (1.0, 120.0)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is known of a person; None = unknown."""

    sex: str | None = None
    age_years: float | None = None
    height_m: float | None = None
    mass_kg: float | None = None


@dataclass(frozen=True, kw_only=True)
class ClipFile:
    """One motion file and what the manifest says of it."""

    clip: str
    path: Path
    subject: str = "unknown"
    split: str = "train"
    action: str = ""
    floor_m: float | None = None  # None = estimate
    contact_elsewhere: bool = False  # hands, a seat or an apparatus carry weight
    flat_ground: bool = True
    props: bool = False  # something is handled that is not in the file
    person: Subject = Subject()
    height_m: float | None = None  # stature that its motion is scaled to, by other clips of its subject
    height_from: str = "skeleton"
    skeleton: Path | None = None  # the .asf of an .amc
    problem: str = ""  # why this clip cannot be labelled, where that is known before it is read

    @property
    def files(self) -> tuple[Path, ...]:
        """What its motion is read from."""
        return (self.path,) if self.skeleton is None else (self.path, self.skeleton)


def is_smpl(clip: ClipFile) -> bool:
    """Whether the clip is AMASS-style .npz."""
    return clip.path.suffix == ".npz"


def list_clips(folder: Path) -> list[ClipFile]:
    """The motion files of a folder by name, joined with `manifest.csv` and `subjects.csv` (comment lines start with #).

    manifest.csv: clip, subject, split; optional action, floor_m, flat_ground, other_contact, props.
    subjects.csv: subject; optional sex, age_years, height_m, mass_kg; an empty cell is unknown.
    Without a manifest every clip is split "train" of subject "unknown".
    An .amc takes the skeleton of its subject as CMU names them (07_01.amc: 07.asf), or the folder's only one. A clip without
    skeleton, or of a subject whose numbers are no person's, has a `problem`.

    Raises:
        InputError: no folder, no motion, two files of one name, a file that the manifest does not list, a column or value that is wrong.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that holds the .bvh, .amc or .npz files")
    try:
        paths = sorted(p for p in folder.iterdir() if p.name.endswith(SUFFIXES))
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from None
    if not paths:
        raise InputError(f"{folder} holds no .bvh, .amc or .npz files; give the folder that does")
    names = [_clip_name(path) for path in paths]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InputError(
                f"{folder} holds two files called {name}: {paths[names.index(name)].name} and {paths[i].name}; rename one"
            )
    manifest = _table(folder / MANIFEST, key="clip", needed=("clip", "subject", "split"))
    people = _table(folder / SUBJECTS, key="subject", needed=("subject",)) or {}
    skeletons = sorted(folder.glob("*.asf"))
    return [_with_skeleton(_clip_file(path, manifest, people, folder), skeletons) for path in paths]


def _clip_name(path: Path) -> str:
    return next(path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix))


def _with_skeleton(clip: ClipFile, skeletons: list[Path]) -> ClipFile:
    if clip.path.suffix != ".amc":
        return clip
    subject = clip.clip.split("_")[0]
    own = [path for path in skeletons if path.stem in (clip.clip, subject)]
    if not own and not (subject.isdigit() and all(path.stem.isdigit() for path in skeletons)):  # 08.asf is not of 07_01.amc
        own = skeletons
    if len(own) == 1:
        return replace(clip, skeleton=own[0])
    which = f"{', '.join(path.name for path in own[:3])} could be its skeleton" if own else "its skeleton is not beside it"
    return replace(clip, problem=clip.problem or f"{clip.path}: {which}; put the subject's there, as {subject}.asf")


def _clip_file(path: Path, manifest: dict | None, people: dict, folder: Path) -> ClipFile:
    clip = _clip_name(path)
    if manifest is None:
        return ClipFile(clip=clip, path=path)
    if clip not in manifest:
        raise InputError(f"{folder / MANIFEST} does not list {path.name}; add a row for it or move the file away")
    row = manifest[clip]
    where = f"{folder / MANIFEST}, clip {clip}"
    if row["split"] not in SPLITS:
        raise InputError(f"{where}: split should be one of {', '.join(SPLITS)}, got {row['split']!r}")
    if not row["subject"]:
        raise InputError(f"{where}: the subject is empty; give it a name")
    person, problem = Subject(), ""
    try:
        person = _subject(people.get(row["subject"], {}), f"{folder / SUBJECTS}, subject {row['subject']}")
    except InputError as error:
        problem = f"{path}: {error}"
    return ClipFile(
        clip=clip,
        path=path,
        subject=row["subject"],
        split=row["split"],
        action=row.get("action") or "",
        floor_m=_number(row.get("floor_m"), where, "floor_m"),
        contact_elsewhere=_flag(row, "other_contact", "0", where),
        flat_ground=_flag(row, "flat_ground", "1", where),
        props=_flag(row, "props", "0", where),
        person=person,
        problem=problem,
    )


def _subject(row: dict, where: str) -> Subject:
    numbers = {name: _number(row.get(name), where, name) for name in ("age_years", "height_m", "mass_kg")}
    person = Subject(sex=row.get("sex") or None, **numbers)
    if person.age_years is not None:
        _in_range(person.age_years, AGE_RANGE_YEARS, f"{where}: age_years", "years")
    check_person(person.mass_kg, person.height_m, f"{where}: mass_kg", f"{where}: height_m")
    return person


def check_person(mass_kg: float | None, height_m: float | None, mass: str, height: str) -> None:
    """Raises InputError if mass or height, called `mass` and `height`, are no person's; None is unknown."""
    if mass_kg is not None:
        _in_range(mass_kg, MASS_RANGE_KG, mass, "kg")
    if height_m is not None:
        _in_range(height_m, HEIGHT_RANGE_M, height, "m")


def _in_range(value: float, limits: tuple[float, float], what: str, unit: str) -> None:
    low, high = limits
    if not low <= value <= high:
        raise InputError(f"{what} is {value:g} {unit}, a person has {low:g} to {high:g}")


def _table(path: Path, *, key: str, needed: tuple[str, ...]) -> dict[str, dict[str, str]] | None:
    """Rows of a CSV by their key; None if there is no such file."""
    if not path.exists():
        return None
    try:
        lines = [
            line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip() and not line.startswith("#")
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from error
    reader = csv.DictReader(lines)
    missing = [name for name in needed if name not in (reader.fieldnames or [])]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}; it should have {', '.join(needed)}")
    rows: dict[str, dict[str, str]] = {}
    for row in reader:
        if row[key] in rows:
            raise InputError(f"{path} lists {key} {row[key]!r} twice")
        rows[row[key]] = row
    return rows


def _number(text: str | None, where: str, column: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} should be a number, got {text!r}")
    return value


def _flag(row: dict[str, str], column: str, default: str, where: str) -> bool:
    text = row.get(column) or default
    if text not in ("0", "1"):
        raise InputError(f"{where}: {column} should be 0 or 1, got {text!r}")
    return text == "1"
