"""`biohuman doctor`: what is here, what is missing, how to mend it, and whether `biohuman track` would run."""

from .command import examine, run
from .findings import LEVELS, MISSING, NOTE, OK, WARNING, Finding

__all__ = ["LEVELS", "MISSING", "NOTE", "OK", "WARNING", "Finding", "examine", "run"]
