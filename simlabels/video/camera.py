"""Where the camera stands and how it moves: drawn at random around the person, as phones, webcams and tripods are."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Generator = np.random.Generator

FOCAL_35MM = (24.0, 80.0)  # equivalent focal lengths, mm: phones to short telephoto
ELEVATION_DEG, ROLL_DEG = (-10.0, 35.0), (-10.0, 10.0)
#: Height of the person in a picture of 480 lines, px.
PERSON_PX = (80.0, 460.0)
NEAREST_M = 0.9
#: Hand-held tremor: standard deviation of the direction, and how fast it forgets.
TREMOR_RAD, TREMOR_S = 0.006, 0.35


class Camera(NamedTuple):
    """One view: x_cam = R_cam_world x_world + t_cam_m, axes x right, y down, z forward."""

    K_px: np.ndarray  # (3, 3)
    R_cam_world: np.ndarray  # (3, 3)
    t_cam_m: np.ndarray  # (3,)

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (..., 2) and depths (...), m, of world points (..., 3)."""
        at = points_m @ self.R_cam_world.T + self.t_cam_m
        pixels = at @ self.K_px.T
        return pixels[..., :2] / pixels[..., 2:], at[..., 2]


@dataclass(frozen=True)
class CameraPath:
    """The camera of a take."""

    K_px: np.ndarray  # (3, 3)
    R_cam_world: np.ndarray  # (N, 3, 3)
    t_cam_m: np.ndarray  # (N, 3)
    azimuth_rad: float  # direction from the person to the camera, about the vertical, from +Z towards +X
    look: dict[str, Any]  # what was drawn, for the take's record

    def __getitem__(self, i: int) -> Camera:
        return Camera(self.K_px, self.R_cam_world[i], self.t_cam_m[i])


def random_camera(
    rng: Generator, size_px: tuple[int, int], joints_m: np.ndarray, times_s: np.ndarray, stature_m: float, floor_m: float
) -> CameraPath:
    """A camera that has the person in view: standing, panning after them, or in a hand.

    Args:
        joints_m: (N, 24, 3) joints at each picture, world.
        times_s: (N,) when each picture is taken.
        floor_m: no camera is below it.
    """
    width, height = size_px
    focal_35mm = float(np.exp(rng.uniform(*np.log(FOCAL_35MM))))
    focal_px = width * focal_35mm / 36
    person_px = float(np.exp(rng.uniform(*np.log(PERSON_PX)))) * height / 480
    distance_m = max(focal_px * stature_m / person_px, NEAREST_M)
    azimuth, elevation, roll = (
        rng.uniform(0, 2 * np.pi),
        np.radians(rng.uniform(*ELEVATION_DEG)),
        np.radians(rng.uniform(*ROLL_DEG)),
    )

    middle_m = joints_m.mean(1)
    centre_m = (middle_m.max(0) + middle_m.min(0)) / 2
    reach_m = np.abs(middle_m - centre_m).max(0)[[0, 2]].max()
    towards = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    eye_m = centre_m + towards * (distance_m + 0.5 * reach_m)
    eye_m[1] = max(eye_m[1], floor_m + 0.12)

    leaves_view = reach_m / distance_m * focal_px > 0.22 * width
    pans = bool(leaves_view or rng.random() < 0.1)
    in_hand = bool(rng.random() < 0.3)
    target_m = _slow(middle_m, times_s) if pans else np.repeat(centre_m[None], len(times_s), axis=0)
    target_m = target_m + rng.normal(0, 0.05, 3) * distance_m * 0.5 * width / focal_px
    if in_hand:
        eye_m = eye_m + _wander(rng, times_s, 0.01, 0.8)
        target_m = target_m + _wander(rng, times_s, TREMOR_RAD, TREMOR_S) * distance_m
    eyes_m = np.broadcast_to(eye_m, target_m.shape)
    R_cam_world = np.stack([_look_at(eye, target, roll) for eye, target in zip(eyes_m, target_m, strict=True)])
    away_m = eyes_m[0] - centre_m
    look = {
        "azimuth_deg": float(np.degrees(azimuth)),
        "elevation_deg": float(np.degrees(np.arcsin(away_m[1] / np.linalg.norm(away_m)))),
        "roll_deg": float(np.degrees(roll)),
        "focal_35mm": focal_35mm,
        "distance_m": float(distance_m),
        "person_px": person_px,
        "camera": "hand" if in_hand else "pan" if pans else "static",
    }
    K_px = np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]])
    return CameraPath(K_px, R_cam_world, -np.einsum("nij,nj->ni", R_cam_world, eyes_m), float(azimuth), look)


def _look_at(eye_m: np.ndarray, target_m: np.ndarray, roll_rad: float) -> np.ndarray:
    """R_cam_world of a camera at `eye_m` that looks at `target_m`; roll turns the picture clockwise."""
    forward = (target_m - eye_m) / np.linalg.norm(target_m - eye_m)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.stack([right, np.cross(forward, right), forward])


def _slow(x: np.ndarray, times_s: np.ndarray, over_s: float = 0.5) -> np.ndarray:
    """Mean of x (N, ...) within `over_s` on either side: how somebody follows with a camera."""
    near = np.abs(times_s[:, None] - times_s[None]) <= over_s
    return (near / near.sum(1, keepdims=True)) @ x


def _wander(rng: Generator, times_s: np.ndarray, deviation: float, forget_s: float) -> np.ndarray:
    """A random walk (N, 3) that returns to zero: Ornstein-Uhlenbeck with this standard deviation and time constant."""
    out = np.empty((len(times_s), 3))
    out[0] = rng.normal(0, deviation, 3)
    for i, step_s in enumerate(np.diff(times_s), 1):
        keep = np.exp(-step_s / forget_s)
        out[i] = keep * out[i - 1] + rng.normal(0, deviation * np.sqrt(1 - keep**2), 3)
    return out
