"""The body: muscle order, couplings, moment arms against finite differences, scaling, joint order."""

import numpy as np
import pytest

from realtime.body.errors import InputError, ModelError
from realtime.body.muscles import muscle_mirror, muscle_names
from simlabels.contact import sole_points
from simlabels.dynamics import derivatives, inverse_dynamics
from simlabels.make import joint_names
from simlabels.musculo import model
from simlabels.musculo.scale import scale_body, segment_factors, segment_lengths_m


def middle_poses(body, rng, count, share=0.5):
    mid, half = (body.lower_rad + body.upper_rad) / 2, (body.upper_rad - body.lower_rad) / 2
    return np.array([body.standing(mid + share * half * rng.uniform(-1, 1, len(mid))) for _ in range(count)])


def test_muscles_and_joints_are_those_of_the_contract(body):
    assert body.muscle_names == muscle_names()
    assert body.joints == joint_names()
    assert body.dofs == 37
    assert body.model.body_mass.sum() == pytest.approx(75.337, abs=1e-3)


def test_other_wheels_are_refused(monkeypatch):
    monkeypatch.setattr(model, "WHEEL_VERSION", "9.9.9")
    with pytest.raises(ModelError, match=r"1\.0\.6 is installed, the mending is for 9\.9\.9"):
        model.model_xml()


def test_couplings_against_finite_differences(body, rng):
    q = middle_poses(body, rng, 20)
    first, second = body.coupling_slopes(q)
    h = 1e-5
    for column in range(7, q.shape[1]):
        step = np.zeros(q.shape[1])
        step[column] = h
        driven = np.flatnonzero(body.driver[1:] == column - 1)
        dof = body.model.jnt_dofadr[1:][driven]
        place = body.model.jnt_qposadr[1:][driven]
        up, here, down = (body.full_positions(q + k * step)[:, place] for k in (1, 0, -1))
        np.testing.assert_allclose(first[:, dof], (up - down) / (2 * h), atol=1e-8)
        np.testing.assert_allclose(second[:, dof], (up - 2 * here + down) / h**2, atol=1e-4)


def test_moment_arms_are_minus_dl_dq(body, rng):
    q = middle_poses(body, rng, 6)
    mechanics = inverse_dynamics(body, derivatives(q, 30, cutoff_Hz=None), sole_points(body))
    joint, count = body.muscle_dofs.joint, body.muscle_dofs.count
    h = 1e-5
    for t, pose in enumerate(q):
        arm = np.zeros((354, 31))
        for i in range(354):
            arm[i, joint[i, : count[i]]] = mechanics.moment_arm_m[t, i, : count[i]]
        for column in range(31):
            step = np.zeros(31)
            step[column] = h
            difference = (body.muscle_lengths_m(pose[7:] + step) - body.muscle_lengths_m(pose[7:] - step)) / (2 * h)
            np.testing.assert_allclose(arm[:, column], -difference, atol=2e-5)


def test_tibia_drops_in_flexion(body):
    """The Walker knee: 10 mm; as shipped it rises by 2."""

    def shin_m(angle_rad):
        q = body.standing(np.zeros(31))
        q[7 + body.joints.index("knee_angle_r")] = angle_rad
        body.pose(q)
        return (body.data.body("tibia_r").xpos - body.data.body("femur_r").xpos)[2]

    assert shin_m(1.7) - shin_m(0.0) == pytest.approx(-0.010, abs=0.003)


def test_gluteus_extends_the_flexed_hip(body):
    """As shipped its moment arm turns round at 120 degrees, because it has lost its wrap."""
    i, joint = body.muscle_names.index("glmax1_r"), body.joints.index("hip_flexion_r")
    lengths = []
    for angle in (2.0, 2.1):
        pose = np.zeros(31)
        pose[joint] = angle
        lengths.append(body.muscle_lengths_m(pose)[i])
    assert -(lengths[1] - lengths[0]) / 0.1 == pytest.approx(-0.026, abs=0.008)


def test_strength_is_symmetric(body):
    mirror = list(muscle_mirror())
    for name in ("fmax_N", "optimal_fibre_m", "tendon_slack_m", "pennation_rad", "vmax_lopt_s"):
        values = getattr(body.muscles, name)
        np.testing.assert_allclose(values, values[mirror], rtol=0.02, err_msg=name)


def test_scaling_follows_its_rules_and_comes_back(body):
    before = {n: getattr(body.model, n).copy() for n in ("body_pos", "body_mass", "body_inertia", "site_pos", "eq_data")}
    fmax, length = body.muscles.fmax_N.copy(), body.muscle_lengths_m()
    k = {s: 1.1 for s in ("pelvis", "trunk", "femur", "tibia", "foot", "humerus", "forearm", "hand")}  # noqa: C420
    scale_body(body, k, 90.0)
    assert body.model.body_mass.sum() == pytest.approx(90.0)
    np.testing.assert_allclose(body.model.body_inertia, before["body_inertia"] * 90 / 75.337068 * 1.21, rtol=1e-6)
    np.testing.assert_allclose(body.muscle_lengths_m(), 1.1 * length, rtol=1e-6)
    np.testing.assert_allclose(body.muscles.fmax_N, fmax * (90 / 75.337068) ** (2 / 3), rtol=1e-6)
    scale_body(body)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(body.model, name), value)


def test_an_impossible_mass_is_refused(body):
    with pytest.raises(InputError, match="300 kg"):
        scale_body(body, {}, 300.0)


def test_factors_of_the_generic_body_are_one(body, rng):
    from simlabels.musculo.scale import LANDMARKS

    joints_m = np.full((1, 24, 3), np.nan)
    body.pose(body.standing(np.zeros(31)))
    for j, (name, _) in LANDMARKS.items():
        joints_m[0, j] = body.data.body(name).xpos
    for factor in (1.0, 1.08):
        for segment, k in segment_factors(body, factor * joints_m).items():
            assert k == pytest.approx(factor, abs=1e-9), segment
    assert np.isnan(list(segment_lengths_m(np.full((1, 24, 3), np.nan)).values())).all()
