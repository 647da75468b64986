"""How a source fares, told while it goes on: running, silent, being opened again; and the story so far."""

import threading
import time
from collections import deque

SILENT_AFTER_S = 2.0
EVENTS_KEPT = 20

RUNNING, SILENT, REOPENING, ENDED = "running", "silent", "reopening", "ended"


class Health:
    """State of one source and its last events. The capture thread writes, any thread reads.

    `event_count` counts all events so far, so that a reader knows how many of `events` are new.
    """

    def __init__(self) -> None:
        self.state = RUNNING
        self.event_count = 0
        self.t_picture_s = time.monotonic()  # when the last picture came
        self._events: deque[str] = deque(maxlen=EVENTS_KEPT)
        self._changing = threading.Lock()

    @property
    def events(self) -> list[str]:
        """The last events, oldest first, each with its time of day."""
        with self._changing:
            return list(self._events)

    def tell(self, text: str, state: str | None = None) -> None:
        """Note what happened, and what that makes of the state."""
        with self._changing:
            self._events.append(f"{time.strftime('%H:%M:%S')} {text}")
            self.event_count += 1
            self.state = state or self.state

    def picture_came(self) -> None:
        """A picture is here: whatever was wrong is over."""
        now_s = time.monotonic()
        if self.state != RUNNING:
            self.tell(f"pictures again, after {now_s - self.t_picture_s:.1f} s without", RUNNING)
        self.t_picture_s = now_s

    def look(self) -> None:
        """Notice silence. Called by whoever waits, as the capture thread hangs in the driver meanwhile."""
        if self.state == RUNNING and time.monotonic() - self.t_picture_s > SILENT_AFTER_S:
            self.tell(f"no picture for {SILENT_AFTER_S:g} s", SILENT)
