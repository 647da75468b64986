"""The examples for other programs, run as a user runs them against a real publisher: what they print is what was sent."""

import importlib.util
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq

from realtime.body.frames import BodyFrame, State
from realtime.body.muscles import group_means, group_names
from realtime.body.rotations import from_axis_angle, to_quat_wxyz
from realtime.body.skeleton import JOINTS, PARENTS, forward_kinematics, rest_offsets_m
from realtime.wire import Meta, Publisher

from .bodies import body, meta
from .test_wire_zmq import status

EXAMPLES = Path(__file__).parents[2] / "examples"
ANY = "tcp://127.0.0.1:*"
SOON_S = 20.0
LINE = re.compile(r" *(?P<seq>\d+) (?P<state>\w+) +(?P<age_ms>-?\d+) ms(?P<rest>.*)")


def honest_meta(session: int = 1_700_000_000_000_000) -> Meta:
    """`bodies.meta` with this host's true offset of its clocks."""
    return msgspec.structs.replace(meta(session), clock_offset_us=(time.time_ns() - time.monotonic_ns()) // 1000)


def fresh(seq: int, state: State = State.TRACKING, age_ms: float = 0.0) -> BodyFrame:
    return body(seq, state=state, t_capture_ns=time.monotonic_ns() - round(age_ms * 1e6))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    p = Publisher(ANY, honest_meta())
    yield p
    p.close()


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen]:
    # A child of a background job ignores Ctrl-C, as shells have it; of a process that handles it, it does not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen, publisher: Publisher | None = None) -> str:
    """One line of what it prints; the publisher is kept alive meanwhile."""
    out, lines = process.stdout, list[str]()
    assert out is not None
    reader = threading.Thread(target=lambda: lines.append(out.readline()), daemon=True)
    reader.start()
    until_s = time.monotonic() + SOON_S
    while reader.is_alive():
        assert time.monotonic() < until_s, "nothing was printed"
        reader.join(0.05)
        if publisher is not None:
            publisher.pump()
    assert lines[0], f"ended without printing: {process.communicate()[1]}"
    return lines[0]


def check_frames_until_the_end(process: subprocess.Popen, publisher: Publisher, topic: str) -> None:
    """Sends three frames of known content and the end, one after another, and compares what is printed."""
    assert publisher.wait_for_topics({topic}, SOON_S)
    for seq, state in ((3, State.TRACKING), (4, State.LOST), (70_000, State.WARMING)):
        frame = fresh(seq, state, age_ms=40)
        publisher.send_frame(frame)
        line = next_line(process, publisher)
        match = LINE.fullmatch(line.rstrip("\n"))
        assert match is not None, line
        assert (int(match["seq"]), match["state"]) == (seq, state.value)
        assert 38 <= int(match["age_ms"]) <= 199
        groups = [name for name in group_names() if re.search(rf"\b{name}\b", match["rest"])]
        if state is State.LOST:
            assert match["rest"] == ""
        else:
            means = group_means(frame.activation)
            assert groups == [group_names()[int(np.argmax(means))]]
            assert f"{means.max():.2f}" in match["rest"]
            assert "in doubt: left_leg" in match["rest"]
    publisher.send_status(status("ended"))
    out, error = process.communicate(timeout=SOON_S)
    assert (out, error, process.returncode) == ("the run has ended\n", "", 0)


def check_interrupt(process: subprocess.Popen, publisher: Publisher, topic: str) -> None:
    assert publisher.wait_for_topics({topic}, SOON_S)
    publisher.send_frame(fresh(0))
    next_line(process, publisher)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=SOON_S)
    assert (out, error, process.returncode) == ("", "", 130)


@contextmanager
def other_publisher(payload: bytes) -> Iterator[str]:
    """Something that answers each subscription with `payload`."""
    stop = threading.Event()
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        port = socket.bind_to_random_port("tcp://127.0.0.1")

        def answer() -> None:
            while not stop.is_set():
                if socket.poll(50):
                    socket.recv()
                    socket.send_multipart([b"meta", payload])

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"tcp://127.0.0.1:{port}"
        stop.set()
        thread.join()


WRONG = {
    "docs/wire.md": b"\xc1",  # a byte that msgpack never uses
    "wire version 2": msgspec.msgpack.encode(msgspec.structs.replace(meta(), wire_version=2)),
}


def check_refusal(command: list[str], says: str) -> None:
    with other_publisher(WRONG[says]) as address:
        done = subprocess.run([*command, address], capture_output=True, text=True, timeout=SOON_S)
    assert (done.stdout, done.returncode) == ("", 2)
    assert says in done.stderr
    assert done.stderr.count("\n") == 1, "one line, no traceback"


def check_silence(process: subprocess.Popen) -> None:
    assert process.stderr is not None
    assert "for 2 s; is `biohuman track` running?" in process.stderr.readline()
    assert process.poll() is None, "the tracker may start later"


