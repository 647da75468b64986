"""Figures of a front end over a paired dataset: everything `--json` prints and the page shows, in one pass over the shards."""

from collections import Counter
from collections.abc import Callable

import numpy as np

from .error_pieces import LAG_FPS, Pieces
from .landmark_errors import LIMBS, SWAPS, TakeErrors, best_exchange, run_lengths, swaps, take_errors
from .landmark_groups import SIZES, VIEWS, ByLook, BySeen, Group, error_histograms, share, summary
from .pairs_reading import PairSet, Take, read_takes
from .real_video import AIMS, REAL_CLIP

#: An interval longer than so many times the median one has lost a frame.
LOST_FRAME = 1.5


class FrontEndErrors:
    """Running figures of a set of takes."""

    def __init__(self):
        self.takes = 0
        self.frames, self.inside, self.cut_off = Group(), Group(), Group()
        self.by_view = {name: Group() for name, *_ in VIEWS}
        self.by_size = {name: Group() for name, *_ in SIZES}
        self.by_look, self.by_seen, self.pieces = ByLook(), BySeen(), Pieces()
        sides = np.arange(len(LIMBS)) // 2
        self.by_joint = error_histograms(LIMBS)
        self.by_limb = error_histograms(tuple(name.removeprefix("left_") + "s" for name in LIMBS[::2]), sides)
        self.low_visibility, self.known = np.zeros(len(LIMBS)), np.zeros(len(LIMBS))
        self.swapped, self.judged = Counter[str](), Counter[str]()
        self.runs: dict[str, Counter[int]] = {name: Counter() for name in SWAPS}
        self.explained = {name: np.zeros(len(SWAPS), np.int64) for name in SWAPS}
        self.world_sum, self.world_squares, self.world_frames = np.zeros((len(LIMBS), 3)), np.zeros((len(LIMBS), 3)), 0
        self.rigid_mm = error_histograms(("without scale",))

    def add(self, take: Take, errors: TakeErrors) -> None:
        self.takes += 1
        found, whole = swaps(errors), errors.whole
        flip = found["whole_body"]
        self.frames.add(errors, flip, np.ones_like(whole))
        self.inside.add(errors, flip, whole)
        self.cut_off.add(errors, flip, ~whole)
        for groups, bins, values in ((self.by_view, VIEWS, errors.view_deg), (self.by_size, SIZES, errors.stature_px)):
            for name, low, high in bins:
                groups[name].add(errors, flip, whole & (values >= low) & (values < high))
        self.by_look.add(take.row["look"], errors, flip, whole)
        self.by_seen.add(errors)
        self.pieces.add(errors, take.fps)
        self._add_joints(errors)
        best = best_exchange(errors)
        for name, (flags, judged) in found.items():
            self.explained[name] += np.bincount(best[flags], minlength=len(SWAPS))
            self.swapped[name] += int(flags.sum())
            self.judged[name] += int(judged.sum())
            self.runs[name].update(run_lengths(flags).tolist())
        known = whole & np.isfinite(errors.mpjpe_mm)
        world_mm = errors.world_mm[known]
        self.world_sum += world_mm.sum(0)
        self.world_squares += (world_mm**2).sum(0)
        self.world_frames += len(world_mm)
        self.rigid_mm.add(errors.rigid_mm[known, None])

    def _add_joints(self, errors: TakeErrors) -> None:
        distance_pct = errors.distance_pct
        known = np.isfinite(distance_pct)
        self.by_joint.add(distance_pct)
        self.by_limb.add(distance_pct)
        self.known += known.sum(0)
        self.low_visibility += (known & (errors.visibility < 0.5)).sum(0)

    def figures(self) -> dict:
        pieces = self.pieces.figures()
        return {
            "takes": self.takes,
            "frames": {
                "all": self.frames.figures(),
                "all_joints_inside": self.inside.figures(),
                "cut_off": self.cut_off.figures(),
            },
            "by_view": {name: group.figures() for name, group in self.by_view.items()},
            "by_size_px_of_480": {name: group.figures() for name, group in self.by_size.items()},
            "by_look": self.by_look.figures(),
            **self.by_seen.figures(),
            "by_limb": self._joints(self.by_limb, pieces["by_limb"], lambda x: x.reshape(-1, 2).sum(1)),
            "by_joint": self._joints(self.by_joint, pieces["by_joint"], lambda x: x),
            "time": {
                "pieces": pieces["pieces"],
                "pieces_with_lags": pieces["pieces_with_lags"],
                "lags_2d": pieces["lags_2d"],
                "lags_world": pieces["lags_world"],
                "parts_2d": pieces["parts_2d"],
            },
            "correlation": pieces["correlation"],
            "swaps": {name: self._swaps(name) for name in SWAPS},
            "world": self._world(pieces),
        }

    def _joints(self, h, pieces: dict, folded: Callable[[np.ndarray], np.ndarray]) -> dict:
        low, known = folded(self.low_visibility), folded(self.known)
        return {
            name: {
                **summary(h, i, (50, 95, 99)),
                "visibility_below_half_share": share(low[i], known[i]),
                "within_pieces": pieces[name],
            }
            for i, name in enumerate(h.channels)
        }

    def _swaps(self, name: str) -> dict:
        lengths = np.array(list(self.runs[name].elements()))
        told = {f"p{p}": float(np.percentile(lengths, p)) if len(lengths) else None for p in (50, 90)}
        return {
            "share": share(self.swapped[name], self.judged[name]),
            "frames": self.swapped[name],
            "frames_best_explained_by": dict(zip(SWAPS, self.explained[name].tolist(), strict=True)),
            "runs": {"count": len(lengths), **told, "max": int(lengths.max()) if len(lengths) else None},
            "run_lengths": {str(n): count for n, count in sorted(self.runs[name].items())},
        }

    def _world(self, pieces: dict) -> dict:
        inside, n = self.inside.figures(), self.world_frames
        squares, values = self.world_squares.sum(0), n * len(LIMBS)
        mean, whole = self.world_sum.sum(0) / max(values, 1), float(squares.sum())
        return {
            "frames": n,
            "mpjpe_mm": inside["mpjpe_mm"],
            "pa_mm": inside["pa_mm"],
            "rigid_mm": summary(self.rigid_mm),
            "axis_shares": [share(s, whole) for s in squares],
            "axis_sd_mm": np.sqrt(squares / values - mean**2).tolist() if n else None,
            "bias_mm": {name: (self.world_sum[i] / n).tolist() for i, name in enumerate(LIMBS)} if n else None,
            "constant_sd_mm": pieces["world_constant_sd_mm"],
            "parts": pieces["parts_world"],
        }


