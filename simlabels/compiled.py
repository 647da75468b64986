"""Where compiled code is kept: a folder of its own for each state of the source that is compiled.

numba keeps machine code beside the source and renews it when that one file changes. A function that another file's functions were
compiled into is not looked at, so that after an update old code would run on, silently. And an installed package's folder
may not be writable.
"""

import hashlib
import os
import sys
from pathlib import Path


def keep_apart(package: Path) -> Path | None:
    """Points numba's cache to a folder named after the compiled source of `package`; None where the user chose one (NUMBA_CACHE_DIR)."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return None
    from platformdirs import user_cache_path

    source = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        if b"njit" in (text := path.read_bytes()):
            source.update(text)
    base = (
        Path(os.environ["BIOHUMAN_CACHE"])
        if os.environ.get("BIOHUMAN_CACHE")
        else user_cache_path("biohuman-live", appauthor=False)
    )
    folder = base / "compiled" / source.hexdigest()[:16]
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:  # it has read its environment already
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder
