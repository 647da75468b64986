"""OpenSim's joint angles to the body and back."""

import numpy as np
import pytest

from realtime.body.errors import InputError
from simlabels.coordinates import coordinates_of_body, positions_of


@pytest.fixture
def walk():
    """Coordinates of half a second, smooth, all different, within every limit."""
    t = np.linspace(0, 0.5, 30)
    names = [f"{n}_{s}" for s in "rl" for n in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")]
    names += [f"{n}_{s}" for s in "rl" for n in ("arm_flex", "arm_add", "arm_rot", "elbow_flex")]
    names += ["pelvis_tilt", "pelvis_list", "pelvis_rotation", "lumbar_extension", "lumbar_bending", "lumbar_rotation"]
    out = {name: 0.12 * np.sin(2 * np.pi * t + i) for i, name in enumerate(names)}
    for name in out:
        if name.startswith(("knee", "elbow")):
            out[name] = 0.3 + out[name]
        if name.startswith("arm_add"):
            out[name] = out[name] - 0.6
    return out | {"pelvis_tx": 1.2 * t, "pelvis_ty": 0.95 + 0.02 * t, "pelvis_tz": 0.1 * t}


def test_there_and_back(body, walk):
    back = coordinates_of_body(body, positions_of(body, walk))
    for name, values in walk.items():
        # The lumbar joint bends by coupled vertebrae and the shoulder's scapula follows: their rotations are met, not given.
        tolerance = 0.02 if name.startswith(("lumbar", "arm")) else 1e-6 if name.startswith(("hip", "knee", "ankle")) else 2e-3
        np.testing.assert_allclose(back[name], values, atol=tolerance, err_msg=name)


def test_segments_point_where_the_signs_say(body, walk):
    zero = {name: np.zeros(1) for name in walk} | {"pelvis_ty": np.array([0.95])}
    for name, segment, axis, sign in (
        ("hip_flexion_r", "tibia_r", 0, 1),  # MuJoCo's x is OpenSim's: forward
        ("knee_angle_l", "talus_l", 0, -1),
        ("hip_adduction_r", "tibia_r", 1, 1),  # towards the midline: to the left, MuJoCo's +y
        ("hip_adduction_l", "tibia_l", 1, -1),
        ("arm_flex_r", "ulna_r", 0, 1),
    ):
        body.pose(positions_of(body, zero)[0])
        before = body.data.body(segment).xpos[axis]
        body.pose(positions_of(body, zero | {name: np.array([0.4])})[0])
        assert sign * (body.data.body(segment).xpos[axis] - before) > 0.05, name


def test_knees_that_bend_towards_negative_angles_are_known(body, walk):
    turned = walk | {name: -walk[name] for name in walk if name.startswith("knee")}
    np.testing.assert_allclose(positions_of(body, turned), positions_of(body, walk))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"knee_angle_l": None}, "no knee_angle_l"),
        ({"hip_flexion_r": np.array([0.0, np.nan] + [0.0] * 28)}, "hip_flexion_r is not finite at frame 1"),
    ],
)
def test_what_is_no_motion(body, walk, broken, message):
    for name, values in broken.items():
        walk.pop(name)
        if values is not None:
            walk[name] = values
    with pytest.raises(InputError, match=message):
        positions_of(body, walk)
