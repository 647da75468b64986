"""Figures of the page and of single clips, by matplotlib without a window; no name from a dataset is ever drawn as mathematics."""

import io
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from realtime.body.dataset import REJECT_REASONS
from realtime.body.files import write_whole
from realtime.body.needs import need

from .course import GROUPS, Course
from .histograms import Histograms

LEFT, RIGHT, BOTH, REJECTED, ELSEWHERE = "#1f6f9f", "#c8553d", "#444444", "#f3b4a6", "#e4e4e4"
#: Smaller movements of the pelvis are not drawn larger than this would be.
LEAST_PELVIS_SPAN_M = 0.2
PLOT_SUFFIXES = (".svg", ".png")
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "biohuman",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "path.simplify_threshold": 0.3,
}


@contextmanager
def drawing():
    """matplotlib in our style, whatever the user's own is."""
    need(("matplotlib",), "labels")
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def new_figure(rows: int = 1, columns: int = 1, *, size_in: tuple[float, float], **kwargs):
    """A figure and its axes (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_in, layout="constrained")
    return figure, np.asarray(figure.subplots(rows, columns, squeeze=False, **kwargs))


def svg_bytes(figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def save_figure(figure, path: Path) -> None:
    """Writes it by the suffix of PLOT_SUFFIXES, whole or not at all.

    Raises:
        OutputError: the place cannot be written.
    """
    if path.suffix == ".svg":
        content = svg_bytes(figure)
    else:
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
        content = out.getvalue()
    write_whole(path, lambda part: part.write_bytes(content))


# ---- of a dataset
def ranges_svg(histograms: Histograms, labels: Sequence[str], unit: str, channels: Sequence[int]) -> bytes:
    """Percentiles 1 to 99 (thin), 25 to 75 (thick) and median of some channels, one under the other."""
    with drawing():
        figure, axes = new_figure(size_in=(7.5, 0.6 + 0.16 * len(channels)))
        ax = axes[0, 0]
        known = [(y, channel) for y, channel in enumerate(channels) if histograms.counts[channel].any()]
        if known:
            y = [row for row, _ in known]
            table = [[histograms.percentile(channel, p) for p in (1, 25, 50, 75, 99)] for _, channel in known]
            low, q1, median, q3, high = np.array(table, dtype=float).T
            ax.hlines(y, low, high, color=LEFT, lw=1)
            ax.hlines(y, q1, q3, color=LEFT, lw=4)
            ax.plot(median, y, "o", color="white", mec=RIGHT, ms=3.5)
        ax.set_yticks(range(len(channels)), labels)
        ax.set_ylim(len(channels) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0, labelsize=8)
        ax.set_xlabel(unit)
        return svg_bytes(figure)


def histograms_svg(panels: Sequence[tuple[str, np.ndarray, np.ndarray, float | None]]) -> bytes:
    """Panels (title, edges, counts, limit or None) side by side, four in a row; the limit is a dashed line."""
    rows = -(-len(panels) // 4)
    with drawing():
        figure, axes = new_figure(rows, 4, size_in=(10, 2.1 * rows))
        for ax, panel in zip(axes.flat, [*panels, *[None] * (4 * rows - len(panels))], strict=True):
            if panel is None:
                ax.axis("off")
                continue
            title, edges, counts, limit = panel
            ax.stairs(counts, edges, fill=True, color=LEFT)
            if limit is not None:
                ax.axvline(limit, color=RIGHT, lw=1, ls="--")
            if edges[0] > 0 and edges[-1] / edges[0] > 50:
                ax.set_xscale("log")
                _plain_powers(ax.xaxis)
            ax.set_title(title)
            ax.grid(axis="x", visible=False)
        return svg_bytes(figure)


def _plain_powers(axis) -> None:
    """0.01 for a power of ten: matplotlib's own is written as mathematics, which is off."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def coarse(histograms: Sequence[Histograms], channels: Sequence[int], by: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges and counts of some channels of histograms of equal bins together, `by` bins in one, without the empty ends."""
    counts = np.sum([h.counts[list(channels)].sum(0) for h in histograms], axis=0)
    n = len(counts) // by
    counts, edges = counts[: n * by].reshape(n, by).sum(1), histograms[0].edges[: n * by + 1 : by]
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1]) if len(filled) else (0, n - 1)
    return edges[first : last + 2], counts[first : last + 1]


