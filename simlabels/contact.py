"""Ground forces without force plates: the forces under the feet that best carry the body.

Eight points a foot. Each may push within a friction cone whose axis leans towards a pivot above the centre of mass, at a cost
that rises where the point is high or fast. Without the pivot a least-norm solution has no opposite shear of the two feet in
double support (fore-aft error 0.040 instead of 0.024 body weights against plates). World here: Z up, metres, newtons.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from .choices import CUTOFF_HZ
from .dynamics import Mechanics, low_pass
from .ground_level import belt_velocity_m_s, ground_heights_m
from .musculo.body import Body
from .optimise import BoxQP, solve_warm

HEEL_POINTS, POINTS = (0, 1), 8  # of each foot: 2 heel, 1 mid, 2 ball on the calcaneus; 3 on the toes
BALL_POINTS, TOE_POINTS = (3, 4), (3, 4, 5, 6, 7)
_CALCN_POINTS_M = ((0.0, -0.02), (0.0, 0.02), (0.07, 0.025), (0.14, -0.03), (0.14, 0.04))  # forward, outward
_TOES_POINTS_M = ((0.005, -0.03), (0.065, -0.02), (0.05, 0.03))
_CALCN_SOLE_M, _TOES_SOLE_M = -0.020, -0.018

FRICTION = 0.8
PIVOT_M = 0.6  # above the centre of mass
LARGEST_LEAN = 0.3
GATE_HEIGHT_M, GATE_HEIGHT_WIDTH_M = 0.035, 0.010
GATE_SPEED_M_S, GATE_SPEED_WIDTH_M_S = 0.40, 0.12
GATE_OFF = 0.01
#: Feet also slide and turn: where resting points leave more than this of the force unexplained, low points may carry up to this
#: speed, at the cost of a gate of so much.
SLIDING_FROM_BW, SLIDING_SPEED_M_S, SLIDING_GATE = 0.1, 2.0, 0.1
ROOT_COMPLIANCE_BW = (0.03, 0.02)  # force; moment in body weights x metre
#: A foot that carries less is not in contact and has no centre of pressure.
LOADED_BW = 0.05


@dataclass(frozen=True)
class Ground:
    """Forces of the ground on the feet, world axes."""

    point_force_N: np.ndarray  # (T, 2 * POINTS, 3)
    foot_wrench: np.ndarray  # (T, 2, 6): force N and moment N m about the calcaneus's origin
    gate: np.ndarray  # (T, 2 * POINTS): 0..1, low and slow enough to carry
    belt_m_s: np.ndarray  # (2,): horizontal velocity of the ground, zero but on a treadmill
    floor_m: np.ndarray  # (T, 2): height of the ground under each foot
    steps: np.ndarray  # (T,): -1 where the solver found no point


def sole_points(body: Body) -> list[tuple[int, np.ndarray]]:
    """(model body, place in it in metres) of the contact points: left foot, then right; generic sizes times the foot's."""
    k = body.body_factor[body.model.body("calcn_r").id]
    points = []
    for side, outward in (("l", -1), ("r", 1)):
        for bone, places, sole in (("calcn", _CALCN_POINTS_M, _CALCN_SOLE_M), ("toes", _TOES_POINTS_M, _TOES_SOLE_M)):
            b = body.model.body(f"{bone}_{side}").id
            points += [(b, k * np.array([x, sole, outward * z])) for x, z in places]
    return points


def ground_forces(
    body: Body, mechanics: Mechanics, fps: float, floor_m: float | None = None, cutoff_Hz: float = CUTOFF_HZ
) -> Ground:
    """Contact forces of every frame from the root wrench that the motion needs; an unknown floor is estimated."""
    sole_m = mechanics.sole_m
    T, K = sole_m.shape[:2]
    belt_m_s = belt_velocity_m_s(sole_m, fps)
    floor = ground_heights_m(sole_m, belt_m_s, fps) if floor_m is None else np.full((T, 2), floor_m)
    low, speed_m_s = _low(sole_m, floor), _speeds_m_s(sole_m, belt_m_s, fps)
    gate = low * _slow(speed_m_s, GATE_SPEED_M_S)
    directions = _cone(sole_m, mechanics.com_m)
    A = np.zeros((T, K, 4, 6))
    A[..., :3] = directions
    A[..., 3:] = np.cross((sole_m - mechanics.root_m[:, None])[:, :, None], directions)
    A = A.reshape(T, 4 * K, 6)
    need = mechanics.root_wrench / body.weight_N
    share, steps = _carry(A, gate, need)
    left_over = need - np.einsum("tki,tk->ti", A, share)
    slides = np.flatnonzero(np.linalg.norm(left_over[:, :3], axis=1) > SLIDING_FROM_BW)
    gate[slides] = np.maximum(gate[slides], SLIDING_GATE * low[slides] * _slow(speed_m_s[slides], SLIDING_SPEED_M_S))
    share[slides], steps[slides] = _carry(A[slides], gate[slides], need[slides])
    force_N = (share.reshape(T, K, 4, 1) * directions).sum(2) * body.weight_N
    force_N = low_pass(force_N, fps, cutoff_Hz)  # smooth hand-over between the feet
    return Ground(force_N, _on_calcaneus(force_N, mechanics), gate, belt_m_s, floor, steps)


