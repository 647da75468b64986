"""What else may carry a person whom the feet cannot carry: seat, knees, elbows, back or hands, where they are still.

A frame whose root residual is too large is rejected; this says whether forces at another part of the body would explain it, so
that the reason is "contact elsewhere" and which part, not just "force". It is no measurement: hands, which may also pull, explain
almost anything while they are still. World: MuJoCo's, Z up, metres.
"""

import numpy as np

from .contact import FRICTION, GATE_OFF, Ground
from .dynamics import Mechanics
from .ik_tree import build_tree, segment_poses
from .musculo.body import Body

#: Part -> (segment, place in it in metres) of its points, generic body. Parts that can only push come first.
PARTS: dict[str, tuple[tuple[str, tuple[float, float, float]], ...]] = {
    "seat": (("pelvis", (-0.06, -0.09, 0.06)), ("pelvis", (-0.06, -0.09, -0.06))),
    "knees": (("tibia_l", (0.04, -0.03, 0.0)), ("tibia_r", (0.04, -0.03, 0.0))),
    "elbows": (("ulna_l", (-0.02, 0.0, 0.0)), ("ulna_r", (-0.02, 0.0, 0.0))),
    "back": (("torso", (-0.12, 0.25, 0.08)), ("torso", (-0.12, 0.25, -0.08))),
    "hands": (("thirdmc_l", (0.0, 0.0, 0.0)), ("thirdmc_r", (0.0, 0.0, 0.0))),
}
PULLING = ("hands",)
#: A part that carries rests on something: it is slower than this.
STILL_M_S = 0.2

_CONE = np.array([[FRICTION, 0, 1.0], [-FRICTION, 0, 1], [0, FRICTION, 1], [0, -FRICTION, 1]])
_ANY = np.concatenate([np.eye(3), -np.eye(3)])


def carried_by(
    body: Body,
    q: np.ndarray,
    fps: float,
    mechanics: Mechanics,
    ground: Ground,
    frames: np.ndarray,
    most_BW: tuple[float, float],
) -> list[str]:
    """For each of `frames` (indices) the first of `PARTS` that, with the feet, leaves less than this force and moment; "" if none.

    Args:
        q: filtered reduced positions (T, 38).
        most_BW: residual force, body weights, and moment, body weights x metre, below which a frame is explained.
    """
    if not len(frames):
        return []
    points_m = _points_m(body, q)
    is_still = {part: np.linalg.norm(np.gradient(at, 1 / fps, axis=0), axis=-1) < STILL_M_S for part, at in points_m.items()}
    need = mechanics.root_wrench / body.weight_N
    found = []
    for t in frames:
        loaded = ground.gate[t] > GATE_OFF
        sole = _generators(mechanics.sole_m[t, loaded], _CONE, mechanics.root_m[t])
        found.append("")
        for part, at in points_m.items():
            still = is_still[part][t]
            if not still.any():
                continue
            columns = _generators(at[t, still], _ANY if part in PULLING else _CONE, mechanics.root_m[t])
            if _explains(np.concatenate([sole, columns]), need[t], most_BW):
                found[-1] = part
                break
    return found


def _points_m(body: Body, q: np.ndarray) -> dict[str, np.ndarray]:
    """World positions (T, points, 3) of each part's points."""
    tree, places = build_tree(body, [segment for points in PARTS.values() for segment, _ in points])
    position_m, R = segment_poses(q, tree, places)
    out, at = {}, 0
    for part, points in PARTS.items():
        placed = []
        for segment, place in points:
            local_m = body.body_factor[body.model.body(segment).id] * np.array(place)
            placed.append(position_m[:, at] + R[:, at] @ local_m)
            at += 1
        out[part] = np.stack(placed, axis=1)
    return out


def _generators(points_m: np.ndarray, directions: np.ndarray, root_m: np.ndarray) -> np.ndarray:
    """Force and moment about the root (points x directions, 6) of a unit push in each direction at each point."""
    force = np.repeat(directions[None], len(points_m), axis=0)
    moment = np.cross((points_m - root_m)[:, None], force)
    return np.concatenate([force, moment], axis=-1).reshape(-1, 6)


def _explains(generators: np.ndarray, need: np.ndarray, most_BW: tuple[float, float]) -> bool:
    from scipy.optimize import nnls

    share, _ = nnls(generators.T, need)
    left = need - generators.T @ share
    return bool(np.linalg.norm(left[:3]) < most_BW[0] and np.linalg.norm(left[3:]) < most_BW[1])
