"""One clip through the whole chain: SMPL-24 motion to forces, activations and the verdict which frames hold.

Inside, the world is MuJoCo's (Z up); what comes out is the dataset's (Y up, floor at y = 0).
"""

from dataclasses import dataclass
from time import process_time

import numpy as np

from realtime.body.dataset import REJECT_REASONS
from realtime.body.errors import InputError
from realtime.body.rotations import to_quat_wxyz

from .anatomy import feet_turned_over
from .choices import DEFAULT, Choices, RejectAbove
from .contact import LOADED_BW, Ground, contact_states, ground_forces, pressure_centres_m, pushes_N, sole_points
from .dynamics import Mechanics, Motion, derivatives, inverse_dynamics
from .elsewhere import PARTS, carried_by
from .ik import inverse_kinematics
from .musculo.body import ROOT_DOFS, Body
from .musculo.scale import estimated_mass_kg, scale_body, segment_factors
from .optimise import Activations, solve_activations
from .readers.retarget import SmplMotion

#: MuJoCo's axes from ours: (x, y, z) -> (x, -z, y).
R_MJ_WORLD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
FEWEST_FRAMES = 12
SMOOTH_WINDOW, SMOOTH_ORDER, SMOOTH_FPS = 11, 2, 30

#: Filters and smoothing smear a bad frame over this many on either side, at 30 frames a second.
SMEARED_FRAMES = 6
#: At a hanging arm no muscle moves this coordinate; its reserve takes a tiny moment and says nothing.
SINGULAR_JOINT = "elv_angle"


@dataclass(frozen=True, kw_only=True)
class Labels:
    """One labelled clip."""

    frames: dict[str, np.ndarray]  # columns of LABEL_FRAMES, all but clip and frame
    own_reject: np.ndarray  # (T,) uint8: bits of REJECT_REASONS by the frame's own criteria
    carried_by: dict[str, int]  # part of the body (elsewhere.PARTS) -> rejected frames that it would explain
    stature_m: float
    mass_kg: float
    seconds: dict[str, float]  # CPU time of each stage


def label_clip(
    body: Body,
    motion: SmplMotion,
    *,
    contact_elsewhere: bool = False,
    mass_kg: float | None = None,
    choices: Choices = DEFAULT,
) -> Labels:
    """Labels of a clip whose floor is at y = 0; `body` is scaled to the person and left so.

    Args:
        contact_elsewhere: hands, a seat or the like carry weight: the pose is kept, the dynamics are rejected.
        mass_kg: None = estimated from the stature.

    Raises:
        InputError: the clip is too short.
    """
    if len(motion.pelvis_m) < FEWEST_FRAMES:
        raise InputError(f"the clip has {len(motion.pelvis_m)} frames, at least {FEWEST_FRAMES} are needed")
    clock = _Clock()
    joints_mj, R_mj = ik_targets(motion)
    factors = segment_factors(body, joints_mj)
    mass_kg = mass_kg or estimated_mass_kg(factors)
    scale_body(body, factors, mass_kg)
    clock.lap("scale")
    kinematics = inverse_kinematics(body, joints_mj, R_mj)
    clock.lap("ik")
    state = solve_clip(body, kinematics.q, motion.fps, choices=choices, clock=clock)
    own, elsewhere, frames = label_columns(body, motion, state, kinematics.rms_m, contact_elsewhere, choices)
    clock.lap("columns")
    return Labels(
        frames=frames, own_reject=own, carried_by=elsewhere, stature_m=motion.stature_m, mass_kg=mass_kg, seconds=clock.seconds
    )


def ik_targets(motion: SmplMotion) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, 24, 3) and rotations (T, 24, 3, 3) that the body is to meet, MuJoCo's world."""
    joints_m, R_global = motion.forward()
    # Pelvis and chest only: foot rotations of the BVH skeleton have a splayed rest pose.
    R_mj = np.full_like(R_global, np.nan)
    R_mj[:, [0, 9]] = R_MJ_WORLD @ R_global[:, [0, 9]]
    return joints_m @ R_MJ_WORLD.T, R_mj


