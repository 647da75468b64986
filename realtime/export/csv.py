"""Comma-separated text: one row a frame, one named column a number, units in the names. `valid` is 0 where nobody is seen."""

from typing import BinaryIO

import numpy as np

from ..body.muscles import muscle_names
from ..body.skeleton import JOINTS
from ..body.student_io import CONTACT_POINTS
from ..wire import Meta
from .recording import Recording
from .spool import FLOATS, STATES
from .text import chunks

TIME_COLUMNS = ("frame", "time_s", "t_capture_ns", "state", "valid")


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


def write_csv(file: BinaryIO, recording: Recording, meta: Meta) -> None:
    """Header and rows; six significant digits. `meta` has no place in a CSV file."""
    columns = float_columns()
    names = [*TIME_COLUMNS, *(f"{joint}_valid" for joint in JOINTS), *(name for field in FLOATS for name in columns[field])]
    file.write(",".join(names).encode() + b"\n")
    row_format = "%d,%.6f,%d,%s,%d" + ",%d" * len(JOINTS) + ",%.6g" * sum(map(len, columns.values())) + "\n"
    for rows in chunks(len(recording)):
        records = recording.records[rows]
        states = [STATES[i].value for i in records["state"]]
        lists = [records["seq"], recording.time_s[rows], records["t_capture_ns"], states, recording.valid[rows]]
        heads = zip(*(np.asarray(x).tolist() for x in lists), strict=True)
        table = [recording.numbers(name, rows).reshape(len(records), -1) for name in FLOATS]
        numbers = np.concatenate([records["joint_valid"], *table], axis=1).tolist()
        file.write("".join([row_format % (*h, *n) for h, n in zip(heads, numbers, strict=True)]).encode())
