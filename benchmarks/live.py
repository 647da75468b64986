"""Does a live session stay fresh, and does it survive its camera?   python -m benchmarks.live [--minutes 5] [--json]

A network camera (motion JPEG, 30 fps, in another process) feeds the whole chain. The loop is slowed to `--consumer-fps`, as
by other work on the machine. Half way the camera is killed for some seconds and started again.

    age_ms            sent by the camera -> published; the time is read out of the picture itself
    age_at_read_ms    sent by the camera -> taken by the loop: what newest-frame-wins decides
    growth_mb         resident memory at the end, less that after the first fifth
    back_after_s      the camera answers again -> the first picture is published
"""

import argparse
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from realtime.assets import fetch
from realtime.body.errors import BioHumanError
from realtime.capture import Picture, open_source
from realtime.engines import open_engine
from realtime.landmarks import FrontEnd, open_front_end
from realtime.loop import TrackingLoop, describe
from realtime.tracker import Tracker
from realtime.wire import Publisher, Status

from .mjpeg_server import age_ms

AWAY_S = 3.0


@dataclass
class Session:
    """What was seen on the way."""

    age_ms: list[float] = field(default_factory=list)
    age_at_read_ms: list[float] = field(default_factory=list)
    rss_mb: list[tuple[float, float]] = field(default_factory=list)  # seconds since the start, MB
    source_states: list[str] = field(default_factory=list)  # as published on `status`, repetitions left out


class AgeingTracker(Tracker):
    """A tracker that notes how old each picture is when its turn comes."""

    session: Session
    picture_age_ms = 0.0
    t_read_ns = 0

    def step(self, picture: Picture):
        self.t_read_ns = time.monotonic_ns()
        self.picture_age_ms = age_ms(picture.image_bgr, self.t_read_ns)
        self.session.age_at_read_ms.append(self.picture_age_ms)
        return super().step(picture)


class Camera:
    """The camera's process."""

    def __init__(self, video: Path, fps: float):
        self._video, self._fps, self._port = video, fps, 0
        self.address = ""
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "benchmarks.mjpeg_server", str(self._video), "--port", str(self._port)]
        self._process = subprocess.Popen([*command, "--fps", str(self._fps)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        self._port = int(self.address.rstrip("/").rsplit(":", 1)[1])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Outage:
    """Kills the camera once, at `at_s`, and starts it again `AWAY_S` later."""

    def __init__(self, camera: Camera, at_s: float):
        self._camera, self._at_s = camera, at_s
        self._started_s = time.monotonic()
        self._killed_s: float | None = None
        self._back_s: float | None = None
        self.back_after_s: float | None = None  # from the camera's first answer to the first frame

    def tick(self) -> None:
        """Called several times a second, whether or not there are pictures."""
        now_s = time.monotonic()
        if self._killed_s is None and now_s - self._started_s > self._at_s:
            self._camera.kill()
            self._killed_s = now_s
        elif self._killed_s is not None and self._back_s is None and now_s - self._killed_s > AWAY_S:
            self._camera.start()
            self._back_s = time.monotonic()

    def frame(self) -> None:
        """A frame was published."""
        if self._back_s is not None and self.back_after_s is None:
            self.back_after_s = time.monotonic() - self._back_s


def run_session(args: argparse.Namespace, video: Path, front_end: FrontEnd) -> dict:
    session, seconds = Session(), 60 * args.minutes
    with ExitStack() as stack:
        camera = Camera(video, args.fps)
        stack.callback(camera.kill)
        source = stack.enter_context(open_source(camera.address))
        tracker = AgeingTracker(front_end, open_engine())
        tracker.session = session
        meta = describe(source, tracker, session=time.time_ns() // 1000)
        publisher = Publisher("tcp://127.0.0.1:*", meta)
        _note_states(publisher, session)
        loop = TrackingLoop(source, tracker, meta, publisher)
        outage = Outage(camera, at_s=seconds / 2)
        process, started_s = psutil.Process(), time.monotonic()
        due_s = started_s
        while (passed_s := time.monotonic() - started_s) < seconds and loop.turn(outage.tick) is not None:
            session.age_ms.append(tracker.picture_age_ms + (time.monotonic_ns() - tracker.t_read_ns) * 1e-6)
            session.rss_mb.append((passed_s, process.memory_info().rss / 2**20))
            outage.frame()
            outage.tick()
            due_s = max(due_s + 1 / args.consumer_fps, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
        dropped, events = source.dropped, source.health.events
        loop.finish()
    return _figures(args, session, loop.statistics, events, dropped, outage.back_after_s)


def _note_states(publisher: Publisher, session: Session) -> None:
    send = publisher.send_status

    def send_and_note(status: Status) -> None:
        if session.source_states[-1:] != [status.source_state]:
            session.source_states.append(status.source_state)
        send(status)

    publisher.send_status = send_and_note


def _figures(args, session: Session, statistics, events: list[str], dropped: int, back_after_s: float | None) -> dict:
    def spread(values: list[float]) -> dict[str, float]:
        at = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
        return {name: round(float(np.percentile(values, p)), 1) for name, p in at.items()}

    frame_ms = 1000 / args.fps
    early = [mb for s, mb in session.rss_mb if 0.15 * 60 * args.minutes < s < 0.25 * 60 * args.minutes]
    late = [mb for s, mb in session.rss_mb if s > 0.9 * 60 * args.minutes]
    return {
        "minutes": args.minutes,
        "camera_fps": args.fps,
        "consumer_fps": round(statistics.frames_read / (60 * args.minutes - AWAY_S), 2),
        "frames": statistics.frames_read,
        "frames_lost": statistics.frames_lost,
        "dropped": dropped,
        "age_ms": spread(session.age_ms),
        "age_at_read_ms": spread(session.age_at_read_ms),
        "share_under_two_frame_times": round(float(np.mean(np.array(session.age_ms) < 2 * frame_ms)), 4),
        "growth_mb": round(float(np.median(late) - np.median(early)), 2),
        "back_after_s": None if back_after_s is None else round(back_after_s, 2),
        "source_states": session.source_states,
        "events": events,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--fps", type=float, default=30.0, help="the camera's rate (default: 30)")
    parser.add_argument("--consumer-fps", type=float, default=20.0, help="rate to which the loop is slowed (default: 20)")
    parser.add_argument("--video", type=Path, help="what the camera shows (default: the sample clip)")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    args = parser.parse_args()
    try:
        with open_front_end() as front_end:
            figures = run_session(args, args.video or fetch("balance_cam01"), front_end)
    except BioHumanError as error:
        raise SystemExit(f"live: {error}") from None
    if args.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28s} {value}")


if __name__ == "__main__":
    main()
