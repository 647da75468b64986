"""Model inputs of somebody who walks in front of a camera: lost for a while, at an uneven rate. Made of our own kinematics."""

from collections.abc import Mapping

import numpy as np

from realtime.body.landmarks import LANDMARKS, LIMB_POINTS
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINTS, forward_kinematics, rest_offsets_m
from realtime.body.student_io import OUTPUTS
from realtime.engines import Engine

SIZE_PX = np.array([1280.0, 720.0])
FOCAL_PX = 1100.0
CAMERA_HEIGHT_M = 1.8
#: The camera looks 12 degrees down: turns the axes of a level camera into its own.
PITCH_RAD = np.deg2rad(12)
R_CAM_LEVEL = np.array([[1, 0, 0], [0, np.cos(PITCH_RAD), -np.sin(PITCH_RAD)], [0, np.sin(PITCH_RAD), np.cos(PITCH_RAD)]])
LOST = range(90, 103)
RESET_AT = 150

#: Landmarks that are no joints: (joint, where from it in its axes, m). Left ones; the right are mirrored.
BESIDE = {
    "nose": ("head", (0.0, 0.06, 0.11)),
    "left_eye_inner": ("head", (0.02, 0.09, 0.09)),
    "left_eye": ("head", (0.03, 0.09, 0.09)),
    "left_eye_outer": ("head", (0.045, 0.09, 0.08)),
    "left_ear": ("head", (0.075, 0.07, 0.0)),
    "mouth_left": ("head", (0.025, 0.02, 0.10)),
    "left_pinky": ("left_hand", (0.02, 0.0, -0.04)),
    "left_index": ("left_hand", (0.03, 0.0, 0.02)),
    "left_thumb": ("left_hand", (-0.03, 0.0, 0.04)),
    "left_heel": ("left_ankle", (0.0, -0.05, -0.05)),
    "left_foot_index": ("left_foot", (0.0, -0.02, 0.06)),
}


def walk(frames: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """`frames` inputs of the model: a walk across the picture at about 30 fps, nobody during `LOST`."""
    rng = np.random.default_rng(seed)
    t_s = np.cumsum(np.r_[0.0, rng.choice([1 / 30, 1 / 30, 1 / 30, 1 / 15], frames - 1)])
    return [_inputs(t, t - t_s[i - 1] if i else 0.0, i not in LOST, rng) for i, t in enumerate(t_s)]


def largest_errors(engine: Engine, reference: Engine, frames: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Absolute difference of each output, (frames, numbers), with a reset of both at `RESET_AT`."""
    errors: dict[str, list[np.ndarray]] = {key: [] for key in OUTPUTS}
    for i, inputs in enumerate(frames):
        if i == RESET_AT:
            engine.reset()
            reference.reset()
        got, wanted = engine.step(inputs), reference.step(inputs)
        for key in OUTPUTS:
            errors[key].append(np.abs(got[key] - wanted[key]).ravel())
    return {key: np.array(e) for key, e in errors.items()}


def table(errors: Mapping[str, np.ndarray]) -> str:
    return "\n".join(f"{key:24s} rms {np.sqrt((e**2).mean()):.1e}  max {e.max():.1e}" for key, e in errors.items())


def _inputs(t_s: float, dt_s: float, seen: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
    joints_m, R = _body(t_s)
    points_m = np.stack([_landmark(name, i, joints_m, R) for i, name in enumerate(LANDMARKS)]) + rng.normal(0, 0.005, (33, 3))
    points_cam_m = points_m * (1, -1, -1) @ R_CAM_LEVEL.T  # grav axes -> those of a level camera -> cam
    xy_px = FOCAL_PX * points_cam_m[:, :2] / points_cam_m[:, 2:] + SIZE_PX / 2
    hips_m = points_cam_m[[LANDMARKS.index("left_hip"), LANDMARKS.index("right_hip")]].mean(0)
    values = {
        "xy_norm": xy_px / SIZE_PX * seen,
        "visibility": rng.uniform(0.7, 1.0, 33) * seen,
        "landmarks_m": (points_cam_m - hips_m) * seen,
        "detected": [float(seen)],
        "dt_s": [dt_s],
        "image_size_px": SIZE_PX,
        "focal_px": [FOCAL_PX],
        "gravity_cam": R_CAM_LEVEL[:, 1],
        "height_m": [1.7],
    }
    return {key: np.asarray(value, np.float32)[None] for key, value in values.items()}


def _body(t_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Joints (24, 3), m, and their global rotations, grav axes."""
    swing = np.sin(2 * np.pi * 0.9 * t_s)
    aa = np.zeros((24, 3))
    aa[0, 1] = np.pi / 3  # walks to the right, half towards the camera
    for side, sign in (("left", 1), ("right", -1)):
        aa[JOINTS.index(f"{side}_hip"), 0] = -0.45 * sign * swing
        aa[JOINTS.index(f"{side}_knee"), 0] = 0.5 + 0.4 * sign * np.cos(2 * np.pi * 0.9 * t_s)
        aa[JOINTS.index(f"{side}_shoulder")] = (0.3 * sign * swing, 0, -1.2 * sign)
        aa[JOINTS.index(f"{side}_elbow"), 1] = -0.4 * sign
    pelvis_m = np.array([-1.5 + 0.4 * t_s, 0.93 - CAMERA_HEIGHT_M + 0.02 * np.cos(4 * np.pi * 0.9 * t_s), -4.5 + 0.15 * t_s])
    return forward_kinematics(from_axis_angle(aa), rest_offsets_m(), pelvis_m)


def _landmark(name: str, i: int, joints_m: np.ndarray, R: np.ndarray) -> np.ndarray:
    joint_of = dict(LIMB_POINTS)
    if i in joint_of:
        return joints_m[joint_of[i]]
    key, mirror = (name, 1) if name in BESIDE else (name.replace("right", "left"), -1)
    joint, offset_m = BESIDE[key]
    j = JOINTS.index(joint if mirror == 1 else joint.replace("left", "right"))
    return joints_m[j] + R[j] @ (np.array(offset_m) * (mirror, 1, 1))
