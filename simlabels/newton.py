"""Small dense Cholesky solves, compiled: 37 or 31 or 6 unknowns, where a library call costs more than the arithmetic."""

import math

from numba import njit


@njit(cache=True)
def cholesky_solve(H, rhs, out):
    """Solves H out = rhs for symmetric positive definite H; only the lower triangle is read, and overwritten by its factor."""
    n = rhs.size
    for i in range(n):
        for j in range(i + 1):
            s = H[i, j]
            for k in range(j):
                s -= H[i, k] * H[j, k]
            if i == j:
                H[i, i] = math.sqrt(max(s, 1e-14))
            else:
                H[i, j] = s / H[j, j]
    for i in range(n):
        s = rhs[i]
        for k in range(i):
            s -= H[i, k] * out[k]
        out[i] = s / H[i, i]
    for i in range(n - 1, -1, -1):
        s = out[i]
        for k in range(i + 1, n):
            s -= H[k, i] * out[k]
        out[i] = s / H[i, i]
