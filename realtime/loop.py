"""The loop: one picture after the other through the tracker, to the publisher and into the files."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import msgspec

from .body.errors import BioHumanError
from .body.frames import BodyFrame, State
from .body.muscles import group_names, muscle_names
from .body.skeleton import JOINTS, PARENTS
from .body.student_io import CONTACT_POINTS
from .capture import Source
from .capture.health import RUNNING
from .export import Export
from .smpl_body import LiveSmplBody
from .statistics import Statistics
from .tracker import Tracker
from .wire import ARRAYS, Meta, Publisher, Status, mesh_arrays

STATUS_EVERY_S = 1.0
#: While a live source is silent, so often subscribers are answered and the status is looked at.
WAIT_S = 0.25


class Stopped(BaseException):
    """Raised out of a waiting read when the loop is asked to stop. No error, so no Exception."""


def describe(source: Source, tracker: Tracker, session: int, smpl: LiveSmplBody | None = None) -> Meta:
    """What subscribers and files are told of this run; the camera and the bones as they are known by now."""
    info = tracker.engine.info
    arrays = ARRAYS
    if smpl is not None:
        sizes = (smpl.body.vertex_count, len(smpl.body.faces)) if smpl.with_mesh else (0, 0)
        arrays = ARRAYS | mesh_arrays(*sizes)
    return Meta(
        session=session,
        program=f"biohuman-live {_version()}",
        source=source.name,
        is_live=source.is_live,
        clock_offset_us=(time.time_ns() - time.monotonic_ns()) // 1000,
        arrays=arrays,
        joints=list(JOINTS),
        parents=list(PARENTS),
        offsets_m=tracker.offsets_m.tolist(),
        muscles=list(muscle_names()),
        groups=list(group_names()),
        contacts=list(CONTACT_POINTS),
        model_id=info.model_id,
        model_sha256=info.sha256,
        engine=info.engine,
        front_end=tracker.front_end.name,
        fov_deg=tracker.fov_deg,
        pitch_deg=tracker.pitch_deg,
        roll_deg=tracker.roll_deg,
        height_m=tracker.height_m,
        R_world_cam=tracker.R_world_cam.tolist(),
        camera_world_m=tracker.camera_world_m.tolist(),
    )


@dataclass
class TrackingLoop:
    """Reads, tracks, publishes, writes. `turn` does one picture; `run` does all and sees to the end.

    Args:
        source: where pictures come from; the caller closes it.
        tracker: a fresh tracker.
        meta: as `describe` gave it before the start.
        publisher: None publishes nothing; `run` closes it.
        exports: files to write; `run` finishes them.
        max_frames: stop after so many.
        smpl: the SMPL body to publish; `meta` must have been described with it.
    """

    source: Source
    tracker: Tracker
    meta: Meta
    publisher: Publisher | None = None
    exports: Sequence[Export] = ()
    max_frames: int | None = None
    smpl: LiveSmplBody | None = None

    def __post_init__(self) -> None:
        self.statistics = Statistics()
        self.faults: list[str] = []
        self.was_stopped = False
        self.state = State.LOST
        self._is_reading = False
        self._told: tuple[State, str, int] | None = None
        self._status_due_s = 0.0

    def stop(self) -> None:
        """End after the present picture; may be called from a signal handler (only there it also ends a waiting read)."""
        self.was_stopped = True
        if self._is_reading:
            raise Stopped

    def turn(self, on_wait: Callable[[], None] | None = None) -> BodyFrame | None:
        """One picture: read, track, publish, keep. None when there is no further one.

        Args:
            on_wait: called several times a second while the source gives nothing.
        """
        if self.was_stopped or self.statistics.frames_read == self.max_frames:
            return None
        t0_ns = time.monotonic_ns()
        picture = self._read(on_wait)
        if picture is None:
            return None
        t1_ns = time.monotonic_ns()
        frame = self.tracker.step(picture)
        frame.stage_ns["wait"] = t1_ns - picture.t_capture_ns  # converted to BGR; live: and until we had time for it
        if not self.source.is_live:
            frame.stage_ns["decode"] = picture.t_capture_ns - t0_ns
        t2_ns = time.monotonic_ns()
        betas = None if self.smpl is None else self.smpl.update_shape(frame, self.tracker.offsets_m)
        if self.publisher is not None:
            self.publisher.send_frame(frame, betas=betas)
        t3_ns = time.monotonic_ns()
        frame.stage_ns["publish"] = t3_ns - t2_ns  # known too late to be in this frame's own message
        t4_ns = self._send_mesh(frame, t3_ns)
        for export in self.exports:
            export.write(frame)
        if self.exports:
            frame.stage_ns["export"] = time.monotonic_ns() - t4_ns
        self.statistics.add(frame, t3_ns)
        self.state = frame.state
        self._tell_status()
        return frame

    def _send_mesh(self, frame: BodyFrame, t_start_ns: int) -> int:
        """The SMPL body of a frame, computed when its pose is on its way already; returns when that was done."""
        if self.smpl is None or self.publisher is None:
            return t_start_ns
        self.publisher.send_mesh(frame, self.smpl.pose(frame))
        now_ns = time.monotonic_ns()
        frame.stage_ns["mesh"] = now_ns - t_start_ns
        return now_ns

    def _read(self, on_wait: Callable[[], None] | None):
        try:
            self._is_reading = True
            while not self.source.wait(WAIT_S):
                if self.source.health.state != RUNNING:
                    self.state = State.LOST  # who was seen last may have left meanwhile
                self._tell_status()
                if on_wait is not None:
                    on_wait()
            return self.source.read()
        except Stopped:
            return None
        finally:
            self._is_reading = False

    def run(self, on_turn: Callable[[], None] | None = None) -> Statistics:
        """All pictures. However it ends, files are written with the frames so far and subscribers are told.

        Args:
            on_turn: called after each frame, and several times a second while the source gives none.

        Raises:
            BioHumanError: the source failed or a file could not be written; files that could be are there.
        """
        try:
            while self.turn(on_turn) is not None:
                if on_turn is not None:
                    on_turn()
        except BioHumanError as error:
            self.faults.append(str(error))
            raise
        finally:
            self.finish()
        return self.statistics

    def finish(self) -> None:
        """Write the files, tell the end, stop publishing. A file that fails does not keep the others from being written."""
        self.statistics.ended_ns = self.statistics.ended_ns or time.monotonic_ns()
        failed: BioHumanError | None = None
        meta = self.meta_now()
        for export in self.exports:
            try:
                export.finish(meta)
            except BioHumanError as error:
                self.faults.append(str(error))
                failed = error
        if self.publisher is not None:
            self.publisher.send_status(self.status("ended"))
            self.publisher.close()
        if failed is not None:
            raise failed

    def meta_now(self) -> Meta:
        """`meta` with what has been learned since: the person's bones, the camera in the world."""
        t = self.tracker
        learned = {"offsets_m": t.offsets_m, "R_world_cam": t.R_world_cam, "camera_world_m": t.camera_world_m}
        return msgspec.structs.replace(self.meta, **{name: array.tolist() for name, array in learned.items()})

    def warnings(self) -> list[str]:
        found = [*self.source.warnings, *self.tracker.front_end.warnings]
        found += self.publisher.warnings if self.publisher else []
        if self.tracker.landmarks_refused:
            found.append(f"{self.tracker.landmarks_refused} frames: landmarks that are not finite were taken as nobody")
        if self.tracker.bodies_refused:
            found.append(f"{self.tracker.bodies_refused} frames: the model's output was not finite; it was reset")
        if self.tracker.swapped_count:
            found.append(f"{self.tracker.swapped_count} frames: left and right look swapped")
        return found

    def status(self, phase: str = "running") -> Status:
        s, info = self.statistics, self.tracker.engine.info
        return Status(
            session=self.meta.session,
            t_publish_ns=time.monotonic_ns(),
            phase=phase,
            state=self.state.value,
            fps=s.fps_now(),
            frames_read=s.frames_read,
            frames_lost=s.frames_lost,
            frames_published=self.publisher.frames_published if self.publisher else 0,
            dropped=self.source.dropped,
            latency_ms=s.latency_ms(),
            stage_ms=s.stage_ms(),
            engine=info.engine,
            front_end=self.tracker.front_end.name,
            model_id=info.model_id,
            model_sha256=info.sha256,
            warnings=self.warnings(),
            faults=self.faults,
            source_state=self.source.health.state,
            events=self.source.health.events,
        )

    def _tell_status(self) -> None:
        """Send `status` every second, and at once when the person's or the source's state changes or something happens."""
        if self.publisher is None:
            return
        health, now_s = self.source.health, time.monotonic()
        news = (self.state, health.state, health.event_count)
        if news == self._told and now_s < self._status_due_s:
            self.publisher.pump()
            return
        self._told, self._status_due_s = news, now_s + STATUS_EVERY_S
        self.publisher.meta = self.meta_now()
        self.publisher.send_status(self.status())


def _version() -> str:
    try:
        return version("biohuman-live")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
