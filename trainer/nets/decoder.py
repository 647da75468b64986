"""From a network's hidden state to a body: rotations, bones, place, contacts, forces, activations, each with an uncertainty."""

from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from realtime.body.landmarks import LANDMARK_COUNT
from realtime.body.muscles import MUSCLE_COUNT
from realtime.body.skeleton import JOINT_COUNT

from .geometry import (
    HIPS,
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
BONE_GROUP = torch.tensor([0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12, 12, 13, 13, 14, 14])
BONE_GROUPS = 15
ACTIVATION_HIDDEN = MISSES_HIDDEN = 256
FIRST = 6 * JOINT_COUNT + BONE_GROUPS  # what the first body is made of: rotations and bones
MISSES = (2 + 3) * LANDMARK_COUNT
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
    never seen in training stays near what the front end says.

    A first body is laid over what was seen, and where it misses the landmarks goes back into the hidden state before the body is
    read off it: the iterative error feedback of HMR (Kanazawa et al. 2018), with what a network cannot easily compute, kinematics and
    projection, computed for it.
    """

    rest_offsets_m: Tensor
    carried_offsets_m: Tensor

    def __init__(self, width: int, activation_mean: Tensor, rest_offsets_m: Tensor, carried_offsets_m: Tensor):
        super().__init__()
        self.register_buffer("rest_offsets_m", rest_offsets_m)
        self.register_buffer("carried_offsets_m", carried_offsets_m)
        self.first = nn.Linear(width, FIRST)
        self.misses_up = nn.Linear(width + MISSES, MISSES_HIDDEN)
        self.misses_down = nn.Linear(MISSES_HIDDEN, width)
        self.body = nn.Linear(width, sum(SPLIT.values()))
        self.muscle_hidden = nn.Linear(width + POSE, ACTIVATION_HIDDEN)
        self.muscle = nn.Linear(ACTIVATION_HIDDEN, 2 * MUSCLE_COUNT)
        for layer in (self.first, self.misses_down, self.body, self.muscle):
            nn.init.normal_(layer.weight, std=0.005)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # start at the training mean
            self.muscle.bias[:MUSCLE_COUNT] = torch.logit(activation_mean.clamp(0.005, 0.995))
            self.muscle.bias[MUSCLE_COUNT:] = -2.0

    def forward(self, h: Tensor, seen: Observation) -> Body:
        rotation, bones = self.first(h).split([6 * JOINT_COUNT, BONE_GROUPS], dim=-1)
        rot6d = seen.pose_rot6d + rotation.reshape(*h.shape[:-1], JOINT_COUNT, 6)
        misses = self._misses(rot6d, bones, seen)
        h = h + self.misses_down(F.gelu(self.misses_up(torch.cat([h, misses], dim=-1)), approximate="tanh"))
        y = dict(zip(SPLIT, self.body(h).split(list(SPLIT.values()), dim=-1), strict=True))
        V = seen.R_cam_aimed
        lead = h.shape[:-1]
        G = V[..., None, :, :] @ from_rot6d_cols(rot6d + y["rotation"].reshape(*lead, JOINT_COUNT, 6))
        m, s = self._muscles(h, G, seen).split(MUSCLE_COUNT, dim=-1)
        offsets_m, joints_m, _, placed = self._placed(G, bones + y["bones"], seen)
        # What the rays say of the distance is corrected by a factor.
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

    def _misses(self, rot6d: Tensor, bones: Tensor, seen: Observation) -> Tensor:
        """Where a body misses the landmarks (..., MISSES): in the picture, over the person's size, and in space about the hips."""
        G = seen.R_cam_aimed[..., None, :, :] @ from_rot6d_cols(rot6d)
        _, _, points, placed = self._placed(G, bones, seen)
        there = (points + placed[..., None, :]) @ seen.R_cam_aimed
        miss_2d = (seen.aimed - there[..., :2] / there[..., 2:].clamp(min=0.2)) / seen.box[..., None, None]
        about_hips = points - pick(points, HIPS, -2).mean(-2, keepdim=True)
        miss_3d = seen.landmarks_m - about_hips @ seen.R_cam_aimed
        misses = [4 * miss_2d.flatten(-2) * seen.seen[..., None], 6 * miss_3d.flatten(-2) * seen.has_3d[..., None]]
        return torch.cat(misses, dim=-1).clamp(-8.0, 8.0)  # of about unit size

    def _placed(self, G: Tensor, bones: Tensor, seen: Observation) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Bones (..., 24, 3), joints and landmarks about the pelvis, and the place (..., 3) that puts these on their rays.

        Args:
            bones: (..., 15) raw: log factors on the mean skeleton's lengths, over 0.3.
        """
        factor = pick((0.3 * bones).exp(), BONE_GROUP, -1) * seen.size[..., None]
        offsets_m = self.rest_offsets_m * factor[..., None]
        joints_m = joints_from_global(G, offsets_m)
        # The size of the body drawn on the rays is that of its bones.
        size = offsets_m.square().sum(-1).clamp(min=1e-12).sqrt().sum(-1) / self.rest_offsets_m.norm(dim=-1).sum()
        points = landmarks_from_body(joints_m, G, self.carried_offsets_m, size)
        placed = place_on_rays(points, seen.ray, seen.weight)
        return offsets_m, joints_m, points, torch.cat([placed[..., :2], placed[..., 2:].clamp(0.2, 50.0)], dim=-1)

    def _muscles(self, h: Tensor, G: Tensor, seen: Observation) -> Tensor:
        """Activations and their sigmas (..., 2 x 354), raw: of the hidden state and the pose, which they leave as it is."""
        local = local_from_global(G)[..., 1:, :, :].detach()
        gravity = (G[..., 0, :, :].transpose(-1, -2) @ seen.gravity_cam[..., None])[..., 0].detach()
        x = self.muscle_hidden(torch.cat([h, to_rot6d_cols(local).flatten(-2), gravity], dim=-1))
        return self.muscle(F.gelu(x, approximate="tanh"))


def positive(x: Tensor, scale: float) -> Tensor:
    """A standard deviation from a raw output: `scale` at zero, clamped so that no likelihood runs away."""
    return scale * x.clamp(-6.0, 6.0).exp()