# examples/newest_frame.py

PYTHON = [sys.executable, "-W", "error", str(EXAMPLES / "newest_frame.py")]


@pytest.fixture(scope="module")
def newest_frame():
    spec = importlib.util.spec_from_file_location("newest_frame", EXAMPLES / "newest_frame.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def receiver(newest_frame, publisher):
    r = newest_frame.NewestFrame(publisher.address)
    assert publisher.wait_for_topics(set(newest_frame.TOPICS), SOON_S)
    publisher.send_frame(fresh(0))
    take(r, publisher)  # the greetings have left the publisher's queue of 8 messages
    yield r
    r.close()


def take(receiver, publisher: Publisher):
    """The next frame that `take` gives."""
    until_s = time.monotonic() + SOON_S
    while (frame := receiver.take()) is None:
        publisher.pump()
        assert time.monotonic() < until_s, "no frame came"
        time.sleep(0.005)
    return frame


def let_arrive() -> None:
    time.sleep(0.3)  # nothing tells that all has arrived: reading is what is tested


def test_python_frames_as_they_were_sent(publisher):
    with running(*PYTHON, publisher.address) as process:
        check_frames_until_the_end(process, publisher, "activation/0")


def test_python_arrays_are_shaped(receiver, publisher):
    sent = fresh(5)
    publisher.send_frame(sent)
    frame = take(receiver, publisher)
    np.testing.assert_array_equal(frame.pose["joints_m"], sent.joints_m)
    np.testing.assert_array_equal(frame.pose["joint_valid"], sent.joint_valid)
    np.testing.assert_array_equal(frame.activation["activation"], sent.activation)
    np.testing.assert_array_equal(frame.activation["activation_valid"], sent.activation_valid)


def test_python_only_the_newest_of_what_waits(receiver, publisher):
    for seq in (1, 2, 3):
        publisher.send_frame(fresh(seq))
    let_arrive()
    assert receiver.take() is None, "older than 200 ms by now"
    assert receiver.dropped_old == 1
    for seq in (4, 5, 6):
        publisher.send_frame(fresh(seq, age_ms=-300))  # young still when all have arrived
    let_arrive()
    frame = receiver.take()
    assert frame.seq == 6
    assert receiver.take() is None


def test_python_take_never_waits(receiver):
    t0 = time.monotonic()
    for _ in range(100):
        assert receiver.take() is None
    assert time.monotonic() - t0 < 0.5


def test_python_halves_of_two_frames_are_not_joined(receiver, publisher):
    """A publisher that drops for a slow subscriber may drop one message of the two."""
    send, topic = publisher._send, publisher._topics[0]
    publisher._send = lambda t, message: None if (t, getattr(message, "seq", 0)) in lost else send(t, message)
    lost = {(topic[1], 1), (topic[0], 2)}
    for seq in range(4):
        publisher.send_frame(fresh(seq, age_ms=-1000))  # not dropped by age
        if seq in (0, 3):
            assert take(receiver, publisher).seq == seq
        else:
            let_arrive()
            assert receiver.take() is None


def test_python_follows_a_restarted_publisher(receiver, publisher):
    publisher.send_frame(fresh(9))
    assert take(receiver, publisher).seq == 9
    publisher.send_status(status("ended"))
    publisher.meta = honest_meta(session=5)
    publisher._meta_due_s = 0.0
    publisher.send_frame(fresh(0))
    assert take(receiver, publisher).seq == 0
    assert not receiver.has_ended


def test_python_interrupt(publisher):
    with running(*PYTHON, publisher.address) as process:
        check_interrupt(process, publisher, "activation/0")


def test_python_says_that_nothing_comes():
    with running(*PYTHON, "tcp://127.0.0.1:9") as process:
        check_silence(process)


@pytest.mark.parametrize("says", WRONG)
def test_python_refuses_others(says):
    check_refusal(PYTHON, says)


def test_python_refuses_an_address_that_is_none():
    done = subprocess.run([*PYTHON, "5755"], capture_output=True, text=True, timeout=SOON_S)
    assert done.returncode == 2
    assert "an address looks like tcp://127.0.0.1:5755" in done.stderr
    assert done.stderr.count("\n") == 1


# examples/node


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> list[str]:
    """The command that runs the subscriber, its packages installed in a temporary folder."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "subscriber.mjs"):
        shutil.copy(EXAMPLES / "node" / name, folder)
    # zeromq brings its compiled part along; its install script would only try to load it, or else compile for minutes.
    install = [*("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0"), f"--prefix={folder}"]
    try:
        done = subprocess.run(install, capture_output=True, text=True, timeout=60, cwd=folder)
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry gave no answer within 60 s")
    if done.returncode != 0 and re.search(r"ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH", done.stderr):
        pytest.skip("npm's registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return ["node", str(folder / "subscriber.mjs")]


def test_node_frames_as_they_were_sent(node, publisher):
    with running(*node, publisher.address) as process:
        check_frames_until_the_end(process, publisher, "activation/0")


def test_node_drops_old_frames(node, publisher):
    with running(*node, publisher.address) as process:
        assert publisher.wait_for_topics({"activation/0"}, SOON_S)
        publisher.send_frame(fresh(0))
        assert next_line(process, publisher).split()[0] == "0"
        publisher.send_frame(fresh(1, age_ms=500))
        publisher.send_frame(fresh(2))
        assert next_line(process, publisher).split()[0] == "2"


def test_node_interrupt(node, publisher):
    with running(*node, publisher.address) as process:
        check_interrupt(process, publisher, "activation/0")


def test_node_says_that_nothing_comes(node):
    with running(*node, "tcp://127.0.0.1:9") as process:
        check_silence(process)


@pytest.mark.parametrize("says", WRONG)
def test_node_refuses_others(node, says):
    check_refusal(node, says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["5755"], "an address looks like tcp://127.0.0.1:5755"), (["tcp://127.0.0.1:9", "soon"], "such as 200, got 'soon'")],
)
def test_node_refuses_arguments_that_are_none(node, arguments, says):
    done = subprocess.run([*node, *arguments], capture_output=True, text=True, timeout=SOON_S)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


# examples/csharp: no compiler here; what its README says of axes is numbers, and these can be checked


def signs_in_unity(quantity: str) -> np.ndarray:
    """The signs that the README's table gives to the components of a quantity."""
    rows = [line.split("|")[1:-1] for line in (EXAMPLES / "csharp" / "README.md").read_text().splitlines() if line[:1] == "|"]
    found = [(ours, unity) for name, ours, unity in rows if name.strip().startswith(quantity)]
    assert len(found) == 1
    ours, unity = (re.findall(r"-?\b[xyzw]\b", cell) for cell in found[0])
    assert [c.lstrip("-") for c in unity] == ours, "no axis changes places"
    return np.array([-1.0 if c.startswith("-") else 1.0 for c in unity])


def times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Unity's `a * b` of quaternions (x, y, z, w)."""
    u, v = a[:3], b[:3]
    return np.append(a[3] * v + b[3] * u + np.cross(u, v), a[3] * b[3] - u @ v)


def turned(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unity's `q * v`."""
    return times(times(q, np.append(v, 0.0)), q * [-1, -1, -1, 1])[:3]


def angle_axis(rotation_rad: np.ndarray) -> np.ndarray:
    """Unity's `Quaternion.AngleAxis` of a vector's length, in degrees there, and direction."""
    angle = np.linalg.norm(rotation_rad)
    return np.append(rotation_rad / angle * np.sin(angle / 2), np.cos(angle / 2))


def test_unity_turns_as_its_manual_says():
    """AngleAxis(90, up) carries forward (z) to right (x): seen from above, clockwise, as left-handed axes have it."""
    np.testing.assert_allclose(turned(angle_axis(np.array([0, np.pi / 2, 0])), np.array([0, 0, 1.0])), [1, 0, 0], atol=1e-12)


def test_a_figure_in_unity_stands_as_the_person_does():
    """The README's recipe, on a figure whose bones have axes of their own, against our forward kinematics."""
    random = np.random.default_rng(7)
    aa, pelvis_m = random.normal(0, 0.7, (24, 3)), np.array([0.3, 0.9, -0.2])
    joints_m, R_world = forward_kinematics(from_axis_angle(aa), rest_offsets_m(), pelvis_m)
    position, rotation = signs_in_unity("position"), signs_in_unity("axis-angle")
    rest = random.normal(size=(24, 4))
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    q, at_m = np.zeros((24, 4)), np.zeros((24, 3))
    for j, parent in enumerate(PARENTS):
        local = angle_axis(rotation * aa[j])
        q[j] = local if parent < 0 else times(q[parent], local)
        if parent < 0:
            at_m[j] = position * pelvis_m
        else:
            bone_m = turned(rest[parent] * [-1, -1, -1, 1], position * rest_offsets_m()[j])  # in the parent's own axes
            at_m[j] = at_m[parent] + turned(times(q[parent], rest[parent]), bone_m)
    np.testing.assert_allclose(at_m, position * joints_m, atol=1e-9)
    ours_xyzw = np.roll(to_quat_wxyz(R_world), -1, axis=-1) * signs_in_unity("quaternion")
    np.testing.assert_allclose(np.abs(np.sum(ours_xyzw * q, axis=-1)), 1, atol=1e-12)  # q and -q are one rotation


def test_in_unity_the_person_looks_forward_and_left_is_left():
    signs = signs_in_unity("position")
    np.testing.assert_array_equal(signs * [0, 0, 1], [0, 0, 1])
    left_m, right_m = (signs * rest_offsets_m()[JOINTS.index(name)] for name in ("left_hip", "right_hip"))
    assert left_m[0] < 0 < right_m[0]  # +X is right in Unity
