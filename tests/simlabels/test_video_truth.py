"""Truth as it is stored against pictures as the front end gets them: joints where they are drawn, what hides them, what is down."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.body.rotations import from_quat_wxyz, to_quat_wxyz
from realtime.body.skeleton import JOINTS, forward_kinematics, offsets_of
from simlabels.video.bodies import load_bodies
from simlabels.video.motion import ClipMotion, Glance
from simlabels.video.person import skinned
from simlabels.video.sensor import Sensor
from simlabels.video.stage import Stage
from simlabels.video.take import Take, TakeSpec, film, stage_take
from simlabels.video.visibility import BELOW_SKIN_M

from .staged import bare_scene, cut_out, opened_stage

SIZE_PX = (640, 480)
PICTURES = 4
OCTAHEDRON = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
FACES = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with opened_stage(SIZE_PX) as opened:
        yield opened


@pytest.fixture
def take_of(motion):
    """Takes of knee bends; the same few pictures of each."""
    bodies = load_bodies(Path(__file__).parents[1] / "data" / "bodies.npz")
    quat = to_quat_wxyz(motion.R_local)
    clip = ClipMotion("a", quat, motion.pelvis_m, motion.rest_m, motion.fps, Glance.at(quat, motion.pelvis_m))

    def make(seed: int, *, plain: bool = True) -> Take:
        take = stage_take(bodies, clip, TakeSpec("a", "1", "train", seed, SIZE_PX, plain, 30.0), clip)
        clean = Sensor(np.random.default_rng(0), SIZE_PX, noise=0)
        clean.jpeg_quality = 100
        few = np.linspace(0, len(take.times_s) - 1, PICTURES).astype(int)
        camera = replace(take.camera, R_cam_world=take.camera.R_cam_world[few], t_cam_m=take.camera.t_cam_m[few])
        pose, them = replace_rows(take.pose, few), take.bystander
        bystander = (them[0], replace_rows(them[1], few)) if them else None
        return replace(
            take, times_s=take.times_s[few], pose=pose, camera=camera, sensor=clean, bystander=bystander, shutter_s=0.0
        )

    return make


def replace_rows(pose, rows):
    return replace(pose, **{name: getattr(pose, name)[rows] for name in ("R_local", "R_global", "pelvis_m", "joints_m")})


def stored_joints_m(take: Take) -> np.ndarray:
    """(N, 24, 3), world: from the columns that a reader of the dataset has, in single precision."""
    R = from_quat_wxyz(take.quat_wxyz.astype(np.float32).astype(float))
    rest_m = take.person.rest_m.astype(np.float32).astype(float)
    return forward_kinematics(R, offsets_of(rest_m), take.pose.pelvis_m.astype(np.float32).astype(float))[0]


def marked(take: Take, joint: int) -> Take:
    """The take with nothing in the picture but a small octahedron that the skin weights tie to one joint."""
    corners_m = take.person.centre_m[joint] + 0.03 * OCTAHEDRON
    mark = cut_out(*[corners_m[list(face)] for face in FACES]).meshes[0]
    weights = np.zeros_like(mark.weights)
    weights[:, joint] = 1
    person = replace(take.person, meshes=(replace(mark, weights=weights),))
    person.__dict__.pop("packed", None)
    return replace(take, person=person, scene=bare_scene(), bystander=None)


@pytest.mark.parametrize("seed", [1, 5])
def test_joints_are_drawn_where_the_stored_truth_projects(stage, take_of, seed):
    take = take_of(seed)
    assert abs(take.camera.look["roll_deg"]) > 2
    joints_m, checked = stored_joints_m(take), 0
    for joint, name in enumerate(JOINTS):
        for i, shot in enumerate(film(stage, marked(take, joint))):
            y, x = np.nonzero(shot.picture_bgr.any(axis=2))
            if not len(x) or min(x.min(), y.min()) == 0 or x.max() == SIZE_PX[0] - 1 or y.max() == SIZE_PX[1] - 1:
                continue  # cut by the picture's edge
            expected_px = take.camera[i].project(joints_m[i, joint])[0]
            seen_px = np.array([x.mean(), y.mean()]) + 0.5
            assert np.linalg.norm(seen_px - expected_px) < 1, (name, i)
            checked += 1
    assert checked > 0.8 * 24 * PICTURES


@pytest.mark.parametrize(
    "shown",
    [
        lambda look: look["bystander"] and look["framing"] == "whole",
        lambda look: look["occluder"] in ("chair", "sofa", "table", "desk"),
        lambda look: look["occluder"] is not None and look["camera"] == "hand",
        lambda look: look["framing"] == "near",
    ],
    ids=["bystander", "furniture", "hand-held", "near"],
)
def test_visible_joints_are_those_that_rays_reach(stage, take_of, shown):
    """The depth buffer against rays through all that was drawn."""
    take = next(take for take in (take_of(seed, plain=False) for seed in range(99)) if shown(take.look))
    agree, hidden = [], 0
    cast = [(take.person, take.pose), *([take.bystander] if take.bystander else [])]
    faces = take.scene.vertices[:, :3].reshape(-1, 3, 3)
    for i, shot in enumerate(film(stage, take)):
        camera, joints_m = take.camera[i], take.pose.joints_m[i]
        triangles = [faces]
        for person, pose in cast:
            for mesh, posed in zip(person.meshes, skinned(person, *pose[i]), strict=True):
                if mesh.material in ("skin", "cloth"):  # hair and skirts are partly cut away by their shaders
                    triangles.append(posed[mesh.triangles, :3])
        pixels, depth_m = camera.project(joints_m)
        inside = ((pixels > 0) & (pixels < SIZE_PX)).all(1) & (depth_m > 0)
        eye_m = -camera.R_cam_world.T @ camera.t_cam_m
        near = first_hit(eye_m, joints_m - eye_m, np.concatenate(triangles)) * depth_m
        reached = inside & (near > depth_m - BELOW_SKIN_M * take.person.stature_m / 1.70)
        agree += (reached == shot.joint_visible).tolist()
        hidden += (~reached).sum()
    assert hidden >= PICTURES
    assert np.mean(agree) > 0.95  # a pixel is no ray: at outlines they differ


def first_hit(origin_m: np.ndarray, rays: np.ndarray, triangles_m: np.ndarray) -> np.ndarray:
    """How many lengths of each ray (n, 3) it is to the first triangle (f, 3, 3) whose front it meets. Source: Moeller and Trumbore 1997."""
    a, edges = triangles_m[:, 0], triangles_m[:, 1:] - triangles_m[:, :1]
    p = np.cross(rays[:, None], edges[None, :, 1])
    det = (edges[None, :, 0] * p).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = ((origin_m - a)[None] * p).sum(-1) / det
        q = np.cross(origin_m - a, edges[:, 0])
        v = (rays[:, None] * q[None]).sum(-1) / det
        t = (edges[:, 1] * q).sum(-1)[None] / det
        hit = (det > 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-6)
    return np.where(hit, t, np.inf).min(1)


def test_down_in_the_truth_is_down_in_the_picture(stage, take_of):
    """A plumb line hung from the head, drawn under a rolled camera, runs along the gravity that the truth tells."""
    take = take_of(5)
    assert abs(take.camera.look["roll_deg"]) > 2
    middle_m = take.pose.joints_m[0, 0]
    down_m = np.array([0, -0.4, 0])
    wide_m = 0.01 * take.camera.R_cam_world[0, 0]  # across the view
    line = cut_out(np.stack([middle_m - wide_m, middle_m + wide_m, middle_m + down_m]))
    still = replace_rows(take.pose, [0, 0])
    still = replace(still, R_global=np.tile(np.eye(3), (2, 24, 1, 1)), joints_m=np.zeros((2, 24, 3)))
    first = replace(take, person=line, pose=still, times_s=take.times_s[:2], scene=bare_scene(), bystander=None)
    picture = next(iter(film(stage, first))).picture_bgr
    y, x = np.nonzero(picture.any(axis=2))
    along = np.linalg.eigh(np.cov(np.stack([x, y])))[1][:, 1]
    along *= np.sign(along[1])  # towards the picture's lower edge
    gravity_cam = take.camera.R_cam_world[0] @ [0, -1, 0]
    ray = take.camera.R_cam_world[0] @ (middle_m + down_m / 2) + take.camera.t_cam_m[0]
    expected = gravity_cam[:2] - ray[:2] / ray[2] * gravity_cam[2]  # as perspective shows it there
    expected /= np.linalg.norm(expected)
    assert abs(np.degrees(np.arctan2(along[0], along[1]) - np.arctan2(expected[0], expected[1]))) < 1.0
    assert abs(np.degrees(np.arctan2(expected[0], expected[1]))) > 1.5  # roll is seen
