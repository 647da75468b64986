"""The commands: exit codes, one-line mistakes, Ctrl-C, what lands in the files and on the wire."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime import cli, track
from realtime.wire import DEFAULT_ADDRESS, Pose, Publisher, Subscriber

from . import tiny_model
from .bodies import body, meta
from .doubles import ScriptedFrontEnd, picture, someone

ROOT = Path(__file__).parents[2]
ANY = "tcp://127.0.0.1:*"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of 30 numbered pictures: lossless, so that the scripted front end reads their numbers."""
    folder = tmp_path_factory.mktemp("images")
    for i in range(30):
        cv2.imwrite(str(folder / f"{i:03d}.png"), picture(i).image_bgr)
    return folder


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr(track, "open_front_end", lambda **_: ScriptedFrontEnd(lambda i: someone(0.01 * i)))


def biohuman(*args: object) -> int:
    return cli.main([str(a) for a in args])


def test_track_writes_what_it_sees(images, tiny, scripted, tmp_path, capsys):
    out = [tmp_path / "a.npz", tmp_path / "a.csv"]
    code = biohuman(
        "track", images, "--model", tiny, "--out", out[0], "--out", out[1], "--bind", ANY, "--json", "--height", 1.8
    )
    assert code == 0
    with np.load(out[0]) as data:
        np.testing.assert_allclose(data["global_orient"][:, 2], 0.01 * np.arange(30), atol=1e-6)
        np.testing.assert_allclose(data["root_velocity_sigma_m_s"], 1.8, rtol=1e-6)  # the tiny model hands the height through
        told = json.loads(str(data["meta"]))
    assert (told["model_id"], told["engine"], told["front_end"], told["height_m"]) == ("tiny-1", "onnx-cpu", "scripted", 1.8)
    assert out[1].read_text().count("\n") == 31
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert (summary["frames_read"], summary["frames_tracked"], summary["frames_published"]) == (30, 30, 30)
    assert summary["files"] == [str(path) for path in out]
    for part in ("scripted", "tiny-1", "onnx-cpu", "field of view 60 deg", "height 1.8 m", summary["model_sha256"][:16]):
        assert part in printed.err, part


