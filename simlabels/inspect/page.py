"""One self-contained HTML page of a dataset's figures: plain tables and embedded plots, no script, every name escaped."""

from collections.abc import Sequence
from html import escape

import numpy as np

from realtime.body.dataset import REJECT_REASONS
from realtime.body.muscles import group_names
from realtime.body.skeleton import JOINTS

from . import plots
from .course import Course
from .figures import SATURATED
from .html import document, note, or_dash, percent, picture, short, span, table
from .statistics import FEWEST_FRAMES, LARGE_RESERVE_NM, RESIDUALS, Gathered

_RESIDUAL_TITLES = {
    "force_BW": "force, BW",
    "moment_BW_m": "moment, BW m",
    "reserve_Nm_per_kg": "reserve, N m/kg",
    "ik_mm": "kinematics, mm",
}


def render(gathered: Gathered, figures: dict, courses: dict[str, Course | None]) -> str:
    """The page; `courses` are those of the "best" and "worst" clip, None if there is none."""
    sections = (_counts, _coverage, _rejection, _residuals, _worst, _angles, _activations)
    body = "\n".join(section(gathered, figures) for section in sections) + _courses(figures, courses)
    return document(f"Labels: {figures['folder']}", body)


# ---- sections
def _counts(gathered: Gathered, f: dict) -> str:
    c, feet = f["counts"]["all"], f["counts"]["feet_on_flat_ground_only"]
    versions = ", ".join(f"{name} {version}" for name, version in gathered.dataset.info["versions"].items())
    rows = [(title, *_count_cells(n)) for title, n in (("all clips", c), ("feet on flat ground only", feet))]
    lines = [
        table(("", *_COUNT_HEAD), rows),
        note(f"Model: {gathered.dataset.info['settings'].get('model', 'unknown')}. Made with {versions}."),
    ]
    if f["not_finite_values_in_valid_frames"]:
        lines.append(f"<p><strong>{f['not_finite_values_in_valid_frames']} values of valid frames are no numbers.</strong></p>")
    if f["skipped"]:
        lines.append(table(("left out", "why"), f["skipped"].items(), text=2, caption="Files that could not be used"))
    return "\n".join(lines)


def _coverage(gathered: Gathered, f: dict) -> str:
    c = f["counts"]["all"]
    known = {k: sum(s[k] is not None for s in f["subjects"].values()) for k in ("sex", "age_years", "height_m", "mass_kg")}
    told = ", ".join(f"{k.split('_')[0]} of {n}" for k, n in known.items())
    subjects = [
        (
            name,
            *(or_dash(s[k]) for k in ("sex", "age_years", "height_m", "mass_kg")),
            span(s["used_height_m"], 2),
            span(s["used_mass_kg"], 1),
            *_count_cells(s)[:3],
            percent(s["rejected"], s["frames"]),
        )
        for name, s in f["subjects"].items()
    ]
    head = ("subject", "sex", "age", "height, m", "mass, kg", "height used, m", "mass used, kg", *_COUNT_HEAD[:3], "rejected")
    clips = gathered.dataset.clips.values()
    panels = [
        ("clips by length, s", *_histogram([r["frames"] / r["fps"] for r in clips]), None),
        ("clips by height used, m", *_histogram([r["height_m"] for r in clips]), None),
        ("clips by mass used, kg", *_histogram([r["mass_kg"] for r in clips]), None),
        ("clips by rejected share, %", *_histogram([100 * x.rejected_share for x in gathered.clips], (0, 100)), None),
    ]
    splits = [(name, *_count_cells(n)) for name, n in f["splits"].items()]
    actions = [(name or "(no action given)", *_count_cells(n)) for name, n in f["actions"].items()]
    return "\n".join(
        [
            "<h2>Coverage</h2>",
            table(("split", *_COUNT_HEAD), splits),
            picture(plots.histograms_svg(panels), "Histograms of clips", f"{c['clips']} clips."),
            f"<h3>Actions ({len(actions)})</h3>",
            table(("action", *_COUNT_HEAD), actions),
            f"<h3>Subjects ({len(subjects)})</h3>",
            note(f"Known: {told}. A dash is unknown. Used: what the simulation took; how it was got is below."),
            table(head, subjects),
            _assumed(f["people"]),
        ]
    )


def _assumed(people: dict) -> str:
    """How heights and masses were got, and what was changed of the motion for it."""
    scaled, straightened = people["scaled"], people["straightened"]
    changed = "No motion was scaled."
    if scaled:
        changed = f"{len(scaled)} clips were scaled as a whole, by {span((min(scaled.values()), max(scaled.values())), 2)}."
    if straightened:
        joints = ", ".join(f"{joint} {n}" for joint, n in straightened.items())
        changed += f" Joints turned over that were put straight, frames: {joints}."
    tables = [
        table((f"{what} from", *_COUNT_HEAD), [(how, *_count_cells(n)) for how, n in people[key].items()])
        for what, key in (("height", "height_from"), ("mass", "mass_from"))
    ]
    return "\n".join([*tables, note(changed)])


