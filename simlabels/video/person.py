"""A person who performs a labelled motion: the skeleton drawn, its meshes, and how they are skinned to a pose.

World: metres, Y up. T-pose: facing +Z, left = +X, pelvis joint in the origin. The skeleton drawn *is* the truth of the take:
`R_global` and `joints_m` come from forward kinematics over `rest_m`, and each joint's centre of the mesh lands on its joint exactly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

MATERIALS = ("skin", "cloth", "eyes", "hair", "skirt")


@dataclass(frozen=True)
class Mesh:
    """One material's share of a person: n vertices, f triangles, and what its shader must know.

    Vertex data, passed on to the shader:
        texture_m: place in the T-pose, where patterns and cuts hang: a value that does not move with the pose.
        region: (arm, leg, torso, head). arm: 0 shoulder, 1 elbow, 2 wrist, 2.5 hand, 0 for what is no arm; leg: 0 hip, 1 knee,
            2 ankle, 2.5 foot, 0 for what is no leg; torso: 0 at the hips, 1 at the base of the neck, below 0 and above 1 beyond;
            head: skin weight of the head, 0..1.
        colour: (r, g, b, how much of it 0..1), linear. Skin: a *factor* on the skin colour (lips, brows, lids): skin * mix(1, rgb, a).
            Eyes: the colour itself. Else zeros.

    Uniforms, by material (colours are linear RGB 0..1; `seed` (2): shift of the noise and pattern lookup):
        skin: skin_colour (3); hair_colour (3), hairline_m (z, y): short hair painted on the skull: hair where region.head > 0.5, colour.a < 0.01 and
            texture_m.y > y - 0.144 * smoothstep(0.03, -0.06, texture_m.z - z); y is 1e3 where nothing is painted (bald); seed.
        cloth: one suit, cut into shoes, lower and upper garment, in this order:
            region.leg > 1.88: shoe_colour (discard where region.head > 0.5);
            else region.arm < 0.02 and region.torso < waist: bottom_colour, discard where region.leg > leg_end;
            else top_colour, discard where region.arm > sleeve, or region.torso > neckline and |texture_m.xz - neck_m| < 0.105.
            neck_m (x, z); pattern (0..4): 0 plain, 1 stripes of shoe_colour across the top, 2 checks of bottom_colour on the top,
            3 fine lines down the bottom, 4 a print on the chest (texture_m.z > 0, |x| < 0.11, |torso - 0.62| < 0.18); seed.
        eyes: none.
        hair: hair_colour (3); hair_end_m: discard where texture_m.y < hair_end_m; face_m (z, y): discard where texture_m.z > z, |x| < 0.085 and
            texture_m.y < y (the shell is closed in front of the face); seed.
        skirt: bottom_colour (3); hem: discard where region.leg > hem; seed.
    """

    material: str  # of MATERIALS
    vertices_m: np.ndarray  # (n, 3) float32, A-pose
    normals: np.ndarray  # (n, 3) float32, A-pose, unit, outwards
    weights: np.ndarray  # (n, 24) float32: skin weights, at most four a vertex, rows sum to one
    triangles: np.ndarray  # (f, 3) int32, counter-clockwise seen from outside
    texture_m: np.ndarray  # (n, 3) float32
    region: np.ndarray  # (n, 4) float32
    colour: np.ndarray  # (n, 4) float32
    uniforms: dict[str, float | tuple[float, ...]]


@dataclass(frozen=True)
class DrawnPerson:
    """Who performs: x = sum_j w_j (R_global_j R_bind_j (v - centre_j) + joints_j) carries the A-pose vertex v to the pose.

    Attributes:
        rest_m: (24, 3) the skeleton drawn, T-pose, pelvis in the origin: offsets_of(rest_m) goes into forward kinematics.
        path_scale: factor on the clip's pelvis path, about its floor: legs drawn over legs of the clip, so that feet keep to the ground.
        stature_m: crown to sole in the T-pose, barefoot.
        meshes: one a material; vertices of all together are skinned in one go.
        R_bind, centre_m: (24, 3, 3) linear map (rotation and stretch) and (24, 3) centre of one-step skinning.
        landmarks: name -> (mesh, vertex) of points that SMPL lacks (nose, left_ear, left_eye, left_heel, left_toe, ...), to about 1 cm.
        phenotype, outfit: what was drawn from the generator, JSON-able.
        fit_m: (24,) how far the body's own joints lie from the skeleton drawn, before bones are stretched.
    """

    rest_m: np.ndarray
    path_scale: float
    stature_m: float
    meshes: tuple[Mesh, ...]
    R_bind: np.ndarray
    centre_m: np.ndarray
    landmarks: dict[str, tuple[int, int]]
    phenotype: dict[str, float]
    outfit: dict[str, Any]
    fit_m: np.ndarray
