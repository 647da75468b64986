"""Jobs for the tests of workers, importable in another process: each does what it says."""

import os
import signal
import time
from pathlib import Path

from realtime.body.errors import InputError


def do(job: tuple) -> object:
    """("double", x); ("pid",); ("wait", s); ("complain", text); ("die", file, n): is killed the first n times, noted in `file`."""
    match job:
        case ("double", x):
            return 2 * x
        case ("pid",):
            return os.getpid()
        case ("wait", seconds):
            time.sleep(seconds)
            return seconds
        case ("complain", text):
            raise InputError(text)
        case ("die", file, times):
            with Path(file).open("a") as f:
                f.write(".")
            if len(Path(file).read_text()) <= times:
                os.kill(os.getpid(), signal.SIGKILL)
            return "alive"
    raise AssertionError(job)


def given_up(job: tuple) -> object:
    return ("given up", *job)
