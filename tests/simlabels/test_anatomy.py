"""Joints that are turned over: head and hands are straightened and counted, a foot makes the frame no kinematics."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.body.dataset import REJECT_REASONS
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import joint_index
from simlabels.anatomy import feet_turned_over, straightened
from simlabels.label import label_clip


def turned(motion, joint, degrees, frames):
    R_local = motion.R_local.copy()
    R_local[frames, joint_index(joint)] = from_axis_angle(np.radians([0, 0, degrees]))
    return replace(motion, R_local=R_local)


@pytest.mark.parametrize(("joint", "allowed", "over"), [("head", 90, 130), ("left_wrist", 120, 160), ("right_wrist", 120, 160)])
def test_head_and_hands_are_put_straight(motion, joint, allowed, over):
    j, some = joint_index(joint), slice(10, 15)
    straight, count = straightened(turned(motion, joint, over, some))
    assert count == {joint: 5}
    np.testing.assert_array_equal(straight.R_local[some, j], np.tile(np.eye(3), (5, 1, 1)))
    untouched = np.ones(motion.R_local.shape[:2], bool)
    untouched[some, j] = False
    np.testing.assert_array_equal(straight.R_local[untouched], motion.R_local[untouched])
    ordinary = turned(motion, joint, allowed, some)
    assert straightened(ordinary) == (ordinary, {})


def test_a_foot_turned_over_is_rejected_as_ik(motion, the_body):
    assert not feet_turned_over(turned(motion, "left_ankle", 100, slice(3, 6)).R_local).any()
    labels = label_clip(the_body, turned(motion, "right_ankle", 170, slice(40, 44)))
    ik = labels.own_reject >> REJECT_REASONS.index("ik") & 1
    assert np.flatnonzero(ik).tolist() == [40, 41, 42, 43]
