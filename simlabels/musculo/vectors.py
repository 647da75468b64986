"""Vectors of three as tuples, for compiled code: they live in registers, where slices of arrays would be counted and copied.

Rows of an (n, 3) array go in and out by `row` and `put`; `R` is an (n, 3, 3) array of rotations and `i` its place there.
"""

import math

from numba import njit


@njit(cache=True)
def row(A, i):
    return A[i, 0], A[i, 1], A[i, 2]


@njit(cache=True)
def put(A, i, v):
    A[i, 0], A[i, 1], A[i, 2] = v


@njit(cache=True)
def plus(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit(cache=True)
def minus(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(cache=True)
def times(k, a):
    return k * a[0], k * a[1], k * a[2]


@njit(cache=True)
def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True)
def cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True)
def norm(a):
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


@njit(cache=True)
def rotated(R, i, v):
    """R[i] v."""
    return (
        R[i, 0, 0] * v[0] + R[i, 0, 1] * v[1] + R[i, 0, 2] * v[2],
        R[i, 1, 0] * v[0] + R[i, 1, 1] * v[1] + R[i, 1, 2] * v[2],
        R[i, 2, 0] * v[0] + R[i, 2, 1] * v[1] + R[i, 2, 2] * v[2],
    )


@njit(cache=True)
def unrotated(R, i, v):
    """R[i]' v."""
    return (
        R[i, 0, 0] * v[0] + R[i, 1, 0] * v[1] + R[i, 2, 0] * v[2],
        R[i, 0, 1] * v[0] + R[i, 1, 1] * v[1] + R[i, 2, 1] * v[2],
        R[i, 0, 2] * v[0] + R[i, 1, 2] * v[1] + R[i, 2, 2] * v[2],
    )


@njit(cache=True)
def compose(A, i, B, k, out, j):
    """out[j] = A[i] B[k]."""
    for r in range(3):
        x, y, z = A[i, r, 0], A[i, r, 1], A[i, r, 2]
        for c in range(3):
            out[j, r, c] = x * B[k, 0, c] + y * B[k, 1, c] + z * B[k, 2, c]
