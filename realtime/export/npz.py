"""NumPy archive: one array a quantity, frames first, and `meta` as JSON text. Opens with allow_pickle=False."""

from typing import BinaryIO

import msgspec
import numpy as np

from ..wire import Meta
from .recording import Recording
from .spool import BOOLS, FLOATS, STATES


def write_npz(file: BinaryIO, recording: Recording, meta: Meta) -> None:
    """Arrays named as on the wire, plus `state` (text), `valid`, `time_s` and `betas`; units and meanings are in `meta`."""
    records = recording.records
    arrays: dict[str, np.ndarray] = {
        "seq": records["seq"],
        "state": np.array([s.value for s in STATES])[records["state"]],
        "valid": recording.valid,
        "time_s": recording.time_s,
        "t_capture_ns": records["t_capture_ns"],
        "betas": np.zeros(10, np.float32),
        "meta": np.array(msgspec.json.encode(meta).decode()),
    }
    arrays |= {name: records[name] for name in BOOLS}
    np.savez(file, allow_pickle=False, **arrays, **{name: recording.numbers(name) for name in FLOATS})
