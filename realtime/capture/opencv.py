"""OpenCV, loaded when the first source is opened, quiet and on one thread."""

import os
import sys
from functools import cache
from types import ModuleType

from ..body.errors import BioHumanError


@cache
def load_cv2() -> ModuleType:
    """The `cv2` module, set up once for this process.

    - Messages: what OpenCV and FFmpeg print about a bad file is said again, in one line, by our errors and warnings.
      A level chosen in the environment (OPENCV_LOG_LEVEL, OPENCV_FFMPEG_LOGLEVEL) is left alone.
    - `setNumThreads(1)`: the picture work left to OpenCV is a colour conversion of 0.2 ms, which gains nothing from a pool
      of threads, while the pool's spinning takes cores from the landmark network. FFmpeg's decoding threads are another pool.

    Raises:
        BioHumanError: OpenCV is missing or broken (two OpenCV wheels in one environment break each other).
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read when the first video is opened
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "5")  # s until a silent camera counts as lost; else 10
    if sys.platform == "win32":  # without it Media Foundation takes 10 s and more to open a camera
        os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
    try:
        import cv2
    except ImportError as error:
        raise BioHumanError(
            f"OpenCV does not load ({error}): uninstall every opencv package, then pip install opencv-contrib-python"
        ) from error
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
    return cv2
