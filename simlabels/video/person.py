"""A person who performs a labelled motion: the skeleton drawn, its meshes, and how they are skinned to a pose.

World: metres, Y up. T-pose: facing +Z, left = +X, pelvis joint in the origin. The skeleton drawn *is* the truth of the take:
`R_global` and `joints_m` come from forward kinematics over `rest_m`, and each joint's centre of the mesh lands on its joint exactly.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit

from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import forward_kinematics, offsets_of

from .binding import bind, fit_m, leg_m, own_joints, skeleton_between
from .bodies import Bodies
from .dressing import dressed
from .hands import with_bent_fingers
from .mesh import Mesh
from .wardrobe import random_outfit

#: Stature of the person drawn over that of the clip's subject; men a little taller, women a little smaller.
_STATURE_FACTOR, _BY_GENDER = (0.93, 1.05), 0.06
#: Share of the body's own bone lengths in the skeleton drawn.
_BODY_SHARE = (0.5, 1.0)
#: Elevation of the face (rad) that is left alone, over frames whose trunk is upright by this cosine; what a turned head is set to.
_LEVEL_RAD, _UPRIGHT, _SET_RAD, _MOST_RAD = np.radians((-20.0, 15.0)), 0.85, np.radians((-8.0, 5.0)), np.radians(45.0)
#: Upright frames that say something.
_ENOUGH_FRAMES = 11
#: The floor is where soles are in the lowest of this many percent of the frames.
_ON_FLOOR_PERCENT = 5


@dataclass(frozen=True)
class DrawnPerson:
    """Who performs: x = sum_j w_j (R_global_j R_bind_j (v - centre_j) + joints_j) carries the A-pose vertex v to the pose.

    Attributes:
        rest_m: (24, 3) the skeleton drawn, T-pose, pelvis in the origin: offsets_of(rest_m) goes into forward kinematics.
        path_scale: factor on the clip's pelvis path, about its floor: legs drawn over legs of the clip, so that feet keep to the ground.
        stature_m: crown to sole in the T-pose, barefoot.
        meshes: one a material; vertices of all together are skinned in one go.
        R_bind, centre_m: (24, 3, 3) linear map (rotation and stretch) and (24, 3) centre of one-step skinning.
        phenotype, outfit: what was drawn from the generator, JSON-able.
        fit_m: (24,) how far the body's own joints lie from the skeleton drawn, before bones are stretched.
    """

    rest_m: np.ndarray
    path_scale: float
    stature_m: float
    meshes: tuple[Mesh, ...]
    R_bind: np.ndarray
    centre_m: np.ndarray
    phenotype: dict[str, float]
    outfit: dict[str, Any]
    fit_m: np.ndarray

    @cached_property
    def packed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
        """All meshes as one: (N, 6) places and normals, (N, 4) joints, (N, 4) their weights, float32; where meshes but the first begin."""
        points = np.concatenate([np.c_[mesh.vertices_m, mesh.normals] for mesh in self.meshes]).astype(np.float32)
        weights = np.concatenate([mesh.weights for mesh in self.meshes])
        joints = np.argsort(-weights, axis=1, kind="stable")[:, :4].astype(np.int32)
        starts = np.cumsum([len(mesh.vertices_m) for mesh in self.meshes])[:-1].tolist()
        return points, joints, np.take_along_axis(weights, joints.astype(int), axis=1).astype(np.float32), starts


def draw_person(bodies: Bodies, index: int, rest_m: np.ndarray, rng: np.random.Generator) -> DrawnPerson:
    """Somebody who performs a clip of the subject with rest joints `rest_m` (24, 3): body `index`, all else from `rng`.

    Bone directions and rotations are the clip's, bone lengths lie between the clip's and the body's, legs are the clip's, scaled.
    """
    phenotype = bodies.phenotypes[index]
    path_scale = float(rng.uniform(*_STATURE_FACTOR) + _BY_GENDER * (phenotype["gender"] - 0.5))
    of_clip_m = (np.asarray(rest_m, float) - rest_m[0]) * path_scale
    own = own_joints(bodies, index, of_clip_m)
    drawn_m = skeleton_between(of_clip_m, own, float(rng.uniform(*_BODY_SHARE)))
    vertices_m = bodies.vertices_m[index] * own.scale
    vertices_m = with_bent_fingers(bodies, vertices_m, bodies.heads_m[index] * own.scale, rng)
    bound = bind(bodies, vertices_m, own, drawn_m)
    outfit = random_outfit(phenotype, rng)
    meshes = dressed(bodies, bound, outfit, rng)
    height_m = bound.tpose_m[np.unique(bodies.faces["body"]), 1]
    return DrawnPerson(
        rest_m=drawn_m,
        path_scale=leg_m(drawn_m) / leg_m(rest_m),
        stature_m=float(height_m.max() - height_m.min()),
        meshes=meshes,
        R_bind=bound.R_bind,
        centre_m=bound.centre_m,
        phenotype=phenotype,
        outfit=outfit.as_dict(),
        fit_m=fit_m(drawn_m, own),
    )


def skinned(person: DrawnPerson, R_global: np.ndarray, joints_m: np.ndarray) -> list[np.ndarray]:
    """Places and normals (n, 6) float32 of each mesh in the world, for one pose: (24, 3, 3) and (24, 3). Normals are not of unit length."""
    points, joints, weights, starts = person.packed
    out = np.empty_like(points)
    _skin(_matrices(person, R_global, joints_m).astype(np.float32), joints, weights, points, out)
    return np.split(out, starts)


def floor_m(person: DrawnPerson, R_global: np.ndarray, joints_m: np.ndarray) -> float:
    """Height of the floor under a motion (T, 24, 3, 3), (T, 24, 3): where the soles of the shoes are in the lowest 5 % of its frames.

    Soles, not toe joints: these lie 2 to 5 cm above, by body and shoe. Subtract it from the joints' height, and the floor is at 0.
    """
    suit = next(mesh for mesh in person.meshes if mesh.material == "cloth")
    foot = suit.region[:, 1] > 2
    sole = np.flatnonzero(foot & (suit.texture_m[:, 1] < suit.texture_m[foot, 1].min() + 0.03))
    weights = suit.weights[sole].astype(float)
    of_feet = np.flatnonzero(weights.any(0))
    up = _matrices(person, R_global, joints_m)[:, of_feet, 1]  # (T, J, 4): the row of the height
    points = np.c_[suit.vertices_m[sole], np.ones(len(sole))]
    height_m = np.einsum("vj,tjb,vb->tv", weights[:, of_feet], up, points, optimize=True)
    return float(np.percentile(height_m.min(1), _ON_FLOOR_PERCENT))


def head_lift_rad(R_local: np.ndarray, rest_m: np.ndarray) -> float:
    """By how much the head is to be lifted throughout a clip, of which these are moments (T, 24, 3, 3).

    Head frames differ between subjects of a motion library: some stare at the floor throughout. The face's median elevation over
    frames with an upright trunk is turned back where it is outside -20..+15 degrees.
    """
    _, R_global = forward_kinematics(R_local, offsets_of(rest_m), np.zeros(3))
    upright = R_global[:, 9, 1, 1] > _UPRIGHT
    if upright.sum() < _ENOUGH_FRAMES:
        return 0.0
    elevation_rad = float(np.median(np.arcsin(np.clip(R_global[upright, 15, 1, 2], -1, 1))))
    if _LEVEL_RAD[0] <= elevation_rad <= _LEVEL_RAD[1]:
        return 0.0
    return float(np.clip(_SET_RAD[int(elevation_rad > 0)] - elevation_rad, -_MOST_RAD, _MOST_RAD))


def with_head_lifted(R_local: np.ndarray, lift_rad: float) -> np.ndarray:
    """The motion (T, 24, 3, 3) with the face turned up, half at the neck, half at the head."""
    half = from_axis_angle(np.array([-lift_rad / 2, 0, 0]))
    lifted = R_local.copy()
    lifted[:, [12, 15]] = R_local[:, [12, 15]] @ half
    return lifted


def _matrices(person: DrawnPerson, R_global: np.ndarray, joints_m: np.ndarray) -> np.ndarray:
    """Maps (..., 24, 3, 4) of A-pose points by each joint."""
    A = R_global @ person.R_bind
    return np.concatenate([A, joints_m[..., None] - A @ person.centre_m[:, :, None]], axis=-1)


@njit(cache=True)
def _skin(maps, joints, weights, points, out):
    """Linear blend skinning: out (N, 6) = places and normals `points` (N, 6) under the blend of 4 of `maps` (24, 3, 4)."""
    for i in range(len(points)):
        for a in range(3):
            b0 = b1 = b2 = b3 = np.float32(0)
            for k in range(4):
                w, m = weights[i, k], maps[joints[i, k], a]
                b0 += w * m[0]
                b1 += w * m[1]
                b2 += w * m[2]
                b3 += w * m[3]
            out[i, a] = b0 * points[i, 0] + b1 * points[i, 1] + b2 * points[i, 2] + b3
            out[i, 3 + a] = b0 * points[i, 3] + b1 * points[i, 4] + b2 * points[i, 5]
