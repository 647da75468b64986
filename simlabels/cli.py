"""biohuman-labels: motion capture to training datasets: muscles by simulation, video by drawing."""

import argparse
import sys
from pathlib import Path

from realtime.body.errors import BioHumanError, InputError, OutputError
from realtime.body.needs import need

from .options import add_workers, cluster_of
from .video.command import add_video

EXAMPLES = """\
examples:
  biohuman-labels make cmu_bvh --out ~/biohuman-data/labels --jobs 2
  biohuman-labels make /shared/cmu_bvh --out /shared/labels --cluster ray --address 10.0.0.1:6379
  biohuman-labels make my_capture --out labels --source-fps 60 --strict
  biohuman-labels smpl-body SMPLH_FEMALE.npz --out female.npz --gender female
  biohuman-labels make amass_clips --out labels --smpl-body female.npz --smpl-body male.npz
  biohuman-labels make walk.trc --static static.trc --markers rajagopal_walk --mass 71.5 --grf grf.mot --out walk
  biohuman-labels inspect ~/biohuman-data/labels --out labels.html
  biohuman-labels plot cmu_bvh/07_01.bvh --out walk.svg
  biohuman-labels verify --reference my_laboratory
  biohuman-labels body --report --plot moment_arms.svg
  biohuman-labels video ~/biohuman-data/labels --out ~/biohuman-data/video --jobs 2
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one command; errors a user can mend are one line on stderr and exit code 2."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except BioHumanError as error:
        print(f"biohuman-labels: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("biohuman-labels: stopped; whole shards are kept, the same command goes on from there", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="biohuman-labels", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_make(commands)
    add_smpl_body(commands)
    add_verify(commands)
    add_inspect(commands)
    add_plot(commands)
    add_body(commands)
    add_video(commands)
    return parser


def add_make(commands) -> None:
    p = commands.add_parser("make", help="a folder of motion capture to ground forces and muscle activations, by simulation")
    p.add_argument(
        "folder",
        type=Path,
        metavar="DIR|TRIAL",
        help="folder of .bvh, .amc (and .asf) or AMASS-style .npz files (manifest.csv and subjects.csv are used), or a trial's .trc, .c3d",
    )
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write; complete shards there are kept")
    add_workers(p)
    p.add_argument(
        "--fps", type=float, default=30.0, help="frames a second of the labels; faster motion is resampled (default: 30)"
    )
    p.add_argument(
        "--source-fps", type=float, metavar="FPS", help="frames a second of the files, where their headers are wrong"
    )
    p.add_argument(
        "--smpl-body",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="body file for .npz motion, one a gender (see smpl-body); without one our own rest skeleton is used",
    )
    p.add_argument("--up", choices=("y", "z"), help="up axis of .npz motion or of markers (default: tested; AMASS: z)")
    p.add_argument(
        "--strict", action="store_true", help="stop at the first file that cannot be labelled instead of leaving it out"
    )
    trial = p.add_argument_group("one laboratory trial")
    trial.add_argument(
        "--static", type=Path, metavar="FILE", help="the person standing still: scales the body, places the markers"
    )
    trial.add_argument(
        "--markers", metavar="SET", help="marker set: gait2354, rajagopal_walk, subject4, cmu41, or a .csv of your own"
    )
    trial.add_argument("--unit", choices=("m", "cm", "mm"), help="of the markers, where their files are wrong")
    trial.add_argument("--mass", type=float, metavar="KG", help="of the person")
    trial.add_argument("--height", type=float, metavar="M", help="of the person; only written down, the markers decide")
    trial.add_argument(
        "--grf",
        type=Path,
        metavar="FILE",
        help="force plates (.mot, .sto, .csv, or the .c3d itself); without them forces are estimated",
    )
    trial.add_argument(
        "--left", metavar="PLATE", help="plate under the left foot, such as ground_force_2, where names do not say"
    )
    trial.add_argument("--right", metavar="PLATE", help="plate under the right foot")
    add_choices(p)
    p.set_defaults(run=run_make)


def add_choices(p: argparse.ArgumentParser) -> None:
    from .choices import COSTS, CUTOFF_HZ, SOLVERS

    group = p.add_argument_group(
        "choices",
        "recorded in dataset.json; the defaults are those of the published figures, docs/labels.md says what each does",
    )
    group.add_argument(
        "--cost",
        choices=COSTS,
        default=COSTS[0],
        help="of a muscle: volume x activation^2 (default), activation^2, or activation^3",
    )
    group.add_argument("--passive", action="store_true", help="passive fibre forces")
    group.add_argument(
        "--activation-dynamics", action="store_true", help="activations change no faster than muscles activate and deactivate"
    )
    group.add_argument(
        "--cutoff", type=float, default=CUTOFF_HZ, metavar="HZ", help="low-pass of motion and forces (default: %(default)g)"
    )
    group.add_argument("--no-smooth", action="store_true", help="`activation` as the optimisation gave it")
    group.add_argument(
        "--reject-above",
        action="append",
        default=[],
        metavar="NAME=X",
        help="another limit: ik_m, force_BW, moment_BW_m or reserve_Nm_per_kg; repeat for more",
    )
    group.add_argument(
        "--spread",
        type=int,
        default=0,
        metavar="N",
        help="store how uncertain activations and forces are, by N repetitions with perturbed people and motion; 8 will do (of a folder)",
    )
    group.add_argument(
        "--solver", choices=SOLVERS, default=SOLVERS[0], help="of the muscles: ours (default), or the library piqp, slow"
    )


def _choices_of(args: argparse.Namespace):
    from .choices import Choices, limits_of

    return Choices(
        cost=args.cost,
        passive=args.passive,
        activation_dynamics=args.activation_dynamics,
        cutoff_Hz=args.cutoff,
        smooth=not args.no_smooth,
        reject_above=limits_of(args.reject_above),
        solver=args.solver,
        spread=args.spread,
    )


def _run_trial(args: argparse.Namespace) -> int:
    from .make_trial import TrialFiles, make_trial, tell

    missing = [name for name in ("static", "markers", "mass") if getattr(args, name) is None]
    if missing:
        raise InputError(f"a trial of markers also needs {', '.join('--' + name for name in missing)}")
    if args.spread:
        raise InputError("--spread is for folders of motion, not for one laboratory trial; leave it out")
    if (args.left is None) != (args.right is None):
        raise InputError("give both --left and --right, or none")
    files = TrialFiles(
        trial=args.folder,
        static=args.static,
        markers=args.markers,
        mass_kg=args.mass,
        height_m=args.height,
        forces=args.grf,
        unit=args.unit,
        up=args.up,
        fps=args.source_fps,
        feet=None if args.left is None else {"left": args.left, "right": args.right},
    )
    tell(make_trial(files, args.out, choices=_choices_of(args)), args.out)
    return 0


def add_verify(commands) -> None:
    p = commands.add_parser(
        "verify",
        help="labels against laboratory measurements: EMG, force plates, OpenSim",
        description="Runs laboratory trials through the chain and prints how they agree with what was measured.",
    )
    p.add_argument(
        "--reference",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of trials; your own is a folder in it with a trial.toml (see docs/verify.md)",
    )
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.set_defaults(run=run_verify)


def run_verify(args: argparse.Namespace) -> int:
    from .needs import SIMULATION

    need(SIMULATION, "labels")
    from .verify.command import run

    return run(args)


def add_inspect(commands) -> None:
    p = commands.add_parser(
        "inspect",
        help="what is in a finished dataset, of labels or of pairs, as one HTML page",
        description="One self-contained page without scripts. Labels: coverage, ranges, residuals, reasons of rejection, worst clips, "
        "plots. Pairs: the front end's errors, beside those on real video.",
    )
    p.add_argument("folder", type=Path, metavar="DIR", help="folder that `make` or `video` wrote")
    p.add_argument("--out", type=Path, metavar="FILE", help="page to write (default: DIR/inspect.html)")
    p.add_argument("--json", action="store_true", help="print the figures as one JSON object; a page only where --out says")
    p.set_defaults(run=run_inspect)


def run_inspect(args: argparse.Namespace) -> int:
    need(("pyarrow", "matplotlib"), "labels")
    from .inspect.command import run

    return run(args)


def add_plot(commands) -> None:
    p = commands.add_parser(
        "plot",
        help="labels one clip and draws its ground forces, pelvis and muscles over time",
        description="Left foot blue, right foot orange; red: rejected frames, "
        "grey: only because the manifest says that something else than the feet carries.",
    )
    p.add_argument("clip", type=Path, metavar="CLIP", help=".bvh, .bvh.gz or .npz; the manifest.csv beside it is used")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="picture to write, .svg or .png")
    p.add_argument("--start", type=float, metavar="S", help="draw from here (default: the beginning)")
    p.add_argument("--end", type=float, metavar="S", help="draw to here (default: the end)")
    p.set_defaults(run=run_plot)


def run_plot(args: argparse.Namespace) -> int:
    from .needs import SIMULATION

    need(SIMULATION, "labels")
    need(("matplotlib",), "labels")
    from .inspect.command import run_plot

    return run_plot(args)


def add_body(commands) -> None:
    p = commands.add_parser(
        "body",
        help="the muscles of the simulated body; with --report what was mended in it, against OpenSim's",
        description="Prints index, name, side, region, group and parameters of the 354 muscles of the generic body. "
        "--report prints moment arms and fibre lengths as shipped and as mended beside OpenSim's; it takes some 15 s.",
    )
    p.add_argument("--report", action="store_true", help="as shipped, as mended, and OpenSim's, worst first")
    p.add_argument(
        "--json", type=Path, nargs="?", const=Path("-"), metavar="FILE", help="one JSON object, to FILE or standard output"
    )
    p.add_argument("--csv", type=Path, metavar="FILE", help="write the muscle table")
    p.add_argument("--plot", type=Path, metavar="FILE", help="draw moment arms of twelve muscles, .svg or .png")
    p.set_defaults(run=run_body)


def run_body(args: argparse.Namespace) -> int:
    from .needs import SIMULATION

    need(SIMULATION, "labels")
    if args.plot is not None:
        need(("matplotlib",), "labels")
    from .body_report.command import run

    return run(args)


def run_make(args: argparse.Namespace) -> int:
    from .needs import SIMULATION

    need(SIMULATION, "labels")
    for name in ("jobs", "fps", "source_fps"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise InputError(f"--{name.replace('_', '-')} should be positive, got {value:g}")
    if args.folder.name.endswith((".trc", ".trc.gz", ".c3d")):
        return _run_trial(args)
    from .make import make_labels, ray_workers
    from .progress import ItemProgress

    choices = _choices_of(args)
    with cluster_of(args, ray_workers) as workers, ItemProgress("clips") as progress:
        summary = make_labels(
            args.folder,
            args.out,
            fps=args.fps,
            source_fps=args.source_fps,
            smpl_bodies=args.smpl_body,
            up=args.up,
            jobs=args.jobs,
            workers=workers,
            strict=args.strict,
            choices=choices,
            on_start=lambda clips, kept: progress.start(len(clips), len(kept)),
            on_clip=lambda done: progress.advance(done.clip.clip, len(done.frames.get("frame", ())), done.error),
        )
    own_rest = sum("our own" in more.get("motion", {}).get("rest", "") for more in summary.info["clip_details"].values())
    if own_rest:
        print(
            f"biohuman-labels: {own_rest} .npz clips on our own rest skeleton, not their own; give --smpl-body", file=sys.stderr
        )
    for name, title in (("all", "all clips"), ("feet_on_flat_ground_only", "feet on flat ground only")):
        n = summary.info["counts"][name]
        if n["frames"]:
            own, smeared = 100 * n["own_rejected"] / n["frames"], 100 * n["rejected"] / n["frames"]
            print(
                f"{title}: {n['clips']} clips, {n['frames']} frames; rejected {own:.1f} %, with what they smear {smeared:.1f} %"
            )
    print(f"written to {args.out}")
    if not summary.skipped:
        return 0
    count = len(summary.skipped)
    print(
        f"biohuman-labels: {count} of {count + summary.clips} files were left out, see above or `skipped` in dataset.json; mend them, "
        "and the same command labels them too",
        file=sys.stderr,
    )
    return 1


def add_smpl_body(commands) -> None:
    p = commands.add_parser(
        "smpl-body",
        help="your own SMPL, SMPL-H or SMPL-X model to the body file that `make` and `biohuman track` take",
        description="Reads the model through smplx, reduces it to SMPL's 24 joints, checks it against smplx, writes plain arrays. "
        "The models are under their own licences and come from their own sites; see docs/smpl.md.",
    )
    p.add_argument("model", type=Path, metavar="FILE.npz", help="the model; a .pkl is never loaded, docs/smpl.md converts it")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="body file to write (.npz)")
    p.add_argument(
        "--gender",
        choices=("neutral", "female", "male", "unknown"),
        default="unknown",
        help="whose body it is: model files do not say, and betas of one are not those of another (default: unknown)",
    )
    p.add_argument("--betas", type=int, default=10, metavar="N", help="shape parameters to keep (default: 10; AMASS has 16)")
    p.set_defaults(run=run_smpl_body)


def run_smpl_body(args: argparse.Namespace) -> int:
    from .smpl_body import convert_smpl_body

    if args.betas < 1:
        raise InputError(f"--betas should be 1 or more, got {args.betas}")
    if args.out.suffix != ".npz":
        raise OutputError(f"--out should end in .npz, got {args.out}")
    done = convert_smpl_body(args.model, args.out, gender=args.gender, betas=args.betas)
    b = done.body
    print(
        f"{b.kind}, {b.gender}: {b.vertex_count} vertices, {b.betas_count} betas; within {done.worst_m * 1000:.4f} mm of smplx\n"
        f"written to {args.out}"
    )
    return 0
