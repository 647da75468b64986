"""The body as shipped and as mended, and its muscles' lengths, moment arms and fibres in given postures, by MuJoCo."""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..musculo.body import Body
from ..musculo.model import load_shipped_model
from ..musculo.muscle_parameters import MuscleParameters


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Muscles in some postures."""

    length_m: np.ndarray  # (T, 354)
    moment_arm_m: np.ndarray  # (T, 354, 31), -dL/dq


def shipped_body() -> Body:
    """Paths and muscle parameters of the wheel, as MuJoCo's muscles read them (`gainprm`, no pennation)."""
    body = Body(load_shipped_model())
    prm, length_range = body.model.actuator_gainprm, body.model.actuator_lengthrange
    optimal = (length_range[:, 1] - length_range[:, 0]) / (prm[:, 1] - prm[:, 0])
    body.muscles = replace(
        body.muscles,
        fmax_N=prm[:, 2].copy(),
        optimal_fibre_m=optimal,
        tendon_slack_m=length_range[:, 0] - prm[:, 0] * optimal,
        pennation_rad=np.zeros(len(optimal)),
    )
    return body


def measure(body: Body, joints_rad: np.ndarray) -> Measured:
    """Postures (T, 31); nothing is cut at the limits of the joints."""
    dofs = body.muscle_dofs
    muscles, joints = len(body.muscle_names), len(body.joints)
    length = np.zeros((len(joints_rad), muscles))
    arm = np.zeros((len(joints_rad), muscles, joints))
    column = dofs.joint[dofs.entry_muscle, dofs.entry_slot]
    for t, angles in enumerate(joints_rad):
        q = body.standing(angles)
        body.pose(q)
        length[t] = body.data.ten_length[body.tendon]
        slope = body.coupling_slopes(q[None])[0][0]
        np.subtract.at(arm[t], (dofs.entry_muscle, column), body.data.ten_J[dofs.entry] * slope[dofs.entry_dof])
    return Measured(length_m=length, moment_arm_m=arm)


def joints_of(body: Body, angle_deg: Mapping[str, np.ndarray]) -> np.ndarray:
    """Postures (T, 31) rad of named joints (T,) in degrees; the others are zero."""
    out = np.zeros((len(next(iter(angle_deg.values()))), len(body.joints)))
    for name, values in angle_deg.items():
        out[:, body.joints.index(name)] = np.deg2rad(values)
    return out


def fibre_lengths(muscles: MuscleParameters, length_m: np.ndarray) -> np.ndarray:
    """Fibres (T, 354) in optimal lengths, tendons rigid; below zero where the path is shorter than the slack tendon."""
    return normalised(length_m, muscles.optimal_fibre_m, muscles.tendon_slack_m, muscles.pennation_rad)


def normalised(length_m: np.ndarray, optimal_m, slack_m, pennation_rad) -> np.ndarray:
    """Fibre length of a path's, in optimal lengths, for arrays that broadcast."""
    along = length_m - slack_m
    return np.where(along > 0, np.hypot(along, optimal_m * np.sin(pennation_rad)), along) / optimal_m
