"""One take: a person performs a stretch of a clip before a camera. Everything random hangs on the take's seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from realtime.body.rotations import from_axis_angle, to_quat_wxyz
from realtime.body.skeleton import forward_kinematics, offsets_of

from .bodies import Bodies
from .camera import Camera, CameraPath, between_rotations, random_camera
from .marks import hard_marks, is_hard, is_plain
from .motion import ClipMotion
from .person import DrawnPerson, draw_person, floor_m, head_lift_rad, with_head_lifted
from .scene import Scene, random_scene
from .sensor import Sensor, random_times_s
from .stage import Stage
from .visibility import visible_joints

#: Share of takes with each of these; none of them in plain takes.
BYSTANDER_SHARE, OCCLUDER_SHARE, BLUR_SHARE = 0.12, 0.15, 0.10
#: Moments of a blurred picture, in shutter times from that of its truth.
BLUR_MOMENTS = (-1 / 3, 1 / 3)
#: Bystanders' pelvises keep away so far, m, from that of the person and from the camera; so often a place is looked for.
APART_M, TRIES = 0.7, 8


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
    camera = random_camera(rng, spec.size_px, pose.joints_m, times_s, person.stature_m, 0.0, whole=spec.plain)
    drawn = rng.random(3) < (BYSTANDER_SHARE, OCCLUDER_SHARE, BLUR_SHARE)
    stands_by, occluders, blur = drawn.tolist() if not spec.plain else (False,) * 3
    bystander = None
    if stands_by and other is not None:
        bystander = _beside(rng, _cast(rng, bodies, other, times_s)[:2], pose, camera)
    low_m, high_m = pose.joints_m.min((0, 1)), pose.joints_m.max((0, 1))
    scene = random_scene(
        rng,
        camera_azimuth_rad=camera.azimuth_rad,
        centre_m=(low_m + high_m) / 2,
        floor_m=0.0,
        extent_m=float((high_m - low_m)[[0, 2]].max()),
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
        "seed": spec.seed,
        "bystander": bystander is not None,
        "bystander_behind": bystander is not None and _is_behind(bystander[1], pose, camera),
        "blur_s": shutter_s,
        "head_lift_deg": float(np.degrees(lift_rad)),
        "phenotype": person.phenotype,
        "outfit": person.outfit,
        "view_deg": view_deg,
    }
    look |= {"hard": is_hard(look), "plain": is_plain(look)}
    return Take(spec, times_s, person, pose, bystander, camera, scene, sensor, shutter_s, look)


def film(stage: Stage, take: Take) -> Iterator[Shot]:
    """The pictures of a take, one after the other."""
    cast = [(take.person, take.pose), *([take.bystander] if take.bystander else [])]
    stage.set_people([person for person, _ in cast])
    stage.set_scene(take.scene)
    last = len(take.times_s) - 1
    for i in range(last + 1):
        camera: Camera = take.camera[i]
        blurred = np.zeros((), np.uint16)
        for moment in BLUR_MOMENTS if take.shutter_s else ():
            j, share = _moment(take.times_s, i, take.shutter_s * moment, last)
            stage.draw([_between(pose, i, j, share) for _, pose in cast], take.camera.between(i, j, share))
            blurred = blurred + stage.picture_bgr()
        stage.draw([pose[i] for _, pose in cast], camera)
        picture = stage.picture_bgr()
        if take.shutter_s:
            picture = ((blurred + picture) // (1 + len(BLUR_MOMENTS))).astype(np.uint8)
        seen = visible_joints(take.pose.joints_m[i], stage.depth_m(), camera, take.person.stature_m)
        yield Shot(take.sensor(picture), seen)


def _cast(rng: np.random.Generator, bodies: Bodies, motion: ClipMotion, times_s: np.ndarray) -> tuple[DrawnPerson, Pose, float]:
    """A person who performs the motion with their own bones, soles on the floor y = 0; and how far the head was lifted.

    Floor and head are those of the whole clip: in a stretch of it they may hang from something, or look down.
    """
    person = draw_person(bodies, int(rng.integers(len(bodies))), motion.rest_m, rng)
    offsets_m, glance = offsets_of(person.rest_m), motion.clip_glance
    joints_m, R_global = forward_kinematics(glance.R_local, offsets_m, glance.pelvis_m * person.path_scale)
    up = np.array([0, -floor_m(person, R_global, joints_m), 0])
    lift_rad = head_lift_rad(glance.R_local, motion.rest_m)
    R_local, pelvis_m = motion.at(times_s)
    R_local, pelvis_m = with_head_lifted(R_local, lift_rad), pelvis_m * person.path_scale + up
    joints_m, R_global = forward_kinematics(R_local, offsets_m, pelvis_m)
    return person, Pose(R_local, R_global, pelvis_m, joints_m), lift_rad


def _beside(
    rng: np.random.Generator, cast: tuple[DrawnPerson, Pose], pose: Pose, camera: CameraPath
) -> tuple[DrawnPerson, Pose] | None:
    """Somebody moved and turned to be beside or behind the person, as the camera sees it; None where there is no room for them."""
    person, theirs = cast
    for _ in range(TRIES):
        turn = from_axis_angle(np.array([0, rng.uniform(0, 2 * np.pi), 0]))
        bearing = camera.azimuth_rad + np.pi + rng.uniform(-1.7, 1.7)  # away from the camera, or to a side
        place_m = pose.pelvis_m.mean(0) + rng.uniform(0.8, 3.0) * np.array([np.sin(bearing), 0, np.cos(bearing)])
        around_m = theirs.pelvis_m.mean(0)
        shift_m = (place_m - around_m) * [1, 0, 1] + around_m
        pelvis_m = (theirs.pelvis_m - around_m) @ turn.T + shift_m
        apart_m = [np.linalg.norm((pelvis_m - at)[:, [0, 2]], axis=1).min() for at in (pose.pelvis_m, camera.eyes_m)]
        if min(apart_m) >= APART_M:
            R_global, R_local = turn @ theirs.R_global, theirs.R_local.copy()
            R_local[:, 0] = R_global[:, 0]
            return person, Pose(R_local, R_global, pelvis_m, (theirs.joints_m - around_m) @ turn.T + shift_m)
    return None


def _is_behind(other: Pose, pose: Pose, camera: CameraPath) -> bool:
    """Whether somebody is farther from the camera than the person, and within a metre of the line of sight to them."""
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


def _moment(times_s: np.ndarray, i: int, after_s: float, last: int) -> tuple[int, float]:
    """The neighbour of picture i and how far towards it lies the moment `after_s` later; i itself beyond both ends."""
    j = min(max(i + (1 if after_s > 0 else -1), 0), last)
    gap_s = abs(times_s[i] - times_s[j])
    return j, float(min(abs(after_s) / gap_s, 1)) if gap_s > 0 else 0.0


def _between(pose: Pose, i: int, j: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations and joints part of the way from picture i to picture j."""
    R_global = between_rotations(pose.R_global[i], pose.R_global[j], share)
    return R_global, pose.joints_m[i] * (1 - share) + pose.joints_m[j] * share
