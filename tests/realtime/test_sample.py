"""The film that ships: it is what its truth says, and the shipped tracker finds the person where the truth has them."""

import numpy as np
import pytest

from realtime.assets import fetch
from realtime.body.errors import AssetError
from realtime.body.frames import State
from realtime.body.muscles import muscle_index
from realtime.body.skeleton import JOINTS
from realtime.capture import open_source
from realtime.engines import open_engine
from realtime.landmarks import open_front_end
from realtime.sample import FILM, load_truth
from realtime.tracker import Tracker
from simlabels.inspect.landmark_errors import procrustes

LIMBS = [JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("shoulder", "elbow", "hip", "knee", "ankle")]


@pytest.fixture(scope="module")
def tracked():
    """What the shipped tracker says of each picture."""
    try:
        landmarker = fetch("landmarker_full")
    except AssetError as error:
        pytest.skip(f"needs the landmark model: {error}")
    frames = []
    with open_source(str(FILM)) as source, open_front_end(landmarker=landmarker) as front_end:
        tracker = Tracker(front_end, open_engine())
        while (picture := source.read()) is not None:
            frames.append(tracker.step(picture))
    return frames


def test_the_truth_has_a_row_for_each_picture():
    truth = load_truth()
    with open_source(str(FILM)) as source:
        count = 0
        while (picture := source.read()) is not None:
            count += 1
            assert picture.image_bgr.shape == (360, 480, 3)
        assert source.fps == pytest.approx(30)
    assert count == 300
    for name in ("quat_wxyz", "joints_world_m", "R_cam_world", "t_cam_m", "valid", "contact", "grf_BW", "activation"):
        assert len(getattr(truth, name)) == count, name
    assert truth.valid.mean() > 0.5
    assert 1.4 < truth.stature_m < 2.0


def test_forces_carry_the_person_and_muscles_work():
    truth = load_truth()
    up_BW = truth.grf_BW[truth.valid, :, 1].sum(1)
    assert np.median(up_BW) == pytest.approx(1, abs=0.1)
    soleus = truth.activation[truth.valid][:, muscle_index("soleus_l")].astype(float)
    assert 0 <= soleus.min() < soleus.max() <= 1
    assert soleus.max() > 0.1


def test_the_shipped_tracker_sees_what_the_truth_says(tracked):
    truth = load_truth()
    seen = [i for i, frame in enumerate(tracked) if frame.state == State.TRACKING]
    assert len(seen) > 0.95 * len(tracked)
    body_m, truth_m = np.stack([tracked[i].joints_m[LIMBS] for i in seen]).astype(float), truth.joints_cam_m[seen][:, LIMBS]
    error_mm = 1000 * np.linalg.norm(procrustes(body_m, truth_m) - truth_m, axis=-1)
    assert np.median(error_mm.mean(1)) < 90
