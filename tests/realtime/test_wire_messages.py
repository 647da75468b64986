"""What is on the wire, byte by byte, and what each field means."""

import inspect
from pathlib import Path

import msgpack
import msgspec
import numpy as np
import pytest

from realtime.body.frames import State
from realtime.body.muscles import group_means
from realtime.body.rotations import from_axis_angle, to_axis_angle
from realtime.body.skeleton import JOINT_COUNT
from realtime.smpl_body import SmplFrame
from realtime.smpl_pose import axis_angle_fast, smpl_pose
from realtime.wire import ARRAYS, WIRE_VERSION, Activation, Mesh, MeshInfo, Meta, Pose, Status, mesh_arrays, reference
from realtime.wire.convert import to_mesh, to_mesh_info, to_messages

from .bodies import body, meta, smpl_body

GOLDEN = Path(__file__).parents[1] / "data" / "wire"


def messages(frame):
    return to_messages(frame, session=meta().session, track=0, t_publish_ns=frame.t_capture_ns + 25_000_000)


def test_golden_bytes():
    # Written by `python -m tests.realtime.test_wire_messages`, once per wire version. If this fails, either a field was
    # removed or re-typed (raise WIRE_VERSION) or one was added (add it at the end and write the files again).
    assert WIRE_VERSION == 1
    for name, message in golden().items():
        assert msgspec.msgpack.encode(message) == (GOLDEN / f"{name}.msgpack").read_bytes(), name


def golden() -> dict[str, Pose | Activation | Mesh | MeshInfo]:
    pose, activation = messages(body(3))
    lost, _ = messages(body(4, state=State.LOST, pts_s=None))
    info = to_mesh_info(smpl_body(with_mesh=True), session=meta().session)
    return {"pose": pose, "pose_lost": lost, "activation": activation, "mesh": mesh(), "mesh_info": info}


VERTICES, FACES = 30, 60
ALL_ARRAYS = ARRAYS | mesh_arrays(VERTICES, FACES)


def mesh(*, with_vertices: bool = True) -> Mesh:
    """Numbers counted up, as in `bodies.body`."""

    def count(*shape: int, start: float) -> np.ndarray:
        return (np.arange(np.prod(shape)).reshape(shape) / 64 + start).astype(np.float32)

    frame = SmplFrame(
        betas=count(10, start=-1),
        transl_m=count(3, start=2),
        joints_m=count(24, 3, start=3),
        vertices_m=count(VERTICES, 3, start=5) if with_vertices else None,
    )
    return to_mesh(body(3), frame, session=meta().session, track=0, t_publish_ns=body(3).t_capture_ns + 26_000_000)


def test_golden_bytes_are_read_by_plain_msgpack():
    for name, message in golden().items():
        plain = msgpack.unpackb((GOLDEN / f"{name}.msgpack").read_bytes())
        assert plain["type"] == name.removesuffix("_lost")
        assert plain["session"] == message.session
        for field in message.__struct_fields__:
            if field in ALL_ARRAYS:
                assert len(plain[field]) == np.dtype(ALL_ARRAYS[field].dtype).itemsize * np.prod(ALL_ARRAYS[field].shape), field


def test_arrays_come_back_as_they_were():
    frame = body(3)
    pose, activation = messages(frame)

    def read(message, name):
        return np.frombuffer(getattr(message, name), ARRAYS[name].dtype).reshape(ARRAYS[name].shape)

    for name in ("joints_m", "joint_sigma_m", "rotation_sigma_rad", "root_velocity_m_s", "contact", "grf_BW", "grf_sigma_BW"):
        np.testing.assert_array_equal(read(pose, name), getattr(frame, name), err_msg=name)
    np.testing.assert_array_equal(read(pose, "joint_valid"), frame.joint_valid)
    for name in ("activation", "activation_sigma", "activation_valid"):
        np.testing.assert_array_equal(read(activation, name), getattr(frame, name), err_msg=name)
    np.testing.assert_array_equal(read(pose, "transl"), frame.pelvis_m)
    np.testing.assert_array_equal(read(pose, "betas"), np.zeros(10))
    np.testing.assert_allclose(read(activation, "group_mean"), group_means(frame.activation))
    aa = np.concatenate([read(pose, "global_orient"), read(pose, "body_pose")]).reshape(JOINT_COUNT, 3)
    np.testing.assert_allclose(from_axis_angle(aa), frame.R_local, atol=1e-6)


def test_a_mesh_comes_back_as_it_was():
    smpl = smpl_body(with_mesh=True)
    info = to_mesh_info(smpl, session=1)
    assert (info.vertex_count, info.face_count) == (VERTICES, FACES)
    faces = np.frombuffer(info.faces, ALL_ARRAYS["faces"].dtype).reshape(ALL_ARRAYS["faces"].shape)
    np.testing.assert_array_equal(faces, smpl.body.faces)
    vertices_m = np.frombuffer(mesh().vertices_m, "<f4").reshape(VERTICES, 3)
    np.testing.assert_array_equal(vertices_m, (np.arange(90).reshape(30, 3) / 64 + 5).astype(np.float32))
    pose, _ = to_messages(body(3), session=1, track=0, t_publish_ns=0, betas=np.arange(10, dtype=np.float32))
    np.testing.assert_array_equal(np.frombuffer(pose.betas, "<f4"), np.arange(10))


