"""Paired takes made up for tests: somebody stands before a camera, and the landmarks err as one wants."""

import json

import numpy as np

from realtime.body.landmarks import LANDMARK_COUNT, LIMB_POINTS
from realtime.body.rotations import from_axis_angle, to_quat_wxyz
from realtime.body.skeleton import JOINT_COUNT, PARENTS, REST_STATURE_M, rest_offsets_m
from simlabels.dataset import PAIRS, DatasetWriter
from simlabels.inspect.landmark_errors import LIMB_MIRROR

FPS, T = 30.0, 120
SIZE_PX, FOCAL_PX = (640, 480), 600.0
K_PX = np.array([[FOCAL_PX, 0, SIZE_PX[0] / 2], [0, FOCAL_PX, SIZE_PX[1] / 2], [0, 0, 1]])
LANDMARKS, JOINTS = (list(column) for column in zip(*LIMB_POINTS, strict=True))
NO_ERROR = np.zeros((T, 12, 2))


def rest_m():
    out = rest_offsets_m().copy()
    for j in range(1, JOINT_COUNT):
        out[j] += out[PARENTS[j]]
    return out


def _on_picture(joints_cam_m, error_px, exchanged):
    """Where the front end puts the landmarks (n, 33, 2) of joints (24, 3), over the picture's size."""
    uvw = joints_cam_m[JOINTS] @ K_PX.T
    limbs_px = np.broadcast_to(uvw[:, :2] / uvw[:, 2:], error_px.shape)
    if exchanged is not None:
        limbs_px = np.where(exchanged[..., None], limbs_px[:, LIMB_MIRROR], limbs_px)
    xy_norm = np.zeros((len(error_px), LANDMARK_COUNT, 2))
    xy_norm[:, LANDMARKS] = (limbs_px + error_px) / SIZE_PX
    return xy_norm


def a_take(
    name,
    error_pct=NO_ERROR,
    *,
    turned_deg=0.0,
    distance_m=4.0,
    up_m=0.0,
    fps=FPS,
    exchanged=None,
    world=None,
    detected=None,
    follows=None,
    visibility: float | np.ndarray = 0.9,
    shown=None,
    look=None,
    split="train",
):
    """Index row and frame columns of somebody standing before a camera, turned away from it by `turned_deg`.

    Args:
        error_pct: (n, 12, 2) put on the landmarks, % of stature, right and down.
        up_m: the picture shows what is so much above the pelvis in its middle.
        exchanged: (n, 12) bool: these landmarks get the place of the other side.
        world: what the world landmarks (12, 3) are, given the true ones.
    """
    n, rest = len(error_pct), rest_m()
    R_pelvis = from_axis_angle(np.array([0, np.radians(turned_deg), 0]))
    R_cam_world = np.diag([1.0, -1.0, -1.0])  # on the +Z side, looking at -Z
    joints_cam_m = rest @ R_pelvis.T @ R_cam_world.T + [0, up_m, distance_m]
    xy_norm = _on_picture(joints_cam_m, error_pct * FOCAL_PX * REST_STATURE_M / distance_m / 100, exchanged)
    landmarks_m = np.zeros((n, LANDMARK_COUNT, 3))
    limbs_m = joints_cam_m[JOINTS] - joints_cam_m[[1, 2]].mean(0)
    landmarks_m[:, LANDMARKS] = limbs_m if world is None else world(limbs_m)
    quat_wxyz = np.tile([1.0, 0, 0, 0], (n, JOINT_COUNT, 1))
    quat_wxyz[:, 0] = to_quat_wxyz(R_pelvis)
    detected = np.ones(n, bool) if detected is None else detected
    told = np.broadcast_to(visibility, (n, 12))
    visibilities = np.zeros((n, LANDMARK_COUNT))
    visibilities[:, LANDMARKS] = told

    def known(values):
        return np.where(detected.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)

    row = {
        "take": name,
        "clip": "a clip",
        "mirrored": False,
        "upper_clip": "",
        "subject": "01",
        "split": split,
        "frames": n,
        "stature_m": REST_STATURE_M,
        "image_size_px": SIZE_PX,
        "K_px": K_PX.tolist(),
        "rest_m": rest.tolist(),
        "frontend": "made up",
        "look": json.dumps({"plain": True} | (look or {})),
    }
    frames = {
        "take": np.full(n, name, dtype=object),
        "frame": np.arange(n),
        "time_s": np.arange(n) / fps,
        "detected": detected,
        "follows_person": detected if follows is None else follows,
        "xy_norm": known(xy_norm),
        "z_norm": known(np.zeros((n, LANDMARK_COUNT))),
        "visibility": known(visibilities),
        "presence": known(np.ones((n, LANDMARK_COUNT))),
        "landmarks_m": known(landmarks_m),
        "quat_wxyz": quat_wxyz,
        "pelvis_m": np.zeros((n, 3)),
        "R_cam_world": np.tile(R_cam_world, (n, 1, 1)),
        "t_cam_m": np.tile([0, up_m, distance_m], (n, 1)),
        "joint_visible": np.ones((n, JOINT_COUNT), bool) if shown is None else shown,
    }
    return row, frames


def write(folder, takes, shard_rows=4096):
    writer = DatasetWriter(folder, PAIRS, {"made": "here"}, shard_rows=shard_rows)
    for row, frames in takes:
        writer.add(row, frames)
    writer.finish({})
    return folder
