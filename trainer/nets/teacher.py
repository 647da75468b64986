"""The offline network that the student learns from, after BioHuman (2026): a pose stream and an observation stream, interleaved
frame by frame, learned gates before and after a bidirectional temporal transformer; HMMR's (2019) heads at past and future frames.

The papers do not give widths, depths or loss weights: these are ours.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn as nn

from realtime.body.errors import InputError
from realtime.body.skeleton import JOINT_COUNT

from ..choices import Share
from .attention import Ages, Block, check_heads, window_ages
from .decoder import Body, Decoder
from .geometry import from_rot6d_cols, joints_from_global, to_rot6d_cols
from .observation import FEATURES, Observer

Tensor = torch.Tensor

POSE = 6 * JOINT_COUNT


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    width: int = 128
    heads: int = 4
    layers: int = 3
    window: int = 16  # frames it looks back, and ahead
    dropout: Share = 0.05
    deltas: tuple[int, ...] = (-5, 5)  # frames; HMMR's

    def __post_init__(self) -> None:
        check_heads(self.width, self.heads)
        if not self.deltas or not all(type(d) is int and d for d in self.deltas):
            raise InputError(f"net.deltas are numbers of frames before (-) or after, one or more, got {list(self.deltas)}")


class TeacherOutput(NamedTuple):
    body: Body
    delta_joints_m: Tensor  # (B, T, deltas, 24, 3) about the pelvis, camera axes: the body some frames before and after


class Teacher(nn.Module):
    """A whole window of landmarks -> the body at each of its frames, and some frames before and after each."""

    def __init__(self, config: TeacherConfig, activation_mean: Tensor, carried_offsets_m: Tensor):
        super().__init__()
        self.config = config
        D = config.width
        self.observer = Observer(carried_offsets_m)
        self.pose_inlet = nn.Linear(3 * POSE + 1, D)
        self.seen_inlet = nn.Linear(FEATURES, D)
        self.gate_in = nn.Linear(2 * D, 2 * D)
        self.stream = nn.Parameter(torch.zeros(2, D))
        self.blocks = nn.ModuleList(Block(D, config.heads, config.dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(D)
        self.gate_out = nn.Linear(2 * D, D)
        self.decoder = Decoder(
            D,
            activation_mean,
            self.observer.rest_offsets_m.clone(),
            self.observer.carried_offsets_m.clone(),
        )
        self.delta = nn.Linear(D, len(config.deltas) * POSE)
        nn.init.zeros_(self.delta.weight)
        nn.init.zeros_(self.delta.bias)

    def forward(self, b: dict[str, Tensor]) -> TeacherOutput:
        seen = self.observer(
            b["ray"], b["visibility"], b["landmarks_m"], b["detected"], b["gravity_told"], b["size_told"], b["dt_s"]
        )
        pose = self.pose_inlet(self._motion(seen.pose_rot6d.flatten(-2), b["dt_s"], b["detected"]))
        view = self.seen_inlet(seen.features)
        gate_pose, gate_view = self.gate_in(torch.cat([pose, view], -1)).sigmoid().mul(2).chunk(2, -1)
        tokens = torch.stack([gate_pose * pose + self.stream[0], gate_view * view + self.stream[1]], dim=2)
        B, T, _, D = tokens.shape
        h = tokens.reshape(B, 2 * T, D)  # interleaved: pose, view, pose, view, ...
        age_s = window_ages(b["dt_s"], self.config.window, causal=False)
        ages = Ages.of(age_s.repeat_interleave(2, 1).repeat_interleave(2, 2))
        for block in self.blocks:
            h = block(h, ages)
        h = self.norm(h).reshape(B, T, 2, D)
        gate = self.gate_out(h.flatten(2)).sigmoid()
        fused = gate * h[:, :, 0] + (1 - gate) * h[:, :, 1]
        body = self.decoder(fused, seen)
        return TeacherOutput(body, self._deltas(fused, body))

    def _motion(self, pose: Tensor, dt_s: Tensor, detected: Tensor) -> Tensor:
        """Pose, velocity and acceleration (B, T, 3 * 144 + 1): differences over the frames beside, whenever these were, per 1/30 s."""
        before = (30 * dt_s).clamp(min=0.1)[..., None]
        after = torch.cat([before[:, 1:], before[:, -1:]], 1)
        ahead = torch.cat([pose[:, 1:], pose[:, -1:]], 1)
        behind = torch.cat([pose[:, :1], pose[:, :-1]], 1)
        velocity = (ahead - behind) / (before + after)
        acceleration = 2 * ((ahead - pose) / after - (pose - behind) / before) / (before + after)
        return torch.cat([pose, velocity.clamp(-3, 3), acceleration.clamp(-3, 3), detected[..., None]], -1)

    def _deltas(self, h: Tensor, body: Body) -> Tensor:
        n = len(self.config.deltas)
        change = self.delta(h).reshape(*h.shape[:2], n, JOINT_COUNT, 6)
        G = from_rot6d_cols(to_rot6d_cols(body.G_cam)[:, :, None] + change)
        return joints_from_global(G, body.offsets_m[:, :, None].expand(-1, -1, n, -1, -1))
