"""Where the camera stands and how it moves: drawn at random around the person, as phones, webcams and tripods are."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from realtime.body.skeleton import JOINTS

Generator = np.random.Generator

FOCAL_35MM = (24.0, 80.0)  # equivalent focal lengths, mm: phones to short telephoto
ELEVATION_DEG, ROLL_DEG = (-10.0, 35.0), (-10.0, 10.0)
#: Stature in a picture of 480 lines, px: of the whole person, and seen from near, as a webcam on a desk shows them.
PERSON_PX, NEAR_PERSON_PX = (80.0, 460.0), (560.0, 1100.0)
NEAREST_M = 0.6
#: Shares of takes that show the upper body only, from about eye level, and that the picture's edge cuts, by how far the aim is off,
#: of the picture's width and height.
NEAR_SHARE, CUT_SHARE = 0.12, 0.10
CUT_BY = (0.28, 0.48)
NEAR_ELEVATION_DEG = (-10.0, 15.0)
_CHEST = [JOINTS.index(name) for name in ("spine3", "neck", "head")]
#: Hand-held tremor: standard deviation of the direction and of the roll, and how fast it forgets.
TREMOR_RAD, ROLL_TREMOR_RAD, TREMOR_S = 0.006, 0.004, 0.35


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

    @property
    def eyes_m(self) -> np.ndarray:
        """Where the camera is, world (N, 3)."""
        return -np.einsum("nji,nj->ni", self.R_cam_world, self.t_cam_m)

    def between(self, i: int, j: int, share: float) -> Camera:
        """The camera part of the way from picture i to picture j."""
        R = between_rotations(self.R_cam_world[i], self.R_cam_world[j], share)
        eye_m = (1 - share) * self.eyes_m[i] + share * self.eyes_m[j]
        return Camera(self.K_px, R, -R @ eye_m)


def random_camera(
    rng: Generator,
    size_px: tuple[int, int],
    joints_m: np.ndarray,
    times_s: np.ndarray,
    stature_m: float,
    floor_m: float,
    *,
    whole: bool = False,
) -> CameraPath:
    """A camera that has the person in view: standing, panning after them, or in a hand.

    Args:
        joints_m: (N, 24, 3) joints at each picture, world.
        times_s: (N,) when each picture is taken.
        floor_m: no camera is below it.
        whole: the whole person is in the picture; else some are seen from near, and some are cut by an edge.
    """
    width, height = size_px
    focal_35mm = float(np.exp(rng.uniform(*np.log(FOCAL_35MM))))
    focal_px = width * focal_35mm / 36
    drawn = rng.random()
    framing = "whole" if whole or drawn >= NEAR_SHARE + CUT_SHARE else "near" if drawn < NEAR_SHARE else "cut"
    person_px = float(rng.uniform(*(NEAR_PERSON_PX if framing == "near" else PERSON_PX))) * height / 480
    distance_m = max(focal_px * stature_m / person_px, NEAREST_M)
    azimuth, elevation, roll = (
        rng.uniform(0, 2 * np.pi),
        np.radians(rng.uniform(*(NEAR_ELEVATION_DEG if framing == "near" else ELEVATION_DEG))),
        np.radians(rng.uniform(*ROLL_DEG)),
    )

    middle_m = joints_m[:, _CHEST].mean(1) if framing == "near" else joints_m.mean(1)
    centre_m = (middle_m.max(0) + middle_m.min(0)) / 2
    reach_m = np.abs(middle_m - centre_m).max(0)[[0, 2]].max()
    towards = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    nearest_m = float(((middle_m - centre_m) @ towards).max())  # how far they come towards the camera
    away_m = max(distance_m + 0.5 * reach_m, nearest_m + max(0.6 * distance_m, NEAREST_M))
    eye_m = centre_m + towards * away_m

    leaves_view = reach_m / distance_m * focal_px > 0.22 * width
    pans = bool(leaves_view or rng.random() < 0.1)
    in_hand = bool(rng.random() < 0.3)
    target_m = _slow(middle_m, times_s) if pans else np.repeat(centre_m[None], len(times_s), axis=0)
    target_m = target_m + rng.normal(0, 0.05, 3) * distance_m * 0.5 * width / focal_px
    if framing == "cut":
        side = np.array([np.cos(azimuth), 0, -np.sin(azimuth)])  # to the right in the picture
        aside, size = [(side, width), (np.array([0.0, 1, 0]), height)][int(rng.integers(2))]
        target_m = target_m + aside * rng.choice([-1, 1]) * rng.uniform(*CUT_BY) * size * away_m / focal_px
    rolls_rad = np.full(len(times_s), roll)
    if in_hand:
        eye_m = eye_m + _wander(rng, times_s, 0.01, 0.8)
        target_m = target_m + _wander(rng, times_s, TREMOR_RAD, TREMOR_S) * distance_m
        rolls_rad = rolls_rad + _wander(rng, times_s, ROLL_TREMOR_RAD, TREMOR_S)[:, 0]
    eyes_m = np.array(np.broadcast_to(eye_m, target_m.shape))
    eyes_m[:, 1] = np.maximum(eyes_m[:, 1], floor_m + 0.12)
    R_cam_world = np.stack([_look_at(*view) for view in zip(eyes_m, target_m, rolls_rad, strict=True)])
    t_cam_m = -np.einsum("nij,nj->ni", R_cam_world, eyes_m)
    offset_m = eyes_m[0] - centre_m
    depth_m = float(np.median(np.einsum("nj,nj->n", R_cam_world[:, 2], joints_m[:, 0]) + t_cam_m[:, 2]))
    look = {
        "framing": framing,
        "azimuth_deg": float(np.degrees(azimuth)),
        "elevation_deg": float(np.degrees(np.arcsin(offset_m[1] / np.linalg.norm(offset_m)))),
        "roll_deg": float(np.degrees(roll)),
        "focal_35mm": focal_35mm,
        "distance_m": depth_m,
        "person_px": focal_px * stature_m / depth_m * 480 / height,  # in a picture of 480 lines
        "camera": "hand" if in_hand else "pan" if pans else "static",
    }
    K_px = np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]])
    return CameraPath(K_px, R_cam_world, t_cam_m, float(azimuth), look)


def between_rotations(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Rotations (..., 3, 3) part of the way from a to b, which are near to each other."""
    u, _, vt = np.linalg.svd((1 - share) * a + share * b)
    return u @ vt


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
    """A smooth random walk (N, 3) about zero with this standard deviation: an Ornstein-Uhlenbeck process through a low-pass of the
    same time constant, as a heavy hand would do."""
    driven = np.sqrt(2) * deviation  # half of the power passes
    force = rng.normal(0, driven, 3)
    out = np.empty((len(times_s), 3))
    out[0] = rng.normal(0, deviation, 3)
    for i, step_s in enumerate(np.diff(times_s), 1):
        keep = np.exp(-step_s / forget_s)
        force = keep * force + rng.normal(0, driven * np.sqrt(1 - keep**2), 3)
        out[i] = keep * out[i - 1] + (1 - keep) * force
    return out
