"""The told height sets the metric scale: the model follows it to some per cent, the published body to the millimetre."""

import numpy as np

from .body.skeleton import REST_STATURE_M, joint_index, rest_offsets_m

_HEAD = [joint_index(name) for name in ("spine1", "spine2", "spine3", "neck", "head")]
_LEGS = [joint_index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee", "ankle")]

#: What of the model's outputs is a length. Expected errors stay as they are: a few per cent of them mean nothing.
LENGTHS = ("offsets_m", "joints_m", "pelvis_m", "root_velocity_m_s")


def _head_above_ankles_m(offsets_m: np.ndarray) -> float:
    return float(offsets_m[_HEAD, 1].sum() - offsets_m[_LEGS, 1].sum() / 2)


def stature_m(offsets_m: np.ndarray) -> float:
    """Height of a person with these bones (24, 3): the head joint is 0.865 of it above the ankles (sd between people 0.010)."""
    return _head_above_ankles_m(offsets_m) / _head_above_ankles_m(rest_offsets_m()) * REST_STATURE_M


def scale_to_height(outputs: dict[str, np.ndarray], height_m: float) -> None:
    """Scale a body, in place, about the camera, so that its stature is `height_m`: in the picture it stays where it is."""
    scale = np.float32(height_m / stature_m(outputs["offsets_m"]))
    for name in LENGTHS:
        outputs[name] *= scale
