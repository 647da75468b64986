"""Figures of a finished label dataset, gathered in one pass over its shards."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from realtime.body.dataset import REJECT_REASONS
from realtime.body.errors import InputError
from realtime.body.muscles import group_names, muscle_table
from realtime.body.rotations import from_quat_wxyz, to_axis_angle
from realtime.body.skeleton import JOINTS

from ..label import SINGULAR_JOINT
from .histograms import Histograms
from .reading import DETAILS, Dataset, Rows, read_clips

#: What is read of a frame; activation_raw, contact and cop_m are not.
COLUMNS = ["quat_wxyz", "valid", "reject", "activation", "tau_Nm", "reserve_Nm", "residual_BW", "ik_rms_m"]
RESIDUALS = ("force_BW", "moment_BW_m", "reserve_Nm_per_kg", "ik_mm")
AXES = ("x", "y", "z")
#: Reserves above this are called large: as in the counts of `make`.
LARGE_RESERVE_NM = 2.0
#: Fewer frames say little of a clip: it is not among the best or worst.
FEWEST_FRAMES = 30


@dataclass
class ClipFigures:
    """One clip's rejection and residuals."""

    clip: str
    action: str
    subject: str
    split: str
    frames: int
    fps: float
    shard: str  # file that holds its frames
    contact_elsewhere: bool  # the manifest says so: all its frames are rejected
    flat_ground: bool
    carried_by: dict[str, int]  # rejected frames that another part of the body resting on something would explain
    rejected: int = 0  # with what bad frames smear
    own_rejected: int = 0  # by the frame's own criteria
    own_by_reason: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float | None] = field(default_factory=dict)  # 95th percentile of each of RESIDUALS

    @property
    def rejected_share(self) -> float:
        return self.rejected / max(self.frames, 1)


@dataclass
class Gathered:
    """All figures of a dataset."""

    dataset: Dataset
    clips: list[ClipFigures]
    by_reason: dict[str, int]  # rejected frames, with what they smear
    activation: Histograms  # a group, valid frames
    angles_deg: Histograms  # a joint's angle from the T-pose, all frames; the pelvis: from upright
    axes_deg: Histograms  # a joint's rotation vector by axis, all frames
    torque: Histograms  # a joint of the body, N m per kg, valid frames
    reserve: Histograms  # likewise, N m, absolute
    large_reserves: np.ndarray  # (joints,) valid frames with more than LARGE_RESERVE_NM
    residuals: dict[str, Histograms]  # an action each, clips that the manifest gives no other contact
    not_finite: int  # values of valid frames that are no numbers


def gather(dataset: Dataset, on_clip: Callable[[str], None] = lambda clip: None) -> Gathered:
    """One pass over the shards.

    Raises:
        InputError: a shard is damaged, or has other rejected frames than clips.parquet.
    """
    details = dataset.info["clip_details"]
    out = _empty(dataset)
    parts: list[np.ndarray] = []
    figures: ClipFigures | None = None
    for rows in read_clips(dataset, COLUMNS):
        if figures is None:
            figures = _figures(dataset.clips[rows.clip], details[rows.clip], rows.shard.name)
        figures.rejected += int((~rows.columns["valid"]).sum())
        mass_kg = dataset.clips[rows.clip]["mass_kg"]
        parts.append(_residuals(out, rows, mass_kg))
        _add(out, rows, mass_kg)
        if rows.last:
            _check_rejected(rows, figures, dataset)
            _end_clip(out, figures, np.concatenate(parts))
            on_clip(rows.clip)
            figures, parts = None, []
    return out


def _empty(dataset: Dataset) -> Gathered:
    groups = group_names()
    group_of = np.array([groups.index(f"{m.group}_{m.side}") for m in muscle_table()])
    joints = dataset.info["joints"]
    return Gathered(
        dataset=dataset,
        clips=[],
        by_reason=dict.fromkeys(REJECT_REASONS, 0),
        activation=Histograms(groups, 0, 1, 1000, channel_of=group_of),
        angles_deg=Histograms(JOINTS, 0, 180, 360),
        axes_deg=Histograms([f"{joint} {axis}" for joint in JOINTS for axis in AXES], -180, 180, 720),
        torque=Histograms(joints, -20, 20, 8000),
        reserve=Histograms(joints, 1e-4, 1e4, 2000, log=True),
        large_reserves=np.zeros(len(joints), np.int64),
        residuals={},
        not_finite=0,
    )


