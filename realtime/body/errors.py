"""One family of errors. A message is one line: what was given, what would be right, what to do next.

    BioHumanError
    |- UnknownName      a name that is not in one of our tables
    |- ShapeError       an array of the wrong shape
    |- InputError       a file, folder, device or stream that cannot be read
    |- OutputError      a place that cannot be written, a suffix we do not know, a port in use
    |- ModelError       a model file that does not fit this program
    `- AssetError       a pinned download that is missing or has another hash

A command prints the message and exits with 2; every other exception is a bug and keeps its traceback.
"""

import difflib
from collections.abc import Sequence


class BioHumanError(Exception):
    """Base of all errors that a user can mend."""


class UnknownName(BioHumanError):
    """A name that is not in one of our tables (joint, muscle, engine, topic)."""

    def __init__(self, kind: str, name: str, known: Sequence[str]):
        near = difflib.get_close_matches(name, known, n=5) or list(known[:5])
        more = "" if len(near) == len(known) else f" ({len(known)} in all)"
        super().__init__(f"no {kind} is called {name!r}; nearest: {', '.join(near)}{more}")
        self._asked = kind, name, list(known)

    def __reduce__(self):
        return type(self), self._asked  # else it would not come back from another process


class ShapeError(BioHumanError):
    """An array of the wrong shape."""


class InputError(BioHumanError):
    """A file, folder, device or stream that cannot be read."""


class OutputError(BioHumanError):
    """A place that cannot be written, a suffix we do not know, a port in use."""


class ModelError(BioHumanError):
    """A model file that does not fit this program."""


class AssetError(BioHumanError):
    """A pinned download that is missing or has another hash."""
