"""Opening an export by the suffix of its file."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..body.errors import OutputError
from ..body.frames import BodyFrame
from ..wire import Meta
from .csv import write_csv
from .npz import write_npz
from .spool import FrameSpool

WRITERS: dict[str, Callable[[BinaryIO, np.ndarray, Meta], None]] = {".npz": write_npz, ".csv": write_csv}
SUFFIXES = tuple(WRITERS)


class Export:
    """A file that will appear at `path` when `finish` is called, whole or not at all."""

    def __init__(self, path: Path, write: Callable[[BinaryIO, np.ndarray, Meta], None]):
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
            OutputError: it cannot be written; nothing is left behind, and a file that was there before is untouched.
        """
        temporary: Path | None = None
        try:
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}-", suffix=".part", dir=self.path.parent)
            temporary = Path(name)
            with os.fdopen(handle, "wb") as file:
                self._write(file, self._spool.records(), meta)
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
        raise OutputError(f"cannot write {path}: {suffix or 'no suffix'} is not a format we know; use {' or '.join(SUFFIXES)}")
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
