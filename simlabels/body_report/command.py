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
from realtime.body.muscles import muscle_table

from ..dataset import write_whole
from ..inspect.plots import PLOT_SUFFIXES
from ..musculo.body import ROOT_DOFS, Body
from ..musculo.model import WHEEL, WHEEL_VERSION
from .compare import FAR_MM, WORKING, compare, opensim

#: Rows of the table of trunk and arms: the others are in the JSON.
WORST_SHOWN = 15
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
        _print([_muscle_table(rows), summary_line(after)])
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


def _table(title: str, *columns: str, text: int = 1):
    """The first `text` columns to the left, the others, numbers, to the right."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < text else "right", no_wrap=i < text)
    return table


def _muscle_table(rows: Sequence[dict[str, Any]]):
    units = ("force N", "fibre mm", "tendon mm", "pennation deg")
    table = _table("Muscles of the generic body", "index", "name", "side", "region", "group", *units, text=5)
    for r in rows:
        lengths = (f"{1000 * r[k]:.1f}" for k in ("optimal_fibre_m", "tendon_slack_m"))
        names = (str(r[k]) for k in ("index", "name", "side", "region", "group"))
        table.add_row(*names, f"{r['max_isometric_force_N']:.1f}", *lengths, f"{r['pennation_deg']:.1f}")
    return table


# ---- the report
def report_tables(found: dict[str, Any]) -> list[Any]:
    """Summary first, then the worst on top."""
    return [
        _summary_table(found),
        _arm_table(found),
        _leg_fibre_table(found),
        _group_table(found),
        _worst_table(found),
        _foot(found),
    ]


def _summary_table(found: dict[str, Any]):
    table = _table("The body as shipped, as mended, and OpenSim's (Rajagopal 2016)", "", "before", "after", "OpenSim")
    arms, legs, others = (found["summary"][k] for k in ("moment_arms", "leg_fibres", "other_fibres"))
    far = f"above_{FAR_MM:g}_mm"
    table.add_row(
        f"leg moment arms further than {FAR_MM:g} mm, of {arms['pairs']}", *(str(arms[w][far]) for w in ("before", "after"))
    )
    table.add_row("  largest rms difference, mm", *(f"{arms[w]['largest_rms_mm']:.1f}" for w in ("before", "after")))
    table.add_row("  median, mm", *(f"{arms[w]['median_rms_mm']:.3f}" for w in ("before", "after")))
    low, high = WORKING
    for name, row in legs.items():
        cells = [f"{100 * row[w]['outside']:.1f} %" for w in ("before", "after", "opensim")]
        table.add_row(f"leg fibres outside {low:g}-{high:g}, {_POSTURES[name]}", *cells)
        table.add_row(
            "  largest rms difference, same parameters", *(f"{row[w]['largest_rms']:.2f}" for w in ("before", "after"))
        )
    for key, label in _OTHER_FIGURES.items():
        values = [others[w][key] for w in ("before", "after")]
        table.add_row(label, *(f"{100 * v:.1f} %" if key == "outside" else str(v) for v in values))
    return table


_POSTURES = {"walk": "walking", "squat": "squat", "anywhere": "anywhere"}
_OTHER_FIGURES = {
    "outside": "trunk and arm fibres outside, random poses",
    "muscles_outside_in_a_tenth": "  muscles outside in more than 10 % of them",
    "negative_slack": "  muscles with a tendon of negative length",
    "fibre_longer_than_path": "  muscles whose optimal fibre is longer than their path",
}


def _arm_table(found: dict[str, Any]):
    title = "Moment arms of the right leg against OpenSim, mm (over the joint's range; anywhere: 100 random postures)"
    columns = ("rms before", "rms after", "worst before", "worst after", "anywhere before", "anywhere after")
    table = _table(title, "muscle", "joint", *columns, text=2)
    for row in found["moment_arms"]:
        if row["joint"].endswith("_r"):
            pair = [row[w] for w in ("before", "after")]
            table.add_row(
                row["muscle"],
                row["joint"],
                *(f"{r['rms_mm']:.2f}" for r in pair),
                *(f"{r['worst_mm']:+.1f} at {r['worst_at_deg']:.0f}°" for r in pair),
                *(f"{r['anywhere_rms_mm']:.2f}" for r in pair),
            )
    return table


def _range(row: dict[str, float]) -> str:
    return f"{row['shortest']:.2f} {row['longest']:.2f}"


def _leg_fibre_table(found: dict[str, Any]):
    title = "Fibres of the right leg, shortest and longest in optimal lengths (*: parameters of Lai and Uhlrich, not the reference's)"
    columns = [f"{name} {which}" for name in _POSTURES.values() for which in ("before", "after", "OpenSim")]
    table = _table(title, "muscle", *columns)
    for row in found["leg_fibres"]:
        if row["muscle"].endswith("_r"):
            cells = [_range(row[name][which]) for name in _POSTURES for which in ("before", "after", "opensim")]
            table.add_row(row["muscle"] + ("" if row["same_parameters"] else " *"), *cells)
    return table


def _group_table(found: dict[str, Any]):
    s = found["summary"]["other_fibres"]
    title = f"Fibres of trunk and arms over {s['poses']} random poses, by group: shortest and longest, share outside"
    table = _table(title, "group", "muscles", "before", "after", "outside before", "outside after")
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found["other_fibres"]:
        groups.setdefault(row["group"], []).append(row)
    for group, rows in sorted(groups.items(), key=lambda item: -_outside(item[1], "after")):
        ends = [
            _range({"shortest": min(r[w]["shortest"] for r in rows), "longest": max(r[w]["longest"] for r in rows)})
            for w in ("before", "after")
        ]
        table.add_row(group, str(len(rows)), *ends, *(f"{100 * _outside(rows, w):.1f} %" for w in ("before", "after")))
    return table


def _outside(rows: Sequence[dict[str, Any]], which: str) -> float:
    return sum(row[which]["outside"] for row in rows) / len(rows)


def _worst_table(found: dict[str, Any]):
    table = _table(f"The {WORST_SHOWN} worst of them as mended", "muscle", "before", "after", "outside before", "outside after")
    for row in found["other_fibres"][:WORST_SHOWN]:
        shares = (f"{100 * row[w]['outside']:.1f} %" for w in ("before", "after"))
        table.add_row(row["muscle"], _range(row["before"]), _range(row["after"]), *shares)
    return table


def _foot(found: dict[str, Any]) -> str:
    return (
        f"Left and right legs agree within {found['summary']['moment_arms']['left_from_right_mm']:.1e} mm. "
        f"OpenSim {found['reference']['opensim']}: {found['reference']['source']}. "
        f"Squat: straight to {', '.join(f'{n} {a:g}' for n, a in _deepest().items())} degrees. All muscles: --json FILE."
    )


def _deepest() -> dict[str, float]:
    o = opensim()
    return {n: a for n, a in zip(o["coordinates"], o["postures"]["squat"]["angle_deg"][-1], strict=True) if a}
