"""The solver of inverse kinematics: points and rotations of segments to reduced positions, compiled.

Projected Levenberg-Marquardt on 37 unknowns with an analytic Jacobian, couplings folded in, joint limits by clamping and
freezing, warm start from the frame before. It does not know what the points are: joints of SMPL, markers on skin.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from .ik_equations import empty_frame, miss, normal_equations
from .newton import cholesky_solve

MAX_STEPS, MAX_STEPS_FIRST = 20, 60
TOLERANCE = 1e-4  # relative decrease of the cost
SMALL_STEP = 1e-3  # rad, m: Newton's next step would be its square, which nobody can see
PRIOR_NEUTRAL, PRIOR_LAST = 1e-5, 3e-5  # m2/rad2: only decide what the points do not show


class Targets(NamedTuple):
    """What is to be met: points fixed in segments, and rotations of segments. World here: MuJoCo's, Z up, metres."""

    point_m: np.ndarray  # (T, L, 3), NaN = absent
    R_segment: np.ndarray  # (T, S, 3, 3), NaN = absent
    offset_m: np.ndarray  # (L, 3): where the point sits in its segment
    point_weight: np.ndarray  # (L,)
    rotation_weight: np.ndarray  # (S,) m/rad
    point_body: np.ndarray  # (L,) index in the tree
    rotation_body: np.ndarray  # (S,)


class Limits(NamedTuple):
    """Of the joint coordinates, and where they rest if nothing shows them, (31,) each."""

    lower: np.ndarray
    upper: np.ndarray
    neutral: np.ndarray


@njit(cache=True)
def _damp_and_freeze(q, damping, limits, H, g):
    """Damps H and takes out coordinates that push against their limit."""
    n = g.size
    for i in range(6, n):
        x = q[i + 1]
        if (x <= limits.lower[i - 6] and g[i] < 0) or (x >= limits.upper[i - 6] and g[i] > 0):
            for k in range(n):
                H[max(i, k), min(i, k)] = 0.0
            H[i, i] = 1.0
            g[i] = 0.0
    for i in range(n):
        H[i, i] += damping * (H[i, i] + 1e-3)


@njit(cache=True)
def _step(q, y, limits):
    """Moves q by y: the root turns by a world rotation vector, joints stay within their limits."""
    q[:3] += y[:3]
    angle = math.sqrt(y[3] ** 2 + y[4] ** 2 + y[5] ** 2)
    if angle > 1e-12:
        s, w = math.sin(angle / 2) / angle, math.cos(angle / 2)
        x, yy, z = y[3] * s, y[4] * s, y[5] * s
        b0, b1, b2, b3 = q[3], q[4], q[5], q[6]
        q[3] = w * b0 - x * b1 - yy * b2 - z * b3
        q[4] = w * b1 + x * b0 + yy * b3 - z * b2
        q[5] = w * b2 - x * b3 + yy * b0 + z * b1
        q[6] = w * b3 + x * b2 - yy * b1 + z * b0
        q[3:7] /= math.sqrt((q[3:7] ** 2).sum())
    for i in range(6, y.size):
        q[i + 1] = min(max(q[i + 1] + y[i], limits.lower[i - 6]), limits.upper[i - 6])


@njit(cache=True)
def solve(targets, limits, q0, tree, apart=False):
    """Reduced positions (T, 38), rms distance (T,), steps (T,).

    Frames that follow each other start where joints go on as they went. Frames far `apart` do not, and like the first one each is
    solved until it stands still: what is calibrated on them must not hang on the way there.
    """
    T, n = targets.point_m.shape[0], 6 + limits.lower.size
    out, rms, steps = np.zeros((T, n + 1)), np.zeros(T), np.zeros(T, np.int64)
    H, g, y = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    frame = empty_frame(tree, targets)
    q, good = q0.copy(), q0.copy()
    for t in range(T):
        damping, best = 1e-6, 1e300
        last = q.copy()
        if t > 1 and not apart:  # half the steps at 30 frames a second
            for i in range(7, n + 1):
                q[i] = min(max(2 * q[i] - out[t - 2, i], limits.lower[i - 7]), limits.upper[i - 7])
            q[:3] = 2 * q[:3] - out[t - 2, :3]
        whole = apart or t == 0
        limit = MAX_STEPS_FIRST if t == 0 else MAX_STEPS
        keep = PRIOR_LAST if t > 0 else 0.0
        for step in range(limit + 1):
            cost, distance = miss(t, q, last, keep, targets, limits, PRIOR_NEUTRAL, tree, frame)
            if cost > best * (1 + 1e-12):  # worse: back to the last good q, with more damping
                damping = min(damping * 20, 1e6)
                q[:] = good
                if damping > 1e3 or step == limit:
                    break
                best = 1e300
                continue
            rms[t], steps[t] = distance, step
            if step == limit or (not whole and best - cost < TOLERANCE * (cost + 1e-9) and step > 0):
                break
            best, damping = cost, max(damping * 0.3, 1e-9)
            good[:] = q
            normal_equations(t, q, last, keep, targets, limits, PRIOR_NEUTRAL, tree, frame, H, g)
            _damp_and_freeze(q, damping, limits, H, g)
            cholesky_solve(H, g, y)
            _step(q, y, limits)
            if step > 0 and np.abs(y).max() < SMALL_STEP:
                break
        out[t] = q
    return out, rms, steps
