"""Inverse dynamics of a clip: low-pass, derivatives, generalised forces, muscle paths, in the body's 37 coordinates.

World here: MuJoCo's, Z up, metres, newtons.
"""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass

import mujoco
import numpy as np
from numba import njit

from .musculo.body import ROOT_DOFS, Body

CUTOFF_HZ = 6.0  # walking; -3 dB after both passes
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


@njit(cache=True)
def _reduce(force, driver, slope, out):
    """Generalised forces (nv,) to the independent coordinates, by virtual work."""
    out[:] = 0
    for v in range(force.size):
        if driver[v] >= 0:
            out[driver[v]] += force[v] * slope[v]


@njit(cache=True)
def _reduce_rows(J, driver, slope, out):
    for i in range(J.shape[0]):
        _reduce(J[i], driver, slope, out[i])


@njit(cache=True)
def _pack_arms(ten_J, dofs, slope, out):
    """MuJoCo's +dL/dq by tendon to our moment arms -dL/dq by muscle: the one place where the sign turns."""
    out[:] = 0
    for e in range(dofs.entry.size):
        out[dofs.entry_muscle[e], dofs.entry_slot[e]] -= ten_J[dofs.entry[e]] * slope[dofs.entry_dof[e]]


def inverse_dynamics(body: Body, motion: Motion, sole: list[tuple[int, np.ndarray]]) -> Mechanics:
    """Forces, muscle paths and the sole points (model body, place in it in metres) of every frame."""
    m, d, T, n = body.model, body.data, len(motion.q), body.dofs
    driver, dofs = body.dof_driver, body.muscle_dofs
    qpos, qvel, qacc, slope = _full_motion(body, motion)
    feet = [m.body("calcn_l").id, m.body("calcn_r").id]
    shown = np.array(sorted({1, *feet, *(b for b, _ in sole)}))
    force, com = np.zeros((T, n)), np.zeros((T, 3))
    xpos, xmat = np.zeros((T, len(shown), 3)), np.zeros((T, len(shown), 9))
    jacobian, J = np.zeros((T, 12, n)), np.zeros((12, m.nv))
    tendon_m, arm = np.zeros((T, m.ntendon)), np.zeros((T, m.nu, dofs.joint.shape[1]))
    full_force = np.zeros(m.nv)
    for t in range(T):
        d.qpos[:], d.qvel[:], d.qacc[:] = qpos[t], qvel[t], qacc[t]
        mujoco.mj_kinematics(m, d)
        mujoco.mj_comPos(m, d)
        mujoco.mj_comVel(m, d)
        mujoco.mj_rne(m, d, 1, full_force)
        _reduce(full_force, driver, slope[t], force[t])
        xpos[t], xmat[t], com[t] = d.xpos[shown], d.xmat[shown], d.subtree_com[1]
        mujoco.mj_jacBody(m, d, J[:3], J[3:6], feet[0])
        mujoco.mj_jacBody(m, d, J[6:9], J[9:], feet[1])
        _reduce_rows(J, driver, slope[t], jacobian[t])
        mujoco.mj_tendon(m, d)
        tendon_m[t] = d.ten_length
        _pack_arms(d.ten_J, dofs, slope[t], arm[t])
    place = {int(b): i for i, b in enumerate(shown)}
    R = xmat.reshape(T, -1, 3, 3)
    at = [place[b] for b, _ in sole]
    return Mechanics(
        force=force,
        root_m=xpos[:, place[1]],
        R_world_root=R[:, place[1]],
        com_m=com,
        foot_m=xpos[:, [place[f] for f in feet]],
        foot_jacobian=jacobian.reshape(T, 2, 6, n),
        sole_m=xpos[:, at] + (R[:, at] @ np.array([p for _, p in sole])[:, :, None])[..., 0],
        length_m=tendon_m[:, body.tendon],
        speed_m_s=-(arm * motion.velocity[:, ROOT_DOFS:][:, dofs.joint]).sum(-1),
        moment_arm_m=arm,
    )


def _full_motion(body: Body, motion: Motion) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """MuJoCo's qpos, qvel, qacc and the couplings' slopes; acceleration carries the couplings' curvature."""
    slope, curvature = body.coupling_slopes(motion.q)
    driver = body.dof_driver
    v = np.where(driver >= 0, motion.velocity[:, driver], 0)
    a = np.where(driver >= 0, motion.acceleration[:, driver], 0)
    return body.full_positions(motion.q), slope * v, slope * a + curvature * v**2, slope
