"""One self-contained HTML page about a front end's errors on a paired dataset: definitions in a line each, beside real video."""

from collections.abc import Iterable

from . import pairs_plots as plots
from .error_pieces import GOOD_BELOW_PCT, LAG_FPS, PIECE_S
from .html import document, note, or_dash, picture, short, table
from .landmark_groups import GROSS_PCT
from .real_video import REAL_SOURCE

#: Name, title, unit, factor and definition of each figure of `landmark_statistics.headline`.
_HEADLINE = (
    (
        "detected_share",
        "detected",
        "%",
        100,
        "frames with all 12 limb joints in the picture in which the front end found a person",
    ),
    ("error_pct_median", "2D error, median", "% of stature", 1, "distance of the landmark from the SMPL joint, 12 limb joints"),
    ("error_pct_p95", "2D error, 95 %", "% of stature", 1, "likewise, 95th percentile: how heavy the tail is"),
    (
        "lag_1",
        "2D lag-1 autocorrelation",
        "",
        1,
        "of the error about its mean in a piece of 4 s, median over pieces, joints and axes",
    ),
    ("flip_share", "whole-body flips", "%", 100, "left and right exchanged leave < 60 % of the mean error, and that was > 4 %"),
    (
        "pa_mm_median",
        "world PA-MPJPE, median",
        "mm",
        1,
        "mean distance of 12 joints after rotation, shift and scale of each frame",
    ),
    ("mpjpe_mm_median", "world MPJPE, median", "mm", 1, "mid-hips aligned, camera axes, nothing else"),
    ("depth_share", "share of depth", "%", 100, "of the squared world error (mid-hips aligned): along the camera's axis"),
    ("constant_share", "constant share", "%", 100, "of the squared world error: the mean of the error over a piece of 4 s"),
)


def render(figures: dict, sheet: bytes | None) -> str:
    """The page of `landmark_statistics.gather_errors`; `sheet`: a JPEG of frames."""
    sections = [_counts(figures), _headline(figures), _sheet(sheet)]
    plain, every = figures["plain"], figures["all"]
    if plain is None:
        sections.append(_chapter("All takes", every))
    elif plain["takes"] == every["takes"]:
        sections.append(_chapter("All takes: 30 fps, no occluders, no bystanders", plain))
    else:
        sections += [_chapter("Plain takes: 30 fps, no occluders, no bystanders", plain), _chapter("All takes", every)]
    return document(f"Front end's errors: {figures['folder']}", "\n".join(sections))


def _counts(f: dict) -> str:
    rates = f["frame_rates"]
    rows = [
        (name, n["takes"], n["frames"], *(_percent(n[key] / n["frames"]) for key in ("detected", "elsewhere")))
        for name, n in f["splits"].items()
    ]
    jitter = rates["jitter_of_interval"]
    told = f"Front end: {', '.join(f['front_ends'])}. {f['clips']} clips of {f['subjects']} subjects."
    rate = "Rate: one over the median interval. " + (
        f"Jitter, sd of the intervals over the median one: {_percent(jitter['p50'])} in the median take, {_percent(jitter['p90'])} "
        f"in one of ten. {_percent(rates['long_interval_share'])} of intervals are longer than 1.5 median ones."
        if jitter
        else "No take has two frames."
    )
    return "\n".join(
        [
            note(told),
            table(("split", "takes", "frames", "detected, of all frames", "a bystander or a thing instead"), rows),
            table(("frames a second", "takes"), rates["takes_by_fps"].items(), caption="Frame rates"),
            note(rate),
        ]
    )


def _headline(f: dict) -> str:
    plain, every = f["headline"].get("plain"), f["headline"]["all"]
    rows = []
    for key, title, unit, factor, definition in _HEADLINE:
        real, aim = f["real_clip"].get(key), f["aims"].get(key)
        rows.append(
            (
                f"{title}, {unit}" if unit else title,
                definition,
                _scaled(plain[key], factor) if plain else "-",
                _scaled(every[key], factor),
                " / ".join(_scaled(v, factor) for v in real) if real else "-",
                f"{factor * aim[0]:g} to {factor * aim[1]:g}" if aim else "-",
                _verdict(plain[key] if plain else None, aim),
            )
        )
    head = ("figure", "definition", "plain takes", "all takes", "real, 4 cameras", "aim", "plain takes meet it")
    told = (
        f"Real: {REAL_SOURCE}; errors that all views share vanish there, so its 2D errors are low by nature; its lag is a frame at "
        f"60 fps, its constant share that of 1.7 s. Plain takes: {LAG_FPS:g} fps, no occluders, no bystanders. Aims hold for plain takes."
    )
    return "\n".join(["<h2>Beside real video</h2>", table(head, rows, text=2), note(told)])


def _sheet(sheet: bytes | None) -> str:
    shown = (
        note("No frames were kept.") if sheet is None else picture(sheet, "Frames of the takes", "One frame a take.", "jpeg")
    )
    return f"<h2>Contact sheet</h2>\n{shown}"


