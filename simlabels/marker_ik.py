"""Inverse kinematics from skin markers whose places on the person's body are known. World: MuJoCo's, Z up, metres."""

from collections.abc import Mapping, Sequence

import numpy as np

from realtime.body.errors import InputError

from .ik import Kinematics
from .ik_solver import Limits, Targets, solve
from .ik_tree import build_tree
from .musculo.body import Body


def marker_inverse_kinematics(
    body: Body,
    segments: Sequence[str],
    place_m: np.ndarray,
    marker_m: np.ndarray,
    weight: np.ndarray,
    *,
    R_world_segment: Mapping[str, np.ndarray] | None = None,
    rotation_weight: float = 0.0,
    still: tuple[str, ...] = (),
) -> Kinematics:
    """Reduced positions that bring markers at `place_m` (M, 3) of their segments onto the measured ones (T, M, 3).

    Args:
        segments: model body of each marker.
        marker_m: NaN = absent.
        weight: (M,).
        R_world_segment: rotations (3, 3) that segments should have in every frame, at `rotation_weight` metres a radian.
        still: joints, by the beginning of their names, that stay at zero.

    Raises:
        InputError: fewer than three markers of the pelvis in every frame.
    """
    turned = dict(R_world_segment or {})
    tree, at = build_tree(body, [*segments, *turned])
    R = np.array(list(turned.values())).reshape(1, -1, 3, 3)
    targets = Targets(
        point_m=np.ascontiguousarray(marker_m, dtype=float),
        R_segment=np.repeat(R, len(marker_m), axis=0),
        offset_m=np.ascontiguousarray(place_m),
        point_weight=np.ascontiguousarray(weight, dtype=float),
        rotation_weight=np.full(len(turned), rotation_weight),
        point_body=at[: len(segments)],
        rotation_body=at[len(segments) :],
    )
    moves = np.array([not (still and joint.startswith(still)) for joint in body.joints])
    lower, upper = np.where(moves, body.lower_rad, 0.0), np.where(moves, body.upper_rad, 0.0)
    neutral = np.clip(0.0, lower, upper)
    q0 = np.concatenate([_first_root(body, segments, place_m, marker_m), neutral])
    return Kinematics(*solve(targets, Limits(lower, upper, neutral), q0, tree))


def _first_root(body: Body, segments: Sequence[str], place_m: np.ndarray, marker_m: np.ndarray) -> np.ndarray:
    """Root (7,) that brings the pelvis's markers onto theirs (Kabsch 1976) in the first frame that shows three of them."""
    on = np.array([i for i, segment in enumerate(segments) if segment == "pelvis"], int)
    seen = np.asarray(np.isfinite(marker_m[:, on]).all(-1))
    frames = np.flatnonzero(seen.sum(1) >= 3)
    if not len(frames):
        raise InputError("no frame shows three markers of the pelvis; its place cannot be told")
    here = on[seen[frames[0]]]
    a, b = place_m[here], marker_m[frames[0], here]
    U, _, Vt = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
    R_world_pelvis = (U @ np.diag([1, 1, np.sign(np.linalg.det(U @ Vt))]) @ Vt).T
    return body.root_under(b.mean(0) - R_world_pelvis @ a.mean(0), R_world_pelvis)
