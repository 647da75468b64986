"""`biohuman listen`: what is published, for eyes (a live view), for logs (lines) or for programs (--json)."""

import json
import math
import sys
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from .body.frames import State
from .wire import Activation, MeshInfo, Meta, Pose, Received, Status, Subscriber

BARS = 12
BAR_WIDTH = 30
TELL_IF_SILENT_S = 3.0


@dataclass
class Seen:
    """What has come so far."""

    meta: Meta | None = None
    status: Status | None = None
    state: str = "nothing received"
    counts: dict[str, int] = field(default_factory=dict)
    missing: int = 0  # gaps in the poses' sequence numbers
    ages_ms: deque[float] = field(default_factory=lambda: deque(maxlen=300))
    times_ns: deque[int] = field(default_factory=lambda: deque(maxlen=60))
    group_mean: np.ndarray | None = None
    seq: int | None = None
    doubts: list[str] = field(default_factory=list)

    def add(self, received: Received) -> None:
        message = received.message
        kind = received.topic.split("/")[0]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if isinstance(message, Meta):
            self.meta = message
        elif isinstance(message, Status):
            self.status, self.state = message, message.state
        elif not isinstance(message, MeshInfo):
            self.state = message.state
        if isinstance(message, Pose):
            self.missing += max(0, message.seq - self.seq - 1) if self.seq is not None else 0
            self.seq, self.doubts = message.seq, message.doubts
            self.ages_ms.append(received.age_ms or 0.0)
            self.times_ns.append(received.t_receive_ns)
        if isinstance(message, Activation):
            self.group_mean = received.arrays["group_mean"]

    def fps(self) -> float:
        span_ns = self.times_ns[-1] - self.times_ns[0] if len(self.times_ns) > 1 else 0
        return (len(self.times_ns) - 1) / span_ns * 1e9 if span_ns else 0.0

    def age_ms(self) -> float:
        return float(np.median(list(self.ages_ms)[-30:])) if self.ages_ms else math.nan

    def strongest_groups(self, count: int) -> list[tuple[str, float]]:
        """Names and mean activations of the muscle groups, strongest first; empty while nobody is seen."""
        is_stale = self.state == State.LOST.value  # a lost pose comes before the activations of its frame
        if is_stale or self.meta is None or self.group_mean is None or np.isnan(self.group_mean).any():
            return []
        order = np.argsort(self.group_mean)[::-1][:count]
        return [(self.meta.groups[i], float(self.group_mean[i])) for i in order]

    def spread_ms(self) -> dict[str, float]:
        """Percentiles of the age of the data."""
        ages = np.percentile(list(self.ages_ms), (50, 95, 99)).round(3).tolist() if self.ages_ms else []
        return dict(zip(("p50", "p95", "p99"), ages, strict=False))

    def summary(self) -> dict:
        return {
            "received": self.counts,
            "missing": self.missing,
            "fps": round(self.fps(), 2),
            "age_ms": self.spread_ms(),
        }

    def line(self) -> str:
        groups = ", ".join(f"{name} {value:.2f}" for name, value in self.strongest_groups(3))
        doubts = f"  in doubt: {', '.join(self.doubts)}" if self.doubts else ""
        return f"{self.state:9s} {self.fps():5.1f} fps  {self.age_ms():6.1f} ms old  seq {self.seq}  {groups}{doubts}"


