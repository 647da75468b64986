"""From a network's hidden state to a body: rotations, bones, place, contacts, forces, activations, each with an uncertainty."""

from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from realtime.body.muscles import MUSCLE_COUNT
from realtime.body.skeleton import JOINT_COUNT

from .geometry import (
    from_rot6d_cols,
    joints_from_global,
    landmarks_from_body,
    local_from_global,
    pick,
    place_on_rays,
    to_rot6d_cols,
)
from .observation import Observation

Tensor = torch.Tensor

#: Bones that share one length factor: left and right alike.
BONE_GROUP = [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12, 12, 13, 13, 14, 14]
BONE_GROUPS = 15
ACTIVATION_HIDDEN = 256
POSE = 6 * (JOINT_COUNT - 1) + 3  # local rotations of all joints but the pelvis, and gravity in the pelvis
SPLIT = {
    "rotation": 6 * JOINT_COUNT,
    "bones": BONE_GROUPS,
    "depth": 1,
    "joint_sigma": JOINT_COUNT,
    "rotation_sigma": JOINT_COUNT,
    "velocity": 3,
    "velocity_sigma": 1,
    "contact": 4,
    "grf": 6,
    "grf_sigma": 2,
}


class Body(NamedTuple):
    """A body in camera axes. Leading axes as the hidden state's, e.g. (B, T)."""

    G_cam: Tensor  # (..., 24, 3, 3) global rotations
    offsets_m: Tensor  # (..., 24, 3)
    joints_m: Tensor  # (..., 24, 3) about the pelvis
    root_m: Tensor  # (..., 3) pelvis
    joint_sigma_m: Tensor  # (..., 24)
    rotation_sigma_rad: Tensor  # (..., 24)
    velocity_m_s: Tensor  # (..., 3)
    velocity_sigma_m_s: Tensor  # (..., 1)
    contact_logit: Tensor  # (..., 4)
    grf_BW: Tensor  # (..., 2, 3)
    grf_sigma_BW: Tensor  # (..., 2)
    activation: Tensor  # (..., 354)
    activation_sigma: Tensor  # (..., 354)


class Decoder(nn.Module):
    """Heads and kinematics. Rotations are global and a correction, in 6D, of the closed-form pose of the 3D landmarks: a pose
    never seen in training stays near what the front end says."""

    rest_offsets_m: Tensor
    carried_offsets_m: Tensor

    def __init__(
        self,
        width: int,
        activation_mean: Tensor,
        rest_offsets_m: Tensor,
        carried_offsets_m: Tensor,
        *,
        muscles_see_pose: bool = False,
    ):
        super().__init__()
        self.muscles_see_pose = muscles_see_pose
        self.register_buffer("rest_offsets_m", rest_offsets_m)
        self.register_buffer("carried_offsets_m", carried_offsets_m)
        self.body = nn.Linear(width, sum(SPLIT.values()))
        self.muscle_hidden = nn.Linear(width + (POSE if muscles_see_pose else 0), ACTIVATION_HIDDEN)
        self.muscle = nn.Linear(ACTIVATION_HIDDEN, 2 * MUSCLE_COUNT)
        for layer in (self.body, self.muscle):
            nn.init.normal_(layer.weight, std=0.005)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # start at the training mean
            self.muscle.bias[:MUSCLE_COUNT] = torch.logit(activation_mean.clamp(0.005, 0.995))
            self.muscle.bias[MUSCLE_COUNT:] = -2.0

    def forward(self, h: Tensor, seen: Observation) -> Body:
        y = dict(zip(SPLIT, self.body(h).split(list(SPLIT.values()), dim=-1), strict=True))
        V = seen.R_cam_pose
        lead = h.shape[:-1]
        G = V[..., None, :, :] @ from_rot6d_cols(seen.pose_rot6d + y["rotation"].reshape(*lead, JOINT_COUNT, 6))
        m, s = self._muscles(h, G, seen).split(MUSCLE_COUNT, dim=-1)
        factor = pick((0.3 * y["bones"]).exp(), BONE_GROUP, -1) * seen.size[..., None]
        offsets_m = self.rest_offsets_m * factor[..., None]
        joints_m = joints_from_global(G, offsets_m)
        # The size of the body drawn on the rays is that of its bones; what the rays say of the distance is corrected by a factor.
        size = offsets_m.square().sum(-1).clamp(min=1e-12).sqrt().sum(-1) / self.rest_offsets_m.norm(dim=-1).sum()
        points = landmarks_from_body(joints_m, G, self.carried_offsets_m, size)
        placed = place_on_rays(points, seen.ray, seen.weight)
        placed = torch.cat([placed[..., :2], placed[..., 2:].clamp(0.2, 50.0)], dim=-1)
        return Body(
            G_cam=G,
            offsets_m=offsets_m,
            joints_m=joints_m,
            root_m=placed * (0.3 * y["depth"]).exp(),
            joint_sigma_m=positive(y["joint_sigma"], 0.05),
            rotation_sigma_rad=positive(y["rotation_sigma"], 0.3),
            velocity_m_s=(V @ y["velocity"][..., None])[..., 0],
            velocity_sigma_m_s=positive(y["velocity_sigma"], 0.3),
            contact_logit=y["contact"],
            grf_BW=(V[..., None, :, :] @ y["grf"].reshape(*lead, 2, 3)[..., None])[..., 0],
            grf_sigma_BW=positive(y["grf_sigma"], 0.2),
            activation=m.sigmoid(),
            activation_sigma=positive(s, 1.0),
        )

    def _muscles(self, h: Tensor, G: Tensor, seen: Observation) -> Tensor:
        """Activations and their sigmas (..., 2 x 354), raw."""
        if self.muscles_see_pose:
            local = local_from_global(G)[..., 1:, :, :].detach()
            gravity = (G[..., 0, :, :].transpose(-1, -2) @ seen.gravity_cam[..., None])[..., 0].detach()
            h = torch.cat([h, to_rot6d_cols(local).flatten(-2), gravity], dim=-1)
        return self.muscle(F.gelu(self.muscle_hidden(h), approximate="tanh"))


def positive(x: Tensor, scale: float) -> Tensor:
    """A standard deviation from a raw output: `scale` at zero, clamped so that no likelihood runs away."""
    return scale * x.clamp(-6.0, 6.0).exp()
