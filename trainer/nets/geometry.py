"""Rotations, kinematics and cameras in torch, written so that they export to a handful of ONNX nodes.

Camera axes: x right, y down, z forward. A ray is (pixel - centre) / focal length.
"""

import torch

from realtime.body.landmarks import LANDMARK_COUNT, LIMB_POINTS
from realtime.body.skeleton import JOINT_COUNT, PARENTS

Tensor = torch.Tensor

HIPS = torch.tensor([23, 24])  # landmarks; what the front end's 3D points are about is their middle
LIMB_LANDMARKS = torch.tensor([landmark for landmark, _ in LIMB_POINTS])
_PARENT = torch.tensor([max(p, 0) for p in PARENTS])


def _chains() -> Tensor:
    """(24, 24): row j has ones at j and all its ancestors but the pelvis."""
    chains = torch.zeros(JOINT_COUNT, JOINT_COUNT)
    for j in range(JOINT_COUNT):
        k = j
        while k > 0:
            chains[j, k] = 1
            k = PARENTS[k]
    return chains


CHAINS = _chains()


def _depths() -> list[tuple[list[int], list[int]]]:
    """Joints and their parents, those first whose parent is the pelvis, then theirs, and so on."""
    depth = [int(row.sum()) for row in CHAINS]
    by_depth = [[j for j in range(JOINT_COUNT) if depth[j] == d] for d in range(1, max(depth) + 1)]
    return [(joints, [PARENTS[j] for j in joints]) for joints in by_depth]


_DEPTHS = _depths()


def pick(x: Tensor, indices: Tensor, dim: int) -> Tensor:
    """Entries of one axis, by one Gather node (indices in brackets would become three)."""
    return x.index_select(dim, indices.to(x.device))


def unit(v: Tensor) -> Tensor:
    # clamped, not "+ 1e-12": the exporter drops sums with numbers that small
    return v / v.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()


def from_rot6d_cols(x: Tensor) -> Tensor:
    """(..., 6) -> rotation matrices (..., 3, 3): two columns by Gram-Schmidt (Zhou et al. 2019)."""
    a, b = unit(x[..., :3]), x[..., 3:]
    b = unit(b - (a * b).sum(-1, keepdim=True) * a)
    return torch.stack([a, b, cross(a, b)], dim=-1)


def to_rot6d_cols(R: Tensor) -> Tensor:
    return torch.cat([R[..., 0], R[..., 1]], dim=-1)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """a x b, by turning the axes: `torch.cross` has no ONNX operator of its own, and this makes the fewest nodes."""
    return pick(a, _YZX, -1) * pick(b, _ZXY, -1) - pick(a, _ZXY, -1) * pick(b, _YZX, -1)


_YZX, _ZXY = torch.tensor([1, 2, 0]), torch.tensor([2, 0, 1])

#: v @ CROSS is the matrix of "v x", flattened.
CROSS = torch.zeros(3, 9)
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    CROSS[_i, 3 * _k + _j], CROSS[_i, 3 * _j + _k] = 1, -1


def least_rotation(a: Tensor, b: Tensor) -> Tensor:
    """Rotation (..., 3, 3) that carries direction `a` (..., 3) onto `b`; bent away from the singular half turn."""
    a, b = unit(a), unit(b)
    c = (a * b).sum(-1)[..., None, None]
    v = cross(a, b)
    K = (v @ CROSS.to(v)).reshape(*v.shape[:-1], 3, 3)
    eye = torch.eye(3, dtype=a.dtype, device=a.device)
    return eye + K + K @ K / (1 + c).clamp(min=0.02)


def from_two_axes(x: Tensor, y: Tensor) -> Tensor:
    """Rotation whose first column is along `x` and whose second is along `y` made orthogonal."""
    return from_rot6d_cols(torch.cat([x, y], dim=-1))


