"""How fast are labels made?   python -m benchmarks.labels [DIR] [--quick] [--json]

CPU time of one core, but for speedup_2_processes. `null` where something is missing; `why` says what.

    pipeline_fps              BVH files to Parquet shards, frames/s; us_per_frame: its stages
    ik_fps, ik_calibrated_fps inverse kinematics alone, without and with the calibration of landmarks
    static_optimisation_fps   354 muscles, from torques and paths (from_angles_fps: filter, inverse dynamics and paths included)
    piqp_fps, opensim_fps     the same frames of the same trial by piqp and by OpenSim's StaticOptimization
    ratio_opensim             static_optimisation_fps / opensim_fps (ratio_opensim_from_angles: from_angles_fps / opensim_fps)
    speedup_2_processes       wall time of the pipeline with one process / with two; their start (the body) not counted
    unconverged               frames of the pipeline and of the trial without a solution
    core_hours_10M_frames     10 million frames at pipeline_fps

Without DIR the folder cmu_bvh of the test data is used, without that a motion made in code. The building of the body and the
loading of compiled code are once a process and reported apart.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from realtime.body.errors import BioHumanError

from .labels_trial import measure_trial
from .synthetic_bvh import write_bvh

ROOT = Path(__file__).parent.parent
SYNTHETIC_CLIPS, SYNTHETIC_SECONDS = 4, 30.0
IK_CLIPS, QUICK_CLIPS = 32, 6
FRAMES_M = 10


def measure(folder: Path, body) -> dict:
    """CPU time of the whole chain over the clips of `folder`, and how much two processes help."""
    from simlabels.folder import list_clips
    from simlabels.make import label_file, make_labels

    clips = list_clips(folder)
    since = process_time()
    label_file(body, clips[0])  # compiles, or loads what was compiled
    compile_s = process_time() - since
    stages: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as out:
        since, wall = process_time(), perf_counter()
        summary = make_labels(folder, Path(out), body=body, on_clip=lambda done: _add(stages, done.seconds or {}))
        total_s, wall_1_s = process_time() - since, perf_counter() - wall
    wall_2_s = _two_processes_s(folder, clips[0])
    stages["bvh, parquet, hashes"] = total_s - sum(stages.values())
    counts = summary.info["counts"]
    feet = counts["feet_on_flat_ground_only"]
    return {
        "pipeline_fps": round(summary.frames / total_s, 1),
        "core_hours_10M_frames": round(FRAMES_M * 1e6 / (summary.frames / total_s) / 3600, 2),
        "speedup_2_processes": round(wall_1_s / wall_2_s, 3),
        "wall_s": {"1 process": round(wall_1_s, 2), "2 processes": round(wall_2_s, 2)},
        "frames": summary.frames,
        "clips": summary.clips,
        "cpu_s": round(total_s, 2),
        "first_clip_s": round(compile_s, 2),
        "us_per_frame": {stage: round(1e6 * s / summary.frames, 1) for stage, s in stages.items()},
        "share": {stage: round(s / total_s, 3) for stage, s in stages.items()},
        "rejected_share": round(feet["own_rejected"] / max(feet["frames"], 1), 4),
        "rejected_by": {reason: round(n / max(feet["frames"], 1), 4) for reason, n in feet["own_by_reason"].items()},
        "accepted_reserves_above_2_Nm_share": round(feet["accepted_reserves_above_2_Nm_share"], 5),
        "pipeline_unconverged": counts["all"]["own_by_reason"]["solver"],
    }


def _two_processes_s(folder: Path, first) -> float:
    """Wall time of `make_labels` by two processes that have their body and have labelled a clip."""
    from simlabels.choices import DEFAULT
    from simlabels.dataset import file_sha256
    from simlabels.make import FPS, Job, Reading, local_workers, make_labels

    with local_workers(2) as workers, tempfile.TemporaryDirectory() as out:
        list(workers.run([Job(first, FPS, Reading(), DEFAULT, file_sha256(first.path))] * 2))
        since = perf_counter()
        make_labels(folder, Path(out), workers=workers)
        return perf_counter() - since


def measure_ik(folder: Path, body, most_clips: int) -> dict:
    """Frames a second of inverse kinematics alone, over clips spread over the folder."""
    from simlabels.folder import list_clips
    from simlabels.ik import inverse_kinematics
    from simlabels.label import R_MJ_WORLD
    from simlabels.make import FPS, Reading, read_motion
    from simlabels.musculo.scale import estimated_mass_kg, scale_body, segment_factors
    from simlabels.readers.resample import resample

    clips = list_clips(folder)
    frames, seconds = 0, {False: 0.0, True: 0.0}
    for clip in clips[:: max(1, len(clips) // most_clips)][:most_clips]:
        motion, floor_m, _ = read_motion(clip, Reading())
        motion = resample(replace(motion, pelvis_m=motion.pelvis_m - [0, floor_m, 0]), FPS)
        joints_m, R_global = motion.forward()
        joints_mj, R_mj = joints_m @ R_MJ_WORLD.T, np.full_like(R_global, np.nan)
        R_mj[:, [0, 9]] = R_MJ_WORLD @ R_global[:, [0, 9]]
        factors = segment_factors(body, joints_mj)
        scale_body(body, factors, estimated_mass_kg(factors))
        frames += len(joints_mj)
        for calibrate in seconds:
            since = process_time()
            inverse_kinematics(body, joints_mj, R_mj, calibrate)
            seconds[calibrate] += process_time() - since
    return {
        "ik_fps": round(frames / seconds[False], 1),
        "ik_calibrated_fps": round(frames / seconds[True], 1),
        "ik_frames": frames,
    }


def _add(stages: dict[str, float], seconds: dict[str, float]) -> None:
    for stage, s in seconds.items():
        stages[stage] = stages.get(stage, 0.0) + s


def _folder(given: Path | None, data: Path, most_clips: int | None, room: Path) -> tuple[Path, str]:
    """Where the clips are, and what to call them: given, CMU's, or made in code."""
    folder = given or (data / "cmu_bvh" if (data / "cmu_bvh").is_dir() else None)
    if folder is None:
        made = room / "made"
        made.mkdir()
        for i in range(most_clips or SYNTHETIC_CLIPS):
            write_bvh(made / f"knee_bends_{i}.bvh", seconds=SYNTHETIC_SECONDS)
        return made, "made in code"
    return (_some(folder, room, most_clips) if most_clips else folder), folder.name


