"""biohuman-train: teacher, distil, export, evaluate."""

import argparse
import json
import sys
from pathlib import Path

from realtime.body.errors import BioHumanError
from realtime.body.needs import need

EXAMPLES = """examples:
  biohuman-train teacher --data ~/biohuman-data --out runs/teacher
  biohuman-train distil  --data ~/biohuman-data --out runs/student --teacher runs/teacher
  biohuman-train distil  --data ~/biohuman-data --out runs/labels-only --teacher none
  biohuman-train export  runs/student --out student.onnx
  biohuman-train evaluate runs/teacher runs/student student.onnx --data ~/biohuman-data --json
  biohuman-train evaluate student.onnx --video cam01.mp4 cam02.mp4 --reference trial.trc --calibration calib.toml

DATA holds two datasets: DATA/labels (biohuman-labels make) and DATA/video (biohuman-labels video).
A run that was interrupted goes on when the same command is given again. TensorBoard: tensorboard --logdir runs
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="biohuman-train",
        description="Train the offline teacher, distil the live student, export and judge them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_train(commands, "teacher", "train the offline, bidirectional teacher on labels")
    add_train(commands, "distil", "train the live, causal student on labels and a teacher")
    skeleton = commands.add_parser(
        "skeleton", help="write the mean skeleton of the training takes (realtime/body/rest_skeleton.csv)"
    )
    skeleton.add_argument("--data", type=Path, required=True, help="folder with video/")
    skeleton.add_argument("--out", type=Path, required=True, help="file to write (.csv)")
    skeleton.set_defaults(run_command=run_skeleton)
    export = commands.add_parser("export", help="write a student as one self-describing ONNX file")
    export.add_argument("run", type=Path, help="run folder of a student")
    export.add_argument("--out", type=Path, required=True, help="file to write (.onnx)")
    export.add_argument(
        "--metrics", type=Path, help="what `evaluate RUN --json` printed: the run's figures, to be carried in the file"
    )
    export.add_argument("--float32", action="store_true", help="store all weights in single precision (twice the size)")
    export.set_defaults(run_command=run_export)
    judge = commands.add_parser("evaluate", help="print the table of errors beside naive rows")
    judge.add_argument("models", nargs="+", metavar="MODEL", help="run folders and .onnx files")
    judge.add_argument("--data", type=Path, help="folder with labels/ and video/")
    judge.add_argument("--split", default="test", choices=["val", "test"], help="whose takes (default: test)")
    judge.add_argument(
        "--held-out", nargs="+", default=[], metavar="SUBJECT", help="takes of these subjects, held out of training, instead"
    )
    judge.add_argument(
        "--video", type=Path, nargs="+", help="videos of one trial, one a camera, named as in the calibration (cam01 ...)"
    )
    judge.add_argument("--reference", type=Path, help="marker positions of the trial (.trc)")
    judge.add_argument("--calibration", type=Path, help="cameras (.toml, Pose2Sim's layout)")
    judge.add_argument("--landmarker", type=Path, help="pose landmarker bundle (.task)")
    judge.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    judge.set_defaults(run_command=run_evaluate)
    return parser


def add_train(commands, name: str, what: str) -> None:
    p = commands.add_parser(name, help=what)
    p.add_argument("--data", type=Path, required=True, help="folder with labels/ and video/")
    p.add_argument("--out", type=Path, required=True, help="run folder; an interrupted run there is resumed")
    p.add_argument("--steps", type=int, help="optimiser steps")
    p.add_argument("--start", type=Path, metavar="RUN", help="begin with the weights of this finished run")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    p.add_argument("--takes-share", type=_share, default=1.0, metavar="S", help="learn from this share of the takes, 0..1")
    p.add_argument("--clips-share", type=_share, default=1.0, metavar="S", help="learn from this share of the clips, 0..1")
    p.add_argument(
        "--hold-out", nargs="+", default=[], metavar="SUBJECT", help="training subjects not to learn from: choose by these"
    )
    p.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="choices of network (net.), data (windows.), losses (losses.) and optimisers (train.), such as net.width=192",
    )
    if name == "distil":
        p.add_argument("--teacher", required=True, help="run folder of the teacher, or `none` for labels only")
    p.set_defaults(run_command=run_train)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"a share is above 0 and at most 1, got {text}")
    return share


def run_train(args: argparse.Namespace) -> int:
    from .choices import chosen
    from .data.windows import WindowConfig
    from .loop import TrainConfig
    from .losses import LossConfig
    from .nets.student import StudentConfig
    from .nets.teacher import TeacherConfig
    from .runs import TrainingData, train_student, train_teacher

    steps = {} if args.steps is None else {"steps": args.steps}
    net = TeacherConfig() if args.command == "teacher" else StudentConfig()
    train = TrainConfig(seed=args.seed, threads=args.threads, **steps)
    c = chosen({"net": net, "windows": WindowConfig(), "losses": LossConfig(), "train": train}, args.set)
    shares = {"takes_share": args.takes_share, "clips_share": args.clips_share}
    data = TrainingData(args.data / "labels", args.data / "video", **shares, hold_out=args.hold_out)
    if args.command == "teacher":
        done = train_teacher(data, args.out, c["net"], c["windows"], c["losses"], c["train"], args.start)
    else:
        teacher = None if args.teacher == "none" else Path(args.teacher)
        done = train_student(data, args.out, teacher, c["net"], c["windows"], c["losses"], c["train"], args.start)
    print(f"{args.out}: {done['steps_done']} steps in {done['cpu_min']} CPU minutes")
    return 0


def run_skeleton(args: argparse.Namespace) -> int:
    from .rest_skeleton import write_rest_skeleton

    write_rest_skeleton(args.data / "video", args.out)
    return 0


def run_export(args: argparse.Namespace) -> int:
    from .export import export_run

    about = export_run(args.run, args.out, args.metrics, half=not args.float32)
    print(
        f"{args.out}: {about['model_id']}, {about['bytes'] / 1e6:.2f} MB, differs from PyTorch by {about['largest_difference']:.1e}"
    )
    return 0


def run_evaluate(args: argparse.Namespace) -> int:
    from .tables import print_rows, print_video

    if args.video:
        if not (args.reference and args.calibration):
            raise BioHumanError("--video wants --reference FILE.trc and --calibration FILE.toml as well")
        from .video import evaluate_video

        result = evaluate_video(args.models, args.video, args.reference, args.calibration, args.landmarker)
        print_video(result)
    else:
        if not args.data:
            raise BioHumanError("evaluate wants --data DIR (with labels/ and video/) or --video FILE...")
        from .evaluate import evaluate

        result = evaluate(args.models, args.data, args.split, args.held_out)
        print_rows(result)
    if args.json:
        print(json.dumps(result))
    return 0


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        need(("torch", "onnx", "onnxscript", "pyarrow", "tensorboard"), "train")
        return args.run_command(args)
    except BioHumanError as error:  # anything else is a bug and keeps its traceback
        print(f"biohuman-train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        to_do = "; give the same command again to go on" if args.run_command is run_train else ""
        print(f"biohuman-train: stopped{to_do}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
