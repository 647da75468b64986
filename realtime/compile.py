"""`biohuman compile`: the student's file into a TensorRT engine in the user's cache."""

import json
import sys
import time
from pathlib import Path

from .body.errors import OutputError, UnknownName
from .engines import find_model
from .engines.build import build_plan
from .engines.libraries import TENSORRT_MODULES
from .engines.plans import PlanInfo, save_plan, to_json, write_whole


def run(args) -> int:
    """Compiles, keeps the engine, tells where it is and how to use it.

    Raises:
        UnknownName: no such engine or target.
        ModelError: the file, the library or the target does not do; the message says what would.
        OutputError: the cache or `--out` cannot be written.
    """
    if args.engine not in TENSORRT_MODULES:
        raise UnknownName("engine to compile for", args.engine, list(TENSORRT_MODULES))
    model = find_model(args.model)
    if args.out and not args.out.parent.is_dir():
        raise OutputError(f"there is no folder {args.out.parent}: create it, or name another with --out")
    start_s = time.perf_counter()
    plan, info = build_plan(model, args.engine, targets=args.targets, precision=args.precision)
    took_s = time.perf_counter() - start_s
    path = save_plan(plan, info)
    if args.out:
        _copy(args.out, plan, info)
    if args.json:
        print(json.dumps(summary(path, plan, info, took_s)))
    else:
        _tell(path, plan, info, took_s, args)
    return 0


def summary(path: Path, plan: bytes, info: PlanInfo, took_s: float) -> dict:
    return {
        "path": str(path),
        "engine": info.engine,
        "version": info.version,
        "precision": info.precision,
        "targets": info.targets,
        "card": info.card,
        "model": info.model,
        "model_sha256": info.model_sha256,
        "plan_sha256": info.plan_sha256,
        "bytes": len(plan),
        "seconds": round(took_s, 2),
    }


def _tell(path: Path, plan: bytes, info: PlanInfo, took_s: float, args) -> None:
    lines = {
        "model": f"{info.model}, sha256 {info.model_sha256[:16]}",
        "library": f"{info.engine} {info.version}",
        "precision": info.precision,
        "for": info.card or " ".join(info.targets),
        "engine": f"{path}, {len(plan) / 1e6:.1f} MB in {took_s:.1f} s",
    }
    for name, value in lines.items():
        print(f"{name:11s} {value}")
    if args.out:
        print(f"{'copy':11s} {args.out} (engines are loaded from the cache only)")
    with_model = f" --model {args.model}" if args.model else ""
    print(f"use it with: biohuman track 0 --engine {info.engine}{with_model}", file=sys.stderr)


def _copy(out: Path, plan: bytes, info: PlanInfo) -> None:
    try:
        write_whole(out, plan)
        write_whole(out.with_name(f"{out.name}.json"), to_json(info))
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error.strerror or error}): name another file with --out") from None
