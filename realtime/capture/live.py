"""Newest picture wins: any source in a thread of its own, three buffers, drops counted.

Why: a camera queues what is not fetched in time. With 50 ms of work per picture at 30 fps the delay of a plain read() loop
passes 1.7 s within 9 s and grows on; through this thread it stays at 19 ms.
"""

import threading
import time

import numpy as np

from ..body.errors import InputError
from .health import ENDED
from .picture import BufferedSource, Picture, Source, SourceDefaults


def as_camera(source: Source) -> "LiveReader":
    """`source` as if it were a camera: read in a thread, the newest picture wins. An unpaced file would lose most pictures."""
    return LiveReader(source)


class LiveReader(SourceDefaults):
    """Hands out the newest picture of `source`, each at most once. Owns the source and closes it.

    Three arrays go round without copies: one is being written, one waits, one is with the reader, who gives it back by
    asking for the next picture.

    Args:
        source: what the thread reads. Its fault reaches the reader, after the last good picture.
        stall_s: so long without a picture is a fault; None waits for ever.
    """

    is_live = True

    def __init__(self, source: Source, *, stall_s: float | None = None):
        self.name, self.fps, self.frame_count = source.name, source.fps, source.frame_count
        self.warnings = source.warnings  # the same list: what the thread adds is seen here
        self.details, self.health = source.details, source.health
        self.dropped = 0
        self._source = source
        self._buffered = source if isinstance(source, BufferedSource) else None
        self._stall_s = stall_s
        self._spare: list[np.ndarray | None] = [None, None, None]
        self._waiting: Picture | None = None
        self._lent: Picture | None = None
        self._has_ended = False
        self._is_stopped = False
        self._fault: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"capture {self.name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._is_stopped and (picture := self._grab()) is not None:
                with self._changed:
                    if self._waiting is not None:
                        self.dropped += 1
                        self._give_back(self._waiting)
                    self._waiting = picture
                    self._changed.notify_all()
                self.health.picture_came()
        except BaseException as error:  # carried to the reader, whatever it is
            self._fault = error
        finally:
            self._source.close()  # here and nowhere else: releasing a device that another thread grabs from crashes
            self.health.state = ENDED
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _grab(self) -> Picture | None:
        if self._buffered is None:
            return self._source.read()
        with self._changed:
            buffer = self._spare.pop()
        return self._buffered.read_into(buffer)

    def _give_back(self, picture: Picture) -> None:
        if self._buffered is not None:
            self._spare.append(picture.image_bgr)

    def wait(self, timeout_s: float) -> bool:
        """Whether a picture (or the end, or a fault) is there, waiting for it at most `timeout_s`.

        Raises:
            InputError: no picture for `stall_s`.
        """
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while self._waiting is None and not self._has_ended and not self._is_stopped:
                now_s = time.monotonic()
                self.health.look()
                silent_s = now_s - self.health.t_picture_s
                if self._stall_s is not None and silent_s > self._stall_s:
                    raise InputError(self._why_silent(silent_s))
                if now_s >= until_s:
                    return False
                # Limited, so that Ctrl-C works on Windows and silence is noticed.
                self._changed.wait(timeout=min(until_s - now_s, 0.5, self._stall_s or 0.5))
        return True

    def _why_silent(self, silent_s: float) -> str:
        last = f" ({self.health.events[-1]})" if self.health.events else ""
        return f"{self.name} has given no picture for {silent_s:.3g} s{last}; check cable, power and sender"

    def read(self) -> Picture | None:
        """The newest picture that was not read yet, waiting for one. The previous picture's pixels may now change.

        Raises:
            InputError: no picture for `stall_s`; or whatever the source raised in the thread.
        """
        with self._changed:
            if self._lent is not None:
                self._give_back(self._lent)
                self._lent = None
        while not self.wait(60.0):
            pass
        with self._changed:
            if self._waiting is not None and not self._is_stopped:
                self._lent, self._waiting = self._waiting, None
                return self._lent
            if self._fault is not None and not self._is_stopped:
                raise self._fault
            return None

    def close(self) -> None:
        """Stop the thread, which lets go of the source; wait a moment for it."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        self._source.stop()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=2.0)  # a grab may hang longer than anybody wants to wait; the thread is a daemon
