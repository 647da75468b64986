"""Python and its packages: what is installed against what is asked for, and who overwrites whom."""

import platform
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .findings import MISSING, NOTE, OK, WARNING, Finding, one_line
from .ownership import owners
from .requirements import asked_for

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OURS = "biohuman-live"
OUR_FOLDERS = ("benchmarks", "realtime", "simlabels", "trainer")
REINSTALL = "pip install -e . (in the folder of this program's source)"

#: Import names that are not the distribution's name with underscores.
IMPORT_NAMES = {"opencv-contrib-python": "cv2", "pyzmq": "zmq"}
#: Not imported here: they are slow, want to be told something first, and have checks that really open them.
OPENED_ELSEWHERE = {"cv2", "cv2_enumerate_cameras", "mediapipe", "onnxruntime"}
#: What `track` does without: names of cameras; reading messages as the examples do.
SPARED = {"cv2_enumerate_cameras", "msgpack"}
#: From this version on they send usage data to their maker, which a program with a camera must not.
REPORTS_SINCE = {"mediapipe": "0.10.35", "onnxruntime": "1.29"}


def check_python() -> Iterator[Finding]:
    """Python against what we ask for, the operating system, the environment."""
    version, asked = platform.python_version(), asked_for(OURS)
    is_own = sys.prefix != sys.base_prefix
    says = f"Python {version}, {platform.platform()}, {'' if is_own else 'no '}virtual environment ({sys.prefix})"
    if asked.python.contains(version, prereleases=True):
        yield Finding(name="Python", level=OK, says=says)
    else:
        yield Finding(
            name="Python", level=WARNING, says=f"{says}; {asked.python} is asked for", mend=f"use a Python {asked.python}"
        )


def check_requirements() -> Iterator[Finding]:
    """Every package that `track` needs: it is there, in a version that we know, and imports."""
    for requirement in asked_for(OURS).always:
        yield _look_at(requirement)


def _look_at(requirement: "Requirement") -> Finding:
    from packaging.version import Version

    name, asked, mend = requirement.name, str(requirement.specifier), f'pip install "{requirement}"'
    import_name = import_name_of(name)
    stops = WARNING if import_name in SPARED else MISSING
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        if find_spec(import_name) is None:
            return Finding(name=name, level=stops, says=f"not installed; {asked} is asked for", mend=mend)
        says = f"not installed ({asked} is asked for), but another distribution brings {import_name}"
        return Finding(name=name, level=WARNING, says=says, mend=mend)
    broken = "" if import_name in OPENED_ELSEWHERE else _why_not_imported(import_name)
    if broken:
        mend = f'pip install --force-reinstall "{requirement}"'
        return Finding(name=name, level=stops, says=f"{version} does not import ({broken})", mend=mend)
    if name in REPORTS_SINCE and Version(version) >= Version(REPORTS_SINCE[name]):
        says = f"{version} sends usage data to its maker; {asked} is asked for"
        return Finding(name=name, level=WARNING, says=says, mend=mend)
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(name=name, level=WARNING, says=f"{version} is installed, {asked} is asked for", mend=mend)
    return Finding(name=name, level=OK, says=f"{version} ({asked})")


def check_extras() -> Iterator[Finding]:
    """For each optional set of packages, whether it is complete. `track` needs none."""
    for extra, wanted in asked_for(OURS).extras.items():
        lacking = [str(requirement) for requirement in wanted if not _is_installed(requirement)]
        if lacking:
            mend = f'if you want it: pip install -e ".[{extra}]" (in the folder of this program\'s source)'
            yield Finding(name=f"extra {extra}", level=NOTE, says=f"lacks {', '.join(lacking)}", mend=mend)
        else:
            yield Finding(name=f"extra {extra}", level=OK, says=f"complete: {', '.join(r.name for r in wanted)}")


def check_overwritten() -> Iterator[Finding]:
    """Folders that two distributions write: the last one installed wins, removing either breaks the other, and pip is silent."""
    owned, found = owners(), False
    for folder in OUR_FOLDERS:
        if others := owned.of(folder) - {OURS}:
            found = True
            says = f"{_listed(others)} also installs a folder of this name"
            mend = f"pip uninstall {_spaced(others)}; {REINSTALL}"
            yield Finding(name=folder, level=WARNING, says=says, mend=mend)
    for requirement in asked_for(OURS).always:
        folder = import_name_of(requirement.name)
        if sharing := owned.sharing(folder):
            found = True
            mend = f'pip uninstall {_spaced(sharing)}; pip install "{requirement}"'
            says = f"its files are written by {_listed(sharing)}: what runs is a mixture"
            yield Finding(name=folder, level=WARNING, says=says, mend=mend)
    if not found:
        yield Finding(name="import names", level=OK, says="each belongs to one distribution")


def import_name_of(distribution: str) -> str:
    return IMPORT_NAMES.get(distribution, distribution.replace("-", "_"))


def _why_not_imported(name: str) -> str:
    """One line; empty if it imports."""
    try:
        import_module(name)
    except Exception as error:  # a broken package may raise anything
        return one_line(error)
    return ""


def _is_installed(requirement: "Requirement") -> bool:
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names))


def _spaced(names: set[str]) -> str:
    return " ".join(sorted(names))
