"""`track --smpl-body`: what is on the wire gives smplx the same body; late joiners; without the switch nothing changes."""

import numpy as np
import pytest

from realtime import cli
from realtime.body.frames import LandmarkFrame
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import forward_kinematics, offsets_of
from realtime.body.smpl_file import write_smpl_body
from realtime.engines import open_engine
from realtime.loop import TrackingLoop, describe
from realtime.smpl_body import LiveSmplBody
from realtime.tracker import Tracker
from realtime.wire import ARRAYS, Mesh, MeshInfo, Meta, Pose, Publisher, mesh_arrays
from realtime.wire.convert import to_mesh_info
from simlabels.smpl_body import reduced, smplx_forward, smplx_model
from tests.smpl_model import model_arrays, write_model

from . import tiny_model
from .bodies import body, meta, smpl_body
from .doubles import ListSource, ScriptedFrontEnd, picture, someone
from .test_tracker_loop import Listener
from .test_wire_zmq import ANY, drain, joined

VERTICES = 300


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.onnx")


def run(tiny, smpl: LiveSmplBody | None, count: int = 45, lost: range = range(0)) -> list:
    """A run of scripted pictures; everything that a subscriber got."""
    source = ListSource([picture(i) for i in range(count)])
    script = ScriptedFrontEnd(lambda i: LandmarkFrame.nobody((640, 480)) if i in lost else someone(0.01 * i))
    tracker = Tracker(script, open_engine(tiny))
    about = describe(source, tracker, session=1, smpl=smpl)
    info = to_mesh_info(smpl, session=1) if smpl else None
    publisher = Publisher(ANY, about, lossless=True, mesh_info=info)
    listener = Listener(publisher)
    TrackingLoop(source, tracker, about, publisher, smpl=smpl).run()
    listener.of(Pose)
    return listener.messages


def of(messages: list, kind: type) -> list:
    return [r for r in messages if isinstance(r.message, kind)]


def test_what_is_published_gives_smplx_the_same_body(tiny):
    arrays = model_arrays(vertices=VERTICES)
    live = LiveSmplBody(reduced(arrays, gender="neutral", betas=10, source_sha256="1" * 64), with_mesh=True)
    messages = run(tiny, live, lost=range(20, 22))
    poses, meshes, infos = of(messages, Pose), of(messages, Mesh), of(messages, MeshInfo)
    assert [r.message.seq for r in meshes] == [r.message.seq for r in poses] == list(range(45))
    assert [r.topic for r in meshes] == ["mesh/0"] * 45
    np.testing.assert_array_equal(infos[0].arrays["faces"], arrays["f"])
    model = smplx_model(arrays, 10)
    for pose, mesh in zip(poses, meshes, strict=True):
        assert mesh.message.state == pose.message.state
        assert mesh.message.t_publish_ns >= pose.message.t_publish_ns
        np.testing.assert_array_equal(mesh.arrays["betas"], pose.arrays["betas"])
        if pose.message.state == "lost":
            assert np.isnan(mesh.arrays["vertices_m"]).all()
            assert np.isnan(mesh.arrays["smpl_joints_m"]).all()
            continue
        axis_angle = np.concatenate([pose.arrays["global_orient"], pose.arrays["body_pose"]]).reshape(24, 3)
        joints_m, vertices_m = smplx_forward(model, pose.arrays["betas"], axis_angle, mesh.arrays["smpl_transl_m"])
        np.testing.assert_allclose(mesh.arrays["vertices_m"], vertices_m, atol=1e-5)
        np.testing.assert_allclose(mesh.arrays["smpl_joints_m"], joints_m, atol=1e-5)
        np.testing.assert_allclose(mesh.arrays["smpl_joints_m"][0], pose.arrays["transl"], atol=1e-5)
    states = [r.message.state for r in poses]
    has_shape = [bool(r.arrays["betas"].any()) for r in poses]
    assert has_shape == [state == "tracking" for state in states]
    assert {"lost", "warming", "tracking"} == set(states)


def test_joints_alone(tiny):
    messages = run(tiny, smpl_body(), count=12)
    assert {r.message.vertices_m for r in of(messages, Mesh)} == {b""}
    assert of(messages, MeshInfo)[0].message.faces == b""
    last, pose = of(messages, Mesh)[-1].arrays, of(messages, Pose)[-1].arrays
    rest_m = smpl_body().body.rest_joints_m(last["betas"])
    R_local = from_axis_angle(np.concatenate([pose["global_orient"], pose["body_pose"]]).reshape(24, 3))
    expected_m, _ = forward_kinematics(R_local, offsets_of(rest_m), pose["transl"])
    np.testing.assert_allclose(last["smpl_joints_m"], expected_m, atol=1e-5)


