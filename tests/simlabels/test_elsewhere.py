"""Who sits, kneels or hangs is not taken for standing, and what carries them is found."""

import numpy as np
import pytest

from simlabels.elsewhere import carried_by
from simlabels.label import solve_clip

FORCE_BW, MOMENT_BW_M = 0.2, 0.1


def clip(body, degrees, lift_m=0.0, frames=60):
    """Reduced positions of a pose held still after a second of standing, its lowest sole on the floor, then lifted."""
    q = np.tile(body.standing(), (frames, 1))
    for name, angle in degrees.items():
        for side in ("_r", "_l") if name.endswith("*") else ("",):
            q[:, 7 + body.joints.index(name.rstrip("*").rstrip("_") + side)] = np.radians(angle)
    body.pose(q[0])
    lowest = min(body.data.body(f"{bone}_{side}").xpos[2] for bone in ("calcn", "toes") for side in "rl")
    q[:, 2] += 0.02 - lowest + lift_m
    return q


def verdict(body, q):
    """Whether the frame in the middle is rejected, and what carries it."""
    state = solve_clip(body, q, 30.0)
    t = len(q) // 2
    force = np.linalg.norm(state.force[t, :3]) / body.weight_N
    moment = np.linalg.norm(state.force[t, 3:6]) / body.weight_N
    rejected = force > FORCE_BW or moment > MOMENT_BW_M
    parts = carried_by(body, state.motion.q, 30.0, state.mechanics, state.ground, np.array([t]), (FORCE_BW, MOMENT_BW_M))
    return rejected, parts[0]


SITTING = {"hip_flexion*": 90, "knee_angle*": 90}


def test_sitting_is_not_standing(body):
    rejected, part = verdict(body, clip(body, SITTING))
    assert rejected  # nothing under the feet can hold a seat that is half a metre behind them
    assert part == "seat"


def test_standing_needs_nothing_else(body):
    rejected, _ = verdict(body, clip(body, {}))
    assert not rejected


def test_hanging_is_not_standing(body):
    """After standing on the floor, the person hangs a metre above it, arms up."""
    hang = clip(body, {"shoulder_elv*": 170, "elv_angle*": 80}, lift_m=1.0, frames=90)
    stand = clip(body, {"shoulder_elv*": 170, "elv_angle*": 80}, frames=60)
    walk = stand.copy()
    walk[20:30, 7 + body.joints.index("knee_angle_r")] += 0.9  # each foot is lifted once: the other stands
    walk[20:30, 7 + body.joints.index("hip_flexion_r")] += 0.9
    walk[40:50, 7 + body.joints.index("knee_angle_l")] += 0.9
    walk[40:50, 7 + body.joints.index("hip_flexion_l")] += 0.9
    q = np.concatenate([walk, hang])
    state = solve_clip(body, q, 30.0)
    t = len(q) - 40
    assert state.ground.gate[t].max() < 0.01
    assert np.linalg.norm(state.force[t, :3]) == pytest.approx(body.weight_N, rel=0.05)
    parts = carried_by(body, state.motion.q, 30.0, state.mechanics, state.ground, np.array([t]), (FORCE_BW, MOMENT_BW_M))
    assert parts[0] != ""


def test_a_fall_is_carried_by_nothing(body):
    q = clip(body, {}, lift_m=3.0)
    t = np.arange(len(q)) / 30
    q[:, 2] += -0.5 * 5.0 * t**2  # half of gravity: something slows it, but nothing is still
    q[:, 0] += 2 * t
    state = solve_clip(body, q, 30.0)
    middle = np.array([30])
    assert carried_by(body, state.motion.q, 30.0, state.mechanics, state.ground, middle, (FORCE_BW, MOMENT_BW_M)) == [""]
