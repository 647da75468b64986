"""Videos kept beside a paired dataset: `video/TAKE.mp4`."""

from pathlib import Path

import numpy as np

from realtime.body.errors import InputError
from realtime.capture.opencv import load_cv2


def middle_frame(path: Path) -> np.ndarray:
    """The frame (H, W, 3) uint8, BGR, half way through a video.

    Raises:
        InputError: it is no video that can be read.
    """
    cv2 = load_cv2()
    video = cv2.VideoCapture(str(path))
    try:
        video.set(cv2.CAP_PROP_POS_FRAMES, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) // 2)
        found, picture_bgr = video.read()
    finally:
        video.release()
    if not found:
        raise InputError(f"{path} is not a readable video; remove it and inspect again")
    return picture_bgr
