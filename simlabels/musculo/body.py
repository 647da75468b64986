"""The mended model with its couplings eliminated: 6 root + 31 independent degrees of freedom instead of 88.

All 51 joint equalities are quartics of one driving joint. Velocities follow by the chain rule, generalised forces by
virtual work, so nothing is approximated. Reduced positions `q` are (T, 38): root position (m), root quaternion wxyz,
31 joint coordinates (rad); reduced velocities and forces are (T, 37).
"""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

from typing import NamedTuple

import mujoco
import numpy as np

from realtime.body.errors import ModelError
from realtime.body.muscles import muscle_names

from .model import GENERIC_MASS_KG, load_model
from .muscle_parameters import MuscleParameters, fit_parameters

GRAVITY_M_S2 = 9.81
ROOT_DOFS = 6
_SCALED = ("body_pos", "body_ipos", "body_mass", "body_inertia", "site_pos", "geom_pos", "geom_size", "jnt_pos", "eq_data")


class MuscleDofs(NamedTuple):
    """Which independent joints each muscle acts on (at most five), and how MuJoCo's sparse tendon Jacobian maps there."""

    count: np.ndarray  # (354,)
    joint: np.ndarray  # (354, 5): indices into the 31 joints; only the first `count` are used
    entry: np.ndarray  # (n,): entries of `data.ten_J` that matter
    entry_muscle: np.ndarray  # (n,)
    entry_slot: np.ndarray  # (n,): column in `joint`
    entry_dof: np.ndarray  # (n,): model degree of freedom


