"""Skin markers to joint angles: a person with known markers and angles is found again."""

import numpy as np
import pytest

from realtime.body.errors import InputError, UnknownName
from simlabels.coordinates import positions_of
from simlabels.marker_place import factors_of, joint_centres_m, place_markers, trial_kinematics
from simlabels.marker_set import Marker, MarkerSet, load_marker_set
from simlabels.musculo.scale import scale_body

FACTORS = {
    "pelvis": 1.04,
    "femur": 1.06,
    "tibia": 1.02,
    "foot": 1.03,
    "trunk": 1.05,
    "humerus": 1.04,
    "forearm": 1.0,
    "hand": 1.0,
}
MASS_KG = 80.0


def _sided(name: str, body: str, place: tuple[float, float, float], landmark: str | None) -> list[Marker]:
    x, y, z = place
    return [
        Marker(name=f"{s.upper()}.{name}", body=f"{body}_{s}" if body != "pelvis" and body != "torso" else body,
               position_m=np.array([x, y, sign * z]), landmark=landmark, side=s)
        for s, sign in (("r", 1), ("l", -1))
    ]  # fmt: skip


@pytest.fixture
def marker_set(body):
    """Where a careful person puts markers on the generic body, in its segments' axes."""
    knee_m = body.model.body_pos[body.model.body("tibia_r").id]
    ankle_m = body.model.body_pos[body.model.body("talus_r").id]
    rows = [
        _sided("ASIS", "pelvis", (0.02, 0.02, 0.128), "asis"),
        _sided("PSIS", "pelvis", (-0.15, 0.02, 0.045), "psis"),
        _sided("Acromion", "torso", (-0.02, 0.40, 0.17), "acromion"),
        _sided("TH1", "femur", (0.08, -0.20, 0.06), None),
        _sided("TH2", "femur", (0.04, -0.28, 0.09), None),
        _sided("Knee", "femur", (knee_m[0], knee_m[1], 0.05), "knee_lateral"),
        _sided("MKnee", "femur", (knee_m[0], knee_m[1], -0.05), "knee_medial"),
        _sided("SH1", "tibia", (0.04, -0.15, 0.05), None),
        _sided("SH2", "tibia", (0.02, -0.25, 0.05), None),
        _sided("Ankle", "tibia", (ankle_m[0], ankle_m[1], 0.04), "ankle_lateral"),
        _sided("MAnkle", "tibia", (ankle_m[0], ankle_m[1], -0.04), "ankle_medial"),
        _sided("Heel", "calcn", (-0.02, 0.02, 0.0), "heel"),
        _sided("Toe", "calcn", (0.20, 0.0, 0.0), "toe"),
    ]
    return MarkerSet("careful", tuple(marker for row in rows for marker in row))


def seen_m(body, q, markers):
    """Where the markers of the body as it is scaled now are seen, (T, M, 3)."""
    out = np.zeros((len(q), len(markers.markers), 3))
    for t in range(len(q)):
        body.pose(q[t])
        for i, m in enumerate(markers.markers):
            b = body.model.body(m.body).id
            place = m.position_m * body.body_factor[b]
            out[t, i] = body.data.xpos[b] + body.data.xmat[b].reshape(3, 3) @ place
    return out


@pytest.fixture
def walk(body):
    t = np.linspace(0, 1, 50)
    c = {"pelvis_tx": 1.2 * t, "pelvis_ty": np.full(50, 0.97), "pelvis_tz": 0 * t}
    c |= {"pelvis_tilt": 0.05 * np.sin(6 * t), "pelvis_list": 0.04 * np.cos(6 * t), "pelvis_rotation": 0.1 * np.sin(6 * t)}
    for s, phase in (("r", 0.0), ("l", np.pi)):
        c[f"hip_flexion_{s}"] = 0.4 * np.sin(6 * t + phase)
        c[f"knee_angle_{s}"] = 0.5 + 0.4 * np.sin(6 * t + phase + 1)
        c[f"ankle_angle_{s}"] = 0.15 * np.sin(6 * t + phase + 2)
        c[f"hip_adduction_{s}"] = 0.06 * np.sin(6 * t + phase)
    return c