def _chapter(title: str, f: dict) -> str:
    return "\n".join(
        [f"<h2>{title} ({f['takes']})</h2>", _groups(f), _looks(f), _visibility(f), _joints(f), _time(f), _swaps(f), _world(f)]
    )


_BEST = ("best: whole body", "arms", "legs")
_GROUP_HEAD = (
    *("takes", "frames", "detected", "2D median, %", "95 %", "99 %", f"> {GROSS_PCT:g} %", "flipped"),
    *("PA median, mm", "MPJPE median, mm", "depth share"),
)


def _group_cells(g: dict) -> tuple:
    error = g["error_pct"]
    return (
        *(
            g["takes"],
            g["frames"],
            _percent(g["detected_share"]),
            short(error["p50"]),
            short(error["p95"]),
            short(error["p99"]),
        ),
        *(_percent(g["gross_share"]), _percent(g["flip_share"]), short(g["pa_mm"]["p50"]), short(g["mpjpe_mm"]["p50"])),
        _percent(g["depth_share"]),
    )


def _group_table(first: str, groups: dict[str, dict], caption: str = "") -> str:
    rows = [(name, *_group_cells(g)) for name, g in groups.items() if g["frames"]]
    return table((first, *_GROUP_HEAD), rows, caption=caption)


def _groups(f: dict) -> str:
    frames = {"all": "all", "all_joints_inside": "all 12 joints in the picture", "cut_off": "some joint outside it"}
    told = (
        "2D error: % of the stature as seen at the pelvis' depth, to the SMPL joint itself; joints outside the picture are left out. "
        "Views and sizes: frames with all 12 joints in the picture. View: angle between the pelvis' facing and the line to the "
        "camera, degrees. Size: stature at the pelvis' depth, px of a picture of 480 lines."
    )
    panels = [
        (
            title,
            list(groups),
            [g["error_pct"]["p50"] for g in groups.values()],
            [g["error_pct"]["p95"] for g in groups.values()],
        )
        for title, groups in (
            ("by limb", {name: {"error_pct": joint} for name, joint in f["by_limb"].items()}),
            ("by view", f["by_view"]),
            ("by size, px of 480", f["by_size_px_of_480"]),
        )
    ]
    return "\n".join(
        [
            note(told),
            _group_table("frames", {title: f["frames"][key] for key, title in frames.items()}),
            _group_table("view", f["by_view"]),
            _group_table("size", f["by_size_px_of_480"]),
            picture(plots.errors_svg(panels), "2D errors by limb, view and size", "Bar: median. Line: to the 95th percentile."),
        ]
    )


def _looks(f: dict) -> str:
    if not f["by_look"]:
        return ""
    parts = ["<h3>By look</h3>", note("Takes by what was drawn for them; frames with all 12 joints in the picture.")]
    return "\n".join([*parts, *(_group_table(look, groups) for look, groups in f["by_look"].items())])


def _visibility(f: dict) -> str:
    rows = [
        (name, v["count"], *(short(v[p]) for p in ("p50", "p95", "p99")), _percent(v["gross_share"]))
        for name, v in f["by_visibility"].items()
    ]
    head = ("visibility", "joints", "2D median, %", "95 %", "99 %", f"> {GROSS_PCT:g} %")
    lines = ["<h3>By visibility</h3>", note("What the front end says of a joint, 0 to 1."), table(head, rows)]
    rows = [
        (
            name,
            v["count"],
            *(short(v[p]) for p in ("p50", "p95", "p99")),
            _percent(v["gross_share"]),
            _percent(v["visibility_below_half_share"]),
        )
        for name, v in f["by_depth_buffer"].items()
    ]
    lines.append(table(("by depth buffer", *head[1:], "visibility < 0.5"), rows))
    return "\n".join(lines)


def _joints(f: dict) -> str:
    def rows(joints: dict) -> Iterable[tuple]:
        for name, j in joints.items():
            within = j["within_pieces"] or {}
            offset = within.get("offset_pct", (None, None))
            spread = (within.get(key) for key in ("offset_sd_pct", "robust_sd_pct", "rms_pct"))
            cells = (short(j[p]) for p in ("p50", "p95", "p99"))
            yield name, *cells, *map(short, (*offset, *spread)), _percent(j["visibility_below_half_share"])

    head = (
        *("2D median, %", "95 %", "99 %", "offset right, %", "offset down, %", "sd of offset", "robust sd within"),
        *("rms within", "visibility < 0.5"),
    )
    told = (
        f"Offset: mean over pieces of {PIECE_S:g} s of the mean error, of frames whose median error is below {GOOD_BELOW_PCT:g} %; "
        "its sd is over pieces; robust sd within: 1.48 median absolute deviation in the median piece; rms within: about the "
        "piece's mean. All an axis."
    )
    lines = [
        "<h3>By joint</h3>",
        note(told),
        table(("limb", *head), rows(f["by_limb"])),
        table(("joint", *head), rows(f["by_joint"])),
    ]
    if (r := f["correlation"]) is not None:
        pairs = [(name, *(short(v) for v in values)) for name, values in r["pairs"].items()]
        lines += [
            "<h3>Between joints</h3>",
            note(
                f"Correlation of the errors about their means in a piece, same frames; mean over all pairs {short(r['mean'])}."
            ),
            table(("pair", "right", "down"), pairs),
            picture(plots.correlation_svg(r["joints"], {k: r[k] for k in ("right", "down")}), "Correlation between joints", ""),
        ]
    return "\n".join(lines)


