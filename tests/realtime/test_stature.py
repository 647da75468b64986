"""The told height is the stature of the published bones; the body stays where it is in the picture."""

import numpy as np
import pytest

from realtime.body.frames import BodyFrame, LandmarkFrame, State
from realtime.body.skeleton import PARENTS, REST_STATURE_M, rest_offsets_m
from realtime.engines import open_engine
from realtime.stature import scale_to_height, stature_m
from realtime.tracker import Tracker

from . import walker
from .doubles import ScriptedFrontEnd, picture

FRAMES = 40


def track(height_m: float | None) -> tuple[Tracker, list[BodyFrame], list[float]]:
    """The built-in model on somebody who walks: the tracker, its frames, the stature of the bones at each."""
    seen = [
        LandmarkFrame(
            detected=True,
            xy_norm=x["xy_norm"][0],
            visibility=x["visibility"][0],
            landmarks_m=x["landmarks_m"][0],
            image_size_px=(int(walker.SIZE_PX[0]), int(walker.SIZE_PX[1])),
        )
        for x in walker.walk(FRAMES)
    ]
    tracker = Tracker(ScriptedFrontEnd(lambda i: seen[i]), open_engine(), height_m=height_m)
    frames, statures_m = [], []
    for i in range(FRAMES):
        frames.append(tracker.step(picture(i)))
        statures_m.append(stature_m(tracker.offsets_m))
    return tracker, frames, statures_m


@pytest.mark.parametrize("height_m", [1.6, 1.9])
def test_the_told_height_is_the_stature_of_the_bones(height_m):
    tracker, frames, statures_m = track(height_m)
    assert frames[-1].state is State.TRACKING
    np.testing.assert_allclose(statures_m, height_m, rtol=1e-5)
    # The joints are those of these bones.
    lengths_m = np.linalg.norm(frames[-1].joints_m[1:] - frames[-1].joints_m[list(PARENTS[1:])], axis=1)
    np.testing.assert_allclose(lengths_m, np.linalg.norm(tracker.offsets_m[1:], axis=1), rtol=1e-3)


def test_without_a_height_the_model_has_its_way(monkeypatch):
    def refuse(*_):
        raise AssertionError("scaled without a height")

    monkeypatch.setattr("realtime.tracker.scale_to_height", refuse)
    assert np.std(track(None)[2]) > 1e-4


def test_the_body_is_scaled_about_the_camera():
    rng = np.random.default_rng(0)
    before = {
        "offsets_m": rest_offsets_m().astype(np.float32),
        "joints_m": rng.normal((0, 0, -4), 0.5, (24, 3)).astype(np.float32),
        "pelvis_m": np.array([0.2, -0.3, -4], np.float32),
        "root_velocity_m_s": np.ones(3, np.float32),
        "joint_sigma_m": np.ones(24, np.float32),
    }
    after = {name: array.copy() for name, array in before.items()}
    scale_to_height(after, 1.87)
    assert stature_m(after["offsets_m"]) == pytest.approx(1.87)
    for name in ("joints_m", "pelvis_m", "root_velocity_m_s"):
        np.testing.assert_allclose(after[name], before[name] * 1.1, rtol=1e-5)
    np.testing.assert_array_equal(after["joint_sigma_m"], before["joint_sigma_m"])


def test_the_mean_persons_stature_is_known():
    assert stature_m(rest_offsets_m()) == pytest.approx(REST_STATURE_M)
