"""Marker sets: which marker sits where on which segment. A set is a CSV in `marker_sets/`, or a file of the user's own."""

import csv
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError, UnknownName

#: Segment names of OpenSim's models -> the body of ours that turns with it.
SEGMENT_OF = {"hand_r": "thirdmc_r", "hand_l": "thirdmc_l"}
#: Origin of our torso in Rajagopal's, where marker sets give positions (both have the same axes): the lumbar joint is higher.
TORSO_ORIGIN_M = np.array([-0.003, 0.030, 0.0])
#: Places on bones that people find with a finger, by words of the `landmark` column. The first that fits counts.
LANDMARKS = {
    "hip_centre": r"hip joint centre",
    "asis": r"anterior superior iliac|front waist",
    "psis": r"posterior superior iliac|back waist",
    "sacrum": r"sacrum",
    "knee_lateral": r"lateral femoral epicondyle",
    "knee_medial": r"medial femoral epicondyle",
    "ankle_lateral": r"lateral malleolus",
    "ankle_medial": r"medial malleolus",
    "heel": r"posterior calcaneus|heel",
    "mt5": r"5th metatarsal",
    "toe": r"metatarsal head|toe|hallux",
    "acromion": r"acromion",
    "elbow_lateral": r"lateral humeral epicondyle",
    "elbow_medial": r"medial humeral epicondyle",
    "wrist": r"wrist|styloid",
    "c7": r"C7|7th cervical",
    "sternum": r"sternum|clavicle|jugular|xiphoid",
}
#: Skin over muscle moves by centimetres; a finger-found bone does not.
BONY_WEIGHT, CLUSTER_WEIGHT = 1.0, 0.3


@dataclass(frozen=True, kw_only=True)
class Marker:
    """One marker of a set. `position_m` is in the axes of its segment: x forward, y up, z to the person's right."""

    name: str
    body: str
    position_m: np.ndarray  # (3,)
    landmark: str | None  # a key of LANDMARKS
    side: str | None  # r, l or None


@dataclass(frozen=True)
class MarkerSet:
    name: str
    markers: tuple[Marker, ...]

    def having(self, names: tuple[str, ...]) -> "MarkerSet":
        """Those of the set that are among `names`, in the set's order."""
        return MarkerSet(self.name, tuple(m for m in self.markers if m.name in names))

    def at(self, landmark: str, side: str | None = None) -> list[int]:
        """Indices of the markers on a landmark."""
        return [i for i, m in enumerate(self.markers) if m.landmark == landmark and side in (None, m.side)]


def marker_set_names() -> tuple[str, ...]:
    """Sets that come with the package."""
    return tuple(
        sorted(f.name.removesuffix(".csv") for f in (files("simlabels") / "marker_sets").iterdir() if ".csv" in f.name)
    )


def load_marker_set(name: str) -> MarkerSet:
    """A set by its name, or from a CSV of one's own (columns name, body, x_m, y_m, z_m, landmark).

    Virtual markers (computed points on the ground, middles) are left out, computed hip centres are kept.

    Raises:
        UnknownName: neither a set of ours nor a file.
        InputError: the file lacks columns, or a position is no number.
    """
    path = Path(name)
    if name in marker_set_names():
        text = (files("simlabels") / "marker_sets" / f"{name}.csv").read_text()
    elif path.is_file():
        text = path.read_text()
    else:
        raise UnknownName("marker set", name, marker_set_names())
    rows = list(csv.DictReader(line for line in text.splitlines() if line.strip() and not line.startswith("#")))
    missing = {"name", "body", "x_m", "y_m", "z_m", "landmark"} - set(rows[0] if rows else ())
    if missing:
        raise InputError(
            f"{name}: a marker set has the columns name, body, x_m, y_m, z_m, landmark; missing: {sorted(missing)}"
        )
    return MarkerSet(path.stem, tuple(_marker(name, row) for row in rows if row["landmark"].strip() != "virtual"))


def _marker(set_name: str, row: dict[str, str]) -> Marker:
    try:
        position_m = np.array([float(row[f"{axis}_m"]) for axis in "xyz"])
    except ValueError:
        raise InputError(f"{set_name}: marker {row['name']} has a position that is no number") from None
    body = SEGMENT_OF.get(row["body"], row["body"])
    if body == "torso":
        position_m = position_m - TORSO_ORIGIN_M
    landmark = next((key for key, words in LANDMARKS.items() if re.search(words, row["landmark"], re.IGNORECASE)), None)
    return Marker(name=row["name"], body=body, position_m=position_m, landmark=landmark, side=_side(row["name"], body))


def _side(name: str, body: str) -> str | None:
    if body.endswith(("_r", "_l")):
        return body[-1]
    found = re.match(r"([RrLl])[._A-Z]", name)
    return found[1].lower() if found else None
