"""Moment arms over the joints' ranges, as shipped and as mended, on OpenSim's."""

from pathlib import Path

from ..inspect.plots import LEFT, RIGHT, drawing, new_figure, save_figure
from ..musculo.body import Body
from .compare import sweeps

#: Mended most, used most, or still apart.
SHOWN = (
    ("glmax1", "hip_flexion"),
    ("glmax2", "hip_flexion"),
    ("psoas", "hip_flexion"),
    ("iliacus", "hip_adduction"),
    ("semimem", "knee_angle"),
    ("bflh", "knee_angle"),
    ("gasmed", "knee_angle"),
    ("gaslat", "knee_angle"),
    ("recfem", "knee_angle"),
    ("vaslat", "knee_angle"),
    ("glmed2", "hip_adduction"),
    ("soleus", "ankle_angle"),
)


def save_moment_arms(before: Body, after: Body, path: Path) -> None:
    """Writes the figure, .svg or .png, whole or not at all.

    Raises:
        OutputError: the place cannot be written.
    """
    found = {
        (muscle[:-2], joint[:-2]): (angles, curves)
        for muscle, joint, angles, curves in sweeps({"before": before, "after": after})
        if joint.endswith("_r")
    }
    with drawing():
        figure, axes = new_figure(3, 4, size_in=(10, 6.6))
        for ax, (muscle, joint) in zip(axes.flat, SHOWN, strict=True):
            angles, curves = found[muscle, joint]
            ax.axhline(0, color="#bbbbbb", lw=0.6)
            ax.plot(angles, curves["opensim"], color="#bdbdbd", lw=5, solid_capstyle="round", label="OpenSim (Rajagopal 2016)")
            ax.plot(angles, curves["before"], color=RIGHT, lw=1.2, ls="--", label="as shipped")
            ax.plot(angles, curves["after"], color=LEFT, lw=1.4, label="as mended")
            ax.set_title(f"{muscle}, {joint.removesuffix('_angle').replace('_', ' ')}")
            ax.set_xlim(angles[0], angles[-1])
        for ax in axes[-1]:
            ax.set_xlabel("deg")
        for ax in axes[:, 0]:
            ax.set_ylabel("moment arm, mm")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
        save_figure(figure, path)
