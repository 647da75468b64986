"""A camera or stream that may go away and come back: opened again, with growing pauses, for as long as the reader has patience."""

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable

import numpy as np

from ..body.errors import InputError
from .health import REOPENING, Health
from .picture import BufferedSource, Picture, SourceDefaults

#: Pauses between attempts: short at first (a loose cable), never longer than somebody waits who has just plugged it in again.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0
#: The same pixels for so long are no picture of the world any more: sensors have noise.
FROZEN_AFTER_S, LONGEST_FREEZE_S = 5.0, 300.0
#: The rate is measured over so long; a change by more than this factor is told.
RATE_OVER_S, RATE_FACTOR = 3.0, 1.3


class ReopeningSource(SourceDefaults):
    """Reads `device`; when that ends, fails or freezes, opens another by `open_again`. Blocks, so it belongs in a `LiveReader`.

    Changes of size and rate are told in `health.events`, and reading goes on: opening again would not mend them.

    Args:
        device: already open. A device that never gave a picture is not worth waiting for: its fault is passed on.
        open_again: opens the same device, or raises InputError.
    """

    is_live = True
    dropped = 0
    frame_count: int | None = None

    def __init__(self, device: BufferedSource, open_again: Callable[[], BufferedSource]):
        self.name, self.fps, self.details = device.name, device.fps, device.details
        self.warnings = device.warnings
        self.health = Health()
        self._device: BufferedSource | None = device
        self._open_again = open_again
        self._closing = threading.Event()
        self._index = 0
        self._watch = _PictureWatch(self.health)

    def read(self) -> Picture | None:
        """The next picture."""
        return self.read_into(None)

    def read_into(self, buffer: np.ndarray | None) -> Picture | None:
        """As `read`, into `buffer` where it fits; opens the device again as often as needed. None once it is closed.

        Raises:
            InputError: the device has never given a picture.
        """
        while not self._closing.is_set():
            device = self._device or self._reopen()
            if device is None:
                break
            picture = self._picture_of(device, buffer)
            if picture is not None:
                return picture
        return None

    def _picture_of(self, device: BufferedSource, buffer: np.ndarray | None) -> Picture | None:
        """The device's next picture; None if it has to be opened again."""
        try:
            picture = device.read_into(buffer)
            reason = "ended, or the connection was lost"
        except InputError as error:
            if self._index == 0:
                raise
            picture, reason = None, str(error).removeprefix(f"{self.name} ")
        if picture is None:
            self._lose(reason)
            return None
        if frozen_s := self._watch.frozen_s(picture):
            self._lose(f"the picture has not changed for {frozen_s:.0f} s")
            return None
        self._watch.tell_changes(picture)
        picture = Picture(
            image_bgr=picture.image_bgr, index=self._index, t_capture_ns=picture.t_capture_ns, pts_s=picture.pts_s
        )
        self._index += 1
        return picture

    def _lose(self, reason: str) -> None:
        self.health.tell(f"{self.name}: {reason}; opening it again", REOPENING)
        self._let_go()
        self._watch.start_anew()

    def _reopen(self) -> BufferedSource | None:
        """The device opened again, however long that takes; None if closed meanwhile."""
        pause_s, told = FIRST_PAUSE_S, ""
        while not self._closing.wait(pause_s):
            try:
                self._device = self._open_again()
            except InputError as error:
                if str(error) != told:  # the same reason once, not every two seconds
                    told = str(error)
                    self.health.tell(told)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                return self._device
        return None

    def _let_go(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None

    def stop(self) -> None:
        """Try no more."""
        self._closing.set()

    def close(self) -> None:
        """Release the device; only by the thread that reads."""
        self.stop()
        self._let_go()


class _PictureWatch:
    """Tells a frozen picture, and changes of size and rate."""

    def __init__(self, health: Health):
        self._health = health
        self._frozen_after_s = FROZEN_AFTER_S
        self._size_px: tuple[int, int] | None = None
        self._fps: float | None = None
        self._signature, self._same_since_s = 0, time.monotonic()
        self._times_s: deque[float] = deque()

    def start_anew(self) -> None:
        """The device was opened again: its first pictures come as fast as its queue is emptied."""
        self._same_since_s = time.monotonic()
        self._times_s.clear()

    def frozen_s(self, picture: Picture) -> float:
        """For how long the pixels have been the same, if that is too long, else 0. Each time the limit doubles: a test card
        stays a test card."""
        image = picture.image_bgr
        step = max(1, min(image.shape[:2]) // 60)
        signature = zlib.crc32(image[::step, ::step].tobytes())
        now_s = time.monotonic()
        if signature != self._signature:
            self._signature, self._same_since_s, self._frozen_after_s = signature, now_s, FROZEN_AFTER_S
        elif now_s - self._same_since_s > self._frozen_after_s:
            self._frozen_after_s = min(2 * self._frozen_after_s, LONGEST_FREEZE_S)
            return now_s - self._same_since_s
        return 0.0

    def tell_changes(self, picture: Picture) -> None:
        """Note another size or rate than before."""
        height, width = picture.image_bgr.shape[:2]
        if self._size_px not in (None, (width, height)):
            self._health.tell(f"the size changed from {self._size_px[0]}x{self._size_px[1]} to {width}x{height}")
        self._size_px = width, height
        times_s = self._times_s
        times_s.append(picture.t_capture_ns * 1e-9)
        if times_s[-1] - times_s[0] < RATE_OVER_S:
            return
        fps = (len(times_s) - 1) / (times_s[-1] - times_s[0])
        if self._fps is not None and max(fps / self._fps, self._fps / fps) > RATE_FACTOR:
            self._health.tell(f"the rate changed from {self._fps:.0f} to {fps:.0f} fps")
        self._fps = fps
        times_s.clear()
