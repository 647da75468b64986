"""Random scenes: the same from the same seed, whole, and nothing between camera and people but an occluder."""

from collections.abc import Iterator

import numpy as np
import pytest

from simlabels.video.place import INDOOR_OCCLUDERS, OUTDOOR_OCCLUDERS, Place, random_occluder
from simlabels.video.scene import Scene, random_scene
from simlabels.video.solids import box, car, chair, column, heading, house, sofa, table, tree
from simlabels.video.stage import Stage
from simlabels.video.tiles import TEXTURES, Tiles

from .staged import bare_scene, camera_at, opened_stage

CENTRE_M = np.array([1.0, 0.9, -2.0])
FLOOR_M = 0.1


def scene_of(seed: int, azimuth_rad: float = 0.5, *, occluders: bool = False, extent_m: float = 1.0) -> Scene:
    return random_scene(
        np.random.default_rng(seed),
        camera_azimuth_rad=azimuth_rad,
        centre_m=CENTRE_M,
        floor_m=FLOOR_M,
        extent_m=extent_m,
        occluders=occluders,
        camera_distance_m=3.5,
    )


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with opened_stage((320, 240)) as opened:
        yield opened


def test_the_same_seed_draws_the_same_scene():
    for seed in (1, 2, 3, 4):
        one, again, other = scene_of(seed), scene_of(seed), scene_of(seed + 100)
        for name in ("vertices", "tiles", "response"):
            np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        assert one.look == again.look
        assert one.look != other.look
        assert one.vertices.shape != other.vertices.shape or (one.vertices != other.vertices).any()


def test_scenes_are_whole():
    kinds = set()
    for seed in range(12):
        scene = scene_of(seed, occluders=seed % 2 == 1)
        kinds.add(scene.kind)
        positions, normals, uv, tint, layer = np.split(scene.vertices, [3, 6, 8, 11], axis=1)
        assert scene.vertices.dtype == np.float32
        assert len(scene.vertices) % 3 == 0
        assert np.isfinite(scene.vertices).all()
        assert uv.std() > 0
        sky = (normals == 0).all(1)
        assert positions[~sky, 1].min() == pytest.approx(scene.floor_m, abs=1e-5)
        assert scene.floor_m == pytest.approx(FLOOR_M, abs=1e-5)
        lengths = np.linalg.norm(normals, axis=1)
        assert (
            np.isclose(lengths, 1, atol=1e-4).all()
            if scene.kind == "room"
            else (np.isclose(lengths, 1, atol=1e-4) | (lengths == 0)).all()
        )
        assert tint.min() > 0
        assert set(np.unique(layer)) <= set(range(len(scene.tiles)))
        assert scene.tiles.shape[1:] == (256, 256, 3)
        assert scene.tiles.dtype == scene.response.dtype == np.uint8
        assert scene.response.shape == (256, 3)
        assert (np.diff(scene.response.astype(int), axis=0) >= 0).all()
        assert np.linalg.norm(scene.light.to_light) == pytest.approx(1)
        assert scene.light.to_light[1] > 0.3  # the stage follows shadows down to the floor
        assert (scene.look["occluder"] is None) == (seed % 2 == 0)
    assert kinds == {"room", "outdoor"}


def test_nothing_but_an_occluder_is_before_the_people(stage):
    """Cameras all round, near and far, low and high; walls are looked through from behind."""
    for seed in range(24):
        rng = np.random.default_rng(seed)
        azimuth_rad, elevation_rad = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-10, 35))
        away = heading(azimuth_rad)[0] * np.cos(elevation_rad) + [0, np.sin(elevation_rad), 0]
        eye_m = CENTRE_M + away * rng.choice([2.5, 5, 12, 30])
        eye_m[1] = max(eye_m[1], FLOOR_M + 0.12)
        camera = camera_at(tuple(eye_m), tuple(CENTRE_M))
        stage.set_scene(scene_of(seed, azimuth_rad))
        stage.draw([], camera)
        points_m = CENTRE_M + rng.uniform([-0.4, -0.75, -0.4], [0.4, 0.85, 0.4], (200, 3))
        pixels, depth_m = camera.project(points_m)
        x, y = np.floor(pixels).astype(int).T
        inside = (x >= 0) & (x < 320) & (y >= 0) & (y < 240) & (depth_m > 0.1)
        assert inside.sum() > 50
        assert (stage.depth_m()[y[inside], x[inside]] > depth_m[inside]).all(), seed


