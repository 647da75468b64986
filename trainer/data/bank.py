"""The error bank: what the front end gets wrong on each rendered take, in units that carry over to other motion."""

from dataclasses import dataclass

import torch

from realtime.body.landmarks import LANDMARK_COUNT

from ..nets.geometry import (
    HIPS,
    LANDMARK_POSITION,
    LANDMARK_ROTATION,
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
    landmarks_m: Tensor  # (T, 33, 3), camera axes


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


def errors_of(take: Take, carried_offsets_m: Tensor) -> TakeErrors:
    """Front-end error of a take, clamped where the front end was on somebody else."""
    joints, G = body_of(take)
    ideal = landmarks_from_body(joints, G, carried_offsets_m, torch.tensor(take.size))
    p = ideal + take.root_m[:, None]
    ray = p[..., :2] / p[..., 2:].clamp(min=0.2)
    _, box = person_box(ray, take.detected)
    return TakeErrors(
        image_box=((take.ray - ray) / box[:, None, None]).clamp(-1.5, 1.5),
        landmarks_m=take.landmarks_m - (ideal - ideal[:, HIPS].mean(1, keepdim=True)),
    )
