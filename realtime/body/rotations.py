"""Rotations, batched over leading axes: matrices (..., 3, 3), axis-angle (..., 3) rad, unit quaternions wxyz (..., 4)."""

import numpy as np

from .errors import ShapeError

Array = np.ndarray


def _check(R: Array, shape: tuple[int, ...], what: str) -> None:
    if R.shape[-len(shape) :] != shape:
        raise ShapeError(f"{what} are (..., {', '.join(map(str, shape))}), got {R.shape}")


def from_axis_angle(aa: Array) -> Array:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), rad (Rodrigues)."""
    _check(aa, (3,), "axis-angle vectors")
    angle = np.linalg.norm(aa, axis=-1, keepdims=True)[..., None]
    K = _cross_matrix(aa)
    # sin(x)/x and (1 - cos x)/x^2 by their series near zero, where the quotients lose all digits
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1 - angle**2 / 6, np.sin(safe) / safe)
    b = np.where(small, 0.5 - angle**2 / 24, 2 * np.sin(safe / 2) ** 2 / safe**2)
    return np.eye(3) + a * K + b * (K @ K)


def to_axis_angle(R: Array) -> Array:
    """Axis-angle vectors (..., 3), rad, angle in 0..pi, of rotation matrices; exact at half turns too (by quaternion)."""
    q = to_quat_wxyz(R)
    q = np.where(q[..., :1] < 0, -q, q)
    sin_half = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sin_half, q[..., :1])
    return q[..., 1:] * np.where(sin_half < 1e-9, 2.0, angle / np.maximum(sin_half, 1e-12))


def from_quat_wxyz(quat_wxyz: Array) -> Array:
    """Rotation matrices (..., 3, 3) of quaternions wxyz (..., 4); they are normalised first."""
    _check(quat_wxyz, (4,), "quaternions")
    w, x, y, z = np.moveaxis(quat_wxyz / np.linalg.norm(quat_wxyz, axis=-1, keepdims=True), -1, 0)
    R = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return np.stack(R, axis=-1).reshape(*w.shape, 3, 3)


def to_quat_wxyz(R: Array) -> Array:
    """Unit quaternions wxyz (..., 4) of rotation matrices; the sign is such that the largest component is positive."""
    _check(R, (3, 3), "rotation matrices")
    d = [R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]]
    a = [R[..., 2, 1], R[..., 0, 2], R[..., 1, 0]]
    b = [R[..., 1, 2], R[..., 2, 0], R[..., 0, 1]]
    # Row k is 4 q_k q; the row with the largest q_k is the well-conditioned one (Shepperd 1978).
    rows = [[1 + d[0] + d[1] + d[2], a[0] - b[0], a[1] - b[1], a[2] - b[2]]]
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        row = [a[i] - b[i], None, None, None]
        row[1 + i] = 1 + d[i] - d[j] - d[k]
        row[1 + j] = a[k] + b[k]
        row[1 + k] = a[j] + b[j]
        rows.append(row)
    table = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    best = np.argmax(np.diagonal(table, axis1=-2, axis2=-1), axis=-1)
    q = np.take_along_axis(table, best[..., None, None], axis=-2)[..., 0, :]
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def to_rot6d_cols(R: Array) -> Array:
    """The first two columns (..., 6) of rotation matrices (Zhou et al. 2019)."""
    _check(R, (3, 3), "rotation matrices")
    return np.concatenate([R[..., 0], R[..., 1]], axis=-1)


def angle_between(R_a: Array, R_b: Array) -> Array:
    """Angle (...), rad, 0 to pi, of the rotation that carries `R_a` onto `R_b`, both (..., 3, 3) into one common frame.

    Raises:
        ShapeError: the last two axes of an argument are not (3, 3).
    """
    for R in (R_a, R_b):
        _check(R, (3, 3), "rotation matrices")
    R = np.swapaxes(R_a, -1, -2) @ R_b
    # In float32 arccos((trace - 1) / 2) turns 1e-4 rad into 0, just where jitter is measured; sine and cosine keep it.
    sin2 = np.stack([R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], axis=-1)
    cos2 = np.trace(R, axis1=-2, axis2=-1) - 1
    return np.arctan2(np.linalg.norm(sin2, axis=-1), cos2)


def least_rotation(a: Array, b: Array) -> Array:
    """The least rotation (..., 3, 3) that carries direction `a` (..., 3) onto direction `b` (..., 3).

    At a half turn the axis is undefined; the result there is a rotation of nearly pi about some normal of `a`.
    """
    a = a / np.linalg.norm(a, axis=-1, keepdims=True)
    b = b / np.linalg.norm(b, axis=-1, keepdims=True)
    K = _cross_matrix(np.cross(a, b))
    cos = (a * b).sum(-1)[..., None, None]
    return np.eye(3) + K + K @ K / np.maximum(1 + cos, 1e-6)


def _cross_matrix(v: Array) -> Array:
    """Matrices (..., 3, 3) that multiply like `v` x."""
    zero = np.zeros_like(v[..., 0])
    K = [zero, -v[..., 2], v[..., 1], v[..., 2], zero, -v[..., 0], -v[..., 1], v[..., 0], zero]
    return np.stack(K, axis=-1).reshape(*v.shape[:-1], 3, 3)
