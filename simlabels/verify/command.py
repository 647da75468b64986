"""`biohuman-labels verify`: the checks as tables for people, or as JSON."""

import argparse
import json
import sys

from .checks import FEET, run_checks


def run(args: argparse.Namespace) -> int:
    """Exit code 0: the checks ran; what they say is in the figures."""

    def tell(name: str) -> None:
        if not args.json:
            print(f"{name} ...", file=sys.stderr)

    found = run_checks(args.reference, on_trial=tell)
    if args.json:
        print(json.dumps(found))
        return 0
    from rich.console import Console

    console = Console()
    for table in (_ik(found), _grf(found), *_emg(found), _oracle(found)):
        if table is not None:
            console.print(table)
    return 0


def _table(title: str, *columns: str):
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    return table


def _ik(found: dict):
    if not found["ik"]:
        return None
    table = _table("Inverse kinematics from markers", "trial", "angles, median deg", "markers, rms mm", "OpenSim's, mm")
    for name, row in found["ik"].items():
        theirs = row["opensim_marker_rmse_mm"]
        table.add_row(
            name,
            f"{row['median_deg']:.2f}" if "median_deg" in row else "-",
            f"{row['marker_rmse_mm']:.1f}",
            "-" if theirs is None else f"{theirs:.1f}",
        )
    return table


def _grf(found: dict):
    if not found["grf"]:
        return None
    table = _table("Estimated ground forces against plates", "trial", "foot", "vertical, BW", "horizontal, BW", "r")
    for name, row in found["grf"].items():
        for foot in FEET:
            f = row[foot]
            along, across = f["rmse_horizontal_bw"]
            table.add_row(name, foot, f"{f['rmse_bw']:.3f}", f"{along:.3f}, {across:.3f}", f"{f['r']:.3f}")
    return table


def _emg(found: dict):
    for name, rows in found["emg_trials"].items():
        table = _table(f"EMG, r at the best delay (ms): {name}", "channel", *rows)
        for channel in next(iter(rows.values()))["channels"]:
            cells = [row["channels"].get(channel) for row in rows.values()]
            table.add_row(channel, *("-" if c is None else f"{c['r']:.2f} ({c['delay_ms']})" for c in cells))
        table.add_section()
        for key, title in (("median_r", "median"), ("mean_r", "mean")):
            table.add_row(title, *(f"{row[key]:.3f}" for row in rows.values()))
        yield table


def _oracle(found: dict):
    if not found["oracle"]:
        return None
    table = _table("OpenSim's static optimisation, its own inputs through our solver", "trial", "rmse", "largest")
    for name, row in found["oracle"].items():
        table.add_row(name, f"{row['rmse']:.1e}", f"{row['max']:.1e}")
    return table
