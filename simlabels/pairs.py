"""Rendered pairs (front-end landmarks beside exact truth, one .npz a split) to the paired Parquet dataset."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError
from realtime.body.landmarks import LANDMARK_COUNT
from realtime.body.rotations import angle_between, from_axis_angle, from_quat_wxyz, to_quat_wxyz
from realtime.body.skeleton import JOINT_COUNT

from .dataset import PAIRS, DatasetWriter, file_sha256, read_frames

FPS = 30.0
FRONTEND = "mediapipe 0.10.31 full VIDEO"
SPLITS = ("train", "val", "test")
#: A rendered take is its clip turned about the vertical; more than this off, it is another motion.
SAME_MOTION_RAD = np.radians(0.5)

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


def convert_pairs(folder: Path, out: Path, frontend: str = FRONTEND, labels: Path | None = None) -> dict:
    """Writes `out` from train.npz, val.npz and test.npz in `folder` (those that are there); returns counts per split.

    Args:
        labels: a label dataset. Rendering turned each clip by a heading of its own; with this the world of each take is turned
            back to its clip's, so that forces and velocities join frame by frame. What the camera sees is the same.

    Raises:
        InputError: no such file, one with arrays missing or of another shape, or a take that is not its clip's motion.
        OutputError: `out` holds something else.
    """
    files = {split: folder / f"{split}.npz" for split in SPLITS if (folder / f"{split}.npz").is_file()}
    if not files:
        raise InputError(f"{folder} has none of {', '.join(s + '.npz' for s in SPLITS)}; give the folder of the rendered pairs")
    arrays = {split: load_split(path) for split, path in files.items()}
    inputs = {path.name: file_sha256(path) for path in files.values()}
    pelvis_of = None if labels is None else pelvis_rotations(labels)
    world = "of each take" if pelvis_of is None else "of the clip in the label dataset, up to a shift"
    writer = DatasetWriter(out, PAIRS, {"fps": FPS, "frontend": frontend, "world": world, "inputs_sha256": inputs})
    kept = writer.done
    for split, z in arrays.items():
        for row, frames in takes_of(split, z, frontend):
            if row["take"] in kept:
                continue
            if pelvis_of is not None:
                turn_to_clip(row, frames, pelvis_of)
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


def pelvis_rotations(labels: Path) -> dict[str, np.ndarray]:
    """Rotation of the pelvis in the world (T, 3, 3) of every clip of a label dataset."""
    columns = read_frames(labels, ["clip", "quat_wxyz"])
    names, R = columns["clip"], from_quat_wxyz(columns["quat_wxyz"].reshape(-1, JOINT_COUNT, 4)[:, 0].astype(float))
    return {str(name): R[names == name] for name in dict.fromkeys(names.tolist())}


def turn_to_clip(row: dict, frames: dict[str, np.ndarray], pelvis_of: dict[str, np.ndarray]) -> None:
    """Turns a take's world about the vertical to that of its clip, in place.

    Raises:
        InputError: the labels lack the clip or a frame of it, or the take moves otherwise.
    """
    clip, take, at = pelvis_of.get(row["clip"]), row["take"], frames["frame"]
    if clip is None or at.max() >= len(clip):
        raise InputError(f"the labels lack frame {at.max()} of clip {row['clip']}, which take {take} performs; label it first")
    R_pelvis = from_quat_wxyz(frames["quat_wxyz"][:, 0].astype(float))
    between = R_pelvis @ np.swapaxes(clip[at], -1, -2)  # clip world -> take world
    mean = between.mean(0)
    R_take_clip = from_axis_angle(np.array([0, np.arctan2(mean[0, 2] - mean[2, 0], mean[0, 0] + mean[2, 2]), 0]))
    off_rad = float(angle_between(between, np.broadcast_to(R_take_clip, between.shape)).max())
    if off_rad > SAME_MOTION_RAD:
        raise InputError(
            f"take {take} is up to {np.degrees(off_rad):.1f} degrees off clip {row['clip']}; it is of another motion"
        )
    frames["quat_wxyz"][:, 0] = to_quat_wxyz(R_take_clip.T @ R_pelvis)
    frames["pelvis_m"] = frames["pelvis_m"] @ R_take_clip
    frames["R_cam_world"] = frames["R_cam_world"] @ R_take_clip
