"""Inverse dynamics of a clip: low-pass, derivatives, generalised forces, muscle paths, in the body's 37 coordinates.

World here: MuJoCo's, Z up, metres, newtons.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from .choices import CUTOFF_HZ
from .musculo.body import ROOT_DOFS, Body
from .musculo.chain import build_chain, empty_state, place
from .musculo.newton_euler import empty_sweep, generalised_forces, jacobian
from .musculo.paths import build_paths, empty_room, lengths_and_arms
from .musculo.vectors import plus, put, rotated, row

#: A filter run forward and backward has -6 dB at its cutoff; dividing the cutoff by this restores -3 dB (Winter 2009).
_TWO_PASSES = 0.802
_PADDING_S = 1.5


@dataclass(frozen=True)
class Motion:
    """A clip with its derivatives. Root turn rates are in the body's own frame, as MuJoCo has them."""

    q: np.ndarray  # (T, 38)
    velocity: np.ndarray  # (T, 37)
    acceleration: np.ndarray  # (T, 37)
    fps: float


@dataclass(frozen=True)
class Mechanics:
    """What the motion needs and where everything is, without the ground."""

    force: np.ndarray  # (T, 37): generalised forces of inverse dynamics; [:3] world N, [3:6] N m in the root's frame, then N m
    root_m: np.ndarray  # (T, 3)
    R_world_root: np.ndarray  # (T, 3, 3)
    com_m: np.ndarray  # (T, 3)
    foot_m: np.ndarray  # (T, 2, 3): origin of the left and right calcaneus
    foot_jacobian: np.ndarray  # (T, 2, 6, 37): linear, then angular velocity of the calcaneus
    sole_m: np.ndarray  # (T, K, 3): contact points
    length_m: np.ndarray  # (T, 354)
    speed_m_s: np.ndarray  # (T, 354)
    moment_arm_m: np.ndarray  # (T, 354, 5): -dL/dq, packed as `Body.muscle_dofs` says

    @property
    def root_wrench(self) -> np.ndarray:
        """Force and moment about the root (T, 6) that the world must give, world axes."""
        moment = (self.R_world_root @ self.force[:, 3:6, None])[..., 0]
        return np.concatenate([self.force[:, :3], moment], axis=1)


def low_pass(x: np.ndarray, fps: float, cutoff_Hz: float | None = CUTOFF_HZ) -> np.ndarray:
    """Zero-phase Butterworth low-pass of fourth order along the first axis; None or a cutoff near Nyquist leaves x as it is."""
    from scipy.signal import butter, filtfilt

    if cutoff_Hz is None or cutoff_Hz >= 0.45 * fps:
        return x
    b, a = butter(2, cutoff_Hz / (fps / 2) / _TWO_PASSES)  # pyright: ignore[reportAssignmentType, reportGeneralTypeIssues]
    return filtfilt(b, a, x, axis=0, padlen=min(len(x) - 1, int(_PADDING_S * fps)))


def derivatives(q: np.ndarray, fps: float, cutoff_Hz: float | None = CUTOFF_HZ) -> Motion:
    """Filtered positions, velocities and accelerations of reduced positions (T, 38), by central differences."""
    q = q.copy()
    flips = np.sign((q[1:, 3:7] * q[:-1, 3:7]).sum(1))
    q[1:, 3:7] *= np.cumprod(np.where(flips < 0, -1, 1))[:, None]
    q = low_pass(q, fps, cutoff_Hz)
    q[:, 3:7] /= np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
    rate = np.gradient(q, 1 / fps, axis=0, edge_order=2)
    w, x, y, z = q[:, 3:7].T
    dw, dx, dy, dz = rate[:, 3:7].T
    turn = [w * dx - x * dw - y * dz + z * dy, w * dy + x * dz - y * dw - z * dx, w * dz - x * dy + y * dx - z * dw]
    velocity = np.concatenate([rate[:, :3], 2 * np.stack(turn, axis=1), rate[:, 7:]], axis=1)
    return Motion(q, velocity, np.gradient(velocity, 1 / fps, axis=0, edge_order=2), fps)


def inverse_dynamics(body: Body, motion: Motion, sole: list[tuple[int, np.ndarray]]) -> Mechanics:
    """Forces, muscle paths and the sole points (model body, place in it in metres) of every frame."""
    m, T, n, joint = body.model, len(motion.q), body.dofs, body.muscle_dofs.joint
    chain = build_chain(body)
    paths = build_paths(body, chain)
    feet = chain.segment[[m.body("calcn_l").id, m.body("calcn_r").id]]
    carrier = np.array([b for b, _ in sole])
    places_m = chain.weld_m[carrier] + (chain.R_weld[carrier] @ np.array([p for _, p in sole])[:, :, None])[..., 0]
    out = Mechanics(
        force=np.zeros((T, n)),
        root_m=np.zeros((T, 3)),
        R_world_root=np.zeros((T, 3, 3)),
        com_m=np.zeros((T, 3)),
        foot_m=np.zeros((T, 2, 3)),
        foot_jacobian=np.zeros((T, 2, 6, n)),
        sole_m=np.zeros((T, len(sole), 3)),
        length_m=np.zeros((T, m.nu)),
        speed_m_s=np.zeros((T, m.nu)),
        moment_arm_m=np.zeros((T, m.nu, joint.shape[1])),
    )
    q, velocity, acceleration = (np.ascontiguousarray(x, float) for x in (motion.q, motion.velocity, motion.acceleration))
    results = (out.force, out.root_m, out.R_world_root, out.com_m, out.foot_m, out.foot_jacobian, out.sole_m)
    muscles = (out.length_m, out.speed_m_s, out.moment_arm_m)
    sole_segment, gravity_m_s2 = chain.segment[carrier], m.opt.gravity.copy()
    _clip(q, velocity, acceleration, gravity_m_s2, chain, paths, feet, sole_segment, places_m, joint, results, muscles)
    return out


@njit(cache=True)
def _clip(q, velocity, acceleration, gravity_m_s2, chain, paths, feet, sole_segment, sole_place_m, joint, results, muscles):
    """Fills the arrays of a `Mechanics`, frame by frame."""
    force, root_m, R_world_root, com_m, foot_m, foot_jacobian, sole_m = results
    length_m, speed_m_s, moment_arm_m = muscles
    state, sweep, room = empty_state(chain), empty_sweep(chain), empty_room(paths)
    for t in range(q.shape[0]):
        place(q[t], chain, state)
        root_m[t], R_world_root[t] = state.P_m[0], state.R[0]
        generalised_forces(velocity[t], acceleration[t], gravity_m_s2, chain, state, sweep, force[t], com_m[t])
        for i in range(feet.size):
            foot_m[t, i] = state.P_m[feet[i]]
            jacobian(feet[i], chain, state, foot_jacobian[t, i])
        for i in range(sole_segment.size):
            s = sole_segment[i]
            put(sole_m[t], i, plus(row(state.P_m, s), rotated(state.R, s, row(sole_place_m, i))))
        lengths_and_arms(state, paths, room, length_m[t], moment_arm_m[t])
        for i in range(joint.shape[0]):
            for k in range(joint.shape[1]):
                speed_m_s[t, i] -= moment_arm_m[t, i, k] * velocity[t, ROOT_DOFS + joint[i, k]]
