"""How old is a body when another process has it, and how much of that is ours?   python -m benchmarks.latency [--json]

A video file plays as a camera would (its own pace, newest picture wins). Rounds take turns: one through the whole chain to a
subscriber in another process, one through decoding and the front end alone, so that a slow minute of the machine hits both.

    chain_ms      capture -> received and decoded in the other process
    frontend_ms   capture -> landmarks, with nothing else running: decoding and MediaPipe alone
    rest_ms       chain, less the time until the front end had finished with that same frame
    model_ms      the model's step within the chain
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from realtime.assets import fetch
from realtime.body.errors import BioHumanError
from realtime.capture import as_camera, open_source
from realtime.engines import Engine, open_engine
from realtime.landmarks import FrontEnd, open_front_end
from realtime.loop import TrackingLoop, describe
from realtime.tracker import Tracker
from realtime.wire import Publisher
from realtime.wire.count import counter

WARM_UP_FRAMES = 15  # of each round: first detection, cold caches


@dataclass
class Samples:
    """All rounds together."""

    chain_ms: list[float] = field(default_factory=list)
    rest_ms: list[float] = field(default_factory=list)
    model_ms: list[float] = field(default_factory=list)
    frontend_ms: list[float] = field(default_factory=list)
    dropped: int = 0
    dropped_alone: int = 0
    frames: int = 0
    received: int = 0
    cpu_s: float = 0.0
    chain_s: float = 0.0


def chain_round(video: Path, front_end: FrontEnd, engine: Engine, samples: Samples) -> None:
    """One pass over the video through the whole chain."""
    engine.reset()
    with ExitStack() as stack:
        tracker = Tracker(front_end, engine)
        # The subscriber first: its start must not meet the first frames.
        same_video = stack.enter_context(open_source(str(video)))
        meta = describe(same_video, tracker, session=time.time_ns() // 1000)
        publisher = Publisher("tcp://127.0.0.1:*", meta)
        subscriber = stack.enter_context(counter(publisher.address))
        if not publisher.wait_for_topics({"pose/", "status"}, 30.0):
            publisher.close()
            raise BioHumanError("the counting subscriber did not connect within 30 s")
        source = stack.enter_context(as_camera(open_source(str(video), paced=True)))
        loop = TrackingLoop(source, tracker, meta, publisher)
        model_ms: list[float] = []
        cpu_s, t0 = _cpu_s(), time.perf_counter()
        while (frame := loop.turn()) is not None:
            model_ms.append(frame.stage_ns["model"] * 1e-6)
        loop.finish()
        samples.cpu_s += _cpu_s() - cpu_s
        samples.chain_s += time.perf_counter() - t0
        counted = subscriber.result()
    warm = [i for i, seq in enumerate(counted["seq"]) if seq >= WARM_UP_FRAMES]
    samples.chain_ms += [counted["latency_ms"][i] for i in warm]
    samples.rest_ms += [counted["rest_ms"][i] for i in warm]
    samples.model_ms += model_ms[WARM_UP_FRAMES:]
    samples.dropped += source.dropped
    samples.frames += loop.statistics.frames_read
    samples.received += counted["received"]


def alone_round(video: Path, front_end: FrontEnd, samples: Samples) -> None:
    """One pass over the video through capture and front end only."""
    took_ms = []
    with as_camera(open_source(str(video), paced=True)) as source:
        while (picture := source.read()) is not None:
            front_end.detect(picture.image_bgr, round((picture.pts_s or 0.0) * 1e9))
            took_ms.append((time.monotonic_ns() - picture.t_capture_ns) * 1e-6)
        samples.dropped_alone += source.dropped
    samples.frontend_ms += took_ms[WARM_UP_FRAMES:]


def measure(video: Path, seconds: float, model: Path | None) -> dict:
    """Rounds until the chain has run for `seconds`."""
    samples, engine = Samples(), open_engine(model)
    with open_front_end() as front_end, open_front_end() as alone_front_end:
        rounds = 0
        while samples.chain_s < seconds:
            # The order changes from round to round: neither is always the one that finds the machine warm.
            turns = [
                lambda: chain_round(video, front_end, engine, samples),
                lambda: alone_round(video, alone_front_end, samples),
            ]
            for turn in turns if rounds % 2 == 0 else reversed(turns):
                turn()
            rounds += 1
        name = front_end.name
    chain, alone = _percentiles(samples.chain_ms), _percentiles(samples.frontend_ms)
    model_ms = _percentiles(samples.model_ms)
    return {
        "chain_ms": chain,
        "frontend_ms": alone,
        "rest_ms": _percentiles(samples.rest_ms),
        "model_ms": {"p50": model_ms["p50"], "p99": model_ms["p99"]},
        "ratio_p50": round(chain["p50"] / alone["p50"], 3),
        "ratio_p99": round(chain["p99"] / alone["p99"], 3),
        "dropped": samples.dropped,
        "cpu_percent": round(100 * samples.cpu_s / samples.chain_s, 1),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20), 1),
        "dropped_alone": samples.dropped_alone,
        "frames": samples.frames,
        "received": samples.received,
        "rounds": rounds,
        "seconds": round(samples.chain_s, 1),
        "video": video.name,
        "model_id": engine.info.model_id,
        "model_sha256": engine.info.sha256,
        "engine": engine.info.engine,
        "front_end": name,
        **conditions(),
    }


def conditions() -> dict:
    """Machine, versions, commit: without them a number is nothing."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent)
    names = ("mediapipe", "onnxruntime", "pyzmq", "msgspec", "numpy", "opencv-contrib-python")
    return {
        "machine": {
            "system": platform.platform(),
            "cpu": _cpu_name(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "load_average": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
        "commit": git.stdout.strip() or None,
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def _cpu_s() -> float:
    """CPU time of this process: capture, front end, model, publisher; the subscriber is not in it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _percentiles(values: list[float]) -> dict[str, float]:
    p = np.percentile(values or [float("nan")], (50, 95, 99))
    return {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99"), p, strict=True)}


def show(r: dict) -> None:
    print(f"{r['video']} as a 30 fps camera, {r['frames']} frames in {r['rounds']} rounds; {r['front_end']}; {r['model_id']}")
    print(f"{'ms':34s} {'p50':>8s} {'p95':>8s} {'p99':>8s}")
    for key, what in (
        ("chain_ms", "chain"),
        ("frontend_ms", "decoding + front end alone"),
        ("rest_ms", "all but the front end"),
    ):
        print(f"{what:34s} {r[key]['p50']:8.2f} {r[key]['p95']:8.2f} {r[key]['p99']:8.2f}")
    print(f"{'model step':34s} {r['model_ms']['p50']:8.2f} {'':8s} {r['model_ms']['p99']:8.2f}")
    print(f"chain / alone: p50 {r['ratio_p50']} (aim 1.2), p99 {r['ratio_p99']}; rest p50 {r['rest_ms']['p50']} ms (aim 3)")
    print(f"dropped {r['dropped']} (alone {r['dropped_alone']}), CPU {r['cpu_percent']} % of a core, {r['rss_mb']} MB")
    print(f"load average {r['machine']['load_average']} on {r['machine']['cores']} cores")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--video", type=Path, metavar="FILE", help="video to play as a camera (default: the sample)")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="N", help="time in the chain (default: 30)")
    parser.add_argument("--model", type=Path, metavar="FILE", help="model file (default: the one that comes with the program)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    try:
        result = measure(args.video or fetch("sample_jump"), args.seconds, args.model)
    except BioHumanError as error:
        print(f"latency: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(result))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
