"""A label dataset to paired video: takes are filmed by several processes, the front end looks at them, shards come in a fixed order."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

from realtime.assets import fetch
from realtime.body.dataset import JSON_NAME
from realtime.body.errors import InputError, UnknownName

from ..cluster import software
from ..dataset import PAIRS, DatasetWriter, file_sha256
from ..workers import ATTEMPTS, LocalWorkers, Workers
from .bodies import bodies_path, load_bodies
from .film_job import Filmed, Filming, Job, work
from .labelled import Motions, list_label_clips
from .motion import ClipMotion
from .plan import TAKE_SECONDS, Clip, Stretch, plan_takes

PACKAGES = ("moderngl", "mediapipe", "numpy", "scipy", "opencv-contrib-python", "pyarrow")


class Summary(NamedTuple):
    takes: int
    frames: int
    detected: int
    skipped: dict[str, str]
    without_film: list[str]  # takes whose film was to be kept and is not there


def make_video(
    labels: Path,
    out: Path,
    *,
    frames: int,
    views: int = 1,
    seed: int = 0,
    seconds: float = TAKE_SECONDS,
    clips: Sequence[str] = (),
    splits: Sequence[str] = (),
    filming: Filming | None = None,
    bodies: Path | None = None,
    workers: Workers | None = None,
    jobs: int = 1,
    notify: Callable[[str], None] = lambda line: None,
    on_start: Callable[[int, int], None] = lambda takes, kept: None,
    on_take: Callable[[Filmed], None] = lambda filmed: None,
) -> Summary:
    """Films the clips of the label dataset `labels` into the paired dataset `out`.

    Args:
        frames: label frames of training clips that are performed, in as many passes as it takes.
        views: cameras on each clip of the other splits, each of which is filmed whole.
        seconds: the longest take.
        clips, splits: only these; all if empty.
        bodies: file of bodies; None = the cache folder's, made if need be.
        workers: who films (see `ray_workers`); None = `jobs` processes of this machine.
        on_start, on_take: called with the number of takes and of those kept from an earlier run; with each finished take.

    Raises:
        InputError: `labels` is no finished label dataset.
        UnknownName: it has no such clip or split.
        OutputError: `out` holds something else or cannot be written.
    """
    filming = filming or Filming()
    if out.resolve() == labels.resolve():
        raise InputError(f"{out} holds the labels: give --out another folder")
    chosen = _choose(list_label_clips(labels), clips, splits)
    plan = plan_takes(chosen, frames=frames, views=views, seed=seed, seconds=seconds)
    bodies = (bodies or bodies_path()).absolute()
    load_bodies(bodies, notify=notify)  # made here if need be, which takes minutes, not by every process
    writer = DatasetWriter(out, PAIRS, _settings(labels, filming, bodies, frames, views, seed, seconds, clips, splits))
    kept = writer.done
    # A take in a whole shard whose film is wanted and not there is filmed again for its film alone.
    todo = [stretch for stretch in plan if stretch.take not in kept or not filming.has_all(stretch.take)]
    on_start(len(plan), len(plan) - len(todo))
    motions = Motions(labels)
    of = partial(job_of, motions=motions, seconds=seconds, filming=filming, bodies=bodies)
    skipped: dict[str, str] = {}
    with nullcontext(workers) if workers else local_workers(jobs) as crew:  # who is given belongs to the caller
        for filmed in crew.run(_Jobs(todo, of)):
            if filmed.take not in kept:
                if filmed.error is None:
                    writer.add(filmed.row, filmed.frames)
                else:
                    skipped[filmed.take] = filmed.error
            on_take(filmed)
    rows = writer.rows
    if not rows:
        raise InputError(f"no take could be filmed; the first: {next(iter(skipped.values()))}")
    writer.finish({**_by_split(rows), "skipped": skipped})
    without_film = [row["take"] for row in rows if not filming.has_all(row["take"])]
    return Summary(**_count(rows), skipped=skipped, without_film=without_film)


def _choose(all_clips: list[Clip], clips: Sequence[str], splits: Sequence[str]) -> list[Clip]:
    for kind, wanted, there in (
        ("clip", clips, {clip.clip for clip in all_clips}),
        ("split", splits, {clip.split for clip in all_clips}),
    ):
        for name in wanted:
            if name not in there:
                raise UnknownName(f"{kind} of the labels", name, sorted(there))
    chosen = [clip for clip in all_clips if not clips or clip.clip in clips]
    if chosen and not any(clip.split in splits for clip in chosen if splits) and splits:
        raise InputError(f"none of these clips is in {' or '.join(splits)}; leave out --clips or --splits")
    return [clip for clip in chosen if not splits or clip.split in splits]


def _settings(labels, filming, bodies, frames, views, seed, seconds, clips, splits) -> dict:
    """Everything the takes hang on: two runs with equal settings give the same dataset."""
    return {
        "labels_sha256": file_sha256(labels / JSON_NAME),
        "bodies_sha256": file_sha256(bodies),
        "landmarker_sha256": file_sha256(fetch("landmarker_full")),
        "frames": frames,
        "views": views,
        "seed": seed,
        "seconds": seconds,
        "clips": list(clips),
        "splits": list(splits),
        "size_px": list(filming.size_px),
        "shadow": filming.shadow,
        "plain": filming.plain,
        "world": "of the clip in the label dataset, scaled to the person and moved so that the soles stand at y = 0",
        "software": software(PACKAGES),
    }


def _by_split(rows: list[dict]) -> dict[str, dict]:
    """How much there is of each split, and of whom."""
    of = {split: [row for row in rows if row["split"] == split] for split in dict.fromkeys(row["split"] for row in rows)}
    return {
        "counts": {split: _count(takes) for split, takes in of.items()},
        "subjects": {split: sorted({row["subject"] for row in takes}) for split, takes in of.items()},
    }


def _count(rows: list[dict]) -> dict[str, int]:
    detected = sum(row["more"]["detected"] for row in rows)
    return {"takes": len(rows), "frames": sum(row["frames"] for row in rows), "detected": detected}


def job_of(stretch: Stretch, motions: Motions, seconds: float, filming: Filming, bodies: Path) -> Job:
    def from_(clip: Clip, first: int) -> ClipMotion:
        return motions.stretch(clip, first, min(clip.frames - 1, first + round(seconds * clip.fps)))

    motion = motions.stretch(stretch.clip, stretch.first, stretch.last)
    if stretch.upper is not None:
        motion = motion.with_upper_body_of(from_(*stretch.upper))
    if stretch.mirrored:
        motion = motion.mirrored()
    return Job(stretch, motion, from_(*stretch.other), filming, bodies)


class _Jobs(Sequence):
    """The jobs of a plan, each made when its turn comes."""

    def __init__(self, todo: list[Stretch], of: Callable[[Stretch], Job]):
        self._todo, self._of = todo, of

    def __len__(self) -> int:
        return len(self._todo)

    def __getitem__(self, i):
        return self._of(self._todo[i])


# ---- who does the work
def local_workers(count: int) -> Workers:
    """Processes of this machine."""
    return LocalWorkers(work, _given_up, count)


def ray_workers(address: str | None = None, cores: int = 1) -> Workers:
    """Cores of a Ray cluster; as `simlabels.make.ray_workers`."""
    from ..cluster import RayWorkers

    return RayWorkers(work, _given_up, address=address, cores=cores, packages=PACKAGES)


def _given_up(job: Job) -> Filmed:
    take = job.stretch.take
    return Filmed(take, {}, {}, f"{take}: its worker was killed {ATTEMPTS} times; is there enough memory?")