def _figures(row: dict, details: dict, shard: str) -> ClipFigures:
    return ClipFigures(
        **{key: row[key] for key in ("clip", "action", "subject", "split", "frames", "fps")},
        shard=shard,
        **{key: details[key] for key in DETAILS},
    )


def _residuals(out: Gathered, rows: Rows, mass_kg: float) -> np.ndarray:
    """Sizes (n, 4) of RESIDUALS in each frame."""
    named = [i for i, joint in enumerate(out.dataset.info["joints"]) if not joint.startswith(SINGULAR_JOINT)]
    residual = rows.columns["residual_BW"]
    return np.stack(
        [
            np.linalg.norm(residual[:, :3], axis=1),
            np.linalg.norm(residual[:, 3:], axis=1),
            np.abs(rows.columns["reserve_Nm"][:, named]).max(1) / mass_kg,
            1000 * rows.columns["ik_rms_m"],
        ],
        axis=1,
    )


def _add(out: Gathered, rows: Rows, mass_kg: float) -> None:
    R = from_quat_wxyz(rows.columns["quat_wxyz"].astype(np.float64))
    turn = to_axis_angle(R)
    angle = np.linalg.norm(turn, axis=-1)
    angle[:, 0] = np.arccos(np.clip(R[:, 0, 1, 1], -1, 1))  # the pelvis in the world: how far its up axis leans
    out.angles_deg.add(np.degrees(angle))
    out.axes_deg.add(np.degrees(turn).reshape(len(turn), -1))
    for i, reason in enumerate(REJECT_REASONS):
        out.by_reason[reason] += int((rows.columns["reject"] >> i & 1).sum())
    valid = rows.columns["valid"]
    if not valid.any():
        return
    dynamics = {name: rows.columns[name][valid] for name in ("activation", "tau_Nm", "reserve_Nm")}
    out.not_finite += sum(int((~np.isfinite(values)).sum()) for values in dynamics.values())
    out.activation.add(dynamics["activation"])
    out.torque.add(dynamics["tau_Nm"] / mass_kg)
    reserve = np.abs(dynamics["reserve_Nm"])
    out.reserve.add(reserve)
    out.large_reserves += (reserve > LARGE_RESERVE_NM).sum(0)


def _check_rejected(rows: Rows, figures: ClipFigures, dataset: Dataset) -> None:
    listed = dataset.clips[figures.clip]["frames_rejected"]
    if listed != figures.rejected:
        raise InputError(
            f"{rows.shard}: clip {figures.clip!r} has {figures.rejected} rejected frames, {dataset.folder / 'clips.parquet'} "
            f"lists {listed}; make the labels again"
        )


def _end_clip(out: Gathered, figures: ClipFigures, sizes: np.ndarray) -> None:
    figures.worst = {}
    for name, values in zip(RESIDUALS, sizes.T, strict=True):
        finite = values[np.isfinite(values)]
        figures.worst[name] = float(np.percentile(finite, 95)) if len(finite) else None
    out.clips.append(figures)
    if not figures.contact_elsewhere:
        action = out.residuals.setdefault(figures.action, Histograms(RESIDUALS, 1e-5, 1e4, 2000, log=True))
        action.add(sizes)


def judged(clips: list[ClipFigures]) -> list[ClipFigures]:
    """Clips that may be best or worst: nothing but the feet is said to carry, and they are long enough to say something."""
    return [c for c in clips if not c.contact_elsewhere and c.frames >= FEWEST_FRAMES]


def worst_clips(clips: list[ClipFigures], by: str, count: int = 10) -> list[ClipFigures]:
    """The worst by "rejected", or by the 95th percentile of one of RESIDUALS; those without one are left out."""
    if by == "rejected":
        bad = [c for c in judged(clips) if c.rejected]
        return sorted(bad, key=lambda c: (-c.rejected_share, -(c.worst["force_BW"] or 0), c.clip))[:count]
    known = [c for c in judged(clips) if c.worst[by] is not None]
    return sorted(known, key=lambda c: (-(c.worst[by] or 0), c.clip))[:count]


def best_clip(clips: list[ClipFigures]) -> ClipFigures | None:
    """The least rejected one, then the one with the smallest force residual."""
    return min(judged(clips), key=lambda c: (c.rejected_share, c.worst["force_BW"] or 0, c.clip), default=None)


def worst_clip(clips: list[ClipFigures]) -> ClipFigures | None:
    """The most rejected one, then the one with the largest force residual."""
    return max(judged(clips), key=lambda c: (c.rejected_share, c.worst["force_BW"] or 0, c.clip), default=None)
