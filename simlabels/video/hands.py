"""Hands at rest: fingers bent, as nobody holds them flat."""

import numpy as np

from realtime.body.rotations import from_axis_angle

from .bodies import Bodies

#: Thumb first; the thumb bends by this share of the fingers.
_FINGERS, _THUMB = (1, 2, 3, 4, 5), 0.35
#: Mean bend of the three joints of a finger, rad, outwards along it; little fingers bend more than index fingers.
_BEND_RAD = np.radians([22.0, 32.0, 18.0])
_BY_FINGER = (1.0, 0.8, 1.0, 1.15, 1.3)


def with_bent_fingers(bodies: Bodies, vertices_m: np.ndarray, heads_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The body's vertices (V, 3) with each hand between nearly flat and half a fist; `heads_m` (B, 3) are its bones' beginnings."""
    place = {name: b for b, name in enumerate(bodies.bone_names)}
    turned = np.tile(np.eye(3, 4), (len(bodies.bone_names), 1, 1))
    for side in ("L", "R"):
        bend = rng.uniform(0.4, 2.0)
        palm = _palm_axis(heads_m, place, side)
        for finger in _FINGERS:
            chain = [place[f"finger{finger}-{k}.{side}"] for k in (1, 2, 3)]
            amount = bend * _BY_FINGER[finger - 1] * (_THUMB if finger == 1 else rng.uniform(0.8, 1.2))
            T = np.eye(4)
            for bone, bend_rad in zip(chain, _BEND_RAD, strict=True):
                R = from_axis_angle(palm * amount * bend_rad)
                T = T @ np.block([[R, (heads_m[bone] - R @ heads_m[bone])[:, None]], [np.zeros(3), 1]])
                turned[bone] = T[:3]
    of_vertex = np.einsum("vk,vkab->vab", bodies.weights, turned[bodies.bones])
    return np.einsum("vab,vb->va", of_vertex, np.c_[vertices_m, np.ones(len(vertices_m))])


def _palm_axis(heads_m: np.ndarray, place: dict[str, int], side: str) -> np.ndarray:
    """Unit axis about which the fingers bend towards the palm: across the hand."""
    across = heads_m[place[f"finger2-1.{side}"]] - heads_m[place[f"finger5-1.{side}"]]
    return across / np.linalg.norm(across) * (-1 if side == "L" else 1)
