"""Every choice does what it says, is recorded, and the defaults are those of the figures."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from benchmarks.synthetic_bvh import write_bvh
from realtime.body.dataset import REJECT_REASONS
from realtime.body.errors import BioHumanError, InputError, OutputError, UnknownName
from simlabels import cli
from simlabels.choices import Choices, RejectAbove, limits_of
from simlabels.dataset import read_frames
from simlabels.label import label_clip, solve_clip
from simlabels.make import make_labels
from simlabels.musculo.body import ROOT_DOFS
from simlabels.optimise import (
    ACTIVATION_S,
    DEACTIVATION_S,
    LOWEST_ACTIVATION,
    BoxQP,
    passive_force,
    passive_torque_Nm,
    solve_activations,
    solve_warm,
)

FPS = 30.0


@pytest.fixture(scope="module")
def clip(the_body, motion):
    """What the optimisation of a real clip is given: torques, arms, lengths, speeds, joints, muscles."""
    from simlabels.ik import inverse_kinematics
    from simlabels.label import R_MJ_WORLD
    from simlabels.musculo.scale import scale_body

    scale_body(the_body)
    q = inverse_kinematics(the_body, motion.forward()[0] @ R_MJ_WORLD.T, None).q
    state = solve_clip(the_body, q, FPS)
    dofs = (the_body.muscle_dofs.count, the_body.muscle_dofs.joint)
    m = state.mechanics
    return state.force[:, ROOT_DOFS:], m.moment_arm_m, m.length_m, m.speed_m_s, dofs, the_body.muscles


def solve(clip, fps=FPS, **choices):
    tau_Nm, arm_m, length_m, speed_m_s, dofs, muscles = clip
    found = solve_activations(tau_Nm, arm_m, length_m, speed_m_s, dofs, muscles, Choices(**choices), fps)
    assert (found.steps > 0).all()
    return found


def test_defaults_are_those_of_the_figures():
    assert Choices() == Choices(
        cost="volume",
        passive=False,
        activation_dynamics=False,
        cutoff_Hz=6.0,
        smooth=True,
        reject_above=RejectAbove(ik_m=0.05, force_BW=0.2, moment_BW_m=0.1, reserve_Nm_per_kg=0.25),
        solver="newton",
        spread=0,
    )


# ---- cost


@pytest.mark.parametrize("exponent", [2, 3])
def test_the_solver_minimises_its_cost(rng, exponent):
    """Against a general method of scipy that knows nothing of the dual."""
    n, m = 3, 12
    for _ in range(5):
        A, w, b = rng.normal(0, 5, (m, n)), rng.uniform(0.5, 2, m), rng.normal(0, 6, n)
        qp = BoxQP(A, np.full(m, n), np.tile(np.arange(n), (m, 1)), w, np.full(m, 0.01), np.ones(m), np.full(n, 4.0))
        a, r = np.zeros(m), np.zeros(n)
        assert solve_warm(qp, b, np.zeros(n), a, r, exponent) > 0
        np.testing.assert_allclose(A.T @ a + r, b, atol=1e-6)

        def cost(x, A=A, w=w, b=b):
            return w @ x**exponent / exponent + ((b - A.T @ x) ** 2).sum() / 8

        def slope(x, A=A, w=w, b=b):
            return w * x ** (exponent - 1) - A @ (b - A.T @ x) / 4

        options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000}
        best = minimize(cost, np.full(m, 0.1), jac=slope, bounds=[(0.01, 1)] * m, method="L-BFGS-B", options=options)
        np.testing.assert_allclose(a, best.x, atol=1e-4)
        assert cost(a) <= best.fun + 1e-12


def test_costs_share_the_load_as_they_say(clip):
    """Each solution has the least of its own cost; the cube spreads a load over more muscles."""
    muscles = clip[-1]
    reserve = lambda found: (found.reserve_Nm**2).sum(1) / 8  # noqa: E731
    costs = {
        "volume": lambda f: (muscles.volume_weight * f.activation**2).sum(1) / 2 + reserve(f),
        "squares": lambda f: (f.activation**2).sum(1) / 2 + reserve(f),
        "cubes": lambda f: (f.activation**3).sum(1) / 3 + reserve(f),
    }
    found = {name: solve(clip, cost=name) for name in costs}
    for name, cost in costs.items():
        for other in costs:
            if other != name:
                assert (cost(found[name]) <= cost(found[other]) + 1e-9).all(), (name, other)
                assert cost(found[name]).mean() < 0.99 * cost(found[other]).mean(), (name, other)
    working = {name: (f.activation > 0.03).mean() for name, f in found.items()}
    assert working["cubes"] > 1.15 * working["squares"]


# ---- muscle


def test_passive_force_is_thelens():
    """Nothing up to the optimal length, fmax at 60 % strain, e^5 shape between, no kink where it goes on straight."""
    np.testing.assert_allclose(passive_force(np.array([0.5, 1.0, 1.6])), [0, 0, 1], atol=1e-12)
    assert passive_force(np.array([1.3]))[0] == pytest.approx((np.exp(2.5) - 1) / (np.exp(5) - 1))
    below, at, above = passive_force(np.array([1.6 - 1e-6, 1.6, 1.6 + 1e-6]))
    assert above - at == pytest.approx(at - below, rel=1e-4)


def test_passive_forces_carry_their_share(clip, the_body):
    """Muscles then need only what stretched fibres leave, and a bent knee stretches the vasti: they extend it."""
    tau, arm, length, _, dofs, muscles = clip
    passive = passive_torque_Nm(arm, length, dofs, muscles)
    with_passive, by_hand = solve(clip, passive=True), solve((tau - passive, *clip[1:]))
    np.testing.assert_array_equal(with_passive.activation, by_hand.activation)
    assert np.abs(with_passive.activation - solve(clip).activation).max() > 0.02
    # virtual work: the torque is the slope of the energy that is stored in the fibres
    body, energy = the_body, []
    knee, h = body.joints.index("knee_angle_r"), 1e-5
    for angle in (1.9 - h, 1.9, 1.9 + h):
        joints = np.clip(np.zeros(len(body.joints)), body.lower_rad, body.upper_rad)
        joints[knee] = angle
        x = np.linspace(1, 4, 200_001)
        stored = np.concatenate([[0], np.cumsum((passive_force(x[1:]) + passive_force(x[:-1])) / 2 * np.diff(x))])
        lengths = body.muscle_lengths_m(joints)
        fibre = np.hypot(lengths - muscles.tendon_slack_m, muscles.optimal_fibre_m * np.sin(muscles.pennation_rad))
        norm = np.where(lengths > muscles.tendon_slack_m, fibre / muscles.optimal_fibre_m, 0)
        energy.append((muscles.fmax_N * muscles.optimal_fibre_m * np.interp(norm, x, stored)).sum())
    from simlabels.contact import sole_points
    from simlabels.dynamics import derivatives, inverse_dynamics

    joints[knee] = 1.9
    q = np.tile(body.standing(joints), (12, 1))
    m = inverse_dynamics(body, derivatives(q, FPS, None), sole_points(body))
    torque = passive_torque_Nm(m.moment_arm_m, m.length_m, dofs, muscles)[0, knee]
    assert torque < -5  # knee flexion is positive
    assert torque == pytest.approx(-(energy[2] - energy[0]) / (2 * h), rel=1e-3)


@pytest.mark.parametrize("fps", [30.0, 200.0])
def test_activation_dynamics_bound_the_change(clip, fps):
    jumpy = clip[0].copy()
    jumpy[::7] *= 2  # no muscle follows that
    clip = (jumpy, *clip[1:])
    free, bound = solve(clip).activation, solve(clip, fps=fps, activation_dynamics=True).activation
    up = 1 - (1 - bound[:-1]) * np.exp(-1 / fps / ACTIVATION_S)
    down = LOWEST_ACTIVATION + (bound[:-1] - LOWEST_ACTIVATION) * np.exp(-1 / fps / DEACTIVATION_S)
    assert (bound[1:] <= up + 1e-12).all()
    assert (bound[1:] >= down - 1e-12).all()
    assert (bound[1:] <= down + 1e-12).mean() > 0.05  # it is at work
    free_down = LOWEST_ACTIVATION + (free[:-1] - LOWEST_ACTIVATION) * np.exp(-1 / fps / DEACTIVATION_S)
    assert (free[1:] < free_down - 1e-6).any()
    np.testing.assert_array_equal(bound[0], free[0])


@pytest.mark.parametrize("more", [{}, {"cost": "squares"}, {"passive": True}, {"activation_dynamics": True}])
def test_the_librarys_solver_says_the_same(clip, more):
    few = tuple(x[:15] for x in clip[:4]) + clip[4:]
    ours, theirs = solve(few, **more), solve(few, solver="piqp", **more)
    np.testing.assert_allclose(theirs.activation, ours.activation, atol=1e-8)
    np.testing.assert_allclose(theirs.reserve_Nm, ours.reserve_Nm, atol=1e-6)


# ---- filter, smoothing, limits, through the whole chain


def test_cutoff_reaches_motion_and_forces(body):
    """A tremor of 9 Hz while standing: gone at 4 Hz, there at 25."""
    t = np.arange(200) / 100
    q = np.tile(body.standing(), (200, 1))
    q[:, 2] += 0.002 * np.sin(2 * np.pi * 9 * t)
    ripple = {}
    for cutoff_Hz in (4.0, 25.0):
        state = solve_clip(body, q, 100, choices=Choices(cutoff_Hz=cutoff_Hz))
        push = state.ground.foot_wrench[50:150, :, 2].sum(1) / body.weight_N
        ripple[cutoff_Hz] = push.max() - push.min()
    assert ripple[4.0] < 0.05
    assert ripple[25.0] > 0.5


def test_unsmoothed_is_raw(the_body, motion, labels):
    f = label_clip(the_body, motion, choices=Choices(smooth=False)).frames
    np.testing.assert_array_equal(f["activation"], f["activation_raw"])
    np.testing.assert_array_equal(f["activation_raw"], labels.frames["activation_raw"])
    assert np.abs(labels.frames["activation"] - f["activation"]).max() > 1e-3


@pytest.mark.parametrize("name", ["ik_m", "force_BW", "moment_BW_m", "reserve_Nm_per_kg"])
def test_each_limit_rejects_for_its_own_reason(the_body, motion, labels, name):
    strict = label_clip(the_body, motion, choices=Choices(reject_above=replace(RejectAbove(), **{name: 1e-5})))
    bit = 1 << ("ik_m", "force_BW", "moment_BW_m", "reserve_Nm_per_kg").index(name)
    assert (labels.own_reject == 0).all()
    found_elsewhere = np.uint8(1 << REJECT_REASONS.index("contact_elsewhere"))  # may be found beside a residual
    assert (strict.own_reject & ~found_elsewhere == bit).mean() > 0.9
    np.testing.assert_array_equal(strict.frames["activation"], labels.frames["activation"])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Choices(cost="cube"), UnknownName, "no cost is called 'cube'; nearest: cubes"),
        (lambda: Choices(solver="osqp"), UnknownName, "no solver is called 'osqp'"),
        (lambda: Choices(cutoff_Hz=0), InputError, "cut-off should be a positive number of Hz, got 0"),
        (lambda: Choices(cost="cubes", solver="piqp"), InputError, "quadratic costs only"),
        (lambda: Choices(spread=1), InputError, "needs 2 draws at least, better 8; got 1"),
        (lambda: limits_of(["force=0.1"]), UnknownName, "no limit is called 'force'; nearest: force_BW"),
        (lambda: limits_of(["force_BW"]), InputError, "a limit is NAME=NUMBER, such as force_BW=0.1, got 'force_BW'"),
        (lambda: limits_of(["force_BW=low"]), InputError, "got 'force_BW=low'"),
        (lambda: limits_of(["ik_m=-1"]), InputError, "limit ik_m should be a positive number, got -1"),
        (lambda: limits_of(["ik_m=nan"]), InputError, "positive number, got nan"),
    ],
)
def test_a_wrong_choice_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_piqp_that_is_not_installed_is_one_line(clip, monkeypatch):
    monkeypatch.setattr("realtime.body.needs.find_spec", lambda name: None if name == "piqp" else True)
    with pytest.raises(BioHumanError, match="piqp is not installed; install it with"):
        solve(clip, solver="piqp")


def test_choices_are_recorded_and_do_not_mix(tmp_path, the_body, monkeypatch, capsys):
    (tmp_path / "in").mkdir()
    write_bvh(tmp_path / "in" / "a.bvh", seconds=1)
    monkeypatch.setattr("simlabels.make.Body", lambda: the_body)
    flags = ["--cost", "cubes", "--passive", "--cutoff", "8", "--no-smooth", "--reject-above", "force_BW=0.1"]
    argv = ["make", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    assert cli.main([*argv, *flags]) == 0
    settings = json.loads((tmp_path / "out" / "dataset.json").read_text())["settings"]
    assert settings["choices"] == {
        "cost": "cubes",
        "passive": True,
        "activation_dynamics": False,
        "cutoff_Hz": 8.0,
        "smooth": False,
        "reject_above": {"ik_m": 0.05, "force_BW": 0.1, "moment_BW_m": 0.1, "reserve_Nm_per_kg": 0.25},
        "solver": "newton",
        "spread": 0,
    }
    f = read_frames(tmp_path / "out", ["activation", "activation_raw"])
    np.testing.assert_array_equal(f["activation"], f["activation_raw"])
    with pytest.raises(OutputError, match="other settings"):
        make_labels(tmp_path / "in", tmp_path / "out", body=the_body)
    capsys.readouterr()
    assert cli.main([*argv, "--cutoff", "-1"]) == 2
    assert "the cut-off should be a positive number of Hz, got -1" in capsys.readouterr().err


def test_an_unknown_name_comes_back_from_another_process():
    error = UnknownName("cost", "cube", ["cubes", "squares"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
