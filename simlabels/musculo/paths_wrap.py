"""How a muscle path bends round a sphere or a cylinder, compiled.

The rules are those of `mju_wrap` in MuJoCo 4.0 (src/engine/engine_util_misc.c, Copyright DeepMind Technologies Limited,
Apache-2.0), in scalars and in the geom's own frame; tests hold the two together to 1e-9 m. Before 4.0 a side point chose between
the two ways round by a half-plane, and some of our arm muscles ran differently.
"""

import math

from numba import njit

from .vectors import cross, dot, norm, plus, times

TINY = 1e-15  # mjMINVAL
NO_WRAP = (-1.0, 0.0, 0.0, 0.0, 0.0)
_NEWTON_STEPS, _NEWTON_TOLERANCE_RAD, _NO_ROOT = 20, 1e-6, -2 * math.pi


@njit(cache=True)
def _cross(ax, ay, bx, by, cx, cy, dx, dy):
    """Whether the segments a-b and c-d have a point in common."""
    det = (dy - cy) * (bx - ax) - (dx - cx) * (by - ay)
    if abs(det) < TINY:
        return False
    s = ((dx - cx) * (ay - cy) - (dy - cy) * (ax - cx)) / det
    t = ((bx - ax) * (ay - cy) - (by - ay) * (ax - cx)) / det
    return 0 <= s <= 1 and 0 <= t <= 1


@njit(cache=True)
def wrap_circle(ax, ay, bx, by, has_side, sx, sy, radius):
    """Path from a to b round the circle: arc length and both tangent points, or a length of -1 where it runs free.

    The path winds round the centre as the straight line does or, with a side point s, as the lines a-s-b do: the other way than
    the straight line where the triangle a-s-b holds the centre. Where its free ends would cross each other it is let go.
    """
    beyond_a, beyond_b = ax * ax + ay * ay - radius * radius, bx * bx + by * by - radius * radius
    dx, dy = bx - ax, by - ay
    if beyond_a < 0 or beyond_b < 0 or radius < TINY or dx * dx + dy * dy < TINY:
        return NO_WRAP
    area = ax * by - ay * bx
    first, second = ax * sy - ay * sx, sx * by - sy * bx
    is_round = has_side and ((first > 0 and second > 0 and area < 0) or (first < 0 and second < 0 and area > 0))
    if not is_round:
        share = min(1.0, max(0.0, -(dx * ax + dy * ay) / (dx * dx + dy * dy)))
        if (ax + share * dx) ** 2 + (ay + share * dy) ** 2 > radius * radius:
            return NO_WRAP
    sense = 1.0 if (area >= 0) != is_round else -1.0
    free_a, free_b = sense * math.sqrt(beyond_a), sense * math.sqrt(beyond_b)  # from the ends to the tangent points
    k, n = radius / (ax * ax + ay * ay), radius / (bx * bx + by * by)
    px, py = k * (radius * ax - free_a * ay), k * (radius * ay + free_a * ax)
    rx, ry = n * (radius * bx + free_b * by), n * (radius * by - free_b * bx)
    if is_round and _cross(ax, ay, px, py, bx, by, rx, ry):
        return NO_WRAP
    arc = sense * math.atan2(px * ry - py * rx, px * rx + py * ry)
    if arc < 0:
        arc = arc + 2 * math.pi if is_round else 0.0
    return radius * arc, px, py, rx, ry


@njit(cache=True)
def wrap_inside(ax, ay, bx, by, radius):
    """Path from a to b that touches the circle from within (its side point lies inside): length 0, or -1, and the point twice.

    The tangent there makes the same angle with both ends, which Newton's method finds; where it fails the point between a and b
    is taken, as MuJoCo does.
    """
    norm_a, norm_b = math.sqrt(ax * ax + ay * ay), math.sqrt(bx * bx + by * by)
    dx, dy = bx - ax, by - ay
    dd = dx * dx + dy * dy
    if norm_a <= radius or norm_b <= radius or radius < TINY:
        return NO_WRAP
    if dd > TINY:
        nearest = -(dx * ax + dy * ay) / dd
        if 0 < nearest < 1 and math.hypot(ax + nearest * dx, ay + nearest * dy) <= radius:
            return NO_WRAP
    mx, my = 0.5 * (ax + bx), 0.5 * (ay + by)
    middle = math.sqrt(mx * mx + my * my)
    mx, my = (radius, 0.0) if middle < TINY else (mx * radius / middle, my * radius / middle)
    A, B = radius / norm_a, radius / norm_b
    cosine = (norm_a * norm_a + norm_b * norm_b - dd) / (2 * norm_a * norm_b)
    if cosine < TINY - 1:
        return NO_WRAP
    half = _half_angle(A, B, math.acos(cosine)) if cosine <= 1 - TINY else _NO_ROOT
    if half == _NO_ROOT:
        return 0.0, mx, my, mx, my
    if ax * by - ay * bx > 0:
        vx, vy, angle = ax / norm_a, ay / norm_a, half - math.asin(A * math.sin(half))
    else:
        vx, vy, angle = bx / norm_b, by / norm_b, half - math.asin(B * math.sin(half))
    c, s = math.cos(angle), math.sin(angle)
    x, y = radius * (c * vx - s * vy), radius * (s * vx + c * vy)
    return 0.0, x, y, x, y


