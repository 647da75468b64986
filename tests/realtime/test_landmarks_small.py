"""A person of 90 px in a picture of 640x480 is found and followed."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.capture import open_source
from realtime.landmarks import open_front_end

from .test_landmarks import LEFT_HIP, RIGHT_HIP, fetched
from .videos import next_of

ROOT = Path(__file__).parents[2]
SAMPLE = Path("rendered_sample/cmu_13_30_rendered")
PERSON_PX, SIZE_PX = 90, (640, 480)


@pytest.mark.data
def test_a_person_of_90_px_is_followed():
    """In the corner where the search looks last, before trees and houses. The model alone finds him in none of 300 pictures."""
    path = Path(os.environ.get("BIOHUMAN_DATA", ROOT.parent / "shared" / "data")) / SAMPLE
    if not path.with_suffix(".mp4").exists():
        pytest.skip(f"no {path}.mp4; set BIOHUMAN_DATA to a folder that has {SAMPLE}.mp4")
    with np.load(path.with_suffix(".npz")) as truth:
        pelvis_cam_mm, K_px, stature_mm = truth["joints_cam"][:, 0], truth["K"], float(truth["stature"])
    scale = PERSON_PX / np.median(K_px[1, 1] * stature_mm / pelvis_cam_mm[:, 2])
    pelvis_px = (pelvis_cam_mm @ K_px.T)[:, :2] / pelvis_cam_mm[:, 2:] * scale
    with open_source(str(fetched("sample_jump"))) as source:
        background = next_of(source).image_bgr[: SIZE_PX[1], 1128:]
    found, errors = [], []
    with (
        open_source(str(path.with_suffix(".mp4"))) as source,
        open_front_end(landmarker=fetched("landmarker_full")) as front_end,
    ):
        for i in range(len(pelvis_px)):
            large = next_of(source)
            small = cv2.resize(large.image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            left, top = SIZE_PX[0] - small.shape[1], SIZE_PX[1] - small.shape[0]
            picture = background.copy()
            picture[top:, left:] = small
            frame = front_end.detect(picture, round((large.pts_s or 0) * 1e9))
            found.append(frame.detected)
            if frame.detected:
                hips_px = frame.xy_norm[[LEFT_HIP, RIGHT_HIP]].mean(axis=0) * SIZE_PX
                errors.append(np.linalg.norm(hips_px - pelvis_px[i] - (left, top)))
    assert np.mean(found) >= 0.95
    assert all(found[found.index(True) :])  # never lost again
    assert np.percentile(errors, 95) < 0.1 * PERSON_PX