def _rejection(_gathered: Gathered, f: dict) -> str:
    frames = max(f["counts"]["all"]["frames"], 1)
    by = f["rejected_by_reason"]
    carried = ", ".join(f"{part} {n}" for part, n in f["carried_by"].items() if n)
    rows = []
    for reason in REJECT_REASONS:
        own, smeared = by[reason]["own"], by[reason]["with_smearing"]
        rows.append((reason, own, percent(own, frames), smeared, percent(smeared, frames)))
    shares = [[100 * by[r][k] / frames for r in REJECT_REASONS] for k in ("own", "with_smearing")]
    return "\n".join(
        [
            "<h2>Rejected frames</h2>",
            table(("reason", "own criteria", "% of frames", "with what they smear", "% of frames"), rows),
            note(
                "A frame may have several reasons. contact_elsewhere: the manifest says so of the whole clip, or another part of "
                f"the body that rests would explain the residual ({carried or 'none found'})."
            ),
            picture(plots.reasons_svg(*shares), "Rejected frames by reason", "Share of all frames."),
        ]
    )


def _residuals(gathered: Gathered, f: dict) -> str:
    limits = residual_limits(gathered.dataset.info)
    head = ["action", "frames"]
    for name in RESIDUALS:
        head += [f"{_RESIDUAL_TITLES[name]}: p50", "p95", "p99"]
    order = [action for action in f["actions"] if action in f["residuals"]]
    rows = [
        (
            action or "(no action given)",
            f["residuals"][action]["ik_mm"]["count"],
            *(short(f["residuals"][action][name][p]) for name in RESIDUALS for p in ("p50", "p95", "p99")),
        )
        for action in order
    ]
    panels = []
    for k, name in enumerate(RESIDUALS if rows else ()):
        edges, counts = plots.coarse(list(gathered.residuals.values()), [k], 25)
        panels.append((f"frames by {_RESIDUAL_TITLES[name]}", edges, counts, limits.get(name)))
    told = (
        "All frames, rejected ones too, of clips without declared other contacts; percentiles to within 1 %. "
        "Force and moment at the root; the largest reserve of a frame; kinematics: rms distance of the joints."
    )
    figure = picture(plots.histograms_svg(panels), "Histograms of residuals", "Dashed: limits of rejection.") if panels else ""
    return "\n".join(["<h2>Residuals by action</h2>", note(told), table(head, rows), figure])


def _worst(_gathered: Gathered, f: dict) -> str:
    titles = {"rejected": "by rejected share"} | {n: f"by 95th percentile of {_RESIDUAL_TITLES[n]}" for n in RESIDUALS}
    told = (
        f"Clips of {FEWEST_FRAMES} frames and more without declared other contacts. Reasons: frames by their own criteria. "
        "Residuals: the 95th percentile of the clip's frames."
    )
    parts = ["<h2>Worst clips</h2>", note(told)]
    head = ("clip", "action", "frames", "rejected", "reasons", *(_RESIDUAL_TITLES[n] for n in RESIDUALS))
    for by, title in titles.items():
        rows = [
            (
                c["clip"],
                c["action"],
                c["frames"],
                percent(c["rejected"], c["frames"]),
                ", ".join(f"{r} {n}" for r, n in c["own_by_reason"].items() if n) or "none",
                *(short(c["worst"][n]) for n in RESIDUALS),
            )
            for c in f["worst_clips"][by]
        ]
        parts += [f"<h3>{escape(title[0].upper() + title[1:])}</h3>", table(head, rows, text=2) if rows else "<p>None.</p>"]
    return "\n".join(parts)


