"""A film that ships with the product, and the whole truth about it: a drawn person, so that every joint is known.

Ten seconds of test subject 14 (nobody trains on them), 480x360, 30 fps; made by `simlabels/video/make_sample.py`.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ..body.errors import InputError
from ..body.plain_npz import read_npz

FILM = Path(__file__).parent / "film.mp4"
TRUTH = Path(__file__).parent / "truth.npz"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """About each picture of `FILM`. World: Y up, metres, floor at y = 0; camera: x right, y down, z forward."""

    quat_wxyz: np.ndarray  # (T, 24, 4): rotation of each joint in its parent; the pelvis in the world
    joints_world_m: np.ndarray  # (T, 24, 3)
    R_cam_world: np.ndarray  # (T, 3, 3)
    t_cam_m: np.ndarray  # (T, 3): x_cam = R_cam_world x_world + t_cam
    K_px: np.ndarray  # (3, 3)
    stature_m: np.ndarray  # (): of the person drawn
    joint_visible: np.ndarray  # (T, 24): in the picture, nothing before it but its own flesh
    valid: np.ndarray  # (T,): the simulation's dynamics hold, so that the next three may be used
    contact: np.ndarray  # (T, 4): left heel, left toes, right heel, right toes
    grf_BW: np.ndarray  # (T, 2, 3): under the left and right foot, world, body weights
    activation: np.ndarray  # (T, 354), simulated

    @property
    def joints_cam_m(self) -> np.ndarray:
        """(T, 24, 3)."""
        return np.einsum("tij,tkj->tki", self.R_cam_world, self.joints_world_m) + self.t_cam_m[:, None]


def load_truth(path: Path = TRUTH) -> Truth:
    """The truth about `FILM`.

    Raises:
        InputError: the file is missing, damaged or something else.
    """
    names = [field.name for field in fields(Truth)]
    found = read_npz(path, names, "the truth about the sample film", "install the package again")
    if missing := [name for name in names if name not in found]:
        raise InputError(f"{path} has no {missing[0]}; install the package again")
    return Truth(**found)
