"""Comma-separated text: one row a frame, one named column a number, units in the names. Lost frames have empty cells."""

from typing import BinaryIO

import numpy as np

from ..body.muscles import muscle_names
from ..body.skeleton import JOINTS
from ..body.student_io import CONTACT_POINTS
from ..wire import Meta
from .spool import FLOATS, STATES, time_s

TIME_COLUMNS = ("frame", "time_s", "t_capture_ns", "state")


def float_columns() -> dict[str, list[str]]:
    """Column names of each array, in C order."""
    xyz, sides, muscles = "xyz", ("left", "right"), muscle_names()
    return {
        "global_orient": [f"pelvis_rot_{a}_rad" for a in xyz],
        "body_pose": [f"{joint}_rot_{a}_rad" for joint in JOINTS[1:] for a in xyz],
        "transl": [f"transl_{a}_m" for a in xyz],
        "joints_m": [f"{joint}_{a}_m" for joint in JOINTS for a in xyz],
        "joint_sigma_m": [f"{joint}_sigma_m" for joint in JOINTS],
        "rotation_sigma_rad": [f"{joint}_rot_sigma_rad" for joint in JOINTS],
        "root_velocity_m_s": [f"root_velocity_{a}_m_s" for a in xyz],
        "root_velocity_sigma_m_s": ["root_velocity_sigma_m_s"],
        "contact": [f"contact_{point}" for point in CONTACT_POINTS],
        "grf_BW": [f"grf_{side}_{a}_BW" for side in sides for a in xyz],
        "grf_sigma_BW": [f"grf_{side}_sigma_BW" for side in sides],
        "activation": [f"activation_{name}" for name in muscles],
        "activation_sigma": [f"activation_sigma_{name}" for name in muscles],
    }


def write_csv(file: BinaryIO, records: np.ndarray, meta: Meta) -> None:
    """Header and rows; six significant digits. `meta` has no place in a CSV file."""
    columns = float_columns()
    file.write(",".join([*TIME_COLUMNS, *(name for field in FLOATS for name in columns[field])]).encode() + b"\n")
    times_s = time_s(records)
    for record, t_s in zip(records, times_s, strict=True):
        numbers = np.concatenate([np.ravel(record[field]) for field in FLOATS]).tolist()
        cells = ["" if x != x else f"{x:.6g}" for x in numbers]
        head = [str(record["seq"]), f"{t_s:.6f}", str(record["t_capture_ns"]), STATES[record["state"]].value]
        file.write(",".join(head + cells).encode() + b"\n")
