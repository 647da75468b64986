"""The stage against geometry: places, depths, shadows, sides, and that one picture does not depend on another."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from realtime.body.errors import BioHumanError, InputError
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import PARENTS, forward_kinematics, offsets_of, rest_offsets_m
from simlabels.video.bodies import load_bodies
from simlabels.video.camera import Camera
from simlabels.video.person import DrawnPerson, draw_person
from simlabels.video.programs import gl_context
from simlabels.video.scene import Light, random_scene
from simlabels.video.stage import Stage

from .staged import STILL, bare_scene, camera_at, cut_out, floor, square

WIDTH, HEIGHT = 320, 240
CAMERAS = {
    "ahead": camera_at((0, 1, 3)),
    "from the left, rolled": camera_at((2.5, 1.4, 2), roll_deg=10),
    "behind, above, rolled back": camera_at((-1, 3, -3), roll_deg=-25),
    "off centre, near": camera_at((0.4, 0.7, 1.6), (0.2, 1.1, 0), focal_px=180),
}

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage() -> Iterator[MakeStage]:
    """Opens stages, and closes them after the test."""
    try:
        gl_context()
    except BioHumanError as error:
        pytest.skip(str(error))
    made: list[Stage] = []

    def make(width: int = WIDTH, height: int = HEIGHT, *, shadow: bool = False) -> Stage:
        made.append(Stage(width, height, shadow=shadow))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture(scope="module")
def somebody() -> tuple[DrawnPerson, list[tuple[np.ndarray, np.ndarray]]]:
    """A real person and three poses of theirs about (0, 0.95, 0)."""
    rng = np.random.default_rng(5)
    rest_m = np.zeros((24, 3))
    for j, parent in enumerate(PARENTS[1:], 1):
        rest_m[j] = rest_m[parent] + rest_offsets_m()[j]
    person = draw_person(load_bodies(Path(__file__).parents[1] / "data" / "bodies.npz"), 0, rest_m, rng)
    poses = []
    for _ in range(3):
        R_local = from_axis_angle(rng.normal(0, 0.25, (24, 3)))
        joints_m, R_global = forward_kinematics(R_local, offsets_of(person.rest_m), np.array([0, 0.95, 0]))
        poses.append((R_global, joints_m))
    return person, poses


def pixel_centres() -> np.ndarray:
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    return np.stack([x, y], axis=-1)


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_a_triangle_covers_the_pixels_it_projects_to(make_stage, camera: Camera):
    triangle_m = np.array([[-0.5, 0.6, 0.1], [0.45, 0.8, -0.2], [0.1, 1.5, 0.3]])
    stage = make_stage()
    stage.set_people([cut_out(triangle_m)])
    stage.set_scene(bare_scene())
    stage.draw([STILL], camera)
    lit = stage.picture_bgr()[..., 1] > 60

    corners_px, _ = camera.project(triangle_m)
    if np.linalg.det(np.diff(corners_px, axis=0)) < 0:
        corners_px = corners_px[::-1]
    edges = np.roll(corners_px, -1, axis=0) - corners_px
    inwards = np.stack([-edges[:, 1], edges[:, 0]], axis=-1) / np.linalg.norm(edges, axis=1, keepdims=True)
    inside_px = ((pixel_centres()[:, :, None] - corners_px) * inwards).sum(-1).min(-1)  # below 0: outside

    assert lit.sum() > 2000
    assert lit[inside_px > 0.5].all()
    assert not lit[inside_px < -0.5].any()


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_depth_is_that_of_the_geometry(make_stage, camera: Camera):
    stage = make_stage()
    stage.set_people([cut_out(*square((0, 1, 0), (1, 0.2, 0.3), (-0.2, 1, 0.4)))])
    stage.set_scene(bare_scene())
    stage.draw([STILL], camera)
    depth_m = stage.depth_m()

    normal_world = np.cross((1, 0.2, 0.3), (-0.2, 1, 0.4))
    rays_cam = np.concatenate([pixel_centres(), np.ones((HEIGHT, WIDTH, 1))], axis=-1) @ np.linalg.inv(camera.K_px).T
    at_cam, normal_cam = camera.R_cam_world @ [0, 1, 0] + camera.t_cam_m, camera.R_cam_world @ normal_world
    expected_m = (at_cam @ normal_cam) / (rays_cam @ normal_cam)

    seen = np.isfinite(depth_m)
    assert depth_m.dtype == np.float32
    assert 1000 < seen.sum() < WIDTH * HEIGHT
    np.testing.assert_allclose(depth_m[seen], expected_m[seen], atol=1e-3)
    assert (depth_m[~seen] == np.inf).all()


def test_left_is_left_and_colours_are_bgr(make_stage):
    """Facing +Z before the camera, the person's left hand, at +X, is on the right of the picture; the head is above."""
    hand, head = (
        cut_out(*square((0.6, 1, 0), (0.1, 0, 0), (0, 0.1, 0)), rgb=(1, 0, 0)),
        cut_out(*square((0, 1.6, 0), (0.1, 0, 0), (0, 0.1, 0)), rgb=(0, 0, 1)),
    )
    stage = make_stage()
    stage.set_people([hand, head])
    stage.set_scene(bare_scene())
    stage.draw([STILL, STILL], camera_at((0, 1, 3)))
    blue, _, red = np.moveaxis(stage.picture_bgr(), -1, 0)

    assert abs(np.argwhere(red > 60).mean(0) - [120, 160 + 300 * 0.6 / 3]).max() < 1
    assert abs(np.argwhere(blue > 60).mean(0) - [120 - 300 * 0.6 / 3, 160]).max() < 1
    assert red[blue > 60].max() < red[red > 60].max() / 2  # gloss only


