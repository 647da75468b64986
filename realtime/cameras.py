"""`biohuman cameras`: the cameras of this machine by number and name, and what each gives."""

import json
import sys
from dataclasses import asdict

from .body.errors import InputError
from .capture.devices import Camera, Mode, Probe, list_cameras, probe_camera

#: What to look at when there is none, by sys.platform.
CHECK = {
    "linux": "see `ls -l /dev/video*`; your user must be in the group `video` (sudo usermod -aG video $USER, then log in again)",
    "darwin": "System Settings > Privacy & Security > Camera must allow this terminal",
    "win32": "Settings > Privacy > Camera must allow desktop apps",
}


def run(args) -> int:
    """Exit code 0, also when there is no camera."""
    cameras = list_cameras()
    if not cameras:
        print(f"no camera found: {what_to_check()}", file=sys.stderr if args.json else sys.stdout)
    entries = []
    for camera in cameras:
        probe, problem = _probe(camera) if args.modes else (None, "")
        entries.append((camera, probe, problem))
    if args.json:
        print(json.dumps([as_dict(*entry) for entry in entries]))
    elif entries:
        _print_table(entries)
    return 0


def what_to_check() -> str:
    """What to do about a camera that is not found, or does not open; one line."""
    return f"plug one in, close other programs that use it; {CHECK.get(sys.platform, 'the system must list it')}"


def as_dict(camera: Camera, probe: Probe | None, problem: str) -> dict:
    """One entry of --json. `modes` and `opened_s` are null if the camera was not opened; `problem` says why it did not open."""
    return {
        "index": camera.index,
        "name": camera.name,
        "vendor_id": _hex(camera.vendor_id),
        "product_id": _hex(camera.product_id),
        "path": camera.path,
        "opened_s": None if probe is None else round(probe.opened_s, 3),
        "modes": None if probe is None else [asdict(mode) for mode in probe.modes],
        "problem": problem,
    }


def _probe(camera: Camera) -> tuple[Probe | None, str]:
    print(f"opening {camera} ...", file=sys.stderr, flush=True)  # it can take seconds
    try:
        return probe_camera(camera.index), ""
    except InputError as error:
        return None, str(error)


def _print_table(entries: list[tuple[Camera, Probe | None, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("number", "name", "USB id", "path", "opened in", "gives", show_lines=True)
    for camera, probe, problem in entries:
        ids = f"{_hex(camera.vendor_id)}:{_hex(camera.product_id)}" if camera.vendor_id is not None else ""
        opened = "" if probe is None else f"{probe.opened_s:.1f} s"
        gives = problem if probe is None else "\n".join(told_modes(probe.modes)) or "no answer"
        # As Text: a device's name is no markup, whatever brackets are in it.
        table.add_row(*(Text(cell) for cell in (str(camera.index), camera.name, ids, camera.path or "", opened, gives)))
    Console().print(table)
    print('use one: biohuman track NUMBER, or a part of its name: biohuman track "NAME"')


def told_modes(modes: list[Mode]) -> list[str]:
    """A line for each size and format, with its rates: "1280x720 MJPG: 30, 60 fps"; "?" if it does not say."""
    rates: dict[str, list[str]] = {}
    for mode in modes:
        rates.setdefault(f"{mode.width}x{mode.height} {mode.format}".rstrip(), []).append(
            f"{mode.fps:g}" if mode.fps > 0 else "?"
        )
    return [f"{size}: {', '.join(fps)} fps" for size, fps in rates.items()]


def _hex(number: int | None) -> str | None:
    return None if number is None else f"{number:04x}"
