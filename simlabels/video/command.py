"""`biohuman-labels video`."""

import argparse
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.body.errors import InputError

from ..options import add_workers, cluster_of

if TYPE_CHECKING:
    from .film_job import Filming
    from .make import Summary


def add_video(commands) -> None:
    from .plan import TAKE_SECONDS

    p = commands.add_parser(
        "video",
        help="labelled motion performed by drawn people and seen by the tracker's own front end, to a paired dataset",
        description="Films a label dataset: random people, clothes, places, light and cameras, and MediaPipe over every picture exactly "
        "as the tracker runs it. Training clips are gone through until there are --frames of them; the clips of other splits are filmed "
        "whole by each of --views cameras. Pictures are dropped. Needs no GPU; some 80,000 frames an hour and core.",
        epilog="examples:\n"
        "  biohuman-labels video ~/biohuman-data/labels --out ~/biohuman-data/video --jobs 2\n"
        "  biohuman-labels video labels --out sheet --clips 07_01 --frames 79 --keep-video\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("labels", type=Path, metavar="DATASET", help="folder that `make` wrote")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write; complete shards there are kept")
    p.add_argument(
        "--frames",
        type=int,
        default=300_000,
        metavar="N",
        help="labelled frames of training clips to film (default: %(default)s)",
    )
    p.add_argument("--views", type=int, default=3, metavar="N", help="cameras on clips of val and test (default: 3)")
    p.add_argument("--seconds", type=float, default=TAKE_SECONDS, metavar="S", help="the longest take (default: %(default)g)")
    p.add_argument("--clips", nargs="+", default=[], metavar="CLIP", help="only these clips")
    p.add_argument("--splits", nargs="+", default=[], choices=("train", "val", "test"), help="only these splits")
    p.add_argument("--size", default="640x480", metavar="WxH", help="of the pictures (default: 640x480)")
    p.add_argument("--no-shadow", action="store_true", help="faster by a fifth")
    p.add_argument(
        "--plain", action="store_true", help="30 pictures a second, no bystanders, nothing before the person, no motion blur"
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--bodies", type=Path, metavar="FILE", help="bodies to draw (default: 48 of Anny, made once in the cache)")
    p.add_argument("--keep-video", action="store_true", help="keep the films too, in DIR/video")
    add_workers(p)
    p.set_defaults(run=run_video)


def run_video(args: argparse.Namespace) -> int:
    from realtime.body.needs import need

    need(("moderngl", "scipy", "pyarrow"), "labels,video")
    from ..progress import ItemProgress
    from .contact_sheet import ContactSheet
    from .make import make_video, ray_workers

    filming = _filming(args)
    for name in ("frames", "views", "seconds", "jobs"):
        if not 0 < getattr(args, name) < math.inf:
            raise InputError(f"--{name} should be positive, got {getattr(args, name):g}")
    if args.seed < 0:
        raise InputError(f"--seed should be 0 or more, got {args.seed}")
    sheet = ContactSheet(args.out)
    with cluster_of(args, ray_workers) as workers, ItemProgress("takes") as progress:

        def on_start(takes: int, kept: int) -> None:
            progress.start(takes, kept)
            sheet.start(takes, kept)

        def on_take(filmed) -> None:
            progress.advance(filmed.take, len(filmed.frames.get("frame", ())), filmed.error)
            sheet.add(filmed)

        summary = make_video(
            args.labels,
            args.out,
            frames=args.frames,
            views=args.views,
            seed=args.seed,
            seconds=args.seconds,
            clips=args.clips,
            splits=args.splits,
            filming=filming,
            bodies=args.bodies,
            workers=workers,
            jobs=args.jobs,
            notify=lambda line: print(f"biohuman-labels: {line}", file=sys.stderr),
            on_start=on_start,
            on_take=on_take,
        )
    sheet.write()
    _tell(summary, args.out, filming)
    return 1 if summary.skipped or summary.without_film else 0


def _filming(args: argparse.Namespace) -> "Filming":
    from .film_job import Filming

    return Filming(
        size_px=_size_px(args.size),
        shadow=not args.no_shadow,
        plain=args.plain,
        video_folder=args.out.absolute() / "video" if args.keep_video else None,
    )


def _tell(summary: "Summary", out: Path, filming: "Filming") -> None:
    share = 100 * summary.detected / max(summary.frames, 1)
    print(f"{summary.takes} takes, {summary.frames} frames, a person detected in {share:.1f} %")
    print(f"written to {out}")
    if summary.without_film:
        print(
            f"biohuman-labels: {len(summary.without_film)} films are not in {filming.video_folder}, such as "
            f"{summary.without_film[0]}.mp4; the same command makes them, on a cluster if all its machines see that folder",
            file=sys.stderr,
        )


def _size_px(text: str) -> tuple[int, int]:
    found = re.fullmatch("([0-9]{2,4})x([0-9]{2,4})", text)
    width, height = map(int, found.groups()) if found else (0, 0)
    if not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise InputError(f"--size should be WIDTHxHEIGHT, 64 to 4096 px each, such as 640x480; got {text!r}")
    return width, height
