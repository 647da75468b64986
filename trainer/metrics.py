"""Errors of poses and activations, as the tables print them."""

import numpy as np
import torch

Tensor = torch.Tensor


def similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Scale (...) and rotation R (..., 3, 3) that carry centred points x (..., J, 3) onto y, as scale x R, at least squares.

    Source: Umeyama 1991.
    """
    U, S, Vt = torch.linalg.svd(x.transpose(-1, -2) @ y)
    sign = torch.ones_like(S)
    sign[..., 2] = torch.det(U @ Vt)
    R = U @ (sign[..., :, None] * Vt)
    return (S * sign).sum(-1) / x.square().sum((-1, -2)).clamp(min=1e-9), R


def procrustes(X: Tensor, Y: Tensor) -> Tensor:
    """Each X (N, J, 3) turned, shifted and scaled onto Y (N, J, 3)."""
    x, y = X - X.mean(1, keepdim=True), Y - Y.mean(1, keepdim=True)
    scale, R = similarity(x, y)
    return scale[:, None, None] * (x @ R) + Y.mean(1, keepdim=True)


def mpjpe_mm(P: Tensor, Y: Tensor) -> Tensor:
    """Mean joint distance (N,) of root-aligned joints (N, J, 3)."""
    return 1000 * (P - Y).norm(dim=-1).mean(-1)


def pa_mpjpe_mm(P: Tensor, Y: Tensor) -> Tensor:
    """Mean joint distance (N,) after Procrustes alignment."""
    return 1000 * (procrustes(P, Y) - Y).norm(dim=-1).mean(-1)


def accel_error_m_s2(P: Tensor, Y: Tensor, fps: float) -> Tensor:
    """Mean error (T - 2,) of joint acceleration by second differences of one take (T, J, 3)."""
    second = lambda x: (x[2:] - 2 * x[1:-1] + x[:-2]) * fps**2  # noqa: E731
    return (second(P) - second(Y)).norm(dim=-1).mean(-1)


def delay_ms(pairs: list[tuple[Tensor, Tensor]], fps: float, longest: int = 6) -> float:
    """How long an estimate trails the truth: where the cross-correlation of joint velocities over all takes is highest.

    Args:
        pairs: (estimate, truth) of each take, root-relative joints (T, J, 3).
        longest: lags of so many frames are looked at; between frames the peak is that of a parabola.
    """
    lags = range(-longest, longest + 1)
    product, energy = torch.zeros(len(lags)), torch.zeros(len(lags))
    for P, Y in pairs:
        p, y = P[1:] - P[:-1], Y[1:] - Y[:-1]
        inner = y[longest : len(y) - longest]
        for i, lag in enumerate(lags):
            shifted = p[longest + lag : len(p) - longest + lag]
            product[i] += (shifted * inner).sum()
            energy[i] += shifted.square().sum()
    correlation = product / energy.sqrt()
    best = int(correlation[1:-1].argmax()) + 1
    before, at, after = correlation[best - 1 : best + 2].tolist()
    return 1000 / fps * (best - longest + 0.5 * (before - after) / (before - 2 * at + after))


def activation_metrics(a: np.ndarray, truth: np.ndarray, moving: np.ndarray) -> dict[str, float | None]:
    """Over all frames given: (frames, 354) each.

    pcc: Pearson correlation of each muscle's trace over all frames, mean over the muscles that move (sd > 0.01, `moving`);
    null where the estimate does not move at all. rmse over all entries. nrmse: rmse over the labels' standard deviation (all
    entries about each muscle's mean); null where the labels do not move. active_mae: mean absolute error where the label is at
    least 0.10; null where none is.
    """
    a, truth = a.astype(np.float64), truth.astype(np.float64)  # else a constant has a rounding error for a trace
    active = truth >= 0.10
    rmse, spread = float(np.sqrt(((a - truth) ** 2).mean())), float(truth.std(0).max())
    return {
        "pcc": pearson(a, truth, moving),
        "rmse": rmse,
        "nrmse": rmse / float(np.sqrt(truth.var(0).mean())) if spread > 0 else None,
        "active_mae": float(np.abs(a - truth)[active].mean()) if active.any() else None,
    }


def pearson(a: np.ndarray, truth: np.ndarray, moving: np.ndarray) -> float | None:
    """Correlation of each muscle's trace over all frames (frames, 354), mean over those `moving`; None where `a` does not move."""
    x, y = a - a.mean(0), truth - truth.mean(0)
    if (np.abs(x).max(0) < 1e-6)[moving].all():
        return None
    r = (x * y).sum(0) / np.sqrt(np.maximum((x**2).sum(0) * (y**2).sum(0), 1e-12))
    return float(r[moving].mean())


def one_euro(x: Tensor, fps: float, cutoff_hz: float = 1.5, beta: float = 3.0, derivative_hz: float = 1.0) -> Tensor:
    """One-Euro filter (Casiez et al. 2012) of joints (T, J, 3), metres: cutoff = cutoff_hz + beta * speed in m/s."""
    alpha = lambda f: 1 / (1 + fps / (2 * torch.pi * f))  # noqa: E731
    y, v, out = x[0], torch.zeros_like(x[0]), [x[0]]
    for now, before in zip(x[1:], x[:-1], strict=True):
        v = v + alpha(torch.tensor(derivative_hz)) * ((now - before) * fps - v)
        y = y + alpha(cutoff_hz + beta * v.norm(dim=-1, keepdim=True)) * (now - y)
        out.append(y)
    return torch.stack(out)
