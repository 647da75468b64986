"""Static optimisation: the muscle activations that hold each frame's joint torques at the least squared effort, exactly.

Per frame, with A = moment arm x strength (31 x 354):

    min  1/2 sum w a^2 + 1/2 sum (r / d)^2   s.t.  A a + r = tau,   lowest <= a <= 1

It is solved in its dual: 31 multipliers instead of 354 activations, a = clip(A' lam / w), r = d^2 lam, and a semismooth Newton
method on the piecewise linear equation A a + r = tau, which ends after finitely many steps. With the cost 1/3 sum w |a|^3 only
that changes: a = clip(sign(y) |y / w|^(1/2)) of y = A' lam. The same solver distributes the ground force (`contact`). A plain
numpy version and a library's are in `oracle`.
Source: static optimisation of OpenSim with activation exponent 2; Qi and Sun 1993 for the method.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from .choices import DEFAULT, Choices
from .musculo.muscle_parameters import MuscleParameters
from .newton import cholesky_solve

TOLERANCE = 1e-8  # of the equation, relative to the largest torque
LOWEST_ACTIVATION = 0.01
RESERVE_SCALE_NM = 2.0
_STEPS, _STEPS_COLD = 100, 1000
#: Active force-length and force-velocity never fall below this share.
_FLOOR = 0.05
#: Thelen 2003, also OpenSim's: passive force is fmax at this strain, with this shape; from there on it rises straight.
PASSIVE_STRAIN, PASSIVE_SHAPE = 0.6, 5.0
#: Thelen 2003, also OpenSim's: time constants of activation and deactivation, s.
ACTIVATION_S, DEACTIVATION_S = 0.015, 0.050


class BoxQP(NamedTuple):
    """min 1/p sum weight |a|^p + 1/2 sum r^2 / compliance  s.t.  A' a + r = b, lower <= a <= upper; A is stored by its non-zeros.

    The exponent p, 2 or 3, is an argument of the solvers.
    """

    value: np.ndarray  # (m, k): row i holds what unknown i adds to equations index[i, :count[i]]
    count: np.ndarray  # (m,)
    index: np.ndarray  # (m, k)
    weight: np.ndarray  # (m,)
    lower: np.ndarray  # (m,)
    upper: np.ndarray  # (m,)
    compliance: np.ndarray  # (n,)


@dataclass(frozen=True)
class Activations:
    activation: np.ndarray  # (T, 354)
    reserve_Nm: np.ndarray  # (T, 31)
    steps: np.ndarray  # (T,): Newton steps; -1 where no point within tolerance was found


def solve_activations(
    tau_Nm: np.ndarray,
    moment_arm_m: np.ndarray,
    length_m: np.ndarray,
    speed_m_s: np.ndarray,
    dofs: tuple[np.ndarray, np.ndarray],
    muscles: MuscleParameters,
    choices: Choices = DEFAULT,
    fps: float | None = None,
) -> Activations:
    """Activations of a clip; every frame starts from the multipliers of the frame before.

    Args:
        tau_Nm: joint torques, (T, 31).
        moment_arm_m: -dL/dq, packed by muscle, (T, 354, 5).
        length_m, speed_m_s: path lengths and their rates, (T, 354).
        dofs: how many and which joints each muscle acts on, (354,) and (354, 5).
        muscles: parameters of the person.
        fps: needed with activation dynamics.
    """
    tau_Nm = np.ascontiguousarray(tau_Nm, float)
    if choices.passive:
        tau_Nm = tau_Nm - passive_torque_Nm(moment_arm_m, length_m, dofs, muscles)
    weight = muscles.volume_weight if choices.cost == "volume" else np.ones(len(muscles.fmax_N))
    keeps = (0.0, 0.0)
    if choices.activation_dynamics:
        assert fps is not None, "activation dynamics need the time between frames"
        keeps = (math.exp(-1 / (fps * ACTIVATION_S)), math.exp(-1 / (fps * DEACTIVATION_S)))
    solve = _solve_clip_piqp if choices.solver == "piqp" else _solve_clip
    exponent = 3 if choices.cost == "cubes" else 2
    found = solve(tau_Nm, moment_arm_m, length_m, speed_m_s, *dofs, _parameters(muscles), weight, keeps, exponent)
    return Activations(*found)


def passive_torque_Nm(
    moment_arm_m: np.ndarray, length_m: np.ndarray, dofs: tuple[np.ndarray, np.ndarray], muscles: MuscleParameters
) -> np.ndarray:
    """Joint torques (T, 31) of stretched fibres, by the rigid tendon's geometry."""
    height = muscles.optimal_fibre_m * np.sin(muscles.pennation_rad)
    along = np.maximum(length_m - muscles.tendon_slack_m, 0.2 * muscles.optimal_fibre_m)
    fibre = np.hypot(along, height)
    tension_N = muscles.fmax_N * passive_force(fibre / muscles.optimal_fibre_m) * along / fibre
    count, joint = dofs
    out = np.zeros((len(length_m), 31))
    for k in range(joint.shape[1]):
        acts = np.flatnonzero(count > k)
        np.add.at(out.T, joint[acts, k], (moment_arm_m[:, acts, k] * tension_N[:, acts]).T)
    return out


