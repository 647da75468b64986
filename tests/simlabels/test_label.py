"""The whole chain on motions whose answer is known: standing, falling, knee bends, the mirror; and what is rejected."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.body.dataset import LABEL_FRAMES, REJECT_REASONS
from realtime.body.errors import InputError
from realtime.body.muscles import muscle_mirror, muscle_names
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINT_MIRROR
from simlabels.contact import contact_states, pressure_centres_m, sole_points
from simlabels.dynamics import derivatives, inverse_dynamics, low_pass
from simlabels.label import label_clip, smeared, smooth, solve_clip
from simlabels.musculo.body import GRAVITY_M_S2


def test_standing_still_weighs_one_body(body):
    q = np.tile(body.standing(), (60, 1))
    state = solve_clip(body, q, 30)
    vertical = state.ground.foot_wrench[30, :, 2] / body.weight_N
    assert vertical.sum() == pytest.approx(1.0, abs=0.005)
    assert vertical[0] == pytest.approx(vertical[1], abs=0.005)
    np.testing.assert_allclose(contact_states(state.ground, body.weight_N)[30], 1, atol=0.1)
    cop = pressure_centres_m(state.ground, state.mechanics, body.weight_N)[30]
    np.testing.assert_allclose(cop.mean(0)[:2], state.mechanics.com_m[30, :2], atol=0.02)  # what the root's compliance allows
    assert state.activations.activation[30].mean() < 0.05


def test_free_fall_needs_no_force(body):
    t = np.arange(60) / 60
    q = np.tile(body.standing(), (60, 1))
    q[:, 2] = 20 - 0.5 * GRAVITY_M_S2 * t**2
    motion = derivatives(q, 60, cutoff_Hz=None)
    force = inverse_dynamics(body, motion, sole_points(body)).force
    assert np.abs(force[10:50]).max() < 1e-6
    at_rest = inverse_dynamics(body, derivatives(np.tile(q[:1], (60, 1)), 60, None), sole_points(body)).force
    assert np.linalg.norm(at_rest[30, :3]) == pytest.approx(body.weight_N)


def test_no_ground_in_flight(body):
    t = np.arange(45) / 30
    q = np.tile(body.standing(), (45, 1))
    q[:, 2] += np.where((t > 0.5) & (t < 1.0), 0.5 * GRAVITY_M_S2 * (t - 0.5) * (1.0 - t), 0)
    state = solve_clip(body, q, 30)
    top = np.argmin(np.abs(t - 0.75))
    assert contact_states(state.ground, body.weight_N)[top].max() < 0.05
    assert state.ground.gate[top].max() < 1e-3
    assert np.isnan(pressure_centres_m(state.ground, state.mechanics, body.weight_N)[top]).all()


def test_a_treadmill_changes_nothing(body):
    """The same steps on firm ground and on a belt: velocities differ by a constant, forces do not."""
    t = np.arange(90) / 30
    q = np.tile(body.standing(), (90, 1))
    for side, sign in (("r", 1), ("l", -1)):  # knee bends to the left and to the right
        bend = 0.3 * np.sin(2 * np.pi * 0.5 * t) ** 2
        for name, share in (("hip_flexion", 1), ("knee_angle", 2), ("ankle_angle", 1)):
            q[:, 7 + body.joints.index(f"{name}_{side}")] += share * bend
        q[:, 7 + body.joints.index("lat_bending")] += 0.05 * sign
    q[:, 2] -= 0.45 * (1 - np.cos(0.3 * np.sin(2 * np.pi * 0.5 * t) ** 2)) * 2
    on_belt = q.copy()
    on_belt[:, :2] += t[:, None] * [-1.2, 0.3]
    firm, belt = solve_clip(body, q, 30).ground, solve_clip(body, on_belt, 30).ground
    np.testing.assert_array_equal(firm.belt_m_s, 0)
    np.testing.assert_allclose(belt.belt_m_s, [-1.2, 0.3], atol=0.05)
    np.testing.assert_allclose(belt.foot_wrench, firm.foot_wrench, atol=0.03 * body.weight_N)


def test_filter_is_3_dB_down_at_its_cutoff():
    t = np.arange(3000) / 100
    for Hz, gain in ((1.0, 1.0), (6.0, 2**-0.5), (20.0, 0.0)):
        y = low_pass(np.sin(2 * np.pi * Hz * t), 100, 6.0)[1000:2000]
        assert np.sqrt(2 * (y**2).mean()) == pytest.approx(gain, abs=0.02), Hz


def test_knee_bends_are_labelled(labels, motion):
    f = labels.frames
    assert {"clip", "frame", *f} == set(LABEL_FRAMES)
    assert f["valid"].all()
    assert f["grf_BW"][:, :, 1].sum(1).mean() == pytest.approx(1.0, abs=0.02)
    assert f["contact"].min() > 0.3
    np.testing.assert_allclose(np.linalg.norm(f["quat_wxyz"], axis=-1), 1)
    # the centre of pressure lies under the feet: between heel and toes, near the floor
    assert np.abs(f["cop_m"][..., 1]).max() < 0.03
    joints_m, _ = motion.forward()
    cop_z, heel_z, toe_z = f["cop_m"][..., 2], joints_m[:, [7, 8], 2].min(), joints_m[:, [10, 11], 2].max()
    assert heel_z - 0.1 < cop_z.min() < cop_z.max() < toe_z + 0.1
    # deep in the bend the vasti and the soleus hold the knee and the ankle
    deep, upright = 30, 0
    for muscle in ("vaslat_r", "vasmed_l", "vasint_r"):
        i = muscle_names().index(muscle)
        assert f["activation"][deep, i] > f["activation"][upright, i] + 0.03, muscle


def test_turning_the_world_changes_nothing_inside(the_body, labels, motion):
    turn = from_axis_angle(np.array([0, 2.0, 0]))
    R = motion.R_local.copy()
    R[:, 0] = turn @ R[:, 0]
    turned = label_clip(the_body, replace(motion, R_local=R, pelvis_m=motion.pelvis_m @ turn.T))
    np.testing.assert_allclose(turned.frames["grf_BW"], labels.frames["grf_BW"] @ turn.T, atol=1e-4)
    np.testing.assert_allclose(turned.frames["activation"], labels.frames["activation"], atol=1e-3)
    np.testing.assert_allclose(turned.frames["tau_Nm"], labels.frames["tau_Nm"], atol=0.05)


def test_the_mirrored_motion_has_mirrored_labels(the_body, labels, motion):
    S = np.diag([-1.0, 1, 1])
    R = S @ motion.R_local[:, list(JOINT_MIRROR)] @ S
    mirrored = label_clip(the_body, replace(motion, R_local=R, pelvis_m=motion.pelvis_m @ S))
    back = mirrored.frames["activation"][:, list(muscle_mirror())]
    assert np.abs(labels.frames["activation"] - mirrored.frames["activation"]).mean() > 0.003  # the motion is not symmetric
    assert np.abs(back - labels.frames["activation"]).mean() < 0.002
    np.testing.assert_allclose(mirrored.frames["grf_BW"][:, ::-1] @ S, labels.frames["grf_BW"], atol=0.004)
    np.testing.assert_allclose(mirrored.frames["contact"][:, [2, 3, 0, 1]], labels.frames["contact"], atol=0.05)


def in_circles(motion, speed_m_s):
    """The motion with feet that skate, so on no treadmill."""
    t = 2 * speed_m_s * np.arange(len(motion.pelvis_m)) / 30
    circle = 0.5 * np.stack([np.cos(t), 0 * t, np.sin(t)], axis=1)
    return replace(motion, pelvis_m=motion.pelvis_m + circle)


def test_a_floating_person_is_rejected_for_the_force(the_body, motion):
    """Feet that skate faster than anybody slides: nothing may carry."""
    skating = label_clip(the_body, in_circles(motion, 3.5))
    assert (skating.own_reject & (1 << REJECT_REASONS.index("force")) > 0).all()
    assert not skating.frames["valid"].any()


def test_feet_that_slide_carry(the_body, motion):
    """Faster than a foot that rests, slower than a fall: what no resting point can carry, sliding ones do."""
    sliding = label_clip(the_body, in_circles(motion, 0.9))
    middle = slice(10, -10)
    assert (sliding.own_reject[middle] == 0).mean() > 0.95
    vertical = sliding.frames["grf_BW"][middle, :, 1].sum(1)
    np.testing.assert_allclose(vertical, 1.0, atol=0.2)


def test_contact_elsewhere_keeps_the_pose_only(the_body, labels, motion):
    seated = label_clip(the_body, motion, contact_elsewhere=True)
    assert (seated.frames["reject"] == 1 << REJECT_REASONS.index("contact_elsewhere")).all()
    assert not seated.frames["valid"].any()
    np.testing.assert_array_equal(seated.frames["quat_wxyz"], labels.frames["quat_wxyz"])


def test_one_bad_frame_takes_its_neighbours(the_body, motion):
    R = motion.R_local.copy()
    R[60, 1] = R[60, 1] @ from_axis_angle(np.array([2.0, 0, 0]))  # a thigh that flips for one frame
    flipped = label_clip(the_body, replace(motion, R_local=R))
    own, valid = flipped.own_reject > 0, flipped.frames["valid"]
    assert own[60]
    assert not valid[54:67].any()
    np.testing.assert_array_equal(flipped.frames["reject"], smeared(flipped.own_reject, 30))
    assert valid[:30].all()


def test_smearing():
    bits = np.zeros(30, np.uint8)
    bits[10], bits[14], bits[29] = 1, 4, 2
    out = smeared(bits, 30)
    assert out[3] == 0
    assert out[4] == 1
    assert out[8] == 5
    assert out[20] == 4
    assert (out[23:] == 2).all()
    assert (smeared(bits, 60)[:23] != 0).all()
    assert (bits > 0).sum() == 3  # the argument is left alone


def test_smoothing_keeps_parabolas_and_bounds():
    t = np.linspace(-1, 1, 41)[:, None]
    np.testing.assert_allclose(smooth(0.2 + 0.3 * t**2, 30), 0.2 + 0.3 * t**2, atol=1e-12)
    noisy = smooth(np.random.default_rng(0).uniform(-0.2, 1.2, (100, 5)), 30)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert smooth(np.ones((12, 3)), 120).shape == (12, 3)


def test_a_short_clip_is_refused(the_body, motion):
    short = replace(motion, R_local=motion.R_local[:8], pelvis_m=motion.pelvis_m[:8])
    with pytest.raises(InputError, match="8 frames, at least 12"):
        label_clip(the_body, short)