@pytest.mark.parametrize("still_frames", [1, 3])
def test_a_shadow_falls_where_the_light_leaves_out(make_stage, still_frames: int):
    """A board 1 m above the floor, light from the side: its shadow lies beside it; with a camera that moves and one that stands."""
    to_light = np.array([0.6, 0.8, 0.0])
    light = Light(to_light, np.ones(3), np.full(3, 0.5), 0.6)
    stage, without = make_stage(shadow=True), make_stage(shadow=False)
    camera = camera_at((0, 4, 5), (-0.5, 0, 0), roll_deg=5, focal_px=200)
    pictures = []
    for each in (stage, without):
        each.set_people([cut_out(*square((0, 1, 0), (0, 0, 1), (1, 0, 0)))])
        each.set_scene(bare_scene(floor(), light=light))
        for _ in range(still_frames):
            each.draw([STILL], camera)
        pictures.append(each.picture_bgr()[..., 1].astype(int))
    shadowed, plain = pictures

    points_m = np.stack(
        [*np.meshgrid(np.linspace(-2.5, 1.5, 60), [0.0], np.linspace(-1.5, 1.5, 45), indexing="ij")], axis=-1
    ).reshape(-1, 3)
    beside_m = np.abs(points_m - [-0.75, 0, 0])[:, [0, 2]].max(
        1
    )  # half a side is 0.5 m; the light takes it 0.75 m to the right
    pixels, depth_m = camera.project(points_m)
    x, y = np.floor(pixels).astype(int).T
    of_floor = (x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT)
    of_floor[of_floor] = abs(stage.depth_m()[y[of_floor], x[of_floor]] - depth_m[of_floor]) < 0.05
    darker = plain[y[of_floor], x[of_floor]] - shadowed[y[of_floor], x[of_floor]]
    beside_m = beside_m[of_floor]

    assert (beside_m < 0.45).sum() > 100
    assert (darker[beside_m < 0.45] > 20).all()
    assert (darker[beside_m > 0.55] == 0).all()


