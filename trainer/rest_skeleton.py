"""The mean skeleton of the training takes: how `realtime/body/rest_skeleton.csv` was made."""

from pathlib import Path

import numpy as np

from realtime.body.dataset import PAIR_SCHEMA
from realtime.body.errors import InputError
from realtime.body.files import write_whole
from realtime.body.skeleton import JOINT_MIRROR, JOINTS, REST_STATURE_M, offsets_of

from .data.tables import read_index

HEAD = """# Bone vectors parent -> joint in the rest pose (T-pose, Y up, facing +Z, left = +X), metres, stature 1.70 m.
# Mean over the training takes of the rendered pairs, weighted by frames, left and right made equal.
joint,x_m,y_m,z_m
"""


def mean_rest_offsets_m(pairs: Path) -> np.ndarray:
    """Bone vectors (24, 3) at a stature of 1.70 m: mean over the training takes, weighted by frames, left and right alike.

    Raises:
        InputError: no such dataset, or no training takes.
    """
    _, takes = read_index(pairs, PAIR_SCHEMA)
    train = takes["split"] == "train"
    if not train.any():
        raise InputError(f"{pairs} has no training takes to take the mean of")
    per_take = offsets_of(takes["rest_m"][train]) / (takes["stature_m"][train] / REST_STATURE_M)[:, None, None]
    mean = np.average(per_take, axis=0, weights=takes["frames"][train])
    return (mean + mean[list(JOINT_MIRROR)] * [-1, 1, 1]) / 2


def write_rest_skeleton(pairs: Path, out: Path) -> None:
    """Writes the table, whole or not at all."""
    rows = [
        f"{name},{x:.4f},{y:.4f},{z:.4f}\n" for name, (x, y, z) in zip(JOINTS, mean_rest_offsets_m(pairs) + 0.0, strict=True)
    ]
    write_whole(out, lambda part: part.write_text(HEAD + "".join(rows)))
