"""Which packages are installed, so that a missing one is a sentence and not a traceback."""

from collections.abc import Sequence
from importlib.util import find_spec

from .errors import BioHumanError


def need(packages: Sequence[str], extra: str) -> None:
    """Raises BioHumanError naming the first of `packages` that is not installed, and the extra that has it."""
    for name in packages:
        if find_spec(name) is None:
            raise BioHumanError(how_to_install(name, extra))


def how_to_install(package: str, extra: str) -> str:
    """What to tell somebody who lacks a package that an extra of ours has."""
    return f"{package} is not installed; install it with `pip install -e '.[{extra}]'` in the folder of this program's source"
