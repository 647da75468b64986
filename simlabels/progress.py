"""The progress bar of `biohuman-labels make`: clips, frames a second, time left."""

from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .folder import ClipFile
from .make import Done


class LabelProgress:
    """Use as a context manager; hand `start` and `advance` to `make_labels`."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("clips", total=None, speed="starting")
        self._frames, self._since = 0, monotonic()

    def __enter__(self) -> "LabelProgress":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, clips: list[ClipFile], kept: set[str]) -> None:
        self._progress.update(self._task, total=len(clips), completed=len(kept))

    def advance(self, done: Done) -> None:
        """A clip more; one that was left out is told at once, on a line of its own."""
        if done.error is not None:
            line = f"biohuman-labels: left out: {done.error}"
            self._progress.console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)
        self._frames += len(done.frames.get("frame", ()))
        speed = self._frames / max(monotonic() - self._since, 1e-9)
        self._progress.update(self._task, advance=1, description=done.clip.clip, speed=f"{speed:.0f} frames/s")
