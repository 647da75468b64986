"""The figures of a dataset as one JSON object: what `--json` prints and the page shows."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict

from realtime.body.dataset import REJECT_REASONS
from realtime.body.skeleton import JOINTS

from .histograms import Histograms
from .statistics import (
    AXES,
    RESIDUALS,
    ClipFigures,
    Gathered,
    best_clip,
    worst_clip,
    worst_clips,
)

PERCENTS = (1, 5, 25, 50, 75, 95, 99)
RESIDUAL_PERCENTS = (50, 95, 99)
#: An activation from here on counts as saturated.
SATURATED = 0.95


def figures(gathered: Gathered) -> dict:
    """Everything the page tells, as plain numbers; unknown = None."""
    clips, info = gathered.clips, gathered.dataset.info
    feet_only = [c for c in clips if c.flat_ground and not c.contact_elsewhere]
    carried = Counter[str]()
    for clip in clips:
        carried.update(clip.carried_by)
    return {
        "folder": str(gathered.dataset.folder),
        "counts": {"all": _counts(clips), "feet_on_flat_ground_only": _counts(feet_only)},
        "rejected_by_reason": {
            reason: {"own": sum(c.own_by_reason[reason] for c in clips), "with_smearing": gathered.by_reason[reason]}
            for reason in REJECT_REASONS
        },
        "carried_by": dict(carried),
        "skipped": info["skipped"],
        "not_finite_values_in_valid_frames": gathered.not_finite,
        "splits": _grouped(clips, lambda c: c.split),
        "actions": _grouped(clips, lambda c: c.action),
        "subjects": _subjects(gathered),
        "people": _people(gathered),
        "activation": {
            name: {
                **gathered.activation.summary(i, PERCENTS),
                "saturated_share": gathered.activation.share_in_last_bins(i, SATURATED),
            }
            for i, name in enumerate(gathered.activation.channels)
        },
        "angle_deg": {
            joint: {
                "from_rest": gathered.angles_deg.summary(i, PERCENTS),
                # the pelvis is turned in the world, where the heading is anyone's
                **({axis: gathered.axes_deg.summary(3 * i + k, PERCENTS) for k, axis in enumerate(AXES)} if i else {}),
            }
            for i, joint in enumerate(JOINTS)
        },
        "torque_Nm_per_kg": _summaries(gathered.torque, PERCENTS),
        "reserve_Nm": {
            name: {
                **gathered.reserve.summary(i, RESIDUAL_PERCENTS),
                "large_share": float(gathered.large_reserves[i] / max(gathered.reserve.counts[i].sum(), 1)),
            }
            for i, name in enumerate(gathered.reserve.channels)
        },
        "residuals": {action: _summaries(h, RESIDUAL_PERCENTS) for action, h in sorted(gathered.residuals.items())},
        "worst_clips": {by: [asdict(c) for c in worst_clips(clips, by)] for by in ("rejected", *RESIDUALS)},
        "best_clip": _or_none(best_clip(clips)),
        "worst_clip": _or_none(worst_clip(clips)),
    }


def _or_none(clip: ClipFigures | None) -> dict | None:
    return None if clip is None else asdict(clip)


def _summaries(histograms: Histograms, percents: Iterable[float]) -> dict:
    return {name: histograms.summary(i, tuple(percents)) for i, name in enumerate(histograms.channels)}


def _counts(clips: list[ClipFigures]) -> dict:
    return {
        "clips": len(clips),
        "frames": sum(c.frames for c in clips),
        "minutes": sum(c.frames / c.fps for c in clips) / 60,
        "own_rejected": sum(c.own_rejected for c in clips),
        "rejected": sum(c.rejected for c in clips),
        "declared_elsewhere_frames": sum(c.frames for c in clips if c.contact_elsewhere),
    }


def _grouped(clips: list[ClipFigures], key: Callable[[ClipFigures], str]) -> dict[str, dict]:
    """Counts by `key`, most frames first."""
    groups: dict[str, list[ClipFigures]] = {}
    for clip in clips:
        groups.setdefault(key(clip), []).append(clip)
    counted = {name: _counts(members) for name, members in groups.items()}
    return dict(sorted(counted.items(), key=lambda item: (-item[1]["frames"], item[0])))


def _people(gathered: Gathered) -> dict:
    """How heights and masses were got, what was scaled, and joints that were put straight (frames)."""
    details = gathered.dataset.info["clip_details"]
    straightened = Counter[str]()
    for clip in gathered.clips:
        straightened.update(details[clip.clip].get("straightened", {}))
    return {
        **{
            key: _grouped(gathered.clips, lambda c, key=key: details[c.clip].get(key, "not recorded"))
            for key in ("height_from", "mass_from")
        },
        "scaled": {c.clip: scale for c in gathered.clips if (scale := details[c.clip].get("scale", 1.0)) != 1.0},
        "straightened": dict(straightened),
    }


def _subjects(gathered: Gathered) -> dict[str, dict]:
    """Counts, what is known (None = unknown) and what was used in the simulation, by subject."""
    rows = gathered.dataset.clips
    known = gathered.dataset.info["subjects"]
    out = {}
    for name, counts in _grouped(gathered.clips, lambda c: c.subject).items():
        used = [rows[c.clip] for c in gathered.clips if c.subject == name]
        out[name] = {
            **counts,
            **{key: known.get(name, {}).get(key) for key in ("sex", "age_years", "height_m", "mass_kg")},
            "used_height_m": [min(r["height_m"] for r in used), max(r["height_m"] for r in used)],
            "used_mass_kg": [min(r["mass_kg"] for r in used), max(r["mass_kg"] for r in used)],
        }
    return out