def _angles(gathered: Gathered, f: dict) -> str:
    rows = []
    for joint, angle in f["angle_deg"].items():
        rest = angle["from_rest"]
        cells = [short(rest[p]) for p in ("p50", "p95", "p99", "max")]
        for axis in ("x", "y", "z"):
            one = angle.get(axis)
            cells += [short(one[p]) for p in ("p1", "p50", "p99")] if one else ["-"] * 3
        rows.append((joint, *cells))
    head = ["joint", "angle: p50", "p95", "p99", "max", *(t for a in "xyz" for t in (f"about {a}: p1", "p50", "p99"))]
    torques = [
        (
            joint,
            *(short(t[p]) for p in ("p1", "p5", "p50", "p95", "p99")),
            *(short(f["reserve_Nm"][joint][p]) for p in ("p50", "p95", "p99", "max")),
            f"{100 * f['reserve_Nm'][joint]['large_share']:.2f}",
        )
        for joint, t in f["torque_Nm_per_kg"].items()
    ]
    torque_head = ["joint", "torque, N m/kg: p1", "p5", "p50", "p95", "p99", "reserve, N m: p50", "p95", "p99", "max"]
    told = (
        "Angles of SMPL joints from the T-pose, degrees, all frames, to within half a degree; the rotation vector about "
        "x (to the person's left), y (up), z (forward) of the parent. The pelvis: from upright."
    )
    channels = list(range(3, len(gathered.axes_deg.channels)))
    labels = [f"{JOINTS[k // 3]} {'xyz'[k % 3]}" for k in channels]
    return "\n".join(
        [
            "<h2>Joint angles and torques</h2>",
            note(told),
            table(head, rows),
            picture(
                plots.ranges_svg(gathered.axes_deg, labels, "degrees", channels),
                "Ranges of the joint angles",
                "Thin: 1 to 99 %, thick: 25 to 75 %, ring: median.",
            ),
            note("Torques and reserves of the body's joints, valid frames."),
            table([*torque_head, f"above {LARGE_RESERVE_NM:g} N m, %"], torques),
        ]
    )


def _activations(gathered: Gathered, f: dict) -> str:
    rows = [
        (
            name,
            *(f"{a[p]:.3f}" if a[p] is not None else "-" for p in ("mean", "p5", "p25", "p50", "p75", "p95", "p99", "max")),
            f"{100 * a['saturated_share']:.2f}",
        )
        for name, a in f["activation"].items()
    ]
    channels = range(len(group_names()))
    edges, counts = plots.coarse([gathered.activation], channels, 20)
    share = counts / max(counts.sum(), 1)
    return "\n".join(
        [
            "<h2>Muscle activations</h2>",
            note("The column `activation` in valid frames, all muscles of a group alike, to within 0.001."),
            table(
                ("group", "mean", "p5", "p25", "p50", "p75", "p95", "p99", "max", f"from {SATURATED:g} on, %"),
                rows,
                most=len(rows),
            ),
            picture(
                plots.ranges_svg(gathered.activation, group_names(), "activation", channels),
                "Ranges of the activations by muscle group",
                "Thin: 1 to 99 %, thick: 25 to 75 %, ring: median.",
            ),
            picture(plots.activation_svg(edges, share), "Histogram of all activations", "Share of all values, all muscles."),
        ]
    )


def _courses(f: dict, courses: dict[str, Course | None]) -> str:
    parts = ["<h2>Best and worst clip</h2>"]
    for which, course in courses.items():
        clip = f[f"{which}_clip"]
        if course is None or clip is None:
            parts.append(f"<p>No {which} clip: all have declared other contacts or fewer than {FEWEST_FRAMES} frames.</p>")
            continue
        shown = f"{course.time_s[0]:.1f} to {course.time_s[-1]:.1f} of {clip['frames'] / clip['fps']:.1f} s"
        reasons = ", ".join(f"{r} {n}" for r, n in clip["own_by_reason"].items() if n) or "none"
        caption = (
            f"The {which} clip: {clip['clip']}, {clip['action'] or 'no action given'}; {shown}; "
            f"{percent(clip['rejected'], clip['frames'])} of its frames rejected; own reasons: {reasons}. "
            "Blue: left, orange: right; red: rejected, grey: only as contact elsewhere."
        )
        parts.append(picture(plots.course_svg(course), f"Time courses of the {which} clip", caption))
    return "\n".join(parts)


# ---- pieces
_COUNT_HEAD = (
    "clips",
    "frames",
    "minutes",
    "in clips with declared other contacts",
    "rejected, own criteria",
    "with what they smear",
)


def _count_cells(n: dict) -> tuple:
    return (
        n["clips"],
        n["frames"],
        f"{n['minutes']:.1f}",
        percent(n["declared_elsewhere_frames"], n["frames"]),
        percent(n["own_rejected"], n["frames"]),
        percent(n["rejected"], n["frames"]),
    )


def residual_limits(info: dict) -> dict[str, float]:
    """Limits of rejection by the names of RESIDUALS, where the settings tell them."""
    reject = info["settings"].get("choices", {}).get("reject_above", {})
    limits = {name: reject[name] for name in RESIDUALS if name in reject}
    return limits | ({"ik_mm": 1000 * reject["ik_m"]} if "ik_m" in reject else {})


def _histogram(values: Sequence[float], limits: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    counts, edges = np.histogram(values, 25, range=limits)
    return edges, counts
