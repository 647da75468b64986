"""Which installed distributions wrote which files, from the lists that pip leaves (RECORD)."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from importlib import metadata


@dataclass(frozen=True, kw_only=True)
class Owners:
    """For each top-level folder or module: file -> the distributions that list it.

    A file is told by its place, so that the same package in two folders of sys.path is no conflict.
    """

    files: dict[str, dict[str, set[str]]]

    def of(self, name: str) -> set[str]:
        """All distributions that have files in the folder `name`, or are the module."""
        return {distribution for who in self.files.get(name, {}).values() for distribution in who}

    def sharing(self, name: str) -> set[str]:
        """The distributions that list the same files of it. Folders shared without a file in common (namespaces) are none."""
        return {distribution for who in self.files.get(name, {}).values() if len(who) > 1 for distribution in who}


def owners() -> Owners:
    """Read anew at each call. `Distribution.files` would do, but looks for each of 50 000 files on the disk, which takes half a minute."""
    files: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for distribution in metadata.distributions():
        about, record = distribution.metadata, distribution.read_text("RECORD")
        name = next(iter(about.get_all("Name") or ()), None)  # asking by index for what is not there is deprecated
        if not name or not record:  # left over from an interrupted installation, or not installed by pip
            continue
        root = str(distribution.locate_file(""))
        for row in csv.reader(record.splitlines()):
            top, _, rest = row[0].partition("/") if row else ("", "", "")
            if top.endswith((".dist-info", ".libs", ".data")) or top in ("", "..", "__pycache__") or "__pycache__" in rest:
                continue
            module = top if rest else top.partition(".")[0]
            files[module][f"{root}/{row[0]}"].add(name.lower().replace("_", "-"))
    return Owners(files=files)