def _time(f: dict) -> str:
    t = f["time"]
    lines = ["<h3>Over time</h3>"]
    if t["lags_2d"] is not None:
        rows = [
            (name, *(short(v) for v in values))
            for name, values in (("2D", t["lags_2d"]), ("world landmarks", t["lags_world"]))
            if values is not None
        ]
        head = ("lag, frames", *(str(k) for k in range(1, len(t["lags_2d"]) + 1)))
        told = (
            f"Autocorrelation of the error about its mean in a piece of {PIECE_S:g} s at {LAG_FPS:g} fps: median over "
            f"{t['pieces_with_lags']} pieces, joints and axes."
        )
        svg = plots.lags_svg({"2D": t["lags_2d"], "world landmarks": t["lags_world"]}, LAG_FPS)
        lines += [note(told), table(head, rows), picture(svg, "Autocorrelation", "")]
    shares = [
        (name, *(_percent(p[key]) for key in ("constant", "slow", "fast", "constant_in_median_piece")))
        for name, p in (("2D", t["parts_2d"]), ("world landmarks", f["world"]["parts"]))
        if p is not None
    ]
    told = (
        f"Of the squared error: constant = its mean over the piece of {PIECE_S:g} s; slow = the mean over 0.5 s about that; fast = what "
        "is left; the rest are cross terms."
    )
    return "\n".join([*lines, note(told), table(("error", "constant", "slow", "fast", "constant in the median piece"), shares)])


def _swaps(f: dict) -> str:
    rows = [
        (
            name.replace("_", " "),
            _percent(s["share"], 2),
            s["frames"],
            s["runs"]["count"],
            *(f"{s['runs'][p]:g}" if s["runs"][p] is not None else "-" for p in ("p50", "p90", "max")),
            *s["frames_best_explained_by"].values(),
        )
        for name, s in f["swaps"].items()
    ]
    told = (
        "Exchanging left and right leaves less than 60 % of the mean error, and that was above 4 %. Arms and legs: frames in which not "
        "the whole body is exchanged. Run: flipped frames in a row. Best: frames in which exchanging these leaves the least error; by the "
        "rule, arms far apart count as a whole body."
    )
    head = ("left and right exchanged", "of frames", "frames", "runs", "median run", "90 %", "longest", *_BEST)
    return "\n".join(["<h3>Swaps and flips</h3>", note(told), table(head, rows)])


def _world(f: dict) -> str:
    w = f["world"]
    names = (
        ("pa_mm", "rotation, shift, scale (PA)"),
        ("rigid_mm", "rotation, shift"),
        ("mpjpe_mm", "mid-hips only, camera axes"),
    )
    rows = [(title, *(short(w[key][p]) for p in ("p50", "mean", "p90", "p99"))) for key, title in names]
    told = (
        f"Mean distance of 12 joints, mm, over {w['frames']} frames with all of them in the picture; mid-hip at the origin; axes of the "
        "camera: x right, y down, z away."
    )
    lines = ["<h3>World landmarks</h3>", note(told), table(("aligned by", "median", "mean", "90 %", "99 %"), rows)]
    if w["axis_sd_mm"] is not None:
        axes = [
            ("share of the squared error", *(_percent(s) for s in w["axis_shares"])),
            ("sd, mm", *(short(s) for s in w["axis_sd_mm"])),
        ]
        head = ("joint", "bias x, mm", "y", "z", "sd of constant x, mm", "y", "z")
        spread = w["constant_sd_mm"] or {}
        joints = [(name, *(f"{v:.0f}" for v in (*bias, *spread.get(name, ())))) for name, bias in w["bias_mm"].items()]
        joints = [row + ("-",) * (len(head) - len(row)) for row in joints]
        told = f"Bias: mean error over all frames. Sd of constant: of the mean over a piece of {PIECE_S:g} s, over pieces."
        lines += [table(("mid-hips aligned", "x", "y", "z"), axes), note(told), table(head, joints)]
    return "\n".join(lines)


def _percent(value: float | None, digits: int = 1) -> str:
    return or_dash(None) if value is None else f"{100 * value:.{digits}f} %"


def _scaled(value: float | None, factor: float) -> str:
    return short(None if value is None else factor * value)


def _verdict(value: float | None, aim: tuple[float, float] | None) -> str:
    if value is None or aim is None:
        return "-"
    return "yes" if aim[0] <= value <= aim[1] else "no"