@dataclass(frozen=True)
class ClipState:
    """What the simulation knows of a clip, MuJoCo's world."""

    motion: Motion
    mechanics: Mechanics
    ground: Ground
    force: np.ndarray  # (T, 37): generalised forces with the ground's taken off; [:6] is the residual
    activations: Activations
    plates: np.ndarray | None = None  # (T, 2, 6): measured force and moment about the world's origin under each foot


def solve_clip(
    body: Body,
    q: np.ndarray,
    fps: float,
    *,
    foot_wrench: np.ndarray | None = None,
    floor_m: float | None = None,
    choices: Choices = DEFAULT,
    clock: "_Clock | None" = None,
) -> ClipState:
    """Dynamics and activations of reduced positions (T, 38).

    Args:
        foot_wrench: measured force and moment about the world's origin under each foot, (T, 2, 6); None = estimated.
        floor_m: height of the floor if it is known better than by the feet.
    """
    clock = clock or _Clock()
    motion = derivatives(q, fps, choices.cutoff_Hz)
    clock.lap("filter")
    mechanics = inverse_dynamics(body, motion, sole_points(body))
    clock.lap("dynamics")
    ground = ground_forces(body, mechanics, fps, floor_m, choices.cutoff_Hz)
    wrench = ground.foot_wrench
    if foot_wrench is not None:
        moment = foot_wrench[..., 3:] - np.cross(mechanics.foot_m, foot_wrench[..., :3])
        wrench = np.concatenate([foot_wrench[..., :3], moment], axis=-1)
    force = mechanics.force - np.einsum("tsk,tskn->tn", wrench, mechanics.foot_jacobian)
    clock.lap("contact")
    dofs = (body.muscle_dofs.count, body.muscle_dofs.joint)
    paths = (mechanics.moment_arm_m, mechanics.length_m, mechanics.speed_m_s)
    activations = solve_activations(force[:, ROOT_DOFS:], *paths, dofs, body.muscles, choices, fps)
    clock.lap("optimise")
    return ClipState(motion, mechanics, ground, force, activations, foot_wrench)


def smooth(activation: np.ndarray, fps: float) -> np.ndarray:
    """Savitzky-Golay over 11 frames of second order at 30 frames a second, clipped to 0..1."""
    from scipy.signal import savgol_filter

    window = round(SMOOTH_WINDOW * fps / SMOOTH_FPS) | 1
    window = min(window, (len(activation) - 1) | 1)
    smoothed: np.ndarray = np.asarray(savgol_filter(activation, window, SMOOTH_ORDER, axis=0))
    return smoothed.clip(0, 1)


def label_columns(
    body: Body,
    motion: SmplMotion,
    state: ClipState,
    ik_rms_m: np.ndarray,
    contact_elsewhere: bool = False,
    choices: Choices = DEFAULT,
) -> tuple[np.ndarray, dict[str, int], dict[str, np.ndarray]]:
    """`Labels.own_reject` and `carried_by`, and the columns of LABEL_FRAMES but clip and frame."""
    misplaced = (ik_rms_m > choices.reject_above.ik_m) | feet_turned_over(motion.R_local)
    own = _own_reject(body, state, misplaced, contact_elsewhere, choices.reject_above)
    elsewhere = _find_elsewhere(body, state, motion.fps, own, choices.reject_above)
    return own, elsewhere, _columns(body, motion, state, ik_rms_m, smeared(own, motion.fps), choices.smooth)