def _carry(A: np.ndarray, gate: np.ndarray, need: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share (T, 4 * K) of each generator (T, 4 * K, 6) in what the root needs (T, 6), and the solver's steps (T,)."""
    weight = np.repeat(1 / np.maximum(gate, 1e-3) ** 2, 4, axis=1)
    most = np.repeat(np.where(gate > GATE_OFF, 1e9, 0.0), 4, axis=1)
    return _solve_contacts(A, weight, most, np.repeat(np.square(ROOT_COMPLIANCE_BW), 3), need)


def _low(sole_m: np.ndarray, floor_m: np.ndarray) -> np.ndarray:
    """How far each point (T, K) is low enough to carry, 0..1."""
    from scipy.special import expit

    height_m = sole_m[:, :, 2] - np.repeat(floor_m, POINTS, axis=1)
    return expit((GATE_HEIGHT_M - height_m) / GATE_HEIGHT_WIDTH_M)


def _speeds_m_s(sole_m: np.ndarray, belt_m_s: np.ndarray, fps: float) -> np.ndarray:
    """Speed (T, K) of each point on its ground."""
    velocity = np.gradient(sole_m, 1 / fps, axis=0)
    velocity[..., :2] -= belt_m_s
    return np.linalg.norm(velocity, axis=2)


def _slow(speed_m_s: np.ndarray, limit_m_s: float) -> np.ndarray:
    """How far a speed is below the limit, 0..1."""
    from scipy.special import expit

    return expit((limit_m_s - speed_m_s) / GATE_SPEED_WIDTH_M_S)


def _cone(sole_m: np.ndarray, com_m: np.ndarray) -> np.ndarray:
    """Four generators (T, K, 4, 3) of each point's friction cone, vertical part 1: along the foot and across it."""
    axis = com_m[:, None] + [0, 0, PIVOT_M] - sole_m
    lean = axis[..., :2] / np.maximum(axis[..., 2:], 0.3)
    lean *= (LARGEST_LEAN / np.maximum(np.linalg.norm(lean, axis=-1), LARGEST_LEAN))[..., None]
    along = _headings(sole_m)
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    sides = FRICTION * np.stack([along, -along, across, -across], axis=2)
    return np.concatenate([lean[:, :, None] + sides, np.ones((*sides.shape[:3], 1))], axis=-1)


def _headings(sole_m: np.ndarray) -> np.ndarray:
    """Horizontal direction (T, K, 2) from heel to ball of each point's foot."""
    by_foot = sole_m.reshape(len(sole_m), 2, POINTS, 3)
    forward = by_foot[:, :, BALL_POINTS, :2].mean(2) - by_foot[:, :, HEEL_POINTS, :2].mean(2)
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-9)
    return np.repeat(forward, POINTS, axis=1)


@njit(cache=True)
def _solve_contacts(A, weight, most, compliance, need):
    T, m, n = A.shape
    share, steps = np.zeros((T, m)), np.zeros(T, np.int64)
    lam, r, lowest, count = np.zeros(n), np.zeros(n), np.zeros(m), np.full(m, n)
    index = np.zeros((m, n), np.int64)
    index[:] = np.arange(n)
    for t in range(T):
        qp = BoxQP(A[t], count, index, weight[t], lowest, most[t], compliance)
        steps[t] = solve_warm(qp, need[t], lam, share[t], r)
    return share, steps


def _on_calcaneus(force_N: np.ndarray, mechanics: Mechanics) -> np.ndarray:
    """Wrench of each foot (T, 2, 6). Toe forces act on the calcaneus too: the toe joint carries nothing, as with plates."""
    T = len(force_N)
    by_foot = force_N.reshape(T, 2, POINTS, 3)
    lever = mechanics.sole_m.reshape(T, 2, POINTS, 3) - mechanics.foot_m[:, :, None]
    return np.concatenate([by_foot.sum(2), np.cross(lever, by_foot).sum(2)], axis=-1)


def pressure_centres_m(ground: Ground, mechanics: Mechanics, weight_N: float) -> np.ndarray:
    """Centre of pressure (T, 2, 3) of each foot at floor height; NaN where the foot is unloaded."""
    T = len(ground.floor_m)
    push = np.maximum(ground.point_force_N[..., 2].reshape(T, 2, POINTS), 0)
    total = push.sum(-1)
    loaded = total > LOADED_BW * weight_N
    weighted = (push[..., None] * mechanics.sole_m.reshape(T, 2, POINTS, 3)).sum(2)
    centre = weighted / np.where(loaded, total, 1.0)[..., None]
    centre[..., 2] = ground.floor_m
    centre[~loaded] = np.nan
    return centre


def pushes_N(ground: Ground) -> np.ndarray:
    """Force of the ground on each foot (T, 2, 3), zero where the filter rings below zero (down to -0.09 body weights in running).

    The dynamics use the force as filtered: cut there, activations around toe-off change by up to 0.05.
    """
    force_N = ground.foot_wrench[..., :3]
    return np.where(force_N[..., 2:] > 0, force_N, 0)


def contact_states(ground: Ground, weight_N: float) -> np.ndarray:
    """Left heel, left toes, right heel, right toes (T, 4), 0..1: the points rest on the floor and the foot is loaded.

    The largest gate of the region's points, times the foot's vertical force up to `LOADED_BW`.
    """
    T = len(ground.floor_m)
    gate = ground.gate.reshape(T, 2, POINTS)
    load = ground.point_force_N[..., 2].reshape(T, 2, POINTS).sum(-1) / (LOADED_BW * weight_N)
    regions = np.stack([gate[:, :, HEEL_POINTS].max(-1), gate[:, :, TOE_POINTS].max(-1)], axis=-1)
    return (regions * np.clip(load, 0, 1)[..., None]).reshape(T, 4)
