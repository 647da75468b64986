"""The messages of wire version 1. The types are the schema; `docs/wire.md` is generated from them.

A message is two ZeroMQ parts: topic, msgpack map. Array fields are msgpack `bin`: little-endian float32 in C order, whose
shape, unit and meaning `Meta.arrays` gives. Readers ignore fields that they do not know; new fields come last and have a
default; a removed or re-typed field raises WIRE_VERSION.
"""

from typing import NamedTuple

import msgspec

from ..body.muscles import MUSCLE_COUNT, group_names
from ..body.skeleton import JOINT_COUNT

WIRE_VERSION = 1
DEFAULT_ADDRESS = "tcp://127.0.0.1:5755"
META, STATUS, POSE, ACTIVATION, MESH = "meta", "status", "pose/", "activation/", "mesh/"
MESH_INFO = "mesh/info"

F32, BOOL, U32 = "<f4", "|b1", "<u4"
J, M = JOINT_COUNT, MUSCLE_COUNT

AXES = (
    "World: right-handed, Y up (gravity is -Y), metres; origin on the floor under the person's first position; seen from the "
    "camera, X points right and Z towards the camera, so that a person who faces the camera looks along +Z"
)


class ArraySpec(NamedTuple):
    """How to read one `bin` field."""

    dtype: str
    shape: tuple[int, ...]
    unit: str
    meaning: str


#: Every `bin` field of Pose and Activation. While the state is "lost", numbers are NaN, betas and the *_valid 0.
ARRAYS: dict[str, ArraySpec] = {
    "global_orient": ArraySpec(F32, (3,), "rad", "SMPL: rotation of the pelvis in the world, axis-angle"),
    "body_pose": ArraySpec(F32, (69,), "rad", "SMPL: rotation of joints 1 to 23 in their parents, axis-angle"),
    "transl": ArraySpec(F32, (3,), "m", "SMPL: position of the pelvis in the world (our rest pelvis is the origin)"),
    "betas": ArraySpec(F32, (10,), "", "SMPL: shape; zeros unless a SMPL body is given and fitted; bones: Meta.offsets_m"),
    "joints_m": ArraySpec(F32, (J, 3), "m", "positions of the 24 joints in the world"),
    "joint_sigma_m": ArraySpec(F32, (J,), "m", "expected error of each joint about the pelvis, per axis"),
    "rotation_sigma_rad": ArraySpec(F32, (J,), "rad", "expected error of each joint's global rotation, per axis"),
    "root_velocity_m_s": ArraySpec(F32, (3,), "m/s", "velocity of the pelvis in the world"),
    "contact": ArraySpec(F32, (4,), "0..1", "probability of ground contact, order of Meta.contacts"),
    "grf_BW": ArraySpec(F32, (2, 3), "body weights", "ground reaction force on the left and right foot, world axes"),
    "grf_sigma_BW": ArraySpec(F32, (2,), "body weights", "expected error of it, per axis"),
    "activation": ArraySpec(F32, (M,), "0..1", "muscle activations, order of Meta.muscles"),
    "activation_sigma": ArraySpec(F32, (M,), "0..1", "expected error of each activation"),
    "joint_valid": ArraySpec(BOOL, (J,), "0 or 1", "whether the picture shows this joint; the others are guessed"),
    "activation_valid": ArraySpec(BOOL, (M,), "0 or 1", "whether the picture shows the limb that this muscle moves"),
    "group_mean": ArraySpec(F32, (len(group_names()),), "0..1", "mean activation of each group, order of Meta.groups"),
}


def mesh_arrays(vertex_count: int, face_count: int) -> dict[str, ArraySpec]:
    """The `bin` fields of Mesh and MeshInfo for a body of this size; without vertices (0), those of the joints alone."""
    found = {
        "smpl_transl_m": ArraySpec(F32, (3,), "m", "SMPL: transl of this body for this place, as smplx takes it"),
        "smpl_joints_m": ArraySpec(F32, (J, 3), "m", "positions of the SMPL body's own 24 joints in the world"),
    }
    if vertex_count:
        found["vertices_m"] = ArraySpec(F32, (vertex_count, 3), "m", "positions of its vertices in the world")
        found["faces"] = ArraySpec(U32, (face_count, 3), "", "its triangles: indices of vertices")
    return found


