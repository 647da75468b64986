"""How many frames a second does label generation make, on one core?   python -m benchmarks.labels [DIR] [--json]

From BVH files to Parquet shards: CPU time of this one process over all frames, compilation and the building of the body
(once a process) reported apart. Without DIR the folder cmu_bvh of the test data is used, without that a motion made in code.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import process_time

from realtime.body.errors import BioHumanError

from .synthetic_bvh import write_bvh

AIM_FRAMES_S = 800
ROOT = Path(__file__).parent.parent
SYNTHETIC_CLIPS, SYNTHETIC_SECONDS = 4, 30.0


def measure(folder: Path, most_clips: int | None) -> dict:
    """CPU time of the whole chain over the clips of `folder`."""
    from simlabels.folder import list_clips
    from simlabels.make import label_file, make_labels
    from simlabels.musculo.body import Body

    since = process_time()
    body = Body()
    body_s = process_time() - since
    clips = list_clips(folder)
    since = process_time()
    label_file(body, clips[0])  # compiles, or loads what was compiled
    compile_s = process_time() - since
    stages: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as out:
        chosen = _some(folder, Path(out), most_clips) if most_clips else folder
        since = process_time()
        summary = make_labels(
            chosen,
            Path(out) / "labels",
            body=body,
            on_clip=lambda done: _add(stages, done.seconds or {}),
        )
        total_s = process_time() - since
    stages["bvh, parquet, hashes"] = total_s - sum(stages.values())
    counts = summary.info["counts"]
    feet = counts["feet_on_flat_ground_only"]
    return {
        "frames_s": round(summary.frames / total_s, 1),
        "aim_frames_s": AIM_FRAMES_S,
        "frames": summary.frames,
        "clips": summary.clips,
        "cpu_s": round(total_s, 2),
        "body_s": round(body_s, 2),
        "first_clip_s": round(compile_s, 2),
        "us_per_frame": {stage: round(1e6 * s / summary.frames, 1) for stage, s in stages.items()},
        "share": {stage: round(s / total_s, 3) for stage, s in stages.items()},
        "rejected_share": round(feet["own_rejected"] / max(feet["frames"], 1), 4),
        "rejected_by": {reason: round(n / max(feet["frames"], 1), 4) for reason, n in feet["own_by_reason"].items()},
        "accepted_reserves_above_2_Nm_share": round(feet["accepted_reserves_above_2_Nm_share"], 5),
        "unsolved": counts["all"]["own_by_reason"]["solver"],
    }


def _add(stages: dict[str, float], seconds: dict[str, float]) -> None:
    for stage, s in seconds.items():
        stages[stage] = stages.get(stage, 0.0) + s


def _some(folder: Path, out: Path, count: int) -> Path:
    """A folder of links to every n-th clip, with the manifest."""
    paths = sorted(p for p in folder.iterdir() if p.name.endswith((".bvh", ".bvh.gz")))
    chosen = out / "some"
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
        | {name: version(name) for name in ("mujoco", "musclemimic-models", "numba", "numpy", "scipy", "pyarrow")},
        "commit": git.stdout.strip() or None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="folder of .bvh files")
    parser.add_argument("--clips", type=int, metavar="N", help="use N clips spread over the folder (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # one core
    data = Path(os.environ.get("BIOHUMAN_DATA", ROOT.parent / "shared" / "data")) / "cmu_bvh"
    folder = args.folder or (data if data.is_dir() else None)
    try:
        if folder is not None:
            result = {"folder": folder.name, **measure(folder, args.clips), **conditions()}
        else:
            with tempfile.TemporaryDirectory() as made:
                for i in range(SYNTHETIC_CLIPS):
                    write_bvh(Path(made) / f"knee_bends_{i}.bvh", seconds=SYNTHETIC_SECONDS)
                result = {"folder": "made in code", **measure(Path(made), None), **conditions()}
    except BioHumanError as error:
        print(f"labels: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(result))
        return 0
    print(
        f"{result['clips']} clips, {result['frames']} frames from {result['folder']}: {result['frames_s']} frames/s of one core"
    )
    for stage, us in result["us_per_frame"].items():
        print(f"  {stage:22s} {us:8.1f} us/frame  {100 * result['share'][stage]:5.1f} %")
    print(f"once a process: body {result['body_s']} s, first clip {result['first_clip_s']} s")
    print(
        f"feet on flat ground: {100 * result['rejected_share']:.1f} % of frames rejected, "
        f"{100 * result['accepted_reserves_above_2_Nm_share']:.2f} % of accepted reserves above 2 N m"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
