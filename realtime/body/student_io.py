"""The contract of the student's ONNX file: what goes in, what comes out, in which unit and frame.

`trainer.export` writes it into the file's metadata, `realtime.engines` checks it at load. All tensors are float32, batch 1.

Frames: `img` is the upright picture; `cam` the camera (x right, y down, z forward); `grav` the gravity-aligned camera (origin
at the camera, Y up, x right in the picture, -Z away from the camera, so that a person who faces the camera looks along +Z).
"""

from typing import NamedTuple

from .landmarks import LANDMARK_COUNT
from .muscles import MUSCLE_COUNT
from .skeleton import JOINT_COUNT

STUDENT_SCHEMA = "biohuman.student/1"


class Tensor(NamedTuple):
    shape: tuple[int, ...]
    unit: str
    meaning: str


#: One frame's measurements and what is known of camera and person. "0 = not known" is a legal value where said.
INPUTS: dict[str, Tensor] = {
    "xy_norm": Tensor((1, LANDMARK_COUNT, 2), "image size", "2D landmarks, 0..1 from the upper left corner"),
    "visibility": Tensor((1, LANDMARK_COUNT), "0..1", "front end's visibility of each landmark"),
    "landmarks_m": Tensor((1, LANDMARK_COUNT, 3), "m", "front end's 3D landmarks, cam axes, origin mid-hip; zeros = none"),
    "detected": Tensor((1, 1), "0 or 1", "whether the front end found a person; if 0 the landmarks are ignored"),
    "dt_s": Tensor((1, 1), "s", "time since the frame before; 0 for the first"),
    "image_size_px": Tensor((1, 2), "px", "width, height"),
    "focal_px": Tensor((1, 1), "px", "focal length"),
    "gravity_cam": Tensor(
        (1, 3), "unit vector", "direction of gravity, cam axes; zeros = not known (a level camera is assumed)"
    ),
    "height_m": Tensor((1, 1), "m", "stature of the person; 0 = not known"),
}

OUTPUTS: dict[str, Tensor] = {
    "R_local": Tensor((1, JOINT_COUNT, 3, 3), "", "rotation of each joint in its parent; the pelvis in grav"),
    "pelvis_m": Tensor((1, 3), "m", "pelvis joint, grav"),
    "offsets_m": Tensor((1, JOINT_COUNT, 3), "m", "bone vectors parent -> joint in the rest pose"),
    "joints_m": Tensor((1, JOINT_COUNT, 3), "m", "joint positions, grav"),
    "joint_sigma_m": Tensor((1, JOINT_COUNT), "m", "expected error of each joint about the pelvis, per axis"),
    "rotation_sigma_rad": Tensor((1, JOINT_COUNT), "rad", "expected error of each joint's global rotation, per axis"),
    "root_velocity_m_s": Tensor((1, 3), "m/s", "velocity of the pelvis, grav"),
    "root_velocity_sigma_m_s": Tensor((1, 1), "m/s", "expected error of it, per axis"),
    "contact": Tensor((1, 4), "0..1", "probability of ground contact: left heel, left toes, right heel, right toes"),
    "grf_BW": Tensor((1, 2, 3), "body weights", "ground reaction force under the left and right foot, grav"),
    "grf_sigma_BW": Tensor((1, 2), "body weights", "expected error of it, per axis"),
    "activation": Tensor((1, MUSCLE_COUNT), "0..1", "muscle activations, order of the muscle table"),
    "activation_sigma": Tensor((1, MUSCLE_COUNT), "0..1", "expected error of each activation"),
    "R_grav_cam": Tensor((1, 3, 3), "", "turns cam axes into grav axes"),
}

#: Ring state. The graph returns the new column `kv_new`; the host writes it into slot s of `kv`, sets age_s[0, s] = 0 there and
#: adds dt_s to all other ages after each step. An empty slot is merely very old: a reset is ageing everything.
STATE = ("kv", "age_s")
STATE_OUTPUT = "kv_new"
AGE_EMPTY_S = 1e3

CONTACT_POINTS = ("left_heel", "left_toes", "right_heel", "right_toes")
