"""Metrics against cases worked out by hand."""

import numpy as np
import pytest
import torch

from realtime.body.rotations import from_axis_angle
from trainer.metrics import accel_error_m_s2, activation_metrics, delay_ms, mpjpe_mm, one_euro, pa_mpjpe_mm, procrustes


def test_procrustes_undoes_any_similarity_and_not_a_mirror():
    X = torch.randn(10, 24, 3, dtype=torch.float64)
    R = torch.from_numpy(from_axis_angle(np.random.default_rng(0).normal(size=(10, 3))))
    Y = 1.3 * X @ R.transpose(1, 2) + torch.randn(10, 1, 3, dtype=torch.float64)
    torch.testing.assert_close(procrustes(X, Y), Y)
    assert pa_mpjpe_mm(X, X * torch.tensor([-1.0, 1, 1])).min() > 100


def test_mpjpe_counts_millimetres():
    X = torch.zeros(2, 24, 3)
    Y = X.clone()
    Y[:, 0, 0] = 0.024
    torch.testing.assert_close(mpjpe_mm(X, Y), torch.ones(2))


def test_acceleration_error_of_a_constant_acceleration():
    t = torch.arange(20)[:, None, None] / 30
    Y = 0.5 * 3.0 * t**2 * torch.tensor([1.0, 0, 0]).expand(1, 24, 3)
    torch.testing.assert_close(accel_error_m_s2(torch.zeros(20, 24, 3), Y, 30), torch.full((18,), 3.0), atol=1e-3, rtol=0)


def test_activation_metrics():
    truth = np.stack([np.sin(np.arange(200) / 9) * 0.2 + 0.3, np.full(200, 0.05)], 1)
    moving = truth.std(0) > 0.01
    same = activation_metrics(truth, truth, moving)
    assert same["pcc"] == pytest.approx(1)
    assert same["rmse"] == 0
    mean = activation_metrics(np.tile(truth.mean(0), (200, 1)), truth, moving)
    assert mean["pcc"] is None  # it does not move: a correlation would be meaningless
    assert mean["nrmse"] == pytest.approx(1)
    at_rest = activation_metrics(truth[:1], 0.05 + 0 * truth[:1], moving)
    assert (at_rest["pcc"], at_rest["nrmse"], at_rest["active_mae"]) == (None, None, None)
    off = activation_metrics(truth + 0.1, truth, moving)
    assert off["active_mae"] == pytest.approx(0.1)
    assert off["pcc"] == pytest.approx(1)


def test_one_euro_smooths_and_keeps_a_resting_body():
    x = torch.ones(50, 24, 3)
    torch.testing.assert_close(one_euro(x, 30), x)
    noisy = x + 0.01 * torch.randn(50, 24, 3, generator=torch.Generator().manual_seed(0))
    assert (one_euro(noisy, 30)[20:] - x[20:]).std() < 0.6 * (noisy[20:] - x[20:]).std()


def test_delay_of_a_shifted_movement_and_of_a_filter():
    t = torch.arange(120) / 30
    move = lambda t: torch.sin(2 * torch.pi * 0.8 * t)[:, None, None].expand(-1, 24, 3) * torch.linspace(0.1, 1, 24)[:, None]  # noqa: E731
    truth = move(t)
    assert abs(delay_ms([(truth, truth)], 30)) < 0.5
    assert delay_ms([(move(t - 0.05), truth)] * 2, 30) == pytest.approx(50, abs=1)  # a frame and a half
    assert delay_ms([(move(t + 0.02), truth)], 30) == pytest.approx(-20, abs=1)
    assert 5 < delay_ms([(one_euro(truth, 30), truth)], 30) < 100
