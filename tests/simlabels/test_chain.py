"""The jointed chain and inverse dynamics against MuJoCo's, frame by frame."""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

import mujoco
import numpy as np
import pytest

from simlabels.contact import sole_points
from simlabels.dynamics import Motion, inverse_dynamics
from simlabels.musculo.body import ROOT_DOFS
from simlabels.musculo.chain import build_chain, empty_state, place
from simlabels.musculo.scale import scale_body

from .test_paths import PERSON, any_poses

FRAMES = 40


@pytest.fixture(params=[{}, PERSON], ids=["generic", "scaled"])
def person(body, request):
    scale_body(body, request.param, 80.0)
    yield body
    scale_body(body)


def any_motion(body, rng):
    velocity, acceleration = rng.normal(0, 3, (FRAMES, 37)), rng.normal(0, 20, (FRAMES, 37))
    return Motion(any_poses(body, rng, FRAMES), velocity, acceleration, 60.0)


def reduced(body, by_dof, slope):
    """Sums over the model's degrees of freedom (nv, ...) that each reduced one drives."""
    out = np.zeros((body.dofs, *by_dof.shape[1:]))
    moved = body.dof_driver >= 0
    np.add.at(out, body.dof_driver[moved], (by_dof.T * slope).T[moved])
    return out


def test_segments_stand_where_mujoco_puts_them(person, rng):
    chain = build_chain(person)
    state = empty_state(chain)
    for q in any_poses(person, rng, FRAMES):
        place(q, chain, state)
        person.pose(q)
        R = state.R[chain.segment]
        where_m = state.P_m[chain.segment] + (R @ chain.weld_m[:, :, None])[..., 0]
        np.testing.assert_allclose(where_m[1:], person.data.xpos[1:], atol=1e-12)
        np.testing.assert_allclose((R @ chain.R_weld)[1:], person.data.xmat.reshape(-1, 3, 3)[1:], atol=1e-12)


def test_forces_are_those_of_mj_rne(person, rng):
    m, d, motion = person.model, person.data, any_motion(person, rng)
    force = inverse_dynamics(person, motion, sole_points(person)).force
    qpos, (slope, curvature) = person.full_positions(motion.q), person.coupling_slopes(motion.q)
    v, a = (np.where(person.dof_driver >= 0, x[:, person.dof_driver], 0) for x in (motion.velocity, motion.acceleration))
    for t in range(FRAMES):
        d.qpos[:], d.qvel[:], d.qacc[:] = qpos[t], slope[t] * v[t], slope[t] * a[t] + curvature[t] * v[t] ** 2
        mujoco.mj_kinematics(m, d)
        mujoco.mj_comPos(m, d)
        mujoco.mj_comVel(m, d)
        theirs = np.zeros(m.nv)
        mujoco.mj_rne(m, d, 1, theirs)
        np.testing.assert_allclose(force[t], reduced(person, theirs, slope[t]), rtol=1e-10, atol=1e-8)


def test_places_and_jacobians_are_mujocos(person, rng):
    m, d, motion = person.model, person.data, any_motion(person, rng)
    sole = sole_points(person)
    mechanics = inverse_dynamics(person, motion, sole)
    slope = person.coupling_slopes(motion.q)[0]
    feet = [m.body("calcn_l").id, m.body("calcn_r").id]
    for t in range(FRAMES):
        person.pose(motion.q[t])
        R = d.xmat.reshape(-1, 3, 3)
        com_m = m.body_mass @ d.xipos / m.body_mass.sum()
        np.testing.assert_allclose(mechanics.com_m[t], com_m, atol=1e-12)
        np.testing.assert_allclose(mechanics.root_m[t], d.xpos[1], atol=1e-12)
        np.testing.assert_allclose(mechanics.R_world_root[t], R[1], atol=1e-12)
        np.testing.assert_allclose(mechanics.foot_m[t], d.xpos[feet], atol=1e-12)
        np.testing.assert_allclose(mechanics.sole_m[t], [d.xpos[b] + R[b] @ p for b, p in sole], atol=1e-12)
        for side, foot in enumerate(feet):
            J = np.zeros((6, m.nv))
            mujoco.mj_jacBody(m, d, J[:3], J[3:], foot)
            np.testing.assert_allclose(mechanics.foot_jacobian[t, side], reduced(person, J.T, slope[t]).T, atol=1e-12)


def test_speed_is_the_rate_of_length(person, rng):
    motion, h = any_motion(person, rng), 1e-6
    speed = inverse_dynamics(person, motion, sole_points(person)).speed_m_s
    step = np.zeros_like(motion.q)
    step[:, 7:] = h * motion.velocity[:, ROOT_DOFS:]
    later, before = (
        inverse_dynamics(person, Motion(q, motion.velocity, motion.acceleration, 60.0), sole_points(person)).length_m
        for q in (motion.q + step, motion.q - step)
    )
    np.testing.assert_allclose(speed, (later - before) / (2 * h), rtol=0, atol=1e-5)


def test_the_centre_of_mass_goes_with_the_person(person, rng):
    """MuJoCo's `subtree_com` does not: it divides by the mass that the model was compiled with."""
    motion = any_motion(person, rng)
    there = Motion(motion.q + np.pad([3.0, -4.0, 0.5], (0, 35)), motion.velocity, motion.acceleration, 60.0)
    here_m, there_m = (inverse_dynamics(person, x, sole_points(person)).com_m for x in (motion, there))
    np.testing.assert_allclose(there_m - here_m, np.tile([3.0, -4.0, 0.5], (FRAMES, 1)), atol=1e-12)
