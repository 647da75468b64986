"""From a BodyFrame to the messages that carry it."""

import numpy as np

from ..body.frames import BodyFrame
from ..body.muscles import group_means
from ..smpl_body import LiveSmplBody, SmplFrame
from ..smpl_pose import smpl_pose
from .messages import Activation, Mesh, MeshInfo, Pose

ZERO_BETAS = bytes(10 * 4)


def to_messages(
    frame: BodyFrame, *, session: int, track: int, t_publish_ns: int, betas: np.ndarray | None = None
) -> tuple[Pose, Activation]:
    """The two messages of one frame. Arrays leave as little-endian float32; betas that are not known as zeros."""
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
        betas=ZERO_BETAS if betas is None else _bin(betas),
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


def to_mesh(frame: BodyFrame, smpl: SmplFrame, *, session: int, track: int, t_publish_ns: int) -> Mesh:
    """The message of one frame's SMPL body."""
    return Mesh(
        session=session,
        track=track,
        seq=frame.seq,
        t_capture_ns=frame.t_capture_ns,
        t_publish_ns=t_publish_ns,
        pts_s=frame.pts_s,
        state=frame.state.value,
        betas=_bin(smpl.betas),
        smpl_transl_m=_bin(smpl.transl_m),
        smpl_joints_m=_bin(smpl.joints_m),
        vertices_m=b"" if smpl.vertices_m is None else _bin(smpl.vertices_m),
    )


def to_mesh_info(smpl: LiveSmplBody, *, session: int) -> MeshInfo:
    """The message that says what the meshes of a run are made of."""
    body = smpl.body
    return MeshInfo(
        session=session,
        kind=body.kind,
        gender=body.gender,
        source_sha256=body.source_sha256,
        vertex_count=body.vertex_count if smpl.with_mesh else 0,
        face_count=len(body.faces) if smpl.with_mesh else 0,
        faces=body.faces.astype("<u4", copy=False).tobytes() if smpl.with_mesh else b"",
    )


def _bin(array: np.ndarray) -> bytes:
    return array.astype("<f4", copy=False).tobytes()
