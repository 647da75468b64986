"""A bound body and an outfit become meshes: what is cut away, how far cloth stands off, what is painted on the face."""

from typing import Any

import numpy as np

from .binding import Binding
from .bodies import Bodies
from .mesh import Mesh
from .wardrobe import Outfit, cloth_offset_m, is_covered, is_worn, wrinkled

_BALD_M = 1e3
#: Painted on the skin: factor on its colour and how much of it.
_LIPS, _BROWS, _LIDS = (1.0, 0.68, 0.66, 0.6), (0.35, 0.28, 0.24, 0.8), (0.75, 0.62, 0.58, 0.6)
_PUPIL, _WHITE = (0.02, 0.02, 0.02), (0.85, 0.84, 0.82)
#: A vertex is of an arm or a leg from this much skin weight on.
_OF_LIMB, _OF_END = 0.3, 0.6


def dressed(bodies: Bodies, bound: Binding, outfit: Outfit, rng: np.random.Generator) -> tuple[Mesh, ...]:
    """The meshes of a person."""
    body = _Dresser(bodies, bound, outfit, rng)
    meshes = [body.skin(), body.suit(), body.eyes()]
    if outfit.hem is not None:
        meshes.append(body.skirt(outfit.hem))
    if outfit.hair == "long":
        meshes.append(body.hair())
    return tuple(meshes)


class _Dresser:
    """What all meshes of one person share."""

    def __init__(self, bodies: Bodies, bound: Binding, outfit: Outfit, rng: np.random.Generator):
        self.bodies, self.bound, self.outfit, self.rng = bodies, bound, outfit, rng
        self.region, self.neck_m = _regions(bodies, bound)
        tpose = bound.tpose_m
        body = np.unique(bodies.faces["body"])
        self.head = np.zeros(len(tpose), bool)
        self.head[body[bound.weights[body, 15] > 0.5]] = True
        self.eye = {side: np.unique(bodies.faces[f"helper-{side}-eye"]) for side in "lr"}
        self.eye_m = {side: tpose[rows].mean(0) for side, rows in self.eye.items()}
        self.crown_m = float(tpose[self.head, 1].max())
        self.eyes_m = float(self.eye_m["l"][1] + self.eye_m["r"][1]) / 2
        self.head_z_m = float(tpose[self.head, 2].mean())

    def skin(self) -> Mesh:
        faces = self.bodies.faces["body"]
        outfit = self.outfit
        line_m = _BALD_M if outfit.hair == "bald" else self.eyes_m + outfit.hairline * (self.crown_m - self.eyes_m)
        uniforms = {
            "skin_colour": outfit.skin_colour,
            "hair_colour": outfit.hair_colour,
            "hairline_m": (self.head_z_m, line_m),
            "seed": outfit.seed,
        }
        normals = _normals(self.bound.vertices_m, faces)
        visible = ~is_covered(outfit, self.region, self.bound.tpose_m, self.neck_m)[faces].all(1)
        return self._mesh("skin", faces[visible], self.bound.vertices_m, normals, uniforms, self._face_paint())

    def suit(self) -> Mesh:
        faces, points = self.bodies.faces["helper-tights"], self.bound.vertices_m
        outfit = self.outfit
        normals = _normals(points, faces)
        points = points + normals * cloth_offset_m(outfit, self.region)[:, None]
        under_foot = (self.region[:, 1] > 2) & (normals[:, 1] < -0.5)
        points[under_foot, 1] -= outfit.sole_m
        worn = is_worn(outfit, self.region, self.bound.tpose_m, self.neck_m)[faces].any(1)
        uniforms = {
            "top_colour": outfit.top_colour,
            "bottom_colour": outfit.bottom_colour,
            "shoe_colour": outfit.shoe_colour,
            "sleeve": outfit.sleeve,
            "leg_end": outfit.leg_end,
            "waist": outfit.waist,
            "neckline": outfit.neckline,
            "neck_m": (float(self.neck_m[0]), float(self.neck_m[1])),
            "pattern": float(outfit.pattern),
            "seed": outfit.seed,
        }
        normals = wrinkled(_normals(points, faces), points, self.rng)
        return self._mesh("cloth", faces[worn], points, normals, uniforms)

    def skirt(self, hem: float) -> Mesh:
        faces, points = self.bodies.faces["helper-skirt"], self.bound.vertices_m
        faces = faces[(self.region[faces, 1] <= hem).any(1)]
        weights = self.bound.weights.copy()
        for thigh, *below in (
            (1, 4, 7, 10),
            (2, 5, 8, 11),
        ):  # a short skirt hangs from hips and thighs, it does not follow shanks
            weights[:, thigh] += weights[:, below].sum(1)
            weights[:, below] = 0
        normals = wrinkled(_normals(points, faces), points, self.rng)
        uniforms = {"bottom_colour": self.outfit.bottom_colour, "hem": hem, "seed": self.outfit.seed}
        return self._mesh("skirt", faces, points, normals, uniforms, weights=weights)

    def hair(self) -> Mesh:
        faces, tpose = self.bodies.faces["helper-hair"], self.bound.tpose_m
        end_m = self.eyes_m - self.outfit.hair_below_eyes_m
        uniforms = {
            "hair_colour": self.outfit.hair_colour,
            "hair_end_m": end_m,
            "face_m": (self.head_z_m, self.eyes_m + 0.42 * (self.crown_m - self.eyes_m)),
            "seed": self.outfit.seed,
        }
        normals = _normals(self.bound.vertices_m, faces)
        return self._mesh("hair", faces[(tpose[faces, 1] > end_m).any(1)], self.bound.vertices_m, normals, uniforms)

    def eyes(self) -> Mesh:
        points, tpose = self.bound.vertices_m, self.bound.tpose_m
        colour = np.zeros((len(points), 4))
        kept, normals = [], np.zeros_like(points)
        for side, rows in self.eye.items():
            faces = self.bodies.faces[f"helper-{side}-eye"]
            outwards = tpose[rows] - self.eye_m[side]
            forwards = outwards[:, 2] / np.linalg.norm(outwards, axis=1)
            ring = np.select([forwards > 0.95, forwards > 0.84], [0, 1], 2)
            colour[rows] = np.c_[np.array([_PUPIL, self.outfit.iris_colour, _WHITE])[ring], np.ones(len(rows))]
            normals += _normals(points, faces)
            front = np.zeros(len(points))
            front[rows] = forwards
            kept.append(faces[(front[faces] > 0).any(1)])  # nobody sees the back of an eye
        return self._mesh("eyes", np.concatenate(kept), points, normals, {}, colour)

    def _face_paint(self) -> np.ndarray:
        """Lips, brows and lids (V, 4), as `Mesh.colour` of skin."""
        bodies, tpose = self.bodies, self.bound.tpose_m
        colour = np.zeros((len(tpose), 4))
        of_lips = np.array([name.startswith("oris") for name in bodies.bone_names])
        colour[self.head & ((bodies.weights * of_lips[bodies.bones]).sum(1) > 0.75)] = _LIPS
        apart_m = np.linalg.norm(self.eye_m["l"] - self.eye_m["r"])
        for side, centre_m in self.eye_m.items():
            x, y, z = ((tpose - centre_m) / apart_m).T
            outwards = x if side == "l" else -x
            colour[self.head & (outwards > -0.28) & (outwards < 0.42) & (y > 0.26) & (y < 0.4) & (z > -0.32)] = _BROWS
            colour[self.head & (np.sqrt(x * x + y * y + z * z) < 0.27) & (z > 0)] = _LIDS
        return colour

    def _mesh(self, material: str, faces, points, normals, uniforms: dict[str, Any], colour=None, weights=None) -> Mesh:
        """A mesh of some triangles of the body."""
        rows, triangles = np.unique(faces, return_inverse=True)
        colour = np.zeros((len(points), 4)) if colour is None else colour
        weights = self.bound.weights if weights is None else weights
        return Mesh(
            material=material,
            triangles=triangles.reshape(faces.shape).astype(np.int32),
            uniforms=uniforms,
            **{
                name: np.ascontiguousarray(of_body[rows], np.float32)
                for name, of_body in (
                    ("vertices_m", points),
                    ("normals", normals),
                    ("weights", weights),
                    ("texture_m", self.bound.tpose_m),
                    ("region", self.region),
                    ("colour", colour),
                )
            },
        )


