"""One take: a person performs a stretch of a clip before a camera. Everything random hangs on the take's seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from realtime.body.rotations import from_axis_angle, to_quat_wxyz
from realtime.body.skeleton import forward_kinematics, offsets_of

from .bodies import Bodies
from .camera import CameraPath, random_camera
from .hard import hard_marks, is_hard
from .motion import ClipMotion
from .person import DrawnPerson, draw_person, floor_m, level_head
from .scene import Scene, random_scene
from .sensor import Sensor, random_times_s
from .stage import Stage
from .visibility import visible_joints

#: Share of takes with each of these; none of them in plain takes.
BYSTANDER_SHARE, OCCLUDER_SHARE, BLUR_SHARE = 0.12, 0.15, 0.10
BLUR_DRAWS = 3


class TakeSpec(NamedTuple):
    """What is to be filmed."""

    take: str
    subject: str
    split: str
    seed: int
    size_px: tuple[int, int]
    plain: bool = False  # nobody and nothing else in the picture, no blur
    rate_Hz: float | None = None  # of even frame times; None: drawn, and as uneven as those of cheap cameras


@dataclass(frozen=True)
class Pose:
    """Somebody at every picture of a take, world."""

    R_local: np.ndarray  # (N, 24, 3, 3)
    R_global: np.ndarray  # (N, 24, 3, 3)
    pelvis_m: np.ndarray  # (N, 3)
    joints_m: np.ndarray  # (N, 24, 3)

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        return self.R_global[i], self.joints_m[i]


class Shot(NamedTuple):
    """One picture and what it shows."""

    picture_bgr: np.ndarray  # (H, W, 3) uint8
    joint_visible: np.ndarray  # (24,) bool


@dataclass(frozen=True)
class Take:
    """Cast, place and camera of a take."""

    spec: TakeSpec
    times_s: np.ndarray  # (N,)
    person: DrawnPerson
    pose: Pose
    bystander: tuple[DrawnPerson, Pose] | None
    camera: CameraPath
    scene: Scene
    sensor: Sensor
    shutter_s: float  # 0: no motion blur
    look: dict[str, Any]

    @property
    def quat_wxyz(self) -> np.ndarray:
        """Truth (N, 24, 4): rotation of each joint in its parent; the pelvis in the world."""
        return to_quat_wxyz(self.pose.R_local)


def stage_take(bodies: Bodies, motion: ClipMotion, spec: TakeSpec, other: ClipMotion | None = None) -> Take:
    """Draws everything about a take.

    Args:
        other: what a bystander does, if one is drawn.
    """
    rng = np.random.default_rng(spec.seed)
    times_s, look = random_times_s(rng, motion.seconds, spec.rate_Hz)
    person, pose, lift_rad = _cast(rng, bodies, motion, times_s)
    camera = random_camera(rng, spec.size_px, pose.joints_m, times_s, person.stature_m, 0.0)
    drawn = rng.random(3) < (BYSTANDER_SHARE, OCCLUDER_SHARE, BLUR_SHARE)
    stands_by, occluders, blur = drawn.tolist() if not spec.plain else (False,) * 3
    bystander = None
    if stands_by and other is not None:
        bystander = _beside(rng, _cast(rng, bodies, other, times_s)[:2], pose, camera)
    centre_m = pose.joints_m.mean((0, 1))
    scene = random_scene(
        rng,
        camera_azimuth_rad=camera.azimuth_rad,
        centre_m=centre_m,
        floor_m=0.0,
        extent_m=float(np.ptp(pose.pelvis_m[:, [0, 2]], axis=0).max()),
        occluders=occluders,
        camera_distance_m=camera.look["distance_m"],
    )
    sensor = Sensor(rng, spec.size_px)
    shutter_s = float(rng.uniform(0.2, 0.6) / 30) if blur else 0.0
    look |= camera.look | scene.look | sensor.look
    view_deg = _view_deg(pose, camera)
    look |= hard_marks(
        joints_m=pose.joints_m,
        stature_m=person.stature_m,
        view_deg=view_deg,
        elevation_deg=camera.look["elevation_deg"],
        person_px=camera.look["person_px"],
    )
    look |= {
        "plain": spec.plain,
        "seed": spec.seed,
        "bystander": bystander is not None,
        "bystander_behind": bystander is not None and _is_behind(bystander[1], pose, camera),
        "blur_s": shutter_s,
        "head_lift_deg": float(np.degrees(lift_rad)),
        "phenotype": person.phenotype,
        "outfit": person.outfit,
        "view_deg": view_deg,
    }
    look["hard"] = is_hard(look)
    return Take(spec, times_s, person, pose, bystander, camera, scene, sensor, shutter_s, look)


def film(stage: Stage, take: Take) -> Iterator[Shot]:
    """The pictures of a take, one after the other."""
    cast = [(take.person, take.pose), *([take.bystander] if take.bystander else [])]
    stage.set_people([person for person, _ in cast])
    stage.set_scene(take.scene)
    last = len(take.times_s) - 1
    for i in range(last + 1):
        camera = take.camera[i]
        blurred = np.zeros((), np.uint16)
        for k in range(1, BLUR_DRAWS) if take.shutter_s else ():
            j, share = _moment(take.times_s, i, take.shutter_s * (k / BLUR_DRAWS), last)
            stage.draw([_between(pose, i, j, share) for _, pose in cast], camera)
            blurred = blurred + stage.picture_bgr()
        stage.draw([pose[i] for _, pose in cast], camera)
        picture = stage.picture_bgr()
        if take.shutter_s:
            picture = ((blurred + picture) // BLUR_DRAWS).astype(np.uint8)
        seen = visible_joints(take.pose.joints_m[i], stage.depth_m(), camera, take.person.stature_m)
        yield Shot(take.sensor(picture), seen)


def _cast(rng: np.random.Generator, bodies: Bodies, motion: ClipMotion, times_s: np.ndarray) -> tuple[DrawnPerson, Pose, float]:
    """A person who performs the motion with their own bones, soles on the floor y = 0; and how far the head was lifted."""
    R_local, pelvis_m = motion.at(times_s)
    R_local, lift_rad = level_head(R_local, motion.rest_m)
    person = draw_person(bodies, int(rng.integers(len(bodies))), motion.rest_m, rng)
    pelvis_m = pelvis_m * person.path_scale
    joints_m, R_global = forward_kinematics(R_local, offsets_of(person.rest_m), pelvis_m)
    up = np.array([0, -floor_m(person, R_global, joints_m), 0])
    return person, Pose(R_local, R_global, pelvis_m + up, joints_m + up), lift_rad


def _beside(
    rng: np.random.Generator, cast: tuple[DrawnPerson, Pose], pose: Pose, camera: CameraPath
) -> tuple[DrawnPerson, Pose]:
    """Somebody moved and turned to stand beside or behind the person, as the camera sees it."""
    person, theirs = cast
    turn = from_axis_angle(np.array([0, rng.uniform(0, 2 * np.pi), 0]))
    bearing = camera.azimuth_rad + np.pi + rng.uniform(-1.7, 1.7)  # away from the camera, or to a side
    place_m = pose.pelvis_m.mean(0) + rng.uniform(0.8, 3.0) * np.array([np.sin(bearing), 0, np.cos(bearing)])
    around_m = theirs.pelvis_m.mean(0)
    shift_m = (place_m - around_m) * [1, 0, 1] + around_m
    R_global, R_local = turn @ theirs.R_global, theirs.R_local.copy()
    R_local[:, 0] = R_global[:, 0]
    joints_m = (theirs.joints_m - around_m) @ turn.T + shift_m
    return person, Pose(R_local, R_global, joints_m[:, 0], joints_m)


def _is_behind(other: Pose, pose: Pose, camera: CameraPath) -> bool:
    """Whether somebody is farther from the camera than the person, and within their height of them as the picture shows it."""
    (x, z), (other_x, other_z) = (
        np.median(np.einsum("nij,nj->ni", camera.R_cam_world, p.pelvis_m) + camera.t_cam_m, axis=0)[[0, 2]]
        for p in (pose, other)
    )
    return bool(other_z > z and abs(other_x / other_z - x / z) * z < 1.0)


def _view_deg(pose: Pose, camera: CameraPath) -> float:
    """How far the person faces away from the camera, median over the take: 0 = towards it, 180 = away."""
    facing = pose.R_global[:, 0, :, 2][:, [0, 2]]
    to_camera = np.array([np.sin(camera.azimuth_rad), np.cos(camera.azimuth_rad)])
    cosine = facing @ to_camera / np.maximum(np.linalg.norm(facing, axis=1), 1e-9)
    return float(np.degrees(np.median(np.arccos(cosine.clip(-1, 1)))))


def _moment(times_s: np.ndarray, i: int, before_s: float, last: int) -> tuple[int, float]:
    """The neighbour of picture i and how far towards it lies the moment `before_s` earlier (later for the first picture)."""
    j = i - 1 if i else min(1, last)
    gap_s = abs(times_s[i] - times_s[j])
    return j, float(min(before_s / gap_s, 1)) if gap_s > 0 else 0.0


def _between(pose: Pose, i: int, j: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations and joints part of the way from picture i to picture j."""
    R = pose.R_global[i] * (1 - share) + pose.R_global[j] * share
    u, _, vt = np.linalg.svd(R)
    return u @ vt, pose.joints_m[i] * (1 - share) + pose.joints_m[j] * share
