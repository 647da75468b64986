"""The error bank: what the front end gets wrong on each rendered take, in units that carry over to other motion.

Of its 3D landmarks three fifths of the squared error along the line of sight is a linear function of the pose: it makes depth
shallow. That part belongs to whatever motion is shown; only the rest belongs to the take.
"""

from dataclasses import dataclass

import torch

from realtime.body.landmarks import LANDMARK_COUNT

from ..nets.geometry import (
    LANDMARK_POSITION,
    LANDMARK_ROTATION,
    aim_camera,
    global_from_local,
    joints_from_global,
    landmarks_from_body,
    person_box,
)
from .takes import Take

Tensor = torch.Tensor


@dataclass(frozen=True, kw_only=True)
class TakeErrors:
    """Front-end error of one take against the landmarks that BlazePose means."""

    image_box: Tensor  # (T, 33, 2), ray units divided by the person's box size
    landmarks_m: Tensor  # (T, 33, 3), beyond the front end's response to the pose; axes of a camera aimed at the pelvis


def body_of(take: Take) -> tuple[Tensor, Tensor]:
    """Joints about the pelvis (T, 24, 3) and global rotations (T, 24, 3, 3) of a take, camera axes."""
    G = global_from_local(take.R_local)
    return joints_from_global(G, take.offsets_m.expand(len(take), -1, -1)), G


def fit_carried_offsets(takes: list[Take]) -> Tensor:
    """Where each BlazePose landmark rides in its joint's frame at a stature of 1.70 m, (33, 3).

    Linear least squares on reprojection: the part of (joint + G offset + root) across the observed ray is zero. Weights: visible
    landmarks, without outliers beyond 0.25 m. Fit on the takes given: training takes only.
    """
    A, b = torch.zeros(LANDMARK_COUNT, 3, 3), torch.zeros(LANDMARK_COUNT, 3)
    for take in takes:
        joints, G = body_of(take)
        p = (joints + take.root_m[:, None])[:, LANDMARK_POSITION]
        M = G[:, LANDMARK_ROTATION] * take.size
        d = torch.cat([take.ray, torch.ones_like(take.ray[..., :1])], -1)
        across = torch.eye(3) - d[..., :, None] * d[..., None, :] / (d * d).sum(-1)[..., None, None]
        miss = (across @ p[..., None])[..., 0]
        w = (take.visibility > 0.6) * take.detected[:, None] * (miss.norm(dim=-1) < 0.25)
        SM = across @ M
        A += torch.einsum("tl,tlab,tlac->lbc", w, SM, SM)
        b -= torch.einsum("tl,tlab,tla->lb", w, SM, miss)
    ridge = 1e-3 * A.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None] + 1e-6
    return torch.linalg.solve(A + ridge * torch.eye(3), b)


def about_hips(landmarks_m: Tensor) -> Tensor:
    """Landmarks (..., 33, 3) from the middle of the hips on, as the front end tells its own."""
    return landmarks_m - landmarks_m[..., [23, 24], :].mean(-2, keepdim=True)


def aimed_at(root_m: Tensor) -> Tensor:
    """Rotations (..., 3, 3) from camera axes to those of a camera aimed at pelvises (..., 3)."""
    return aim_camera(root_m[..., :2] / root_m[..., 2:].clamp(min=0.2))


def responded(ideal_m: Tensor, response: Tensor) -> Tensor:
    """What the front end makes of landmarks (..., 33, 3) about the hips, aimed axes, but for the errors of a take."""
    return (ideal_m.flatten(-2) @ response).reshape(ideal_m.shape)


def fit_response(takes: list[Take], carried_offsets_m: Tensor) -> Tensor:
    """The front end's linear response (99, 99) to the landmarks of a body about its hips: responded = ideal @ response.

    Ridge regression of its 3D landmarks on the true ones, the errors in the picture told too, so that these are not laid to the pose.
    Fit on the takes given: training takes only.
    """
    n = 3 * LANDMARK_COUNT
    XX, XY = torch.zeros(n + 2 * LANDMARK_COUNT + 1, n + 2 * LANDMARK_COUNT + 1), torch.zeros(n + 2 * LANDMARK_COUNT + 1, n)
    frames = 0
    for take in takes:
        seen = take.detected > 0
        ideal_m, told_m, image_box = (x[seen] for x in _against_ideal(take, carried_offsets_m))
        X = torch.cat([ideal_m.flatten(1), image_box.flatten(1), torch.ones(len(ideal_m), 1)], dim=1)
        XX += X.T @ X
        XY += X.T @ told_m.flatten(1)
        frames += len(X)
    return torch.linalg.solve(XX + 1e-3 * frames * torch.eye(len(XX)), XY)[:n]


def errors_of(take: Take, carried_offsets_m: Tensor, response: Tensor) -> TakeErrors:
    """Front-end error of a take, clamped where the front end was on somebody else."""
    ideal_m, told_m, image_box = _against_ideal(take, carried_offsets_m)
    return TakeErrors(image_box=image_box, landmarks_m=told_m - responded(ideal_m, response))


def _against_ideal(take: Take, carried_offsets_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Landmarks (T, 33, 3) about the hips, aimed axes, as they are and as told; errors in the picture as in `TakeErrors`."""
    joints, G = body_of(take)
    ideal = landmarks_from_body(joints, G, carried_offsets_m, torch.tensor(take.size))
    p = ideal + take.root_m[:, None]
    ray = p[..., :2] / p[..., 2:].clamp(min=0.2)
    _, box = person_box(ray, take.detected)
    to_aimed = aimed_at(take.root_m).transpose(-1, -2)
    image_box = ((take.ray - ray) / box[:, None, None]).clamp(-1.5, 1.5)
    return about_hips(ideal) @ to_aimed, take.landmarks_m @ to_aimed, image_box
