"""Motion for animation programs: SMPL's 24 joints as a BVH hierarchy. Centimetres, degrees, Y up, T-pose facing +Z."""

from typing import BinaryIO

import numpy as np

from ..body.rotations import from_axis_angle, to_axis_angle
from ..body.skeleton import JOINT_COUNT, JOINTS, PARENTS
from ..wire import Meta
from .angles import Z, ball_angles
from .recording import Recording
from .text import write_rows

CM = 100.0
#: Joints in the order of the file: each followed by all below it.
_CHILDREN = [[j for j in range(JOINT_COUNT) if PARENTS[j] == parent] for parent in range(JOINT_COUNT)]


def write_bvh(file: BinaryIO, recording: Recording, meta: Meta) -> None:
    """Hierarchy with the person's bones as they were known at the end, then root position and rotations Z X Y.

    BVH has one frame time: uneven recordings are interpolated to even steps. It has no place for `valid`.
    """
    offsets_cm = np.array(meta.offsets_m) * CM
    R_local, pelvis_m = evenly(recording)
    order = depth_first()
    angles_deg = [np.degrees(ball_angles(R_local[:, j], Z)) for j in order]
    values = np.concatenate([pelvis_m * CM, *angles_deg], axis=1)
    head = ["HIERARCHY", *_hierarchy(0, 0, offsets_cm)]
    head += ["MOTION", f"Frames: {len(values)}", f"Frame Time: {recording.interval_s:.9f}"]
    file.write(("\n".join(head) + "\n").encode())
    write_rows(file, len(values), " ".join(["%.5f"] * values.shape[1]) + "\n", lambda rows: values[rows])


def depth_first(joint: int = 0) -> list[int]:
    """This joint and all below it, in the order of the file."""
    return [joint, *(below for child in _CHILDREN[joint] for below in depth_first(child))]


def evenly(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) and pelvis (T, 3), m, at even steps of `interval_s`: interpolated only where times are uneven."""
    R_local, pelvis_m = recording.R_local(), recording.numbers("transl").astype(float)
    if recording.is_even:
        return R_local, pelvis_m
    time_s = recording.time_s
    steps = round((time_s[-1] - time_s[0]) / recording.interval_s)
    even_s = time_s[0] + recording.interval_s * np.arange(steps + 1)
    before = np.clip(np.searchsorted(time_s, even_s, side="right") - 1, 0, len(time_s) - 2)
    share = np.clip((even_s - time_s[before]) / (time_s[before + 1] - time_s[before]), 0, 1)
    R_before = R_local[before]
    turn = to_axis_angle(np.swapaxes(R_before, -1, -2) @ R_local[before + 1])
    pelvis_even_m = pelvis_m[before] + share[:, None] * (pelvis_m[before + 1] - pelvis_m[before])
    return R_before @ from_axis_angle(share[:, None, None] * turn), pelvis_even_m


def _hierarchy(joint: int, depth: int, offsets_cm: np.ndarray) -> list[str]:
    pad = "  " * depth
    place = "6 Xposition Yposition Zposition" if joint == 0 else "3"
    lines = [
        f"{pad}{'JOINT' if depth else 'ROOT'} {JOINTS[joint]}",
        f"{pad}{{",
        f"{pad}  OFFSET {_vector(offsets_cm[joint])}",
        f"{pad}  CHANNELS {place} Zrotation Xrotation Yrotation",
    ]
    for child in _CHILDREN[joint]:
        lines += _hierarchy(child, depth + 1, offsets_cm)
    if not _CHILDREN[joint]:  # the format wants an end to the last bone: half of it once more
        lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET {_vector(offsets_cm[joint] / 2)}", f"{pad}  }}"]
    return [*lines, f"{pad}}}"]


def _vector(v: np.ndarray) -> str:
    return " ".join(f"{x:.5f}" for x in v)
