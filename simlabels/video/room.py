"""A furnished room. Its walls and ceiling face inwards and only that side is drawn: a camera outside looks through them."""

from typing import Any

import numpy as np

from .place import Place, random_tint
from .solids import box, chair, column, heading, quad, sofa, table
from .tiles import Tiles

_UP = np.array([0.0, 1.0, 0.0])
#: Walls, floor and ceiling go on beyond the corners: the camera may stand farther away than the room is large.
_BEYOND_M, _TALL_M = 45.0, 30.0


def room(rng: np.random.Generator, tiles: Tiles, place: Place) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Its parts, what is likely nearest first, and what was drawn."""
    yaw = rng.uniform(0, np.pi / 2)
    reach_m = place.free_m + rng.uniform(0.2, 3.5, 4)  # from the middle to each wall
    height_m = float(rng.uniform(2.4, 3.6) if rng.random() < 0.8 else rng.uniform(4, 7))
    tint, tile_m = random_tint(rng, 0.3, 0.95, 0.06), rng.uniform(0.8, 2.5)
    layer = tiles.layer(str(rng.choice(["plain", "plain", "plain", "paper", "brick", "wood"])))
    inside, shell = [], []
    for i in range(4):
        forward, right = heading(yaw + i * np.pi / 2)
        foot, to_right_m, to_left_m = place.ground_m - forward * reach_m[i], reach_m[(i + 1) % 4], reach_m[(i + 3) % 4]
        start, along = foot + right * _BEYOND_M, -right * 2 * _BEYOND_M
        shell.append(quad(start, along, _UP * _TALL_M, tint, layer, tile_m))
        shell.append(quad(start + forward * 0.015, along, _UP * rng.uniform(0.05, 0.12), tint * 0.7, tiles.layer("plain")))
        if forward @ place.to_camera > 0.1:  # seen across the room
            inside += _wall_hangings(rng, tiles, foot, yaw + i * np.pi / 2, (-to_right_m, to_left_m), height_m)
            inside += _furniture(rng, tiles, foot, yaw + i * np.pi / 2, (-to_right_m, to_left_m))
    if rng.random() < 0.35:
        inside.append(_rug(rng, tiles, place.ground_m, yaw))
    floor = str(rng.choice(["wood", "wood", "squares", "carpet", "plain"]))
    forward, right = heading(yaw)
    for middle, side, tinted, tiled in (
        (place.ground_m, -right, random_tint(rng, 0.12, 0.8, 0.05), floor),
        (place.ground_m + _UP * height_m, right, random_tint(rng, 0.6, 0.95, 0.02), "plain"),
    ):
        corner, edge_m = middle - (forward + side) * _BEYOND_M, 2 * _BEYOND_M
        shell.append(quad(corner, forward * edge_m, side * edge_m, tinted, tiles.layer(tiled), rng.uniform(0.8, 2.5)))
    return inside + shell, {"floor": floor, "room_height_m": height_m}


def _rug(rng: np.random.Generator, tiles: Tiles, ground_m: np.ndarray, yaw: float) -> np.ndarray:
    forward, right = heading(yaw + rng.normal(0, 0.2))
    length_m, width_m = rng.uniform(1.4, 3.5, 2)
    corner = ground_m + _UP * 0.012 - forward * (length_m / 2 + rng.normal(0, 0.4)) + right * (width_m / 2 + rng.normal(0, 0.4))
    return quad(corner, forward * length_m, -right * width_m, (1, 1, 1), tiles.layer("rug"), 0)


def _beside_each_other(rng: np.random.Generator, span_m: tuple[float, float], apart_m: float, share: float) -> np.ndarray:
    """Places along a wall, so far apart that what is there does not touch; a share of those that there are room for."""
    places_m = np.arange(span_m[0] + rng.uniform(0.5, 1) * apart_m, span_m[1] - apart_m / 2, apart_m)
    return places_m[rng.random(len(places_m)) < share]


def _wall_hangings(
    rng: np.random.Generator, tiles: Tiles, foot_m: np.ndarray, inwards: float, span_m: tuple[float, float], height_m: float
) -> list[np.ndarray]:
    """Windows, pictures, a door: flat things on a wall whose foot and heading are given; left is positive."""
    forward, right = heading(inwards)
    parts = []
    for place_m in _beside_each_other(rng, span_m, 2.2, 0.75):
        kind = str(rng.choice(["art", "art", "window", "door", "screen"]))
        width_m, tall_m, low_m = {
            "art": (rng.uniform(0.3, 1.4), rng.uniform(0.3, 1.2), rng.uniform(1.0, 1.6)),
            "window": (rng.uniform(0.8, 2.2), rng.uniform(1.0, 1.5), rng.uniform(0.7, 1.0)),
            "door": (0.9, 2.05, 0.0),
            "screen": (rng.uniform(0.9, 1.5), rng.uniform(0.5, 0.8), rng.uniform(0.9, 1.2)),
        }[kind]
        tall_m = min(tall_m, height_m - low_m - 0.1)
        middle = foot_m - right * place_m + _UP * low_m
        tint = random_tint(rng, 0.05, 0.8)
        parts.append(box(middle, (width_m + 0.1, tall_m + 0.06, 0.04), inwards, tint, tiles.layer("wood")))
        layer, shown = {
            "art": ("art", (1, 1, 1)),
            "window": ("window", np.full(3, rng.uniform(0.8, 2.5))),  # daylight outshines the room
            "door": ("wood", tint * 1.1),
            "screen": ("plain", (0.02, 0.02, 0.025)),
        }[kind]
        corner = middle + forward * (0.025 + 0.002 * len(parts)) + right * width_m / 2 + _UP * 0.03
        parts.append(quad(corner, -right * width_m, _UP * tall_m, shown, tiles.layer(layer), 0))
    return parts


def _furniture(
    rng: np.random.Generator, tiles: Tiles, foot_m: np.ndarray, inwards: float, span_m: tuple[float, float]
) -> list[np.ndarray]:
    """What stands before a wall, its back to it."""
    forward, right = heading(inwards)
    parts = []
    for place_m in _beside_each_other(rng, span_m, 2.2, 0.65):
        kind = str(rng.choice(["cabinet", "books", "sofa", "table", "chair", "plant", "lamp"]))
        tint, wood = random_tint(rng, 0.05, 0.8, 0.3), tiles.layer("wood")
        at = foot_m - right * place_m
        match kind:
            case "cabinet":
                size = (rng.uniform(0.5, 2.0), rng.uniform(0.5, 2.1), rng.uniform(0.35, 0.6))
                parts.append(box(at + forward * (size[2] / 2 + 0.05), size, inwards, tint, wood))
            case "books":
                size = (rng.uniform(0.8, 1.8), rng.uniform(1.2, 2.2), 0.32)
                parts.append(box(at + forward * 0.2, size, inwards, tint, wood))
                corner = at + forward * 0.365 + right * (size[0] / 2 - 0.03) + _UP * 0.03
                parts.append(
                    quad(corner, -right * (size[0] - 0.06), _UP * (size[1] - 0.06), (1, 1, 1), tiles.layer("books"), 0)
                )
            case "sofa":
                parts.append(sofa(at + forward * 0.5, rng.uniform(0.9, 2.2), inwards + np.pi, tint, tiles.layer("carpet")))
            case "table":
                size = (rng.uniform(0.5, 1.8), rng.uniform(0.4, 0.78), rng.uniform(0.4, 0.6))
                parts.append(table(at + forward * 0.4, size, inwards, tint, wood))
                parts.append(
                    box(at + forward * 0.35 + _UP * size[1], rng.uniform(0.1, 0.4, 3), inwards, random_tint(rng), wood)
                )
            case "chair":
                parts.append(chair(at + forward * 0.5, 0.46, inwards + np.pi + rng.normal(0, 0.5), tint, wood))
            case "plant":
                spot, foliage = at + forward * 0.4, tiles.layer("foliage")
                parts.append(column(spot, (0.14, 0.18), 0.35, tint, wood))
                parts.append(column(spot + _UP * 0.35, (0.05, 0.4), 0.5, (0.12, 0.3, 0.08), foliage))
                parts.append(column(spot + _UP * 0.85, (0.4, 0.0), rng.uniform(0.3, 0.7), (0.12, 0.3, 0.08), foliage))
            case "lamp":
                spot = at + forward * 0.3
                parts.append(column(spot, (0.02, 0.02), 1.4, (0.05, 0.05, 0.05), wood, 6))
                parts.append(
                    column(spot + _UP * 1.35, (0.22, 0.14), 0.3, np.full(3, rng.uniform(0.8, 2.0)), tiles.layer("plain"))
                )
    return parts
