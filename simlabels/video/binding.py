"""A body of Anny on an SMPL-24 skeleton: where its joints are, the skeleton between clip and body, and one-step skinning onto it.

A vertex v of the A-pose goes to sum_j w_j (G_j R_bind_j (v - centre_j) + p_j), G_j and p_j rotation and place of SMPL's joint j. Each
joint's centre lands on its joint exactly, whatever the pose. By way of the T-pose (skinning twice) shoulders puff up.
"""

from dataclasses import dataclass

import numpy as np

from realtime.body.rotations import least_rotation
from realtime.body.skeleton import JOINT_COUNT, JOINT_MIRROR, PARENTS, offsets_of

from .bodies import Bodies
from .rig import HEADS, folded_weights

#: Bones that are turned and stretched from the body's onto the skeleton's: joint -> the joint at its other end.
ALONG: dict[int, int] = {
    1: 4,
    2: 5,
    4: 7,
    5: 8,
    12: 15,
    13: 16,
    14: 17,
    16: 18,
    17: 19,
    18: 20,
    19: 21,
    20: 22,
    21: 23,
}
#: A bone stretched along itself is made thicker or thinner across by as much, within these.
_ACROSS = (0.85, 1.15)
_HEAD = 15
_TRUNK = (3, 6, 9, 12, 13, 14)


@dataclass(frozen=True)
class Own:
    """A body's own joints, scaled to the legs asked for; A-pose, metres."""

    scale: float  # on the body as it is stored
    joints_m: np.ndarray  # (24, 3), spine, neck and collars where the skeleton has them between hips and shoulders
    neck_m: np.ndarray  # (3,) where Anny's neck begins, above SMPL's neck joint

    @property
    def lengths_m(self) -> np.ndarray:
        """Length (24,) of the bone from each joint's parent, left and right made equal."""
        lengths = np.linalg.norm(offsets_of(self.joints_m), axis=-1)
        return (lengths + lengths[list(JOINT_MIRROR)]) / 2


@dataclass(frozen=True)
class Binding:
    """A body bound to a skeleton: what skinning needs, and the body in the skeleton's T-pose."""

    vertices_m: np.ndarray  # (V, 3) A-pose
    weights: np.ndarray  # (V, 24)
    R_bind: np.ndarray  # (24, 3, 3)
    centre_m: np.ndarray  # (24, 3)
    tpose_m: np.ndarray  # (V, 3)
    rest_m: np.ndarray  # (24, 3)
    neck_m: np.ndarray  # (3,) base of the body's neck in the T-pose: where a collar sits, above SMPL's neck joint


def own_joints(bodies: Bodies, index: int, rest_m: np.ndarray) -> Own:
    """Joints of a body that is scaled until its legs are as long as those of `rest_m` (24, 3).

    Legs alone: legs and trunk together would make everyone 9 % too tall, since Anny's shoulders lie lower in an A-pose.
    """
    heads = bodies.heads_m[index].astype(float)
    joints = np.zeros((JOINT_COUNT, 3))
    for j, bone in HEADS.items():
        joints[j] = heads[bodies.bone_names.index(bone)]
    scale = leg_m(rest_m) / leg_m(joints)
    joints *= scale
    joints[[0, *_TRUNK]] = _trunk(joints, rest_m)[0]
    return Own(scale, joints, scale * heads[bodies.bone_names.index("neck01")])


def leg_m(joints_m: np.ndarray) -> float:
    """Thigh and shank, mean of both sides."""
    bones = np.linalg.norm(offsets_of(joints_m), axis=-1)
    return float(bones[[4, 5, 7, 8]].sum()) / 2


def skeleton_between(rest_m: np.ndarray, own: Own, weight: float) -> np.ndarray:
    """Rest joints (24, 3), pelvis in the origin: directions of the clip's bones `rest_m`, lengths between them and the body's.

    Legs stay the clip's, so that its steps fit; the trunk's length is the mean, hands the body's (a clip's often end in the palm),
    `weight` 0..1 is the body's share in hips, arms, shoulders' width and feet. Toes are as far below the ankles as the body's: with
    a clip's drop of 3 cm they would lie above the shoes.
    """
    share = np.full(JOINT_COUNT, weight)
    share[[4, 5, 7, 8]] = 0.0
    share[[*_TRUNK, _HEAD]] = 0.5
    share[[22, 23]] = 1.0
    bones = offsets_of(rest_m)
    clip_m = np.maximum(np.linalg.norm(bones, axis=-1), 1e-9)
    length_m = clip_m ** (1 - share) * np.maximum(own.lengths_m, 1e-9) ** share
    bones *= (length_m / clip_m)[:, None]
    bones[[10, 11], 1] = (own.joints_m[[10, 11], 1] - own.joints_m[[7, 8], 1]).mean()
    return _joints(bones)


