"""The joint tree that inverse kinematics needs, as flat arrays, and its forward kinematics, compiled."""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

import math
from typing import NamedTuple

import mujoco
import numpy as np
from numba import njit

from .musculo.body import ROOT_DOFS, Body


class Tree(NamedTuple):
    """Bodies on the way to a landmark, parents first, and their joints in order."""

    parent: np.ndarray  # (bodies,), -1 = root
    offset_m: np.ndarray  # (bodies, 3) in the parent
    R_rest: np.ndarray  # (bodies, 3, 3) in the parent
    joint_body: np.ndarray  # (joints,)
    joint_slides: np.ndarray  # (joints,) bool
    joint_axis: np.ndarray  # (joints, 3)
    joint_driver: np.ndarray  # (joints,) reduced column, -1 = locked
    joint_quartic: np.ndarray  # (joints, 5)
    moving: np.ndarray  # (bodies, joints): joints that move each body, -1 behind the last
    column: np.ndarray  # (bodies, 6 + joints): reduced columns that move each body, rising, -1 behind the last


def build_tree(body: Body, names: list[str]) -> tuple[Tree, np.ndarray]:
    """The tree that holds the named bodies at the body's present scale, and where in it each name is."""
    m = body.model
    kept: set[int] = set()
    for name in names:
        b = m.body(name).id
        while b > 0:
            kept.add(b)
            b = int(m.body_parentid[b])
    order = sorted(kept)
    place = {b: i for i, b in enumerate(order)}
    parent = np.array([place.get(int(m.body_parentid[b]), -1) for b in order])
    offset_m = m.body_pos[order].copy()
    offset_m[0] = 0
    R_rest = np.zeros((len(order), 9))
    for i, b in enumerate(order):
        mujoco.mju_quat2Mat(R_rest[i], m.body_quat[b])
    joints = [
        j
        for b in order
        for j in range(m.body_jntadr[b], m.body_jntadr[b] + m.body_jntnum[b])
        if m.jnt_type[j] != mujoco.mjtJoint.mjJNT_FREE
    ]
    assert np.abs(m.jnt_pos[joints]).max() < 1e-9, "forward kinematics turns bodies about their origin"
    above = np.eye(len(order), dtype=np.bool_)
    for i, p in enumerate(parent):
        if p >= 0:
            above[i] |= above[p]
    joint_body = np.array([place[int(m.jnt_bodyid[j])] for j in joints])
    driver = body.driver[joints].copy()
    moving = [[j for j, b in enumerate(joint_body) if row[b] and driver[j] >= 0] for row in above]
    column = [[*range(ROOT_DOFS), *sorted({int(driver[j]) for j in row})] for row in moving]
    tree = Tree(
        parent=parent,
        offset_m=offset_m,
        R_rest=R_rest.reshape(-1, 3, 3),
        joint_body=joint_body,
        joint_slides=m.jnt_type[joints] == mujoco.mjtJoint.mjJNT_SLIDE,
        joint_axis=m.jnt_axis[joints].copy(),
        joint_driver=driver,
        joint_quartic=body.quartic[joints].copy(),
        moving=_padded(moving),
        column=_padded(column),
    )
    return tree, np.array([place[m.body(name).id] for name in names])


def _padded(rows: list[list[int]]) -> np.ndarray:
    """Rows of different lengths as one array, -1 where they end; one -1 at least."""
    out = np.full((len(rows), 1 + max(map(len, rows))), -1)
    for row, values in zip(out, rows, strict=True):
        row[: len(values)] = values
    return out


@njit(cache=True)
def root_matrix(q, R):
    """Writes the root's rotation into R (3, 3)."""
    w, x, y, z = q[3], q[4], q[5], q[6]
    R[0, 0] = 1 - 2 * (y * y + z * z)
    R[0, 1] = 2 * (x * y - w * z)
    R[0, 2] = 2 * (x * z + w * y)
    R[1, 0] = 2 * (x * y + w * z)
    R[1, 1] = 1 - 2 * (x * x + z * z)
    R[1, 2] = 2 * (y * z - w * x)
    R[2, 0] = 2 * (x * z - w * y)
    R[2, 1] = 2 * (y * z + w * x)
    R[2, 2] = 1 - 2 * (x * x + y * y)


@njit(cache=True)
def turn(R, axis, angle):
    """R <- R times the rotation by `angle` about `axis` (unit, in R's own frame)."""
    s, c = math.sin(angle), math.cos(angle)
    o = 1 - c
    a0, a1, a2 = axis[0], axis[1], axis[2]
    m00, m01, m02 = c + a0 * a0 * o, a0 * a1 * o - a2 * s, a0 * a2 * o + a1 * s
    m10, m11, m12 = a1 * a0 * o + a2 * s, c + a1 * a1 * o, a1 * a2 * o - a0 * s
    m20, m21, m22 = a2 * a0 * o - a1 * s, a2 * a1 * o + a0 * s, c + a2 * a2 * o
    for r in range(3):
        u, v, w = R[r, 0], R[r, 1], R[r, 2]
        R[r, 0] = u * m00 + v * m10 + w * m20
        R[r, 1] = u * m01 + v * m11 + w * m21
        R[r, 2] = u * m02 + v * m12 + w * m22


@njit(cache=True)
def forward(q, tree, P, R, axis, anchor, slope):
    """World positions P and rotations R of the tree's bodies; axis, anchor and d(coordinate)/d(driver) of its joints."""
    c = 0
    for i in range(tree.parent.size):
        p = tree.parent[i]
        if p < 0:
            P[i] = q[:3]
            root_matrix(q, R[i])
        else:
            o, R0 = tree.offset_m[i], tree.R_rest[i]
            for r in range(3):
                P[i, r] = P[p, r] + R[p, r, 0] * o[0] + R[p, r, 1] * o[1] + R[p, r, 2] * o[2]
                for k in range(3):
                    R[i, r, k] = R[p, r, 0] * R0[0, k] + R[p, r, 1] * R0[1, k] + R[p, r, 2] * R0[2, k]
        while c < tree.joint_body.size and tree.joint_body[c] == i:
            x = q[tree.joint_driver[c] + 1] if tree.joint_driver[c] >= 0 else 0.0
            k4 = tree.joint_quartic[c]
            value = (((k4[4] * x + k4[3]) * x + k4[2]) * x + k4[1]) * x + k4[0]
            slope[c] = ((4 * k4[4] * x + 3 * k4[3]) * x + 2 * k4[2]) * x + k4[1]
            a = tree.joint_axis[c]
            for r in range(3):
                axis[c, r] = R[i, r, 0] * a[0] + R[i, r, 1] * a[1] + R[i, r, 2] * a[2]
            if tree.joint_slides[c]:
                for r in range(3):
                    P[i, r] += axis[c, r] * value
            else:
                turn(R[i], a, value)
            anchor[c] = P[i]
            c += 1


@njit(cache=True)
def segment_poses(q, tree, places):
    """World positions (T, n, 3) and rotations (T, n, 3, 3) of the tree bodies `places`."""
    T, bodies, joints = q.shape[0], tree.parent.size, tree.joint_body.size
    position, rotation = np.zeros((T, places.size, 3)), np.zeros((T, places.size, 3, 3))
    P, R = np.zeros((bodies, 3)), np.zeros((bodies, 3, 3))
    axis, anchor, slope = np.zeros((joints, 3)), np.zeros((joints, 3)), np.zeros(joints)
    for t in range(T):
        forward(q[t], tree, P, R, axis, anchor, slope)
        for i in range(places.size):
            position[t, i] = P[places[i]]
            rotation[t, i] = R[places[i]]
    return position, rotation
