"""Releasing recorded pictures at their own times."""

import time


class Pacer:
    """Waits until a recorded picture is due; the first is due at once. A late reader gets the overdue ones without a pause."""

    def __init__(self) -> None:
        self._zero_s: float | None = None  # the monotonic time of pts 0
        self.stopped = False

    def wait(self, pts_s: float) -> None:
        """Return when `pts_s` is due, or soon after `stopped` was set."""
        if self._zero_s is None:
            self._zero_s = time.monotonic() - pts_s
        due_s = self._zero_s + pts_s
        while not self.stopped and (left_s := due_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.1))