def passive_force(length: np.ndarray) -> np.ndarray:
    """Passive fibre force, in fmax, at a fibre length in optimal lengths (Thelen 2003)."""
    whole = math.exp(PASSIVE_SHAPE)
    strain = np.clip(length - 1, 0, PASSIVE_STRAIN) / PASSIVE_STRAIN
    beyond = np.maximum(length - 1 - PASSIVE_STRAIN, 0) / PASSIVE_STRAIN
    return (np.exp(PASSIVE_SHAPE * strain) - 1 + PASSIVE_SHAPE * whole * beyond) / (whole - 1)


def _parameters(muscles: MuscleParameters) -> tuple[np.ndarray, ...]:
    return muscles.fmax_N, muscles.optimal_fibre_m, muscles.tendon_slack_m, muscles.pennation_rad, muscles.vmax_lopt_s


@njit(cache=True)
def strength(length_m, speed_m_s, parameters, out):
    """Tension (354,) at full activation along the tendon, N: Hill's muscle with a rigid tendon, no passive force.

    Force-length exp(-(l - 1)^2 / 0.45) and force-velocity with curvature 0.25 and plateau 1.4 (Thelen 2003). Passive force is
    left out: with generic slack lengths it is 20 N m at the ankle of a standing person.
    """
    fmax, lopt, slack, pennation, vmax = parameters
    for i in range(length_m.size):
        height = lopt[i] * math.sin(pennation[i])
        along = max(length_m[i] - slack[i], 0.2 * lopt[i])
        fibre = math.sqrt(along * along + height * height)
        cosine = along / fibre
        v = speed_m_s[i] * cosine / (lopt[i] * vmax[i])
        if v <= -1:
            force_velocity = 0.0
        elif v <= 0:
            force_velocity = (1 + v) / (1 - v / 0.25)
        else:
            force_velocity = 1 + 0.4 * v / (v + 0.08)  # slope continuous at 0
        force_length = math.exp(-((fibre / lopt[i] - 1) ** 2) / 0.45)
        out[i] = fmax[i] * max(force_length, _FLOOR) * max(force_velocity, _FLOOR) * cosine


@njit(cache=True)
def _pull(qp, i, lam):
    """Row i of A times the multipliers."""
    s = 0.0
    for k in range(qp.count[i]):
        s += qp.value[i, k] * lam[qp.index[i, k]]
    return s


@njit(cache=True)
def _wanted(t, weight, exponent):
    """Where 1/p weight |a|^p - t a is least over all a, and weight (p - 1) |a|^(p - 2), the curvature there."""
    if exponent == 2:
        return t / weight, weight
    a = math.sqrt(abs(t) / weight)
    return math.copysign(a, t), 2 * weight * a


@njit(cache=True)
def _cost(a, weight, exponent):
    return 0.5 * weight * a * a if exponent == 2 else weight * abs(a) ** 3 / 3


@njit(cache=True)
def _dual(qp, b, lam, exponent):
    """The convex dual function that Newton's method descends."""
    value = 0.0
    for j in range(lam.size):
        value += 0.5 * qp.compliance[j] * lam[j] * lam[j] - b[j] * lam[j]
    for i in range(qp.count.size):
        t = _pull(qp, i, lam)
        x = min(max(_wanted(t, qp.weight[i], exponent)[0], qp.lower[i]), qp.upper[i])
        value += t * x - _cost(x, qp.weight[i], exponent)
    return value


@njit(cache=True)
def _dual_with_derivatives(qp, b, lam, a, g, H, exponent):
    """The dual, its gradient g = A' a + compliance lam - b and its generalised Hessian (lower triangle); writes a."""
    value = 0.0
    for j in range(lam.size):
        g[j] = qp.compliance[j] * lam[j] - b[j]
        value += 0.5 * qp.compliance[j] * lam[j] ** 2 - b[j] * lam[j]
        H[j, :j] = 0.0
        H[j, j] = qp.compliance[j]
    for i in range(qp.count.size):
        t = _pull(qp, i, lam)
        (x, curvature), free = _wanted(t, qp.weight[i], exponent), True
        if x <= qp.lower[i]:
            x, free = qp.lower[i], False
        elif x >= qp.upper[i]:
            x, free = qp.upper[i], False
        a[i] = x
        value += t * x - _cost(x, qp.weight[i], exponent)
        for k in range(qp.count[i]):
            j, v = qp.index[i, k], qp.value[i, k]
            g[j] += v * x
            if free:
                for l in range(k + 1):  # indices rise within a row
                    H[j, qp.index[i, l]] += v / curvature * qp.value[i, l]
    return value


