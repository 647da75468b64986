"""Which packages are installed, so that a missing one is a sentence and not a traceback."""

from collections.abc import Sequence
from importlib.util import find_spec

from .errors import BioHumanError


def need(packages: Sequence[str], extra: str) -> None:
    """Raises BioHumanError naming the first of `packages` that is not installed, and the extra that has it."""
    for name in packages:
        if find_spec(name) is None:
            raise BioHumanError(f"{name} is not installed; install it with `pip install 'biohuman-live[{extra}]'`")
