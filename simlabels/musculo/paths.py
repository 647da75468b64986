"""Lengths and moment arms of all muscle paths, compiled: the numbers of `mj_tendon`, in a fifth of its time.

A path changes its length only where it crosses from one segment of the body to another. There it is a straight line, and a unit
pull along it is a wrench: by virtual work a crossing adds (wrench . relative screw of the two segments) to dL/dq. The points
where a path touches its wrap move along the surface, not along the line, so they count as fixed to the wrap's segment.
"""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

from typing import NamedTuple
from weakref import WeakKeyDictionary

import mujoco
import numpy as np
from numba import njit

from realtime.body.rotations import from_quat_wxyz

from .body import ROOT_DOFS, Body
from .chain import Chain, State
from .paths_wrap import TINY, wrap
from .vectors import compose, cross, dot, minus, norm, plus, put, rotated, row, times, unrotated


class Paths(NamedTuple):
    """What all muscles' paths are made of. Lines and wraps name their ends by place in `site`, wraps their geom in `geom`.

    A line's terms are `term_slot[start:stop]`, `term_screw[start:stop]`: the relative screws that change its length, and the
    columns of the packed moment arms that they belong to.
    """

    rigid: np.ndarray  # (n, 3): muscle and two model sites on one segment
    rigid_m: np.ndarray  # (muscles,): what lies between such sites, at the present scale
    site: np.ndarray  # (sites,) model sites
    site_segment: np.ndarray  # (sites,)
    site_m: np.ndarray  # (sites, 3) in the segment
    geom: np.ndarray  # (geoms,) model geoms
    geom_segment: np.ndarray  # (geoms,)
    geom_m: np.ndarray  # (geoms, 3) in the segment
    R_geom: np.ndarray  # (geoms, 3, 3)
    radius_m: np.ndarray  # (geoms,)
    line: np.ndarray  # (lines, 5): muscle, site, site, start and stop of its terms
    wrap: np.ndarray  # (wraps, 10): muscle, site, geom, site; start and stop of terms: site-site, site-geom, geom-site
    wrap_is_sphere: np.ndarray  # (wraps,) bool
    wrap_side: np.ndarray  # (wraps,) model site, -1 = none
    side_m: np.ndarray  # (wraps, 3) in the geom
    term_slot: np.ndarray  # (terms,)
    term_screw: np.ndarray  # (terms,)
    screw_start: np.ndarray  # (screws + 1,): the joints of each relative screw in the two arrays below
    screw_joint: np.ndarray
    screw_sign: np.ndarray


class _Terms:
    """Collects terms and relative screws while the table is built."""

    def __init__(self, body: Body, chain: Chain) -> None:
        dofs = body.muscle_dofs
        self._slots = [{int(j): k for k, j in enumerate(row[:n])} for row, n in zip(dofs.joint, dofs.count, strict=True)]
        self._driver = chain.joint_driver
        self._above: list[set[int]] = []  # joints above each segment
        for i, p in enumerate(chain.parent):
            own = set(np.flatnonzero(chain.joint_segment == i).tolist())
            self._above.append(own | (self._above[p] if i else set()))
        self._screws: dict[tuple[int, int, int], int] = {}
        self.slot: list[int] = []
        self.screw: list[int] = []
        self.start, self.joint, self.sign = [0], [], []

    def add(self, muscle: int, a: int, b: int) -> tuple[int, int]:
        """Start and stop of the terms of a line of this muscle from segment a to segment b."""
        start = len(self.slot)
        moved = self._above[a] ^ self._above[b]
        for column in sorted({int(self._driver[j]) for j in moved}):
            slot = self._slots[muscle].get(column - ROOT_DOFS)
            if slot is not None:
                self.slot.append(slot)
                self.screw.append(self._screw(a, b, column))
        return start, len(self.slot)

    def _screw(self, a: int, b: int, column: int) -> int:
        if (a, b, column) not in self._screws:
            self._screws[a, b, column] = len(self._screws)
            joints = [j for j in sorted(self._above[a] ^ self._above[b]) if self._driver[j] == column]
            self.joint += joints
            self.sign += [1.0 if j in self._above[b] else -1.0 for j in joints]
            self.start.append(len(self.joint))
        return self._screws[a, b, column]


