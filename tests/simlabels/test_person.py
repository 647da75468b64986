"""Who performs a clip: height, mass, the size of the motion, and what is said of how they are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic_bvh import write_bvh
from simlabels import person
from simlabels.folder import ClipFile, Subject, list_clips
from simlabels.make import make_labels
from simlabels.person import agreed, estimated_mass, sized, with_sizes
from simlabels.readers.bvh import read_bvh
from simlabels.readers.retarget import retarget

from .test_amc import write_asf_amc


def resized(path, factor):
    """The file with all lengths times `factor`: another person of the same proportions."""
    lines = path.read_text().splitlines()
    start = lines.index("MOTION") + 3
    for i, line in enumerate(lines):
        words = line.split()
        if words and words[0] == "OFFSET":
            lines[i] = "OFFSET " + " ".join(str(factor * float(w)) for w in words[1:])
        elif i >= start and words:
            lines[i] = " ".join([*(str(factor * float(w)) for w in words[:3]), *words[3:]])
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    """Subject 1 has two skeletons of one size and a rig 1.2 times as long, which subject 2 has too."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = ["clip,subject,split"]
    for name, subject, factor in (("a", 1, 1.0), ("b", 1, 1.01), ("c", 1, 1.2), ("d", 2, 1.2), ("e", "u_x", 1.0)):
        path = write_bvh(folder / f"{name}.bvh", seconds=1, skew=5)
        resized(path, factor)
        rows.append(f"{name},{subject},train")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def clip(**known) -> ClipFile:
    return ClipFile(clip="x", path=Path("x.bvh"), person=Subject(**known))


def test_a_rig_is_brought_to_the_size_of_its_subject(folder):
    a, b, c, d, e = with_sizes(list_clips(folder))
    assert [x.height_m for x in (a, b, d, e)] == [None] * 4
    assert [x.height_from for x in (a, b, d, e)] == [person.SKELETON, person.SKELETON, person.RIG, person.SKELETON]
    assert c.height_from == person.OTHER_CLIPS
    assert c.height_m == pytest.approx(1.005 * retarget(read_bvh(folder / "a.bvh")).stature_m, abs=1e-3)
    # without another one the rig is all that is known
    (folder / "a.bvh").unlink()
    (folder / "b.bvh").unlink()
    assert {x.height_from for x in with_sizes(list_clips(folder)) if x.subject != "u_x"} == {person.RIG}


def test_two_skeletons_that_differ_are_left_alone_and_named(folder):
    for name in ("b", "d"):
        (folder / f"{name}.bvh").unlink()
    a, c, _ = with_sizes(list_clips(folder))
    assert [x.height_m for x in (a, c)] == [None, None]
    assert {x.height_from for x in (a, c)} == {person.DISAGREEING}
    assert agreed([1.7, 1.72, 2.0]) == pytest.approx(1.71)
    assert agreed([1.65, 2.0]) is None


def test_a_skeleton_that_cannot_be_read_has_no_say(folder):
    (folder / "c.bvh").write_text("HIERARCHY nothing")
    clips = with_sizes(list_clips(folder))
    assert clips[2].height_from == person.SKELETON  # labelling it gives the error
    assert clips[3].height_from == person.SKELETON  # and it is nobody else's


def test_an_asf_is_a_skeleton_too(folder, bvh_file):
    write_asf_amc(read_bvh(bvh_file), folder, "01_02")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text() + "01_02,2,train\n")
    asf, *_, d, _ = with_sizes(list_clips(folder))
    assert asf.height_from == person.SKELETON
    assert d.height_from == person.OTHER_CLIPS  # the rig of subject 2: now there is better
    assert d.height_m == pytest.approx(retarget(read_bvh(bvh_file)).stature_m, abs=0.01)


def test_the_whole_motion_is_scaled(motion):
    bigger, who = sized(motion, clip(height_m=1.2 * motion.stature_m))
    assert who.notes["scale"] == pytest.approx(1.2)
    assert who.notes["skeleton_height_m"] == pytest.approx(motion.stature_m)
    assert who.notes["height_from"] == person.SAID
    assert bigger.stature_m == pytest.approx(1.2 * motion.stature_m)
    joints_m, R = motion.forward()
    np.testing.assert_allclose(bigger.forward()[0], 1.2 * joints_m, atol=1e-12)
    np.testing.assert_array_equal(bigger.forward()[1], R)


def test_legs_of_people_differ_so_a_skeleton_within_5_percent_is_believed(motion):
    for factor in (0.96, 1.04):
        same, who = sized(motion, clip(height_m=factor * motion.stature_m))
        assert same is motion
        assert who.notes["scale"] == 1.0
    assert sized(motion, clip())[0] is motion


def test_mass_is_said_or_estimated_and_the_record_says_which(motion):
    who = sized(motion, clip(mass_kg=61.5, height_m=1.7, sex="f"))[1]
    assert (who.mass_kg, who.weighed, who.notes["mass_from"]) == (61.5, True, "subjects.csv")
    who = sized(motion, clip())[1]
    assert (who.mass_kg, who.weighed, who.notes["mass_from"]) == (None, False, "leg length")
    # ANSUR II: the mean man and woman come out as they were weighed
    assert estimated_mass(Subject(sex="Male", height_m=1.756), 1.0) == (pytest.approx(85.5), "sex and height")
    assert estimated_mass(Subject(sex="f"), 1.629) == (pytest.approx(67.8), "sex and height")
    mass_kg, how = estimated_mass(Subject(height_m=1.7), 1.9)
    assert how == "height"
    assert mass_kg == pytest.approx(26.6 * 1.7**2, rel=0.01)
    assert estimated_mass(Subject(sex="not said"), 1.7) == (None, "leg length")


def test_the_dataset_says_how_it_is_known(folder, tmp_path, the_body):
    (folder / "subjects.csv").write_text("subject,sex,height_m,mass_kg\n2,f,1.60,58\n")
    make_labels(folder, tmp_path / "out", body=the_body)
    info = json.loads((tmp_path / "out" / "dataset.json").read_text())
    known = info["clip_details"]
    assert known["a"]["scale"] == 1.0
    assert known["c"]["height_from"] == person.OTHER_CLIPS
    assert known["c"]["scale"] == pytest.approx(1.005 / 1.2, abs=1e-3)
    assert (known["d"]["height_from"], known["d"]["mass_from"]) == ("subjects.csv", "subjects.csv")
    assert known["d"]["scale"] == pytest.approx(1.60 / known["d"]["skeleton_height_m"])
    assert info["settings"]["person"]["strength"].startswith("fmax x (mass ratio)^(2/3)")
