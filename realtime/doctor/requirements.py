"""What this program asks for: the pyproject.toml beside it, or what was written down when it was installed."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Versions of Python and packages."""

    python: "SpecifierSet"
    always: "list[Requirement]"
    extras: "dict[str, list[Requirement]]"


def asked_for(distribution: str) -> Asked:
    """What `distribution` asks for. In a checkout its pyproject.toml tells: it may be newer than the installation.

    Raises:
        ImportError: the package `packaging`, which reads requirements, is missing.
        PackageNotFoundError: neither a checkout nor installed.
    """
    from packaging.specifiers import SpecifierSet

    project = tomllib.loads(PYPROJECT.read_text("utf-8")).get("project", {}) if PYPROJECT.is_file() else {}
    if project.get("name") == distribution:
        python, always = project.get("requires-python", ""), _here(project.get("dependencies", []))
        extras = {extra: _here(texts) for extra, texts in project.get("optional-dependencies", {}).items()}
        return Asked(python=SpecifierSet(python), always=always, extras=extras)
    texts, about = metadata.requires(distribution) or [], metadata.metadata(distribution)
    always = _here(texts)
    known = {str(requirement) for requirement in always}
    extras = {
        extra: [requirement for requirement in _here(texts, extra) if str(requirement) not in known]
        for extra in about.get_all("Provides-Extra") or []
    }
    return Asked(python=SpecifierSet(about["Requires-Python"] or ""), always=always, extras=extras)


def _here(texts: Iterable[str], extra: str = "") -> "list[Requirement]":
    """The requirements that hold on this system and Python, by name; their markers, which are answered, are taken off."""
    from packaging.requirements import Requirement

    kept = []
    for requirement in map(Requirement, texts):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            requirement.marker = None
            kept.append(requirement)
    return sorted(kept, key=lambda requirement: requirement.name)
