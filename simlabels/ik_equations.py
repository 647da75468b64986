"""The normal equations of inverse kinematics, compiled: how far the targets are missed, and what that asks of the coordinates.

Each target pulls at its body like a small mass at a place: together they are the inertia and the wrench of everything that hangs on
a body, summed once up the tree as in Featherstone's composite-rigid-body algorithm. An entry of the Hessian then is one screw
dotted into another's momentum, however many targets the two move.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from .ik_tree import forward
from .musculo.vectors import cross, dot, minus, plus, put, rotated, row, times


class Frame(NamedTuple):
    """Scratch space for one frame. Places are seen from the root's origin, axes are the world's.

    A screw is (turn, shift): the velocity of a point p is turn x p + shift.
    """

    P_m: np.ndarray  # (bodies, 3) world
    R: np.ndarray  # (bodies, 3, 3)
    axis: np.ndarray  # (joints, 3)
    anchor_m: np.ndarray  # (joints, 3) world
    slope: np.ndarray  # (joints,)
    turn: np.ndarray  # (screws, 3)
    shift: np.ndarray  # (screws, 3)
    point_m: np.ndarray  # (L, 3)
    point_miss_m: np.ndarray  # (L, 3) target minus point
    turn_miss_rad: np.ndarray  # (S, 3)
    inertia: np.ndarray  # (bodies, 10): weight; weight x place; xx, yy, zz, xy, xz, yz
    pull: np.ndarray  # (bodies, 6): moment, force


@njit(cache=True)
def empty_frame(tree, targets):
    """Room for one frame."""
    bodies, joints, screws = tree.parent.size, tree.joint_body.size, tree.screw_column.size
    points, turns = targets.point_body.size, targets.rotation_body.size
    return Frame(
        np.zeros((bodies, 3)),
        np.zeros((bodies, 3, 3)),
        np.zeros((joints, 3)),
        np.zeros((joints, 3)),
        np.zeros(joints),
        np.zeros((screws, 3)),
        np.zeros((screws, 3)),
        np.zeros((points, 3)),
        np.zeros((points, 3)),
        np.zeros((turns, 3)),
        np.zeros((bodies, 10)),
        np.zeros((bodies, 6)),
    )


@njit(cache=True)
def miss(t, q, last, keep, targets, limits, prior, tree, frame):
    """Cost of q for frame t, and the rms distance of the points; leaves in `frame` what `normal_equations` needs."""
    forward(q, tree, frame.P_m, frame.R, frame.axis, frame.anchor_m, frame.slope)
    cost, squares, seen, root = 0.0, 0.0, 0, row(frame.P_m, 0)
    for k in range(targets.point_body.size):
        if not math.isnan(targets.point_m[t, k, 0]):
            b = targets.point_body[k]
            point = plus(row(frame.P_m, b), rotated(frame.R, b, row(targets.offset_m, k)))
            e = minus(row(targets.point_m[t], k), point)
            put(frame.point_m, k, minus(point, root))
            put(frame.point_miss_m, k, e)
            cost, squares, seen = cost + targets.point_weight[k] ** 2 * dot(e, e), squares + dot(e, e), seen + 1
    for s in range(targets.rotation_body.size):
        if not math.isnan(targets.R_segment[t, s, 0, 0]):
            e = _turn_between(frame.R, targets.rotation_body[s], targets.R_segment[t], s)
            put(frame.turn_miss_rad, s, e)
            cost += targets.rotation_weight[s] ** 2 * dot(e, e)
    for i in range(limits.neutral.size):
        cost += prior * (limits.neutral[i] - q[i + 7]) ** 2 + keep * (last[i + 7] - q[i + 7]) ** 2
    return cost, math.sqrt(squares / max(seen, 1))


@njit(cache=True)
def _turn_between(A, i, B, k):
    """Small-angle rotation vector from A[i] to B[k]: half the sum of the columns' cross products."""
    e = (0.0, 0.0, 0.0)
    for c in range(3):
        e = plus(e, times(0.5, cross((A[i, 0, c], A[i, 1, c], A[i, 2, c]), (B[k, 0, c], B[k, 1, c], B[k, 2, c]))))
    return e


