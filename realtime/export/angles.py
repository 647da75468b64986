"""Joint angles of rotation matrices: three about the axes of a ball joint, one about a hinge, two about a pair of oblique hinges.

All rotations are (T, 3, 3) of one joint over time, all angles in radians.
"""

import math

import numpy as np

Array = np.ndarray

X, Y, Z = 0, 1, 2
#: From here on the middle angle may go on through the singularity at 90 degrees instead of folding back.
SIN_NEAR = math.sin(math.radians(60))
#: Cosine of the middle angle below which the first angle is noise: it is held, which costs at most 0.6 degrees.
SINGULAR = 0.01
#: Within this angle of the neutral pose the middle angle is small.
NEAR_NEUTRAL_RAD = math.radians(60)
FIT_STEPS = 12


def axis_rotation(angle_rad: Array | float, axis: Array) -> Array:
    """Rotation (..., 3, 3) by angles (...) about one unit axis (3,)."""
    K = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = np.asarray(angle_rad)[..., None, None]
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)


def ball_angles(R: Array, first: int) -> Array:
    """Angles (T, 3) about three body-fixed axes in cyclic order: `first` = Z turns about z, then x, then y; Y: y, z, x.

    They are followed through time: no jumps by whole turns, and a middle angle on its way past 90 degrees (an arm raised
    sideways above the shoulder) goes on instead of folding back while the other two turn by 180. Where the middle angle is
    90 degrees, so that the outer two turn about the same axis, the first one stays as it was.
    """
    i, j, k = first, (first + 1) % 3, (first + 2) % 3
    outer = np.arctan2(-R[:, j, k], R[:, k, k])
    is_singular = np.hypot(R[:, j, k], R[:, k, k]) < SINGULAR
    is_neutral = np.trace(R, axis1=1, axis2=2) > 1 + 2 * math.cos(NEAR_NEUTRAL_RAD)
    outer, back = _followed(outer, R[:, i, k], is_singular, is_neutral)
    cos, sin = np.cos(outer), np.sin(outer)  # the first turn undone, the other two can be read off whichever branch it is
    middle = np.arctan2(R[:, i, k], cos * R[:, k, k] - sin * R[:, j, k])
    inner = np.arctan2(cos * R[:, j, i] + sin * R[:, k, i], cos * R[:, j, j] + sin * R[:, k, j])
    inner = np.concatenate([np.unwrap(stretch) for stretch in np.split(inner, back)])
    return np.stack([outer, _unwound(middle), inner], axis=1)


def _unwound(middle: Array) -> Array:
    """The middle angle (T,) without jumps by whole turns, but always within 90 degrees of 0 when it is back on that side."""
    unwrapped = np.unwrap(middle)
    is_home = np.abs(middle) <= np.pi / 2
    last_home = np.maximum.accumulate(np.where(is_home, np.arange(len(middle)), 0))
    return unwrapped - (unwrapped - middle)[last_home]


def _followed(principal: Array, sin_middle: Array, is_singular: Array, is_neutral: Array) -> tuple[Array, list[int]]:
    """The first angle (T,): of a and a + pi, which lead to the same rotation, the one that goes on.

    It is `a` (a middle angle within 90 degrees) until the middle angle nears the singularity, and again when the segment is
    back near neutral from a round trip: nobody wants to read 180, 180, 180 for rest. Those frames are given too.
    """
    out, back = np.empty_like(principal), []
    before, is_flipped, was_near = 0.0, False, False
    for t, a in enumerate(principal.tolist()):
        if is_singular[t]:
            was_near = True
            out[t] = before
            continue
        if is_flipped and is_neutral[t]:
            here, is_flipped = a, False
            back.append(t)
        else:
            here, flipped = _nearest(a, before), _nearest(a + math.pi, before)
            is_flipped = (is_flipped or was_near) and abs(flipped - before) < abs(here - before)
            here = flipped if is_flipped else here
        out[t] = before = here
        was_near = abs(sin_middle[t]) > SIN_NEAR
    return out, back


def _nearest(angle: float, before: float) -> float:
    """The same angle, whole turns added so that it is within half a turn of the one before."""
    return angle + math.tau * round((before - angle) / math.tau)


def hinge_angle(R: Array, axis: Array) -> Array:
    """Angle (T,) about a unit axis (3,) whose rotation lies nearest to `R`: the most of trace(R.T @ rotation)."""
    vector = np.stack([R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], axis=1)
    return np.arctan2(vector @ axis, np.trace(R, axis1=1, axis2=2) - np.einsum("i,tij,j->t", axis, R, axis))


def two_hinge_angles(R: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Angles (T,), (T,) about two unit axes, the second carried by the first, whose product lies nearest to `R`.

    Each in turn is solved exactly for the other. The error shrinks by (first . second)^2 a step: 0.09 for ankle and subtalar.
    """
    b = np.zeros(len(R))
    a = hinge_angle(R, first)
    for _ in range(FIT_STEPS):
        b = hinge_angle(np.swapaxes(axis_rotation(a, first), -1, -2) @ R, second)
        a = hinge_angle(R @ np.swapaxes(axis_rotation(b, second), -1, -2), first)
    return a, b
