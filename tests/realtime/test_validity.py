"""What a frame does not show is named, and stays named until it is well in the picture again."""

from dataclasses import replace

import numpy as np

from realtime.body.landmarks import LANDMARKS
from realtime.body.muscles import muscle_table
from realtime.body.skeleton import JOINTS
from realtime.validity import SEEN, UNSEEN, ValidityRule

from .doubles import someone

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
