"""From raw landmarks to what a network sees: the one implementation of features, for training and inside the exported file."""

from typing import NamedTuple

import torch
import torch.nn as nn

from realtime.body.landmarks import LANDMARK_COUNT
from realtime.body.skeleton import JOINT_COUNT, rest_offsets_m

from .geometry import (
    HIPS,
    aim_camera,
    closed_form_pose,
    joints_from_global,
    landmarks_from_body,
    person_box,
    to_rot6d_cols,
)

Tensor = torch.Tensor

FEATURES = LANDMARK_COUNT * (2 + 1 + 3) + 2 + 3 + 4 + 2 + 1


class Observation(NamedTuple):
    """Everything the decoder needs besides the network's own state. Leading axes as given, e.g. (B, T)."""

    features: Tensor  # (..., FEATURES)
    R_cam_aimed: (
        Tensor  # (..., 3, 3): turns the axes of a camera aimed at the person, in which poses are told, into camera axes
    )
    pose_rot6d: Tensor  # (..., 24, 6): closed-form global pose
    aimed: Tensor  # (..., 33, 2): rays of the aimed camera
    box: Tensor  # (...): size of the person in these
    seen: Tensor  # (...): 1 where there is a person
    landmarks_m: Tensor  # (..., 33, 3) about the hips, aimed axes
    has_3d: Tensor  # (...): 1 where they come from the front end
    ray: Tensor  # (..., 33, 2)
    weight: Tensor  # (..., 33): how far each ray is trusted
    size: Tensor  # (...): stature / 1.70 where told, else 1
    gravity_cam: Tensor  # (..., 3): as told, else that of a level camera


class Observer(nn.Module):
    """Computes the observation of each frame from rays, visibility, 3D landmarks and what is told of camera and person."""

    rest_offsets_m: Tensor
    carried_offsets_m: Tensor
    rest_landmarks_m: Tensor

    def __init__(self, carried_offsets_m: Tensor):
        super().__init__()
        self.register_buffer("rest_offsets_m", torch.tensor(rest_offsets_m(), dtype=torch.float32))
        self.register_buffer("carried_offsets_m", carried_offsets_m.float())
        self.register_buffer("rest_landmarks_m", self._rest_landmarks())

    def _rest_landmarks(self) -> Tensor:
        """Landmarks (33, 3) of the rest pose facing the camera: stands in where there are no 3D landmarks."""
        G = torch.diag(torch.tensor([1.0, -1.0, -1.0])).expand(JOINT_COUNT, 3, 3)
        joints = joints_from_global(G, self.rest_offsets_m)
        points = landmarks_from_body(joints, G, self.carried_offsets_m, torch.tensor(1.0))
        return points - points[HIPS].mean(0)

    def forward(
        self,
        ray: Tensor,
        visibility: Tensor,
        landmarks_m: Tensor,
        detected: Tensor,
        gravity: Tensor,
        size: Tensor,
        dt_s: Tensor,
    ) -> Observation:
        """Args: ray (..., 33, 2), visibility (..., 33), landmarks_m (..., 33, 3), detected (...), gravity (..., 3) and size (...) with
        zeros where not known, dt_s (...)."""
        seen = (detected > 0.5).float()
        has_3d = (landmarks_m.abs().sum((-1, -2)) > 1e-6).float() * seen
        # clamped: a landmark far outside the picture is a number, not a measurement
        ray = ray.clamp(-10.0, 10.0) * seen[..., None, None]
        centre, _ = person_box(ray, seen)
        R_aimed_cam = aim_camera(centre)
        d = torch.cat([ray, torch.ones_like(ray[..., :1])], dim=-1) @ R_aimed_cam.transpose(-1, -2)
        aimed = d[..., :2] / d[..., 2:].clamp(min=0.2)
        _, box = person_box(aimed, seen)
        known = (gravity.abs().sum(-1, keepdim=True) > 0.5).float()
        level = torch.tensor([0.0, 1.0, 0.0], dtype=ray.dtype, device=ray.device)
        gravity_cam = known * gravity + (1 - known) * level
        size_known = (size > 0.1).float()
        size_used = size_known * size + (1 - size_known)
        gravity_aimed = (R_aimed_cam @ gravity_cam[..., None])[..., 0]
        landmarks = has_3d[..., None, None] * landmarks_m + (1 - has_3d)[..., None, None] * self.rest_landmarks_m
        features = [
            (aimed / box[..., None, None]).flatten(-2) * seen[..., None],
            visibility * seen[..., None],
            3 * landmarks.flatten(-2) * has_3d[..., None],
            torch.stack([seen, has_3d], dim=-1),
            torch.cat([centre, box.log()[..., None] + 2], dim=-1),
            torch.cat([gravity_aimed, known], dim=-1),
            torch.stack([size_used.log() * 10, size_known], dim=-1),
            (30 * dt_s.clamp(0.0, 0.5)).log1p()[..., None],
        ]
        return Observation(
            features=torch.cat(features, dim=-1).clamp(-8.0, 8.0),
            R_cam_aimed=R_aimed_cam.transpose(-1, -2),
            pose_rot6d=to_rot6d_cols(closed_form_pose(landmarks, self.rest_offsets_m)),
            aimed=aimed,
            box=box,
            seen=seen,
            landmarks_m=landmarks,
            has_3d=has_3d,
            ray=ray,
            weight=(visibility + 0.05) * seen[..., None] + 1e-3,
            size=size_used,
            gravity_cam=gravity_cam,
        )
