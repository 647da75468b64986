"""NumPy archive: one array a quantity, frames first, and `meta` as JSON text. Opens with allow_pickle=False."""

from typing import BinaryIO

import msgspec
import numpy as np

from ..wire import Meta
from .spool import FLOATS, STATES, time_s


def write_npz(file: BinaryIO, records: np.ndarray, meta: Meta) -> None:
    """Arrays named as on the wire, plus `state` (text), `time_s` and `betas`; units and meanings are in `meta`."""
    arrays: dict[str, np.ndarray] = {
        "seq": records["seq"],
        "state": np.array([s.value for s in STATES])[records["state"]],
        "time_s": time_s(records),
        "t_capture_ns": records["t_capture_ns"],
        "betas": np.zeros(10, np.float32),
        "meta": np.array(msgspec.json.encode(meta).decode()),
    }
    np.savez(file, allow_pickle=False, **arrays, **{name: records[name] for name in FLOATS})
