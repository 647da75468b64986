"""Arrays out of other people's .npz files. Nothing is ever unpickled: a pickle runs code when it is read."""

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from .errors import InputError


def read_npz(path: Path, names: Collection[str], what: str, pickled: str) -> dict[str, np.ndarray]:
    """Those of `names` that the archive holds. Its other members are not looked at, so that objects among them do no harm.

    Args:
        what: what the file should be, such as "a SMPL model", for the messages.
        pickled: what to do about a wanted array that is a pickled object, the end of a sentence.

    Raises:
        InputError: no such file, no .npz, damaged, one of `names` is a pickled object.
    """
    try:
        with path.open("rb") as file:  # np.load leaves a damaged file open
            return _read(file, path, names, what, pickled)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the .npz file of {what}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _read(file: BinaryIO, path: Path, names: Collection[str], what: str, pickled: str) -> dict[str, np.ndarray]:
    try:
        archive = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile):
        raise InputError(f"{path} is no .npz archive; it should be {what}") from None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise InputError(f"{path} holds one bare array; it should be the .npz archive of {what}")
    found = {}
    for name in names:
        if name not in archive.files:
            continue
        try:
            found[name] = archive[name]
        except ValueError as error:
            if "allow_pickle" in str(error):
                raise InputError(f"{path}: {name} is a pickled object, which is never loaded; {pickled}") from None
            raise InputError(f"{path}: {name} is damaged ({error})") from None
        except (OSError, EOFError, RuntimeError, MemoryError, SyntaxError, TokenError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{path}: {name} is damaged ({error})") from None
    return found
