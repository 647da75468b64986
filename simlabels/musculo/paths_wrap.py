"""How a muscle path bends round a sphere or a cylinder, compiled.

The rules are those of `mju_wrap` in MuJoCo 4.0 (src/engine/engine_util_misc.c, Copyright DeepMind Technologies Limited,
Apache-2.0), in scalars and in the geom's own frame; tests hold the two together to 1e-9 m. Before 4.0 a side point chose between
the two ways round by a half-plane, and 15 of our muscles ran differently.
"""

import math

from numba import njit

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
def _turn(ax, ay, bx, by):
    """Signed angle from a to b about the centre, -pi to pi."""
    return math.atan2(ax * by - ay * bx, ax * bx + ay * by)


@njit(cache=True)
def wrap_circle(ax, ay, bx, by, has_side, sx, sy, radius):
    """Path from a to b round the circle: arc length and both tangent points, or a length of -1 where it runs free.

    The path winds round the centre as the straight line does or, with a side point s, as the lines a-s-b do; where its free
    ends would cross each other it is let go.
    """
    beyond_a, beyond_b = ax * ax + ay * ay - radius * radius, bx * bx + by * by - radius * radius
    if beyond_a < 0 or beyond_b < 0 or radius < TINY or (bx - ax) ** 2 + (by - ay) ** 2 < TINY:
        return NO_WRAP
    winding = _turn(ax, ay, sx, sy) + _turn(sx, sy, bx, by) if has_side else _turn(ax, ay, bx, by)
    free_a, free_b = math.sqrt(beyond_a), math.sqrt(beyond_b)  # from the ends to the tangent points
    arc = abs(winding) - math.atan2(free_a, radius) - math.atan2(free_b, radius)
    if arc < 0:
        return NO_WRAP
    k, n = radius / (ax * ax + ay * ay), radius / (bx * bx + by * by)
    if winding < 0:
        free_a, free_b = -free_a, -free_b
    px, py = k * (radius * ax - free_a * ay), k * (radius * ay + free_a * ax)
    rx, ry = n * (radius * bx + free_b * by), n * (radius * by - free_b * bx)
    if abs(winding) > math.pi and _cross(ax, ay, px, py, bx, by, rx, ry):
        return NO_WRAP
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
    norm = math.sqrt(mx * mx + my * my)
    mx, my = (radius, 0.0) if norm < TINY else (mx * radius / norm, my * radius / norm)
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
def wrap(a, b, is_sphere, has_side, side, radius, touch):
    """Arc length of the path from a to b (3,) round the geom, or -1 where it runs free; all in the geom's frame.

    Args:
        side: the side point (3,); within the radius it asks for a path along the inside.
        touch: gets both tangent points (2, 3).
    """
    norm_a = math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])
    if norm_a < TINY or math.sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2]) < TINY:
        return -1.0
    x0, x1, x2, y0, y1, y2 = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0  # axes of the circle's plane
    if is_sphere:
        x0, x1, x2 = a[0] / norm_a, a[1] / norm_a, a[2] / norm_a
        y0, y1, y2 = _second_axis(x0, x1, x2, a, b)
    ax, ay = a[0] * x0 + a[1] * x1 + a[2] * x2, a[0] * y0 + a[1] * y1 + a[2] * y2
    bx, by = b[0] * x0 + b[1] * x1 + b[2] * x2, b[0] * y0 + b[1] * y1 + b[2] * y2
    sx, sy = 0.0, 0.0
    if has_side:
        sx, sy = side[0] * x0 + side[1] * x1 + side[2] * x2, side[0] * y0 + side[1] * y1 + side[2] * y2
        norm = math.sqrt(sx * sx + sy * sy)
        sx, sy = (radius, 0.0) if norm < TINY else (sx * radius / norm, sy * radius / norm)
    if has_side and math.sqrt(side[0] ** 2 + side[1] ** 2 + side[2] ** 2) < radius:
        length, px, py, rx, ry = wrap_inside(ax, ay, bx, by, radius)
    else:
        length, px, py, rx, ry = wrap_circle(ax, ay, bx, by, has_side, sx, sy, radius)
    if length < 0:
        return -1.0
    touch[0, 0], touch[0, 1], touch[0, 2] = px * x0 + py * y0, px * x1 + py * y1, px * x2 + py * y2
    touch[1, 0], touch[1, 1], touch[1, 2] = rx * x0 + ry * y0, rx * x1 + ry * y1, rx * x2 + ry * y2
    if is_sphere:
        return length
    before, after = math.hypot(ax - px, ay - py), math.hypot(bx - rx, by - ry)
    rise = (b[2] - a[2]) / (before + length + after)  # a helix: height in proportion to the way in the plane
    touch[0, 2] = a[2] + rise * before
    touch[1, 2] = a[2] + rise * (before + length)
    return math.hypot(length, touch[1, 2] - touch[0, 2])


@njit(cache=True)
def _second_axis(x0, x1, x2, a, b):
    """Unit vector across x in the plane of a, b and the centre; any plane through x where the three are in line."""
    n0, n1, n2 = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    norm = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
    if norm < TINY:
        e0, e1, e2 = 1.0, 1.0, 1.0
        if abs(x2) > abs(x0) and abs(x2) > abs(x1):
            e2 = 0.0
        elif abs(x1) > abs(x0) and abs(x1) > abs(x2):
            e1 = 0.0
        else:
            e0 = 0.0
        n0, n1, n2 = x1 * e2 - x2 * e1, x2 * e0 - x0 * e2, x0 * e1 - x1 * e0
        norm = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
    n0, n1, n2 = n0 / norm, n1 / norm, n2 / norm
    y0, y1, y2 = n1 * x2 - n2 * x1, n2 * x0 - n0 * x2, n0 * x1 - n1 * x0
    norm = math.sqrt(y0 * y0 + y1 * y1 + y2 * y2)
    return y0 / norm, y1 / norm, y2 / norm
