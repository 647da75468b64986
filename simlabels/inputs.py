"""What a clip's labels hang on beside the settings, by hashes: whether an earlier run's labels of it still hold."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from realtime.body.errors import OutputError

from .dataset import file_sha256, fingerprint
from .folder import MANIFEST, SUBJECTS, ClipFile


def file_hashes(folder: Path, clips: list[ClipFile]) -> dict[Path, str | None]:
    """SHA-256 of the tables and all motion files; None for one that cannot be read, whose label will say why."""

    def of(path: Path) -> str | None:
        try:
            return file_sha256(path)
        except OSError:
            return None

    tables = [path for path in (folder / MANIFEST, folder / SUBJECTS) if path.exists()]
    return {path: of(path) for path in dict.fromkeys([*tables, *(path for clip in clips for path in clip.files)])}


def source_sha256(clip: ClipFile, sha256_of: Callable[[Path], str | None] = file_sha256) -> str:
    """Of the motion's file; of an .amc together with its skeleton."""
    found = [sha256_of(path) or "" for path in clip.files]
    return found[0] if len(found) == 1 else fingerprint({"files": found})


def input_sha256(clip: ClipFile, source_sha256: str) -> str:
    """Of everything that one clip's labels hang on beside the settings: its motion, and what the tables say of it."""
    told = {name: value for name, value in asdict(clip).items() if name not in ("path", "skeleton", "problem", "height_from")}
    return fingerprint({**told, "source": source_sha256})


def check_kept(out: Path, folder: Path, rows: list[dict], inputs: dict[str, str]) -> None:
    """Index rows that `out` holds already, against the folder's inputs by clip.

    A file without labels may be mended, or be new; one whose labels are there may not change.

    Raises:
        OutputError: one has.
    """
    changed = [row["clip"] for row in rows if inputs.get(row["clip"]) != row["more"]["input_sha256"]]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise OutputError(
            f"{out} holds labels of clip {changed[0]}{more}, whose file in {folder} or row in {MANIFEST} or {SUBJECTS} has "
            "changed since, or is gone; put it back, or give another --out"
        )