def find_paths(body: Body, chain: Chain) -> Paths:
    """The table of a body, at no scale yet: `scale_paths` fills in the lengths. Takes 20 ms; holds for every scale."""
    m, terms = body.model, _Terms(body, chain)
    sites, geoms, rigid, lines, wraps = {}, {}, [], [], []
    on_site, on_geom = chain.segment[m.site_bodyid], chain.segment[m.geom_bodyid]
    kinds = {int(k): k for k in (mujoco.mjtWrap.mjWRAP_SITE, mujoco.mjtWrap.mjWRAP_SPHERE, mujoco.mjtWrap.mjWRAP_CYLINDER)}
    assert set(m.wrap_type.tolist()) <= set(kinds), "paths of sites, spheres and cylinders; no pulleys"
    for muscle, tendon in enumerate(body.tendon):
        w, last = int(m.tendon_adr[tendon]), int(m.tendon_adr[tendon] + m.tendon_num[tendon]) - 1
        while w < last:
            is_wrap = m.wrap_type[w + 1] != mujoco.mjtWrap.mjWRAP_SITE
            step = 2 if is_wrap else 1
            first, second = int(m.wrap_objid[w]), int(m.wrap_objid[w + step])
            a, b = on_site[first], on_site[second]
            if a == b and not is_wrap:
                rigid.append((muscle, first, second))
            else:
                i, j = (sites.setdefault(s, len(sites)) for s in (first, second))
                free = terms.add(muscle, a, b)
                if is_wrap:
                    geom = int(m.wrap_objid[w + 1])
                    c = on_geom[geom]
                    spans = (*free, *terms.add(muscle, a, c), *terms.add(muscle, c, b))
                    sphere = m.wrap_type[w + 1] == mujoco.mjtWrap.mjWRAP_SPHERE
                    side = round(m.wrap_prm[w + 1])
                    wraps.append(((muscle, i, geoms.setdefault(geom, len(geoms)), j, *spans), sphere, side))
                else:
                    lines.append((muscle, i, j, *free))
            w += step
    site, geom = np.array(list(sites)), np.array(list(geoms))
    return Paths(
        rigid=np.array(rigid),
        rigid_m=np.zeros(m.nu),
        site=site,
        site_segment=on_site[site],
        site_m=np.zeros((len(site), 3)),
        geom=geom,
        geom_segment=on_geom[geom],
        geom_m=np.zeros((len(geom), 3)),
        R_geom=np.zeros((len(geom), 3, 3)),
        radius_m=np.zeros(len(geom)),
        line=np.array(lines),
        wrap=np.array([w for w, _, _ in wraps]),
        wrap_is_sphere=np.array([s for _, s, _ in wraps]),
        wrap_side=np.array([s for _, _, s in wraps]),
        side_m=np.zeros((len(wraps), 3)),
        term_slot=np.array(terms.slot),
        term_screw=np.array(terms.screw),
        screw_start=np.array(terms.start),
        screw_joint=np.array(terms.joint),
        screw_sign=np.array(terms.sign),
    )


_TABLES: WeakKeyDictionary[Body, Paths] = WeakKeyDictionary()


def build_paths(body: Body, chain: Chain) -> Paths:
    """The paths at the body's present scale."""
    if body not in _TABLES:
        _TABLES[body] = find_paths(body, chain)
    return scale_paths(_TABLES[body], body, chain)


def scale_paths(paths: Paths, body: Body, chain: Chain) -> Paths:
    """The same table with the sites, geoms and radii of the body's present scale."""
    m = body.model
    carrier = m.site_bodyid
    site_m = chain.weld_m[carrier] + (chain.R_weld[carrier] @ m.site_pos[:, :, None])[..., 0]
    muscle, first, second = paths.rigid.T
    carrier = m.geom_bodyid[paths.geom]
    geom_m = chain.weld_m[carrier] + (chain.R_weld[carrier] @ m.geom_pos[paths.geom][:, :, None])[..., 0]
    R_geom = chain.R_weld[carrier] @ from_quat_wxyz(m.geom_quat[paths.geom])
    wrapped = paths.wrap[:, 2]
    assert (chain.segment[m.site_bodyid[paths.wrap_side]] == paths.geom_segment[wrapped])[paths.wrap_side >= 0].all()
    side_m = ((site_m[paths.wrap_side] - geom_m[wrapped])[:, None] @ R_geom[wrapped])[:, 0]
    return paths._replace(
        rigid_m=np.bincount(muscle, np.linalg.norm(site_m[second] - site_m[first], axis=1), m.nu),
        site_m=site_m[paths.site],
        geom_m=geom_m,
        R_geom=R_geom,
        radius_m=m.geom_size[paths.geom, 0].copy(),
        side_m=side_m,
    )


