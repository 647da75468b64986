"""Skeletons in motion, compiled: from rotations in the parent to places and rotations in the world, and back."""

import numpy as np
from numba import njit

from ..musculo.vectors import compose, plus, put, rotated, row


def pose(
    parents: np.ndarray | tuple[int, ...] | list[int], offsets_m: np.ndarray, R_local: np.ndarray, root_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Joint positions (T, J, 3) and global rotations (T, J, 3, 3).

    Args:
        parents: of each joint, which come first; -1 for the root.
        offsets_m: (J, 3) in the parent.
        R_local: (T, J, 3, 3), the root's in the world.
        root_m: (T, 3).
    """
    arrays = (np.ascontiguousarray(x, float) for x in (offsets_m, R_local, root_m))
    return _pose(np.array(parents, np.int64), *arrays)


def local_rotations(parents: np.ndarray | tuple[int, ...] | list[int], R_global: np.ndarray) -> np.ndarray:
    """Rotations in the parent (T, J, 3, 3) of global ones."""
    return _local_rotations(np.array(parents, np.int64), np.ascontiguousarray(R_global, float))


@njit(cache=True)
def _pose(parents, offsets_m, R_local, root_m):
    position, R = np.empty(R_local.shape[:3]), np.empty_like(R_local)
    for t in range(len(R_local)):
        for j, p in enumerate(parents):
            if p < 0:
                put(position[t], j, row(root_m, t))
                R[t, j] = R_local[t, j]
            else:
                put(position[t], j, plus(row(position[t], p), rotated(R[t], p, row(offsets_m, j))))
                compose(R[t], p, R_local[t], j, R[t], j)
    return position, R


@njit(cache=True)
def _local_rotations(parents, R):
    out = np.empty_like(R)
    for t in range(len(R)):
        for j, p in enumerate(parents):
            if p < 0:
                out[t, j] = R[t, j]
            else:
                for r in range(3):
                    for c in range(3):
                        out[t, j, r, c] = (
                            R[t, p, 0, r] * R[t, j, 0, c] + R[t, p, 1, r] * R[t, j, 1, c] + R[t, p, 2, r] * R[t, j, 2, c]
                        )
    return out
