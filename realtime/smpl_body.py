"""The person as a SMPL body, frame by frame: shape fitted to the person's own bones, joints, and vertices on request.

The pelvis is where ours is and every rotation is ours; what differs is the skeleton in between, since SMPL's joints are not ours
everywhere (its hips lie closer together, its collar bones begin further out).
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
#: How far a length of ours may be from SMPL's for the same bones: joints are defined differently, ours are estimates.
LENGTH_SIGMA_M = 0.01
FIT_STEPS = 4

#: Distances of the rest pose that mean the same in both skeletons: thighs, shins, trunk, upper arms, forearms.
_ENDS = [
    *(("left_hip", "left_knee"), ("right_hip", "right_knee"), ("left_knee", "left_ankle"), ("right_knee", "right_ankle")),
    *(("pelvis", "neck"), ("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")),
    *(("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")),
]
_FROM, _TO = (np.array([joint_index(ends[i]) for ends in _ENDS]) for i in (0, 1))


def fit_betas(body: SmplBody, offsets_m: np.ndarray) -> np.ndarray:
    """Shape parameters (10,), float32, of the person whose bone vectors are `offsets_m` (24, 3).

    Least squares on nine lengths, each to `LENGTH_SIGMA_M`, with the betas' own spread (1 in SMPL's population) as the ridge:
    what lengths do not tell stays near 0. Lengths are nearly linear in betas: a few Gauss-Newton steps. Betas that the body
    lacks are 0.
    """
    wanted_m = _lengths(_joints_of(offsets_m))
    n = min(BETAS_COUNT, body.betas_count)
    spans_m = (body.joint_template_m[_TO] - body.joint_template_m[_FROM]).astype(float)
    per_beta_m = (body.joint_shape_dirs_m[_TO] - body.joint_shape_dirs_m[_FROM])[..., :n].astype(float)
    betas = np.zeros(n)
    for _ in range(FIT_STEPS):
        now_m = spans_m + per_beta_m @ betas
        length_m = np.linalg.norm(now_m, axis=1)
        J = np.einsum("mi,mib->mb", now_m / length_m[:, None], per_beta_m) / LENGTH_SIGMA_M
        missing = (wanted_m - length_m) / LENGTH_SIGMA_M
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


def _lengths(rest_m: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rest_m[_TO] - rest_m[_FROM], axis=1)


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