def test_pictures_have_no_holes(stage):
    """Something is seen in every pixel: floors and walls go on as far as a camera sees."""
    for seed in range(12):
        for distance_m in (3.0, 25.0):
            camera = camera_at((CENTRE_M[0], 1.5 + 0.3 * distance_m, CENTRE_M[2] + distance_m), tuple(CENTRE_M), roll_deg=8)
            stage.set_scene(scene_of(seed, 0.0))
            stage.draw([], camera)
            assert np.isfinite(stage.depth_m()).all(), (seed, distance_m)


@pytest.mark.parametrize("outdoor", [False, True])
def test_each_occluder_hides_a_part_of_a_person(stage, outdoor: bool):
    """Of a board where the person is, 0.4 x 1.7 m, each hides something and never all."""
    camera = camera_at((0, 1.2, 3.5), (0, 0.9, 0))
    points_m = np.stack(np.meshgrid(np.linspace(-0.2, 0.2, 15), np.linspace(0.05, 1.7, 60), [0.0]), axis=-1).reshape(-1, 3)
    pixels, depth_m = camera.project(points_m)
    x, y = np.floor(pixels).astype(int).T
    hidden: dict[str, list[float]] = {}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        place = Place(np.zeros(3), 0.5, 0.0, 3.5)
        tiles = Tiles(rng)
        kind, vertices = random_occluder(rng, tiles, place, outdoor=outdoor)
        vertices[:, 11] = 0
        stage.set_scene(bare_scene(vertices))
        stage.draw([], camera)
        hidden.setdefault(kind, []).append(float((stage.depth_m()[y, x] < depth_m).mean()))
    assert set(hidden) == set(OUTDOOR_OCCLUDERS if outdoor else INDOOR_OCCLUDERS)
    assert {kind for kind, shares in hidden.items() if max(shares) < 0.05} == set()
    assert max(max(shares) for shares in hidden.values()) < 0.95


SOLIDS = {
    "box": box((0, 0, 0), (1, 2, 0.5), 0.3, (1, 1, 1), 0),
    "table": table((0, 0, 0), (1, 0.7, 0.5), 0.3, (1, 1, 1), 0, panel=True),
    "chair": chair((0, 0, 0), 0.45, 0.3, (1, 1, 1), 0),
    "sofa": sofa((0, 0, 0), 1.5, 0.3, (1, 1, 1), 0),
    "column": column((0, 0, 0), (0.4, 0.1), 1.5, (1, 1, 1), 0),
    "tree": tree((0, 0, 0), 5, (1, 1, 1), (1, 1, 1), 0, conifer=True),
    "round tree": tree((0, 0, 0), 5, (1, 1, 1), (1, 1, 1), 0, conifer=False),
    "house": house((0, 0, 0), (8, 6, 7), 0.3, (1, 1, 1), (1, 1, 1), (0, 1)),
    "car": car(np.zeros(3), 0.3, (1, 1, 1), 0),
}


@pytest.mark.parametrize("solid", SOLIDS.values(), ids=SOLIDS)
def test_faces_wind_about_their_normals(solid: np.ndarray):
    """Only fronts are drawn: counter-clockwise about the normal; and the lowest point is on the ground."""
    a, b, c = np.moveaxis(solid[:, :3].reshape(-1, 3, 3), 1, 0)
    across = np.cross(b - a, c - a)
    large = np.linalg.norm(across, axis=1) > 1e-9  # the tip of a cone has no face
    assert large.sum() >= 0.5 * len(across)
    assert ((across * solid[::3, 3:6]).sum(-1)[large] > 0).all()
    assert solid[:, 1].min() == pytest.approx(0, abs=1e-6)


def test_solids_face_outwards():
    """A closed one encloses its volume: the divergence theorem gives it with its sign."""
    corners = SOLIDS["box"][:, :3].reshape(-1, 3, 3).astype(float)
    assert np.linalg.det(corners).sum() / 6 == pytest.approx(1 * 2 * 0.5, rel=1e-5)
    assert np.linalg.det(SOLIDS["table"][:, :3].reshape(-1, 3, 3).astype(float)).sum() > 0
    sides = SOLIDS["column"].astype(float)
    assert ((sides[:, [0, 2]] * sides[:, [3, 5]]).sum(-1)[np.linalg.norm(sides[:, [0, 2]], axis=1) > 1e-6] > 0).all()


@pytest.mark.parametrize("name", TEXTURES)
def test_textures_are_drawn_once_and_vary(name: str):
    tiles = Tiles(np.random.default_rng(3))
    plain, layer = tiles.layer("plain"), tiles.layer(name)
    assert (plain, tiles.layer(name)) == (0, layer)
    drawn = tiles.array()
    assert len(drawn) == 1 + (name != "plain")
    assert drawn[layer].std() > 1
    assert 20 < drawn[layer].mean() < 250
