"""Muscle paths against MuJoCo's, over the whole joint ranges, for the generic and a scaled body."""

import itertools

import numpy as np
import pytest
from numba import njit

from simlabels.musculo.chain import build_chain, empty_state, place
from simlabels.musculo.paths import empty_room, find_paths, lengths_and_arms, scale_paths
from simlabels.musculo.paths_wrap import wrap
from simlabels.musculo.scale import scale_body

POSES = 300
PERSON = {
    "pelvis": 0.95,
    "femur": 1.1,
    "tibia": 0.9,
    "foot": 1.12,
    "trunk": 1.05,
    "humerus": 0.93,
    "forearm": 1.07,
    "hand": 1.1,
}


@njit
def run(q, chain, paths, length_m, moment_arm_m):
    state, room = empty_state(chain), empty_room(paths)
    for t in range(q.shape[0]):
        place(q[t], chain, state)
        lengths_and_arms(state, paths, room, length_m[t], moment_arm_m[t])


def ours(body, q):
    chain = build_chain(body)
    paths = scale_paths(find_paths(body, chain), body, chain)
    length_m, moment_arm_m = np.zeros((len(q), 354)), np.zeros((len(q), *body.muscle_dofs.joint.shape))
    run(q, chain, paths, length_m, moment_arm_m)
    return length_m, moment_arm_m


def mujocos(body, q):
    """The same by `mj_tendon`, slowly."""
    dofs, slope = body.muscle_dofs, body.coupling_slopes(q)[0]
    length_m, moment_arm_m = np.zeros((len(q), 354)), np.zeros((len(q), *dofs.joint.shape))
    for t in range(len(q)):
        body.pose(q[t])
        length_m[t] = body.data.ten_length[body.tendon]
        by_entry = body.data.ten_J[dofs.entry] * slope[t, dofs.entry_dof]
        np.subtract.at(moment_arm_m[t], (dofs.entry_muscle, dofs.entry_slot), by_entry)
    return length_m, moment_arm_m


def any_poses(body, rng, count):
    """Anywhere between the joint limits, turned any way, up to 10 m from the origin."""
    q = np.array([body.standing(rng.uniform(body.lower_rad, body.upper_rad)) for _ in range(count)])
    q[:, :3] = rng.uniform(-10, 10, (count, 3))
    turned = rng.normal(size=(count, 4))
    q[:, 3:7] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    return q


@pytest.mark.parametrize("factors", [{}, PERSON], ids=["generic", "scaled"])
def test_lengths_and_arms_are_mujocos(body, rng, factors):
    scale_body(body, factors, 80.0)
    q = any_poses(body, rng, POSES)
    length_m, moment_arm_m = ours(body, q)
    expected_m, expected_arm_m = mujocos(body, q)
    scale_body(body)
    assert expected_m.min() > 0
    assert np.abs(expected_arm_m).max() > 0.1
    np.testing.assert_allclose(length_m, expected_m, rtol=0, atol=1e-9)
    np.testing.assert_allclose(moment_arm_m, expected_arm_m, rtol=0, atol=1e-9)


def test_the_poses_try_every_way_to_wrap(body, rng):
    """Else the test above would prove little: 112 of 162 spans are seen on their geom, 70 of those also off it."""
    m, d = body.model, body.data
    seen: dict[tuple[int, int], int] = {}
    for q in any_poses(body, rng, POSES):
        body.pose(q)
        tendon = np.repeat(np.arange(m.ntendon), d.ten_wrapnum)
        geom = d.wrap_obj.ravel()[: len(tendon)]
        for pair in set(zip(tendon[geom >= 0].tolist(), geom[geom >= 0].tolist(), strict=True)):
            seen[pair] = seen.get(pair, 0) + 1
    counts = np.array(list(seen.values()))
    assert len(counts) > 100
    assert (counts < POSES).sum() > 60


def test_arms_are_the_slope_of_the_lengths(body, rng):
    q = any_poses(body, rng, 40)
    step = np.zeros_like(q)
    step[:, 7:] = 1e-6 * rng.uniform(-1, 1, (len(q), 31))
    _, moment_arm_m = ours(body, q)
    change_m = ours(body, q + step)[0] - ours(body, q - step)[0]
    predicted_m = -2 * (moment_arm_m * step[:, 7:][:, body.muscle_dofs.joint]).sum(-1)
    np.testing.assert_allclose(change_m, predicted_m, rtol=0, atol=1e-10)


def wrapped(a, b, *, sphere=False, side=None):
    """Round a geom of radius 1 m: arc length, and where the path touches and leaves."""
    ends, at = np.array([a, b], dtype=float), np.array(side or [0, 0, 0], dtype=float)
    length, touch, leave = wrap(tuple(ends[0]), tuple(ends[1]), sphere, side is not None, tuple(at), 1.0)
    return length, np.array([touch, leave])


def test_quarter_round_a_cylinder():
    """Up to (-1, 0), a quarter round to (0, 1), and on: the rise is shared in proportion to the way."""
    length, touch = wrapped([-1, -0.5, 0], [0.5, 1, 2 + np.pi])
    np.testing.assert_allclose(touch, [[-1, 0, 1], [0, 1, 1 + np.pi]], atol=1e-12)
    assert length == pytest.approx(np.hypot(np.pi / 2, np.pi))


def test_sphere_wraps_in_the_plane_of_its_ends():
    length, touch = wrapped([-1, 0, -0.5], [0.5, 0, 1], sphere=True)
    np.testing.assert_allclose(touch, [[-1, 0, 0], [0, 0, 1]], atol=1e-12)
    assert length == pytest.approx(np.pi / 2)


def test_a_side_point_chooses_the_way_round():
    assert wrapped([-3, 1.5, 0], [3, 1.5, 0])[0] < 0  # the straight line passes above
    assert wrapped([-3, 1.5, 0], [3, 1.5, 0], side=[0, 2, 0])[0] < 0
    length, touch = wrapped([-3, 1.5, 0], [3, 1.5, 0], side=[0, -2, 0])
    assert length > 0
    assert (touch[:, 1] < 0).all()


def test_a_side_point_within_pulls_the_path_through():
    length, touch = wrapped([-3, 3, 0], [3, 3, 0], side=[0, 0.1, 0])
    assert length == 0
    np.testing.assert_allclose(touch, [[0, 1, 0]] * 2, atol=1e-6)


def test_degenerate_wraps_are_finite():
    points = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [-2, 0, 0], [0, 0, 2], [1e-16, 0, 0], [2, 1e-12, 0], [-1, -1e-9, 0], [0, 3, 1]]
    sides = [None, [0, 0, 0], [0, 0, 2], [2, 0, 0], [-2, 0, 0], [0, 0.5, 0]]
    wraps = 0
    for a, b, side, sphere in itertools.product(points, points, sides, (False, True)):
        length, touch = wrapped(a, b, sphere=sphere, side=side)
        assert np.isfinite(length), (a, b, side, sphere)
        if length >= 0:
            wraps += 1
            assert np.isfinite(touch).all(), (a, b, side, sphere)
    assert wraps > 20