@njit(cache=True)
def solve_box_qp(qp, b, lam, a, r, max_steps, exponent):
    """Writes a (m,), r (n,) and the multipliers lam (n,), which also are the start. Returns the steps taken, or -1."""
    n = lam.size
    H, g, y, trial = np.zeros((n, n)), np.zeros(n), np.zeros(n), np.zeros(n)
    scale = max(1.0, np.abs(b).max())
    for step in range(max_steps):
        value = _dual_with_derivatives(qp, b, lam, a, g, H, exponent)
        if np.abs(g).max() <= TOLERANCE * scale:
            r[:] = qp.compliance * lam
            return step + 1
        cholesky_solve(H, -g, y)
        slope, size = (g * y).sum(), 1.0
        for _ in range(30):  # Armijo
            trial[:] = lam + size * y
            if _dual(qp, b, trial, exponent) <= value + 1e-4 * size * slope + 1e-12 * abs(value):
                break
            size *= 0.5
        lam[:] = trial
    return -1


@njit(cache=True)
def solve_warm(qp, b, lam, a, r, exponent=2):
    """As `solve_box_qp`, from the multipliers given, and once more from zero should that not end."""
    steps = solve_box_qp(qp, b, lam, a, r, _STEPS, exponent)
    if steps < 0:
        lam[:] = 0
        steps = solve_box_qp(qp, b, lam, a, r, _STEPS_COLD, exponent)
    return steps


@njit(cache=True)
def reachable(last, keeps, lower, upper):
    """Writes the bounds that excitations of 1 and of the lowest activation lead to from `last`, by first-order dynamics.

    `keeps` is what is left of the way after one frame: rising, falling; 0 = no dynamics. Each frame knows only the one before:
    solving all frames at once would also rise ahead of a burst that is to come.
    """
    for i in range(last.size):
        upper[i] = 1 - (1 - last[i]) * keeps[0]
        lower[i] = LOWEST_ACTIVATION + (last[i] - LOWEST_ACTIVATION) * keeps[1]


@njit(cache=True)
def _solve_clip(tau, arm, length, speed, count, index, parameters, weight, keeps, exponent):
    T, m, _ = arm.shape
    n = tau.shape[1]
    activation, reserve, steps = np.zeros((T, m)), np.zeros((T, n)), np.zeros(T, np.int64)
    full, lam, value = np.zeros(m), np.zeros(n), np.zeros(arm.shape[1:])
    lower, upper = np.full(m, LOWEST_ACTIVATION), np.ones(m)
    qp = BoxQP(value, count, index, weight, lower, upper, np.full(n, RESERVE_SCALE_NM**2))
    for t in range(T):
        if t > 0:
            reachable(activation[t - 1], keeps, lower, upper)
        strength(length[t], speed[t], parameters, full)
        for i in range(m):
            for k in range(count[i]):
                value[i, k] = arm[t, i, k] * full[i]
        steps[t] = solve_warm(qp, tau[t], lam, activation[t], reserve[t], exponent)
    return activation, reserve, steps


def _solve_clip_piqp(tau, arm, length, speed, count, index, parameters, weight, keeps, exponent):
    """As `_solve_clip`, frame by frame through the library; a frame without a solution has the lowest activations and -1 steps."""
    from realtime.body.needs import need

    from .oracle import solve_piqp

    need(("piqp",), "labels")
    assert exponent == 2, "a quadratic program"
    T, m, _ = arm.shape
    n = tau.shape[1]
    activation, reserve, steps = np.full((T, m), LOWEST_ACTIVATION), np.zeros((T, n)), np.ones(T, np.int64)
    full, lower, upper = np.zeros(m), np.full(m, LOWEST_ACTIVATION), np.ones(m)
    row, column = np.nonzero(np.arange(index.shape[1]) < count[:, None])
    for t in range(T):
        if t > 0:
            reachable(activation[t - 1], keeps, lower, upper)
        strength(length[t], speed[t], parameters, full)
        A = np.zeros((n, m))
        A[index[row, column], row] = arm[t, row, column] * full[row]
        try:
            activation[t] = solve_piqp(A, weight, tau[t], lower, RESERVE_SCALE_NM, upper)
        except ArithmeticError:
            steps[t] = -1
        reserve[t] = tau[t] - A @ activation[t]
    return activation, reserve, steps
