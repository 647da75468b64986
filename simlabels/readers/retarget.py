"""CMU's BVH skeleton to SMPL-24: rotations in SMPL's convention on a rest pose with the subject's own bone lengths.

Both have Y up, face +Z and the left at +X in their zero pose. Global rule: G_smpl[j] = G_bvh[source of j] A[j], where A[j] carries
SMPL's rest bone onto the BVH's bone in its zero pose. Over 255 CMU clips the joints land 2.2 mm from the BVH's (median).
"""

from dataclasses import dataclass

import numpy as np

from realtime.body.errors import InputError
from realtime.body.rotations import least_rotation
from realtime.body.skeleton import JOINT_COUNT, PARENTS, offsets_of

from .bvh import Bvh, axis_rotation, no_joint
from .chains import local_rotations, pose

#: BVH joint at the place of each SMPL joint. `LeftHand` is no wrist: it lies two thirds down the forearm.
SOURCES: tuple[str, ...] = (
    *("Hips", "LeftUpLeg", "RightUpLeg", "LowerBack", "LeftLeg", "RightLeg", "Spine", "LeftFoot", "RightFoot", "Spine1"),
    *("LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head", "LeftArm", "RightArm"),
    *("LeftForeArm", "RightForeArm", "LeftFingerBase", "RightFingerBase", "LeftHandIndex1", "RightHandIndex1"),
)
#: BVH joint whose rotation drives each SMPL joint: hands turn with their wrist.
ROTATION_SOURCES = (*SOURCES[:22], "LeftFingerBase", "RightFingerBase")
#: (joint, child): bones whose rest direction differs between the two skeletons.
ALIGNED = ((1, 4), (2, 5), (4, 7), (5, 8), (7, 10), (8, 11), (13, 16), (14, 17), (16, 18), (17, 19), (18, 20), (19, 21))
#: CMU's head frame of a person who looks straight ahead has its nose 16 degrees down.
HEAD_PITCH_RAD = np.radians(16.0)
#: SMPL's pelvis above the middle of the hips, for legs of 0.80 m.
PELVIS_ABOVE_HIPS_M, ITS_LEG_M = np.array([0.0, 0.091, 0.006]), 0.80
#: The zero pose of CMU's skeleton spreads each leg by this much.
LEG_SPREAD_RAD = np.radians(20.0)
TOE_ABOVE_SOLE_M = 0.033
SHORTEST_BONE_M = 1e-3
LEG_PER_STATURE = 0.491  # Winter 2009
_SIDES = ((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23))


@dataclass(frozen=True, kw_only=True)
class SmplMotion:
    """A clip on SMPL-24. World: Y up, metres."""

    R_local: np.ndarray  # (T, 24, 3, 3), the pelvis in the world
    pelvis_m: np.ndarray  # (T, 3)
    rest_m: np.ndarray  # (24, 3): rest joints, T-pose, pelvis at the origin
    fps: float

    def forward(self) -> tuple[np.ndarray, np.ndarray]:
        """Joint positions (T, 24, 3) and global rotations (T, 24, 3, 3)."""
        return pose(PARENTS, offsets_of(self.rest_m), self.R_local, self.pelvis_m)

    @property
    def stature_m(self) -> float:
        """Stature estimated from the legs by Winter's proportions."""
        bones = offsets_of(self.rest_m)
        return float(np.linalg.norm(bones[4]) + np.linalg.norm(bones[7])) / LEG_PER_STATURE


def rest_joints_m(bvh: Bvh) -> np.ndarray:
    """SMPL-24 T-pose (24, 3) with this skeleton's bone lengths, left and right made equal.

    Raises:
        InputError: a joint of CMU's skeleton is missing.
    """
    zero = bvh.zero_pose_m()[_places(bvh, SOURCES)]
    bones = offsets_of(zero)
    for left, right in _SIDES:
        bone = (bones[left] + bones[right] * [-1, 1, 1]) / 2
        if left in (4, 7):  # legs straight down
            bone = np.array([0, -np.linalg.norm(bone), 0])
        elif left == 10:  # the foot turned with them
            bone = axis_rotation(-LEG_SPREAD_RAD, 2) @ bone
        elif left in (18, 20, 22):  # arms straight out
            bone = np.array([np.linalg.norm(bone), 0, 0])
        bones[left], bones[right] = bone, bone * [-1, 1, 1]
    leg_m = np.linalg.norm(bones[4]) + np.linalg.norm(bones[7])
    to_pelvis = PELVIS_ABOVE_HIPS_M * leg_m / ITS_LEG_M + (bones[1] + bones[2]) / 2
    for child in (1, 2, 3):
        bones[child] = bones[child] - to_pelvis
    rest = np.zeros((JOINT_COUNT, 3))
    for j in range(1, JOINT_COUNT):
        rest[j] = rest[PARENTS[j]] + bones[j]
    return rest


def retarget(bvh: Bvh) -> SmplMotion:
    """The motion on SMPL-24.

    Raises:
        InputError: a joint of CMU's skeleton is missing, or a bone has no length.
    """
    rest = rest_joints_m(bvh)
    bones = offsets_of(rest)
    position, R = bvh.forward()
    place = _places(bvh, SOURCES)
    align = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    joints, children = np.array(ALIGNED).T
    for j, child in ALIGNED:
        if not min(np.linalg.norm(bones[child]), np.linalg.norm(bvh.offsets_m[place[child]])) > SHORTEST_BONE_M:
            raise InputError(
                f"the bone from {SOURCES[j]} to {SOURCES[child]} has no length, so its direction is unknown; mend its OFFSET"
            )
    align[joints] = least_rotation(bones[children], bvh.offsets_m[np.array(place)[children]])
    align[10], align[11] = align[7], align[8]
    align[15] = axis_rotation(-HEAD_PITCH_RAD, 0)
    R_global = R[:, _places(bvh, ROTATION_SOURCES)] @ align
    aim = position[:, place[15]] - position[:, place[12]]  # two BVH neck bones, one SMPL neck: aim it at the head
    if not np.linalg.norm(aim, axis=1).min() > SHORTEST_BONE_M:
        raise InputError("the neck has no length, so its direction is unknown; mend the OFFSETs of Neck1 and Head")
    R_global[:, 12] = least_rotation(R_global[:, 12] @ bones[15], aim) @ R_global[:, 12]
    hips = position[:, [place[1], place[2]]].mean(1)
    pelvis_m = hips - R_global[:, 0] @ ((bones[1] + bones[2]) / 2)
    return SmplMotion(R_local=local_rotations(PARENTS, R_global), pelvis_m=pelvis_m, rest_m=rest, fps=bvh.fps)


def estimated_floor_m(bvh: Bvh) -> float:
    """Height of the floor: the lower toe joint rides 33 mm above the sole, 95 % of the time at least."""
    position, _ = bvh.forward()
    toes = position[:, _places(bvh, ("LeftToeBase", "RightToeBase")), 1]
    return float(np.percentile(toes.min(1), 5)) - TOE_ABOVE_SOLE_M


def _places(bvh: Bvh, names: tuple[str, ...]) -> list[int]:
    for name in names:
        if name not in bvh.names:
            raise InputError(f"the skeleton has {no_joint(name, bvh.names)}")
    return [bvh.names.index(name) for name in names]