class Room(NamedTuple):
    """Scratch space for one frame."""

    site_m: np.ndarray  # (sites, 3) world
    geom_m: np.ndarray  # (geoms, 3)
    R_geom: np.ndarray  # (geoms, 3, 3)
    turn: np.ndarray  # (screws, 3): motion of a line's second segment in the first
    shift: np.ndarray  # (screws, 3)


@njit(cache=True)
def empty_room(paths):
    """Room for one frame."""
    sites, geoms, screws = paths.site.size, paths.geom.size, paths.screw_start.size - 1
    return Room(
        np.zeros((sites, 3)), np.zeros((geoms, 3)), np.zeros((geoms, 3, 3)), np.zeros((screws, 3)), np.zeros((screws, 3))
    )


@njit(cache=True)
def lengths_and_arms(state: State, paths: Paths, room: Room, length_m, moment_arm_m):
    """Writes path lengths (muscles,) and moment arms -dL/dq (muscles, 5) of the placed chain."""
    _place(state, paths, room)
    length_m[:] = paths.rigid_m
    moment_arm_m[:] = 0
    for i in range(paths.line.shape[0]):
        muscle, a, b, start, stop = paths.line[i]
        length_m[muscle] += _pull(row(room.site_m, a), row(room.site_m, b), start, stop, paths, room, muscle, moment_arm_m)
    for i in range(paths.wrap.shape[0]):
        muscle, a, g, b, free, free_end, to, to_end, off, off_end = paths.wrap[i]
        start, stop, P = row(room.site_m, a), row(room.site_m, b), row(room.geom_m, g)
        local, other = unrotated(room.R_geom, g, minus(start, P)), unrotated(room.R_geom, g, minus(stop, P))
        has_side, side = paths.wrap_side[i] >= 0, row(paths.side_m, i)
        arc_m, touch, leave = wrap(local, other, paths.wrap_is_sphere[i], has_side, side, paths.radius_m[g])
        if arc_m < 0:
            length_m[muscle] += _pull(start, stop, free, free_end, paths, room, muscle, moment_arm_m)
        else:
            touch, leave = plus(P, rotated(room.R_geom, g, touch)), plus(P, rotated(room.R_geom, g, leave))
            length_m[muscle] += arc_m
            length_m[muscle] += _pull(start, touch, to, to_end, paths, room, muscle, moment_arm_m)
            length_m[muscle] += _pull(leave, stop, off, off_end, paths, room, muscle, moment_arm_m)


@njit(cache=True)
def _place(state, paths, room):
    """Sites, geoms and relative screws of the frame."""
    for i in range(paths.site.size):
        s = paths.site_segment[i]
        put(room.site_m, i, plus(row(state.P_m, s), rotated(state.R, s, row(paths.site_m, i))))
    for i in range(paths.geom.size):
        s = paths.geom_segment[i]
        put(room.geom_m, i, plus(row(state.P_m, s), rotated(state.R, s, row(paths.geom_m, i))))
        compose(state.R, s, paths.R_geom, i, room.R_geom, i)
    for i in range(paths.screw_start.size - 1):
        turn, shift = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        for e in range(paths.screw_start[i], paths.screw_start[i + 1]):
            c, sign = paths.screw_joint[e], paths.screw_sign[e]
            turn, shift = plus(turn, times(sign, row(state.turn, c))), plus(shift, times(sign, row(state.shift, c)))
        put(room.turn, i, turn)
        put(room.shift, i, shift)


@njit(cache=True)
def _pull(a, b, start, stop, paths, room, muscle, moment_arm_m):
    """Length of the line from a to b; its terms' share of -dL/dq is added to the muscle's moment arms."""
    line = minus(b, a)
    length = norm(line)
    line = times(1 / length, line) if length >= TINY else (1.0, 0.0, 0.0)  # no direction: MuJoCo takes x
    moment = cross(a, line)
    for e in range(start, stop):
        s = paths.term_screw[e]
        moment_arm_m[muscle, paths.term_slot[e]] -= dot(moment, row(room.turn, s)) + dot(line, row(room.shift, s))
    return length
