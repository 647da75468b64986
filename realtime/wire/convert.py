"""From a BodyFrame to the messages that carry it."""

import numpy as np

from ..body.frames import BodyFrame
from ..body.muscles import group_means
from ..smpl_pose import smpl_pose
from .messages import Activation, Pose

ZERO_BETAS = bytes(10 * 4)


def to_messages(frame: BodyFrame, *, session: int, track: int, t_publish_ns: int) -> tuple[Pose, Activation]:
    """The two messages of one frame. Arrays leave as little-endian float32."""
    pose = smpl_pose(frame.R_local)
    state = frame.state.value
    body = Pose(
        session=session,
        track=track,
        seq=frame.seq,
        t_capture_ns=frame.t_capture_ns,
        t_publish_ns=t_publish_ns,
        pts_s=frame.pts_s,
        state=state,
        stage_ms={name: ns * 1e-6 for name, ns in frame.stage_ns.items()},
        global_orient=_bin(pose[:3]),
        body_pose=_bin(pose[3:]),
        transl=_bin(frame.pelvis_m),
        betas=ZERO_BETAS,
        joints_m=_bin(frame.joints_m),
        joint_sigma_m=_bin(frame.joint_sigma_m),
        rotation_sigma_rad=_bin(frame.rotation_sigma_rad),
        root_velocity_m_s=_bin(frame.root_velocity_m_s),
        root_velocity_sigma_m_s=frame.root_velocity_sigma_m_s,
        contact=_bin(frame.contact),
        grf_BW=_bin(frame.grf_BW),
        grf_sigma_BW=_bin(frame.grf_sigma_BW),
        joint_valid=frame.joint_valid.tobytes(),
        doubts=list(frame.doubts),
    )
    muscles = Activation(
        session=session,
        track=track,
        seq=frame.seq,
        t_capture_ns=frame.t_capture_ns,
        t_publish_ns=t_publish_ns,
        pts_s=frame.pts_s,
        state=state,
        activation=_bin(frame.activation),
        activation_sigma=_bin(frame.activation_sigma),
        group_mean=_bin(group_means(frame.activation)),
        activation_valid=frame.activation_valid.tobytes(),
    )
    return body, muscles


def _bin(array: np.ndarray) -> bytes:
    return array.astype("<f4", copy=False).tobytes()