def joints_from_global(G: Tensor, offsets_m: Tensor) -> Tensor:
    """Joint positions (..., 24, 3) about the pelvis from global rotations (..., 24, 3, 3): one product, no chain of steps."""
    bones = (pick(G, _PARENT, -3) @ offsets_m[..., None])[..., 0]
    return CHAINS.to(bones) @ bones


def global_from_local(R: Tensor) -> Tensor:
    """Global rotations (..., 24, 3, 3) of parent-relative ones."""
    G = R.clone()
    for joints, parents in _DEPTHS:
        G[..., joints, :, :] = G[..., parents, :, :] @ R[..., joints, :, :]
    return G


def local_from_global(G: Tensor) -> Tensor:
    """Parent-relative rotations; the pelvis stays global."""
    local = pick(G, _PARENT, -3).transpose(-1, -2) @ G
    return torch.cat([G[..., :1, :, :], local[..., 1:, :, :]], dim=-3)


# Closed-form pose: (joint, its parent, landmark at its start, landmark at its end, joint at its bone's end). Three levels, so
# that each level is one batched operation.
_LEVELS = (
    ((1, 0, 23, 25, 4), (2, 0, 24, 26, 5), (16, 9, 11, 13, 18), (17, 9, 12, 14, 19)),
    ((4, 1, 25, 27, 7), (5, 2, 26, 28, 8), (18, 16, 13, 15, 20), (19, 17, 14, 16, 21)),
    ((7, 4, 29, 31, 10), (8, 5, 30, 32, 11), (20, 18, 15, 17, 22), (21, 19, 16, 18, 23)),
)
_ORDER = (0, 3, 6, 9, 15, 1, 2, 16, 17, 4, 5, 18, 19, 7, 8, 20, 21)  # order in which the joints are made
_TAKEN_FROM = {10: 7, 11: 8, 12: 9, 13: 9, 14: 9, 22: 20, 23: 21}  # joints without a landmark of their own
_MADE_AT = {joint: k for k, joint in enumerate(_ORDER)}
_PARENT_AT = [torch.tensor([_MADE_AT[p] for _, p, *_ in level]) for level in _LEVELS]
_STARTS, _ENDS, _END_JOINTS = ([torch.tensor([row[k] for row in level]) for level in _LEVELS] for k in (2, 3, 4))
_ALL_AT = torch.tensor([_MADE_AT[_TAKEN_FROM.get(j, j)] for j in range(JOINT_COUNT)])


def closed_form_pose(w: Tensor, offsets_m: Tensor) -> Tensor:
    """Global rotations (..., 24, 3, 3) that a set of 3D landmarks (..., 33, 3) suggests.

    Trunk and head from hip, shoulder and face landmarks; each limb by the least rotation from its parent (no twist).
    """
    # hands aim at the middle of index and little finger: put it where the little finger stands
    w = torch.cat([w[..., :17, :], (w[..., 17:19, :] + w[..., 19:21, :]) / 2, w[..., 19:, :]], dim=-2)
    up = w[..., 11, :] + w[..., 12, :] - w[..., 23, :] - w[..., 24, :]
    pelvis = from_two_axes(w[..., 23, :] - w[..., 24, :], up)
    chest = from_two_axes(w[..., 11, :] - w[..., 12, :], up)
    head = from_two_axes(w[..., 7, :] - w[..., 8, :], w[..., 2, :] + w[..., 5, :] - w[..., 9, :] - w[..., 10, :])
    p6, c6 = to_rot6d_cols(pelvis), to_rot6d_cols(chest)
    spine = from_rot6d_cols(torch.stack([2 * p6 + c6, p6 + 2 * c6], dim=-2))
    made = torch.cat([torch.stack([pelvis], -3), spine, torch.stack([chest, head], -3)], dim=-3)
    for parent_at, start, end, end_joint in zip(_PARENT_AT, _STARTS, _ENDS, _END_JOINTS, strict=True):
        parent = pick(made, parent_at, -3)
        rest = pick(offsets_m, end_joint, -2)
        aim = pick(w, end, -2) - pick(w, start, -2)
        made = torch.cat([made, least_rotation((parent @ rest[..., None])[..., 0], aim) @ parent], dim=-3)
    return pick(made, _ALL_AT, -3)


