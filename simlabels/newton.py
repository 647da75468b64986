"""Small Cholesky solves, compiled: 37 or 31 or 6 unknowns, where a library call costs more than the arithmetic."""

import math

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"contract", "reassoc"})
def cholesky_solve(H, rhs, out):
    """Solves H out = rhs for symmetric positive definite H, whose lower triangle is read and kept.

    The last unknown is eliminated first, and nothing is done left of a row's first entry that is not zero. In our bodies the
    root and the trunk come first and the limbs, which meet only there, last: a third of the work is left.
    """
    n = rhs.size
    L, first, inverse = np.empty((n, n)), np.empty(n, np.int64), np.empty(n)
    for i in range(n):
        row, begun = n - 1 - i, False
        first[i] = i
        for j in range(i + 1):
            L[i, j] = H[n - 1 - j, row]
            if not begun and L[i, j] != 0.0:
                first[i], begun = j, True
    for i in range(n):
        for j in range(first[i], i):
            s = L[i, j]
            for k in range(max(first[i], first[j]), j):
                s -= L[i, k] * L[j, k]
            L[i, j] = s * inverse[j]
        s = L[i, i]
        for k in range(first[i], i):
            s -= L[i, k] * L[i, k]
        inverse[i] = 1 / math.sqrt(max(s, 1e-14))
    for i in range(n):
        s = rhs[n - 1 - i]
        for k in range(first[i], i):
            s -= L[i, k] * out[n - 1 - k]
        out[n - 1 - i] = s * inverse[i]
    for i in range(n - 1, -1, -1):
        x = out[n - 1 - i] * inverse[i]
        out[n - 1 - i] = x
        for k in range(first[i], i):
            out[n - 1 - k] -= L[i, k] * x
