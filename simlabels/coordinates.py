"""Joint angles named as in OpenSim's models to reduced positions of the body, and back.

Axes, orders and signs are those of OpenSim's gait models: ground x forward, y up, z right; pelvis, hips, lumbar joint and
shoulders turn about z, then x, then y; left and right mirrored so that the names keep their meaning. The body's legs have the
same joints, so their angles are taken as they are; trunk and arms, whose joints differ, by the rotations they make.
"""

from collections.abc import Mapping

import numpy as np

from realtime.body.errors import InputError

from .ik_solver import Limits, Targets, solve
from .ik_tree import build_tree, segment_poses
from .musculo.body import Body

#: MuJoCo's axes from OpenSim's ground: (x, y, z) -> (x, -z, y).
R_MJ_OPENSIM = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
PELVIS = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
_HINGES = ("hip_", "knee_angle", "ankle_angle", "subtalar_angle", "elbow_flex", "pro_sup")
_TURNED = ("pelvis", "torso", "humerus_r", "humerus_l")


def positions_of(body: Body, coordinates: Mapping[str, np.ndarray]) -> np.ndarray:
    """Reduced positions (T, 38) of coordinates (T,) in rad and m.

    Coordinates that are not given are zero; those of the toes are left out, as models differ in their sign. Knees that bend
    towards negative angles (Gait2354, Gait2392) are known by their median and turned. Angles beyond the body's limits are cut.

    Args:
        body: scaled to the person.

    Raises:
        InputError: a coordinate of the pelvis or a knee is missing, or one is not finite.
    """
    missing = [name for name in (*PELVIS, "knee_angle_r", "knee_angle_l") if name not in coordinates]
    if missing:
        raise InputError(f"the motion has no {', '.join(missing)}; it should name coordinates as OpenSim's gait models do")
    for name, values in coordinates.items():
        if not np.isfinite(values).all():
            raise InputError(f"the motion's {name} is not finite at frame {int(np.argmin(np.isfinite(values)))}")
    pelvis_m = np.stack([coordinates[name] for name in PELVIS[3:]], axis=1) @ R_MJ_OPENSIM.T
    q = _turned(body, pelvis_m, _segment_rotations(coordinates))
    bends = -1.0 if np.median([coordinates["knee_angle_r"], coordinates["knee_angle_l"]]) < 0 else 1.0
    for k, joint in enumerate(body.joints):
        if joint.startswith(_HINGES) and joint in coordinates:
            sign = bends if joint.startswith("knee") else 1.0
            q[:, 7 + k] = np.clip(sign * coordinates[joint], body.lower_rad[k], body.upper_rad[k])
    return q


def _segment_rotations(coordinates: Mapping[str, np.ndarray]) -> np.ndarray:
    """World rotations (T, 4, 3, 3) of `_TURNED`."""
    T = len(coordinates["pelvis_tilt"])

    def ball(*names: str, mirror: float = 1.0) -> np.ndarray:
        from scipy.spatial.transform import Rotation

        angles = np.stack([coordinates.get(name, np.zeros(T)) for name in names], axis=1)
        return Rotation.from_euler("ZXY", angles * [1, mirror, mirror]).as_matrix()

    pelvis = R_MJ_OPENSIM @ ball(*PELVIS[:3])
    torso = pelvis @ ball("lumbar_extension", "lumbar_bending", "lumbar_rotation")
    arms = [torso @ ball(*(f"arm_{name}_{s}" for name in ("flex", "add", "rot")), mirror=m) for s, m in (("r", 1), ("l", -1))]
    return np.stack([pelvis, torso, *arms], axis=1)


def _turned(body: Body, pelvis_m: np.ndarray, R_world_segment: np.ndarray) -> np.ndarray:
    """Reduced positions whose segments turn so, everything else neutral."""
    tree, place = build_tree(body, list(_TURNED))
    targets = Targets(
        point_m=np.ascontiguousarray(pelvis_m[:, None]),
        R_segment=np.ascontiguousarray(R_world_segment),
        offset_m=np.zeros((1, 3)),
        point_weight=np.ones(1),
        rotation_weight=np.ones(len(_TURNED)),
        point_body=place[:1],
        rotation_body=place,
    )
    neutral = np.clip(0.0, body.lower_rad, body.upper_rad)
    root = body.root_under(pelvis_m[0], R_world_segment[0, 0])
    return solve(targets, Limits(body.lower_rad, body.upper_rad, neutral), np.concatenate([root, neutral]), tree)[0]


def coordinates_of_body(body: Body, q: np.ndarray) -> dict[str, np.ndarray]:
    """Coordinates (T,) of reduced positions (T, 38), rad and m, named as in OpenSim's Rajagopal model; `positions_of` undone."""
    from scipy.spatial.transform import Rotation

    tree, places = build_tree(body, list(_TURNED))
    position_m, R = segment_poses(q, tree, places)
    pelvis, torso, right, left = (R[:, i] for i in range(len(_TURNED)))
    turns = {
        PELVIS[:3]: (R_MJ_OPENSIM.T @ pelvis, 1),
        ("lumbar_extension", "lumbar_bending", "lumbar_rotation"): (np.swapaxes(pelvis, 1, 2) @ torso, 1),
        ("arm_flex_r", "arm_add_r", "arm_rot_r"): (np.swapaxes(torso, 1, 2) @ right, 1),
        ("arm_flex_l", "arm_add_l", "arm_rot_l"): (np.swapaxes(torso, 1, 2) @ left, -1),
    }
    out: dict[str, np.ndarray] = dict(zip(PELVIS[3:], (position_m[:, 0] @ R_MJ_OPENSIM).T, strict=True))
    for names, (R_turn, mirror) in turns.items():
        angles = np.unwrap(Rotation.from_matrix(R_turn).as_euler("ZXY"), axis=0) * [1, mirror, mirror]
        out |= dict(zip(names, angles.T, strict=True))
    out |= {joint: q[:, 7 + k] for k, joint in enumerate(body.joints) if joint.startswith((*_HINGES, "mtp_angle"))}
    return out
