"""`biohuman track`: opens the parts, tells what they are, runs the loop, sums up."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .body.errors import InputError
from .body.smpl_file import read_smpl_body
from .capture import Source, as_camera, open_source
from .capture.health import RUNNING
from .export import open_export
from .landmarks import open_front_end
from .loop import TrackingLoop, describe
from .smpl_body import LiveSmplBody
from .tracker import Tracker
from .wire import Publisher
from .wire.convert import to_mesh_info

INTERRUPTED = 130


def run(args) -> int:
    """Exit code 0, or 130 if it was interrupted (files are written all the same)."""
    from .engines import open_engine

    with ExitStack() as stack:
        # Cheap and likely mistakes first: nobody should wait for a camera to learn of a misspelt file name.
        engine = open_engine(args.model, args.engine)
        smpl = open_smpl_body(args)
        exports = [open_export(path) for path in args.out]
        for export in exports:
            stack.callback(export.close)
        source = stack.enter_context(_open(args))
        front_end = stack.enter_context(open_front_end(landmarker=args.landmarker))
        tracker = Tracker(front_end, engine, fov_deg=args.fov, pitch_deg=args.pitch, roll_deg=args.roll, height_m=args.height)
        meta = describe(source, tracker, session=time.time_ns() // 1000, smpl=smpl)
        mesh_info = to_mesh_info(smpl, session=meta.session) if smpl else None
        publisher = Publisher(args.bind, meta, lossless=not source.is_live, mesh_info=mesh_info)
        loop = TrackingLoop(source, tracker, meta, publisher, exports, args.frames, smpl)
        if not args.quiet:
            tell_parts(loop)
        with stopping_on_signals(loop), progress(source, loop, args) as on_turn:
            loop.run(on_turn)
    _sum_up(loop, args)
    return INTERRUPTED if loop.was_stopped else 0


def _open(args) -> Source:
    width, height = args.size or (None, None)
    source = open_source(args.source, paced=args.realtime, width=width, height=height, fps=args.fps, patience_s=args.patience)
    return as_camera(source) if args.realtime else source


def open_smpl_body(args) -> LiveSmplBody | None:
    """The SMPL body that was asked for; None if none was.

    Raises:
        InputError: a file that is no body file, or a mesh without one.
    """
    if args.smpl_body is None:
        if args.mesh:
            raise InputError(
                "--mesh needs --smpl-body FILE; make one of your model: biohuman-labels smpl-body MODEL.npz --out FILE"
            )
        return None
    return LiveSmplBody(read_smpl_body(args.smpl_body), with_mesh=args.mesh)


@contextmanager
def stopping_on_signals(loop: TrackingLoop) -> Iterator[None]:
    """Ctrl-C or SIGTERM ends the loop after the present picture; a second Ctrl-C ends the program at once."""

    def stop(signum, _):
        signal.signal(signum, before[signum])
        loop.stop()

    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    for s in before:
        signal.signal(s, stop)
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def tell_parts(loop: TrackingLoop) -> None:
    """What runs, on stderr."""
    s, t, m = loop.source, loop.tracker, loop.meta
    size = [
        *(s.details, f"{s.frame_count} frames" if s.frame_count else ""),
        *(f"{s.fps:g} fps" if s.fps else "", "live" if s.is_live else ""),
    ]
    level = "" if t.pitch_deg is not None or t.roll_deg is not None else " (a level camera is assumed)"
    lines = {
        "source": f"{s.name} ({', '.join(x for x in size if x)})",
        "front end": m.front_end,
        "model": f"{m.model_id}, sha256 {m.model_sha256[:16]}",
        "engine": m.engine,
        "camera": f"field of view {t.fov_deg:g} deg, pitch {_known(t.pitch_deg, 'deg')}, roll {_known(t.roll_deg, 'deg')}{level}",
        "person": f"height {_known(t.height_m, 'm')}",
        "publishing": loop.publisher.address if loop.publisher else "nowhere",
    }
    if loop.smpl is not None:
        b, mesh = loop.smpl.body, f"{loop.smpl.body.vertex_count} vertices" if loop.smpl.with_mesh else "joints"
        lines["SMPL body"] = f"{b.kind}, {b.gender}, of a model with sha256 {b.source_sha256[:16]}; {mesh} on mesh/0"
    for name, value in lines.items():
        print(f"{name:11s} {value}", file=sys.stderr)
    for warning in loop.warnings():
        print(f"warning     {warning}", file=sys.stderr)


def _known(value: float | None, unit: str) -> str:
    return "not known" if value is None else f"{value:g} {unit}"


@contextmanager
def progress(source: Source, loop: TrackingLoop, args):
    """What happens, on stderr: events of the source as lines, and for whoever looks at it a bar: frames, rate, time left,
    state. Gives what to call after each turn.
    """
    if args.quiet:
        yield None
        return
    told = 0

    def new_events() -> list[str]:
        nonlocal told
        count, told = source.health.event_count - told, source.health.event_count
        return source.health.events[-count:] if count else []

    if not sys.stderr.isatty():

        def tell_events() -> None:
            for event in new_events():
                print(event, file=sys.stderr, flush=True)

        yield tell_events
        tell_events()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    total = args.frames or source.frame_count  # None for cameras and streams
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:
        task = bar.add_task("starting", total=total)
        due_s = 0.0

        def passed() -> int:  # a file that plays as a camera also moves on by what is dropped
            return loop.statistics.frames_read + (0 if args.frames else source.dropped)

        def on_turn() -> None:
            nonlocal due_s
            for event in new_events():
                bar.console.print(event, markup=False, highlight=False)
            if time.monotonic() >= due_s:  # drawing costs more than a model step
                due_s = time.monotonic() + 0.25
                latency = loop.statistics.latency_ms().get("p50", 0.0)
                text = f"{loop.state.value:8s} {loop.statistics.fps_now():5.1f} fps {latency:5.1f} ms"
                text += f" {source.dropped} dropped" if source.is_live else ""
                text += f" source {source.health.state}" if source.health.state != RUNNING else ""
                bar.update(task, completed=passed(), description=text)

        yield on_turn
        on_turn()
        bar.update(task, completed=passed())


def summary(loop: TrackingLoop) -> dict:
    s, m = loop.statistics, loop.meta
    return {
        "source": m.source,
        "frames_read": s.frames_read,
        "frames_tracked": s.frames_tracked,
        "frames_warming": s.frames_warming,
        "frames_lost": s.frames_lost,
        "frames_published": loop.publisher.frames_published if loop.publisher else 0,
        "dropped": loop.source.dropped,
        "fps": s.fps_overall(),
        "latency_ms": s.latency_ms(),
        "stage_ms": s.stage_ms(),
        "front_end": m.front_end,
        "engine": m.engine,
        "model_id": m.model_id,
        "model_sha256": m.model_sha256,
        "files": [str(export.path) for export in loop.exports],
        "was_interrupted": loop.was_stopped,
        "warnings": loop.warnings(),
        "events": loop.source.health.events,
    }


def _sum_up(loop: TrackingLoop, args) -> None:
    if args.json:
        print(json.dumps(summary(loop)))
    if args.quiet:
        return
    s = loop.statistics
    print(
        f"{s.frames_read} frames at {s.fps_overall():.1f} fps: {s.frames_tracked} with a person, {s.frames_lost} without; "
        f"{loop.source.dropped} dropped; capture to publish {s.latency_ms().get('p50', 0):.1f} ms (median)",
        file=sys.stderr,
    )
    for export in loop.exports:
        print(f"wrote {export.path}", file=sys.stderr)
    for warning in loop.warnings():
        print(f"warning: {warning}", file=sys.stderr)
