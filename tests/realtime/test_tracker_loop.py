"""The loop: every frame reaches the subscriber and the file, whatever happens on the way."""

import threading
import time

import numpy as np
import pytest

from realtime.body.errors import InputError, OutputError
from realtime.engines import open_engine
from realtime.export import open_export
from realtime.loop import TrackingLoop, describe
from realtime.tracker import Tracker
from realtime.wire import Activation, Meta, Pose, Publisher, Status, Subscriber

from . import tiny_model
from .doubles import ListSource, ScriptedFrontEnd, picture, someone

COUNT = 40


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.onnx")


class Listener:
    """Collects everything that a publisher sends until the run has ended."""

    def __init__(self, publisher: Publisher):
        self.messages: list = []
        self._subscriber = Subscriber(publisher.address)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert publisher.wait_for_topics({"meta", ""}, 5)

    def _run(self) -> None:
        with self._subscriber:
            while (received := self._subscriber.recv(5)) is not None:
                self.messages.append(received)
                if isinstance(received.message, Status) and received.message.phase == "ended":
                    return

    def of(self, kind: type) -> list:
        self._thread.join(6)
        assert not self._thread.is_alive(), "the end of the run was not received"
        return [r for r in self.messages if isinstance(r.message, kind)]


def loop_of(tiny, pictures, *, script=lambda i: someone(0.01 * i), exports=(), max_frames=None):
    source = ListSource(pictures)
    tracker = Tracker(ScriptedFrontEnd(script), open_engine(tiny))
    meta = describe(source, tracker, session=1)
    publisher = Publisher("tcp://127.0.0.1:*", meta, lossless=True)
    return TrackingLoop(source, tracker, meta, publisher, exports, max_frames), Listener(publisher)


def pictures(count: int = COUNT) -> list:
    now_ns = time.monotonic_ns()
    return [type(p)(p.image_bgr, p.index, now_ns, p.pts_s) for p in map(picture, range(count))]


def test_every_frame_of_a_file_arrives_in_order(tiny, tmp_path):
    loop, listener = loop_of(tiny, pictures(), exports=[open_export(tmp_path / "a.npz")])
    loop.run()
    poses, muscles = listener.of(Pose), listener.of(Activation)
    assert [r.message.seq for r in poses] == [r.message.seq for r in muscles] == list(range(COUNT))
    # the pelvis turns by the nose's x: this is the very picture that was meant
    np.testing.assert_allclose([r.arrays["global_orient"][2] for r in poses], 0.01 * np.arange(COUNT), atol=1e-6)
    with np.load(tmp_path / "a.npz") as data:
        np.testing.assert_array_equal(data["joints_m"], [r.arrays["joints_m"] for r in poses])
        np.testing.assert_array_equal(data["activation"], [r.arrays["activation"] for r in muscles])


def test_times_are_in_order_and_never_stamped_anew(tiny):
    given = pictures()
    loop, listener = loop_of(tiny, given)
    loop.run()
    for p, r in zip(given, listener.of(Pose), strict=True):
        assert r.message.t_capture_ns == p.t_capture_ns < r.message.t_publish_ns < r.t_receive_ns
        assert r.message.pts_s == p.pts_s
        assert {"wait", "decode", "frontend", "model", "body"} == r.message.stage_ms.keys()


def test_status_comes_on_every_change_of_state_and_at_the_end(tiny):
    loop, listener = loop_of(tiny, pictures(), script=lambda i: None if 20 <= i < 25 else someone())
    loop.run()
    statuses = [r.message for r in listener.of(Status)]
    assert [s.state for s in statuses] == ["warming", "tracking", "lost", "warming", "tracking", "tracking"]
    assert [s.phase for s in statuses] == ["running"] * 5 + ["ended"]
    last = statuses[-1]
    assert (last.frames_read, last.frames_lost, last.frames_published, last.dropped) == (COUNT, 5, COUNT, 0)
    assert set(last.latency_ms) == {"p50", "p95", "p99"}
    assert last.fps > 0
    assert (last.model_id, last.engine, last.front_end) == ("tiny-1", "onnx-cpu", "scripted")


def test_meta_says_where_the_camera_is_once_that_is_known(tiny):
    now_ns = time.monotonic_ns()
    slow = [type(p)(p.image_bgr, p.index, now_ns, p.pts_s) for p in map(picture, range(30))]
    loop, listener = loop_of(tiny, slow, script=lambda i: (time.sleep(0.05), someone(0.3))[1])
    loop.run()
    cameras = [r.message.camera_world_m for r in listener.of(Meta)]
    assert cameras[0] == [0, 0, 0]
    np.testing.assert_allclose([cameras[-1][0], cameras[-1][2]], [-0.3, 3], atol=1e-6)