def _own_reject(body: Body, state: ClipState, misplaced: np.ndarray, contact_elsewhere: bool, above: RejectAbove) -> np.ndarray:
    """Bits of REJECT_REASONS (T,); `misplaced`: frames whose kinematics do not hold."""
    named = [i for i, joint in enumerate(body.joints) if not joint.startswith(SINGULAR_JOINT)]
    reserve = np.abs(state.activations.reserve_Nm[:, named]).max(1)
    bad = {
        "ik": misplaced,
        "force": np.linalg.norm(state.force[:, :3], axis=1) > above.force_BW * body.weight_N,
        "moment": np.linalg.norm(state.force[:, 3:6], axis=1) > above.moment_BW_m * body.weight_N,
        "reserve": reserve > above.reserve_Nm_per_kg * body.mass_kg,
        "solver": (state.activations.steps < 0) | (state.ground.steps < 0) | ~np.isfinite(state.force).all(1),
        "contact_elsewhere": np.full(len(misplaced), contact_elsewhere),
    }
    assert tuple(bad) == REJECT_REASONS
    bits = np.zeros(len(misplaced), np.uint8)
    for i, frames in enumerate(bad.values()):
        bits |= frames.astype(np.uint8) << np.uint8(i)
    return bits


def _find_elsewhere(body: Body, state: ClipState, fps: float, own: np.ndarray, above: RejectAbove) -> dict[str, int]:
    """Adds `contact_elsewhere` to the frames of `own` whose residual another part of the body explains; how many by which."""
    residual = np.uint8(1 << REJECT_REASONS.index("force") | 1 << REJECT_REASONS.index("moment"))
    frames = np.flatnonzero(own & residual)
    most_BW = (above.force_BW, above.moment_BW_m)
    parts = carried_by(body, state.motion.q, fps, state.mechanics, state.ground, frames, most_BW)
    own[frames[[bool(part) for part in parts]]] |= np.uint8(1 << REJECT_REASONS.index("contact_elsewhere"))
    return {part: parts.count(part) for part in PARTS if part in parts}


def smeared(bits: np.ndarray, fps: float) -> np.ndarray:
    """Reject bits (T,) with each spread over the frames that filter and smoothing smear it to."""
    reach = round(SMEARED_FRAMES * fps / SMOOTH_FPS)
    out = bits.copy()
    for shift in range(1, min(reach, len(bits) - 1) + 1):
        out[shift:] |= bits[:-shift]
        out[:-shift] |= bits[shift:]
    return out


def _columns(
    body: Body, motion: SmplMotion, state: ClipState, ik_rms_m: np.ndarray, reject: np.ndarray, smoothed: bool
) -> dict[str, np.ndarray]:
    BW = body.weight_N
    root_force = state.force[:, :3] @ R_MJ_WORLD / BW
    root_moment = (state.mechanics.R_world_root @ state.force[:, 3:6, None])[..., 0] @ R_MJ_WORLD / BW
    push_N, cop_m = _on_feet(state, BW)
    raw = state.activations.activation
    return {
        "quat_wxyz": to_quat_wxyz(motion.R_local),
        "pelvis_m": motion.pelvis_m,
        "valid": reject == 0,
        "reject": reject,
        "contact": contact_states(state.ground, BW),
        "grf_BW": push_N @ R_MJ_WORLD / BW,
        "cop_m": np.nan_to_num(cop_m @ R_MJ_WORLD),
        "activation": smooth(raw, motion.fps) if smoothed else raw,
        "activation_raw": raw,
        "tau_Nm": state.force[:, ROOT_DOFS:],
        "reserve_Nm": state.activations.reserve_Nm,
        "residual_BW": np.concatenate([root_force, root_moment], axis=1),
        "ik_rms_m": ik_rms_m,
    }


def _on_feet(state: ClipState, weight_N: float) -> tuple[np.ndarray, np.ndarray]:
    """Force on each foot and its centre of pressure, (T, 2, 3); measured ones where there are plates, at height 0."""
    if state.plates is None:
        return pushes_N(state.ground), pressure_centres_m(state.ground, state.mechanics, weight_N)
    force_N, moment_Nm = state.plates[..., :3], state.plates[..., 3:]
    loaded = force_N[..., 2] > LOADED_BW * weight_N
    vertical = np.where(loaded, force_N[..., 2], np.nan)
    cop_m = np.stack([-moment_Nm[..., 1] / vertical, moment_Nm[..., 0] / vertical, 0 * vertical], axis=-1)
    return np.where(force_N[..., 2:] > 0, force_N, 0), cop_m


class _Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = process_time()

    def lap(self, stage: str) -> None:
        now = process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now
