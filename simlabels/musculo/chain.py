"""The body as 39 jointed segments in flat arrays, and where they stand in a pose, compiled.

Bodies without a joint are welded to the segment that carries them. MuJoCo's own kinematics also places 2300 sites and geoms that
hardly anything needs, and must be called once a frame.
"""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

from typing import NamedTuple

import mujoco
import numpy as np
from numba import njit

from realtime.body.rotations import from_quat_wxyz

from ..ik_tree import root_matrix, turn
from .body import ROOT_DOFS, Body
from .vectors import compose, cross, plus, put, rotated, row, times


class Chain(NamedTuple):
    """Segments, parents first; segment 0 is the root. `weld_m`, `R_weld`: each model body in the segment that carries it."""

    segment: np.ndarray  # (nbody,) segment of each model body; the world's is 0 and never used
    weld_m: np.ndarray  # (nbody, 3)
    R_weld: np.ndarray  # (nbody, 3, 3)
    parent: np.ndarray  # (segments,)
    offset_m: np.ndarray  # (segments, 3) in the parent
    R_rest: np.ndarray  # (segments, 3, 3) in the parent
    mass_kg: np.ndarray  # (segments,)
    com_m: np.ndarray  # (segments, 3) in the segment
    inertia_kg_m2: np.ndarray  # (segments, 3, 3) about the centre of mass, in the segment
    joint_segment: np.ndarray  # (joints,)
    joint_slides: np.ndarray  # (joints,) bool
    joint_axis: np.ndarray  # (joints, 3)
    joint_driver: np.ndarray  # (joints,) reduced column, -1 = locked
    joint_quartic: np.ndarray  # (joints, 5)


class State(NamedTuple):
    """One frame, world axes. A screw is (turn, shift): the velocity of a point p is turn x p + shift."""

    P_m: np.ndarray  # (segments, 3) origins
    R: np.ndarray  # (segments, 3, 3)
    axis: np.ndarray  # (joints, 3)
    value: np.ndarray  # (joints,)
    slope: np.ndarray  # (joints,) by the driver
    curvature: np.ndarray  # (joints,)
    turn: np.ndarray  # (joints, 3) the joint's screw per unit of its driver
    shift: np.ndarray  # (joints, 3)


def build_chain(body: Body) -> Chain:
    """The chain at the body's present scale."""
    m = body.model
    has_joint = m.body_jntnum > 0
    assert has_joint[1], "the root moves"
    assert (m.body_parentid[2:] > 0).all(), "one tree"
    assert not m.jnt_pos.any(), "joints sit at their body's origin"
    assert not m.qpos0[ROOT_DOFS + 1 :].any(), "joints start at 0"
    R_body = from_quat_wxyz(m.body_quat)
    carrier, weld_m, R_weld = _weld(m.body_parentid, has_joint, m.body_pos.copy(), R_body)
    jointed = np.flatnonzero(has_joint)
    segment = np.searchsorted(jointed, carrier)
    above = m.body_parentid[jointed]
    com = weld_m + (R_weld @ m.body_ipos[:, :, None])[..., 0]
    R = R_weld @ from_quat_wxyz(m.body_iquat)
    mass = np.bincount(segment[1:], m.body_mass[1:])
    com_m = np.zeros((len(jointed), 3))
    np.add.at(com_m, segment[1:], com[1:] * m.body_mass[1:, None])
    com_m /= mass[:, None]
    arm = com - com_m[segment]
    about = (R * m.body_inertia[:, None]) @ R.swapaxes(1, 2)
    about += m.body_mass[:, None, None] * ((arm**2).sum(1)[:, None, None] * np.eye(3) - arm[:, :, None] * arm[:, None])
    inertia = np.zeros((len(jointed), 3, 3))
    np.add.at(inertia, segment[1:], about[1:])
    return Chain(
        segment=segment,
        weld_m=weld_m,
        R_weld=R_weld,
        parent=segment[above],
        offset_m=weld_m[above] + (R_weld[above] @ m.body_pos[jointed][:, :, None])[..., 0],
        R_rest=R_weld[above] @ R_body[jointed],
        mass_kg=mass,
        com_m=com_m,
        inertia_kg_m2=inertia,
        joint_segment=segment[m.jnt_bodyid[1:]],
        joint_slides=m.jnt_type[1:] == mujoco.mjtJoint.mjJNT_SLIDE,
        joint_axis=m.jnt_axis[1:].copy(),
        joint_driver=body.driver[1:].copy(),
        joint_quartic=body.quartic[1:].copy(),
    )


@njit(cache=True)
def _weld(parent, has_joint, position, rotation):
    """The jointed body that carries each body, and the body's pose in it."""
    n = parent.size
    carrier, weld_m, R_weld = np.arange(n), np.zeros((n, 3)), np.zeros((n, 3, 3))
    for b in range(n):
        if has_joint[b] or b == 0:
            R_weld[b] = np.eye(3)
        else:
            p = parent[b]
            carrier[b] = carrier[p]
            put(weld_m, b, plus(row(weld_m, p), rotated(R_weld, p, row(position, b))))
            compose(R_weld, p, rotation, b, R_weld, b)
    return carrier, weld_m, R_weld


@njit(cache=True)
def empty_state(chain):
    """Room for one frame."""
    n, joints = chain.parent.size, chain.joint_segment.size
    return State(
        np.zeros((n, 3)),
        np.zeros((n, 3, 3)),
        np.zeros((joints, 3)),
        np.zeros(joints),
        np.zeros(joints),
        np.zeros(joints),
        np.zeros((joints, 3)),
        np.zeros((joints, 3)),
    )


@njit(cache=True)
def place(q, chain, state):
    """Fills `state` for the reduced position q (38,)."""
    P, R = state.P_m, state.R
    put(P, 0, (q[0], q[1], q[2]))
    root_matrix(q, R[0])
    c = 0
    for i in range(chain.parent.size):
        if i > 0:
            p = chain.parent[i]
            put(P, i, plus(row(P, p), rotated(R, p, row(chain.offset_m, i))))
            compose(R, p, chain.R_rest, i, R, i)
        while c < chain.joint_segment.size and chain.joint_segment[c] == i:
            driver = chain.joint_driver[c]
            x = q[driver + 1] if driver >= 0 else 0.0
            k0, k1, k2, k3, k4 = chain.joint_quartic[c]
            value = (((k4 * x + k3) * x + k2) * x + k1) * x + k0
            slope = ((4 * k4 * x + 3 * k3) * x + 2 * k2) * x + k1 if driver >= 0 else 0.0
            curvature = (12 * k4 * x + 6 * k3) * x + 2 * k2 if driver >= 0 else 0.0
            state.value[c], state.slope[c], state.curvature[c] = value, slope, curvature
            axis = rotated(R, i, row(chain.joint_axis, c))
            put(state.axis, c, axis)
            if chain.joint_slides[c]:
                put(P, i, plus(row(P, i), times(value, axis)))
                put(state.turn, c, (0.0, 0.0, 0.0))
                put(state.shift, c, times(slope, axis))
            else:
                turn(R[i], chain.joint_axis[c], value)
                put(state.turn, c, times(slope, axis))
                put(state.shift, c, times(slope, cross(row(P, i), axis)))
            c += 1
