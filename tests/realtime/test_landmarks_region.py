"""The window onto small people: it covers, it maps exactly, it moves slowly and arrives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.landmarks.region import (
    FOLLOW_SIDE,
    MIN_SIDE_PX,
    PAN_PER_PICTURE,
    ZOOM_PER_PICTURE,
    Region,
    follow,
    region_of_person,
    search_regions,
)

SIZES_PX = [(1280, 720), (1080, 1920), (640, 480), (500, 500), (3840, 400)]


def person(centre_px, height_px, size_px) -> np.ndarray:
    """33 points of an upright person, 0..1 of the picture."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-0.5, 0.5, (33, 2)) * (0.4, 1.0)
    points[:2] = (0, -0.5), (0, 0.5)
    return (points * height_px + centre_px) / size_px


def is_inside(region: Region, size_px) -> bool:
    return (
        region.left >= 0
        and region.top >= 0
        and region.left + region.width <= size_px[0]
        and region.top + region.height <= size_px[1]
        and region.width > 0
        and region.height > 0
    )


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_everybody_smaller_than_half_a_window_is_whole_in_one(size_px):
    regions = search_regions(size_px)
    assert all(is_inside(region, size_px) for region in regions)
    half = 0.3 * min(size_px) - 1
    for centre in np.random.default_rng(1).uniform(half / 2, np.array(size_px) - half / 2, (300, 2)):
        low, high = centre - half / 2, centre + half / 2
        assert any(
            r.left <= low[0] and r.top <= low[1] and high[0] <= r.left + r.width and high[1] <= r.top + r.height
            for r in regions
        )


def test_the_search_begins_in_the_middle_and_small_pictures_have_none():
    first = search_regions((1280, 720))[0]
    assert (first.left + first.width // 2, first.top + first.height // 2) == (640, 360)
    assert search_regions((320, 240)) == []


@given(st.integers(0, 400), st.integers(0, 300), st.integers(1, 240), st.integers(1, 180))
def test_points_map_to_where_the_pixels_are(left, top, width, height):
    image = np.arange(640 * 480, dtype=np.int64).reshape(480, 640)
    region = Region(left, top, width, height)
    shown = region.cut(image)
    corner_norm = np.array([(width - 1) / width, (height - 1) / height])
    x_px, y_px = np.rint(region.to_image_norm(corner_norm, (640, 480)) * (640, 480)).astype(int)
    assert image[y_px, x_px] == shown[-1, -1]


def test_the_whole_picture_is_the_identity():
    xy_norm = np.random.default_rng(0).uniform(size=(33, 2))
    np.testing.assert_allclose(Region.whole((640, 480)).to_image_norm(xy_norm, (640, 480)), xy_norm)


@pytest.mark.parametrize("size_px", SIZES_PX)
@pytest.mark.parametrize("height_px", [20, 100, 350])
def test_following_is_slow_stays_inside_and_arrives(size_px, height_px):
    region = Region.around(np.array([0.0, 0.0]), 240, size_px)
    xy_norm = person((0.7 * size_px[0], 0.5 * size_px[1]), height_px, size_px)
    for _ in range(600):
        before, region = region, follow(region, xy_norm, size_px)
        assert is_inside(region, size_px)
        side = max(before.width, before.height)
        grown = abs(max(region.width, region.height) - side)
        assert grown <= ZOOM_PER_PICTURE * side + 1
        for edge in ("left", "top"):
            assert abs(getattr(region, edge) - getattr(before, edge)) <= PAN_PER_PICTURE * side + grown + 2
    goal = region_of_person(xy_norm, size_px)
    assert max(region.width, region.height) == pytest.approx(max(goal.width, goal.height), abs=2)
    points_px = xy_norm * size_px
    assert np.all(points_px > (region.left, region.top))
    assert np.all(points_px < (region.left + region.width, region.top + region.height))


def test_a_person_who_fills_the_picture_ends_the_window():
    size_px = (640, 480)
    xy_norm = person((320, 240), 400, size_px)
    region = Region.around(np.array([320.0, 240.0]), 300, size_px)
    for _ in range(60):
        region = follow(region, xy_norm, size_px)
    assert region == Region.whole(size_px)


def test_the_window_is_wide_enough_for_steps_and_never_tiny():
    region = region_of_person(person((600, 400), 100, (1280, 720)), (1280, 720))
    assert region.width == region.height == round(FOLLOW_SIDE * 100)
    assert region_of_person(person((600, 400), 10, (1280, 720)), (1280, 720)).width == MIN_SIDE_PX