class Meta(msgspec.Struct, kw_only=True, tag_field="type", tag="meta"):
    """What the other messages mean, and what made them. Sent to each new subscriber at once and every second."""

    wire_version: int = WIRE_VERSION  # raised when a field is removed or re-typed
    session: int  # microseconds since 1970 at the start of the run: tells two runs apart
    program: str  # name and version
    source: str  # camera, stream or file
    is_live: bool  # False: a file, of which every frame is sent
    axes: str = AXES  # the world in words
    clock_offset_us: int  # add to t_*_ns / 1000 to get microseconds since 1970
    arrays: dict[str, ArraySpec]  # field -> dtype, shape, unit, meaning
    joints: list[str]  # 24 names, SMPL's order
    parents: list[int]  # index of each joint's parent, -1 for the pelvis
    offsets_m: list[list[float]]  # (24, 3), bone vectors parent -> joint in the rest pose (T-pose, Y up, facing +Z)
    muscles: list[str]  # 354 names, order of activation
    groups: list[str]  # names of the muscle groups
    contacts: list[str]  # names of the contact points
    model_id: str  # name of the model
    model_sha256: str  # of the model file's bytes
    engine: str  # what runs it
    front_end: str  # what finds the landmarks
    fov_deg: float  # field of view along the longer side of the picture, as given
    pitch_deg: float | None  # how far the camera looks down, as given; None: not known
    roll_deg: float | None  # how far the camera is turned clockwise, as given; None: not known
    height_m: float | None  # stature of the person, as given; None: not known
    R_world_cam: list[list[float]]  # (3, 3), turns camera axes (x right, y down, z forward) into world axes
    camera_world_m: list[float]  # (3,), position of the camera; settled when the first frames are over


class Status(msgspec.Struct, kw_only=True, tag_field="type", tag="status"):
    """How the run goes. Sent every second, on every change of state, and once at the end."""

    session: int  # as in meta
    t_publish_ns: int  # monotonic clock of the publishing host
    phase: str  # running or ended; nothing follows "ended"
    state: str  # lost, warming or tracking
    fps: float  # frames per second over the last seconds
    frames_read: int  # pictures taken from the source
    frames_lost: int  # of them without a person
    frames_published: int  # frames sent, whether or not anybody listened
    dropped: int  # pictures of a live source that a newer one overtook
    latency_ms: dict[str, float]  # p50, p95, p99 from capture to publish over the last 300 frames
    stage_ms: dict[str, float]  # p50 of each stage over the same frames
    engine: str  # what runs it
    front_end: str  # what finds the landmarks
    model_id: str  # name of the model
    model_sha256: str  # of the model file's bytes
    warnings: list[str]  # what deserves attention; stays listed
    faults: list[str]  # what went wrong; stays listed
    source_state: str = "running"  # running, silent (nothing for 2 s), reopening or ended
    events: list[str] = []  # the last 20 things that happened to the source, with their wall time


class Pose(msgspec.Struct, kw_only=True, tag_field="type", tag="pose"):
    """One frame's body. `bin` fields are described in `Meta.arrays`."""

    session: int  # as in meta
    track: int  # which person; 0 today
    seq: int  # counts frames of this run from 0; a gap is a frame that was not delivered
    t_capture_ns: int  # monotonic clock of the publishing host, when the picture was grabbed
    t_publish_ns: int  # same clock, just before sending
    pts_s: float | None  # presentation time within the file; None for live sources
    state: str  # lost, warming or tracking
    stage_ms: dict[str, float]  # how long each stage of this frame took
    global_orient: bytes
    body_pose: bytes
    transl: bytes
    betas: bytes
    joints_m: bytes
    joint_sigma_m: bytes
    rotation_sigma_rad: bytes
    root_velocity_m_s: bytes
    root_velocity_sigma_m_s: float  # expected error of the velocity, per axis; NaN while lost
    contact: bytes
    grf_BW: bytes
    grf_sigma_BW: bytes
    joint_valid: bytes = b""
    doubts: list[str] = []  # what is wrong with this frame: left_arm ... trunk: not in the picture; left_right_flip


class Activation(msgspec.Struct, kw_only=True, tag_field="type", tag="activation"):
    """One frame's muscles; same seq and times as its Pose. `bin` fields are described in `Meta.arrays`."""

    session: int  # as in meta
    track: int  # which person; 0 today
    seq: int  # as in the pose of the same frame
    t_capture_ns: int  # as there
    t_publish_ns: int  # as there
    pts_s: float | None  # as there
    state: str  # as there
    activation: bytes
    activation_sigma: bytes
    group_mean: bytes
    activation_valid: bytes = b""


class Mesh(msgspec.Struct, kw_only=True, tag_field="type", tag="mesh"):
    """One frame's SMPL body, only with `--smpl-body`; same seq as its Pose, whose rotations and betas it has."""

    session: int  # as in meta
    track: int  # which person; 0 today
    seq: int  # as in the pose of the same frame
    t_capture_ns: int  # as there
    t_publish_ns: int  # just before this message was sent, which is after the pose
    pts_s: float | None  # as in the pose
    state: str  # as there
    betas: bytes
    smpl_transl_m: bytes
    smpl_joints_m: bytes
    vertices_m: bytes = b""  # (V, 3), only with `--mesh`, else empty


class MeshInfo(msgspec.Struct, kw_only=True, tag_field="type", tag="mesh_info"):
    """What the meshes are made of. Sent to each new subscriber of `mesh/` and every second, as meta is."""

    session: int  # as in meta
    kind: str  # smpl, smplh or smplx: whose betas they are
    gender: str  # of the body file: neutral, female, male or unknown
    source_sha256: str  # of the model file that the body file was made from
    vertex_count: int  # 0 without `--mesh`
    face_count: int  # 0 without `--mesh`
    faces: bytes = b""  # (F, 3), only with `--mesh`, else empty


Message = Meta | Status | Pose | Activation | Mesh | MeshInfo