def fit_m(rest_m: np.ndarray, own: Own) -> np.ndarray:
    """How far (24,) the body's own joints lie from the skeleton's, bones turned but not stretched, hips' middle on hips' middle."""
    bones = offsets_of(rest_m)
    unit = bones / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
    joints = _joints(unit * own.lengths_m[:, None])
    between = (rest_m[1] + rest_m[2] - joints[1] - joints[2]) / 2
    return np.linalg.norm(joints + between - rest_m, axis=-1)


def bind(bodies: Bodies, vertices_m: np.ndarray, own: Own, rest_m: np.ndarray) -> Binding:
    """Binds a body, A-pose vertices (V, 3) already scaled, to the skeleton `rest_m` (24, 3)."""
    centre, R_bind = own.joints_m.copy(), np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    centre[[0, *_TRUNK]], R_bind[[0, 3, 6, 9]] = _trunk(own.joints_m, rest_m)
    for j, end in ALONG.items():
        R_bind[j] = _along(centre[end] - centre[j], rest_m[end] - rest_m[j])
    for ankle, toe in ((7, 10), (8, 11)):
        R_bind[ankle] = R_bind[toe] = _level(centre[toe] - centre[ankle], rest_m[toe] - rest_m[ankle])
        # soles stay level: the toes' centre is where the skeleton has it, not where the body has its own
        centre[toe] = centre[ankle] + np.linalg.solve(R_bind[ankle], rest_m[toe] - rest_m[ankle])
    R_bind[[22, 23]] = R_bind[[20, 21]]
    weights = folded_weights(bodies.weights, bodies.bones, bodies.bone_names)
    to_rest = rest_m - np.einsum("jab,jb->ja", R_bind, centre)
    tpose = np.einsum("vj,jab,vb->va", weights, R_bind, vertices_m, optimize=True) + weights @ to_rest
    neck = (np.einsum("jab,b->ja", R_bind[[9, 12]], own.neck_m) + to_rest[[9, 12]]).mean(0)  # it hangs on spine and neck
    return Binding(vertices_m, weights, R_bind, centre, tpose, rest_m, neck)


def _joints(bones_m: np.ndarray) -> np.ndarray:
    """Rest joints (24, 3) of bone vectors parent -> joint, the pelvis in the origin."""
    joints_m = np.zeros_like(bones_m)
    for j in range(1, JOINT_COUNT):
        joints_m[j] = joints_m[PARENTS[j]] + bones_m[j]
    return joints_m


def _trunk(own_m: np.ndarray, rest_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (7, 3) of pelvis, spine, neck and collars in the body, between hips and shoulders as in the skeleton; the map (3, 3) back."""
    hips, shoulders = (own_m[1] + own_m[2]) / 2, (own_m[16] + own_m[17]) / 2
    middle, upwards = (rest_m[1] + rest_m[2]) / 2, (rest_m[16] + rest_m[17] - rest_m[1] - rest_m[2]) / 2
    stretch = np.linalg.norm(upwards) / np.linalg.norm(shoulders - hips)
    R = least_rotation(upwards, shoulders - hips)
    return hips + (rest_m[[0, *_TRUNK]] - middle) @ R.T / stretch, R.T * np.clip(stretch, *_ACROSS)


def _along(own: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The map (3, 3) that turns the body's bone onto the skeleton's and stretches it to that length."""
    stretch = np.linalg.norm(drawn) / np.linalg.norm(own)
    along = np.outer(own, own) / (own @ own)
    return least_rotation(own, drawn) @ (along * stretch + (np.eye(3) - along) * np.clip(stretch, *_ACROSS))


def _level(own: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """As `_along` for a foot, its height kept and its sole level: turned about the vertical, stretched forwards and sideways."""
    own, drawn = own * (1, 0, 1), drawn * (1, 0, 1)
    R = _along(own, drawn)
    R[1, 1] = 1.0
    return R