def run(args) -> int:
    """Exit code 0; 1 if nothing came."""
    topics = args.topic or [""]
    seen = Seen()
    until_s = None if args.seconds is None else time.monotonic() + args.seconds
    with Subscriber(args.connect, [*topics, "status"]) as subscriber, _view(args, seen) as show:
        silent_until_s = time.monotonic() + TELL_IF_SILENT_S
        while until_s is None or time.monotonic() < until_s:
            wait_s = 0.25 if until_s is None else min(0.25, max(0.0, until_s - time.monotonic()))
            received = subscriber.recv(wait_s)
            if received is not None:
                seen.add(received)
                asked = received.topic.startswith(tuple(topics))
                show(received if asked else None)
                if isinstance(received.message, Status) and received.message.phase == "ended":
                    break
            elif not seen.counts and time.monotonic() > silent_until_s:
                print(f"nothing from {args.connect} yet; is `biohuman track` running?", file=sys.stderr)
                silent_until_s = math.inf
    if args.json:
        print(json.dumps({"summary": seen.summary()}))
    return 0 if seen.counts else 1


def _view(args, seen: Seen):
    if args.json:
        return JsonLines()
    return LiveView(seen) if sys.stdout.isatty() else PlainLines(seen)


class JsonLines:
    """Every message as one line of JSON: arrays as lists, NaN as null."""

    def __enter__(self):
        import msgspec

        encoder = msgspec.json.Encoder()

        def show(received: Received | None) -> None:
            if received is None:
                return
            fields = msgspec.structs.asdict(received.message)
            fields |= {name: np.round(array.astype(float), 6).tolist() for name, array in received.arrays.items()}
            fields = {"topic": received.topic, "age_ms": received.age_ms} | fields
            print(encoder.encode(fields).decode(), flush=True)

        return show

    def __exit__(self, *exc: object) -> None:
        pass


class PlainLines:
    """One line a second, and one for each change of state."""

    def __init__(self, seen: Seen):
        self.seen, self.state, self.due_s = seen, "", 0.0

    def __enter__(self):
        return self.show

    def __exit__(self, *exc: object) -> None:
        pass

    def show(self, received: Received | None) -> None:
        if self.seen.seq is not None and (self.seen.state != self.state or time.monotonic() > self.due_s):
            self.state, self.due_s = self.seen.state, time.monotonic() + 1
            print(self.seen.line(), flush=True)


class LiveView:
    """A table in the terminal, ten times a second."""

    def __init__(self, seen: Seen):
        from rich.live import Live

        self.seen, self.due_s = seen, 0.0
        self.live = Live(auto_refresh=False, screen=False)

    def __enter__(self):
        self.live.__enter__()
        return self.show

    def __exit__(self, *exc: object) -> None:
        self.live.__exit__(None, None, None)

    def show(self, received: Received | None) -> None:
        if time.monotonic() >= self.due_s:
            self.due_s = time.monotonic() + 0.1
            self.live.update(picture_of(self.seen), refresh=True)


def picture_of(seen: Seen):
    """The view as a rich renderable: state, rate, age of the data, then the strongest muscle groups as bars."""
    from rich.table import Table

    colour = {"tracking": "green", "warming": "yellow"}.get(seen.state, "red")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("state", f"[{colour}]{seen.state}[/]")
    table.add_row("rate", f"{seen.fps():.1f} fps, {seen.missing} missing")
    spread = ", ".join(f"{name} {value:.0f}" for name, value in seen.spread_ms().items() if name != "p99")
    table.add_row("age", f"{seen.age_ms():.1f} ms since capture ({spread})")
    table.add_row("in doubt", ", ".join(name.replace("_", " ") for name in seen.doubts) or "-")
    if seen.status is not None:
        s = seen.status
        table.add_row("source", f"{s.source_state}, {s.frames_read} frames read, {s.dropped} dropped")
        for note in (*s.faults, *s.warnings, *s.events[-3:]):
            table.add_row("[yellow]note[/]", note)
    if seen.meta is not None:
        table.add_row("model", f"{seen.meta.model_id} on {seen.meta.engine}, {seen.meta.front_end}")
    for name, value in seen.strongest_groups(BARS):
        filled = round(min(max(value, 0.0), 1.0) * BAR_WIDTH)
        table.add_row(name, f"[cyan]{'█' * filled}[/]{'░' * (BAR_WIDTH - filled)} {value:.2f}")
    return table
