"""Static optimisation against two other solvers, and the muscle's curves."""

from typing import NamedTuple

import numpy as np
import pytest

from simlabels.contact import sole_points
from simlabels.dynamics import derivatives, inverse_dynamics
from simlabels.optimise import LOWEST_ACTIVATION, RESERVE_SCALE_NM, Activations, solve_activations, strength
from simlabels.oracle import solve_piqp, solve_plain

FRAMES = 500


class Problems(NamedTuple):
    A: np.ndarray  # (T, 31, 354)
    weight: np.ndarray
    tau: np.ndarray
    solved: Activations
    rest: tuple  # the other arguments of solve_activations


@pytest.fixture(scope="module")
def problems(the_body):
    """Random poses with random torques: from easy to saturated."""
    from simlabels.musculo.scale import scale_body

    scale_body(the_body)
    body, rng = the_body, np.random.default_rng(1)
    mid, half = (body.lower_rad + body.upper_rad) / 2, (body.upper_rad - body.lower_rad) / 2
    q = np.array([body.standing(mid + 0.8 * half * rng.uniform(-1, 1, 31)) for _ in range(FRAMES)])
    mechanics = inverse_dynamics(body, derivatives(q, 30, cutoff_Hz=None), sole_points(body))
    speed = rng.normal(0, 0.1, (FRAMES, 354))
    tau = rng.normal(0, 1, (FRAMES, 31)) * rng.choice([2.0, 15.0, 60.0], (FRAMES, 1))
    dofs = (body.muscle_dofs.count, body.muscle_dofs.joint)
    solved = solve_activations(tau, mechanics.moment_arm_m, mechanics.length_m, speed, dofs, body.muscles)
    A = np.zeros((FRAMES, 31, 354))
    p = body.muscles
    parameters = (p.fmax_N, p.optimal_fibre_m, p.tendon_slack_m, p.pennation_rad, p.vmax_lopt_s)
    full = np.zeros(354)
    for t in range(FRAMES):
        strength(mechanics.length_m[t], speed[t], parameters, full)
        for i in range(354):
            n = body.muscle_dofs.count[i]
            A[t, body.muscle_dofs.joint[i, :n], i] = mechanics.moment_arm_m[t, i, :n] * full[i]
    return Problems(A, p.volume_weight, tau, solved, (mechanics.moment_arm_m, mechanics.length_m, speed, dofs, p))


def test_every_frame_is_solved(problems):
    A, _, tau, solved, _ = problems
    assert (solved.steps > 0).all()
    a = solved.activation
    assert a.min() >= LOWEST_ACTIVATION
    assert a.max() == 1.0  # some frames are saturated, so the bounds are tried
    balance = np.einsum("tjm,tm->tj", A, a) + solved.reserve_Nm - tau
    assert np.abs(balance).max() < 1e-5


def test_equals_piqp(problems):
    A, weight, tau, solved, _ = problems
    for t in range(FRAMES):
        theirs = solve_piqp(A[t], weight, tau[t], LOWEST_ACTIVATION, RESERVE_SCALE_NM)
        np.testing.assert_allclose(solved.activation[t], theirs, rtol=0, atol=1e-9, err_msg=f"frame {t}")


def test_where_piqp_unpolished_differs_it_is_off(problems):
    """Which of two answers is wrong: optimal is a = clip(A' lam / w) with the multipliers lam = r / d^2 of its own reserves."""

    def off(a, t):
        lam = (tau[t] - A[t] @ a) / RESERVE_SCALE_NM**2
        return np.abs(np.clip(A[t].T @ lam / weight, LOWEST_ACTIVATION, 1) - a).max()

    A, weight, tau, solved, _ = problems
    some = range(0, FRAMES, 10)
    theirs = [solve_piqp(A[t], weight, tau[t], LOWEST_ACTIVATION, RESERVE_SCALE_NM, polish=False) for t in some]
    assert max(off(solved.activation[t], t) for t in some) < 1e-9
    differs = [np.abs(a - solved.activation[t]).max() for a, t in zip(theirs, some, strict=True)]
    assert 1e-6 < max(differs) < 1e-3
    assert max(off(a, t) for a, t in zip(theirs, some, strict=True)) == pytest.approx(max(differs), rel=0.1)


def test_equals_the_plain_version(problems):
    A, weight, tau, solved, _ = problems
    for t in range(0, FRAMES, 10):
        theirs = solve_plain(A[t], weight, tau[t], LOWEST_ACTIVATION, RESERVE_SCALE_NM)
        np.testing.assert_allclose(solved.activation[t], theirs, rtol=0, atol=1e-7, err_msg=f"frame {t}")


def test_strength_has_its_landmarks():
    """At optimal length and rest fmax; nothing gained from pennation; slower than vmax shortening weakens, lengthening gives 1.4."""
    one = np.ones(4)
    parameters = (1000 * one, 0.1 * one, 0.2 * one, 0 * one, 10 * one)
    out = np.zeros(4)
    strength(np.array([0.3, 0.3, 0.3, 0.35]), np.array([0.0, -1.0, 100.0, 0.0]), parameters, out)
    np.testing.assert_allclose(out, [1000, 50, 1400, 1000 * np.exp(-0.25 / 0.45)], rtol=1e-3)


def test_force_velocity_is_smooth_at_rest():
    n, h = 3, 1e-6
    parameters = tuple(x * np.ones(n) for x in (1000.0, 0.1, 0.2, 0.0, 10.0))
    out = np.zeros(n)
    strength(np.full(n, 0.3), np.array([-h, 0.0, h]), parameters, out)
    assert (out[1] - out[0]) == pytest.approx(out[2] - out[1], rel=1e-3)
