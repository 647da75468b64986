"""The person as a SMPL body, frame by frame: shape fitted to the person's own bones, joints, and vertices on request.

The pelvis is where ours is and every rotation is ours; what differs is the skeleton in between, since SMPL's joints are not ours
everywhere (its hips lie closer together, its neck begins higher, its collar bones further out).
"""

from dataclasses import dataclass

import numpy as np

from .body.frames import BodyFrame, State
from .body.skeleton import JOINT_COUNT, PARENTS, joint_index
from .body.smpl_file import SmplBody
from .body.smpl_skin import Skin

BETAS_COUNT = 10
#: The shape is fitted to the mean bones of so many tracked frames, from the first one on, and then kept.
FIT_FRAMES = 30
FIT_STEPS = 4

#: Distances of the rest pose that mean much the same in both skeletons, between joints or the middles of two, and how far, m, ours
#: may be from SMPL's for the same person: joints are defined differently (shoulders most), and ours are estimates.
_LIMBS = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
_LENGTHS: list[tuple[tuple[str, ...], tuple[str, ...], float]] = [
    *(((f"{side}_{a}",), (f"{side}_{b}",), 0.01) for a, b in _LIMBS for side in ("left", "right")),
    (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), 0.03),
]
_SIGMA_M = np.array([sigma_m for *_, sigma_m in _LENGTHS])
#: (9, 24): times joints gives the vector along each of them.
_SPANS = np.zeros((len(_LENGTHS), JOINT_COUNT))
for _i, (_from, _to, _) in enumerate(_LENGTHS):
    _SPANS[_i, [joint_index(name) for name in _from]] -= 1 / len(_from)
    _SPANS[_i, [joint_index(name) for name in _to]] += 1 / len(_to)


def fit_betas(body: SmplBody, offsets_m: np.ndarray) -> np.ndarray:
    """Shape parameters (10,), float32, of the person whose bone vectors are `offsets_m` (24, 3).

    Least squares on nine lengths, each to its own allowance, with the betas' own spread (1 in SMPL's population) as the ridge:
    what lengths do not tell stays near 0. Lengths are nearly linear in betas: a few Gauss-Newton steps. Betas that the body
    lacks are 0.
    """
    wanted_m = lengths_m(_joints_of(offsets_m))
    n = min(BETAS_COUNT, body.betas_count)
    spans_m = _SPANS @ body.joint_template_m
    per_beta_m = np.einsum("mj,jib->mib", _SPANS, body.joint_shape_dirs_m[..., :n].astype(float))
    betas = np.zeros(n)
    for _ in range(FIT_STEPS):
        now_m = spans_m + per_beta_m @ betas
        length_m = np.linalg.norm(now_m, axis=1)
        J = np.einsum("mi,mib->mb", now_m / (length_m * _SIGMA_M)[:, None], per_beta_m)
        missing = (wanted_m - length_m) / _SIGMA_M
        betas = np.linalg.solve(J.T @ J + np.eye(n), J.T @ (missing + J @ betas))
    full = np.zeros(BETAS_COUNT, np.float32)
    full[:n] = betas
    return full


def _joints_of(offsets_m: np.ndarray) -> np.ndarray:
    """Rest joints (24, 3) of bone vectors (24, 3), pelvis at the origin."""
    rest_m = np.zeros((JOINT_COUNT, 3))
    for j in range(1, JOINT_COUNT):
        rest_m[j] = rest_m[PARENTS[j]] + offsets_m[j]
    return rest_m


def lengths_m(rest_m: np.ndarray) -> np.ndarray:
    """The nine lengths (9,) of rest joints (24, 3): left and right thigh, shin, upper arm, forearm; trunk, mid-hips to mid-shoulders."""
    return np.linalg.norm(_SPANS @ rest_m, axis=1)


@dataclass(frozen=True, kw_only=True)
class SmplFrame:
    """One frame of the SMPL body, world frame of the stream; NaN while the person is lost."""

    betas: np.ndarray  # (10,)
    transl_m: np.ndarray  # (3,): what smplx takes as transl for this place
    joints_m: np.ndarray  # (24, 3)
    vertices_m: np.ndarray | None  # (V, 3); None if not asked for


class LiveSmplBody:
    """The tracked person in the shape of a SMPL body.

    `betas` (10,) are zeros until the person is tracked, settle over the first `FIT_FRAMES` tracked frames and then stay
    until the person is lost: a body that keeps changing its shape would be worse than one that is a little wrong.

    Args:
        with_mesh: compute the vertices too.
    """

    def __init__(self, body: SmplBody, *, with_mesh: bool = False):
        self.body, self.with_mesh = body, with_mesh
        self.betas = np.zeros(BETAS_COUNT, np.float32)
        self._skin = Skin(body)
        self._offsets_sum_m, self._fitted = np.zeros((JOINT_COUNT, 3)), 0

    def update_shape(self, frame: BodyFrame, offsets_m: np.ndarray) -> np.ndarray:
        """The person's betas (10,) by this frame, given the bones (24, 3) that were estimated in it."""
        if frame.state is State.LOST:
            if self._fitted:
                self._offsets_sum_m, self._fitted = np.zeros((JOINT_COUNT, 3)), 0
                self._set(np.zeros(BETAS_COUNT, np.float32))
        elif frame.state is State.TRACKING and self._fitted < FIT_FRAMES:
            self._offsets_sum_m += offsets_m
            self._fitted += 1
            self._set(fit_betas(self.body, self._offsets_sum_m / self._fitted))
        return self.betas

    def pose(self, frame: BodyFrame) -> SmplFrame:
        """The body in this frame's pose, in the shape that `update_shape` gave it."""
        vertices_m = None
        if frame.state is State.LOST:
            joints_m = np.full((JOINT_COUNT, 3), np.nan, np.float32)
            if self.with_mesh:
                vertices_m = np.full((self.body.vertex_count, 3), np.nan, np.float32)
        elif self.with_mesh:
            joints_m, vertices_m = self._skin.pose(frame.R_local, frame.pelvis_m)
        else:
            joints_m = self._skin.joints_m(frame.R_local, frame.pelvis_m).astype(np.float32)
        transl_m = frame.pelvis_m - self._skin.rest_joints_m[0]
        return SmplFrame(betas=self.betas, transl_m=transl_m, joints_m=joints_m, vertices_m=vertices_m)

    def _set(self, betas: np.ndarray) -> None:
        self.betas = betas
        self._skin.set_shape(betas)
