"""Rendered pairs (front-end landmarks beside exact truth, one .npz a split) to the paired Parquet dataset."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError
from realtime.body.landmarks import LANDMARK_COUNT
from realtime.body.skeleton import JOINT_COUNT

from .dataset import PAIRS, DatasetWriter, file_sha256

FPS = 30.0
FRONTEND = "mediapipe 0.10.31 full VIDEO"
SPLITS = ("train", "val", "test")

#: Arrays over all frames of a file, with the shape of one row.
_FRAMES = {
    "xy": (LANDMARK_COUNT, 2),
    "z_vis_pres": (LANDMARK_COUNT, 3),
    "world_m": (LANDMARK_COUNT, 3),
    "detected": (),
    "quat_wxyz": (JOINT_COUNT, 4),
    "pelvis_m": (3,),
    "R_cam_world": (3, 3),
    "t_m": (3,),
    "frame": (),
}
#: Arrays over the takes of a file.
_TAKES = {"K": (3, 3), "size": (2,), "rest_m": (JOINT_COUNT, 3), "stature_m": (), "clip": (), "subject": (), "look": ()}


def convert_pairs(folder: Path, out: Path, frontend: str = FRONTEND) -> dict:
    """Writes `out` from train.npz, val.npz and test.npz in `folder` (those that are there); returns counts per split.

    Raises:
        InputError: no such file, or one with arrays missing or of another shape.
        OutputError: `out` holds something else.
    """
    files = {split: folder / f"{split}.npz" for split in SPLITS if (folder / f"{split}.npz").is_file()}
    if not files:
        raise InputError(f"{folder} has none of {', '.join(s + '.npz' for s in SPLITS)}; give the folder of the rendered pairs")
    arrays = {split: load_split(path) for split, path in files.items()}
    inputs = {path.name: file_sha256(path) for path in files.values()}
    writer = DatasetWriter(out, PAIRS, {"fps": FPS, "frontend": frontend, "inputs_sha256": inputs})
    kept = writer.done
    for split, z in arrays.items():
        for row, frames in takes_of(split, z, frontend):
            if row["take"] not in kept:
                writer.add(row, frames)
    counts = {
        split: {"takes": len(z["clip"]), "frames": len(z["xy"]), "detected": int(z["detected"].sum())}
        for split, z in arrays.items()
    }
    subjects = {split: sorted(set(z["subject"].tolist())) for split, z in arrays.items()}
    writer.finish({"counts": counts, "subjects": subjects})
    return counts


def load_split(path: Path) -> dict[str, np.ndarray]:
    """Arrays of one file, checked.

    Raises:
        InputError: not an .npz, an array is missing or has another shape, or the takes do not cover the frames.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            z = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is not a readable .npz: {error}") from error
    missing = [name for name in (*_FRAMES, *_TAKES, "first", "xy_scale") if name not in z]
    if missing:
        raise InputError(f"{path} has no array {missing[0]!r}; it is not a file of rendered pairs")
    takes, frames = len(z["first"]) - 1, len(z["xy"])
    for count, shapes in ((frames, _FRAMES), (takes, _TAKES)):
        for name, shape in shapes.items():
            if z[name].shape != (count, *shape):
                raise InputError(f"{path}: array {name!r} should be {(count, *shape)}, got {z[name].shape}")
    if z["first"][0] != 0 or z["first"][-1] != frames or (np.diff(z["first"]) <= 0).any():
        raise InputError(f"{path}: 'first' does not rise from 0 to the {frames} frames")
    return z


def takes_of(split: str, z: dict[str, np.ndarray], frontend: str) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
    """Index row and frame columns of each take of one file."""
    for i, (a, b) in enumerate(zip(z["first"], z["first"][1:], strict=False)):
        clip = str(z["clip"][i])
        name, rows = f"{split}-{i:04d}-{clip}", slice(int(a), int(b))
        row = {
            "take": name,
            "clip": clip,
            "subject": str(z["subject"][i]),
            "split": split,
            "frames": int(b - a),
            "image_size_px": z["size"][i].tolist(),
            "K_px": z["K"][i].tolist(),
            "rest_m": z["rest_m"][i].tolist(),
            "stature_m": float(z["stature_m"][i]),
            "frontend": frontend,
            "look": str(z["look"][i]),
        }
        yield row, _frame_columns(name, z, rows)


def _frame_columns(name: str, z: dict[str, np.ndarray], rows: slice) -> dict[str, np.ndarray]:
    seen = z["detected"][rows].astype(bool)

    def landmarks(values: np.ndarray) -> np.ndarray:
        return np.where(seen.reshape(-1, *[1] * (values.ndim - 1)), values.astype(np.float32), np.float32(np.nan))

    zvp = landmarks(z["z_vis_pres"][rows])
    frame = z["frame"][rows]
    quat_wxyz = z["quat_wxyz"][rows].astype(np.float32)  # stored as int16 / 32767: normalise away the rounding
    return {
        "take": np.full(len(seen), name, dtype=object),
        "frame": frame,
        "time_s": (frame - frame[0]) / FPS,
        "detected": seen,
        "xy_norm": landmarks(z["xy"][rows]) / np.float32(z["xy_scale"]),
        "z_norm": zvp[..., 0],
        "visibility": zvp[..., 1],
        "presence": zvp[..., 2],
        "landmarks_m": landmarks(z["world_m"][rows]),
        "quat_wxyz": quat_wxyz / np.linalg.norm(quat_wxyz, axis=-1, keepdims=True),
        "pelvis_m": z["pelvis_m"][rows],
        "R_cam_world": z["R_cam_world"][rows],
        "t_cam_m": z["t_m"][rows],
    }