def test_the_person_and_the_movement_are_found(body, marker_set, walk, rng):
    scale_body(body, FACTORS, MASS_KG)
    static_m = seen_m(body, body.standing()[None], marker_set)
    static_m = np.repeat(static_m, 20, axis=0) + rng.normal(scale=0.0005, size=(20, 1, 3))
    q = positions_of(body, walk)
    trial_m = seen_m(body, q, marker_set)
    placement = place_markers(body, marker_set, static_m, MASS_KG)
    for segment, tolerance in (("femur", 0.05), ("tibia", 0.02), ("trunk", 0.05), ("pelvis", 0.08)):  # hips are a regression
        assert placement.factors[segment] == pytest.approx(FACTORS[segment], abs=tolerance), segment
    names = [m.name for m in marker_set.markers]
    found = trial_kinematics(body, placement, names, trial_m)
    assert np.median(found.rms_m) < 0.004
    for joint in ("hip_flexion_r", "knee_angle_l", "ankle_angle_r", "hip_adduction_l"):
        k = 7 + body.joints.index(joint)
        off = found.q[:, k] - q[:, k]
        assert np.degrees(np.abs(off - off.mean()).max()) < 2, joint
        assert abs(np.degrees(off.mean())) < 8, joint


def test_absent_markers_are_done_without(body, marker_set, walk):
    scale_body(body, FACTORS, MASS_KG)
    static_m = seen_m(body, body.standing()[None], marker_set)
    trial_m = seen_m(body, positions_of(body, walk), marker_set)
    placement = place_markers(body, marker_set, static_m, MASS_KG)
    names = [m.name for m in marker_set.markers]
    whole = trial_kinematics(body, placement, names, trial_m).q
    trial_m[10:20, names.index("R.TH1")] = np.nan
    trial_m[0, names.index("L.ASIS")] = np.nan
    trial_m[:, names.index("L.SH2")] = np.nan
    gappy = trial_kinematics(body, placement, names, trial_m).q
    assert np.degrees(np.abs(gappy - whole)[:, 7:].max()) < 2


def test_factors_need_knees(body, marker_set):
    no_knees = MarkerSet("n", tuple(m for m in marker_set.markers if m.landmark != "knee_medial"))
    point_m = seen_m(body, body.standing()[None], no_knees)[0]
    with pytest.raises(InputError, match="no knee or ankle centre"):
        factors_of(body, joint_centres_m(no_knees, point_m))


def test_swapped_names_are_told(body, marker_set):
    static_m = seen_m(body, body.standing()[None], marker_set)
    names = [m.name for m in marker_set.markers]
    a, b = names.index("R.TH1"), names.index("R.SH1")
    static_m[:, [a, b]] = static_m[:, [b, a]]
    with pytest.raises(InputError, match=r"R\.(TH1|SH1) lies \d+ mm from its place"):
        place_markers(body, marker_set, static_m, MASS_KG)


def test_markers_that_are_never_there(body, marker_set):
    static_m = seen_m(body, body.standing()[None], marker_set)
    static_m[:, 3] = np.nan
    with pytest.raises(InputError, match=f"never shows {marker_set.markers[3].name}"):
        place_markers(body, marker_set, static_m, MASS_KG)


def test_a_set_is_a_table(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "# ours\nname,body,x_m,y_m,z_m,landmark\nR.Knee,femur_r,0,-0.4,0.05,lateral femoral epicondyle\n"
        "mid,ground,0,0,0,virtual\nC7,torso,-0.05,0.4,0,7th cervical vertebra\n"
    )
    markers = load_marker_set(str(path)).markers
    assert [(m.name, m.landmark, m.side) for m in markers] == [("R.Knee", "knee_lateral", "r"), ("C7", "c7", None)]
    path.write_text("name,body\nR.Knee,femur_r\n")
    with pytest.raises(InputError, match="missing"):
        load_marker_set(str(path))
    with pytest.raises(UnknownName):
        load_marker_set("cmu42")
