"""What a cheap camera does to a picture: uneven frame times, noise, compression."""

from typing import Any

import numpy as np

from realtime.capture.opencv import load_cv2

#: Frame rates and how often they are drawn; pictures come late or early by a share of a frame time, and some are lost.
RATES_HZ, RATE_SHARES = (15, 20, 24, 25, 30, 50, 60), (0.08, 0.05, 0.08, 0.10, 0.55, 0.06, 0.08)
JITTER_SHARE, LOST_SHARE = 0.06, 0.01
NOISE_LEVELS, NOISE_SHARES = (0, 2, 4, 8), (0.2, 0.35, 0.3, 0.15)
JPEG_QUALITIES, JPEG_SHARES = (100, 95, 85, 70, 50), (0.1, 0.25, 0.3, 0.25, 0.1)
_MARGIN = 97  # px: noise is a window of a larger bank; a million normals a picture would cost more than the picture


def random_times_s(rng: np.random.Generator, seconds: float, rate_Hz: float | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """When the pictures of a take are taken (N,), rising from 0, and what was drawn; with `rate_Hz` evenly and all."""
    if rate_Hz is not None:
        return np.arange(0, seconds + 1e-9, 1 / rate_Hz), {"fps": rate_Hz, "jitter": False}
    rate = float(rng.choice(RATES_HZ, p=RATE_SHARES))
    times_s = np.arange(0, seconds + 1e-9, 1 / rate)
    jitters = bool(rng.random() < 0.5)
    if jitters:
        times_s = times_s + np.clip(rng.normal(0, JITTER_SHARE, len(times_s)), -0.4, 0.4) / rate
        times_s = times_s[rng.random(len(times_s)) >= LOST_SHARE]
        times_s = np.clip(times_s - times_s[0], 0, seconds)
    return times_s, {"fps": rate, "jitter": jitters}


class Sensor:
    """Noise and compression of one take. Everything is drawn from `rng` when it is made, but for the noise's place."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], noise: int | None = None):
        self._rng = rng
        self._cv2 = load_cv2()
        self.noise = int(rng.choice(NOISE_LEVELS, p=NOISE_SHARES)) if noise is None else noise
        self.jpeg_quality = int(rng.choice(JPEG_QUALITIES, p=JPEG_SHARES))
        width, height = size_px
        bank = np.random.default_rng(rng.integers(2**32)).standard_normal((height + _MARGIN, width + _MARGIN, 3), np.float32)
        self._bank = (bank * self.noise).astype(np.int16) if self.noise else None

    @property
    def look(self) -> dict[str, Any]:
        return {"noise": self.noise, "jpeg_quality": self.jpeg_quality}

    def __call__(self, picture_bgr: np.ndarray) -> np.ndarray:
        """The picture as the computer gets it."""
        cv2, (height, width) = self._cv2, picture_bgr.shape[:2]
        if self._bank is not None:
            y, x = self._rng.integers(_MARGIN, size=2)
            picture_bgr = cv2.add(picture_bgr, self._bank[y : y + height, x : x + width], dtype=cv2.CV_8U)
        if self.jpeg_quality < 100:
            encoded = cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality])[1]
            picture_bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        return picture_bgr
