"""What a frame does not show is named, and stays named until it is well in the picture again."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.body.landmarks import LANDMARKS
from realtime.body.muscles import muscle_table
from realtime.body.skeleton import JOINTS
from realtime.capture import open_source
from realtime.landmarks import open_front_end
from realtime.validity import EDGE, SEEN, UNSEEN, ValidityRule

from .doubles import someone
from .test_landmarks import fetched
from .videos import next_of

LEGS = [i for i, name in enumerate(LANDMARKS) if name.split("_")[-1] in ("knee", "ankle", "heel") or "foot" in name]


def cut_off_below_the_hips():
    frame = someone()
    xy_norm = frame.xy_norm.copy()
    xy_norm[LEGS, 1] = 1.2
    return replace(frame, xy_norm=xy_norm)


def test_all_is_valid_when_all_is_seen():
    validity = ValidityRule().update(someone())
    assert validity.joint_valid.all()
    assert validity.activation_valid.all()
    assert validity.unseen == ()


def test_legs_below_the_picture():
    validity = ValidityRule().update(cut_off_below_the_hips())
    unseen = {name for name, valid in zip(JOINTS, validity.joint_valid, strict=True) if not valid}
    assert unseen == {f"{side}_{part}" for side in ("left", "right") for part in ("knee", "ankle", "foot")}
    assert validity.unseen == ("left_leg", "right_leg")
    for muscle, valid in zip(muscle_table(), validity.activation_valid, strict=True):
        assert valid == (muscle.region != "leg"), muscle.name


def test_one_hidden_wrist_makes_one_arm_doubtful():
    frame = someone()
    visibility = frame.visibility.copy()
    visibility[LANDMARKS.index("right_wrist")] = 0.1
    validity = ValidityRule().update(replace(frame, visibility=visibility))
    assert validity.unseen == ("right_arm",)
    assert not validity.joint_valid[JOINTS.index("right_wrist")]
    arms = [v for m, v in zip(muscle_table(), validity.activation_valid, strict=True) if m.region == "arm" and m.side == "l"]
    assert arms
    assert all(arms)


def test_the_answer_does_not_flicker():
    rule, between = ValidityRule(), (SEEN + UNSEEN) / 2

    def is_valid(visibility: float) -> bool:
        return bool(rule.update(replace(someone(), visibility=np.full(33, visibility, np.float32))).joint_valid.all())

    assert [is_valid(v) for v in (between, 0.9, between, between, 0.1, between, 0.9)] == [
        *(False, True, True, True, False, False, True)
    ]


def test_nobody_is_nothing():
    validity = ValidityRule().update(someone().nobody((64, 48)))
    assert not validity.joint_valid.any()
    assert not validity.activation_valid.any()


@pytest.mark.parametrize(
    ("edge_px", "named"), [(1920, 0.0), (1007, 0.95), (870, 0.95)], ids=["whole", "mid-shank", "mid-thigh"]
)
def test_a_real_man_whose_legs_are_cut_off_by_the_edge(edge_px, named):
    """MediaPipe guesses an ankle that is cut off onto the picture's edge, with a visibility of 0.6."""
    rule, legs_unseen = ValidityRule(), []
    with (
        open_source(str(fetched("balance_cam02"))) as source,
        open_front_end(landmarker=fetched("landmarker_full")) as front_end,
    ):
        for _ in range(40):
            picture = next_of(source)
            landmarks = front_end.detect(picture.image_bgr[:edge_px], round((picture.pts_s or 0) * 1e9))
            assert landmarks.detected
            unseen = rule.update(landmarks).unseen
            legs_unseen += [f"{side}_leg" in unseen for side in ("left", "right")]
    assert np.mean(legs_unseen) >= named if named else not any(legs_unseen)


def test_an_ankle_whose_foot_is_cut_off_is_not_seen():
    frame = spread_out()
    foot = frame.xy_norm.copy()
    foot[LANDMARKS.index("left_foot_index"), 1] = 0.995
    assert ValidityRule().update(frame).unseen == ()
    assert ValidityRule().update(replace(frame, xy_norm=foot)).unseen == ("left_leg",)


def test_close_to_the_edge_is_not_seen():
    frame = spread_out()
    wrist = frame.xy_norm.copy()
    wrist[LANDMARKS.index("right_wrist"), 0] = 1 - 0.25 * EDGE
    assert ValidityRule().update(replace(frame, xy_norm=wrist)).unseen == ("right_arm",)


def spread_out():
    """Somebody who fills half the picture."""
    frame = someone(0.5, 0.25)
    xy_norm = frame.xy_norm.copy()
    for side in ("left", "right"):
        xy_norm[[LANDMARKS.index(f"{side}_{part}") for part in ("ankle", "heel", "foot_index")], 1] = 0.75
    return replace(frame, xy_norm=xy_norm)
