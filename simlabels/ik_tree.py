"""The joint tree that inverse kinematics needs, as flat arrays, and its forward kinematics, compiled."""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

import math
from typing import NamedTuple
from weakref import WeakKeyDictionary

import mujoco
import numpy as np
from numba import njit

from .musculo.body import Body
from .musculo.vectors import compose, plus, put, rotated, row, times


class Tree(NamedTuple):
    """Bodies on the way to a named one, parents first, and their joints in order.

    A screw stands for the joints that have one reduced column and move the same named bodies: they act as one.
    """

    parent: np.ndarray  # (bodies,), -1 = root
    offset_m: np.ndarray  # (bodies, 3) in the parent
    R_rest: np.ndarray  # (bodies, 3, 3) in the parent
    joint_body: np.ndarray  # (joints,)
    joint_slides: np.ndarray  # (joints,) bool
    joint_axis: np.ndarray  # (joints, 3)
    joint_driver: np.ndarray  # (joints,) reduced column, -1 = locked
    joint_quartic: np.ndarray  # (joints, 5)
    joint_screw: np.ndarray  # (joints,), -1 = locked
    screw_column: np.ndarray  # (screws,)
    screw_body: np.ndarray  # (screws,) a body that all of its joints, and no others among the named bodies', hang on
    above: np.ndarray  # (screws, n): screws that move all that this one moves; of two that move the same, the first; -1 behind


_TREES: WeakKeyDictionary[Body, dict[tuple[str, ...], tuple[Tree, np.ndarray, np.ndarray, np.ndarray]]] = WeakKeyDictionary()


def build_tree(body: Body, names: list[str]) -> tuple[Tree, np.ndarray]:
    """The tree that holds the named bodies at the body's present scale, and where in it each name is."""
    known = _TREES.setdefault(body, {})
    if tuple(names) not in known:
        known[tuple(names)] = _find_tree(body, names)
    tree, place, bodies, joints = known[tuple(names)]
    offset_m = body.model.body_pos[bodies]
    offset_m[0] = 0
    return tree._replace(offset_m=offset_m, joint_quartic=body.quartic[joints]), place


def _find_tree(body: Body, names: list[str]) -> tuple[Tree, np.ndarray, np.ndarray, np.ndarray]:
    """The tree at no scale, the places of the names, the tree's model bodies and joints. Holds for every scale."""
    m = body.model
    kept: set[int] = set()
    for name in names:
        b = m.body(name).id
        while b > 0:
            kept.add(b)
            b = int(m.body_parentid[b])
    order = np.array(sorted(kept))
    place = {int(b): i for i, b in enumerate(order)}
    parent = np.array([place.get(int(m.body_parentid[b]), -1) for b in order])
    R_rest = np.zeros((len(order), 9))
    for i, b in enumerate(order):
        mujoco.mju_quat2Mat(R_rest[i], m.body_quat[b])
    joints = np.array(
        [
            j
            for b in order
            for j in range(m.body_jntadr[b], m.body_jntadr[b] + m.body_jntnum[b])
            if m.jnt_type[j] != mujoco.mjtJoint.mjJNT_FREE
        ]
    )
    assert not m.jnt_pos[joints].any(), "forward kinematics turns bodies about their origin"
    named = np.array([place[m.body(name).id] for name in names])
    joint_body = np.array([place[int(b)] for b in m.jnt_bodyid[joints]])
    driver = body.driver[joints]
    joint_screw, screw_column, screw_body, above = _screws(parent, set(named.tolist()), joint_body, driver)
    tree = Tree(
        parent=parent,
        offset_m=np.zeros((len(order), 3)),
        R_rest=R_rest.reshape(-1, 3, 3),
        joint_body=joint_body,
        joint_slides=m.jnt_type[joints] == mujoco.mjtJoint.mjJNT_SLIDE,
        joint_axis=m.jnt_axis[joints],
        joint_driver=driver,
        joint_quartic=np.zeros((len(joints), 5)),
        joint_screw=joint_screw,
        screw_column=screw_column,
        screw_body=screw_body,
        above=above,
    )
    return tree, named, order, joints


def _screws(
    parent: np.ndarray, named: set[int], joint_body: np.ndarray, driver: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`joint_screw`, `screw_column`, `screw_body` and `above` of a `Tree`."""
    carried = [{i} & named for i in range(len(parent))]
    for i in range(len(parent) - 1, 0, -1):
        carried[parent[i]] |= carried[i]
    screws: dict[tuple[int, frozenset[int]], int] = {}
    joint_screw, screw_body = np.full(len(driver), -1), []
    for j, (b, column) in enumerate(zip(joint_body, driver, strict=True)):
        if column >= 0:
            key = (int(column), frozenset(carried[b]))
            if key not in screws:
                screws[key] = len(screws)
                screw_body.append(b)
            joint_screw[j] = screws[key]
    moved = [bodies for _, bodies in screws]
    above = [[r for r, more in enumerate(moved) if more > own or (more == own and r < s)] for s, own in enumerate(moved)]
    return joint_screw, np.array([column for column, _ in screws]), np.array(screw_body), _padded(above)


def _padded(rows: list[list[int]]) -> np.ndarray:
    """Rows of different lengths as one array, -1 where they end; one -1 at least."""
    out = np.full((len(rows), 1 + max(map(len, rows), default=0)), -1)
    for row_out, values in zip(out, rows, strict=True):
        row_out[: len(values)] = values
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
    put(P, 0, (q[0], q[1], q[2]))
    root_matrix(q, R[0])
    c = 0
    for i in range(tree.parent.size):
        if i > 0:
            p = tree.parent[i]
            put(P, i, plus(row(P, p), rotated(R, p, row(tree.offset_m, i))))
            compose(R, p, tree.R_rest, i, R, i)
        while c < tree.joint_body.size and tree.joint_body[c] == i:
            x = q[tree.joint_driver[c] + 1] if tree.joint_driver[c] >= 0 else 0.0
            k0, k1, k2, k3, k4 = tree.joint_quartic[c]
            value = (((k4 * x + k3) * x + k2) * x + k1) * x + k0
            slope[c] = ((4 * k4 * x + 3 * k3) * x + 2 * k2) * x + k1
            a = rotated(R, i, row(tree.joint_axis, c))
            put(axis, c, a)
            if tree.joint_slides[c]:
                put(P, i, plus(row(P, i), times(value, a)))
            else:
                turn(R[i], tree.joint_axis[c], value)
            put(anchor, c, row(P, i))
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