def test_quiet_prints_nothing(images, tiny, scripted, capsys):
    assert biohuman("track", images, "--model", tiny, "--bind", ANY, "--frames", 3, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_realtime_plays_a_file_as_a_camera(images, tiny, scripted, tmp_path, capsys):
    assert biohuman("track", images, "--model", tiny, "--bind", ANY, "--realtime", "--json", "--out", tmp_path / "a.npz") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["frames_read"] + summary["dropped"] == 30
    with np.load(tmp_path / "a.npz") as data:
        seen = data["global_orient"][:, 2] / 0.01
        assert (np.diff(seen) > 0.5).all()  # in order, none twice
        span_s = (data["t_capture_ns"][-1] - data["t_capture_ns"][0]) * 1e-9
        assert span_s == pytest.approx(data["time_s"][-1] - data["time_s"][0], abs=0.2)  # at its own pace
        assert json.loads(str(data["meta"]))["is_live"] is True


@pytest.mark.parametrize(("flags", "lossless"), [([], True), (["--realtime"], False)])
def test_files_wait_for_subscribers_and_cameras_do_not(images, tiny, scripted, monkeypatch, flags, lossless):
    asked, made = [], track.Publisher
    monkeypatch.setattr(track, "Publisher", lambda *a, **options: asked.append(options) or made(*a, **options))
    assert biohuman("track", images, "--model", tiny, "--bind", ANY, "--quiet", "--frames", 2, *flags) == 0
    assert asked == [{"lossless": lossless, "mesh_info": None}]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["SOURCE", "--model", "nowhere.onnx"], "there is no model file nowhere.onnx"),
        (["nowhere.mp4", "--model", "MODEL"], "nowhere.mp4: no such file"),
        (["SOURCE", "--model", "MODEL", "--engine", "cuda"], "no engine is called 'cuda'"),
        (["SOURCE", "--model", "MODEL", "--out", "a.xyz"], ".xyz is not a format we know"),
        (["SOURCE", "--model", "MODEL", "--out", "/nowhere/a.npz"], "there is no folder /nowhere"),
        (["SOURCE", "--model", "MODEL", "--fov", "0"], "field of view is 0 degrees"),
        (["SOURCE", "--model", "MODEL", "--height", "180"], "height is 180 m"),
        (["SOURCE", "--model", "MODEL", "--bind", "5755"], "cannot listen on '5755'"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(images, tiny, scripted, capsys, args, says):
    args = [{"SOURCE": images, "MODEL": tiny}.get(a, a) for a in args]
    assert biohuman("track", *args) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("biohuman: ")
    assert says in printed.err
    assert printed.err.count("\n") == 1


def test_without_a_trained_model_that_is_said(images, scripted, capsys, monkeypatch, tmp_path):
    import realtime.engines.open as module

    monkeypatch.setattr(module, "DEFAULT_MODEL", tmp_path / "student.onnx")
    assert biohuman("track", images) == 2
    assert re.fullmatch(r"biohuman: this installation has no trained model .*--model FILE\.onnx\n", capsys.readouterr().err)


def test_a_port_in_use(images, tiny, scripted, capsys):
    publisher = Publisher(ANY, meta())
    try:
        assert biohuman("track", images, "--model", tiny, "--bind", publisher.address) == 2
    finally:
        publisher.close()
    assert "is in use" in capsys.readouterr().err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_writes_whole_files_and_exits_130(tiny, tmp_path, signum):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(1000):
        cv2.imwrite(str(folder / f"{i:04d}.png"), picture(i).image_bgr)
    out = tmp_path / "a.npz"
    command = [
        sys.executable,
        "-m",
        "tests.realtime.scripted_cli",
        "track",
        str(folder),
        "--model",
        str(tiny),
        "--out",
        str(out),
    ]
    address = f"ipc://{tmp_path}/s"
    process = subprocess.Popen([*command, "--bind", address], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        with Subscriber(address, ["pose/"]) as subscriber:
            while (received := subscriber.recv(20)) is not None and not isinstance(received.message, Pose):
                pass
            assert received is not None
        process.send_signal(signum)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130, err
    with np.load(out) as data:
        assert 0 < len(data["seq"]) < 1000
        np.testing.assert_array_equal(data["seq"], np.arange(len(data["seq"])))
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "images"]  # the socket and all temporary files are gone


def test_a_subscriber_in_another_process_gets_every_frame(images, tiny, scripted, monkeypatch):
    from realtime.wire.count import counter

    counted = {}
    made = track.Publisher

    def publisher_with_counter(address, *args, **options):
        publisher = made(address, *args, **options)
        counted["counter"] = counter(publisher.address)
        counted["process"] = counted["counter"].__enter__()
        assert publisher.wait_for_topics({"pose/", "status"}, 20)
        return publisher

    monkeypatch.setattr(track, "Publisher", publisher_with_counter)
    assert biohuman("track", images, "--model", tiny, "--bind", ANY, "--quiet") == 0
    result = counted["process"].result()
    counted["counter"].__exit__(None, None, None)
    assert (result["received"], result["missing"], result["has_ended"]) == (30, 0, True)
    assert result["seq"] == list(range(30))
    assert all(0 < rest < latency for rest, latency in zip(result["rest_ms"], result["latency_ms"], strict=True))


class Broadcast:
    """A publisher that sends numbered bodies, then says that it has ended."""

    def __init__(self, count: int, topics: set[str]):
        self.publisher, self.count, self.topics = Publisher(ANY, meta(), lossless=True), count, topics
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        from .test_wire_zmq import status

        if self.publisher.wait_for_topics(self.topics, 20):
            for seq in range(self.count):
                self.publisher.send_frame(body(seq))
            self.publisher.send_status(status("ended"))
        self.publisher.close()


def listen_to(count: int, *args: object, topics: set[str]) -> int:
    broadcast = Broadcast(count, topics)
    try:
        return biohuman("listen", "--connect", broadcast.publisher.address, *args)
    finally:
        broadcast.thread.join(25)
        assert not broadcast.thread.is_alive()


def test_listen_prints_lines_when_nobody_looks(capsys):
    assert listen_to(5, topics={"", "status"}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert re.match(r"tracking +[\d.]+ fps +[\d.]+ ms old  seq \d+", lines[0])


def test_listen_json_is_one_object_a_line(capsys):
    assert listen_to(4, "--json", "--topic", "pose/", topics={"pose/", "status"}) == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    poses = [o for o in objects if o.get("topic") == "pose/0"]
    assert [o["seq"] for o in poses] == [0, 1, 2, 3]
    np.testing.assert_allclose(poses[2]["joints_m"], body(2).joints_m, atol=1e-6)
    assert {o.get("topic") for o in objects[:-1]} == {"pose/0"}
    assert objects[-1]["summary"]["received"]["pose"] == 4
    assert objects[-1]["summary"]["missing"] == 0


def test_listen_draws_state_and_strongest_groups():
    from io import StringIO

    from rich.console import Console

    from realtime.listen import Seen, picture_of

    publisher, seen = Publisher(ANY, meta()), Seen()
    with Subscriber(publisher.address) as subscriber:
        assert publisher.wait_for_topics({"meta", ""}, 5)
        publisher.send_frame(body(0))
        while seen.group_mean is None or seen.seq is None:
            received = subscriber.recv(5)
            assert received is not None
            seen.add(received)
    publisher.close()
    screen = StringIO()
    Console(file=screen, width=120).print(picture_of(seen))
    strongest = meta().groups[int(np.argmax(seen.group_mean))]
    assert "tracking" in screen.getvalue()
    assert strongest in screen.getvalue()
    assert seen.strongest_groups(1)[0][0] == strongest
    seen.state = "lost"  # a pose has told so, the activations of its frame are still to come
    assert seen.strongest_groups(1) == []


def test_listen_to_nothing_ends_in_time_with_exit_code_1(capsys):
    assert biohuman("listen", "--connect", "tcp://127.0.0.1:9", "--seconds", 0.4) == 1


def test_flags_are_these():
    # Changing this list changes what users have typed into scripts.
    flags = {}
    for name, sub in _commands().items():
        flags[name] = sorted(o for a in sub._actions for o in a.option_strings if o.startswith("--") and o != "--help")
    expected = [
        "bind",
        "engine",
        "fov",
        "fps",
        "frames",
        "height",
        "json",
        "landmarker",
        "mesh",
        "model",
        "out",
        "patience",
        "pitch",
        "quiet",
        "realtime",
        "roll",
        "size",
        "smpl-body",
    ]
    assert flags["track"] == [f"--{flag}" for flag in expected]
    assert flags["listen"] == ["--connect", "--json", "--seconds", "--topic"]
    assert flags["demo"] == ["--json", "--model", "--video"]


def _commands() -> dict:
    return next(a.choices for a in cli.build_parser()._actions if isinstance(a.choices, dict))


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["track", "--help"])
    assert end.value.code == 0
    assert "biohuman track walk.mp4 --out walk.npz" in capsys.readouterr().out


def test_the_default_address_is_one():
    assert cli.DEFAULT_ADDRESS == DEFAULT_ADDRESS


def test_help_imports_nothing_heavy_and_tracking_nothing_foreign():
    code = """
import sys, realtime.cli
realtime.cli.build_parser()
early = {'numpy', 'cv2', 'mediapipe', 'onnxruntime', 'zmq', 'rich'} & set(sys.modules)
import realtime.track, realtime.listen, realtime.demo, realtime.engines.onnx_cpu, realtime.export
late = {'torch', 'mujoco', 'smplx', 'trainer', 'simlabels', 'mediapipe', 'onnxruntime', 'matplotlib'} & set(sys.modules)
print(sorted(early), sorted(late))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
