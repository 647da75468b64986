"""Our single-precision Muon walks the same way as torch's, which works in bfloat16."""

import pytest
import torch

from trainer.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(24, 64), (64, 24), (32, 32)])
def test_steps_equal_torch_s_up_to_bfloat16(shape):
    torch.manual_seed(0)
    a = torch.nn.Parameter(torch.randn(shape))
    b = torch.nn.Parameter(a.detach().clone())
    start = a.detach().clone()
    theirs, ours = torch.optim.Muon([a], lr=0.02, weight_decay=0.01), Muon([b], lr=0.02, weight_decay=0.01)
    for _ in range(4):
        grad = torch.randn(shape)
        a.grad, b.grad = grad.clone(), grad.clone()
        theirs.step()
        ours.step()
    assert (a - b).norm() < 0.03 * (a - start).norm()


def test_singular_values_come_near_one():
    s = torch.linalg.svdvals(orthogonalise(torch.randn(20, 50)))
    assert s.min() > 0.5
    assert s.max() < 1.3
