"""Progress of a training run: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 60.0


@contextmanager
def progress(name: str, total: int, start: int) -> Iterator[Callable[[int, float], None]]:
    """Gives what to call with (steps done, loss)."""
    if not sys.stderr.isatty():
        yield _lines(name, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[loss]}"), console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=total, completed=start, loss="")
        yield lambda done, loss: bar.update(task, completed=done, loss=f"loss {loss:.2f}")


def _lines(name: str, total: int) -> Callable[[int, float], None]:
    due_s = time.monotonic()

    def tell(done: int, loss: float) -> None:
        nonlocal due_s
        if time.monotonic() >= due_s or done == total:
            due_s = time.monotonic() + LINE_EVERY_S
            print(f"{name}: step {done} of {total}, loss {loss:.2f}", file=sys.stderr, flush=True)

    return tell