def aim_camera(centre: Tensor) -> Tensor:
    """Rotation (..., 3, 3) V that turns the ray `centre` (..., 2) onto the optical axis: x_virtual = V x_camera."""
    d = torch.cat([centre, torch.ones_like(centre[..., :1])], dim=-1)
    axis = torch.tensor([0.0, 0.0, 1.0], dtype=d.dtype, device=d.device)
    return least_rotation(d, axis.expand_as(d))


def person_box(ray: Tensor, detected: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (..., 2) and size (...) of a person in ray units, from the twelve limb landmarks."""
    limbs = pick(ray, LIMB_LANDMARKS, -2)
    centre = limbs.mean(-2)
    size = (limbs - centre[..., None, :]).square().sum(-1).clamp(min=1e-12).sqrt().mean(-1).clamp(min=1e-3)
    seen = detected > 0
    return torch.where(seen[..., None], centre, 0.0), torch.where(seen, size, 0.1)


def landmarks_from_body(joints: Tensor, G: Tensor, carried_offsets_m: Tensor, size: Tensor) -> Tensor:
    """The 33 points (..., 33, 3) that BlazePose means, riding on a body.

    Args:
        joints: (..., 24, 3). G: global rotations (..., 24, 3, 3).
        carried_offsets_m: offset of each landmark in its joint's frame at a stature of 1.70 m, (33, 3).
        size: stature / 1.70, (...).
    """
    offset = (pick(G, LANDMARK_ROTATION, -3) @ carried_offsets_m[..., None])[..., 0]
    return pick(joints, LANDMARK_POSITION, -2) + offset * size[..., None, None]


#: Each landmark rides on one joint's position and one joint's rotation.
LANDMARK_POSITION = torch.tensor([15] * 11 + [16, 17, 18, 19, 20, 21] + [20, 21] * 3 + [1, 2, 4, 5, 7, 8, 7, 8, 10, 11])
LANDMARK_ROTATION = torch.tensor([15] * 11 + [13, 14, 18, 19, 20, 21] + [20, 21] * 3 + [0, 0, 4, 5, 7, 8, 7, 8, 7, 8])
assert len(LANDMARK_POSITION) == len(LANDMARK_ROTATION) == LANDMARK_COUNT


def place_on_rays(points: Tensor, ray: Tensor, weight: Tensor) -> Tensor:
    """Translation (..., 3) that puts points (..., L, 3) onto their rays (..., L, 2): weighted linear least squares.

    Each ray says t_x - ray_x t_z = ray_x p_z - p_x, and the same in y. Solved about the weighted means, which keeps the digits of
    a small spread; a faint prior of 3 m settles the distance where the rays say nothing.
    """
    w = (weight / weight.sum(-1, keepdim=True))[..., None]
    e = ray * points[..., 2:] - points[..., :2]
    ray_mean, e_mean = (w * ray).sum(-2), (w * e).sum(-2)
    ray_c, e_c = ray - ray_mean[..., None, :], e - e_mean[..., None, :]
    prior = 1e-6
    z = (3.0 * prior - (w * ray_c * e_c).sum((-1, -2))) / ((w * ray_c * ray_c).sum((-1, -2)) + prior)
    return torch.cat([ray_mean * z[..., None] + e_mean, z[..., None]], dim=-1)


def gravity_frame(gravity_cam: Tensor) -> Tensor:
    """R_grav_cam (..., 3, 3) of a gravity direction (..., 3): Y up, X level and to the right in the picture, Z towards the viewer."""
    up = -unit(gravity_cam)
    right = torch.tensor([1.0, 0.0, 0.0], dtype=up.dtype, device=up.device).expand_as(up)
    x = unit(right - (right * up).sum(-1, keepdim=True) * up)
    return torch.stack([x, up, cross(x, up)], dim=-2)