def test_joints_alone_are_sent_without_vertices():
    info = to_mesh_info(smpl_body(), session=1)
    assert (info.vertex_count, info.face_count, info.faces) == (0, 0, b"")
    assert mesh(with_vertices=False).vertices_m == b""
    assert mesh_arrays(0, 0).keys() == {"smpl_transl_m", "smpl_joints_m"}


def test_lost_frames_have_no_numbers():
    pose, activation = messages(body(4, state=State.LOST))
    for message in (pose, activation):
        assert message.state == "lost"
        for name in message.__struct_fields__:
            if name in ARRAYS and ARRAYS[name].dtype == "|b1":
                assert not any(getattr(message, name)), name
            elif name in ARRAYS and name != "betas":
                assert np.isnan(np.frombuffer(getattr(message, name), "<f4")).all(), name
    assert np.isnan(pose.root_velocity_sigma_m_s)


@pytest.mark.parametrize("angle_rad", [0.0, 1e-7, 1e-3, 0.5, 2.0, 2.82, 2.84, 3.1, np.pi])
def test_fast_axis_angle_is_the_exact_one(angle_rad):
    axes = np.random.default_rng(1).standard_normal((24, 3))
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    R = from_axis_angle(angle_rad * axes)
    fast = axis_angle_fast(R.astype(np.float32))
    np.testing.assert_allclose(from_axis_angle(fast), R, atol=1e-6)
    if angle_rad < 3.1:  # at half turns the sign of the axis is open
        np.testing.assert_allclose(fast, angle_rad * axes, atol=2e-6)


def test_fast_axis_angle_of_one_half_turn_among_others():
    R = from_axis_angle(np.random.default_rng(2).standard_normal((24, 3)))
    R[5] = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(axis_angle_fast(R), to_axis_angle(R), atol=1e-6)
    assert smpl_pose(R).dtype == np.float32


def test_large_numbers_survive_javascript():
    # JavaScript's numbers are doubles: exact up to 2**53.
    assert meta().session < 2**53
    assert meta().clock_offset_us < 2**53


def test_public_fields_are_these():
    # Changing this list changes the wire: new fields come last and have a default.
    assert Pose.__struct_fields__ == (
        *("session", "track", "seq", "t_capture_ns", "t_publish_ns", "pts_s", "state", "stage_ms"),
        *("global_orient", "body_pose", "transl", "betas", "joints_m", "joint_sigma_m", "rotation_sigma_rad"),
        *("root_velocity_m_s", "root_velocity_sigma_m_s", "contact", "grf_BW", "grf_sigma_BW"),
        *("joint_valid", "doubts"),
    )
    assert Activation.__struct_fields__ == (
        *("session", "track", "seq", "t_capture_ns", "t_publish_ns", "pts_s", "state"),
        *("activation", "activation_sigma", "group_mean", "activation_valid"),
    )
    assert Mesh.__struct_fields__ == (
        *("session", "track", "seq", "t_capture_ns", "t_publish_ns", "pts_s", "state"),
        *("betas", "smpl_transl_m", "smpl_joints_m", "vertices_m"),
    )
    assert MeshInfo.__struct_fields__ == (
        *("session", "kind", "gender", "source_sha256", "vertex_count", "face_count", "faces"),
    )
    assert Status.__struct_fields__ == (
        *("session", "t_publish_ns", "phase", "state", "fps", "frames_read", "frames_lost", "frames_published", "dropped"),
        *("latency_ms", "stage_ms", "engine", "front_end", "model_id", "model_sha256", "warnings", "faults"),
        *("source_state", "events"),
    )
    assert Meta.__struct_fields__ == (
        *("wire_version", "session", "program", "source", "is_live", "axes", "clock_offset_us", "arrays", "joints", "parents"),
        *("offsets_m", "muscles", "groups", "contacts", "model_id", "model_sha256", "engine", "front_end", "fov_deg"),
        *("pitch_deg", "roll_deg", "height_m", "R_world_cam", "camera_world_m"),
    )


def test_every_bin_field_is_described():
    for kind in (Pose, Activation, Mesh, MeshInfo):
        fields = inspect.get_annotations(kind)
        arrays = ARRAYS if kind in (Pose, Activation) else ALL_ARRAYS
        assert {name for name, type_ in fields.items() if type_ is bytes} == {n for n in fields if n in arrays}


def test_unknown_fields_are_ignored():
    pose, _ = messages(body(1))
    fields = msgpack.unpackb(msgspec.msgpack.encode(pose)) | {"mood": "good"}
    assert msgspec.convert(fields, Pose) == pose


def test_the_reference_page_is_that_of_the_types():
    page = reference.page()
    assert (Path(__file__).parents[2] / "docs" / "wire.md").read_text() == page
    for kind in (Meta, Status, Pose, Activation, Mesh, MeshInfo):
        for field in kind.__struct_fields__:
            row = next(line for line in page.splitlines() if line.startswith(f"| `{field}` |"))
            assert not row.endswith("|  |"), f"{field} has no meaning"


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, message in golden().items():
        (GOLDEN / f"{name}.msgpack").write_bytes(msgspec.msgpack.encode(message))
