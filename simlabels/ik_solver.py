"""The solver of inverse kinematics: points and rotations of segments to reduced positions, compiled.

Projected Levenberg-Marquardt on 37 unknowns with an analytic Jacobian, couplings folded in, joint limits by clamping and
freezing, warm start from the frame before. It does not know what the points are: joints of SMPL, markers on skin.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from .ik_tree import forward
from .newton import cholesky_solve

MAX_STEPS, MAX_STEPS_FIRST = 8, 60
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
def _add_row(J, w2, e, columns, H, g):
    """Adds three weighted rows with error e to the normal equations; the Jacobian has only these columns."""
    for i in columns:
        if i < 0:
            break
        u0, u1, u2 = w2 * J[0, i], w2 * J[1, i], w2 * J[2, i]
        g[i] += u0 * e[0] + u1 * e[1] + u2 * e[2]
        for k in columns:  # rising
            H[i, k] += u0 * J[0, k] + u1 * J[1, k] + u2 * J[2, k]
            if k == i:
                break


@njit(cache=True)
def _clear(J, columns):
    for i in columns:
        if i < 0:
            break
        J[0, i] = J[1, i] = J[2, i] = 0.0


@njit(cache=True)
def _point_row(q, tree, b, point, axis, anchor, slope, J):
    """Jacobian (3, n) of a world point fixed in tree body b, in the columns that move it."""
    _clear(J, tree.column[b])
    d0, d1, d2 = point[0] - q[0], point[1] - q[1], point[2] - q[2]
    J[0, 0] = J[1, 1] = J[2, 2] = 1
    J[0, 4], J[0, 5] = d2, -d1
    J[1, 3], J[1, 5] = -d2, d0
    J[2, 3], J[2, 4] = d1, -d0
    for j in tree.moving[b]:
        if j < 0:
            break
        r = tree.joint_driver[j]
        a0, a1, a2 = axis[j, 0] * slope[j], axis[j, 1] * slope[j], axis[j, 2] * slope[j]
        if tree.joint_slides[j]:
            J[0, r] += a0
            J[1, r] += a1
            J[2, r] += a2
        else:
            x, y, z = point[0] - anchor[j, 0], point[1] - anchor[j, 1], point[2] - anchor[j, 2]
            J[0, r] += a1 * z - a2 * y
            J[1, r] += a2 * x - a0 * z
            J[2, r] += a0 * y - a1 * x


@njit(cache=True)
def _rotation_row(tree, b, axis, slope, J):
    """Jacobian (3, n) of the world rotation vector of tree body b, in the columns that move it."""
    _clear(J, tree.column[b])
    J[0, 3] = J[1, 4] = J[2, 5] = 1
    for j in tree.moving[b]:
        if j < 0:
            break
        if not tree.joint_slides[j]:
            for i in range(3):
                J[i, tree.joint_driver[j]] += axis[j, i] * slope[j]


@njit(cache=True)
def _rotation_error(R, R_target, e):
    """Small-angle rotation vector from R to R_target: half the sum of the columns' cross products."""
    e[:] = 0
    for k in range(3):
        a0, a1, a2 = R[0, k], R[1, k], R[2, k]
        b0, b1, b2 = R_target[0, k], R_target[1, k], R_target[2, k]
        e[0] += 0.5 * (a1 * b2 - a2 * b1)
        e[1] += 0.5 * (a2 * b0 - a0 * b2)
        e[2] += 0.5 * (a0 * b1 - a1 * b0)


