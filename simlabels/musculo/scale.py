"""Scales the body to a person: one length factor a segment, one mass, on compiled arrays without a new compilation."""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import mujoco
import numpy as np

from realtime.body.errors import InputError

from .body import Body
from .model import GENERIC_MASS_KG, HAND_BONES

#: Segment -> model bodies (with _r and _l where they end in *); every other body is trunk.
SEGMENTS: dict[str, tuple[str, ...]] = {
    "pelvis": ("Full Body", "sacrum", "pelvis"),
    "femur": ("femur_*", "patella_*"),
    "tibia": ("tibia_*",),
    "foot": ("talus_*", "calcn_*", "toes_*"),
    "humerus": ("humphant_*", "humphant1_*", "humerus_*"),
    "forearm": ("ulna_*", "radius_*"),
    "hand": ("lunate_*", *(f"{bone}_*" for bone in sorted(HAND_BONES))),
}

#: SMPL joint -> model body whose origin it is, and its weight in inverse kinematics.
LANDMARKS: dict[int, tuple[str, float]] = {
    1: ("femur_l", 1.0),
    2: ("femur_r", 1.0),
    4: ("tibia_l", 1.0),
    5: ("tibia_r", 1.0),
    7: ("talus_l", 1.0),
    8: ("talus_r", 1.0),
    10: ("toes_l", 0.7),
    11: ("toes_r", 0.7),
    16: ("humerus_l", 0.5),
    17: ("humerus_r", 0.5),
    18: ("ulna_l", 0.7),
    19: ("ulna_r", 0.7),
    20: ("lunate_l", 0.7),
    21: ("lunate_r", 0.7),
    22: ("thirdmc_l", 0.2),
    23: ("thirdmc_r", 0.2),
}

#: Segment -> the joints at its ends, left and right.
_ENDS: dict[str, tuple[tuple[int, int], ...]] = {
    "pelvis": ((1, 2),),
    "femur": ((1, 4), (2, 5)),
    "tibia": ((4, 7), (5, 8)),
    "foot": ((7, 10), (8, 11)),
    "humerus": ((16, 18), (17, 19)),
    "forearm": ((18, 20), (19, 21)),
}

#: Skeletons of motion capture place hips, wrists and toes oddly: no segment strays further from the leg's factor.
FACTOR_BAND = (0.85, 1.15)
MASS_RANGE_KG = (30.0, 200.0)


def scale_body(body: Body, factors: Mapping[str, float] | None = None, mass_kg: float = GENERIC_MASS_KG) -> None:
    """Turns `body` into a person with these segment factors (default 1) and this mass.

    Mass is spread uniformly, inertia goes with factor^2, strength with (mass ratio)^(2/3), fibre and tendon lengths with the
    path length in the neutral pose.

    Raises:
        InputError: a mass or factor that no person has.
    """
    factors = factors or {}
    low, high = MASS_RANGE_KG
    if not low <= mass_kg <= high:
        raise InputError(f"a mass of {mass_kg:.0f} kg is outside {low:.0f}-{high:.0f} kg; check the unit of the motion file")
    m, generic = body.model, body.generic_arrays
    k = body.body_factor = np.array([factors.get(segment, 1.0) for segment in _segments(body)])
    m.body_pos[:] = generic["body_pos"] * k[m.body_parentid][:, None]
    m.body_pos[1] = generic["body_pos"][1]
    m.body_ipos[:] = generic["body_ipos"] * k[:, None]
    m.site_pos[:] = generic["site_pos"] * k[m.site_bodyid][:, None]
    m.geom_pos[:] = generic["geom_pos"] * k[m.geom_bodyid][:, None]
    m.geom_size[:] = generic["geom_size"] * k[m.geom_bodyid][:, None]
    m.jnt_pos[:] = generic["jnt_pos"] * k[m.jnt_bodyid][:, None]
    m.eq_data[:] = generic["eq_data"]
    slides = np.flatnonzero(m.jnt_type[m.eq_obj1id] == mujoco.mjtJoint.mjJNT_SLIDE)  # of tibia and patella, in their parent
    m.eq_data[slides, :5] *= k[m.body_parentid[m.jnt_bodyid[m.eq_obj1id[slides]]]][:, None]
    mass_ratio = mass_kg / generic["body_mass"].sum()
    m.body_mass[:] = generic["body_mass"] * mass_ratio
    m.body_inertia[:] = generic["body_inertia"] * (mass_ratio * k**2)[:, None]
    body.mass_kg = mass_kg
    body.update_couplings()
    body.muscles = body.generic_muscles.scaled(body.muscle_lengths_m() / body.generic_length_m, mass_ratio)


_SEGMENTS: WeakKeyDictionary[Body, list[str]] = WeakKeyDictionary()


def _segments(body: Body) -> list[str]:
    """`segment_bodies`, found once a body."""
    if body not in _SEGMENTS:
        _SEGMENTS[body] = segment_bodies(body.model)
    return _SEGMENTS[body]


def segment_bodies(m: mujoco.MjModel) -> list[str]:
    """Segment of each model body."""
    segments = ["trunk"] * m.nbody
    for segment, patterns in SEGMENTS.items():
        for name in {p.replace("_*", side) for p in patterns for side in ("_r", "_l")}:
            b = mujoco.mj_name2id(m, mujoco.mjtObj.mjOBJ_BODY, name)
            if b >= 0:
                segments[b] = segment
    return segments


def segment_lengths_m(joints_m: np.ndarray) -> dict[str, float]:
    """Median segment lengths over frames of SMPL joints (T, 24, 3)."""
    hips, shoulders = joints_m[:, [1, 2]].mean(1), joints_m[:, [16, 17]].mean(1)
    first, second = np.array([pair for pairs in _ENDS.values() for pair in pairs]).T
    bones = np.concatenate([joints_m[:, first] - joints_m[:, second], (hips - shoulders)[:, None]], axis=1)
    *lengths, trunk = np.median(np.linalg.norm(bones, axis=-1), axis=0).tolist()
    lengths = iter(lengths)
    found = {segment: sum(next(lengths) for _ in pairs) / len(pairs) for segment, pairs in _ENDS.items()}
    return found | {"trunk": trunk}


def segment_factors(body: Body, joints_m: np.ndarray) -> dict[str, float]:
    """Length factors of the person with SMPL joints (T, 24, 3), against the generic body.

    Segments without joints (NaN) get no factor.
    """
    generic = np.full((1, 24, 3), np.nan)
    for joint, (name, _) in LANDMARKS.items():
        generic[0, joint] = body.generic_place_m[body.model.body(name).id]
    theirs, ours = segment_lengths_m(joints_m), segment_lengths_m(generic)
    factors = {s: theirs[s] / ours[s] for s in ours if np.isfinite(theirs[s])}
    leg = (factors["femur"] + factors["tibia"]) / 2
    factors = {s: float(np.clip(f, FACTOR_BAND[0] * leg, FACTOR_BAND[1] * leg)) for s, f in factors.items()}
    factors["hand"] = factors.get("forearm", 1.0)
    return factors


def estimated_mass_kg(factors: Mapping[str, float]) -> float:
    """Mass of an unknown person: with the square of stature (the cube gives 133 kg for a skeleton 1.2 times as long)."""
    return GENERIC_MASS_KG * ((factors["femur"] + factors["tibia"]) / 2) ** 2
