"""A label dataset to paired video: takes are filmed by several processes, the front end looks at them, shards come in a fixed order."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from realtime.body.dataset import JSON_NAME, LABEL_SCHEMA
from realtime.body.errors import InputError, UnknownName
from realtime.body.landmarks import LANDMARK_COUNT
from realtime.body.skeleton import JOINT_COUNT

from ..cluster import software
from ..dataset import LABELS, PAIRS, DatasetWriter, file_sha256, read_frames
from ..workers import ATTEMPTS, LocalWorkers, Workers
from .bodies import Bodies, bodies_path, load_bodies
from .motion import ClipMotion
from .plan import TAKE_SECONDS, Clip, Stretch, plan_takes
from .recorder import recorder
from .take import Take, TakeSpec, film, stage_take

PACKAGES = ("moderngl", "mediapipe", "numpy", "scipy", "opencv-contrib-python", "pyarrow")
EVEN_RATE_HZ = 30.0


@dataclass(frozen=True, kw_only=True)
class Filming:
    """How takes are filmed."""

    size_px: tuple[int, int] = (640, 480)
    shadow: bool = True
    plain: bool = False  # 30 pictures a second, nobody and nothing else in the picture, no blur
    video_folder: Path | None = None  # where films are kept

    def film_path(self, take: str) -> Path | None:
        """Where the film of a take is kept."""
        return self.video_folder / f"{take}.mp4" if self.video_folder else None

    def has_all(self, take: str) -> bool:
        """Nothing is to be kept of this take beside the dataset, or it is there."""
        path = self.film_path(take)
        return path is None or path.is_file()


class Job(NamedTuple):
    """One take to film; everything that a process elsewhere must know."""

    stretch: Stretch
    motion: ClipMotion  # as it is performed: mirrored, recombined
    other: ClipMotion
    filming: Filming
    bodies: Path


class Filmed(NamedTuple):
    """A take's index row and columns, or why there are none."""

    take: str
    row: dict[str, Any]
    frames: dict[str, np.ndarray]
    error: str | None = None
    thumbnail: np.ndarray | None = None  # one picture, for looking


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
    filming: Filming = Filming(),
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
    bodies = (bodies or bodies_path()).absolute()
    load_bodies(bodies, notify=notify)  # made here if need be, not by every process
    chosen = _choose(list_label_clips(labels), clips, splits)
    plan = plan_takes(chosen, frames=frames, views=views, seed=seed, seconds=seconds)
    writer = DatasetWriter(out, PAIRS, _settings(labels, filming, bodies, frames, views, seed, seconds, clips, splits))
    kept = writer.done
    # A take in a whole shard whose film is wanted and not there is filmed again for its film alone.
    todo = [stretch for stretch in plan if stretch.take not in kept or not filming.has_all(stretch.take)]
    on_start(len(plan), len(plan) - len(todo))
    motions = Motions(labels)
    work = [job_of(stretch, motions, seconds, filming, bodies) for stretch in todo]
    skipped: dict[str, str] = {}
    with nullcontext(workers) if workers else local_workers(jobs) as crew:  # who is given belongs to the caller
        for filmed in crew.run(work):
            if filmed.take not in kept:
                if filmed.error is None:
                    writer.add(filmed.row, filmed.frames)
                else:
                    skipped[filmed.take] = filmed.error
            on_take(filmed)
    rows = writer.rows
    if not rows:
        raise InputError(f"no take could be filmed; the first: {next(iter(skipped.values()))}")
    counts = {
        split: _count([row for row in rows if row["split"] == split]) for split in dict.fromkeys(r["split"] for r in rows)
    }
    subjects = {split: sorted({row["subject"] for row in rows if row["split"] == split}) for split in counts}
    writer.finish({"counts": counts, "subjects": subjects, "skipped": skipped})
    return Summary(
        takes=len(rows),
        frames=sum(row["frames"] for row in rows),
        detected=sum(row["more"]["detected"] for row in rows),
        skipped=skipped,
        without_film=[row["take"] for row in rows if not filming.has_all(row["take"])],
    )


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


def _choose(all_clips: list[Clip], clips: Sequence[str], splits: Sequence[str]) -> list[Clip]:
    for kind, wanted, there in (
        ("clip", clips, {clip.clip for clip in all_clips}),
        ("split", splits, {clip.split for clip in all_clips}),
    ):
        for name in wanted:
            if name not in there:
                raise UnknownName(f"{kind} of the labels", name, sorted(there))
    chosen = [clip for clip in all_clips if not clips or clip.clip in clips]
    return [clip for clip in chosen if not splits or clip.split in splits]


