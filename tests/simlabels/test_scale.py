"""Scaling the body to a person, by laws that hold for any: mass, size, and both together."""

import numpy as np
import pytest

from simlabels.contact import sole_points
from simlabels.dynamics import Motion, inverse_dynamics
from simlabels.label import label_clip
from simlabels.musculo.model import GENERIC_MASS_KG
from simlabels.musculo.scale import SEGMENTS, estimated_mass_kg, scale_body

from .test_paths import any_poses

FRAMES = 30
ANGLES = slice(3, None)


def any_motion(body, rng):
    velocity, acceleration = rng.normal(0, 3, (FRAMES, 37)), rng.normal(0, 20, (FRAMES, 37))
    return Motion(any_poses(body, rng, FRAMES), velocity, acceleration, 60.0)


def as_large(k: float) -> dict[str, float]:
    return dict.fromkeys((*SEGMENTS, "trunk"), k)


def mechanics(body, motion, factor, mass_kg):
    scale_body(body, as_large(factor), mass_kg)
    return inverse_dynamics(body, motion, sole_points(body))


def test_twice_the_mass_takes_twice_the_torques(body, rng):
    motion = any_motion(body, rng)
    single, double = (mechanics(body, motion, 1.05, mass_kg).force for mass_kg in (70.0, 140.0))
    np.testing.assert_allclose(double, 2 * single, rtol=1e-9, atol=1e-9 * np.abs(single).max())


def test_twice_the_mass_takes_twice_the_ground(the_body, motion):
    """The whole chain: the same motion gives the same forces in body weights, and twice the joint torques."""
    single, double = (label_clip(the_body, motion, mass_kg=mass_kg).frames for mass_kg in (60.0, 120.0))
    np.testing.assert_allclose(double["grf_BW"], single["grf_BW"], atol=1e-6)
    np.testing.assert_allclose(double["tau_Nm"], 2 * single["tau_Nm"], atol=1e-4)


@pytest.mark.parametrize("k", [0.8, 1.2])
def test_a_similar_person_in_stretched_time_has_the_same_forces_in_body_weights(body, rng, k):
    """Froude: k times as long, k^3 times as heavy, slower by sqrt(k): forces in m g, moments in m g k."""
    motion, mass_kg = any_motion(body, rng), 70.0
    small = mechanics(body, motion, 1.0, mass_kg)
    q, velocity, acceleration = motion.q.copy(), motion.velocity.copy(), motion.acceleration.copy()
    q[:, :3] *= k
    velocity[:, :3] *= np.sqrt(k)
    velocity[:, ANGLES] /= np.sqrt(k)
    acceleration[:, ANGLES] /= k
    large = mechanics(body, Motion(q, velocity, acceleration, motion.fps / np.sqrt(k)), k, k**3 * mass_kg)
    scale = np.abs(small.force).max()
    np.testing.assert_allclose(large.force[:, :3] / k**3, small.force[:, :3], atol=1e-9 * scale)
    np.testing.assert_allclose(large.force[:, ANGLES] / k**4, small.force[:, ANGLES], atol=1e-9 * scale)
    np.testing.assert_allclose(large.length_m, k * small.length_m, rtol=1e-9)
    np.testing.assert_allclose(large.moment_arm_m, k * small.moment_arm_m, atol=1e-9)
    np.testing.assert_allclose(large.sole_m, k * small.sole_m, atol=1e-9)


def test_fibres_and_tendons_keep_their_ratio_and_strength_goes_with_mass_to_two_thirds(body):
    generic, length_m = body.muscles, body.muscle_lengths_m()
    scale_body(body, {"femur": 1.1, "tibia": 0.95, "trunk": 1.04, "humerus": 1.08}, 90.0)
    ratio = body.muscle_lengths_m() / length_m
    assert ratio.min() < 0.97 < 1.07 < ratio.max()
    np.testing.assert_allclose(body.muscles.optimal_fibre_m, ratio * generic.optimal_fibre_m, rtol=1e-9)
    np.testing.assert_allclose(body.muscles.tendon_slack_m, ratio * generic.tendon_slack_m, rtol=1e-9)
    strength = (90.0 / GENERIC_MASS_KG) ** (2 / 3)
    np.testing.assert_allclose(body.muscles.fmax_N, strength * generic.fmax_N, rtol=1e-6)
    np.testing.assert_array_equal(body.muscles.pennation_rad, generic.pennation_rad)


def test_an_unknown_mass_goes_with_the_leg_squared():
    assert estimated_mass_kg({"femur": 1.0, "tibia": 1.0}) == pytest.approx(75.337, abs=0.01)
    assert estimated_mass_kg({"femur": 1.15, "tibia": 1.05}) == pytest.approx(75.337 * 1.21, abs=0.01)
