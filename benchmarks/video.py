"""How fast is paired video made?   python -m benchmarks.video LABELS [--takes N] [--json]

CPU time of one core (all threads counted), over takes of a label dataset; half of the cameras move.

    frames_per_hour_640_shadow   pictures of 640x480 with shadow, drawn, degraded, looked at by MediaPipe
    frames_per_hour_480_plain    pictures of 480x360 without shadow
    stage_ms                     at 640x480 with shadow, a picture: skinning, raster, readback (picture and depth), encode (noise and
                                 JPEG), mediapipe, and what a new take costs, spread over its pictures
    stage_ms_480_plain           the same at 480x360 without shadow
    all_but_mediapipe_480_ms     what must be less than mediapipe there

Starting a process (bodies, shaders) is not counted.
"""

import argparse
import json
import os
import platform
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from time import process_time

SECONDS = 4.0


def measure(labels: Path, takes: int, size_px: tuple[int, int], shadow: bool) -> tuple[float, dict[str, float], str]:
    """Frames an hour, milliseconds a picture by stage, and what the stage drew with."""
    from simlabels.video import film_job, labelled, make, props, sensor, stage
    from simlabels.video.bodies import bodies_path, load_bodies
    from simlabels.video.plan import plan_takes

    spent: dict[str, float] = defaultdict(float)
    filming = film_job.Filming(size_px=size_px, shadow=shadow, plain=True)
    clips = [clip for clip in labelled.list_label_clips(labels) if clip.split == "train" and clip.frames >= SECONDS * clip.fps]
    clips = clips[:: max(1, len(clips) // takes)][:takes]
    plan = [cut[0] for clip in clips if (cut := plan_takes([clip], frames=1, views=1, seed=0, seconds=SECONDS))]
    motions = labelled.Motions(labels)
    jobs = [make.job_of(stretch, motions, SECONDS, filming, bodies_path()) for stretch in plan]
    bodies, scene = load_bodies(notify=print), stage.Stage(*size_px, shadow=shadow)
    film_job.film_job(bodies, scene, jobs[0])  # shaders are compiled, the landmark network is loaded
    patched = [
        (stage.Stage, "draw", "raster"),
        (props.People, "pose", "skinning"),
        (stage.Stage, "picture_bgr", "readback"),
        (stage.Stage, "depth_m", "readback"),
        (sensor.Sensor, "__call__", "encode"),
        (_front_end_class(), "detect", "mediapipe"),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in patched]
    try:
        for (owner, name, key), (_, _, original) in zip(patched, originals, strict=True):
            setattr(owner, name, _timed(original, key, spent, finish=name == "draw"))
        since, frames = process_time(), 0
        for job in jobs:
            frames += film_job.film_job(bodies, scene, job).row["frames"]
        total_s = process_time() - since
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)
    spent["raster"] -= spent["skinning"]
    spent["new take"] = total_s - sum(spent.values())
    device = scene.device
    scene.close()
    return 3600 * frames / total_s, {name: round(1000 * s / frames, 2) for name, s in spent.items()}, device


def _front_end_class():
    from realtime.landmarks.mediapipe import MediapipeFrontEnd

    return MediapipeFrontEnd


def _timed(original, key: str, spent: dict[str, float], *, finish: bool):
    """The method with its CPU time added to `spent[key]`; `finish`: the renderer draws lazily, and is waited for."""
    from simlabels.video.programs import gl_context

    def method(*args, **kwargs):
        since = process_time()
        result = original(*args, **kwargs)
        if finish:
            gl_context().finish()
        spent[key] += process_time() - since
        return result

    return method


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, metavar="LABELS", help="folder that `biohuman-labels make` wrote")
    parser.add_argument("--takes", type=int, default=12, metavar="N", help="takes of 4 s for each setting (default: 12)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "LP_NUM_THREADS"):  # read when the libraries start
        os.environ.setdefault(name, "1")
    fps_640, stages_640, device = measure(args.labels, args.takes, (640, 480), True)
    fps_480, stages_480, _ = measure(args.labels, args.takes, (480, 360), False)
    result = {
        "frames_per_hour_640_shadow": round(fps_640),
        "frames_per_hour_480_plain": round(fps_480),
        "stage_ms": stages_640,
        "stage_ms_480_plain": stages_480,
        "all_but_mediapipe_480_ms": round(sum(stages_480.values()) - stages_480["mediapipe"], 2),
        "takes": args.takes,
        "renderer": device,
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "load_average": os.getloadavg()},
        "versions": {name: version(name) for name in ("moderngl", "mediapipe", "numpy", "opencv-contrib-python")},
    }
    if args.json:
        print(json.dumps(result))
        return 0
    for name in ("frames_per_hour_640_shadow", "frames_per_hour_480_plain"):
        print(f"{name:28s} {result[name]:9,d}")
    for name, stages in (("640x480, shadow", stages_640), ("480x360", stages_480)):
        print(f"{name:28s} " + ", ".join(f"{stage} {ms:.1f} ms" for stage, ms in stages.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
