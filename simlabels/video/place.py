"""Where in a scene people and camera are, and what may stand between them."""

from typing import NamedTuple

import numpy as np

from .solids import bench, box, chair, column, heading, sofa, table
from .tiles import Tiles

INDOOR_OCCLUDERS = ("desk", "table", "sofa", "chair", "cabinet", "pillar", "screen")
OUTDOOR_OCCLUDERS = ("hedge", "fence", "trunk", "bench")


class Place(NamedTuple):
    """What a scene is built around. Directions are angles from +Z towards +X."""

    ground_m: np.ndarray  # (3,): the floor below the middle of where people move
    extent_m: float  # how far they move, across
    azimuth_rad: float  # from there to the camera
    camera_distance_m: float

    @property
    def to_camera(self) -> np.ndarray:
        return heading(self.azimuth_rad)[0]

    @property
    def free_m(self) -> float:
        """Walls and what is outdoors are not nearer to the middle than this: people and their arms have room before furniture."""
        return self.extent_m / 2 + 1.0


def random_tint(rng: np.random.Generator, low: float = 0.1, high: float = 0.85, colour: float = 0.15) -> np.ndarray:
    """A linear RGB colour: a brightness within bounds, and by what share the channels differ from it; rather warm than cold."""
    channels = 1 + rng.normal(0, colour, 3) + rng.normal(0.5, 0.8) * colour * np.array([1.0, 0.0, -1.0])
    return np.clip(rng.uniform(low, high) * channels, 0.02, 0.95)


def random_occluder(rng: np.random.Generator, tiles: Tiles, place: Place, *, outdoor: bool) -> tuple[str, np.ndarray]:
    """Something that hides legs or a side of people from the camera: its kind and its triangles."""
    kind = str(rng.choice(OUTDOOR_OCCLUDERS if outdoor else INDOOR_OCCLUDERS))
    forward, right = heading(place.azimuth_rad)
    near_m = place.extent_m / 2 + rng.uniform(0.45, 1.0)
    near_m = min(near_m, max(0.6 * place.camera_distance_m, 0.45))
    aside_m = rng.uniform(-0.5, 0.5)
    yaw = place.azimuth_rad + rng.normal(0, 0.15)
    base = place.ground_m + forward * near_m + right * aside_m
    tint = random_tint(rng, 0.05, 0.7, 0.3)
    wood, cloth = tiles.layer("wood"), tiles.layer("carpet")
    foliage = tiles.layer("foliage") if outdoor else 0
    match kind:
        case "desk":
            size = (rng.uniform(1.2, 2.4), rng.uniform(0.7, 0.8), rng.uniform(0.5, 0.7))
            parts = [table(base, size, yaw, tint, wood, panel=True)]
            if rng.random() < 0.5:  # a screen on it
                top = base + [0, size[1] + 0.1, 0] + right * rng.uniform(-0.6, 0.6)
                parts.append(box(top, (rng.uniform(0.35, 0.6), 0.3, 0.03), yaw, (0.03, 0.03, 0.035), wood))
            return kind, np.concatenate(parts)
        case "table":
            return kind, table(base, (rng.uniform(0.8, 2.0), rng.uniform(0.45, 0.78), rng.uniform(0.5, 0.8)), yaw, tint, wood)
        case "sofa":
            return kind, sofa(base, rng.uniform(0.9, 2.2), yaw, tint, cloth)
        case "chair":
            return kind, chair(base, 0.46, yaw, tint, wood)
        case "cabinet":
            aside = right * rng.choice([-1, 1]) * rng.uniform(0.25, 0.5)
            size = (rng.uniform(0.4, 0.8), rng.uniform(0.9, 1.9), 0.4)
            return kind, box(place.ground_m + forward * near_m + aside, size, yaw, tint, wood)
        case "pillar":
            radius_m = rng.uniform(0.05, 0.12)
            return kind, column(base, (radius_m, radius_m), 3.2, tint, tiles.layer("plain"), 12)
        case "screen":
            aside = right * rng.choice([-1, 1]) * rng.uniform(0.5, 0.9)
            return kind, box(place.ground_m + forward * near_m + aside, (1.1, rng.uniform(1.4, 2.0), 0.05), yaw, tint, cloth)
        case "hedge":
            size = (rng.uniform(1.5, 5.0), rng.uniform(0.4, 1.0), 0.5)
            return kind, box(base, size, yaw, (0.12, 0.25, 0.06), foliage, 0.7)
        case "fence":
            return kind, box(base, (rng.uniform(1.5, 6.0), rng.uniform(0.6, 1.1), 0.04), yaw, tint, tiles.layer("planks"))
        case "trunk":
            return kind, column(base, (rng.uniform(0.06, 0.12), 0.06), 5.0, (0.12, 0.08, 0.05), foliage)
        case _:
            return kind, bench(base, rng.uniform(1.2, 2.0), yaw, tint, wood)
