"""Publisher and subscriber over real sockets: late joiners, slow ones, dead ones, wrong ones."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq

from realtime.body.errors import InputError, OutputError
from realtime.wire import Activation, Meta, Pose, Publisher, Status, Subscriber

from .bodies import body, meta

ANY = "tcp://127.0.0.1:*"
SOON_S = 5.0


@pytest.fixture
def publisher():
    p = Publisher(ANY, meta())
    yield p
    p.close()


def joined(publisher: Publisher, *topics: str, **options) -> Subscriber:
    """A subscriber that has joined for certain."""
    before = sum(publisher.topics_asked.values())
    subscriber = Subscriber(publisher.address, topics, **options)
    until_s = time.monotonic() + SOON_S
    while sum(publisher.topics_asked.values()) < before + 1 + len(topics):
        publisher.pump()
        assert time.monotonic() < until_s, "the subscription did not arrive"
    return subscriber


def drain(subscriber: Subscriber, timeout_s: float = 0.3) -> list:
    received = []
    while (message := subscriber.recv(timeout_s)) is not None:
        received.append(message)
    return received


def status(phase: str = "running") -> Status:
    return Status(
        session=meta().session,
        t_publish_ns=0,
        phase=phase,
        state="lost",
        fps=30.0,
        frames_read=0,
        frames_lost=0,
        frames_published=0,
        dropped=0,
        latency_ms={},
        stage_ms={},
        engine="",
        front_end="",
        model_id="",
        model_sha256="",
        warnings=[],
        faults=[],
    )


def test_a_new_subscriber_is_told_meta_first(publisher):
    with joined(publisher, "pose/") as subscriber:
        publisher.send_frame(body(0))
        first = subscriber.recv(SOON_S)
        assert first is not None
        assert isinstance(first.message, Meta)
        assert first.message == meta()


def test_a_joiner_takes_no_frame_away_from_others(publisher):
    with joined(publisher, "pose/") as a:
        for seq in range(4):
            publisher.send_frame(body(seq))
            drain(a, 0.05)
        with joined(publisher, "pose/") as b:  # what follows a subscription must not go to the new one alone
            publisher.send_frame(body(4))
            publisher.send_frame(body(5))
            for subscriber in (a, b):
                assert [r.message.seq for r in drain(subscriber) if isinstance(r.message, Pose)] == [4, 5]


def test_a_joiner_gets_meta_alone(publisher):
    publisher.pump()  # the first repetition is over, the next is a second away
    with joined(publisher, "pose/") as a:
        drain(a)
        publisher._meta_due_s = time.monotonic() + 60
        with joined(publisher, "pose/") as b:
            assert type(drain(b)[0].message) is Meta
            assert drain(a) == []


def test_topics_are_prefixes(publisher):
    with joined(publisher, "activation/") as subscriber:
        publisher.send_frame(body(0))
        publisher.send_status(status())
        received = drain(subscriber)
        assert {r.topic for r in received} == {"meta", "activation/0"}


def test_plain_pyzmq_subscriber_of_one_topic_gets_only_that(publisher):
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.subscribe(b"pose/")
        socket.connect(publisher.address)
        assert publisher.wait_for_topics({"pose/"}, SOON_S)
        publisher.send_frame(body(7))
        assert socket.poll(int(SOON_S * 1000))
        topic, payload = socket.recv_multipart()
        assert topic == b"pose/0"
        assert msgspec.msgpack.decode(payload)["seq"] == 7


def test_arrays_are_shaped_views(publisher):
    with joined(publisher, "pose/", "activation/") as subscriber:
        frame = body(3)
        publisher.send_frame(frame)
        received = {type(r.message): r for r in drain(subscriber)}
        np.testing.assert_array_equal(received[Pose].arrays["joints_m"], frame.joints_m)
        np.testing.assert_array_equal(received[Activation].arrays["activation"], frame.activation)
        assert not received[Pose].arrays["joints_m"].flags.writeable


def test_meta_is_repeated_every_second(publisher):
    with joined(publisher) as subscriber:
        drain(subscriber)
        count, until_s = 0, time.monotonic() + 2.5
        while time.monotonic() < until_s:
            publisher.pump()
            count += subscriber.recv(0.02) is not None
        assert count in (2, 3)


def test_old_frames_are_dropped_by_age(publisher):
    with joined(publisher, "pose/", max_age_ms=500) as subscriber:
        now_ns = time.monotonic_ns()
        publisher.send_frame(body(0, t_capture_ns=now_ns - 2_000_000_000))
        publisher.send_frame(body(1, t_capture_ns=now_ns))
        poses = [r for r in drain(subscriber) if isinstance(r.message, Pose)]
        assert [r.message.seq for r in poses] == [1]
        assert subscriber.dropped_old == 1
        assert 0 < poses[0].age_ms < 500


def test_a_live_publisher_never_waits(publisher):
    with joined(publisher, "pose/", "activation/"):  # which reads nothing
        longest_s = 0.0
        for seq in range(3000):
            t0 = time.monotonic()
            publisher.send_frame(body(seq) if seq < 2 else FRAME)
            longest_s = max(longest_s, time.monotonic() - t0)
        assert longest_s < 1.0
        assert publisher.frames_published == 3000


FRAME = body(2)


def test_a_file_publisher_loses_nothing():
    count = 1500
    publisher = Publisher(ANY, meta(), lossless=True)
    subscriber = joined(publisher, "pose/", "status")
    seqs = []

    def read_slowly():
        with subscriber:
            while (r := subscriber.recv(SOON_S)) is not None:
                if isinstance(r.message, Pose):
                    seqs.append(r.message.seq)
                    if len(seqs) % 100 == 0:
                        time.sleep(0.05)  # falls behind again and again
                elif isinstance(r.message, Status):
                    return

    reader = threading.Thread(target=read_slowly)
    reader.start()
    for seq in range(count):
        publisher.send_frame(body(seq) if seq < 3 else _numbered(seq))
    publisher.send_status(status("ended"))
    publisher.close()  # waits until the subscriber has got what is left
    reader.join(SOON_S)
    assert not reader.is_alive()
    assert seqs == list(range(count))


def test_closing_waits_for_what_is_still_queued():
    count, publisher = 60, Publisher(ANY, meta(), lossless=True)
    subscriber = joined(publisher, "")
    may_read, seqs = threading.Event(), []

    def read_late():
        with subscriber:
            may_read.wait()
            while (r := subscriber.recv(1)) is not None:
                if isinstance(r.message, Activation):
                    seqs.append(r.message.seq)

    reader = threading.Thread(target=read_late)
    reader.start()
    for seq in range(count):  # 5 kB each: more than the kernel's buffers and the subscriber's queue hold
        publisher.send_frame(_numbered(seq))
    threading.Timer(0.3, may_read.set).start()
    publisher.close()
    reader.join(SOON_S)
    assert seqs == list(range(count))


def _numbered(seq: int):
    return replace(FRAME, seq=seq)


def test_a_dead_subscriber_of_a_file_is_given_up():
    publisher = Publisher(ANY, meta(), lossless=True, give_up_after_s=0.3)
    with joined(publisher, "pose/", "activation/"):  # which reads nothing
        t0 = time.monotonic()
        for seq in range(3000):
            publisher.send_frame(_numbered(seq))
        assert 0.3 < time.monotonic() - t0 < 10
        assert len(publisher.warnings) == 1
        assert "no longer waited for" in publisher.warnings[0]
        publisher.close()
        assert time.monotonic() - t0 < 12


def test_without_subscribers_a_file_publisher_does_not_wait():
    publisher = Publisher(ANY, meta(), lossless=True)
    t0 = time.monotonic()
    for seq in range(500):
        publisher.send_frame(_numbered(seq))
    publisher.close()
    assert time.monotonic() - t0 < 3


def test_a_port_in_use_is_said_with_the_way_out(publisher):
    with pytest.raises(OutputError, match=r"is in use .* choose another --bind tcp://"):
        Publisher(publisher.address, meta())


@pytest.mark.parametrize(
    "address", ["5755", "tcp://", "tcp://no.such.host.invalid:5755", "http://127.0.0.1:80", "tcp://127.0.0.1:99999"]
)
def test_addresses_that_are_none(address):
    with pytest.raises(OutputError, match="cannot listen on"):
        Publisher(address, meta())


def test_an_open_address_is_warned_of():
    publisher = Publisher("tcp://0.0.0.0:*", meta())
    publisher.close()
    assert "can be read by other machines" in publisher.warnings[0]


def test_a_subscriber_times_out():
    with Subscriber("tcp://127.0.0.1:9") as subscriber:
        t0 = time.monotonic()
        assert subscriber.recv(0.2) is None
        assert 0.15 < time.monotonic() - t0 < 2


def test_frames_of_another_session_wait_for_their_meta(publisher):
    with joined(publisher, "pose/") as subscriber:
        drain(subscriber)
        publisher.meta = meta(session=5)
        publisher._meta_due_s = time.monotonic() + 60
        publisher.send_frame(body(0))
        assert drain(subscriber) == []
        assert subscriber.dropped_early == 1


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([b"meta"], "not topic and msgpack"),
        ([b"meta", b"\xff\x00"], "does not speak wire version 1"),
        ([b"meta", msgspec.msgpack.encode({"type": "meta"})], "does not speak wire version 1"),
        ([b"meta", msgspec.msgpack.encode(msgspec.structs.replace(meta(), wire_version=2))], "speaks wire version 2"),
    ],
)
def test_other_publishers_are_refused(parts, says):
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        socket.linger = 0
        with Subscriber(f"tcp://127.0.0.1:{port}") as subscriber:
            assert socket.poll(int(SOON_S * 1000))
            socket.send_multipart(parts)
            with pytest.raises(InputError, match=says):
                subscriber.recv(SOON_S)


def test_ten_line_example_prints_frames(publisher):
    source = (Path(__file__).parents[2] / "examples" / "subscriber.py").read_text()
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 10
    assert {line.split()[1] for line in lines if line.startswith("import")} == {"msgpack", "zmq"}
    assert "tcp://127.0.0.1:5755" in source
    code = source.replace("tcp://127.0.0.1:5755", publisher.address)
    process = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert publisher.wait_for_topics({""}, 20)
        for seq in range(3):
            publisher.send_frame(body(seq))
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(3)]
    finally:
        process.kill()
        process.communicate()
    # the strongest muscle of `bodies.body` is the last one
    assert all(meta().muscles[-1] in line for line in printed), printed
