"""Made-up people and places for the tests of the stage: flat things of one colour, where one wants them."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from realtime.body.errors import BioHumanError
from simlabels.video.camera import Camera
from simlabels.video.mesh import Mesh
from simlabels.video.person import DrawnPerson
from simlabels.video.programs import gl_context
from simlabels.video.scene import Light, Scene
from simlabels.video.solids import quad
from simlabels.video.stage import Stage

UP_LIGHT = Light(np.array([0.0, 1.0, 0.0]), np.ones(3), np.ones(3), 0.5)
STILL = (np.tile(np.eye(3), (24, 1, 1)), np.zeros((24, 3)))
"""The pose in which a made-up person lies where its vertices say."""


@contextmanager
def opened_stage(size_px: tuple[int, int]) -> Iterator[Stage]:
    """A stage without shadows and people; skips the test where there is nothing to draw with."""
    try:
        gl_context()
    except BioHumanError as error:
        pytest.skip(str(error))
    stage = Stage(*size_px, shadow=False)
    stage.set_people([])
    yield stage
    stage.close()


def cut_out(*triangles_m: np.ndarray, rgb: tuple[float, float, float] = (1, 1, 1), both_sides: bool = True) -> DrawnPerson:
    """A person of flat triangles, each (3, 3), world; colours are linear."""
    corners_m = np.concatenate([np.asarray(t, float) for t in triangles_m])
    n = len(corners_m)
    triangles = np.arange(n).reshape(-1, 3)
    if both_sides:
        triangles = np.concatenate([triangles, triangles[:, ::-1]])
    weights = np.zeros((n, 24), np.float32)
    weights[:, 0] = 1
    mesh = Mesh(
        material="eyes",
        vertices_m=corners_m.astype(np.float32),
        normals=np.tile(np.array([0, 1, 0], np.float32), (n, 1)),
        weights=weights,
        triangles=triangles.astype(np.int32),
        texture_m=np.zeros((n, 3), np.float32),
        region=np.zeros((n, 4), np.float32),
        colour=np.tile(np.array([*rgb, 1], np.float32), (n, 1)),
        uniforms={},
    )
    return DrawnPerson(
        rest_m=np.zeros((24, 3)),
        path_scale=1.0,
        stature_m=1.7,
        meshes=(mesh,),
        R_bind=STILL[0],
        centre_m=STILL[1],
        phenotype={},
        outfit={},
        fit_m=np.zeros(24),
    )


def square(
    middle_m: tuple[float, float, float], a_m: tuple[float, float, float], b_m: tuple[float, float, float]
) -> list[np.ndarray]:
    """Two triangles of a parallelogram with edges a and b about its middle."""
    middle, a, b = (np.array(x, float) for x in (middle_m, a_m, b_m))
    corner = middle - (a + b) / 2
    return [np.stack([corner, corner + a, corner + a + b]), np.stack([corner, corner + a + b, corner + b])]


def bare_scene(*faces: np.ndarray, light: Light = UP_LIGHT) -> Scene:
    """Faces with a plain texture; without any, a floor too small to be seen."""
    vertices = np.concatenate(faces) if faces else quad((0, -50, 0), (0, 0, 1e-3), (1e-3, 0, 0), (0, 0, 0), 0)
    response = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    return Scene(vertices, float(vertices[:, 1].min()), np.full((1, 256, 256, 3), 255, np.uint8), light, response, "room", {})


def floor(rgb: tuple[float, float, float] = (0.5, 0.5, 0.5), reach_m: float = 20.0) -> np.ndarray:
    return quad((-reach_m, 0, -reach_m), (0, 0, 2 * reach_m), (2 * reach_m, 0, 0), rgb, 0)


def camera_at(
    eye_m: tuple[float, float, float],
    target_m: tuple[float, float, float] = (0, 1, 0),
    *,
    roll_deg: float = 0,
    focal_px: float = 300,
) -> Camera:
    """A camera of pictures of 320 x 240; roll turns the picture clockwise."""
    eye = np.array(eye_m, float)
    forward = np.array(target_m) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 1, 0])
    right /= np.linalg.norm(right)
    c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.stack([right, np.cross(forward, right), forward])
    return Camera(np.array([[focal_px, 0, 160], [0, focal_px, 120], [0, 0, 1]]), R, -R @ eye)
