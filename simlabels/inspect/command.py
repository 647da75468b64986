"""`biohuman-labels inspect` and `biohuman-labels plot`."""

import argparse
import json
from pathlib import Path

from realtime.body.dataset import PAIR_SCHEMA
from realtime.body.errors import InputError, OutputError
from realtime.body.files import write_whole

from . import pairs_page
from .contact_sheet import sheet_of
from .course import Course, clip_file, course, course_of
from .figures import figures
from .landmark_statistics import gather_errors
from .page import render
from .pairs_reading import open_pairs
from .plots import PLOT_SUFFIXES, save_course
from .reading import Dataset, dataset_info, open_dataset
from .statistics import ClipFigures, best_clip, gather, worst_clip

PAGE_NAME = "inspect.html"
#: Of a longer clip so much is drawn on the page.
COURSE_S = 20.0


def inspect(folder: Path, out: Path | None) -> dict:
    """Figures of a finished dataset, of labels or of pairs by what its `dataset.json` says; with `out` also the page.

    Raises:
        InputError: no finished dataset, or a file of it that is damaged.
        OutputError: the page cannot be written.
    """
    info = dataset_info(folder)
    if out is not None and not out.parent.is_dir():
        raise OutputError(f"{out} cannot be written: there is no folder {out.parent}")
    return _inspect_pairs(folder, info, out) if info["schema"] == PAIR_SCHEMA else _inspect_labels(folder, out)


def _inspect_labels(folder: Path, out: Path | None) -> dict:
    dataset = open_dataset(folder)
    gathered = gather(dataset)
    found = figures(gathered)
    if out is not None:
        chosen = {"best": best_clip(gathered.clips), "worst": worst_clip(gathered.clips)}
        courses = {which: _course(dataset, clip) for which, clip in chosen.items()}
        page = render(gathered, found, courses)
        write_whole(out, lambda part: part.write_text(page, "utf-8"))
    return found


def _inspect_pairs(folder: Path, info: dict, out: Path | None) -> dict:
    dataset = open_pairs(folder, info)
    found = gather_errors(dataset)
    if out is not None:
        page = pairs_page.render(found, sheet_of(folder, list(dataset.takes)))
        write_whole(out, lambda part: part.write_text(page, "utf-8"))
    return found


def _course(dataset: Dataset, clip: ClipFigures | None) -> Course | None:
    return None if clip is None else course_of(dataset, clip.clip, clip.shard, round(COURSE_S * clip.fps))


def run(args: argparse.Namespace) -> int:
    """`--json` prints the figures and writes a page only where `--out` says."""
    out = args.out or (None if args.json else args.folder / PAGE_NAME)
    found = inspect(args.folder, out)
    if args.json:
        print(json.dumps(found, allow_nan=False))
        return 0
    if "counts" in found:
        counts = found["counts"]["all"]
        print(f"{counts['clips']} clips, {counts['frames']} frames, {counts['rejected']} rejected")
    else:
        print(f"{found['takes']} takes, {found['frames']} frames, front end {', '.join(found['front_ends'])}")
    print(f"written to {out}")
    return 0


def run_plot(args: argparse.Namespace) -> int:
    """Labels one clip and draws its time courses."""
    from ..make import label_file
    from ..musculo.body import Body

    if args.out.suffix not in PLOT_SUFFIXES:
        raise OutputError(f"--out should end in {' or '.join(PLOT_SUFFIXES)}, got {args.out}")
    clip = clip_file(args.clip)
    done = label_file(Body(), clip)
    if done.error is not None:
        raise InputError(done.error)
    whole = course(clip.clip, clip.action, done.row["fps"], done.frames)
    start_s, end_s = args.start or 0.0, args.end or float("inf")
    title = f"{clip.clip}: {clip.action}" if clip.action else clip.clip
    part = whole.part(start_s, end_s)
    save_course(part, args.out, title)
    rejected = int((part.reject > 0).sum())
    print(f"{clip.clip}: {len(part.reject)} frames, {rejected} rejected; written to {args.out}")
    return 0
