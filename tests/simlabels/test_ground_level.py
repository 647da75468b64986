"""Where the ground is: flat floors stay flat, steps are found, a foot in the air is no step, a belt is known."""

import numpy as np
import pytest

from simlabels.contact import POINTS
from simlabels.ground_level import belt_velocity_m_s, ground_heights_m

FPS = 30
STILL = np.zeros(2)


def soles(left_m, right_m):
    """Sole points (T, 16, 3) of two feet whose places (T, 3) are given."""
    spread = np.stack([np.linspace(0, 0.2, POINTS), np.zeros(POINTS), np.zeros(POINTS)], axis=1)
    return np.concatenate([np.asarray(foot)[:, None] + spread for foot in (left_m, right_m)], axis=1)


def steps(heights_m, stride_m=0.6, seconds=0.6):
    """Places (T, 3) of two feet that walk over `heights_m`, one foot after the other; the swing foot is lifted."""
    n = round(seconds * FPS)
    s = np.linspace(0, 1, n)[:, None]
    places = [np.array([i * stride_m / 2, 0.1 if i % 2 else -0.1, h]) for i, h in enumerate(heights_m)]
    feet = [[np.tile(places[0], (n, 1))], [np.tile(places[1], (n, 1))]]
    for i in range(2, len(places)):
        swings, stands = i % 2, 1 - i % 2
        lift = 0.15 * np.sin(np.pi * s) * [0, 0, 1]
        feet[swings].append(places[i - 2] + (places[i] - places[i - 2]) * s + lift)
        feet[stands].append(np.tile(places[i - 1], (n, 1)))
    return soles(np.concatenate(feet[0]), np.concatenate(feet[1]))


def test_walking_on_a_floor_keeps_one_floor():
    heights_m = ground_heights_m(steps(np.zeros(8)), STILL, FPS)
    np.testing.assert_allclose(heights_m, 0, atol=0.01)


def test_a_floor_that_drifts_is_no_stair(rng):
    heights_m = ground_heights_m(steps(np.linspace(0, 0.06, 8)), STILL, FPS)
    np.testing.assert_array_equal(heights_m[:, 0], heights_m[:, 1])


def test_stairs_are_found():
    sole_m = steps([0, 0, 0.17, 0.34, 0.51, 0.68, 0.85])
    heights_m = ground_heights_m(sole_m, STILL, FPS)
    lowest_m = np.stack([sole_m[:, :POINTS, 2].min(1), sole_m[:, POINTS:, 2].min(1)], axis=1)
    speed = np.abs(np.gradient(lowest_m, axis=0)).max(1) * FPS
    stands = np.stack([np.linalg.norm(np.gradient(sole_m[:, k], axis=0), axis=1) * FPS < 0.1 for k in (0, POINTS)], axis=1)
    np.testing.assert_allclose(heights_m[stands], lowest_m[stands], atol=0.02)
    assert speed.max() > 0.3  # it does climb


@pytest.mark.parametrize("lifted_m", [0.2, 0.5])
def test_a_foot_held_in_the_air_stands_on_nothing(lifted_m):
    """Standing on one leg after walking: the raised foot is still, but the other foot is too."""
    walk = steps(np.zeros(6))
    hold = np.repeat(walk[-1:], 60, axis=0)
    hold[:, POINTS:, 2] += np.minimum(np.arange(60) / 15, 1)[:, None] * lifted_m
    heights_m = ground_heights_m(np.concatenate([walk, hold]), STILL, FPS)
    np.testing.assert_allclose(heights_m, 0, atol=0.02)


def test_feet_that_hang_stand_on_nothing():
    """Walking, then hanging from a bar with both feet still: the floor stays where it was walked on."""
    walk = steps(np.zeros(6))
    hang = np.repeat(walk[-1:], 90, axis=0)
    hang[:, POINTS:, 0] += hang[0, 0, 0] - hang[0, POINTS, 0]  # feet together
    hang[..., 2] += np.minimum(np.arange(90) / 10, 1)[:, None] * 0.4
    heights_m = ground_heights_m(np.concatenate([walk, hang]), STILL, FPS)
    np.testing.assert_allclose(heights_m, 0, atol=0.08)
    np.testing.assert_allclose(heights_m[-60:], 0, atol=0.01)


def test_a_belt_is_known_and_skating_is_none():
    walk = steps(np.zeros(10))
    t = np.arange(len(walk)) / FPS
    np.testing.assert_array_equal(belt_velocity_m_s(walk, FPS), 0)
    on_belt = walk.copy()
    on_belt[..., 0] -= 0.5 * t[:, None]
    np.testing.assert_allclose(belt_velocity_m_s(on_belt, FPS), [-0.5, 0], atol=0.02)
    np.testing.assert_allclose(ground_heights_m(on_belt, np.array([-0.5, 0]), FPS), 0, atol=0.01)
    circling = walk.copy()
    circling[..., 0] += np.cos(4 * t)[:, None]
    circling[..., 1] += np.sin(4 * t)[:, None]
    np.testing.assert_array_equal(belt_velocity_m_s(circling, FPS), 0)
