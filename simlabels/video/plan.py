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
#: Of the stretches of a clip that was filmed as it is before.
MIRRORED_SHARE, RECOMBINED_SHARE = 0.5, 0.35


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
    other: tuple[Clip, int]  # clip and first frame of what a bystander does
    mirrored: bool
    upper: tuple[Clip, int] | None  # clip and first frame of what the upper body does, if not the same
    seed: int


def plan_takes(clips: Sequence[Clip], *, frames: int, views: int, seed: int, seconds: float = TAKE_SECONDS) -> list[Stretch]:
    """Stretches that cover all clips.

    Training clips are gone through again and again until there are `frames` label frames of them: as they are at first, then cut
    elsewhere, half of the stretches mirrored, and some with the upper body of another clip, for motion is scarcer than views. Of fewer
    frames than they have, stretches are drawn from all of them. Every clip of another split is filmed as it is and whole by `views`
    cameras.

    Raises:
        InputError: there is no clip long enough, or takes would be too short.
    """
    long_enough = [clip for clip in clips if clip.frames >= FEWEST_FRAMES]
    if not long_enough:
        raise InputError(f"no clip has {FEWEST_FRAMES} frames; label longer motion")
    usable = [clip for clip in long_enough if round(seconds * clip.fps) >= FEWEST_FRAMES]
    if not usable:  # else training clips would be gone through without end
        shortest_s = FEWEST_FRAMES / max(clip.fps for clip in long_enough)
        raise InputError(
            f"a take has {FEWEST_FRAMES} label frames or more; --seconds should be {shortest_s:g} or more, got {seconds:g}"
        )
    train = [clip for clip in usable if clip.split == "train"]
    takes: list[Stretch] = []
    for view in range(views):
        for clip in usable:
            if clip.split != "train":
                takes += _cut(clip, f"view{view}", 0, seed, seconds, _same_split(usable, clip), varied=False)
    once = [stretch for clip in train for stretch in _cut(clip, "pass0", 0, seed, seconds, train, varied=False)]
    if _frames_of(once) > frames:
        drawn = [once[i] for i in np.random.default_rng(seed).permutation(len(once))]
        before = itertools.accumulate((_frames_of([stretch]) for stretch in drawn), initial=0)
        return takes + [stretch for stretch, total in zip(drawn, before, strict=False) if total < frames]
    takes += once
    total, going = _frames_of(once), 1
    while train and total < frames:
        for clip in train:
            rng = np.random.default_rng((seed, going, zlib.crc32(clip.clip.encode())))
            longest = round(seconds * clip.fps)
            shift = int(rng.integers(longest)) if clip.frames > longest else 0
            cut = _cut(clip, f"pass{going}", shift, seed, seconds, train, varied=True)
            takes += cut
            total += _frames_of(cut)
            if total >= frames:
                break
        going += 1
    return takes


def _frames_of(stretches: Sequence[Stretch]) -> int:
    return sum(stretch.last - stretch.first + 1 for stretch in stretches)


def _same_split(clips: Sequence[Clip], clip: Clip) -> list[Clip]:
    return [other for other in clips if other.split == clip.split]


def _cut(
    clip: Clip, name: str, shift: int, seed: int, seconds: float, others: Sequence[Clip], *, varied: bool
) -> list[Stretch]:
    longest = round(seconds * clip.fps)
    edges = [0, *range(shift or longest, clip.frames, longest), clip.frames]
    out = []
    for first, end in itertools.pairwise(edges):
        if end - first < FEWEST_FRAMES:
            continue
        take = f"{clip.clip}-{name}-{first:05d}"
        own = zlib.crc32(f"{seed}/{take}".encode())
        rng = np.random.default_rng(own)
        bystander = _somewhere(rng, others, seconds)
        mirrored, recombined = (rng.random(2) < (MIRRORED_SHARE, RECOMBINED_SHARE)).tolist() if varied else (False, False)
        upper = _somewhere(rng, others, (end - first) / clip.fps) if recombined else None
        out.append(Stretch(take, clip, first, end - 1, bystander, mirrored, upper, own))
    return out


def _somewhere(rng: np.random.Generator, clips: Sequence[Clip], seconds: float) -> tuple[Clip, int]:
    """One of the clips, and a frame from which it goes on for so long, if it does."""
    long_enough = [clip for clip in clips if clip.frames > seconds * clip.fps] or clips
    clip = long_enough[int(rng.integers(len(long_enough)))]
    return clip, int(rng.integers(max(1, clip.frames - round(seconds * clip.fps))))
