"""Coordinates of OpenSim's full-body model (Rajagopal et al. 2016) from SMPL's joint rotations, in closed form.

Signs, axes and their order are those of `Rajagopal2016.osim`; docs/exports.md has the table. Zero is the model's stance: upright,
arms down, palms forward. SMPL's rest is a T-pose with palms down: 90 degrees of arm abduction and of pronation away.

What the model's joints cannot do is left out: of SMPL's knee all but flexion, of its elbow the sideways angle, of its ankle the
third angle, of neck, head, collar bones and fingers everything (the torso is spine3, the upper arm is taken against it).
"""

import numpy as np

from ..body.skeleton import forward_kinematics, joint_index, rest_offsets_m
from .angles import X, Y, Z, axis_rotation, ball_angles, hinge_angle, two_hinge_angles

Array = np.ndarray

#: OpenSim's ground (x forward, y up, z right) from our world, so that whoever faces the camera (+Z) faces +x.
R_OPENSIM_WORLD = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])

_LEG = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle", "mtp_angle")
_ARM = ("arm_flex", "arm_add", "arm_rot", "elbow_flex", "pro_sup", "wrist_flex", "wrist_dev")
TRANSLATIONS = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
COORDINATES: tuple[str, ...] = (
    *("pelvis_tilt", "pelvis_list", "pelvis_rotation", *TRANSLATIONS),
    *(f"{name}_{side}" for side in "rl" for name in _LEG),
    *("lumbar_extension", "lumbar_bending", "lumbar_rotation"),
    *(f"{name}_{side}" for side in "rl" for name in _ARM),
)

# Axes of the right foot's joints in the model (z of their frames); on the left x and y change sign. The knee's is -z.
_ANKLE = np.array([-0.10501402, -0.17402184, 0.97912637])
_SUBTALAR = np.array([0.78718000, 0.60474720, -0.12094825])
_TOES = np.array([0.58095377, 0.0, -0.81393656])  # positive is toes down; some scaled models turn about +z, toes up

#: The pelvis frame's origin from the middle of the hip joints, pelvis axes, and the leg it goes with (unscaled model).
PELVIS_FROM_HIPS_M = np.array([0.056276, 0.078490, 0.0])
MODEL_LEG_M = 0.8046  # thigh and shank
#: The model's elbow axis is turned from z by so much about the upper arm.
ELBOW_ASKEW_RAD = 0.228018
#: Mean sine of the elbow's flexion above which the recording, not the rest pose, says where its hinge is.
STRAIGHT_ARM = 0.05

_AXES = np.eye(3)


def coordinates(R_local: Array, pelvis_m: Array, offsets_m: Array) -> Array:
    """Values (T, 37) in the order of `COORDINATES`: rad, and m for `TRANSLATIONS`.

    Args:
        R_local: SMPL's rotations (T, 24, 3, 3), the pelvis in the world.
        pelvis_m: (T, 3), world.
        offsets_m: the person's bone vectors (24, 3), rest pose.
    """
    _, R_global = forward_kinematics(np.asarray(R_local, float), rest_offsets_m(), np.zeros(3))
    R = R_OPENSIM_WORLD @ R_global @ R_OPENSIM_WORLD.T  # segments at rest are parallel to the ground's axes
    pelvis, torso = R[:, joint_index("pelvis")], R[:, joint_index("spine3")]
    columns = [
        ball_angles(pelvis, Z),
        _pelvis_origin_m(R_global[:, 0], pelvis_m, offsets_m),
        *(_leg(R, side) for side in ("right", "left")),
        ball_angles(_between(pelvis, torso), Z),
        *(_arm(R, side) for side in ("right", "left")),
    ]
    return np.concatenate(columns, axis=1)


def _between(R_parent: Array, R_child: Array) -> Array:
    return np.swapaxes(R_parent, -1, -2) @ R_child


def _pelvis_origin_m(R_pelvis: Array, pelvis_m: Array, offsets_m: Array) -> Array:
    """Origin (T, 3) of the model's pelvis in OpenSim's ground: hips on hips, the model scaled to the person's legs."""
    bones = np.asarray(offsets_m, float)
    hips = bones[[joint_index("left_hip"), joint_index("right_hip")]].mean(0)
    leg_m = np.linalg.norm(bones[joint_index("left_knee")]) + np.linalg.norm(bones[joint_index("left_ankle")])
    origin = hips + R_OPENSIM_WORLD.T @ PELVIS_FROM_HIPS_M * leg_m / MODEL_LEG_M
    return (pelvis_m + R_pelvis @ origin) @ R_OPENSIM_WORLD.T


def _leg(R: Array, side: str) -> Array:
    """Seven coordinates (T, 7) of one leg."""
    femur, tibia, foot, toes = (R[:, joint_index(f"{side}_{joint}")] for joint in ("hip", "knee", "ankle", "foot"))
    sign = 1.0 if side == "right" else -1.0
    mirror = np.array([sign, sign, 1.0])
    hip = ball_angles(_between(R[:, joint_index("pelvis")], femur), Z) * [1, sign, sign]
    knee = -ball_angles(_between(femur, tibia), Z)[:, 0]
    ankle, subtalar = two_hinge_angles(_between(tibia, foot), _ANKLE * mirror, _SUBTALAR * mirror)
    mtp = hinge_angle(_between(foot, toes), _TOES * mirror)
    hinges = np.unwrap(np.stack([ankle, subtalar, mtp], axis=1), axis=0)
    return np.concatenate([hip, knee[:, None], hinges], axis=1)


def _arm(R: Array, side: str) -> Array:
    """Seven coordinates (T, 7) of one arm: shoulder, then what the forearm and the hand add to the upper arm."""
    sign = 1.0 if side == "right" else -1.0
    hang = axis_rotation(-sign * np.pi / 2, _AXES[X])  # axes of a hanging arm, carried out to the T-pose
    humerus, forearm, hand = (R[:, joint_index(f"{side}_{joint}")] @ hang for joint in ("shoulder", "elbow", "wrist"))
    humerus = humerus @ axis_rotation(_hinge_askew_rad(_between(humerus, forearm)), _AXES[Y])
    shoulder = ball_angles(_between(R[:, joint_index("spine3")], humerus @ axis_rotation(-sign * ELBOW_ASKEW_RAD, _AXES[Y])), Z)
    elbow = ball_angles(_between(humerus, forearm), Z)
    # The twist of SMPL's elbow and that of its wrist are one pronation: the hand is taken against the forearm without twist.
    twist = axis_rotation(elbow[:, 2] + sign * ELBOW_ASKEW_RAD, _AXES[Y])
    palm_down = axis_rotation(sign * np.pi / 2, _AXES[Y])
    wrist = ball_angles(twist @ _between(forearm, hand) @ palm_down, Y)  # pronation, flexion, deviation
    return np.concatenate([shoulder * [1, sign, sign], elbow[:, :1], wrist * [sign, 1, sign]], axis=1)


def _hinge_askew_rad(R_elbow: Array) -> float:
    """By how much the elbow's hinge is turned from z about the upper arm, over the whole recording.

    SMPL's elbow is a ball joint, and how much of it is upper arm twist is a matter of the data it was fitted to (motion
    capture: 10 to 28 degrees). Its hinge is where the forearm goes when it bends; the model's hinge is laid onto it.
    """
    forward = -R_elbow[:, [X, Z], 1].mean(0) + [STRAIGHT_ARM, 0]  # of a forearm that hangs down at rest
    return float(np.arctan2(-forward[1], forward[0]))
