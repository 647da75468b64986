"""Muon (Jordan et al. 2024) in single precision.

`torch.optim.Muon` orthogonalises in bfloat16, which a CPU without such units emulates: 1.16 s a step here against 0.05 s.
Same method, coefficients and defaults, so that `tests/trainer/test_muon.py` can hold one against the other.
"""

import torch

Tensor = torch.Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalise(M: Tensor) -> Tensor:
    """About the nearest matrix (..., rows, columns) with all singular values 1: Newton-Schulz iterations of a quintic."""
    a, b, c = COEFFICIENTS
    tall = M.shape[-2] > M.shape[-1]
    X = M.transpose(-1, -2) if tall else M
    X = X / X.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        A = X @ X.transpose(-1, -2)
        X = a * X + (b * A + c * A @ A) @ X
    return X.transpose(-1, -2) if tall else X


class Muon(torch.optim.Optimizer):
    """Momentum whose step is orthogonalised. Matrices only."""

    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.01):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            momentum = group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"].lerp_(p.grad, 1 - momentum)
                update = orthogonalise(p.grad.lerp(m, momentum))  # Nesterov
                scale = max(1.0, p.shape[0] / p.shape[1]) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)