def test_landmarks_that_are_no_numbers_are_told_as_a_warning(tiny):
    def script(i):
        landmarks = someone()
        landmarks.xy_norm[5, 0] = np.nan if i in (3, 4) else 0.5
        return landmarks

    loop, listener = loop_of(tiny, pictures(), script=script)
    loop.run()
    assert listener.of(Status)[-1].message.warnings == ["2 frames: landmarks that are not finite were taken as nobody"]


def test_a_source_that_fails_leaves_whole_files_and_a_fault(tiny, tmp_path):
    failing = [*pictures(7), InputError("camera 0 was pulled; plug it in again")]
    loop, listener = loop_of(tiny, failing, exports=[open_export(tmp_path / "a.npz")])
    with pytest.raises(InputError, match="camera 0 was pulled"):
        loop.run()
    with np.load(tmp_path / "a.npz") as data:
        assert data["seq"].tolist() == list(range(7))
    assert listener.of(Status)[-1].message.faults == ["camera 0 was pulled; plug it in again"]


def test_a_bug_leaves_whole_files_too(tiny, tmp_path):
    loop, listener = loop_of(tiny, [*pictures(3), ZeroDivisionError()], exports=[open_export(tmp_path / "a.npz")])
    with pytest.raises(ZeroDivisionError):
        loop.run()
    with np.load(tmp_path / "a.npz") as data:
        assert len(data["seq"]) == 3
    assert listener.of(Status)[-1].message.phase == "ended"


def test_one_file_that_fails_does_not_cost_the_other(tiny, tmp_path):
    first, second = open_export(tmp_path / "a.npz"), open_export(tmp_path / "b.npz")

    def full(*args):
        raise OSError(28, "No space left on device")

    first._write = full
    loop, listener = loop_of(tiny, pictures(5), exports=[first, second])
    with pytest.raises(OutputError, match=r"cannot write .*a\.npz: No space left"):
        loop.run()
    assert [p.name for p in tmp_path.iterdir()] == ["b.npz"]
    assert "No space left" in listener.of(Status)[-1].message.faults[0]


def test_it_stops_after_the_frames_asked_for(tiny):
    loop, listener = loop_of(tiny, pictures(), max_frames=12)
    loop.run()
    assert len(listener.of(Pose)) == loop.statistics.frames_read == 12


def test_stop_ends_after_the_present_frame(tiny):
    loop, listener = loop_of(tiny, pictures())
    loop.run(lambda: loop.stop() if loop.statistics.frames_read == 5 else None)
    assert [r.message.seq for r in listener.of(Pose)] == [0, 1, 2, 3, 4]
    assert loop.was_stopped


class AwaySource(ListSource):
    """Gives its first pictures, is away for some waits, gives the rest."""

    def __init__(self, pictures: list, away_after: int, waits: int):
        super().__init__(pictures)
        self._given, self._away_after, self._waits = 0, away_after, waits

    def wait(self, timeout_s: float) -> bool:
        if self._given == self._away_after and self._waits:
            self._waits -= 1
            if self.health.state == "running":
                self.health.tell("list: unplugged; opening it again", "reopening")
            if not self._waits:
                self.health.picture_came()
            time.sleep(0.01)
            return False
        return True

    def read(self):
        self._given += 1
        return super().read()


def test_a_source_that_is_away_is_told_while_it_is_away(tiny):
    source = AwaySource(pictures(30), away_after=15, waits=20)
    tracker = Tracker(ScriptedFrontEnd(), open_engine(tiny))
    meta = describe(source, tracker, session=1)
    loop = TrackingLoop(source, tracker, meta, Publisher("tcp://127.0.0.1:*", meta, lossless=True))
    publisher = loop.publisher
    assert publisher is not None
    listener, late, joined = Listener(publisher), [], []

    def on_turn() -> None:
        if source.health.state == "reopening" and not joined:
            joined.append(Subscriber(publisher.address, topics=("meta",)))
        if joined and source.health.state == "reopening" and not late:
            late.extend(r for r in [joined[0].recv(0.05)] if r is not None)

    loop.run(on_turn)
    story = [(s.message.source_state, s.message.state) for s in listener.of(Status)]
    changes = [told for told, before in zip(story, [None, *story], strict=False) if told != before]
    assert changes == [
        ("running", "warming"),
        ("running", "tracking"),
        ("reopening", "lost"),  # nobody can know whether the person is still there
        ("running", "lost"),
        ("running", "tracking"),
    ]
    events = listener.of(Status)[-1].message.events
    assert [event.split(" ", 1)[1].split(",")[0] for event in events] == ["list: unplugged; opening it again", "pictures again"]
    assert len(late) == 1  # whoever subscribes meanwhile is greeted all the same
    assert isinstance(late[0].message, Meta)
    joined[0].close()