@njit(cache=True)
def _normal_equations(t, q, last, targets, limits, tree, P, R, axis, anchor, slope, J, H, g):
    """Fills H and g at q for frame t; returns the cost and the rms distance of the landmarks."""
    forward(q, tree, P, R, axis, anchor, slope)
    H[:] = 0
    g[:] = 0
    cost, squares, seen = 0.0, 0.0, 0
    e, point = np.zeros(3), np.zeros(3)
    for k in range(targets.point_body.size):
        if math.isnan(targets.point_m[t, k, 0]):
            continue
        b, o = targets.point_body[k], targets.offset_m[k]
        for i in range(3):
            point[i] = P[b, i] + R[b, i, 0] * o[0] + R[b, i, 1] * o[1] + R[b, i, 2] * o[2]
            e[i] = targets.point_m[t, k, i] - point[i]
        d2 = e[0] ** 2 + e[1] ** 2 + e[2] ** 2
        w2 = targets.point_weight[k] ** 2
        cost, squares, seen = cost + w2 * d2, squares + d2, seen + 1
        _point_row(q, tree, b, point, axis, anchor, slope, J)
        _add_row(J, w2, e, tree.column[b], H, g)
    for s in range(targets.rotation_body.size):
        if math.isnan(targets.R_segment[t, s, 0, 0]):
            continue
        b = targets.rotation_body[s]
        w2 = targets.rotation_weight[s] ** 2
        _rotation_error(R[b], targets.R_segment[t, s], e)
        cost += w2 * (e[0] ** 2 + e[1] ** 2 + e[2] ** 2)
        _rotation_row(tree, b, axis, slope, J)
        _add_row(J, w2, e, tree.column[b], H, g)
    keep = PRIOR_LAST if t > 0 else 0.0
    for i in range(6, g.size):
        to_neutral, to_last = limits.neutral[i - 6] - q[i + 1], last[i + 1] - q[i + 1]
        g[i] += PRIOR_NEUTRAL * to_neutral + keep * to_last
        H[i, i] += PRIOR_NEUTRAL + keep
        cost += PRIOR_NEUTRAL * to_neutral**2 + keep * to_last**2
    return cost, math.sqrt(squares / max(seen, 1))


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
def solve(targets, limits, q0, tree):
    """Reduced positions (T, 38), rms distance (T,), steps (T,)."""
    T, n, bodies, joints = targets.point_m.shape[0], 6 + limits.lower.size, tree.parent.size, tree.joint_body.size
    out, rms, steps = np.zeros((T, n + 1)), np.zeros(T), np.zeros(T, np.int64)
    P, R = np.zeros((bodies, 3)), np.zeros((bodies, 3, 3))
    axis, anchor, slope = np.zeros((joints, 3)), np.zeros((joints, 3)), np.zeros(joints)
    H, g, J, y = np.zeros((n, n)), np.zeros(n), np.zeros((3, n)), np.zeros(n)
    q, good = q0.copy(), q0.copy()
    for t in range(T):
        damping, best = 1e-6, 1e300
        last = q.copy()
        if t > 1:  # joints go on as they went: half the steps at 30 frames a second
            for i in range(7, n + 1):
                q[i] = min(max(2 * q[i] - out[t - 2, i], limits.lower[i - 7]), limits.upper[i - 7])
            q[:3] = 2 * q[:3] - out[t - 2, :3]
        limit = MAX_STEPS if t > 0 else MAX_STEPS_FIRST
        for step in range(limit + 1):
            cost, distance = _normal_equations(t, q, last, targets, limits, tree, P, R, axis, anchor, slope, J, H, g)
            if cost > best * (1 + 1e-12):  # worse: back to the last good q, with more damping
                damping = min(damping * 20, 1e6)
                q[:] = good
                if damping > 1e3 or step == limit:
                    break
                best = 1e300
                continue
            rms[t], steps[t] = distance, step
            if step == limit or (best - cost < TOLERANCE * (cost + 1e-9) and step > 0):
                break
            best, damping = cost, max(damping * 0.3, 1e-9)
            good[:] = q
            _damp_and_freeze(q, damping, limits, H, g)
            cholesky_solve(H, g, y)
            _step(q, y, limits)
            if step > 0 and np.abs(y).max() < SMALL_STEP:
                break
        out[t] = q
    return out, rms, steps
