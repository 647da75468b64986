"""Another person is told by two signs at once: other colours, and a jump."""

import numpy as np
import pytest

from realtime.body.landmarks import LANDMARKS
from realtime.landmarks.mediapipe import is_somebody
from realtime.landmarks.same_person import LOYAL_MS, SamePerson, pixels_per_metre, trunk_colours

RED, GREY, DARK_RED = (60, 70, 190), (120, 120, 120), (20, 30, 140)  # BGR
BODY_M = np.random.default_rng(0).uniform(-0.5, 0.5, (33, 3))
for _name, _xy in {"shoulder": (0.2, -0.5), "hip": (0.12, 0.0), "knee": (0.12, 0.45), "ankle": (0.12, 0.85)}.items():
    for _side, _sign in (("left", 1), ("right", -1)):
        BODY_M[LANDMARKS.index(f"{_side}_{_name}"), :2] = _sign * _xy[0], _xy[1]


def seen(colour, x_px: float = 300.0, px_per_m: float = 200.0):
    """A picture of somebody in this colour, and their landmarks."""
    points_px = BODY_M[:, :2] * px_per_m + (x_px, 240)
    picture = np.full((480, 640, 3), (90, 140, 60), np.uint8)
    low, high = (points_px[LANDMARKS.index(n)].astype(int) for n in ("right_shoulder", "left_hip"))
    picture[low[1] : high[1], low[0] : high[0] + 60] = colour
    return picture, points_px, BODY_M


@pytest.fixture
def person() -> SamePerson:
    """Somebody in red who has been there for 1 s."""
    same = SamePerson()
    assert all(same.accepts(*seen(RED), t_ms) for t_ms in range(0, 1000, 33))
    return same


ELSEWHERE, NEARER = {"x_px": 420.0}, {"px_per_m": 290.0}


@pytest.mark.parametrize("jump", [ELSEWHERE, NEARER])
def test_other_colours_and_a_jump_are_another(person, jump):
    assert not person.accepts(*seen(GREY, **jump), 1000)
    assert not person.accepts(*seen(GREY), 1033)  # back where the person was: still the other
    assert person.accepts(*seen(RED), 1066)


@pytest.mark.parametrize("jump", [ELSEWHERE, NEARER])
def test_a_jump_alone_is_none(person, jump):
    assert person.accepts(*seen(RED, **jump), 1000)


def test_other_colours_alone_are_none(person):
    assert person.accepts(*seen(GREY), 1000)


def test_shade_is_no_other_colour(person):
    assert person.accepts(*seen(DARK_RED, **ELSEWHERE), 1000)


def test_slow_changes_are_followed(person):
    for i in range(40):
        colour = tuple(int(r + (g - r) * i / 39) for r, g in zip(RED, GREY, strict=True))
        assert person.accepts(*seen(colour, x_px=300 + 3 * i), 1000 + 33 * i)


def test_only_the_last_moments_are_kept(person):
    assert len(person._past) <= 300 / 33 + 1


def test_loyalty_ends(person):
    assert not person.accepts(*seen(GREY, **ELSEWHERE), 1000)
    assert not person.accepts(*seen(GREY, **ELSEWHERE), 900 + LOYAL_MS)
    assert person.accepts(*seen(GREY, **ELSEWHERE), 1001 + LOYAL_MS)


def test_who_cannot_be_seen_has_no_colours(person):
    picture, points_px, body_m = seen(GREY, x_px=2000.0)
    assert trunk_colours(picture, points_px) is None
    assert person.accepts(picture, points_px, body_m, 1000)


def test_scale_is_that_of_the_drawing():
    assert pixels_per_metre(seen(RED, px_per_m=123.0)[1], BODY_M) == pytest.approx(123, rel=1e-5)


def test_who_is_not_in_the_picture_is_nobody():
    inside, sure = np.full((33, 2), 0.5), np.full(33, 0.9)
    assert is_somebody(inside, sure)
    assert not is_somebody(inside, np.full(33, 0.4))
    assert not is_somebody(inside + 1, sure)
    half = inside.copy()
    half[:20] += 1  # what is outside does not count
    assert is_somebody(half, np.where(np.arange(33) < 20, 0.1, 0.9))