def _some(folder: Path, room: Path, count: int) -> Path:
    """A folder of links to every n-th clip, with the manifest."""
    paths = sorted(p for p in folder.iterdir() if p.name.endswith((".bvh", ".bvh.gz")))
    chosen = room / "some"
    chosen.mkdir()
    for path in [*paths[:: max(1, len(paths) // count)][:count], *folder.glob("*.csv")]:
        (chosen / path.name).symlink_to(path.resolve())
    return chosen


def conditions() -> dict:
    """Machine, versions, commit: without them a number is nothing."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    cpu = Path("/proc/cpuinfo")
    model = (
        [line.split(":", 1)[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
        if cpu.exists()
        else []
    )
    return {
        "machine": {
            "system": platform.platform(),
            "cpu": model[0] if model else platform.processor(),
            "cores": os.cpu_count(),
            "load_average": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("mujoco", "musclemimic-models", "numba", "numpy", "scipy", "pyarrow", "piqp")},
        "commit": git.stdout.strip() or None,
    }


def measure_all(args: argparse.Namespace) -> dict:
    from simlabels.musculo.body import Body

    data = Path(os.environ.get("BIOHUMAN_DATA", ROOT.parent / "shared" / "data"))
    since = process_time()
    body = Body()
    body_s = process_time() - since
    with tempfile.TemporaryDirectory() as room:
        folder, name = _folder(args.folder, data, QUICK_CLIPS if args.quick else args.clips, Path(room))
        pipeline = measure(folder, body)
        ik = measure_ik(folder, body, QUICK_CLIPS if args.quick else IK_CLIPS)
    trial, why = measure_trial(data / "reference", body, args.opensim_python, quick=args.quick)
    unconverged = pipeline["pipeline_unconverged"] + trial.get("trial_unconverged", 0)
    return {
        "folder": name,
        "quick": args.quick,
        **trial,
        **ik,
        **pipeline,
        "body_s": round(body_s, 2),
        "unconverged": unconverged,
        "why": why,
        **conditions(),
    }


def tell(result: dict) -> None:
    print(f"{result['clips']} clips, {result['frames']} frames from {result['folder']}, one core of {result['machine']['cpu']}")
    for key in (
        *("pipeline_fps", "core_hours_10M_frames", "speedup_2_processes", "ik_fps", "ik_calibrated_fps"),
        *("static_optimisation_fps", "from_angles_fps", "piqp_fps", "opensim_fps"),
        *("ratio_opensim", "ratio_opensim_from_angles", "unconverged"),
    ):
        value = result[key]
        print(f"{key:26s} {result['why'][key] if value is None else f'{value:10,.2f}'}")
    for stage, us in result["us_per_frame"].items():
        print(f"  {stage:22s} {us:8.1f} us/frame  {100 * result['share'][stage]:5.1f} %")
    print(f"once a process: body {result['body_s']} s, first clip {result['first_clip_s']} s")
    print(
        f"feet on flat ground: {100 * result['rejected_share']:.1f} % of frames rejected, "
        f"{100 * result['accepted_reserves_above_2_Nm_share']:.2f} % of accepted reserves above 2 N m"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="folder of .bvh files")
    parser.add_argument("--clips", type=int, metavar="N", help="use N clips spread over the folder (default: all)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CLIPS} clips, a part of the trial: about a minute")
    parser.add_argument(
        "--opensim-python",
        default=sys.executable,
        metavar="PATH",
        help="Python that has the `opensim` wheel, if it is in an environment of its own",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # one core
    try:
        result = measure_all(args)
    except BioHumanError as error:
        print(f"labels: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(result))
    else:
        tell(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