def test_who_is_nearer_hides_the_other(make_stage):
    near, far = (
        cut_out(*square((0, 1, 0.5), (0.4, 0, 0), (0, 0.4, 0)), rgb=(1, 0, 0)),
        cut_out(*square((0, 1, -0.5), (2, 0, 0), (0, 0.4, 0)), rgb=(0, 1, 0)),
    )
    stage = make_stage()
    stage.set_scene(bare_scene())
    pictures = []
    for people in ((near, far), (far, near)):
        stage.set_people(people)
        stage.draw([STILL, STILL], camera_at((0, 1, 3)))
        pictures.append(stage.picture_bgr())
        assert abs(stage.depth_m()[120, [160, 230]] - [2.5, 3.5]).max() < 1e-3
    assert pictures[0][120, 160, 2] > 100 > pictures[0][120, 160, 1]
    assert pictures[0][120, 230, 1] > 100 > pictures[0][120, 230, 2]
    np.testing.assert_array_equal(*pictures)


@pytest.mark.parametrize("shadow", [True, False])
def test_a_picture_does_not_depend_on_what_was_drawn_before(make_stage, somebody, shadow: bool):
    """A camera that has stood still draws a part of the picture only; it is the one that a fresh stage draws whole."""
    person, poses = somebody
    for seed in (1, 2, 7):
        scene = random_scene(
            np.random.default_rng(seed),
            camera_azimuth_rad=0.4,
            centre_m=np.array([0, 1, 0]),
            floor_m=0,
            extent_m=1,
            occluders=seed == 2,
        )
        camera = camera_at((1.2, 1.5, 2.8), roll_deg=seed)
        stage, fresh = make_stage(shadow=shadow), make_stage(shadow=shadow)
        stage.set_people([person])
        stage.set_scene(scene)
        for pose in poses * 2:
            stage.draw([pose], camera)
        fresh.set_people([person])
        fresh.set_scene(scene)
        fresh.draw([poses[-1]], camera)
        assert fresh.picture_bgr().std() > 5
        np.testing.assert_array_equal(stage.picture_bgr(), fresh.picture_bgr())
        np.testing.assert_array_equal(stage.depth_m(), fresh.depth_m())
        stage.draw([poses[0]], camera_at((1.2, 1.5, 2.9), roll_deg=seed))
        fresh.draw([poses[0]], camera_at((1.2, 1.5, 2.9), roll_deg=seed))
        np.testing.assert_array_equal(stage.picture_bgr(), fresh.picture_bgr())


def test_stages_of_other_sizes_do_not_disturb_each_other(make_stage, somebody):
    person, poses = somebody
    scene = bare_scene(floor())
    camera = camera_at((0, 1.2, 3))
    small, large = make_stage(shadow=True), make_stage(480, 360, shadow=True)
    alone = []
    for stage in (small, large):
        stage.set_people([person])
        stage.set_scene(scene)
        stage.draw([poses[0]], camera)
        alone.append(stage.picture_bgr())
    assert [picture.shape for picture in alone] == [(240, 320, 3), (360, 480, 3)]
    for stage in (small, large):
        stage.draw([poses[1]], camera)
    for stage, picture in zip((small, large), alone, strict=True):
        stage.draw([poses[0]], camera)
        np.testing.assert_array_equal(stage.picture_bgr(), picture)


def test_culling_takes_nothing_that_is_seen(make_stage, somebody, monkeypatch):
    """Backs of triangles are left out: where one would have been seen, the picture has a hole. Only inside cuffs and collars."""
    person, poses = somebody
    ctx = gl_context()
    stage = make_stage()
    stage.set_people([person])
    stage.set_scene(bare_scene(light=Light(np.array([0, 1.0, 0]), np.ones(3), np.ones(3), 0.5)))
    for pose in poses:
        for camera in CAMERAS.values():
            stage.draw([pose], camera)
            culled_m = stage.depth_m()
            with monkeypatch.context() as patch:
                patch.setattr(
                    type(ctx),
                    "enable_only",
                    lambda self, flags: type(ctx).enable(self, self.DEPTH_TEST) or type(ctx).disable(self, self.CULL_FACE),
                )
                stage.draw([pose], camera)
            all_m = stage.depth_m()
            body_px = np.isfinite(all_m).sum()
            assert body_px > 1500
            assert (np.isfinite(culled_m) != np.isfinite(all_m)).sum() < 0.005 * body_px


