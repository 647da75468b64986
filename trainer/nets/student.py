"""The live network: causal attention, each layer over the last pictures (a sliding window), state in a ring."""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn as nn

from ..choices import Range, Share
from .attention import Ages, Block, check_heads, window_ages
from .decoder import Body, Decoder
from .observation import FEATURES, Observer

Tensor = torch.Tensor


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    width: int = 128
    heads: int = 4
    layers: int = 4
    window: Annotated[int, Range(2)] = 16  # frames a layer looks back, itself included
    dropout: Share = 0.05

    def __post_init__(self) -> None:
        check_heads(self.width, self.heads)


class Student(nn.Module):
    """Landmarks so far -> body now."""

    def __init__(self, config: StudentConfig, activation_mean: Tensor, carried_offsets_m: Tensor):
        super().__init__()
        self.config = config
        self.observer = Observer(carried_offsets_m)
        self.inlet = nn.Linear(FEATURES, config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.heads, config.dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.decoder = Decoder(
            config.width,
            activation_mean,
            self.observer.rest_offsets_m.clone(),
            self.observer.carried_offsets_m.clone(),
        )

    def forward(self, b: dict[str, Tensor], window: int | None = None) -> Body:
        """Whole windows or takes (B, T, ...). `window` cuts the history, 1 = the present frame alone."""
        seen = self.observer(
            b["ray"], b["visibility"], b["landmarks_m"], b["detected"], b["gravity_told"], b["size_told"], b["dt_s"]
        )
        ages = Ages.of(window_ages(b["dt_s"], window or self.config.window, causal=True))
        h = self.inlet(seen.features)
        for block in self.blocks:
            h = block(h, ages)
        return self.decoder(self.norm(h), seen)

    @property
    def kv_shape(self) -> tuple[int, int, int, int, int]:
        c = self.config
        return c.layers, 2, c.heads, c.window - 1, c.width // c.heads
