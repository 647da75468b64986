"""Frames on their way to a file: fixed-size records in a temporary file, so that an hour of tracking needs no memory.

Formatting a thousand numbers as text takes longer than the model's step: it happens at the end, not in the frame loop.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from ..body.frames import BodyFrame, State
from ..smpl_pose import smpl_pose

STATES = tuple(State)
FLOATS: dict[str, tuple[int, ...]] = {
    "global_orient": (3,),
    "body_pose": (69,),
    "transl": (3,),
    "joints_m": (24, 3),
    "joint_sigma_m": (24,),
    "rotation_sigma_rad": (24,),
    "root_velocity_m_s": (3,),
    "root_velocity_sigma_m_s": (),
    "contact": (4,),
    "grf_BW": (2, 3),
    "grf_sigma_BW": (2,),
    "activation": (354,),
    "activation_sigma": (354,),
}
BOOLS: dict[str, tuple[int, ...]] = {"joint_valid": (24,), "activation_valid": (354,)}
RECORD = np.dtype(
    [("seq", "<i8"), ("t_capture_ns", "<i8"), ("pts_s", "<f8"), ("state", "u1")]
    + [(name, "<f4", shape) for name, shape in FLOATS.items()]
    + [(name, "?", shape) for name, shape in BOOLS.items()]
)


class FrameSpool:
    """Records of frames in a temporary file in `folder`, which `close` removes.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path):
        handle, name = tempfile.mkstemp(prefix=".biohuman-", suffix=".spool", dir=folder)
        self._file, self._path = os.fdopen(handle, "wb"), Path(name)
        self._record = np.zeros(1, RECORD)

    def write(self, frame: BodyFrame) -> None:
        r = self._record[0]
        r["seq"], r["t_capture_ns"] = frame.seq, frame.t_capture_ns
        r["pts_s"] = np.nan if frame.pts_s is None else frame.pts_s
        r["state"] = STATES.index(frame.state)
        pose = smpl_pose(frame.R_local)
        r["global_orient"], r["body_pose"], r["transl"] = pose[:3], pose[3:], frame.pelvis_m
        for name in (*FLOATS, *BOOLS):
            if name not in ("global_orient", "body_pose", "transl"):
                r[name] = getattr(frame, name)
        self._file.write(self._record.tobytes())

    def records(self) -> np.ndarray:
        """All records so far, on disk: (frames,) of `RECORD`."""
        self._file.flush()
        if self._path.stat().st_size == 0:
            return np.zeros(0, RECORD)
        return np.memmap(self._path, RECORD, mode="r")

    def close(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