@njit(cache=True)
def _half_angle(A, B, G):
    """Root x of asin(A sin x) + asin(B sin x) - 2 x + G = 0 below a right angle, or `_NO_ROOT` where Newton's method leaves it."""
    x = math.pi / 2
    f = math.asin(A) + math.asin(B) - math.pi + G
    if f > 0:
        return _NO_ROOT
    for _ in range(_NEWTON_STEPS):
        if abs(f) <= _NEWTON_TOLERANCE_RAD:
            return x
        s, c = math.sin(x), math.cos(x)
        slope = c * (A / max(TINY, math.sqrt(1 - A * A * s * s)) + B / max(TINY, math.sqrt(1 - B * B * s * s))) - 2
        if slope > -TINY or f / slope < 0:
            return _NO_ROOT
        x -= f / slope
        s = math.sin(x)
        f = math.asin(A * s) + math.asin(B * s) - 2 * x + G
        if f > _NEWTON_TOLERANCE_RAD:
            return _NO_ROOT
    return _NO_ROOT


@njit(cache=True)
def wrap(a, b, is_sphere, has_side, side, radius):
    """Arc length of the path from a to b round the geom and the points where it touches and leaves; -1 where it runs free.

    All vectors are tuples in the geom's frame. A side point within the radius asks for a path along the inside.
    """
    none = (0.0, 0.0, 0.0)
    if norm(a) < TINY or norm(b) < TINY:
        return -1.0, none, none
    x, y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)  # axes of the circle's plane
    if is_sphere:
        x = times(1 / norm(a), a)
        y = _second_axis(x, a, b)
    ax, ay, bx, by = dot(a, x), dot(a, y), dot(b, x), dot(b, y)
    if has_side and norm(side) < radius:
        length, px, py, rx, ry = wrap_inside(ax, ay, bx, by, radius)
    else:
        sx, sy = dot(side, x), dot(side, y)
        if sx * sx + sy * sy < TINY * TINY:
            sx, sy = 1.0, 0.0
        length, px, py, rx, ry = wrap_circle(ax, ay, bx, by, has_side, sx, sy, radius)
    if length < 0:
        return -1.0, none, none
    touch, leave = plus(times(px, x), times(py, y)), plus(times(rx, x), times(ry, y))
    if is_sphere:
        return length, touch, leave
    before, after = math.hypot(ax - px, ay - py), math.hypot(bx - rx, by - ry)
    rise = (b[2] - a[2]) / (before + length + after)  # a helix: height in proportion to the way in the plane
    height, top = a[2] + rise * before, a[2] + rise * (before + length)
    return math.hypot(length, top - height), (touch[0], touch[1], height), (leave[0], leave[1], top)


@njit(cache=True)
def _second_axis(x, a, b):
    """Unit vector across x in the plane of a, b and the centre; any plane through x where the three are in line."""
    normal = cross(a, b)
    length = norm(normal)
    if length < TINY:
        across = (1.0, 1.0, 0.0)
        if abs(x[2]) <= abs(x[0]) or abs(x[2]) <= abs(x[1]):
            is_y = abs(x[1]) > abs(x[0]) and abs(x[1]) > abs(x[2])
            across = (1.0, 0.0, 1.0) if is_y else (0.0, 1.0, 1.0)
        normal = cross(x, across)
        length = norm(normal)
    y = cross(times(1 / length, normal), x)
    return times(1 / norm(y), y)