def _settings(labels, filming, bodies, frames, views, seed, seconds, clips, splits) -> dict:
    """Everything the takes hang on: two runs with equal settings give the same dataset."""
    return {
        "labels_sha256": file_sha256(labels / JSON_NAME),
        "bodies_sha256": file_sha256(bodies),
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


def _count(rows: list[dict]) -> dict[str, int]:
    detected = sum(row["more"]["detected"] for row in rows)
    return {"takes": len(rows), "frames": sum(row["frames"] for row in rows), "detected": detected}


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
        start = self._rows[clip.clip][0]
        rows = slice(start + first, start + last + 1)
        return ClipMotion(clip.clip, self._quat[rows], self._pelvis_m[rows], self._rest_m[clip.clip], clip.fps, first)


def job_of(stretch: Stretch, motions: Motions, seconds: float, filming: Filming, bodies: Path) -> Job:
    def from_(clip: Clip, first: int) -> ClipMotion:
        return motions.stretch(clip, first, min(clip.frames - 1, first + round(seconds * clip.fps)))

    motion = motions.stretch(stretch.clip, stretch.first, stretch.last)
    if stretch.upper is not None:
        motion = motion.with_upper_body_of(from_(*stretch.upper))
    if stretch.mirrored:
        motion = motion.mirrored()
    return Job(stretch, motion, from_(*stretch.other), filming, bodies)


# ---- who does the work
def local_workers(count: int) -> Workers:
    """Processes of this machine."""
    return LocalWorkers(_work, _given_up, count)


def ray_workers(address: str | None = None, cores: int = 1) -> Workers:
    """Cores of a Ray cluster; as `simlabels.make.ray_workers`."""
    from ..cluster import RayWorkers

    return RayWorkers(_work, _given_up, address=address, cores=cores, packages=PACKAGES)


class _Studio:
    """What a process keeps from take to take: bodies, and a stage for each picture size."""

    def __init__(self, bodies: Path):
        self.path, self.bodies, self._stages = bodies, load_bodies(bodies), {}

    def stage(self, filming: Filming):
        from .stage import Stage

        key = (*filming.size_px, filming.shadow)
        if key not in self._stages:
            self._stages[key] = Stage(*filming.size_px, shadow=filming.shadow)
        return self._stages[key]


_studio: _Studio | None = None


def _work(job: Job) -> Filmed:
    """A job in a process that is there for nothing else."""
    global _studio
    if _studio is None or _studio.path != job.bodies:
        _studio = _Studio(job.bodies)
    return film_job(_studio.bodies, _studio.stage(job.filming), job)


def _given_up(job: Job) -> Filmed:
    take = job.stretch.take
    return Filmed(take, {}, {}, f"{take}: its worker was killed {ATTEMPTS} times; is there enough memory?")


def film_job(bodies: Bodies, stage, job: Job) -> Filmed:
    """One take before the tracker's own front end."""
    from realtime.landmarks import open_front_end

    filming, clip = job.filming, job.stretch.clip
    # What is tested on has even frame times, so that accelerations can be compared; what is learnt from has those of cheap cameras.
    rate_Hz = None if clip.split == "train" and not filming.plain else EVEN_RATE_HZ
    spec = TakeSpec(job.stretch.take, clip.subject, clip.split, job.stretch.seed, filming.size_px, filming.plain, rate_Hz)
    take = stage_take(bodies, job.motion, spec, job.other)
    seen, visible, thumbnail = [], [], None
    middle = len(take.times_s) // 2
    with open_front_end() as front_end, recorder(filming.film_path(spec.take), spec.size_px, take.look["fps"]) as keep:
        for i, shot in enumerate(film(stage, take)):
            seen.append(front_end.detect(shot.picture_bgr, round(take.times_s[i] * 1e9)))
            visible.append(shot.joint_visible)
            keep(shot.picture_bgr)
            if i == middle:
                thumbnail = shot.picture_bgr
        name = front_end.name
    return Filmed(spec.take, _row(take, job, name, seen), _columns(take, job, seen, np.array(visible)), None, thumbnail)


def _row(take: Take, job: Job, frontend: str, seen: list) -> dict[str, Any]:
    spec = take.spec
    return {
        "take": spec.take,
        "clip": job.stretch.clip.clip,
        "mirrored": job.stretch.mirrored,
        "upper_clip": job.stretch.upper[0].clip if job.stretch.upper else "",
        "subject": spec.subject,
        "split": spec.split,
        "frames": len(seen),
        "image_size_px": list(spec.size_px),
        "K_px": take.camera.K_px.tolist(),
        "rest_m": take.person.rest_m.tolist(),
        "stature_m": take.person.stature_m,
        "frontend": frontend,
        "look": json.dumps(take.look),
        "more": {"detected": sum(frame.detected for frame in seen)},
    }


def _columns(take: Take, job: Job, seen: list, visible: np.ndarray) -> dict[str, np.ndarray]:
    T = len(seen)
    detected = np.array([frame.detected for frame in seen])

    def landmarks(of: Callable, *shape: int) -> np.ndarray:
        """A quantity of the front end; NaN where nobody was detected or the front end does not have it."""
        out = np.full((T, LANDMARK_COUNT, *shape), np.nan, np.float32)
        for t in np.flatnonzero(detected):
            value = of(seen[t])
            if value is not None:
                out[t] = value
        return out

    return {
        "take": np.full(T, take.spec.take, dtype=object),
        "frame": job.motion.frames_at(take.times_s),
        "time_s": take.times_s,
        "detected": detected,
        "xy_norm": landmarks(lambda frame: frame.xy_norm, 2),
        "z_norm": landmarks(lambda frame: frame.z_norm),
        "visibility": landmarks(lambda frame: frame.visibility),
        "presence": landmarks(lambda frame: frame.presence),
        "landmarks_m": landmarks(lambda frame: frame.landmarks_m, 3),
        "quat_wxyz": take.quat_wxyz,
        "pelvis_m": take.pose.pelvis_m,
        "R_cam_world": take.camera.R_cam_world,
        "t_cam_m": take.camera.t_cam_m,
        "joint_visible": visible,
    }
