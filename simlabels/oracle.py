"""Two other ways to solve a frame's static optimisation, to judge the compiled one by: plain numpy, and the library piqp."""

import numpy as np


def solve_plain(A: np.ndarray, weight: np.ndarray, tau: np.ndarray, lowest: float, reserve_scale: float) -> np.ndarray:
    """Activations (M,) of min 1/2 sum w a^2 + 1/2 sum (r / d)^2 with A a + r = tau, lowest <= a <= 1; A is (n, M), dense.

    The same dual as in `optimise`, written down for reading: Newton's method on g(lam) = A clip(A' lam / w) + d^2 lam - tau.

    Raises:
        ArithmeticError: no solution within 500 steps.
    """
    lam = np.zeros(len(tau))
    d2 = reserve_scale**2

    def activation(lam: np.ndarray) -> np.ndarray:
        return np.clip(A.T @ lam / weight, lowest, 1)

    def dual(lam: np.ndarray) -> float:
        a = activation(lam)
        return float(lam @ (A @ a - tau) - 0.5 * weight @ a**2 + 0.5 * d2 * lam @ lam)

    for _ in range(500):
        a = activation(lam)
        g = A @ a + d2 * lam - tau
        if np.abs(g).max() <= 1e-9 * max(1.0, np.abs(tau).max()):
            return a
        free = (a > lowest) & (a < 1)
        H = (A[:, free] / weight[free]) @ A[:, free].T + d2 * np.eye(len(tau))
        step, size = np.linalg.solve(H, -g), 1.0
        while size > 1e-9 and dual(lam + size * step) > dual(lam) + 1e-4 * size * (g @ step) + 1e-12 * abs(dual(lam)):
            size /= 2
        lam = lam + size * step
    raise ArithmeticError("the plain dual Newton method did not end within 500 steps")


def solve_piqp(
    A: np.ndarray,
    weight: np.ndarray,
    tau: np.ndarray,
    lowest: float | np.ndarray,
    reserve_scale: float,
    highest: float | np.ndarray = 1.0,
    *,
    polish: bool = True,
) -> np.ndarray:
    """The same by piqp (Schwan et al. 2023), a proximal interior-point method that knows nothing of our dual.

    An interior point only comes near a bound that holds weakly: at tolerance 1e-13 it is up to 2e-4 off, by the optimality
    conditions. Polishing (as OSQP does; Stellato et al. 2020) takes from its multipliers which bounds hold, solves the linear
    system that is left, and makes sure that the same bounds hold there: 2e-13.

    Raises:
        ArithmeticError: piqp found no solution, or its bounds are not those of the solution.
    """
    import piqp
    from scipy import sparse

    n, m = A.shape
    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = 1e-13
    solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = 1e-13
    P = sparse.diags(np.r_[weight, np.full(n, reserve_scale**-2)]).tocsc()
    equality = sparse.csc_matrix(np.hstack([A, np.eye(n)]))
    low, high = np.broadcast_to(lowest, m), np.broadcast_to(highest, m)
    solver.setup(P, np.zeros(m + n), equality, tau, x_l=np.r_[low, np.full(n, -np.inf)], x_u=np.r_[high, np.full(n, np.inf)])
    status = solver.solve()
    if status != piqp.PIQP_SOLVED:
        raise ArithmeticError(f"piqp ended with {status}")
    if not polish:
        return np.asarray(solver.result.x)[:m]
    return _polished(A, weight, tau, low, high, reserve_scale, -np.asarray(solver.result.y))


def _polished(A, weight, tau, low, high, reserve_scale, lam) -> np.ndarray:
    for _ in range(5):
        wanted = A.T @ lam / weight
        free = (wanted > low) & (wanted < high)
        held = np.where(wanted <= low, low, high)[~free]
        H = (A[:, free] / weight[free]) @ A[:, free].T + reserve_scale**2 * np.eye(len(tau))
        lam = np.linalg.solve(H, tau - A[:, ~free] @ held)
        a = np.clip(A.T @ lam / weight, low, high)
        if np.abs(A @ a + reserve_scale**2 * lam - tau).max() <= 1e-8 * max(1.0, np.abs(tau).max()):
            return a
    raise ArithmeticError("piqp's multipliers do not say which bounds hold")
