"""Which stretch of which clip is filmed, how often: the list of takes of a paired dataset, the same in every run."""

import itertools
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from realtime.body.errors import InputError

#: Stretches end here, so that many people, places and cameras are seen.
TAKE_SECONDS = 8.0
FEWEST_FRAMES = 30


class Clip(NamedTuple):
    """A clip of the label dataset."""

    clip: str
    subject: str
    split: str
    frames: int
    fps: float


class Stretch(NamedTuple):
    """Frames [first, last] of a clip, to be filmed by one camera."""

    take: str
    clip: Clip
    first: int
    last: int
    other: tuple[Clip, int] | None  # clip and first frame of what a bystander does
    seed: int


def plan_takes(clips: Sequence[Clip], *, frames: int, views: int, seed: int, seconds: float = TAKE_SECONDS) -> list[Stretch]:
    """Stretches that cover all clips.

    Training clips are gone through again and again, cut elsewhere each time, until there are `frames` label frames of them; every
    clip of another split is filmed whole by `views` cameras.

    Raises:
        InputError: there is no clip long enough.
    """
    usable = [clip for clip in clips if clip.frames >= FEWEST_FRAMES]
    if not usable:
        raise InputError(f"no clip has {FEWEST_FRAMES} frames; label longer motion")
    train = [clip for clip in usable if clip.split == "train"]
    takes: list[Stretch] = []
    for view in range(views):
        for clip in usable:
            if clip.split != "train":
                takes += _cut(clip, f"view{view}", 0, seed, seconds, _same_split(usable, clip))
    total, going = 0, 0
    while train and total < frames:
        for clip in train:
            rng = np.random.default_rng((seed, going, zlib.crc32(clip.clip.encode())))
            longest = round(seconds * clip.fps)
            shift = int(rng.integers(longest)) if going and clip.frames > longest else 0
            cut = _cut(clip, f"pass{going}", shift, seed, seconds, train)
            takes += cut
            total += sum(stretch.last - stretch.first + 1 for stretch in cut)
            if total >= frames:
                break
        going += 1
    return takes


def _same_split(clips: Sequence[Clip], clip: Clip) -> list[Clip]:
    return [other for other in clips if other.split == clip.split]


def _cut(clip: Clip, name: str, shift: int, seed: int, seconds: float, others: Sequence[Clip]) -> list[Stretch]:
    longest = round(seconds * clip.fps)
    edges = [0, *range(shift or longest, clip.frames, longest), clip.frames]
    out = []
    for first, end in itertools.pairwise(edges):
        if end - first < FEWEST_FRAMES:
            continue
        take = f"{clip.clip}-{name}-{first:05d}"
        own = zlib.crc32(f"{seed}/{take}".encode())
        rng = np.random.default_rng(own)
        other = others[int(rng.integers(len(others)))]
        start = int(rng.integers(max(1, other.frames - longest)))
        out.append(Stretch(take, clip, first, end - 1, (other, start), own))
    return out
