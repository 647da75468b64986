"""Files that appear whole or not at all."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .errors import OutputError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path`, this process's own, and renames it.

    Raises:
        OutputError: there is no such folder, no right to write there, or no room.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        os.replace(part, path)
    except OSError as error:
        to_do = "; make room, whole files are kept and the same command goes on" if error.errno == errno.ENOSPC else ""
        raise OutputError(f"{path} cannot be written: {error.strerror or error}{to_do}") from error
    finally:
        with suppress(OSError):  # what matters has been told
            part.unlink(missing_ok=True)
