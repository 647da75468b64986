"""The progress of long work: items, frames a second, time left; what was left out is told at once.

A bar on a terminal, elsewhere (a log file) a line now and then.
"""

from datetime import timedelta
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 60.0


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
        self._items, self._frames, self._since = items, 0, monotonic()
        self._line_due = self._since + LINE_EVERY_S

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
            self._say(f"biohuman-labels: left out: {error}")
        self._frames += frames
        speed = self._frames / max(monotonic() - self._since, 1e-9)
        self._progress.update(self._task, advance=1, description=name, speed=f"{speed:.0f} frames/s")
        if not self._progress.console.is_terminal and monotonic() >= self._line_due:
            self._line_due = monotonic() + LINE_EVERY_S
            task = self._progress.tasks[self._task]
            left = f", {timedelta(seconds=round(task.time_remaining))} left" if task.time_remaining is not None else ""
            self._say(f"{task.completed:.0f} of {task.total:.0f} {self._items}, {speed:.0f} frames/s{left}")

    def _say(self, line: str) -> None:
        self._progress.console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)
