"""The command `biohuman`: arguments in, exit code out. 0 done, 1 the demo fell short, 2 a mistake told in one line, 130 Ctrl-C."""

import argparse
import os
import sys
from pathlib import Path

from .body.errors import BioHumanError

DEFAULT_ADDRESS = "tcp://127.0.0.1:5755"  # wire.DEFAULT_ADDRESS, repeated so that --help imports nothing; a test compares

EXAMPLES = """examples:
  biohuman demo                                 track a sample video, no camera needed
  biohuman track walk.mp4 --out walk.npz        a file, every frame, to an archive
  biohuman track 0 --fov 70 --pitch 10          camera 0, looking 10 degrees down
  biohuman track "logitech brio"                a camera by its name, or a part of it
  biohuman listen                               watch what `track` publishes, in another terminal
  biohuman doctor                               something does not work: what is missing, how to mend it
"""

ENGINE_HELP = "what runs the model: onnx-cpu (default), tensorrt-rtx or tensorrt (see `biohuman compile`)"

COMPILE_EXAMPLES = """examples:
  biohuman compile                              the built-in model, for all RTX cards; needs no card
  biohuman compile --target SM89                for RTX 40 only
  biohuman compile --engine tensorrt            classic TensorRT, for the card of this machine
  biohuman track 0 --engine tensorrt-rtx        use it
"""


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except BioHumanError as error:  # anything else is a bug and keeps its traceback
        print(f"biohuman: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again at exit
        return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="biohuman",
        description="Body pose, ground forces and 354 muscle activations from a camera or video, live over ZeroMQ.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_track(commands)
    add_cameras(commands)
    add_listen(commands)
    add_demo(commands)
    add_snapshot(commands)
    add_compile(commands)
    add_doctor(commands)
    return parser


def add_track(commands) -> None:
    p = commands.add_parser(
        "track",
        help="track a camera, stream, video file or folder of images",
        description="Track one person and publish every frame. Files are processed whole and in order, cameras newest first.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("source", metavar="SOURCE", help="camera number (0) or name, stream address, video file or folder of images")
    p.add_argument(
        "--out",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="write FILE at the end, by its suffix: .npz, .csv, OpenSim's .trc .mot .sto, or .bvh; may be given several times",
    )
    p.add_argument("--realtime", action="store_true", help="play a file at its own pace, as a camera: late frames are dropped")
    asked = p.add_argument_group("asked of a camera (what it gives instead is said)")
    asked.add_argument("--size", type=_size, metavar="WxH", help="size of the picture, such as 1280x720")
    asked.add_argument("--fps", type=float, metavar="HZ", help="pictures a second; for a folder of images: their rate (30)")
    p.add_argument(
        "--patience",
        type=float,
        default=60.0,
        metavar="S",
        help="a camera or stream that goes away is opened again for so long (default: 60; 0: end at once)",
    )
    p.add_argument("--frames", type=_positive, metavar="N", help="stop after N frames")
    add_camera(p)
    parts = add_parts(p)
    parts.add_argument("--engine", default="onnx-cpu", metavar="NAME", help=ENGINE_HELP)
    parts.add_argument("--bind", default=DEFAULT_ADDRESS, metavar="ADDR", help=f"where to publish (default: {DEFAULT_ADDRESS})")
    smpl = p.add_argument_group("SMPL body (a file made from your own model by `biohuman-labels smpl-body`)")
    smpl.add_argument(
        "--smpl-body", type=Path, metavar="FILE", help="fit its shape to the person, publish its joints on mesh/0"
    )
    smpl.add_argument("--mesh", action="store_true", help="publish its vertices too; 2 to 4 ms a frame")
    p.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    p.add_argument("--quiet", action="store_true", help="no progress, no summary; errors only")
    p.set_defaults(run=run_track)


def add_camera(p) -> None:
    camera = p.add_argument_group("camera and person")
    camera.add_argument(
        "--fov", type=float, default=60.0, metavar="DEG", help="field of view along the longer side (default: 60)"
    )
    camera.add_argument("--pitch", type=float, metavar="DEG", help="how far the camera looks down (default: not known)")
    camera.add_argument("--roll", type=float, metavar="DEG", help="how far it is turned clockwise (default: not known)")
    camera.add_argument("--height", type=float, metavar="M", help="stature of the person (default: not known)")


def add_parts(p):
    parts = p.add_argument_group("parts")
    parts.add_argument("--model", type=Path, metavar="FILE", help="model file (default: the one that comes with the program)")
    parts.add_argument("--landmarker", type=Path, metavar="PATH", help="MediaPipe bundle (default: the pinned one)")
    return parts


def add_cameras(commands) -> None:
    p = commands.add_parser(
        "cameras",
        help="list the cameras: number, name, sizes and rates",
        description="List the cameras. Each is opened for a moment to ask what sizes and rates it gives: its light goes on.",
    )
    p.add_argument("--no-modes", dest="modes", action="store_false", help="only list them, open none")
    p.add_argument("--json", action="store_true", help="print one JSON list")
    p.set_defaults(run=run_cameras)


def add_listen(commands) -> None:
    p = commands.add_parser("listen", help="show what is published: state, rate, age of the data, strongest muscle groups")
    p.add_argument("--connect", default=DEFAULT_ADDRESS, metavar="ADDR", help=f"publisher (default: {DEFAULT_ADDRESS})")
    p.add_argument("--topic", action="append", default=[], metavar="PREFIX", help="only this topic; may be given several times")
    p.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds (default: at the end of the run)")
    p.add_argument("--json", action="store_true", help="print every message as one line of JSON, a summary last")
    p.set_defaults(run=run_listen)


def add_demo(commands) -> None:
    p = commands.add_parser(
        "demo", help="track a sample video, count what a subscriber in another process receives, time every stage"
    )
    p.add_argument("--video", type=Path, metavar="FILE", help="another video than the sample")
    p.add_argument("--model", type=Path, metavar="FILE", help="model file (default: the one that comes with the program)")
    p.add_argument("--json", action="store_true", help="print only the JSON line")
    p.set_defaults(run=run_demo)


def add_snapshot(commands) -> None:
    p = commands.add_parser("snapshot", help="one picture of a tracked video: skeleton over the frame, muscle groups beside it")
    p.add_argument("source", metavar="SOURCE", help="video file or folder of images")
    p.add_argument("--at", type=float, default=1.0, metavar="S", help="moment of the video, in seconds (default: 1)")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="picture to write (.png or .jpg)")
    p.add_argument("--zoom", action="store_true", help="show the part of the picture around the person")
    p.add_argument("--size", type=_positive, default=720, metavar="PX", help="height of the picture (default: 720)")
    add_camera(p)
    add_parts(p)
    p.set_defaults(run=run_snapshot)


def add_compile(commands) -> None:
    p = commands.add_parser(
        "compile",
        help="compile the model for NVIDIA cards",
        description="Compile the model with TensorRT into the cache folder, where `track --engine` finds it.",
        epilog=COMPILE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "model", type=Path, nargs="?", metavar="MODEL", help="ONNX file (default: the one that comes with the program)"
    )
    p.add_argument("--engine", default="tensorrt-rtx", metavar="NAME", help="tensorrt-rtx (default) or tensorrt")
    p.add_argument(
        "--target",
        dest="targets",
        nargs="+",
        metavar="SM",
        help="compute capabilities, tensorrt-rtx only (default: SM75 SM80 SM86 SM89 SM120, which are RTX 20 to 50 and A100)",
    )
    p.add_argument(
        "--precision",
        choices=("mixed", "fp32"),
        default="mixed",
        help="mixed: wide matrix products in half precision (default); fp32: nothing",
    )
    p.add_argument("--out", type=Path, metavar="FILE", help="write a copy too, for programs of your own, FILE.json beside it")
    p.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    p.set_defaults(run=run_compile)


def add_doctor(commands) -> None:
    p = commands.add_parser(
        "doctor",
        help="what is here, what is missing, and how to mend it",
        description="Look at everything that `track` uses and really open it. Exit code 0 if `track` runs here, 1 if not.",
    )
    p.add_argument("--fetch", action="store_true", help="download the pinned files that track and demo need (27 MB)")
    p.add_argument("--bind", default=DEFAULT_ADDRESS, metavar="ADDR", help=f"where you publish (default: {DEFAULT_ADDRESS})")
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.set_defaults(run=run_doctor)


def run_compile(args) -> int:
    from .compile import run

    return run(args)


def run_doctor(args) -> int:
    from .doctor import run

    return run(args)


def run_snapshot(args) -> int:
    from .snapshot import run

    return run(args)


def run_track(args) -> int:
    from .track import run

    return run(args)


def run_cameras(args) -> int:
    from .cameras import run

    return run(args)


def run_listen(args) -> int:
    from .listen import run

    return run(args)


def run_demo(args) -> int:
    from .demo import run

    return run(args)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 1280x720")
    return int(width), int(height)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


if __name__ == "__main__":
    sys.exit(main())
