"""The muscle table: 354 muscles of the full body without fingers, in the order of every activation array.

`muscles.csv` holds index, name, region (trunk, arm, leg), side, group and, where their licence allows, parameters.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from .errors import ShapeError, UnknownName

MUSCLE_COUNT = 354


@dataclass(frozen=True, kw_only=True)
class Muscle:
    index: int
    name: str
    region: str  # trunk, arm or leg
    side: str  # l or r
    group: str


@cache
def muscle_table() -> tuple[Muscle, ...]:
    """All muscles, by index."""
    text = (files("realtime.body") / "muscles.csv").read_text()
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Muscle(index=int(r["index"]), name=r["name"], region=r["region"], side=r["side"], group=r["group"]) for r in rows
    )


@cache
def muscle_names() -> tuple[str, ...]:
    return tuple(m.name for m in muscle_table())


@cache
def group_names() -> tuple[str, ...]:
    """Muscle groups by side, such as `vasti_l`, in the order of their first muscle."""
    return tuple(dict.fromkeys(f"{m.group}_{m.side}" for m in muscle_table()))


@cache
def _group_weights() -> np.ndarray:
    names = group_names()
    weights = np.zeros((MUSCLE_COUNT, len(names)), np.float32)
    for m in muscle_table():
        weights[m.index, names.index(f"{m.group}_{m.side}")] = 1
    return weights / weights.sum(0)


def group_means(activation: np.ndarray) -> np.ndarray:
    """Mean activation (..., groups) of each group of `group_names()` from activations (..., 354)."""
    if activation.shape[-1] != MUSCLE_COUNT:
        raise ShapeError(f"activations are (..., {MUSCLE_COUNT}), got {activation.shape}")
    return activation @ _group_weights()


def muscle_index(name: str) -> int:
    """Index of a muscle by name.

    Raises:
        UnknownName: no such muscle; the message lists the nearest.
    """
    if name not in muscle_names():
        raise UnknownName("muscle", name, muscle_names())
    return muscle_names().index(name)


@cache
def muscle_mirror() -> tuple[int, ...]:
    """Entry i is the muscle on the other side of the body that muscle i becomes in a mirrored world."""

    def partner(m: Muscle) -> str:
        # legs and trunk end in _r / _l, arms in nothing / _left
        if m.region == "arm":
            return m.name.removesuffix("_left") if m.side == "l" else m.name + "_left"
        return m.name[:-1] + ("l" if m.side == "r" else "r")

    return tuple(muscle_index(partner(m)) for m in muscle_table())
