"""The datasets on disk, where `simlabels` (writes) and `trainer` (reads) meet: file names and columns.

A dataset is a folder: `dataset.json` (what it is, settings, hashes, counts), one table of takes or clips, and shards
`frames-00000.parquet`, ... whose rows are frames in order, whole clips or takes together. Array columns are fixed-size
lists in C order.
"""

from typing import NamedTuple

from .landmarks import LANDMARK_COUNT as L
from .muscles import MUSCLE_COUNT as M
from .skeleton import JOINT_COUNT as J

LABEL_SCHEMA = "biohuman.labels/1"
PAIR_SCHEMA = "biohuman.pairs/2"

JSON_NAME = "dataset.json"
SHARD_GLOB = "frames-*.parquet"


class Column(NamedTuple):
    dtype: str  # numpy's name, or "str"
    shape: tuple[int, ...]
    meaning: str


#: Labels: clips.parquet, one row a clip.
LABEL_CLIPS: dict[str, Column] = {
    "clip": Column("str", (), "name of the clip"),
    "subject": Column("str", (), "whose motion"),
    "split": Column("str", (), "train, val or test"),
    "action": Column("str", (), "what is done"),
    "fps": Column("float64", (), "frames per second"),
    "frames": Column("int64", (), "number of frames"),
    "rest_m": Column("float32", (J, 3), "rest joints of this subject, T-pose, pelvis at the origin, m"),
    "height_m": Column("float32", (), "stature, given or estimated from the legs"),
    "mass_kg": Column("float32", (), "mass, given or estimated from the stature"),
    "frames_rejected": Column("int64", (), "frames that no label may be read from"),
}

#: Labels: one row a frame. World: Y up, metres, floor at y = 0.
LABEL_FRAMES: dict[str, Column] = {
    "clip": Column("str", (), "name of the clip"),
    "frame": Column("int32", (), "index in the clip"),
    "quat_wxyz": Column("float32", (J, 4), "rotation of each joint in its parent; the pelvis in the world"),
    "pelvis_m": Column("float32", (3,), "pelvis joint, world"),
    "valid": Column("bool", (), "the dynamics hold: contact, forces and activations may be used"),
    "reject": Column("uint8", (), "why not: bits of REJECT_REASONS, 0 if valid"),
    "contact": Column("float32", (4,), "left heel, left toes, right heel, right toes: 0..1"),
    "grf_BW": Column("float32", (2, 3), "ground reaction force under the left and right foot, world, body weights"),
    "cop_m": Column("float32", (2, 3), "centre of pressure of each foot, world; zeros where unloaded"),
    "activation": Column("float32", (M,), "muscle activations after smoothing, 0..1"),
    "activation_raw": Column("float32", (M,), "as the optimisation gave them"),
    "tau_Nm": Column("float32", (31,), "joint torques by inverse dynamics"),
    "reserve_Nm": Column("float32", (31,), "torque that no muscle could give"),
    "residual_BW": Column("float32", (6,), "root residual: force in body weights, moment in body weights x metre"),
    "ik_rms_m": Column("float32", (), "inverse kinematics: rms distance of the joints"),
}
#: Labels made with `--spread`: further columns of the frames, standard deviations over repetitions with perturbed people and motion.
LABEL_SPREAD: dict[str, Column] = {
    "activation_spread": Column("float16", (M,), "of `activation`"),
    "grf_spread_BW": Column("float16", (2, 3), "of `grf_BW`"),
}
REJECT_REASONS = ("ik", "force", "moment", "reserve", "solver", "contact_elsewhere")

#: Pairs: takes.parquet, one row a take (one clip seen by one camera).
PAIR_TAKES: dict[str, Column] = {
    "take": Column("str", (), "name of the take"),
    "clip": Column("str", (), "clip of the label dataset that is performed"),
    "mirrored": Column("bool", (), "left is right in what is performed, and so in the labels that belong to it"),
    "upper_clip": Column("str", (), "clip that the upper body performs; no label belongs to the two. Empty: the same clip"),
    "subject": Column("str", (), "whose motion"),
    "split": Column("str", (), "train, val or test"),
    "frames": Column("int64", (), "number of frames"),
    "image_size_px": Column("int32", (2,), "width, height"),
    "K_px": Column("float32", (3, 3), "camera matrix"),
    "rest_m": Column("float32", (J, 3), "rest joints of the person drawn, T-pose, m"),
    "stature_m": Column("float32", (), "height of the person drawn"),
    "frontend": Column("str", (), "what found the landmarks: library, version, model, mode"),
    "look": Column("str", (), "JSON: noise, compression, view, distance, focal length, ..."),
}

#: Pairs: one row a frame. Landmarks are NaN where nobody was detected.
PAIR_FRAMES: dict[str, Column] = {
    "take": Column("str", (), "name of the take"),
    "frame": Column("int32", (), "index in the clip: joins the labels"),
    "time_s": Column("float64", (), "time of the frame within the take"),
    "detected": Column("bool", (), "the front end found a person"),
    "xy_norm": Column("float32", (L, 2), "2D landmarks, 0..1 of the image size"),
    "z_norm": Column("float32", (L,), "the front end's relative depth"),
    "visibility": Column("float32", (L,), "0..1"),
    "presence": Column("float32", (L,), "0..1"),
    "landmarks_m": Column("float32", (L, 3), "3D landmarks, camera axes (x right, y down, z forward), origin mid-hip"),
    "follows_person": Column("bool", (), "truth: the landmarks are about where the person is, not on a bystander or a thing"),
    "quat_wxyz": Column("float32", (J, 4), "truth: rotation of each joint in its parent; the pelvis in the world (Y up)"),
    "pelvis_m": Column("float32", (3,), "truth: pelvis joint, world"),
    "R_cam_world": Column("float32", (3, 3), "truth: turns world axes into camera axes"),
    "t_cam_m": Column("float32", (3,), "truth: x_cam = R_cam_world x_world + t_cam"),
    "joint_visible": Column("bool", (J,), "truth: the joint is in the picture, nothing before it but its own flesh"),
}
