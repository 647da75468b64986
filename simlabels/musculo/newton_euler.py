"""Newton-Euler along the chain, compiled: the generalised forces that a motion needs, as `mj_rne` has them, and Jacobians."""

from typing import NamedTuple

import numpy as np
from numba import njit

from .vectors import cross, dot, minus, plus, put, rotated, row, times, unrotated


class Sweep(NamedTuple):
    """How the segments move in one frame, world axes, and what this takes."""

    omega: np.ndarray  # (segments, 3) rad/s
    alpha: np.ndarray  # (segments, 3) rad/s2
    acceleration: np.ndarray  # (segments, 3) m/s2 of the origins, gravity taken off
    moment: np.ndarray  # (segments, 3) N m about the world's origin, that a segment and all it carries takes
    push: np.ndarray  # (segments, 3) N, the same


@njit(cache=True)
def empty_sweep(chain):
    """Room for one frame."""
    n = chain.parent.size
    return Sweep(np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((n, 3)))


@njit(cache=True)
def _carried(alpha, omega, arm):
    """What a point `arm` away adds to an acceleration: alpha x arm + omega x (omega x arm)."""
    return plus(cross(alpha, arm), cross(omega, cross(omega, arm)))


@njit(cache=True)
def generalised_forces(velocity, acceleration, gravity_m_s2, chain, state, sweep, force, com_m):
    """Writes the forces (37,) that the placed chain needs at these reduced velocities and accelerations, and its centre of mass.

    Forces: [:3] world N, [3:6] N m in the root's frame, then N m by joint, couplings by virtual work.
    """
    _move(velocity, acceleration, gravity_m_s2, chain, state, sweep)
    _load(chain, state, sweep, com_m)
    for i in range(chain.parent.size - 1, 0, -1):
        p = chain.parent[i]
        put(sweep.moment, p, plus(row(sweep.moment, p), row(sweep.moment, i)))
        put(sweep.push, p, plus(row(sweep.push, p), row(sweep.push, i)))
    force[:] = 0
    for c in range(chain.joint_segment.size):
        i, column = chain.joint_segment[c], chain.joint_driver[c]
        if column >= 0:
            force[column] += dot(row(state.turn, c), row(sweep.moment, i)) + dot(row(state.shift, c), row(sweep.push, i))
    push = row(sweep.push, 0)
    moment = unrotated(state.R, 0, minus(row(sweep.moment, 0), cross(row(state.P_m, 0), push)))
    force[0], force[1], force[2] = push
    force[3], force[4], force[5] = moment


@njit(cache=True)
def _move(velocity, acceleration, gravity_m_s2, chain, state, sweep):
    """Outwards: angular velocity and acceleration of every segment and the acceleration of its origin."""
    v, a, g = velocity, acceleration, gravity_m_s2
    omega, alpha = rotated(state.R, 0, (v[3], v[4], v[5])), rotated(state.R, 0, (a[3], a[4], a[5]))
    origin = a[0] - g[0], a[1] - g[1], a[2] - g[2]
    c = 0
    for i in range(chain.parent.size):
        if i > 0:
            p = chain.parent[i]
            omega, alpha = row(sweep.omega, p), row(sweep.alpha, p)
            origin = plus(row(sweep.acceleration, p), _carried(alpha, omega, rotated(state.R, p, row(chain.offset_m, i))))
        while c < chain.joint_segment.size and chain.joint_segment[c] == i:
            driver, axis = chain.joint_driver[c], row(state.axis, c)
            rate, change = 0.0, 0.0
            if driver >= 0:
                rate = state.slope[c] * v[driver]
                change = state.slope[c] * a[driver] + state.curvature[c] * v[driver] ** 2
            swept = times(rate, cross(omega, axis))
            if chain.joint_slides[c]:
                origin = plus(origin, _carried(alpha, omega, times(state.value[c], axis)))
                origin = plus(origin, plus(times(change, axis), times(2.0, swept)))
            else:
                alpha = plus(alpha, plus(times(change, axis), swept))
                omega = plus(omega, times(rate, axis))
            c += 1
        put(sweep.omega, i, omega)
        put(sweep.alpha, i, alpha)
        put(sweep.acceleration, i, origin)


@njit(cache=True)
def _load(chain, state, sweep, com_m):
    """The wrench that each segment's own mass takes, about the world's origin; the body's centre of mass."""
    total_kg, weighed = 0.0, (0.0, 0.0, 0.0)
    for i in range(chain.parent.size):
        mass_kg, omega, alpha = chain.mass_kg[i], row(sweep.omega, i), row(sweep.alpha, i)
        arm = rotated(state.R, i, row(chain.com_m, i))
        push = times(mass_kg, plus(row(sweep.acceleration, i), _carried(alpha, omega, arm)))
        centre = plus(row(state.P_m, i), arm)
        spin = rotated(state.R, i, rotated(chain.inertia_kg_m2, i, unrotated(state.R, i, omega)))
        turning = rotated(state.R, i, rotated(chain.inertia_kg_m2, i, unrotated(state.R, i, alpha)))
        put(sweep.push, i, push)
        put(sweep.moment, i, plus(plus(turning, cross(omega, spin)), cross(centre, push)))
        total_kg, weighed = total_kg + mass_kg, plus(weighed, times(mass_kg, centre))
    com_m[0], com_m[1], com_m[2] = times(1 / total_kg, weighed)


@njit(cache=True)
def jacobian(segment, chain, state, J):
    """Writes d(linear, then angular velocity of the segment's origin) / d(reduced velocity) into J (6, 37)."""
    J[:] = 0
    place = row(state.P_m, segment)
    arm = minus(place, row(state.P_m, 0))
    for k in range(3):
        axis = state.R[0, 0, k], state.R[0, 1, k], state.R[0, 2, k]
        J[k, k] = 1
        J[0, 3 + k], J[1, 3 + k], J[2, 3 + k] = cross(axis, arm)
        J[3, 3 + k], J[4, 3 + k], J[5, 3 + k] = axis
    above = segment
    for c in range(chain.joint_segment.size - 1, -1, -1):
        while above > chain.joint_segment[c]:
            above = chain.parent[above]
        column, turn = chain.joint_driver[c], row(state.turn, c)
        if above == chain.joint_segment[c] and column >= 0:
            shift = plus(cross(turn, place), row(state.shift, c))
            for r in range(3):
                J[r, column] += shift[r]
                J[3 + r, column] += turn[r]
