"""Opening an export by the suffix of its file."""

import difflib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..body.errors import OutputError
from ..body.frames import BodyFrame
from ..wire import Meta
from .bvh import write_bvh
from .csv import write_csv
from .npz import write_npz
from .opensim import write_mot, write_sto, write_trc
from .recording import Recording
from .spool import FrameSpool

Writer = Callable[[BinaryIO, Recording, Meta], None]
WRITERS: dict[str, Writer] = {
    ".npz": write_npz,
    ".csv": write_csv,
    ".trc": write_trc,
    ".mot": write_mot,
    ".sto": write_sto,
    ".bvh": write_bvh,
}
SUFFIXES = tuple(WRITERS)
#: OpenSim's reader of .trc hangs at a file without frames, and a motion without frames is of no use to any other program.
NEED_FRAMES = (".trc", ".mot", ".sto", ".bvh")


class Export:
    """A file that will appear at `path` when `finish` is called, whole or not at all."""

    def __init__(self, path: Path, write: Writer):
        self.path, self._write = path, write
        try:
            self._spool = FrameSpool(path.parent)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror} ({path.parent}); choose another folder") from None

    def write(self, frame: BodyFrame) -> None:
        """Keep this frame.

        Raises:
            OutputError: the disk is full or gone.
        """
        try:
            self._spool.write(frame)
        except OSError as error:
            raise OutputError(f"cannot go on writing {self.path}: {error.strerror}; free some space") from None

    def finish(self, meta: Meta) -> None:
        """Write the file of all frames so far.

        Raises:
            OutputError: it cannot be written, or there is nothing to write; nothing is left behind, and a file that was there
                before is untouched.
        """
        temporary: Path | None = None
        try:
            recording = Recording(self._spool.records())
            if len(recording) == 0 and self.path.suffix.lower() in NEED_FRAMES:
                raise OutputError(f"cannot write {self.path}: not one picture was read, so there is no motion to write")
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}-", suffix=".part", dir=self.path.parent)
            temporary = Path(name)
            with os.fdopen(handle, "wb") as file:
                self._write(file, recording, meta)
            temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 is for secrets
            os.replace(temporary, self.path)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}; free some space or choose another folder") from None
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        """Give up what was not finished; closing twice is fine."""
        self._spool.close()


def open_export(path: Path | str) -> Export:
    """The export that writes `path`; its suffix says how.

    Raises:
        OutputError: unknown suffix, no such folder, a folder that cannot be written, or `path` is a folder.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        near = difflib.get_close_matches(suffix, SUFFIXES, n=1)
        choices = f"did you mean {near[0]}? " if near else ""
        choices += f"use {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise OutputError(f"cannot write {path}: {suffix or 'no suffix'} is not a format we know; {choices}")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder")
    return Export(path, WRITERS[suffix])


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
