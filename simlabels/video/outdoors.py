"""A place outdoors: ground to the horizon, sky, and trees, houses, hedges, fences, cars far behind the people."""

from typing import Any

import numpy as np

from .place import Place, random_tint
from .solids import box, car, column, heading, house, quad, tree
from .tiles import Tiles

_UP = np.array([0.0, 1.0, 0.0])
HORIZON_M = 150.0
_GROUNDS = {
    "grass": ((0.16, 0.28, 0.07), 1.2),
    "asphalt": ((0.28, 0.28, 0.29), 1.5),
    "sand": ((0.62, 0.52, 0.36), 1.6),
    "squares": ((0.45, 0.43, 0.40), 1.2),
}


def outdoors(
    rng: np.random.Generator, tiles: Tiles, place: Place, ambient: np.ndarray, *, covered: bool
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Its parts, what is likely nearest first, and what was drawn.

    Args:
        ambient: (3,) light from all sides with the exposure; the sky's brightness hangs on the exposure alone.
        covered: whether clouds hide the sun.
    """
    parts, kinds = [], ("tree", "tree", "tree", "house", "hedge", "fence", "car", "post")
    for _ in range(int(rng.integers(4, 22))):
        parts.append(_far_thing(rng, tiles, place, str(rng.choice(kinds))))
    if rng.random() < 0.6:  # the street's other side
        parts += [_street_side(rng, tiles, place)]
    ground = str(rng.choice(list(_GROUNDS)))
    (tint, tile_m), yaw = _GROUNDS[ground], rng.uniform(0, np.pi)
    forward, right = heading(yaw)
    corner = place.ground_m - (forward - right) * HORIZON_M
    level = quad(
        corner,
        forward * 2 * HORIZON_M,
        -right * 2 * HORIZON_M,
        np.array(tint) * rng.uniform(0.7, 1.4),
        tiles.layer(ground),
        tile_m,
    )
    if rng.random() < 0.3:
        parts.append(_lines(rng, tiles, place))
    parts += [level, _sky(rng, tiles, place, ambient, covered=covered)]
    return parts, {"floor": ground, "covered": covered}


def _far_thing(rng: np.random.Generator, tiles: Tiles, place: Place, kind: str) -> np.ndarray:
    away = place.azimuth_rad + np.pi + rng.uniform(-1.9, 1.9)
    far_m = place.free_m + 1.5 + rng.exponential(9.0)
    at = place.ground_m + heading(away)[0] * far_m
    yaw, foliage = rng.uniform(0, 2 * np.pi), tiles.layer("foliage")
    green = np.array([0.12, 0.26, 0.06]) * rng.uniform(0.6, 1.6) * (1 + rng.normal(0, 0.12, 3))
    match kind:
        case "tree":
            bark = np.array([0.14, 0.1, 0.07]) * rng.uniform(0.6, 1.4)
            return tree(
                at + heading(away)[0] * 2, rng.uniform(2.5, 11), green, bark, foliage, conifer=bool(rng.random() < 0.35)
            )
        case "house":
            size = (rng.uniform(6, 16), 3.0 * rng.integers(1, 4), rng.uniform(6, 10))
            roof, layers = random_tint(rng, 0.08, 0.35), (tiles.layer("facade"), tiles.layer("planks"))
            return house(at + heading(away)[0] * 10, size, yaw, random_tint(rng, 0.3, 0.9), roof, layers)
        case "hedge":
            return box(at, (rng.uniform(2, 9), rng.uniform(0.5, 2.0), 0.7), away, green, foliage, 0.8)
        case "fence":
            return box(
                at, (rng.uniform(3, 14), rng.uniform(0.8, 1.9), 0.05), away, random_tint(rng, 0.1, 0.8), tiles.layer("planks")
            )
        case "car":
            return car(at + heading(away)[0] * 2, yaw, random_tint(rng, 0.03, 0.9, 0.4), tiles.layer("plain"))
        case _:
            return column(at, (0.06, 0.05), rng.uniform(3, 7), np.full(3, rng.uniform(0.1, 0.5)), tiles.layer("plain"), 6)


def _street_side(rng: np.random.Generator, tiles: Tiles, place: Place) -> np.ndarray:
    """A long wall of houses, or of trees, across the view."""
    away = place.azimuth_rad + np.pi + rng.normal(0, 0.4)
    at = place.ground_m + heading(away)[0] * (place.free_m + rng.uniform(6, 30))
    if rng.random() < 0.5:
        height_m = 3.0 * rng.integers(1, 6)
        return box(
            at, (90, height_m, 4), away, random_tint(rng, 0.25, 0.85), tiles.layer(str(rng.choice(["facade", "brick"]))), 3.0
        )
    green = np.array([0.10, 0.22, 0.05]) * rng.uniform(0.5, 1.4)
    return box(at, (120, rng.uniform(1.5, 6), 3), away, green, tiles.layer("foliage"), 2.5)


def _lines(rng: np.random.Generator, tiles: Tiles, place: Place) -> np.ndarray:
    """Painted lines on the ground, as of a court or a parking lot."""
    forward, right = heading(rng.uniform(0, np.pi))
    apart_m, paint = rng.uniform(1.5, 6), random_tint(rng, 0.5, 0.9, 0.03)
    start = place.ground_m + _UP * 0.01 + right * rng.uniform(0, apart_m)
    return np.concatenate(
        [
            quad(start + right * apart_m * k - forward * 20, forward * 40, -right * 0.1, paint, tiles.layer("plain"))
            for k in range(-3, 4)
        ]
    )


def _sky(rng: np.random.Generator, tiles: Tiles, place: Place, ambient: np.ndarray, *, covered: bool) -> np.ndarray:
    """A dome of sixteen sides, paler towards the horizon. It has no normal: only the ambient light shows it."""
    zenith = np.full(3, rng.uniform(0.45, 0.9)) if covered else np.array([0.12, 0.3, 0.75]) * rng.uniform(0.7, 1.5)
    haze = np.full(3, rng.uniform(0.6, 1.0)) * (1 if covered else [0.85, 0.95, 1.05])
    elevations = np.radians([-4.0, 2.0, 10.0, 25.0, 50.0, 90.0])
    paler = np.exp(-3.0 * np.sin(np.maximum(elevations, 0)))[:, None]
    colours = (haze * paler + zenith * (1 - paler)) / (0.72 * np.asarray(ambient))  # the exposure taken out again
    bearings = np.linspace(0, 2 * np.pi, 17)
    at = np.stack(np.broadcast_arrays(*_on_dome(bearings[:, None], elevations[None])), axis=-1)
    uv = np.stack(np.broadcast_arrays(bearings[:, None] * 4 / np.pi, elevations[None] * 2.5), axis=-1)
    rows = [
        [*(place.ground_m + at[i, j] * (HORIZON_M * 0.98)), 0, 0, 0, *uv[i, j], *colours[j], tiles.layer("sky")]
        for column_ in range(16)
        for band in range(5)
        for i, j in _inwards(column_, band)
    ]
    return np.array(rows, np.float32)


def _on_dome(bearing: np.ndarray, elevation: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.sin(bearing) * np.cos(elevation), np.sin(elevation) + 0 * bearing, np.cos(bearing) * np.cos(elevation)


def _inwards(i: int, j: int) -> list[tuple[int, int]]:
    """Corners of two triangles of the dome's grid, counter-clockwise seen from inside."""
    return [(i + 1, j), (i, j), (i, j + 1), (i + 1, j), (i, j + 1), (i + 1, j + 1)]
