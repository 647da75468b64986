"""The marker sets that come with the package: on bodies that exist, symmetric, and with the names of real trials."""

import numpy as np
import pytest

from simlabels.marker_set import load_marker_set, marker_set_names
from simlabels.readers.trc import read_trc

SETS = {"cmu41": 41, "gait2354": 39, "rajagopal_walk": 49, "subject4": 49}  # without virtual markers


def test_the_sets_are_there():
    assert set(SETS) <= set(marker_set_names())


@pytest.mark.parametrize("name", SETS)
def test_markers_sit_on_bodies_of_ours_near_their_origin(body, name):
    markers = load_marker_set(name).markers
    assert len(markers) == len({m.name for m in markers}) == SETS[name]
    bodies = {body.model.body(i).name for i in range(body.model.nbody)}
    for m in markers:
        assert m.body in bodies, m.name
        assert np.abs(m.position_m).max() < 0.75
        if m.side and m.landmark in ("asis", "psis", "knee_lateral", "ankle_lateral", "mt5", "acromion", "elbow_lateral"):
            assert m.position_m[2] * (1 if m.side == "r" else -1) > 0.02, m.name  # z is to the right
    for landmark in ("asis", "heel", "knee_lateral", "acromion"):
        sides = {m.side for m in markers if m.landmark == landmark}
        assert sides == {"r", "l"}, landmark


@pytest.mark.parametrize("name", SETS)
def test_left_mirrors_right(name):
    """Bony landmarks within 3 cm; people and hands that stick markers on are not symmetric."""
    markers = load_marker_set(name)
    for landmark in ("asis", "knee_lateral", "ankle_lateral", "heel", "acromion", "elbow_lateral"):
        right, left = ([markers.markers[i].position_m for i in markers.at(landmark, side)] for side in "rl")
        for a, b in zip(right, left, strict=True):
            np.testing.assert_allclose(a, b * [1, 1, -1], atol=0.03, err_msg=landmark)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "trial", "most_unknown"),
    [
        ("gait2354", "gait2354/markers_walk.trc", 10),  # arms and temples
        ("rajagopal_walk", "walking_emg/markers_static.trc", 0),
        ("subject4", "subject4/static_markers.trc.gz", 6),
    ],
)
def test_trials_use_these_names(data_folder, name, trial, most_unknown):
    file = data_folder / "reference" / trial
    if not file.is_file():
        pytest.skip(f"no {file}")
    from simlabels.marker_set import files  # the set with its virtual markers

    text = (files("simlabels") / "marker_sets" / f"{name}.csv").read_text()
    known = {line.split(",")[0] for line in text.splitlines()}
    seen = set(read_trc(file).names)
    assert len(seen - known) <= most_unknown, seen - known
    assert len(load_marker_set(name).having(tuple(seen)).markers) >= 31
