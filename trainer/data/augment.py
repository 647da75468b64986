"""What is done to a whole batch of windows: mirrored, rolled, and told to the network with errors or not at all."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from realtime.body.landmarks import LANDMARK_MIRROR
from realtime.body.skeleton import JOINT_MIRROR

from .takes import mirrored_dynamics

if TYPE_CHECKING:
    from .windows import WindowConfig

Tensor = torch.Tensor
Batch = dict[str, Tensor]


def mirrored(b: Batch, rng: np.random.Generator) -> Batch:
    """Half of the windows mirrored left to right: exact for everything."""
    flip = torch.from_numpy(rng.random(len(b["size"])) < 0.5)
    x = torch.tensor([-1.0, 1.0, 1.0])
    lm, jm = list(LANDMARK_MIRROR), list(JOINT_MIRROR)
    S = torch.diag(x)
    swapped = {
        "ray": b["ray"][:, :, lm] * x[:2],
        "visibility": b["visibility"][:, :, lm],
        "landmarks_m": b["landmarks_m"][:, :, lm] * x,
        "R_local": S @ b["R_local"][:, :, jm] @ S,
        "offsets_m": b["offsets_m"][:, jm] * x,
        "gravity_cam": b["gravity_cam"] * x,
        "root_m": b["root_m"] * x,
        "velocity_m_s": b["velocity_m_s"] * x,
        **mirrored_dynamics(b),
    }
    mixed = {k: torch.where(flip.reshape(-1, *[1] * (v.ndim - 1)), v, b[k]) for k, v in swapped.items()}
    return b | mixed


def rolled(b: Batch, rng: np.random.Generator, roll_rad: float) -> Batch:
    angle = torch.from_numpy(rng.normal(0, roll_rad, len(b["size"]))).float()
    c, s, o = angle.cos(), angle.sin(), torch.zeros_like(angle)
    Z = torch.stack([c, -s, o, s, c, o, o, o, o + 1], -1).reshape(-1, 1, 3, 3)
    R = torch.cat([(Z @ b["R_local"][:, :, 0])[:, :, None], b["R_local"][:, :, 1:]], 2)
    told = {k: turned(Z, b[k]) for k in ("gravity_cam", "root_m", "velocity_m_s")}
    told |= {k: turned(Z[:, :, None], b[k]) for k in ("landmarks_m", "grf_BW")}
    return b | told | {"R_local": R, "ray": b["ray"] @ Z[..., :2, :2].transpose(-1, -2)}


def hidden(b: Batch, rng: np.random.Generator, c: "WindowConfig") -> Batch:
    """What the network is told: gravity and height with errors or not at all, sometimes no 3D landmarks, a focal length a bit off."""
    B, T = b["detected"].shape
    share = lambda p: torch.from_numpy((rng.random(B) < p).astype(np.float32))  # noqa: E731
    tilt = torch.from_numpy(rng.normal(0, np.radians(c.gravity_error_deg), (B, 1, 3))).float()
    told = torch.nn.functional.normalize(b["gravity_cam"] + tilt, dim=-1)
    focal = torch.from_numpy(np.exp(rng.normal(0, c.focal_error, (B, 1, 1, 1)))).float()
    dt_s = b["dt_s"].clone()
    dt_s[:, 0] *= 1 - share(c.first_step_unknown)
    return b | {
        "dt_s": dt_s,
        "ray": b["ray"] * focal,
        "landmarks_seen_m": b["landmarks_m"],
        "landmarks_m": b["landmarks_m"] * (1 - share(c.drop_landmarks_3d))[:, None, None, None],
        "gravity_told": told * share(c.gravity_known)[:, None, None],
        "size_told": (b["size"] * share(c.height_known))[:, None].expand(-1, T),
    }


def turned(R: Tensor, v: Tensor) -> Tensor:
    return (R @ v[..., None])[..., 0]
