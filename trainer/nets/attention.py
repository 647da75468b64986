"""Transformer block whose keys carry an age in seconds instead of a position.

Attention does not care about the order of keys: all order comes from an additive bias computed from each key's age. So a ring
cache is never rolled, frame rates may vary, an empty slot is merely very old. Masked keys get -1e4: it fits half precision and
never makes a NaN.
"""

import math
from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from realtime.body.errors import InputError

Tensor = torch.Tensor

MAX_AGE_S = 4.0
AGE_FREQUENCIES_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
MASKED = -1e4


class Ages(NamedTuple):
    """Ages of keys as all blocks look at them."""

    basis: Tensor  # (..., S, 1 + 2 frequencies)
    near: Tensor  # (..., S, 1) bool: not beyond 4 s, in either direction

    @classmethod
    def of(cls, age_s: Tensor) -> "Ages":
        """Of ages (..., S), s."""
        a = age_s.clamp(-MAX_AGE_S, MAX_AGE_S)[..., None]
        angle = a * (torch.tensor(AGE_FREQUENCIES_HZ, device=a.device) * 2 * math.pi)
        return cls(torch.cat([a, angle.sin(), angle.cos()], dim=-1), (age_s.abs() <= MAX_AGE_S)[..., None])


class AgeBias(nn.Module):
    """Ages of keys (..., S) -> additive attention bias (..., S, heads)."""

    def __init__(self, heads: int):
        super().__init__()
        self.linear = nn.Linear(1 + 2 * len(AGE_FREQUENCIES_HZ), heads)

    def forward(self, ages: Ages) -> Tensor:
        bias = self.linear(ages.basis)
        return torch.where(ages.near, bias, torch.full_like(bias, MASKED))


def check_heads(width: int, heads: int) -> None:
    """Raises InputError if the heads cannot share the width."""
    if heads < 1 or width % heads:
        raise InputError(f"net.width is a multiple of net.heads, got {width} and {heads}")


class Block(nn.Module):
    """Pre-norm attention and feed-forward, in two forms that compute the same: over a window, and one step with a ring."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.per_head = heads, width // heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.bias = AgeBias(heads)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTD: Tensor, ages_BTT: Ages) -> Tensor:
        """`ages_BTT`: of key j seen from query i; beyond 4 s = masked."""
        B, T, D = x_BTD.shape
        q, k, v = self.qkv(self.norm_1(x_BTD)).reshape(B, T, 3, self.heads, self.per_head).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias(ages_BTT).permute(0, 3, 1, 2))
        x = x_BTD + self.dropout(self.mix(y.transpose(1, 2).reshape(B, T, D)))
        return x + self.dropout(self.feed_forward(x))

    def step(self, x_1D: Tensor, kv: Tensor, ages_1S: Ages) -> tuple[Tensor, Tensor]:
        """One frame. `kv` (2, heads, S - 1, per head) holds the past, `ages_1S` are those of the past and, last, of now (0).

        Returns the new hidden state and this frame's column (2, heads, 1, per head).
        """
        q, k, v = self.qkv(self.norm_1(x_1D)).reshape(3, self.heads, self.per_head, 1).transpose(2, 3)
        keys, values = torch.cat([kv[0], k], dim=1), torch.cat([kv[1], v], dim=1)
        # written out: the scaled-dot-product operator gains nothing here and some importers get it wrong
        score = (q * self.per_head**-0.5) @ keys.transpose(1, 2) + self.bias(ages_1S).permute(2, 0, 1)
        x = x_1D + self.mix((score.softmax(-1) @ values).reshape(1, -1))
        return x + self.feed_forward(x), torch.stack([k, v])

    def feed_forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(self.norm_2(x)), approximate="tanh"))


def window_ages(dt_s_BT: Tensor, window: int, causal: bool) -> Tensor:
    """Age (B, T, T), s, of frame j seen from frame i; frames outside the window (and, if causal, later ones) are beyond any age.

    Summed in double precision: a session is long and the differences are small.
    """
    t = dt_s_BT.double().cumsum(-1)
    age = (t[:, :, None] - t[:, None, :]).float()
    i = torch.arange(dt_s_BT.shape[1], device=dt_s_BT.device)
    gap = i[:, None] - i[None, :]
    near = (gap < window) & (gap >= 0 if causal else gap > -window)
    return torch.where(near, age, torch.full_like(age, 1e3))
