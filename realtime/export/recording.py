"""What every format is written from: a recording without holes, and which of its frames are real."""

import numpy as np

from ..body.frames import State
from ..body.rotations import from_axis_angle
from ..body.skeleton import JOINT_COUNT
from .spool import FLOATS, STATES

#: Times that lie so near to even steps are even steps that somebody rounded (containers round to milliseconds).
ROUNDED_S = 0.001
TIE_S = 1e-6  # two frames are equally near if rounding decides
NOMINAL_INTERVAL_S = 1 / 30  # of a recording too short to have one


class Recording:
    """Records of frames, whose numbers are never NaN: a frame in which nobody is seen repeats the nearest one in which
    somebody was (the earlier of two); if there is none, its numbers are zero. `valid` tells which frames are real.

    Attributes:
        records: (frames,) of `spool.RECORD`, as they were spooled: times, states and joints seen are never made up.
        valid: (frames,) bool: somebody was seen.
        time_s: (frames,): the file's own time where it has one, else since the first capture; increases strictly.
    """

    def __init__(self, records: np.ndarray):
        self.records = records
        self.valid = np.asarray(records["state"]) != STATES.index(State.LOST)
        captured_s = (records["t_capture_ns"] - records["t_capture_ns"][:1]) * 1e-9
        self.time_s = np.where(np.isnan(records["pts_s"]), captured_s, records["pts_s"])
        self._shown = nearest_seen(self.valid, self.time_s)

    def __len__(self) -> int:
        return len(self.records)

    def numbers(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        """One of `spool.FLOATS` in these frames: (rows, ...), float32, finite."""
        if not self.valid.any():
            return np.zeros((len(self.time_s[rows]), *FLOATS[name]), np.float32)
        return self.records[name][self._shown[rows]]

    def R_local(self) -> np.ndarray:
        """SMPL's rotations (frames, 24, 3, 3), the pelvis in the world."""
        pose = np.concatenate([self.numbers("global_orient"), self.numbers("body_pose")], axis=1)
        return from_axis_angle(pose.reshape(-1, JOINT_COUNT, 3).astype(float))

    @property
    def interval_s(self) -> float:
        """The usual time from frame to frame."""
        return float(np.median(np.diff(self.even_time_s()))) if len(self) > 1 else NOMINAL_INTERVAL_S

    @property
    def is_even(self) -> bool:
        """Whether the frames come at even steps, up to rounding."""
        return bool((np.abs(self.time_s - self._even_s()) < ROUNDED_S).all())

    def even_time_s(self) -> np.ndarray:
        """Times (frames,) as OpenSim wants them: exactly even where they are so up to rounding, else the true ones."""
        return self._even_s() if self.is_even else self.time_s

    def _even_s(self) -> np.ndarray:
        """The straight line nearest to the times."""
        if len(self) < 2:
            return self.time_s
        frame = np.arange(len(self)) - (len(self) - 1) / 2
        return self.time_s.mean() + frame * (frame @ self.time_s) / (frame @ frame)


def nearest_seen(valid: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """For each frame (T,) the index of the valid frame nearest in time, the earlier of two; itself where it is valid."""
    seen = np.flatnonzero(valid)
    if len(seen) == 0:
        return np.arange(len(valid))
    after = np.searchsorted(seen, np.arange(len(valid)))
    later, earlier = seen[np.minimum(after, len(seen) - 1)], seen[np.maximum(after - 1, 0)]
    return np.where(np.abs(time_s[later] - time_s) + TIE_S < np.abs(time_s - time_s[earlier]), later, earlier)