def reasons_svg(own: Sequence[float], smeared: Sequence[float]) -> bytes:
    """Shares of rejected frames, percent, by reason."""
    with drawing():
        figure, axes = new_figure(size_in=(6.5, 2.4))
        ax, y = axes[0, 0], np.arange(len(REJECT_REASONS))
        ax.barh(y - 0.19, own, 0.36, color=RIGHT, label="by the frame's own criteria")
        ax.barh(y + 0.19, smeared, 0.36, color=REJECTED, label="with the frames it smears")
        ax.set_yticks(y, REJECT_REASONS)
        ax.invert_yaxis()
        ax.set_xlabel("% of all frames")
        ax.legend(loc="lower right")
        return svg_bytes(figure)


def activation_svg(edges: np.ndarray, share: np.ndarray) -> bytes:
    """Share of all values by activation, on a logarithmic scale."""
    with drawing():
        figure, axes = new_figure(size_in=(6.5, 2.4))
        ax = axes[0, 0]
        ax.stairs(np.maximum(share, 1e-9), edges, fill=True, color=LEFT, baseline=1e-9)
        ax.set_yscale("log")
        _plain_powers(ax.yaxis)
        ax.set_ylim(max(1e-9, share[share > 0].min() / 3) if (share > 0).any() else 1e-9, 1)
        ax.set_xlabel("activation")
        return svg_bytes(figure)


# ---- of a clip
def course_svg(course: Course) -> bytes:
    with drawing():
        return svg_bytes(_course_figure(course, title=None))


def save_course(course: Course, path: Path, title: str | None) -> None:
    """Writes the time courses of one clip by the suffix of PLOT_SUFFIXES, whole or not at all.

    Raises:
        OutputError: the place cannot be written.
    """
    with drawing():
        save_figure(_course_figure(course, title), path)


def _course_figure(course: Course, title: str | None):
    """Ground force and pelvis over the whole width, below it the muscle groups two by two; rejected frames shaded."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8.5), layout="constrained")
    axes = figure.subplot_mosaic(
        [["force"] * 2, ["shear"] * 2, ["pelvis"] * 2, *np.reshape(GROUPS, (3, 2)).tolist()], sharex=True
    )
    t = course.time_s
    left, right = course.grf_BW[:, 0], course.grf_BW[:, 1]
    up = axes["force"]
    up.plot(t, left[:, 1], color=LEFT, label="left foot")
    up.plot(t, right[:, 1], color=RIGHT, label="right foot")
    up.plot(t, left[:, 1] + right[:, 1], color=BOTH, lw=0.8, ls=":", label="both")
    up.set_title("vertical ground force, body weights")
    shear = axes["shear"]
    for force, color in ((left, LEFT), (right, RIGHT)):
        shear.plot(t, np.hypot(force[:, 0], force[:, 2]), color=color, lw=1)
    shear.set_title("horizontal ground force, size, body weights")
    axes["pelvis"].plot(t, course.pelvis_m[:, 1], color=BOTH)
    axes["pelvis"].set_title("height of the pelvis above the floor, m")
    for k, group in enumerate(GROUPS):
        for side, color in ((0, LEFT), (1, RIGHT)):
            axes[group].plot(t, course.groups[:, k, side], color=color, lw=1)
        axes[group].set_title(f"{group.replace('_', ' ')}, mean activation")
        axes[group].set_ylim(0, max(0.2, 1.05 * float(course.groups.max())))
    for ax in axes.values():
        _shade(ax, course)
        ax.set_xlim(t[0], t[-1])
    axes["pelvis"].tick_params(labelbottom=True)
    for name in ("pelvis", *GROUPS[-2:]):
        axes[name].set_xlabel("s")
    up.legend(loc="lower right", bbox_to_anchor=(1, 0.95), ncols=3, fontsize=8)
    for ax in (up, shear):
        ax.set_ylim(bottom=0)
    low, high = float(course.pelvis_m[:, 1].min()), float(course.pelvis_m[:, 1].max())
    margin = max(0.02, (LEAST_PELVIS_SPAN_M - (high - low)) / 2)
    axes["pelvis"].set_ylim(low - margin, high + margin)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _shade(ax, course: Course) -> None:
    """Red: rejected by residuals, reserves or kinematics. Grey: only as `contact_elsewhere`, which the manifest says."""
    elsewhere = np.uint8(1 << REJECT_REASONS.index("contact_elsewhere"))
    half = 0.5 / course.fps
    for frames, color in ((course.reject & ~elsewhere > 0, REJECTED), (course.reject == elsewhere, ELSEWHERE)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.astype(np.int8), [0]])))
        for a, b in edges.reshape(-1, 2):
            ax.axvspan(course.time_s[a] - half, course.time_s[b - 1] + half, color=color, lw=0, zorder=0)
