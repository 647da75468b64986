"""OpenSim's static optimisation as the oracle: its own torques, moment arms and fibre forces through our solver."""

from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from ..optimise import BoxQP, solve_warm

_ARRAYS = ("moment_arm", "fopt", "tau", "reserve_dof", "reserve_opt", "dofs")


def oracle_activations(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Our activations and OpenSim's (T, M) for the recorded inputs of an OpenSim run.

    OpenSim minimises the sum of squared activations and of squared reserve controls, with activations of at least 0.01.

    Raises:
        InputError: the file lacks an array.
    """
    with np.load(path, allow_pickle=False) as z:
        missing = [name for name in (*_ARRAYS, "activation") if name not in z]
        if missing:
            raise InputError(f"{path} has no {', '.join(missing)}; it should hold an OpenSim run's inputs and activations")
        arm, fopt, tau = (z[name].astype(float) for name in ("moment_arm", "fopt", "tau"))
        dofs, reserve_dof, reserve_opt = z["dofs"].tolist(), z["reserve_dof"].tolist(), z["reserve_opt"]
        theirs = z["activation_tight" if "activation_tight" in z else "activation"].astype(float)
    T, n, m = arm.shape
    compliance = np.zeros(n)
    compliance[[dofs.index(dof) for dof in reserve_dof]] = reserve_opt**2
    ours, lam, r = np.zeros((T, m)), np.zeros(n), np.zeros(n)
    count, index = np.full(m, n), np.tile(np.arange(n), (m, 1))
    for t in range(T):
        A = np.ascontiguousarray((arm[t] * fopt[t]).T)
        qp = BoxQP(A, count, index, np.ones(m), np.full(m, 0.01), np.ones(m), compliance)
        if solve_warm(qp, tau[t], lam, ours[t], r) < 0:
            raise InputError(f"{path}: frame {t} has no solution; are its torques finite?")
    return ours, theirs