def test_back_faces_are_not_drawn(make_stage):
    """Fronts are counter-clockwise seen from outside, as everywhere; the test above would pass without any culling."""
    stage = make_stage()
    stage.set_scene(bare_scene())
    stage.set_people([cut_out(*square((0, 1, 0), (1, 0, 0), (0, 1, 0)), both_sides=False)])  # faces +Z
    seen = []
    for z in (3, -3):
        stage.draw([STILL], camera_at((0, 1, z)))
        seen.append(int(np.isfinite(stage.depth_m()).sum()))
    assert seen[0] > 5000
    assert seen[1] == 0


def test_takes_leave_nothing_behind(make_stage, somebody, monkeypatch):
    """30 takes after each other: what was uploaded is released, and memory stays."""
    person, poses = somebody
    stage = make_stage(shadow=True)
    scenes = [
        random_scene(
            np.random.default_rng(seed), camera_azimuth_rad=0, centre_m=np.zeros(3), floor_m=0, extent_m=1, occluders=False
        )
        for seed in range(3)
    ]

    def take(i: int) -> None:
        stage.set_people([person] * (1 + i % 2))
        stage.set_scene(scenes[i % 3])
        for pose in poses:
            stage.draw([pose] * (1 + i % 2), CAMERAS["ahead"])
            stage.picture_bgr()
            stage.depth_m()

    for i in range(8):
        take(i)
    before = psutil.Process().memory_info().rss
    made: list[Any] = []
    for kind in ("buffer", "vertex_array", "texture_array"):
        make = getattr(gl_context(), kind)
        monkeypatch.setattr(
            type(gl_context()), kind, lambda _, *args, make=make, **named: made.append(make(*args, **named)) or made[-1]
        )
    for i in range(30):
        take(i)
    assert psutil.Process().memory_info().rss - before < 8e6
    stage.close()
    assert len(made) > 30 * 10
    assert {type(thing.mglo).__name__ for thing in made} == {"InvalidObject"}  # released


def test_what_is_missing_is_told(make_stage, somebody, monkeypatch):
    person, poses = somebody
    stage = make_stage()
    with pytest.raises(ValueError, match="set_people and set_scene"):
        stage.draw([poses[0]], CAMERAS["ahead"])
    stage.set_people([person])
    stage.set_scene(bare_scene())
    with pytest.raises(ValueError, match="call draw first"):
        stage.picture_bgr()
    with pytest.raises(ValueError, match="1 people on the stage, and 2 poses"):
        stage.draw(poses[:2], CAMERAS["ahead"])
    cloth = next(mesh for mesh in person.meshes if mesh.material == "cloth")
    bad = replace(cloth, uniforms={name: value for name, value in cloth.uniforms.items() if name != "waist"})
    with pytest.raises(InputError, match="cloth lacks waist"):
        stage.set_people([replace(person, meshes=(bad,))])

    import moderngl

    def refuse(**_: object) -> None:
        raise Exception("libEGL.so not found")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    with pytest.raises(BioHumanError, match=r"no OpenGL over EGL \(libEGL.so not found\).*libgl1-mesa-dri"):
        gl_context.__wrapped__()


def test_an_empty_stage_shows_the_scene(make_stage):
    stage = make_stage(shadow=True)
    stage.set_people([])
    stage.set_scene(bare_scene(floor()))
    for _ in range(3):
        stage.draw([], camera_at((0, 1.5, 3)))
        assert np.isfinite(stage.depth_m()[200]).all()
        assert stage.picture_bgr()[200].min() > 100
