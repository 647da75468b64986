"""Time courses of one clip: what is plotted of it, from a dataset's shards or fresh from the chain."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.body.dataset import LABEL_FRAMES
from realtime.body.errors import InputError
from realtime.body.muscles import group_means, group_names

from ..folder import SUFFIXES, ClipFile, list_clips
from ..person import with_sizes
from .reading import Dataset, read_batches

#: Frame columns a course needs.
COLUMNS = ["pelvis_m", "reject", "grf_BW", "activation"]
#: Muscle groups that show what legs and back do.
GROUPS = ("gluteus_maximus", "vasti", "hamstrings", "soleus", "tibialis_anterior", "erector_longissimus")


@dataclass(frozen=True, kw_only=True)
class Course:
    """Consecutive frames of one clip."""

    clip: str
    action: str
    fps: float
    start_s: float
    grf_BW: np.ndarray  # (T, 2, 3): left, right
    pelvis_m: np.ndarray  # (T, 3)
    groups: np.ndarray  # (T, 6, 2): mean activation of GROUPS, left and right
    reject: np.ndarray  # (T,) bits of REJECT_REASONS

    @property
    def time_s(self) -> np.ndarray:
        return self.start_s + np.arange(len(self.reject)) / self.fps

    def part(self, start_s: float, end_s: float) -> "Course":
        """The frames from `start_s` to `end_s` of the clip.

        Raises:
            InputError: there are fewer than two.
        """
        keep = (self.time_s >= start_s) & (self.time_s < end_s)
        if keep.sum() < 2:
            span = f"{self.start_s:g} to {self.time_s[-1]:.2f} s"
            raise InputError(f"{self.clip} lasts {span}; there is nothing from {start_s:g} to {end_s:g} s")
        first = float(self.time_s[keep][0])
        cut = {name: getattr(self, name)[keep] for name in ("grf_BW", "pelvis_m", "groups", "reject")}
        return Course(clip=self.clip, action=self.action, fps=self.fps, start_s=first, **cut)


def course(clip: str, action: str, fps: float, columns: dict[str, np.ndarray], start_s: float = 0.0) -> Course:
    """Course of frame columns, at least COLUMNS."""
    means, names = group_means(columns["activation"]), group_names()
    sides = [[names.index(f"{group}_{side}") for side in "lr"] for group in GROUPS]
    kept = {name: columns[name] for name in ("grf_BW", "pelvis_m", "reject")}
    return Course(clip=clip, action=action, fps=fps, start_s=start_s, groups=means[:, sides], **kept)


def course_of(dataset: Dataset, clip: str, shard: str, most_frames: int) -> Course:
    """Course of one clip in its shard; of a longer one the `most_frames` in a row of which most are rejected."""
    parts: list[dict[str, np.ndarray]] = []
    for batch in read_batches(dataset.folder / shard, {name: LABEL_FRAMES[name] for name in ("clip", *COLUMNS)}):
        mine = batch["clip"] == clip
        parts.append({name: batch[name][mine] for name in COLUMNS})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    row = dataset.clips[clip]
    first = _most_rejected(columns["reject"] > 0, most_frames)
    window = {name: values[first : first + most_frames] for name, values in columns.items()}
    return course(clip, row["action"], row["fps"], window, first / row["fps"])


def _most_rejected(rejected: np.ndarray, length: int) -> int:
    """Where the `length` frames begin of which most are rejected; the earliest of equals."""
    if len(rejected) <= length:
        return 0
    total = np.concatenate([[0], np.cumsum(rejected)])
    return int(np.argmax(total[length:] - total[:-length]))


def clip_file(path: Path) -> ClipFile:
    """A motion file, with what the tables and the files beside it say of it and its subject.

    Raises:
        InputError: no such file, or a manifest that does not fit.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; give one .bvh, .bvh.gz or .npz clip")
    for clip in with_sizes(list_clips(path.parent)):
        if clip.path.name == path.name:
            return clip
    raise InputError(f"{path} should end in {', '.join(SUFFIXES)}")
