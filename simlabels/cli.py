"""biohuman-labels: motion capture and rendered pairs to training datasets."""

import argparse
import sys
from pathlib import Path

from realtime.body.errors import BioHumanError

EXAMPLES = """\
examples:
  biohuman-labels pairs rendered_pairs --out ~/biohuman-data/pairs
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one command; errors a user can mend are one line on stderr and exit code 2."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except BioHumanError as error:
        print(f"biohuman-labels: {error}", file=sys.stderr)
        return 2


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="biohuman-labels", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_pairs(commands)
    return parser


def add_pairs(commands) -> None:
    from .pairs import FRONTEND

    p = commands.add_parser("pairs", help="rendered pairs (train.npz, val.npz, test.npz) to a Parquet dataset")
    p.add_argument("folder", type=Path, metavar="NPZ_DIR", help="folder with train.npz, val.npz, test.npz")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write; complete shards there are kept")
    p.add_argument("--frontend", default=FRONTEND, help="what found the landmarks (default: %(default)s)")
    p.set_defaults(run=run_pairs)


def run_pairs(args: argparse.Namespace) -> int:
    from .pairs import convert_pairs

    counts = convert_pairs(args.folder, args.out, args.frontend)
    for split, n in counts.items():
        print(f"{split}: {n['takes']} takes, {n['frames']} frames, {n['detected']} with a detection")
    print(f"written to {args.out}")
    return 0
