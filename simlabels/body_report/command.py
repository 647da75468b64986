"""`biohuman-labels body`: the muscle table, and the report of what was mended, as tables for people, CSV or JSON."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from realtime.body.errors import InputError, OutputError
from realtime.body.files import write_whole
from realtime.body.muscles import muscle_table

from ..inspect.plots import PLOT_SUFFIXES
from ..musculo.body import ROOT_DOFS, Body
from ..musculo.model import WHEEL, WHEEL_VERSION
from .compare import compare
from .tables import muscles_table, report_tables

#: Characters a line where there is no terminal to ask.
PIPED_WIDTH = 150


def run(args: argparse.Namespace) -> int:
    """Table, or with `--report` the comparison; `--plot` beside either."""
    if args.report and args.csv is not None:
        raise InputError("--csv is for the muscle table; the report has --json FILE")
    if args.plot is not None and args.plot.suffix not in PLOT_SUFFIXES:
        raise OutputError(f"--plot should end in {' or '.join(PLOT_SUFFIXES)}, got {args.plot}")
    after = Body()
    before = None
    if args.report or args.plot is not None:
        from .bodies import shipped_body

        before = shipped_body()
    if args.plot is not None and before is not None:
        from .plot import save_moment_arms

        save_moment_arms(before, after, args.plot)
        print(f"biohuman-labels: moment arms drawn to {args.plot}", file=sys.stderr)
    if args.report and before is not None:
        found = compare(before, after)
        if not _give(args.json, found):
            _print(report_tables(found))
        return 0
    rows = muscle_rows(after)
    if args.csv is not None:
        write_whole(args.csv, lambda part: part.write_text(as_csv(rows), "utf-8"))
        print(f"biohuman-labels: written to {args.csv}", file=sys.stderr)
    if not _give(args.json, {"body": summary(after), "muscles": rows}) and args.csv is None and args.plot is None:
        _print([muscles_table(rows), summary_line(after)])
    return 0


def _give(to: Path | None, found: dict[str, Any]) -> bool:
    """Writes JSON to a file, or to standard output where `to` is "-"; False where none was asked for."""
    if to is None:
        return False
    text = json.dumps(found, allow_nan=False)
    if str(to) == "-":
        print(text)
    else:
        write_whole(to, lambda part: part.write_text(text, "utf-8"))
        print(f"biohuman-labels: written to {to}", file=sys.stderr)
    return True


def _print(parts: Iterable[Any]) -> None:
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    for part in parts:
        console.print(part, highlight=False)


# ---- the muscle table
def muscle_rows(body: Body) -> list[dict[str, Any]]:
    """Every muscle in the order of all activation arrays, with its parameters at the body's present scale."""
    p = body.muscles
    return [
        {
            "index": m.index,
            "name": m.name,
            "side": m.side,
            "region": m.region,
            "group": m.group,
            "max_isometric_force_N": round(float(p.fmax_N[m.index]), 2),
            "optimal_fibre_m": round(float(p.optimal_fibre_m[m.index]), 5),
            "tendon_slack_m": round(float(p.tendon_slack_m[m.index]), 5),
            "pennation_deg": round(float(np.rad2deg(p.pennation_rad[m.index])), 2),
        }
        for m in muscle_table()
    ]


def summary(body: Body) -> dict[str, Any]:
    """What the body is made of."""
    regions = [m.region for m in muscle_table()]
    return {
        "muscles": len(regions),
        **{f"{region}_muscles": regions.count(region) for region in ("trunk", "arm", "leg")},
        "degrees_of_freedom": body.dofs,
        "root_degrees_of_freedom": ROOT_DOFS,
        "joints": list(body.joints),
        "mass_kg": round(body.mass_kg, 3),
        "source": f"{WHEEL} {WHEEL_VERSION}, mended",
    }


def summary_line(body: Body) -> str:
    s = summary(body)
    return (
        f"{s['muscles']} muscles (trunk {s['trunk_muscles']}, arms {s['arm_muscles']}, legs {s['leg_muscles']}), "
        f"{s['degrees_of_freedom']} degrees of freedom (root {s['root_degrees_of_freedom']}, joints {len(s['joints'])}), "
        f"{s['mass_kg']:g} kg; {s['source']}"
    )


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
