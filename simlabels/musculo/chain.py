"""The body as 39 jointed segments in flat arrays: their places, motion and inertial forces, compiled.

Bodies without a joint are welded to the segment that carries them. Newton-Euler in world axes, then virtual work along the
screws of the joints: the same numbers as `mj_rne`, without MuJoCo's poses of 1300 sites and geoms and without a call per frame.
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
    screw: np.ndarray  # (joints, 6) per unit of the driver
    wrench: np.ndarray  # (segments, 6) moment about the world's origin, then force, that moves the segment and all it carries


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
    carrier, weld_m, R_weld = np.zeros(n, np.int64), np.zeros((n, 3)), np.zeros((n, 3, 3))
    for b in range(n):
        p = parent[b]
        carrier[b] = b
        R_weld[b] = np.eye(3)
        if not has_joint[b]:
            carrier[b] = carrier[p]
            for r in range(3):
                weld_m[b, r] = weld_m[p, r]
                for k in range(3):
                    weld_m[b, r] += R_weld[p, r, k] * position[b, k]
                    R_weld[b, r, k] = (
                        R_weld[p, r, 0] * rotation[b, 0, k]
                        + R_weld[p, r, 1] * rotation[b, 1, k]
                        + R_weld[p, r, 2] * rotation[b, 2, k]
                    )
        if b == 0:
            carrier[b] = 0
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
        np.zeros((joints, 6)),
        np.zeros((n, 6)),
    )


@njit(cache=True)
def attached(P, R, local, out):
    """World place of a point or, with P = 0, direction of a segment."""
    for r in range(3):
        out[r] = P[r] + R[r, 0] * local[0] + R[r, 1] * local[1] + R[r, 2] * local[2]


@njit(cache=True)
def place(q, chain, state):
    """Fills all of `state` but the wrench for the reduced position q (38,)."""
    P, R, none = state.P_m, state.R, np.zeros(3)
    P[0] = q[:3]
    root_matrix(q, R[0])
    c = 0
    for i in range(chain.parent.size):
        if i > 0:
            p = chain.parent[i]
            attached(P[p], R[p], chain.offset_m[i], P[i])
            for r in range(3):
                for k in range(3):
                    R[i, r, k] = (
                        R[p, r, 0] * chain.R_rest[i, 0, k]
                        + R[p, r, 1] * chain.R_rest[i, 1, k]
                        + R[p, r, 2] * chain.R_rest[i, 2, k]
                    )
        while c < chain.joint_segment.size and chain.joint_segment[c] == i:
            driver, k = chain.joint_driver[c], chain.joint_quartic[c]
            x = q[driver + 1] if driver >= 0 else 0.0
            state.value[c] = (((k[4] * x + k[3]) * x + k[2]) * x + k[1]) * x + k[0]
            state.slope[c] = ((4 * k[4] * x + 3 * k[3]) * x + 2 * k[2]) * x + k[1] if driver >= 0 else 0.0
            state.curvature[c] = (12 * k[4] * x + 6 * k[3]) * x + 2 * k[2] if driver >= 0 else 0.0
            a, s, slope = state.axis[c], state.screw[c], state.slope[c]
            attached(none, R[i], chain.joint_axis[c], a)
            if chain.joint_slides[c]:
                for r in range(3):
                    P[i, r] += a[r] * state.value[c]
                    s[r], s[3 + r] = 0.0, slope * a[r]
            else:
                turn(R[i], chain.joint_axis[c], state.value[c])
                for r in range(3):
                    s[r] = slope * a[r]
                s[3] = P[i, 1] * s[2] - P[i, 2] * s[1]
                s[4] = P[i, 2] * s[0] - P[i, 0] * s[2]
                s[5] = P[i, 0] * s[1] - P[i, 1] * s[0]
            c += 1