@njit(cache=True)
def normal_equations(t, q, last, keep, targets, limits, prior, tree, frame, H, g):
    """Fills H (lower triangle) and g at the q that `miss` was called with."""
    _hang(t, targets, tree, frame)
    _place_screws(tree, frame)
    H[:] = 0
    g[:] = 0
    _root_rows(frame, H, g)
    for s in range(tree.screw_column.size):
        i, b, turn, shift = tree.screw_column[s], tree.screw_body[s], row(frame.turn, s), row(frame.shift, s)
        moment, force = _momentum(frame.inertia, b, turn, shift)
        H[i, 0] += force[0]
        H[i, 1] += force[1]
        H[i, 2] += force[2]
        H[i, 3] += moment[0]
        H[i, 4] += moment[1]
        H[i, 5] += moment[2]
        H[i, i] += dot(moment, turn) + dot(force, shift)
        g[i] += dot(turn, row(frame.pull, b)) + shift[0] * frame.pull[b, 3] + shift[1] * frame.pull[b, 4]
        g[i] += shift[2] * frame.pull[b, 5]
        for r in tree.above[s]:
            if r < 0:
                break
            k, entry = tree.screw_column[r], dot(moment, row(frame.turn, r)) + dot(force, row(frame.shift, r))
            H[max(i, k), min(i, k)] += 2 * entry if i == k else entry
    for i in range(6, g.size):
        g[i] += prior * (limits.neutral[i - 6] - q[i + 1]) + keep * (last[i + 1] - q[i + 1])
        H[i, i] += prior + keep


@njit(cache=True)
def _hang(t, targets, tree, frame):
    """Inertia and pull of the targets of frame t at each body, with all that hangs on it."""
    I, pull = frame.inertia, frame.pull
    I[:] = 0
    pull[:] = 0
    for k in range(targets.point_body.size):
        if not math.isnan(targets.point_m[t, k, 0]):
            b, w, (x, y, z) = targets.point_body[k], targets.point_weight[k] ** 2, row(frame.point_m, k)
            force = times(w, row(frame.point_miss_m, k))
            moment = cross((x, y, z), force)
            I[b, 0] += w
            I[b, 1] += w * x
            I[b, 2] += w * y
            I[b, 3] += w * z
            I[b, 4] += w * (y * y + z * z)
            I[b, 5] += w * (x * x + z * z)
            I[b, 6] += w * (x * x + y * y)
            I[b, 7] -= w * x * y
            I[b, 8] -= w * x * z
            I[b, 9] -= w * y * z
            for c in range(3):
                pull[b, c] += moment[c]
                pull[b, 3 + c] += force[c]
    for s in range(targets.rotation_body.size):
        if not math.isnan(targets.R_segment[t, s, 0, 0]):
            b, w = targets.rotation_body[s], targets.rotation_weight[s] ** 2
            for c in range(3):
                I[b, 4 + c] += w
                pull[b, c] += w * frame.turn_miss_rad[s, c]
    for i in range(tree.parent.size - 1, 0, -1):
        p = tree.parent[i]
        for c in range(10):
            I[p, c] += I[i, c]
        for c in range(6):
            pull[p, c] += pull[i, c]


@njit(cache=True)
def _place_screws(tree, frame):
    """Each screw is the sum of its joints' per unit of their driver."""
    frame.turn[:] = 0
    frame.shift[:] = 0
    root = row(frame.P_m, 0)
    for j in range(tree.joint_screw.size):
        s = tree.joint_screw[j]
        if s >= 0:
            axis = times(frame.slope[j], row(frame.axis, j))
            if tree.joint_slides[j]:
                put(frame.shift, s, plus(row(frame.shift, s), axis))
            else:
                put(frame.turn, s, plus(row(frame.turn, s), axis))
                put(frame.shift, s, plus(row(frame.shift, s), cross(minus(row(frame.anchor_m, j), root), axis)))


@njit(cache=True)
def _momentum(I, b, turn, shift):
    """Moment and force: the inertia of body b and what hangs on it, times a screw."""
    place, (x, y, z) = (I[b, 1], I[b, 2], I[b, 3]), turn
    spin = (
        I[b, 4] * x + I[b, 7] * y + I[b, 8] * z,
        I[b, 7] * x + I[b, 5] * y + I[b, 9] * z,
        I[b, 8] * x + I[b, 9] * y + I[b, 6] * z,
    )
    return plus(spin, cross(place, shift)), plus(times(I[b, 0], shift), cross(turn, place))


@njit(cache=True)
def _root_rows(frame, H, g):
    """The root's own six coordinates, which move everything: shifts along and turns about the world's axes."""
    I = frame.inertia
    for c in range(3):
        H[c, c] = I[0, 0]
        H[3 + c, 3 + c] = I[0, 4 + c]
        g[c], g[3 + c] = frame.pull[0, 3 + c], frame.pull[0, c]
    H[4, 3], H[5, 3], H[5, 4] = I[0, 7], I[0, 8], I[0, 9]
    H[3, 1], H[3, 2] = -I[0, 3], I[0, 2]
    H[4, 0], H[4, 2] = I[0, 3], -I[0, 1]
    H[5, 0], H[5, 1] = -I[0, 2], I[0, 1]
