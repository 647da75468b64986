"""What a worker does: one take is staged, drawn, looked at by the tracker's own front end, and comes back as rows of the dataset."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from realtime.body.landmarks import LANDMARK_COUNT, LANDMARKS
from realtime.body.skeleton import JOINTS

from .bodies import Bodies, load_bodies
from .motion import ClipMotion
from .plan import Stretch
from .recorder import recorder
from .take import Take, TakeSpec, film, stage_take

EVEN_RATE_HZ = 30.0
_TRUNK = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip"))
_TRUNK_LANDMARKS, _TRUNK_JOINTS = [LANDMARKS.index(name) for name in _TRUNK], [JOINTS.index(name) for name in _TRUNK]
#: The trunk that the front end sees is the person's if it is nearer to theirs than this share of the stature.
SAME_TRUNK = 0.35


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


def work(job: Job) -> Filmed:
    """A job in a process that is there for nothing else."""
    global _studio
    if _studio is None or _studio.path != job.bodies:
        _studio = _Studio(job.bodies)
    return film_job(_studio.bodies, _studio.stage(job.filming), job)


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
        take.look["renderer"] = stage.device
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
        "follows_person": _follows_person(take, landmarks(lambda frame: frame.xy_norm, 2)),
        "quat_wxyz": take.quat_wxyz,
        "pelvis_m": take.pose.pelvis_m,
        "R_cam_world": take.camera.R_cam_world,
        "t_cam_m": take.camera.t_cam_m,
        "joint_visible": visible,
    }


def _follows_person(take: Take, xy_norm: np.ndarray) -> np.ndarray:
    """Whether the landmarks (N, 33, 2) are about where the person is (N,): not on a bystander, not on a chair."""
    camera, joints_m = take.camera, take.pose.joints_m
    at_m = np.einsum("nij,nkj->nki", camera.R_cam_world, joints_m) + camera.t_cam_m[:, None]
    projected = at_m[:, _TRUNK_JOINTS] @ camera.K_px.T
    trunk_px = (projected[..., :2] / projected[..., 2:]).mean(1)
    stature_px = camera.K_px[1, 1] * take.person.stature_m / at_m[:, 0, 2]
    seen_px = xy_norm[:, _TRUNK_LANDMARKS].mean(1) * take.spec.size_px
    return np.linalg.norm(seen_px - trunk_px, axis=-1) < SAME_TRUNK * stature_px  # NaN, where nobody was detected, is not less
