"""Simple solids of a scene as triangles: (3 n, 12) float32, a row a corner: position 3, normal 3, uv 2, tint 3, texture layer.

World: metres, Y up. Faces are counter-clockwise seen from outside: only that side is drawn. `tile_m` is the side of a texture's square.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

Vector = Sequence[float] | np.ndarray

_UP = np.array([0.0, 1.0, 0.0])
_SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)], float)


def heading(yaw_rad: float) -> tuple[np.ndarray, np.ndarray]:
    """(forward, right) on the floor: forward is +Z turned towards +X, right is what lies to the right of one who looks along it."""
    s, c = np.sin(yaw_rad), np.cos(yaw_rad)
    return np.array([s, 0, c]), np.array([-c, 0, s])


def quad(corner_m: Vector, a_m: Vector, b_m: Vector, tint: Vector, layer: int, tile_m: float = 1.0) -> np.ndarray:
    """A parallelogram from a corner along two edges; it faces along a x b. `tile_m` 0: the texture fills it once."""
    corner_m, a_m, b_m = (np.asarray(x, float) for x in (corner_m, a_m, b_m))
    normal = np.cross(a_m, b_m)
    lengths_m = np.array([np.linalg.norm(a_m), np.linalg.norm(b_m)])
    out = np.empty((6, 12), np.float32)
    out[:, :3] = corner_m + _SQUARE @ np.stack([a_m, b_m])
    out[:, 3:6] = normal / np.linalg.norm(normal)
    out[:, 6:8] = _SQUARE * (lengths_m / tile_m if tile_m else 1)
    out[:, 8:11], out[:, 11] = tint, layer
    return out


def box(base_m: Vector, size_m: Vector, yaw_rad: float, tint: Vector, layer: int, tile_m: float = 1.0) -> np.ndarray:
    """A box on the middle of its base: width (across its heading), height, depth (along its heading)."""
    forward, right = heading(yaw_rad)
    edges = np.stack([-right, _UP, forward]) * np.asarray(size_m, float)[:, None]
    middle = np.asarray(base_m, float) + edges[1] / 2
    faces = []
    for i in range(3):
        a, b = edges[(i + 1) % 3], edges[(i + 2) % 3]
        if i == 0:
            a, b = -b, a  # upright: the second edge is the vertical one
        for side in (1, -1):
            faces.append(quad(middle + side * edges[i] / 2 - side * a / 2 - b / 2, side * a, b, tint, layer, tile_m))
    return np.concatenate(faces)


def table(base_m: Vector, size_m: Vector, yaw_rad: float, tint: Vector, layer: int, *, panel: bool = False) -> np.ndarray:
    """A board on four legs; with `panel` closed at the front (towards its heading)."""
    width, height, depth = size_m
    forward, right = heading(yaw_rad)
    base = np.asarray(base_m, float)
    parts = [box(base + _UP * (height - 0.04), (width, 0.04, depth), yaw_rad, tint, layer)]
    for across in (-1, 1):
        for along in (-1, 1):
            foot = base + across * right * (width / 2 - 0.05) + along * forward * (depth / 2 - 0.05)
            parts.append(box(foot, (0.05, height - 0.04, 0.05), yaw_rad, tint, layer))
    if panel:
        front = base + forward * (depth / 2 - 0.03) + _UP * 0.05
        parts.append(box(front, (width - 0.1, height - 0.09, 0.02), yaw_rad, tint, layer))
    return np.concatenate(parts)


def chair(base_m: Vector, seat_m: float, yaw_rad: float, tint: Vector, layer: int) -> np.ndarray:
    """A small table with a back at its front: it faces away from its heading."""
    forward, _ = heading(yaw_rad)
    base = np.asarray(base_m, float)
    back = box(base + forward * 0.2 + _UP * seat_m, (0.42, 0.45, 0.03), yaw_rad, tint, layer)
    return np.concatenate([table(base, (0.44, seat_m, 0.44), yaw_rad, tint, layer), back])


def sofa(base_m: Vector, width_m: float, yaw_rad: float, tint: Vector, layer: int) -> np.ndarray:
    """A seat with a back at its front and two arms: it faces away from its heading."""
    forward, right = heading(yaw_rad)
    base = np.asarray(base_m, float)
    parts = [
        box(base, (width_m, 0.42, 0.85), yaw_rad, tint, layer),
        box(base + forward * 0.35, (width_m, 0.85, 0.2), yaw_rad, np.asarray(tint) * 0.9, layer),
    ]
    for side in (-1, 1):
        parts.append(box(base + side * right * width_m / 2, (0.2, 0.62, 0.85), yaw_rad, np.asarray(tint) * 0.95, layer))
    return np.concatenate(parts)


def column(
    base_m: Vector, radii_m: tuple[float, float], height_m: float, tint: Vector, layer: int, sides: int = 8
) -> np.ndarray:
    """A round thing without ends, from its radius below to its radius above (0: a cone)."""
    angles = np.arange(sides + 1) * 2 * np.pi / sides
    ring = np.stack([np.sin(angles), np.zeros(sides + 1), np.cos(angles)], axis=-1)
    low, high = np.asarray(base_m, float) + ring * radii_m[0], np.asarray(base_m, float) + ring * radii_m[1] + _UP * height_m
    corners = np.stack([low[:-1], low[1:], high[1:], low[:-1], high[1:], high[:-1]], axis=1).reshape(-1, 3)
    lean = np.arctan2(radii_m[0] - radii_m[1], height_m)
    ring = ring * np.cos(lean) + _UP * np.sin(lean)
    normals = np.stack([ring[:-1], ring[1:], ring[1:], ring[:-1], ring[1:], ring[:-1]], axis=1).reshape(-1, 3)
    around = np.repeat(np.arange(sides)[:, None], 6, axis=1) + _SQUARE[:, 0]
    out = np.empty((6 * sides, 12), np.float32)
    out[:, :3], out[:, 3:6] = corners, normals
    out[:, 6] = around.reshape(-1) * 2 * np.pi * max(radii_m) / sides
    out[:, 7] = np.tile(_SQUARE[:, 1], sides) * height_m
    out[:, 8:11], out[:, 11] = tint, layer
    return out


def tree(base_m: Vector, height_m: float, tint: Vector, bark: Vector, foliage_layer: int, *, conifer: bool) -> np.ndarray:
    """A trunk and a crown of cones."""
    base = np.asarray(base_m, float)
    parts = [column(base, (0.03 * height_m, 0.02 * height_m), 0.5 * height_m, bark, foliage_layer, 6)]
    if conifer:
        for i in range(3):
            low = base + _UP * height_m * (0.15 + 0.25 * i)
            parts.append(column(low, (height_m * (0.24 - 0.06 * i), 0.0), height_m * 0.36, tint, foliage_layer))
    else:
        widths = (0.0, 0.24, 0.32, 0.3, 0.18, 0.0)
        for i, (low, high) in enumerate(pairwise(widths)):
            at = base + _UP * height_m * (0.32 + 0.68 * i / 5)
            parts.append(column(at, (low * height_m, high * height_m), height_m * 0.68 / 5, tint, foliage_layer))
    return np.concatenate(parts)


def house(base_m: Vector, size_m: Vector, yaw_rad: float, tint: Vector, roof: Vector, layers: tuple[int, int]) -> np.ndarray:
    """Walls with windows (layers[0]) under a gable roof (layers[1])."""
    width, height, depth = size_m
    forward, right = heading(yaw_rad)
    left, base = -right, np.asarray(base_m, float)
    parts = [box(base, size_m, yaw_rad, tint, layers[0], tile_m=3.0)]
    rise = 0.35 * depth * _UP
    eaves, ridge = base + _UP * height, base + _UP * height + rise
    for side in (1, -1):
        start = eaves + side * forward * depth * 0.56 - side * left * width * 0.54 - 0.06 * rise
        parts.append(
            quad(
                start, side * left * width * 1.08, ridge - eaves - side * forward * depth * 0.56 + 0.06 * rise, roof, layers[1]
            )
        )
        gable = quad(
            eaves + side * left * width / 2 + side * forward * depth / 2, -side * forward * depth, rise, tint, layers[0], 3.0
        )[:3]
        gable[2, :3] = ridge + side * left * width / 2
        parts.append(gable)
    return np.concatenate(parts)


def bench(base_m: Vector, width_m: float, yaw_rad: float, tint: Vector, layer: int) -> np.ndarray:
    """A bench with a back."""
    forward, base = heading(yaw_rad)[0], np.asarray(base_m, float)
    back = box(base + forward * 0.2 + [0, 0.5, 0], (width_m, 0.35, 0.04), yaw_rad, tint, layer)
    return np.concatenate([table(base, (width_m, 0.45, 0.45), yaw_rad, tint, layer), back])


def car(base_m: Vector, yaw_rad: float, tint: Vector, layer: int) -> np.ndarray:
    """A car along its heading."""
    forward, base = heading(yaw_rad)[0], np.asarray(base_m, float)
    parts = [
        box(base + [0, 0.25, 0], (1.75, 0.6, 4.2), yaw_rad, tint, layer),
        box(base + [0, 0.85, 0] - 0.2 * forward, (1.5, 0.5, 2.1), yaw_rad, (0.04, 0.05, 0.06), layer),
        box(base + [0, 1.35, 0] - 0.2 * forward, (1.5, 0.04, 2.1), yaw_rad, tint, layer),
    ]
    for along in (-1.3, 1.3):
        parts.append(box(base + along * forward, (1.8, 0.55, 0.6), yaw_rad, (0.03, 0.03, 0.03), layer))
    return np.concatenate(parts)