def _regions(bodies: Bodies, bound: Binding) -> tuple[np.ndarray, np.ndarray]:
    """`Mesh.region` (V, 4) of every vertex; (x, z) of the base of the neck."""
    tpose, weights, rest = bound.tpose_m, bound.weights, bound.rest_m
    hips = (rest[1] + rest[2]) / 2
    neck = bound.neck_m - hips
    region = np.zeros((len(tpose), 4))
    for side in (0, 1):
        for column, (root, middle, end, tip) in enumerate(((16, 18, 20, 22), (1, 4, 7, 10))):
            chain = [root + side, middle + side, end + side, tip + side]
            along = _share(tpose, rest[chain[0]], rest[chain[1]]) + _share(tpose, rest[chain[1]], rest[chain[2]])
            along += 0.5 * (weights[:, chain[2:]].sum(1) > _OF_END)
            region[:, column] = np.maximum(region[:, column], along * (weights[:, chain].sum(1) > _OF_LIMB))
    region[:, 2] = (tpose - hips) @ neck / (neck @ neck)
    region[:, 3] = weights[:, 15]
    return region, bound.neck_m[[0, 2]]


def _share(points_m: np.ndarray, start_m: np.ndarray, end_m: np.ndarray) -> np.ndarray:
    """How far along from start to end, 0..1."""
    along = end_m - start_m
    return np.clip((points_m - start_m) @ along / (along @ along), 0, 1)


def _normals(points_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) by the area of the triangles around; zero where there are none."""
    corners = points_m[faces]
    n = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(points_m)
    for corner in faces.T:
        np.add.at(normals, corner, n)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