class Body:
    """One person's body. Starts as the generic model; `scale.scale_body` makes it another person.

    Args:
        model: instead of the mended one (to compare with).

    Attributes:
        model, data: MuJoCo's.
        joints: names of the 31 independent joints, the order of every torque array.
        driver: reduced column that drives each model joint, -1 where it is locked, (njnt,).
        quartic: coordinates of each model joint as a polynomial of its driver's, constant first, (njnt, 5).
        muscles: parameters of the 354 muscles at the present scale.
        muscle_dofs: which joints each muscle acts on.
        body_factor: length factor of each model body, (nbody,).
        generic_length_m, generic_place_m: path lengths (354,) and places (nbody, 3) of the generic body, all coordinates zero.

    Raises:
        ModelError: the muscles are not those of `realtime.body.muscles`, in that order.
    """

    def __init__(self, model: mujoco.MjModel | None = None) -> None:
        m = self.model = load_model() if model is None else model
        self.data = mujoco.MjData(m)
        self.muscle_names = tuple(m.actuator(i).name for i in range(m.nu))
        if self.muscle_names != muscle_names():
            raise ModelError(
                "the model's muscles are not those of realtime/body/muscles.csv; install the pinned musclemimic-models"
            )
        self.tendon = m.actuator_trnid[:, 0].copy()
        self._equality = {int(m.eq_obj1id[e]): e for e in range(m.neq)}
        self.joint_ids = np.array([j for j in range(1, m.njnt) if j not in self._equality])
        self.joints = tuple(m.joint(j).name for j in self.joint_ids)
        self.driver = self._drivers()
        self.dof_driver = np.full(m.nv, -1)
        self.dof_driver[:ROOT_DOFS] = range(ROOT_DOFS)
        self.dof_driver[m.jnt_dofadr[1:]] = self.driver[1:]
        self.mass_kg = GENERIC_MASS_KG
        self.body_factor = np.ones(m.nbody)
        self.generic_arrays = {name: getattr(m, name).copy() for name in _SCALED}
        self.quartic = np.zeros((m.njnt, 5))
        self.update_couplings()
        self.generic_muscles: MuscleParameters = fit_parameters(self)
        self.generic_length_m = self.muscle_lengths_m()
        self.generic_place_m = self.data.xpos.copy()
        self.muscles = self.generic_muscles
        self.muscle_dofs = self._find_muscle_dofs()

    @property
    def dofs(self) -> int:
        """Reduced degrees of freedom, 37."""
        return ROOT_DOFS + len(self.joints)

    @property
    def weight_N(self) -> float:
        return self.mass_kg * GRAVITY_M_S2

    def _drivers(self) -> np.ndarray:
        m = self.model
        column = {int(j): ROOT_DOFS + k for k, j in enumerate(self.joint_ids)}
        driver = np.full(m.njnt, -1)
        for j in range(1, m.njnt):
            source = int(m.eq_obj2id[self._equality[j]]) if j in self._equality else j
            driver[j] = column.get(source, -1)
        return driver

    def update_couplings(self) -> None:
        """Reads quartics and joint limits from the model; call after it was scaled."""
        m = self.model
        self.quartic[1:] = [0, 1, 0, 0, 0]
        self.quartic[list(self._equality)] = m.eq_data[list(self._equality.values()), :5]
        self.lower_rad, self.upper_rad = m.jnt_range[self.joint_ids].T.copy()

    def _driving(self, q: np.ndarray) -> np.ndarray:
        """Coordinate (T, njnt - 1) of the joint that drives each model joint; 0 where it is locked."""
        driver = self.driver[1:]
        return np.where(driver >= 0, q[:, 1 + driver], 0.0)

    def full_positions(self, q: np.ndarray) -> np.ndarray:
        """MuJoCo's qpos (T, nq) of reduced positions (T, 38)."""
        x, c = self._driving(q), self.quartic[1:].T
        out = np.zeros((len(q), self.model.nq))
        out[:, :7] = q[:, :7]
        out[:, self.model.jnt_qposadr[1:]] = (((c[4] * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0]
        return out

    def coupling_slopes(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivative (T, nv) of each degree of freedom by its driver."""
        x, c = self._driving(q), self.quartic[1:].T
        first = np.zeros((len(q), self.model.nv))
        second = np.zeros_like(first)
        first[:, :ROOT_DOFS] = 1
        moves = self.driver[1:] >= 0
        adr = self.model.jnt_dofadr[1:]
        first[:, adr] = moves * (((4 * c[4] * x + 3 * c[3]) * x + 2 * c[2]) * x + c[1])
        second[:, adr] = moves * ((12 * c[4] * x + 6 * c[3]) * x + 2 * c[2])
        return first, second

    def standing(self, joints_rad: np.ndarray | None = None) -> np.ndarray:
        """Reduced position (38,) of the model's own upright stance, or of given joint coordinates with that root."""
        q = np.zeros(7 + len(self.joints))
        q[:7] = self.model.qpos0[:7]
        q[7:] = np.clip(0, self.lower_rad, self.upper_rad) if joints_rad is None else joints_rad
        return q

    def root_under(self, pelvis_m: np.ndarray, R_world_pelvis: np.ndarray) -> np.ndarray:
        """Root position and quaternion (7,) that put the pelvis there; model axes: x forward, y up, z right."""
        pelvis, R_root_pelvis, quat = self.model.body("pelvis"), np.zeros(9), np.zeros(4)
        mujoco.mju_quat2Mat(R_root_pelvis, pelvis.quat)
        R_root = R_world_pelvis @ R_root_pelvis.reshape(3, 3).T
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(R_root).ravel())
        return np.concatenate([pelvis_m - R_root @ pelvis.pos, quat])

    def pose(self, q: np.ndarray) -> None:
        """Puts MuJoCo's data into the reduced position (38,): kinematics and tendons."""
        self.data.qpos[:] = self.full_positions(q[None])[0]
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_tendon(self.model, self.data)

    def muscle_lengths_m(self, joints_rad: np.ndarray | None = None) -> np.ndarray:
        """Path lengths (354,) of the muscles; without an argument at all coordinates zero."""
        self.pose(self.standing(np.zeros(len(self.joints)) if joints_rad is None else joints_rad))
        return self.data.ten_length[self.tendon].copy()

    def _find_muscle_dofs(self) -> MuscleDofs:
        """Pairs with a moment arm above 1 nm in any of 100 random poses; true zeros come out as 1e-16, so the line is clear."""
        m, joints = self.model, len(self.joints)
        row = np.repeat(np.arange(m.ntendon), m.ten_J_rownnz)
        assert (np.diff(m.ten_J_rowadr) == m.ten_J_rownnz[:-1]).all(), "rows of ten_J stand one after the other"
        muscle_of = np.full(m.ntendon, -1)
        muscle_of[self.tendon] = np.arange(m.nu)
        muscle, dof = muscle_of[row], m.ten_J_colind[: len(row)]
        column = self.dof_driver[dof] - ROOT_DOFS
        used = np.flatnonzero((muscle >= 0) & (column >= 0))
        arm = np.zeros((m.nu, joints))
        rng = np.random.default_rng(0)
        for _ in range(100):
            q = self.standing(rng.uniform(self.lower_rad, self.upper_rad))
            self.pose(q)
            slope = self.coupling_slopes(q[None])[0][0]
            np.maximum.at(arm, (muscle[used], column[used]), np.abs(self.data.ten_J[used] * slope[dof[used]]))
        acts = arm > 1e-9
        count = acts.sum(1)
        joint = np.zeros((m.nu, count.max()), np.int64)
        slot = np.full((m.nu, joints), -1)
        for i in range(m.nu):
            joint[i, : count[i]] = np.flatnonzero(acts[i])
            slot[i, joint[i, : count[i]]] = np.arange(count[i])
        used = used[slot[muscle[used], column[used]] >= 0]
        return MuscleDofs(count, joint, used, muscle[used], slot[muscle[used], column[used]], dof[used].astype(np.int64))
