"""The progress bar of long work: items, frames a second, time left; what was left out is told at once."""

from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ItemProgress:
    """Use as a context manager; `items` names what is counted."""

    def __init__(self, items: str) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(items, total=None, speed="starting")
        self._frames, self._since = 0, monotonic()

    def __enter__(self) -> "ItemProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress.live.is_started:  # else it would print an empty line
            self._progress.stop()

    def start(self, total: int, kept: int) -> None:
        """How many items there are, and how many an earlier run has done. No bar before: an error that comes first stands alone."""
        self._progress.start()
        self._progress.update(self._task, total=total, completed=kept)

    def advance(self, name: str, frames: int, error: str | None = None) -> None:
        """An item more; one that was left out is told at once, on a line of its own."""
        if error is not None:
            line = f"biohuman-labels: left out: {error}"
            self._progress.console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)
        self._frames += frames
        speed = self._frames / max(monotonic() - self._since, 1e-9)
        self._progress.update(self._task, advance=1, description=name, speed=f"{speed:.0f} frames/s")
