"""Where people are filmed: a room or a place outdoors, its light, and the response of the camera that sees it. All drawn at random."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .outdoors import outdoors
from .place import Place, random_occluder
from .room import room
from .tiles import Tiles

OUTDOOR_SHARE = 0.3
#: Shares of scenes with too little light, with light from behind the person, under a covered sky.
LOW_LIGHT_SHARE, BACK_LIGHT_SHARE, COVERED_SHARE = 0.12, 0.15, 0.35


class Light(NamedTuple):
    """One far light and what comes from everywhere; linear RGB."""

    to_light: np.ndarray  # (3,), unit, world
    colour: np.ndarray  # (3,)
    ambient: np.ndarray  # (3,)
    gain: float  # the exposure, on both


@dataclass(frozen=True)
class Scene:
    """What the stage draws beside people."""

    vertices: np.ndarray  # (3 n, 12) float32, as in solids.py
    floor_m: float  # nothing casts a shadow below it
    tiles: np.ndarray  # (layers, 256, 256, 3) uint8, encoded (square root of linear), row 0 at v = 0
    light: Light
    response: np.ndarray  # (256, 3) uint8: from encoded (square root of linear) to the picture's values; columns R, G, B
    kind: str  # "room" or "outdoor"
    look: dict[str, Any]  # what was drawn, JSON-able


def random_scene(
    rng: np.random.Generator,
    *,
    camera_azimuth_rad: float,
    centre_m: np.ndarray,
    floor_m: float,
    extent_m: float,
    occluders: bool,
    camera_distance_m: float = np.inf,
) -> Scene:
    """Draws a scene around people.

    Args:
        camera_azimuth_rad: direction from them to the camera, from +Z towards +X; what stands between is an occluder.
        centre_m: (3,) the middle of where they move; extent_m: how far they do, across.
        occluders: whether something stands between camera and person.
        camera_distance_m: how far the camera is from the middle; an occluder is nearer to it than that.
    """
    outdoor, covered = bool(rng.random() < OUTDOOR_SHARE), bool(rng.random() < COVERED_SHARE)
    light, look = _random_light(rng, camera_azimuth_rad, outdoor=outdoor, covered=covered)
    tiles = Tiles(rng)
    ground_m = np.array([centre_m[0], floor_m, centre_m[2]])
    place = Place(ground_m, extent_m, camera_azimuth_rad, camera_distance_m)
    if outdoor:
        parts, built = outdoors(rng, tiles, place, light.gain * light.ambient, covered=covered)
    else:
        parts, built = room(rng, tiles, place)
    occluder = None
    if occluders:
        occluder, hiding = random_occluder(rng, tiles, place, outdoor=outdoor)
        parts.insert(0, hiding)
    response, encoded = _random_response(rng)
    kind = "outdoor" if outdoor else "room"
    look = {"scene": kind, "occluder": occluder} | look | built | encoded
    return Scene(np.concatenate(parts), floor_m, tiles.array(), light, response, kind, look)


def _random_light(
    rng: np.random.Generator, camera_azimuth_rad: float, *, outdoor: bool, covered: bool
) -> tuple[Light, dict[str, Any]]:
    """Lamp, window or sun, and the exposure that a camera would choose, or fails to reach."""
    elevation_rad = np.radians(rng.uniform(22, 75) if outdoor else rng.uniform(30, 80))
    behind = bool(rng.random() < BACK_LIGHT_SHARE)
    from_camera_rad = rng.uniform(0.6, 1.0) * np.pi if behind else rng.uniform(0, 0.6) * np.pi
    azimuth_rad = camera_azimuth_rad + rng.choice([-1, 1]) * from_camera_rad
    flat = np.cos(elevation_rad)
    to_light = np.array([flat * np.sin(azimuth_rad), np.sin(elevation_rad), flat * np.cos(azimuth_rad)])
    colour = (1 + rng.normal(0, 0.06, 3)) * rng.uniform(0.35, 1.1)
    ambient = (1 + rng.normal(0, 0.05, 3)) * rng.uniform(0.35, 0.8)
    if outdoor:
        colour, ambient = ([1.0, 0.95, 0.85] * colour, [0.9, 1.0, 1.15] * ambient)
        colour = colour * (rng.uniform(0.05, 0.35) if covered else 1.5)
    exposure, low_light = float(rng.uniform(0.5, 1.4)), bool(rng.random() < LOW_LIGHT_SHARE)
    if low_light:
        exposure *= float(rng.uniform(0.08, 0.35))
    gain = exposure / float(
        ambient.mean() + colour.mean() * to_light[1]
    )  # so that white ground is as bright as the exposure says
    look = {
        "light_elevation_deg": float(np.degrees(elevation_rad)),
        "light_from_camera_deg": float(np.degrees(from_camera_rad)),
        "ambient_share": float(ambient.mean() / (ambient.mean() + colour.mean())),
        "exposure": exposure,
        "low_light": low_light,
    }
    return Light(to_light, colour, ambient, gain), look


def _random_response(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
    """White balance, gamma, contrast and haze of a camera, as a table."""
    white_balance = 1 + rng.normal(0, 0.05, 3)
    if rng.random() < 0.1:  # a lamp's or the sky's colour left in
        white_balance *= 1 + rng.choice([-1, 1]) * rng.uniform(0.05, 0.15) * np.array([1, 0, -1])
    gamma, contrast, haze = rng.uniform(0.8, 1.25), rng.uniform(-0.25, 0.6), rng.choice([0, rng.uniform(0, 0.12)])
    x = np.clip(np.linspace(0, 1, 256)[:, None] * white_balance, 0, 1) ** gamma
    x = x + contrast * x * (1 - x) * (2 * x - 1)
    look = {"white_balance": white_balance.tolist(), "gamma": float(gamma), "contrast": float(contrast), "haze": float(haze)}
    return np.rint(255 * (haze + (1 - haze) * x)).clip(0, 255).astype(np.uint8), look