def test_without_the_switch_nothing_changes(tiny):
    messages = run(tiny, None, count=12)
    assert {r.topic for r in messages} == {"meta", "status", "pose/0", "activation/0"}
    told = of(messages, Meta)[0].message
    assert told.arrays.keys() == ARRAYS.keys()
    assert not any(r.arrays["betas"].any() for r in of(messages, Pose))
    with_body = run(tiny, smpl_body(with_mesh=True), count=12)
    for before, after in zip(of(messages, Pose), of(with_body, Pose), strict=True):
        for name in before.arrays.keys() - {"betas"}:
            np.testing.assert_array_equal(before.arrays[name], after.arrays[name], err_msg=name)


def test_a_late_joiner_of_the_meshes_is_told_what_they_are_made_of():
    live = smpl_body(with_mesh=True)
    about = meta()
    about.arrays = ARRAYS | mesh_arrays(30, 60)
    publisher = Publisher(ANY, about, mesh_info=to_mesh_info(live, session=about.session))
    try:
        with joined(publisher, "pose/") as of_poses, joined(publisher, "mesh/") as late:
            publisher.send_frame(body(1))
            publisher.send_mesh(body(1), live.pose(body(1)))
            got = drain(late)
            kinds = [type(r.message) for r in got]
            assert set(kinds) == {Meta, MeshInfo, Mesh}
            assert kinds.index(Meta) < kinds.index(MeshInfo) < kinds.index(Mesh)
            assert got[kinds.index(MeshInfo)].arrays["faces"].shape == (60, 3)
            assert got[kinds.index(Mesh)].arrays["vertices_m"].shape == (30, 3)
            assert {type(r.message) for r in drain(of_poses)} == {Meta, Pose}
    finally:
        publisher.close()


def test_topics_of_a_later_program_are_passed_over():
    publisher = Publisher(ANY, meta())
    try:
        with joined(publisher, "") as subscriber:
            publisher._socket.send_multipart([b"hands/0", b"\x81\xa4type\xa5hands"])
            publisher.send_frame(body(1))
            assert {r.topic for r in drain(subscriber)} == {"meta", "pose/0", "activation/0"}
    finally:
        publisher.close()


def test_a_wrong_body_is_told_in_one_line_before_anything_is_opened(tmp_path, capsys):
    write_smpl_body(tmp_path / "good.npz", smpl_body().body)
    with np.load(tmp_path / "good.npz") as good:
        np.savez(tmp_path / "no_weights.npz", **{name: good[name] for name in good.files if name != "weights"})
    write_model(tmp_path / "model.npz")
    for options, message in (
        (["--mesh"], "--mesh needs --smpl-body FILE; make one of your model: biohuman-labels smpl-body"),
        (["--smpl-body", "no_weights.npz"], "has no weights: it is not a body file"),
        (["--smpl-body", "model.npz", "--mesh"], "is a model as it is downloaded; make the body file of it"),
        (["--smpl-body", "nothing.npz"], "does not exist"),
    ):
        paths = [str(tmp_path / o) if o.endswith(".npz") else o for o in options]
        assert cli.main(["track", "no such clip.mp4", *paths]) == 2
        said = capsys.readouterr().err
        assert said.startswith("biohuman: ")
        assert said.count("\n") == 1
        assert message in said


def test_the_command_tells_the_body_and_its_cost(tmp_path, capsys, monkeypatch, tiny):
    from realtime import track

    monkeypatch.setattr(track, "open_front_end", lambda **_: ScriptedFrontEnd(lambda i: someone(0.01 * i)))
    monkeypatch.setattr(track, "_open", lambda args: ListSource([picture(i) for i in range(12)]))
    write_smpl_body(tmp_path / "body.npz", smpl_body().body)
    options = ["--model", str(tiny), "--bind", ANY, "--smpl-body", str(tmp_path / "body.npz"), "--mesh", "--json"]
    assert cli.main(["track", "clip", *options]) == 0
    said = capsys.readouterr()
    assert "SMPL body   smpl, neutral, of a model with sha256 7777777777777777; 30 vertices on mesh/0" in said.err
    assert '"mesh"' in said.out  # among the stages' times
