"""Choices NAME.FIELD=VALUE: made by name, of the default's kind, and such that something can be trained with them."""

from dataclasses import dataclass

import pytest

from realtime.body.errors import InputError
from trainer.choices import chosen
from trainer.data.windows import WindowConfig
from trainer.loop import TrainConfig
from trainer.nets.teacher import TeacherConfig


@dataclass(frozen=True)
class Oven:
    degrees: float = 180.0
    minutes: int = 20
    fan: bool = False
    racks: tuple[int, ...] = (1, 2)


def test_choices_are_made_by_name():
    made = chosen({"oven": Oven(), "other": Oven()}, ["oven.degrees=200", "oven.fan=true", "oven.racks=[3]"])
    assert made == {"oven": Oven(200.0, 20, True, (3,)), "other": Oven()}
    assert type(made["oven"].degrees) is float


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("oven.degreees=3", "did you mean oven.degrees"),
        ("oven.fan", "give oven.fan=VALUE"),
        ("oven.degrees=NaN", "oven.degrees is 0 or more, got nan"),
        ("oven.minutes=0", "oven.minutes is 1 or more, got 0"),
        ("oven.minutes=2.5", "is 20 by default"),
        ("oven.fan=1", "is false by default"),
        ("oven.degrees=hot", "is 180.0 by default"),
        ("net.width=30", "multiple of net.heads"),
        ("net.heads=0", "multiple of net.heads"),
        ('net.deltas=["a"]', "numbers of frames"),
        ("net.deltas=[]", "one or more"),
        ("windows.frames=2", "3 or more"),
        ("windows.bank=2.0", "0 to 1, got"),
        ("train.average=1.5", "0 to 1, got"),
        ("train.seed=-1", "train.seed is 0 to 2147483647"),
    ],
)
def test_choices_that_cannot_be(choice, says):
    with pytest.raises(InputError, match=says):
        chosen({"oven": Oven(), "net": TeacherConfig(), "windows": WindowConfig(), "train": TrainConfig()}, [choice])


def test_choices_that_hang_together_are_made_together():
    made = chosen({"net": TeacherConfig()}, ["net.width=30", "net.heads=5"])
    assert made["net"] == TeacherConfig(width=30, heads=5)
