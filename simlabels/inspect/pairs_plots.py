"""Figures of the front end's error report."""

from collections.abc import Sequence

import numpy as np

from .plots import BOTH, LEFT, RIGHT, drawing, new_figure, svg_bytes

Numbers = Sequence[float | None]


def errors_svg(panels: Sequence[tuple[str, Sequence[str], Numbers, Numbers]]) -> bytes:
    """Panels (title, names, medians, 95th percentiles) side by side: bar to the median, line to the 95th percentile, in %."""
    with drawing():
        figure, axes = new_figure(1, len(panels), size_in=(10, 0.7 + 0.24 * max(len(p[1]) for p in panels)))
        for ax, (title, names, medians, p95) in zip(axes[0], panels, strict=True):
            y = np.arange(len(names))
            low, high = (np.array([np.nan if v is None else v for v in values]) for values in (medians, p95))
            ax.hlines(y, 0, high, color=BOTH, lw=0.8)
            ax.plot(high, y, "|", color=BOTH, ms=7)
            ax.barh(y, np.nan_to_num(low), 0.6, color=LEFT)
            ax.set_yticks(y, names)
            ax.set_ylim(len(names) - 0.5, -0.5)
            ax.set_xlim(left=0)
            ax.set_title(title)
            ax.set_xlabel("% of stature")
        return svg_bytes(figure)


def lags_svg(lines: dict[str, Numbers | None], fps: float) -> bytes:
    """Autocorrelation by lag, each known line of `lines`."""
    with drawing():
        figure, axes = new_figure(size_in=(4.5, 2.4))
        ax = axes[0, 0]
        for (name, values), color in zip(lines.items(), (LEFT, RIGHT), strict=True):
            if values is not None:
                known = [(0, 1.0), *((k, v) for k, v in enumerate(values, 1) if v is not None)]
                ax.plot(*zip(*known, strict=True), "o-", color=color, ms=3, lw=1, label=name)
        ax.axhline(0, color=BOTH, lw=0.6)
        ax.set_xlabel(f"lag, frames at {fps:g} fps")
        ax.set_title("autocorrelation of the error")
        ax.legend(loc="upper right")
        return svg_bytes(figure)


def correlation_svg(joints: Sequence[str], panels: dict[str, Sequence[Numbers]]) -> bytes:
    """Correlation matrices side by side, -1 (orange) to 1 (blue)."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    shades = LinearSegmentedColormap.from_list("sides", [RIGHT, "white", LEFT])
    names = [joint.replace("left_", "l. ").replace("right_", "r. ") for joint in joints]
    with drawing():
        figure, axes = new_figure(1, len(panels), size_in=(9.5, 4.2))
        for i, (ax, (title, matrix)) in enumerate(zip(axes[0], panels.items(), strict=True)):
            values = np.array([[np.nan if v is None else v for v in row] for row in matrix])
            ax.imshow(values, cmap=shades, norm=Normalize(-1, 1))
            ax.grid(visible=False)
            ax.set_xticks(range(len(names)), names, rotation=90)
            ax.set_yticks(range(len(names)), names if i == 0 else [""] * len(names))
            ax.set_title(title)
        figure.colorbar(ScalarMappable(Normalize(-1, 1), shades), ax=list(axes[0]), shrink=0.7)
        return svg_bytes(figure)
