"""One material's share of a person, ready for its shader."""

from dataclasses import dataclass

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
        skin: skin_colour (3); hair_colour (3), hairline_m (z, y): short hair painted on the skull: hair where region.head > 0.5,
            colour.a < 0.01 and texture_m.y > y - 0.144 * smoothstep(0.03, -0.06, texture_m.z - z); y is 1e3 where nothing is
            painted (bald); seed.
        cloth: one suit, cut into shoes, lower and upper garment, in this order:
            region.leg > 1.88: shoe_colour (discard where region.head > 0.5);
            else region.arm < 0.02 and region.torso < waist: bottom_colour, discard where region.leg > leg_end;
            else top_colour, discard where region.arm > sleeve, or region.torso > neckline and |texture_m.xz - neck_m| < 0.105.
            neck_m (x, z); pattern (0..4): 0 plain, 1 stripes of shoe_colour across the top, 2 checks of bottom_colour on the top,
            3 fine lines down the bottom, 4 a print on the chest (texture_m.z > 0, |x| < 0.11, |torso - 0.62| < 0.18); seed.
        eyes: none.
        hair: hair_colour (3); hair_end_m: discard where texture_m.y < hair_end_m; face_m (z, y): discard where texture_m.z > z,
            |x| < 0.085 and texture_m.y < y (the shell is closed in front of the face); seed.
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
