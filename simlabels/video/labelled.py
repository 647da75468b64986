"""A label dataset, as filming needs it: its clips and their motion."""

import json
from pathlib import Path

import numpy as np

from realtime.body.dataset import JSON_NAME, LABEL_SCHEMA
from realtime.body.errors import InputError
from realtime.body.skeleton import JOINT_COUNT

from ..dataset import LABELS, read_frames
from .motion import ClipMotion, Glance
from .plan import Clip


def list_label_clips(labels: Path) -> list[Clip]:
    """Clips of a finished label dataset.

    Raises:
        InputError: it is none.
    """
    from pyarrow import ArrowException, parquet

    try:
        if json.loads((labels / JSON_NAME).read_text())["schema"] != LABEL_SCHEMA:
            raise ValueError("a dataset of another kind")
        index = parquet.read_table(labels / LABELS.index_name, columns=["clip", "subject", "split", "frames", "fps"])
    except (OSError, ValueError, TypeError, KeyError, ArrowException) as error:
        raise InputError(f"{labels} is not a finished label dataset; make one with `biohuman-labels make`") from error
    return [Clip(**row) for row in index.to_pylist()]


class Motions:
    """Motion of a label dataset, 40 bytes a joint and frame: all of it in memory, for it is looked up again and again.

    Raises:
        InputError: shards are missing or cannot be read.
    """

    def __init__(self, labels: Path):
        from pyarrow import parquet

        columns = read_frames(labels, ["clip", "quat_wxyz", "pelvis_m"])
        names = columns["clip"]
        starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
        ends = np.r_[starts[1:], len(names)]
        self._rows = {str(names[a]): (int(a), int(b)) for a, b in zip(starts, ends, strict=True)}
        self._quat = columns["quat_wxyz"].reshape(-1, JOINT_COUNT, 4)
        self._pelvis_m = columns["pelvis_m"].reshape(-1, 3)
        index = parquet.read_table(labels / LABELS.index_name, columns=["clip", "frames", "rest_m"]).to_pylist()
        for row in index:  # a clip without its frames would be filmed as another
            first, end = self._rows.get(row["clip"], (0, 0))
            if end - first != row["frames"]:
                raise InputError(
                    f"{labels} has {end - first} of {row['frames']} frames of {row['clip']}: a shard is missing; make the dataset again"
                )
        self._rest_m = {row["clip"]: np.array(row["rest_m"], float).reshape(JOINT_COUNT, 3) for row in index}

    def stretch(self, clip: Clip, first: int, last: int) -> ClipMotion:
        """Frames [first, last] of a clip."""
        start, end = self._rows[clip.clip]
        rows, glance = slice(start + first, start + last + 1), Glance.at(self._quat[start:end], self._pelvis_m[start:end])
        return ClipMotion(clip.clip, self._quat[rows], self._pelvis_m[rows], self._rest_m[clip.clip], clip.fps, glance, first)
