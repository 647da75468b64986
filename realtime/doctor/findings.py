"""What a check found. Standard library only: a finding must be told even where nothing else imports."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Self

OK = "ok"
NOTE = "note"  # `track` does not need it
WARNING = "warning"  # `track` runs, but not all of it, or not as it should
MISSING = "missing"  # `track` does not run
LEVELS = (OK, NOTE, WARNING, MISSING)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    level: str  # one of LEVELS
    says: str  # one line
    mend: str = ""  # the command or step that mends it

    @classmethod
    def of_error(cls, name: str, error: Exception, level: str) -> Self:
        """A check that failed as nobody foresaw: it says where, as this is a bug of ours or a badly broken library."""
        frames = traceback.extract_tb(error.__traceback__)
        where = f" (at {'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno})" if frames else ""
        mend = "install into a fresh virtual environment; if that does not help, report this line"
        if isinstance(error, ModuleNotFoundError) and error.name:
            mend = f"pip install {error.name}"
        return cls(name=name, level=level, says=f"{one_line(error)}{where}", mend=mend)


def one_line(error: BaseException) -> str:
    """Kind and message of an error, in one line of bounded length."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
