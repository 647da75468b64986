"""The muscle table and the report as tables for people."""

from collections.abc import Sequence
from typing import Any

from .compare import FAR_MM, WORKING, opensim

#: Rows of the last table: the others are in the JSON.
WORST_SHOWN = 15


def _table(title: str, *columns: str, text: int = 1):
    """The first `text` columns to the left, the others, numbers, to the right."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < text else "right", no_wrap=i < text)
    return table


def muscles_table(rows: Sequence[dict[str, Any]]):
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