class Rates:
    """Running figures of frame rates."""

    def __init__(self):
        self.takes = Counter[int]()
        self.jitter: list[float] = []
        self.lost = self.intervals = 0

    def add(self, take: Take) -> None:
        steps_s = np.diff(take.columns["time_s"])
        if not len(steps_s):
            return
        step_s = np.median(steps_s)
        kept = steps_s[steps_s <= LOST_FRAME * step_s]
        self.takes[round(take.fps)] += 1
        self.jitter.append(float(kept.std() / step_s))
        self.lost += len(steps_s) - len(kept)
        self.intervals += len(steps_s)

    def figures(self) -> dict:
        jitter = {f"p{p}": float(np.percentile(self.jitter, p)) for p in (50, 90)} if self.jitter else None
        return {
            "takes_by_fps": {str(fps): n for fps, n in sorted(self.takes.items())},
            "jitter_of_interval": jitter,
            "long_interval_share": share(self.lost, self.intervals),
        }


def gather_errors(dataset: PairSet) -> dict:
    """Everything the page tells, as plain numbers; unknown = None. `plain` is None where no take is plain.

    Raises:
        InputError: a shard is damaged.
    """
    every, plain, rates = FrontEndErrors(), FrontEndErrors(), Rates()
    splits: dict[str, Counter[str]] = {}
    for take in read_takes(dataset):
        errors = take_errors(take)
        every.add(take, errors)
        rates.add(take)
        if take.row["look"].get("plain"):
            plain.add(take, errors)
        counted = splits.setdefault(str(take.row["split"]), Counter())
        counted.update(
            takes=1, frames=len(errors.time_s), detected=int(errors.detected.sum()), elsewhere=int(errors.elsewhere.sum())
        )
    subjects = {str(row["subject"]) for row in dataset.takes.values()}
    figures = {"plain": plain.figures() if plain.takes else None, "all": every.figures()}
    return {
        "folder": str(dataset.folder),
        "front_ends": sorted({str(row["frontend"]) for row in dataset.takes.values()}),
        "takes": len(dataset.takes),
        "frames": sum(n["frames"] for n in splits.values()),
        "subjects": len(subjects),
        "clips": len({str(row["clip"]) for row in dataset.takes.values()}),
        "splits": {name: dict(n) for name, n in sorted(splits.items())},
        "frame_rates": rates.figures(),
        "headline": {name: headline(f) for name, f in figures.items() if f},
        "real_clip": REAL_CLIP,
        "aims": AIMS,
        "lag_fps": LAG_FPS,
        **figures,
    }


def headline(f: dict) -> dict[str, float | None]:
    """The figures that real video and the aims are compared with, by their names."""
    lags, parts = f["time"]["lags_2d"], f["world"]["parts"]
    return {
        "detected_share": f["frames"]["all_joints_inside"]["detected_share"],
        "error_pct_median": f["frames"]["all"]["error_pct"]["p50"],
        "error_pct_p95": f["frames"]["all"]["error_pct"]["p95"],
        "lag_1": lags[0] if lags else None,
        "flip_share": f["swaps"]["whole_body"]["share"],
        "pa_mm_median": f["world"]["pa_mm"]["p50"],
        "mpjpe_mm_median": f["world"]["mpjpe_mm"]["p50"],
        "depth_share": f["world"]["axis_shares"][2],
        "constant_share": parts["constant"] if parts else None,
    }
