"""Errors of a front end's landmarks in one take, arrays in and arrays out: 2D, swaps of left and right, world landmarks.

Definitions. Twelve joints: shoulders, elbows, wrists, hips, knees, ankles; the target is the SMPL-24 joint itself, so what
a front end means by "shoulder" counts. Unit of 2D errors: percent of the stature as it is seen at the pelvis' depth.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from realtime.body.landmarks import LIMB_POINTS
from realtime.body.rotations import from_quat_wxyz
from realtime.body.skeleton import JOINTS, forward_kinematics, offsets_of

from .pairs_reading import Take

_LANDMARK, _JOINT = (list(column) for column in zip(*LIMB_POINTS, strict=True))
LIMBS = tuple(JOINTS[joint] for joint in _JOINT)
#: LIMB_MIRROR[i] is the limb joint on the other side.
LIMB_MIRROR = [
    LIMBS.index({"left": "right", "right": "left"}[side] + "_" + name) for side, name in (n.split("_") for n in LIMBS)
]
ARMS, LEGS = list(range(6)), list(range(6, 12))
_HIPS = [LIMBS.index("left_hip"), LIMBS.index("right_hip")]
#: Sizes are told for a picture of so many lines.
PICTURE_LINES = 480
#: Left and right are exchanged if exchanging them leaves less than this of the mean error, which must be larger than that.
SWAP_LEAVES, SWAP_FROM_PCT = 0.6, 4.0
SWAPS = {"whole_body": [*ARMS, *LEGS], "arms": ARMS, "legs": LEGS}


@dataclass(frozen=True)
class TakeErrors:
    """One take, T frames, 12 limb joints. NaN: nobody detected; in 2D also a joint outside the picture."""

    time_s: np.ndarray  # (T,)
    detected: np.ndarray  # (T,) bool: the person is, not somebody or something else
    elsewhere: np.ndarray  # (T,) bool: a bystander or a thing was taken for the person
    inside: np.ndarray  # (T, 12) bool: the true joint is inside the picture
    seen: np.ndarray  # (T, 12) bool: nothing hides it, by depth buffer
    error_pct: np.ndarray  # (T, 12, 2): right, down
    exchanged_pct: np.ndarray  # (T, 12): distance to the landmark of the other side
    visibility: np.ndarray  # (T, 12): what the front end says
    view_deg: np.ndarray  # (T,): 0 = the pelvis faces the camera, 180 = its back does
    stature_px: np.ndarray  # (T,): seen at the pelvis' depth, in a picture of 480 lines
    world_mm: np.ndarray  # (T, 12, 3): mid-hips aligned, camera axes: right, down, away
    pa_mm: np.ndarray  # (T,): mean joint distance after Procrustes with scale
    rigid_mm: np.ndarray  # (T,): likewise without scale

    @cached_property
    def distance_pct(self) -> np.ndarray:
        """(T, 12) size of the 2D error."""
        return np.linalg.norm(self.error_pct, axis=-1)

    @cached_property
    def mpjpe_mm(self) -> np.ndarray:
        """(T,) mean distance of the world landmarks."""
        return np.linalg.norm(self.world_mm, axis=-1).mean(-1)

    @cached_property
    def whole(self) -> np.ndarray:
        """(T,) all 12 joints are inside the picture."""
        return np.asarray(self.inside.all(1))


def take_errors(take: Take) -> TakeErrors:
    """Errors of one take."""
    row, c = take.row, take.columns
    detected = c["detected"] & c["follows_person"]
    size_px, K_px, stature_m = row["image_size_px"].astype(float), row["K_px"].astype(float), float(row["stature_m"])
    joints_m, R_global = forward_kinematics(
        from_quat_wxyz(c["quat_wxyz"].astype(float)), offsets_of(row["rest_m"].astype(float)), c["pelvis_m"].astype(float)
    )
    R_cam_world = c["R_cam_world"].astype(float)
    joints_cam_m = np.einsum("tij,tkj->tki", R_cam_world, joints_m) + c["t_cam_m"][:, None]
    pelvis_cam_m, limbs_cam_m = joints_cam_m[:, 0], joints_cam_m[:, _JOINT]
    with np.errstate(divide="ignore", invalid="ignore"):
        projected = limbs_cam_m @ K_px.T
        limbs_px = projected[..., :2] / projected[..., 2:]
        pct_per_px = 100 / stature_m * pelvis_cam_m[:, 2, None] * np.linalg.inv(K_px[:2, :2]).diagonal()
    inside = ((limbs_px >= 0) & (limbs_px < size_px)).all(-1) & (limbs_cam_m[..., 2] > 0)
    xy_px = np.where(detected[:, None, None], c["xy_norm"][:, _LANDMARK], np.nan) * size_px
    error_pct = np.where(inside[..., None], (xy_px - limbs_px) * pct_per_px[:, None], np.nan)
    both = inside & inside[:, LIMB_MIRROR]
    exchanged = np.where(both[..., None], (xy_px[:, LIMB_MIRROR] - limbs_px) * pct_per_px[:, None], np.nan)
    landmarks_m = np.where(detected[:, None, None], c["landmarks_m"][:, _LANDMARK], np.nan).astype(float)
    centred = [x - x[:, _HIPS].mean(1, keepdims=True) for x in (landmarks_m, limbs_cam_m)]
    return TakeErrors(
        time_s=c["time_s"],
        detected=detected,
        elsewhere=c["detected"] & ~c["follows_person"],
        inside=inside,
        seen=c["joint_visible"][:, _JOINT],
        error_pct=error_pct,
        exchanged_pct=np.linalg.norm(exchanged, axis=-1),
        visibility=np.where(detected[:, None], c["visibility"][:, _LANDMARK], np.nan),
        view_deg=view_deg(np.einsum("tij,tj->ti", R_cam_world, R_global[:, 0, :, 2]), pelvis_cam_m),
        stature_px=stature_m * K_px[1, 1] / pelvis_cam_m[:, 2] * PICTURE_LINES / size_px[1],
        world_mm=1000 * (centred[0] - centred[1]),
        pa_mm=1000 * _mean_distance(procrustes(*centred), centred[1]),
        rigid_mm=1000 * _mean_distance(procrustes(*centred, scales=False), centred[1]),
    )


def view_deg(facing_cam: np.ndarray, pelvis_cam_m: np.ndarray) -> np.ndarray:
    """Angle (T,) between where the pelvis faces (T, 3) and the line from the pelvis (T, 3) to the camera."""
    to_camera = -pelvis_cam_m / np.linalg.norm(pelvis_cam_m, axis=-1, keepdims=True)
    return np.degrees(np.arccos(np.clip((facing_cam * to_camera).sum(-1), -1, 1)))


def procrustes(points: np.ndarray, target: np.ndarray, *, scales: bool = True) -> np.ndarray:
    """Each of `points` (T, J, 3) rotated, shifted and, if it `scales`, scaled onto `target` at least squares; NaN stays NaN.

    Source: Umeyama 1991. scipy.spatial.procrustes takes one pair at a time and allows reflections.
    """
    out = np.full(np.shape(target), np.nan)
    known = np.isfinite(points).all((1, 2)) & np.isfinite(target).all((1, 2))
    x, y = (a[known] - a[known].mean(1, keepdims=True) for a in (points, target))
    U, S, Vt = np.linalg.svd(np.swapaxes(x, 1, 2) @ y)
    sign = np.ones_like(S)
    sign[:, 2] = np.sign(np.linalg.det(U @ Vt))
    R = (U * sign[:, None]) @ Vt
    size = (S * sign).sum(1) / np.maximum((x**2).sum((1, 2)), 1e-12) if scales else np.ones(len(x))
    out[known] = size[:, None, None] * (x @ R) + target[known].mean(1, keepdims=True)
    return out


def _mean_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=-1).mean(-1)


def swaps(errors: TakeErrors) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of whole body, arms and legs: frames (T,) where left and right are exchanged, and those that can be judged.

    Rule: exchanging the labels leaves less than 60 % of the mean error, which is larger than 4 % of the stature. Judged are
    frames with at least two of three of the pairs in question inside the picture. Arms or legs count where the whole body does not.
    """
    own = np.where(np.isfinite(errors.exchanged_pct), errors.distance_pct, np.nan)
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, limbs in SWAPS.items():
        known = np.isfinite(own[:, limbs])
        count = known.sum(1)
        judged = 3 * count >= 2 * len(limbs)
        error, exchanged = (np.where(known, d[:, limbs], 0).sum(1) / np.maximum(count, 1) for d in (own, errors.exchanged_pct))
        flags = judged & (error > SWAP_FROM_PCT) & (exchanged < SWAP_LEAVES * error)
        if found:
            flags &= ~found["whole_body"][0]
        found[name] = flags, judged
    return found


def best_exchange(errors: TakeErrors) -> np.ndarray:
    """Which of SWAPS, by its index (T,), exchanged leaves the least error: the rule of `swaps` calls arms far apart a whole body."""
    known = np.isfinite(errors.exchanged_pct)
    gain = np.where(known, errors.distance_pct - errors.exchanged_pct, 0)
    return np.stack([gain[:, limbs].sum(1) for limbs in SWAPS.values()], axis=1).argmax(1)


def run_lengths(flags: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True in `flags` (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return edges[1::2] - edges[::2]
