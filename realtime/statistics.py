"""What is counted and timed while tracking: totals of the whole run, medians of the last frames."""

import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from .body.frames import BodyFrame, State

WINDOW = 300
FPS_OVER_S = 3.0


def percentiles_ms(took_ns: "np.ndarray | list[int] | deque[int]") -> dict[str, float]:
    """p50, p95, p99 in ms, to a microsecond; empty if there is nothing."""
    if not len(took_ns):
        return {}
    values = np.percentile(np.asarray(took_ns, float) * 1e-6, (50, 95, 99))
    return {name: round(float(value), 3) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}


@dataclass
class Statistics:
    """Counters of a run. `latency` is from capture to publish."""

    frames_read: int = 0
    frames_tracked: int = 0  # a person was seen: warming or tracking
    frames_warming: int = 0
    frames_lost: int = 0
    started_ns: int = field(default_factory=time.monotonic_ns)
    ended_ns: int | None = None
    latency_ns: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    stages_ns: dict[str, deque[int]] = field(default_factory=dict)
    done_ns: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def add(self, frame: BodyFrame, t_done_ns: int) -> None:
        """Count a frame that was done (published, if there is a publisher) at `t_done_ns`, monotonic clock."""
        self.frames_read += 1
        self.frames_lost += frame.state is State.LOST
        self.frames_warming += frame.state is State.WARMING
        self.frames_tracked += frame.state is not State.LOST
        self.latency_ns.append(t_done_ns - frame.t_capture_ns)
        self.done_ns.append(t_done_ns)
        for name, took_ns in frame.stage_ns.items():
            self.stages_ns.setdefault(name, deque(maxlen=WINDOW)).append(took_ns)

    def fps_now(self) -> float:
        """Frames per second over the last seconds."""
        recent = [t for t in self.done_ns if t > time.monotonic_ns() - FPS_OVER_S * 1e9]
        if len(recent) < 2 or recent[-1] == recent[0]:
            return 0.0
        return round((len(recent) - 1) / (recent[-1] - recent[0]) * 1e9, 2)

    def fps_overall(self) -> float:
        took_ns = (self.ended_ns or time.monotonic_ns()) - self.started_ns
        return round(self.frames_read / took_ns * 1e9, 2) if took_ns else 0.0

    def latency_ms(self) -> dict[str, float]:
        return percentiles_ms(self.latency_ns)

    def stage_ms(self) -> dict[str, float]:
        """Median of each stage."""
        return {name: percentiles_ms(took)["p50"] for name, took in self.stages_ns.items()}
