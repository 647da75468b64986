"""The part of the picture that the landmark model is shown: where to look for a small person, and how to stay with them.

The model's detector sees 224 pixels: below a quarter of the picture's height it finds nobody, while the same person in a
window of twice their size is always found (3 of 300 frames against 300 of 300). Once found, size hardly matters.
Between pictures the model remembers where the person was *in the window*, so a window may pan and zoom only slowly.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

SEARCH_SIDE = 0.6  # of the picture's shorter side: finds people from 0.15 of it up
FOLLOW_SIDE = 2.2  # of the person's larger extent
LOST_SIDE_PER_S = 6.0  # how fast that window grows for a lost person, of the same extent: nobody gets away faster
MIN_SIDE_PX = 160  # below, the model finds little
PAN_PER_PICTURE = 0.04  # of the window's side
ZOOM_PER_PICTURE = 0.03


@dataclass(frozen=True)
class Region:
    """A window of the picture, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def around(cls, centre_px: np.ndarray, side_px: float, image_size_px: tuple[int, int]) -> "Region":
        """A square about a point, moved into the picture and cut down to it."""
        width, height = (min(round(side_px), size) for size in image_size_px)
        left = min(max(round(float(centre_px[0]) - width / 2), 0), image_size_px[0] - width)
        top = min(max(round(float(centre_px[1]) - height / 2), 0), image_size_px[1] - height)
        return cls(left, top, width, height)

    @classmethod
    def whole(cls, image_size_px: tuple[int, int]) -> "Region":
        """The picture itself."""
        return cls(0, 0, *image_size_px)

    def cut(self, image: np.ndarray) -> np.ndarray:
        """A view of the window."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]

    def to_image_norm(self, xy_norm: np.ndarray, image_size_px: tuple[int, int]) -> np.ndarray:
        """Points (..., 2) in 0..1 of the window as 0..1 of the picture."""
        return (xy_norm * (self.width, self.height) + (self.left, self.top)) / image_size_px


def search_regions(image_size_px: tuple[int, int]) -> list[Region]:
    """Overlapping windows that cover the picture, the middle first; none if they would be too small to see anything."""
    side = round(SEARCH_SIDE * min(image_size_px))
    if side < MIN_SIDE_PX:
        return []
    # Half a side apart: whoever is smaller than half a window lies whole in one of them.
    lefts, tops = (
        np.linspace(0, size - side, ceil((size - side) / (side / 2)) + 1).round().astype(int) for size in image_size_px
    )
    regions = [Region(int(left), int(top), side, side) for top in tops for left in lefts]
    middle = np.array(image_size_px) / 2
    return sorted(regions, key=lambda r: float(np.hypot(*(np.array([r.left, r.top]) + side / 2 - middle))))


def region_of_person(xy_norm: np.ndarray, image_size_px: tuple[int, int], lost_s: float = 0.0) -> Region:
    """The window in which these landmarks (33, 2), 0..1 of the picture, are large enough and have room to move.

    Args:
        lost_s: how long ago they were seen.
    """
    points_px = xy_norm * image_size_px
    low_px, high_px = points_px.min(axis=0), points_px.max(axis=0)
    side_px = max((FOLLOW_SIDE + LOST_SIDE_PER_S * lost_s) * float((high_px - low_px).max()), MIN_SIDE_PX)
    return Region.around((low_px + high_px) / 2, side_px, image_size_px)


def follow(region: Region, xy_norm: np.ndarray, image_size_px: tuple[int, int]) -> Region:
    """The next picture's window: one careful step from `region` towards `region_of_person`."""
    goal = region_of_person(xy_norm, image_size_px)
    now_px, goal_px = (np.array([r.left + r.width / 2, r.top + r.height / 2]) for r in (region, goal))
    side, goal_side = (max(r.width, r.height) for r in (region, goal))
    step_px = np.clip(goal_px - now_px, -PAN_PER_PICTURE * side, PAN_PER_PICTURE * side)
    side *= float(np.clip(goal_side / side, 1 - ZOOM_PER_PICTURE, 1 + ZOOM_PER_PICTURE))
    return Region.around(now_px + step_px, side, image_size_px)
