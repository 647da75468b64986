"""Ctrl-C between pieces of work, not within: a half-made step cannot be saved, and compiled code would end in a SystemError."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Holds Ctrl-C back until the block is done. Main thread only, as all handling of signals in Python.

    Raises:
        KeyboardInterrupt: after the block, if Ctrl-C came during it.
    """
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
