"""What training minimises: pose, motion, place, dynamics and activations, each with its likelihood for the uncertainty.

Uncertainties see detached errors: they learn how wrong the estimate is without making it worse.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .metrics import similarity
from .nets.decoder import Body
from .nets.geometry import global_from_local, joints_from_global
from .nets.teacher import TeacherOutput

Tensor = torch.Tensor
Batch = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    joints: float = 10.0  # per m
    shape: float = 5.0  # per m, joints after the similarity that fits best: the pose whatever its orientation
    rotation: float = 0.5  # per squared Frobenius distance
    joint_velocity: float = 10.0  # per m and frame
    joint_acceleration: float = 4.0  # per m and frame^2
    bones: float = 1.0  # per log length
    depth: float = 2.0  # per log distance
    root_velocity: float = 0.3  # per m/s
    contact: float = 0.2
    grf: float = 1.0  # per body weight
    activation: float = 30.0  # per squared activation
    correlation: float = 0.3  # 1 - Pearson, over the batch
    uncertainty: float = 0.05
    delta: float = 4.0  # per m, joints some frames before and after (teacher)
    teacher: float = 0.5  # weight of the teacher's answers beside the labels (student)


class Truth:
    """What the labels say of a batch, in the form the losses want."""

    def __init__(self, b: Batch):
        self.G = global_from_local(b["R_local"])
        self.offsets_m = b["offsets_m"][:, None].expand(-1, b["ray"].shape[1], -1, -1)
        self.joints_m = joints_from_global(self.G, self.offsets_m)


def label_losses(body: Body, b: Batch, truth: Truth, w: LossConfig) -> dict[str, Tensor]:
    """Weighted terms of the label loss."""
    real, dynamics = b["real"], b["dynamics"]
    error = body.joints_m - truth.joints_m
    turned = body.G_cam - truth.G
    terms = {
        "joints": w.joints * _mean(_length(error).mean(-1), real),
        "shape": w.shape * _mean(_length(_misshape(body.joints_m, truth.joints_m)).mean(-1), real),
        "rotation": w.rotation * _mean(turned.square().sum((-1, -2)).mean(-1), real),
        "joint_velocity": w.joint_velocity * _difference_loss(error, real, 1),
        "joint_acceleration": w.joint_acceleration * _difference_loss(error, real, 2),
        "bones": w.bones * _mean((_log_length(body.offsets_m) - _log_length(truth.offsets_m))[..., 1:].abs().mean(-1), real),
        "depth": w.depth * _mean((_log_length(body.root_m) - _log_length(b["root_m"])).abs(), real),
        "root_velocity": w.root_velocity * _mean(_length(body.velocity_m_s - b["velocity_m_s"]), b["moves"]),
        "contact": w.contact
        * _mean(F.binary_cross_entropy_with_logits(body.contact_logit, b["contact"], reduction="none").mean(-1), b["touches"]),
        "grf": w.grf * _mean(_length(body.grf_BW - b["grf_BW"]).mean(-1), dynamics),
        "activation": w.activation * _mean((body.activation - b["activation"]).square().mean(-1), dynamics),
        "correlation": w.correlation * _decorrelation(body.activation, b["activation"], dynamics),
        "uncertainty": w.uncertainty * _uncertainty(body, b, truth),
    }
    return terms


def teacher_losses(body: Body, teacher: Body, b: Batch, w: LossConfig) -> dict[str, Tensor]:
    """The student against the teacher, on every real frame: also where no label tells of forces and activations."""
    real = b["real"]
    terms = {
        "joints": w.joints * _mean(_length(body.joints_m - teacher.joints_m).mean(-1), real),
        "rotation": w.rotation * _mean((body.G_cam - teacher.G_cam).square().sum((-1, -2)).mean(-1), real),
        "contact": w.contact
        * _mean(
            F.binary_cross_entropy_with_logits(body.contact_logit, teacher.contact_logit.sigmoid(), reduction="none").mean(-1),
            real,
        ),
        "grf": w.grf * _mean(_length(body.grf_BW - teacher.grf_BW).mean(-1), real),
        "activation": w.activation * _mean((body.activation - teacher.activation).square().mean(-1), real),
    }
    return {f"teacher_{k}": w.teacher * v for k, v in terms.items()}


def delta_loss(out: TeacherOutput, b: Batch, truth: Truth, deltas: tuple[int, ...], w: LossConfig) -> Tensor:
    """HMMR's past and future heads: joints `d` frames away, where that frame is inside the window and frames are 25 to 40 ms apart:
    the heads are about a time, not a count."""
    T, losses = b["real"].shape[1], []
    step_s = b["dt_s"][:, 1:].mean(1, keepdim=True)
    usual = ((step_s > 0.025) & (step_s < 0.04)).float()
    for k, d in enumerate(deltas):
        here = slice(max(0, -d), min(T, T - d))
        there = slice(max(0, d), min(T, T + d))
        miss = out.delta_joints_m[:, here, k] - truth.joints_m[:, there]
        losses.append(_mean(_length(miss).mean(-1), usual * b["real"][:, here] * b["real"][:, there]))
    return w.delta * torch.stack(losses).mean()


def _misshape(joints_m: Tensor, truth_m: Tensor) -> Tensor:
    """Differences (..., J, 3) after the best similarity, which is taken as given: no gradient goes through it."""
    x, y = joints_m - joints_m.mean(-2, keepdim=True), truth_m - truth_m.mean(-2, keepdim=True)
    with torch.no_grad():
        scale, R = similarity(x, y)
    return scale[..., None, None] * (x @ R) - y


def _uncertainty(body: Body, b: Batch, truth: Truth) -> Tensor:
    """Gaussian negative log likelihoods (mean per number) of the errors made."""
    from_matrix = (body.G_cam - truth.G).square().sum((-1, -2)) / 2  # about the squared angle
    pairs = [
        ((body.joints_m - truth.joints_m).square().mean(-1), body.joint_sigma_m, b["real"]),
        (from_matrix / 3, body.rotation_sigma_rad, b["real"]),
        ((body.velocity_m_s - b["velocity_m_s"]).square().mean(-1, keepdim=True), body.velocity_sigma_m_s, b["moves"]),
        ((body.grf_BW - b["grf_BW"]).square().mean(-1), body.grf_sigma_BW, b["dynamics"]),
        ((body.activation - b["activation"]).square(), body.activation_sigma, b["dynamics"]),
    ]
    nll = [_mean((e.detach() / s.square() / 2 + s.log()).mean(-1), mask) for e, s, mask in pairs]
    return torch.stack(nll).sum()


def _decorrelation(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """1 - Pearson correlation over the batch's frames, mean over muscles that move."""
    rows = (mask.flatten() > 0).float()[:, None]  # multiplied, not picked: shapes that never change can be compiled
    n = rows.sum().clamp(min=1)
    x, y = a.flatten(0, 1) * rows, b.flatten(0, 1) * rows
    x, y = (x - x.sum(0) / n) * rows, (y - y.sum(0) / n) * rows
    moves = ((y.square().sum(0) / n > 1e-4) & (n >= 32)).float()
    r = (x * y).sum(0) / (x.square().sum(0) * y.square().sum(0) + 1e-8).sqrt()
    return ((1 - r) * moves).sum() / moves.sum().clamp(min=1)


def _difference_loss(error: Tensor, real: Tensor, order: int) -> Tensor:
    """Mean length of the error's first or second difference over frames."""
    for _ in range(order):
        error, real = error[:, 1:] - error[:, :-1], real[:, 1:] * real[:, :-1]
    return _mean(_length(error).mean(-1), real)


def _mean(x: Tensor, mask: Tensor) -> Tensor:
    return (x * mask).sum() / mask.sum().clamp(min=1)


def _length(x: Tensor) -> Tensor:
    return (x.square().sum(-1) + 1e-10).sqrt()


def _log_length(x: Tensor) -> Tensor:
    return _length(x).clamp(min=1e-3).log()
