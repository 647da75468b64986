"""`biohuman demo`: a sample video through the whole chain, to a subscriber in another process, beside the front end alone.

Method: blocks of one second of video take turns, one through the chain, the same one through decoding and the front end
alone (a second decoder, a second front end), so that a slow minute of the machine hits both. Nothing is paced.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from .assets import fetch
from .body.errors import AssetError, BioHumanError
from .capture import Source, open_source
from .engines import open_engine
from .landmarks import FrontEnd, open_front_end
from .loop import TrackingLoop, describe
from .sample import FILM
from .tracker import Tracker
from .wire import Publisher
from .wire.count import counter

TRACKED_AT_LEAST = 0.9
JOINS_WITHIN_S = 30.0


def run(args) -> int:
    """Exit code 0 if every published frame was received and a person was seen in nine frames of ten; else 1."""
    tell = (lambda text: None) if args.json else (lambda text: print(text, file=sys.stderr))
    engine = open_engine(args.model)
    video = args.video or _sample(tell)
    landmarker = _fetched("landmarker_full", "the landmark model", tell)
    result = measure(video, landmarker, engine, tell)
    if not args.json:
        show(result)
    print(json.dumps(result))
    return 0 if result["passed"] else 1


def _sample(tell) -> Path:
    """A real video; where it cannot be had, and that is said, the drawn one that ships."""
    try:
        return _fetched("sample_jump", "the sample video", tell)
    except AssetError as error:
        tell(f"  {error}\n  taking the drawn film that ships with the product instead: {FILM}")
        return FILM


def _fetched(name: str, what: str, tell) -> Path:
    tell(f"looking for {what} (downloaded once, then cached) ...")
    path = fetch(name)
    tell(f"  {path}")
    return path


def measure(video: Path, landmarker: Path, engine, tell) -> dict:
    """Tracks the whole video and counts on the other side; see the head of this file for the method."""
    with ExitStack() as stack:
        source = stack.enter_context(open_source(str(video)))
        front_end = stack.enter_context(open_front_end(landmarker=landmarker))
        alone_source = stack.enter_context(open_source(str(video)))
        alone_front_end = stack.enter_context(open_front_end(landmarker=landmarker))
        tracker = Tracker(front_end, engine)
        meta = describe(source, tracker, session=time.time_ns() // 1000)
        publisher = Publisher("tcp://127.0.0.1:*", meta, lossless=True)
        loop = TrackingLoop(source, tracker, meta, publisher)
        subscriber = stack.enter_context(counter(publisher.address))
        try:
            if not publisher.wait_for_topics({"pose/", "status"}, JOINS_WITHIN_S):
                raise BioHumanError(f"the subscriber did not connect to {publisher.address} within {JOINS_WITHIN_S:g} s")
            tell(f"tracking {source.name} with {front_end.name}, {meta.model_id} on {meta.engine} ...")
            with _bar(source) as show_frames:
                chain_s, alone_s, alone_frames = _take_turns(loop, alone_source, alone_front_end, show_frames)
        finally:
            loop.finish()
        return _result(loop, subscriber.result(), chain_s, alone_frames / alone_s if alone_s else 0.0)


@contextmanager
def _bar(source: Source) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, where somebody looks at it. Gives what to call with the number of frames done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("tracking", total=source.frame_count)
        yield lambda done: bar.update(task, completed=done)


def _take_turns(
    loop: TrackingLoop, alone_source: Source, alone_front_end: FrontEnd, show_frames: Callable[[int], None]
) -> tuple[float, float, int]:
    """Seconds in the chain, seconds in decoding + front end alone, and frames of the latter."""
    block = max(1, round(loop.source.fps or 30))
    chain_s = alone_s = 0.0
    alone_frames, goes_on = 0, True
    while goes_on:
        t0 = time.perf_counter()
        for _ in range(block):
            goes_on = goes_on and loop.turn() is not None
        t1 = time.perf_counter()
        for _ in range(block):
            picture = alone_source.read()
            if picture is not None:
                alone_front_end.detect(picture.image_bgr, round((picture.pts_s or 0.0) * 1e9))
                alone_frames += 1
        chain_s, alone_s = chain_s + t1 - t0, alone_s + time.perf_counter() - t1
        show_frames(loop.statistics.frames_read)
    return chain_s, alone_s, alone_frames


def _result(loop: TrackingLoop, counted: dict, chain_s: float, alone_fps: float) -> dict:
    s, m = loop.statistics, loop.meta
    published = loop.publisher.frames_published if loop.publisher else 0
    fps = s.frames_read / chain_s
    latency = np.percentile(counted["latency_ms"] or [float("nan")], (50, 95, 99))
    received_all = counted["received"] == published and counted["missing"] == 0
    return {
        "video": loop.source.name,
        "frames_read": s.frames_read,
        "frames_tracked": s.frames_tracked,
        "frames_published": published,
        "frames_received": counted["received"],
        "fps": round(fps, 2),
        "latency_ms": {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99"), latency, strict=True)},
        "stage_ms": s.stage_ms(),
        "frames_warming": s.frames_warming,
        "frames_lost": s.frames_lost,
        "frontend_alone_fps": round(alone_fps, 2),
        "fps_ratio": round(fps / alone_fps, 3) if alone_fps else None,
        "rest_ms_p50": round(float(np.median(counted["rest_ms"])), 3) if counted["rest_ms"] else None,
        "model_id": m.model_id,
        "model_sha256": m.model_sha256,
        "engine": m.engine,
        "front_end": m.front_end,
        "warnings": loop.warnings(),
        "passed": bool(received_all and s.frames_tracked >= TRACKED_AT_LEAST * s.frames_read > 0),
    }


def show(result: dict) -> None:
    """The result as tables."""
    from rich.console import Console
    from rich.table import Table

    r, latency = result, result["latency_ms"]
    table = Table(title="biohuman demo", show_header=False)
    table.add_row("video", r["video"])
    table.add_row("frames read", str(r["frames_read"]))
    table.add_row(
        "with a person", f"{r['frames_tracked']}  ({r['frames_warming']} of them warming, {r['frames_lost']} without)"
    )
    table.add_row("published", str(r["frames_published"]))
    table.add_row("received in another process", str(r["frames_received"]))
    table.add_row("frames per second", f"{r['fps']:.1f}")
    table.add_row("decoding + front end alone", f"{r['frontend_alone_fps']:.1f}  (chain / alone = {r['fps_ratio']})")
    table.add_row("latency capture to received, ms", " ".join(f"{k} {v:.1f}" for k, v in latency.items()))
    table.add_row("of it beside the front end, ms", f"p50 {r['rest_ms_p50']}")
    stages = Table(title="stages (median)", show_header=True)
    for name in ("stage", "ms", "share"):
        stages.add_column(name, justify="left" if name == "stage" else "right")
    total = sum(r["stage_ms"].values()) or 1.0
    for name in sorted(r["stage_ms"], key=lambda n: -r["stage_ms"][n]):
        stages.add_row(name, f"{r['stage_ms'][name]:.2f}", f"{100 * r['stage_ms'][name] / total:.1f} %")
    console = Console()
    console.print(table)
    console.print(stages)
    for warning in r["warnings"]:
        console.print(f"warning: {warning}", style="yellow")
