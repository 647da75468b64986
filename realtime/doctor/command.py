"""The checks in order, told as they are done."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict

from . import installation, machine, parts
from .findings import MISSING, WARNING, Finding

#: Where a check that fails in an unforeseen way means that `track` would not run either.
VITAL = {"files", "model and engines", "publishing"}


def run(args) -> int:
    """Exit code 0 if `track` would run, 1 if something stops it."""
    sections: dict[str, list[Finding]] = {}
    for title, findings in examine(bind=args.bind, may_fetch=args.fetch):
        sections[title] = findings
        if not args.json:  # at once: should a broken library end this very process, it is seen where
            _print_section(title, findings)
    stops = [f"{f.name}: {f.says}" for findings in sections.values() for f in findings if f.level == MISSING]
    if args.json:
        told = {title: [asdict(finding) for finding in findings] for title, findings in sections.items()}
        print(json.dumps({"runs": not stops, "stops": stops, "sections": told}))
    elif stops:
        print(f"\n`biohuman track` does not run here. What stops it: {'; '.join(stops)}")
    else:
        print("\n`biohuman track` runs here.")
    return 1 if stops else 0


def examine(*, bind: str, may_fetch: bool = False) -> Iterator[tuple[str, list[Finding]]]:
    """Each section's title and findings, as soon as they are known.

    Args:
        bind: the address where `track` would publish.
        may_fetch: download the pinned files that `track` and `demo` need.
    """
    sections: dict[str, list[Callable[[], Iterable[Finding]]]] = {
        "system": [installation.check_python, machine.check_display],
        "packages": [installation.check_requirements, installation.check_extras, installation.check_overwritten],
        "pictures": [machine.check_opencv, machine.check_cameras],
        "files": [machine.check_cache, lambda: parts.check_assets(may_fetch=may_fetch)],
        "model and engines": [parts.check_model, parts.check_engines, parts.check_front_end],
        "publishing": [lambda: machine.check_address(bind)],
    }
    for title, checks in sections.items():
        yield title, [finding for check in checks for finding in _findings_of(title, check)]


def _findings_of(title: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What `check` found. What it does not cope with is told as one more: a broken library must not end the report."""
    findings = []
    with redirect_stdout(sys.stderr):  # some libraries print what they miss; stdout is ours
        try:
            for finding in check():
                findings.append(finding)  # one by one: what came before an error counts
        except Exception as error:
            findings.append(Finding.of_error(title, error, MISSING if title in VITAL else WARNING))
    return findings


def _print_section(title: str, findings: list[Finding]) -> None:
    # Plain text: it must come out where rich is broken, and be pasted into a report.
    print(title)
    for finding in findings:
        print(f"  {finding.level:8s} {finding.name}: {finding.says}")
        if finding.mend:
            print(f"  {'':8s}   -> {finding.mend}")
    print(end="", flush=True)
