"""The BVH reader: round trip, units, and every way in which a file can be wrong."""

import gzip

import numpy as np
import pytest

from benchmarks.synthetic_bvh import UNIT_M, knee_bends, skeleton, write_bvh
from realtime.body.errors import InputError
from simlabels.readers.bvh import axis_rotation, read_bvh


def changed(bvh_file, tmp_path, old, new, count=1):
    text = bvh_file.read_text()
    assert old in text
    path = tmp_path / "changed.bvh"
    path.write_text(text.replace(old, new, count))
    return path


def test_what_was_written_is_read(bvh_file):
    bvh = read_bvh(bvh_file)
    bones = skeleton()
    assert [n for n in bvh.names if not n.endswith("_end")] != list(bones)  # files go depth first
    assert {n for n in bvh.names if not n.endswith("_end")} == set(bones)
    for name, (parent, offset) in bones.items():
        j = bvh.names.index(name)
        np.testing.assert_allclose(bvh.offsets_m[j], np.array(offset) * UNIT_M, atol=1e-6)
        assert (bvh.names[bvh.parents[j]] if bvh.parents[j] >= 0 else "") == parent
    z, y, x = np.radians(knee_bends(4, 30)["LowerBack"]).T
    want = axis_rotation(z, 2) @ axis_rotation(y, 1) @ axis_rotation(x, 0)
    np.testing.assert_allclose(bvh.R_local[:, bvh.names.index("LowerBack")], want, atol=1e-5)
    assert bvh.fps == 30
    assert len(bvh.root_m) == 120


def test_channels_multiply_in_the_order_of_the_file(bvh_file, tmp_path):
    swapped = changed(bvh_file, tmp_path, "Zrotation Yrotation Xrotation", "Xrotation Yrotation Zrotation", count=-1)
    a, b = read_bvh(bvh_file), read_bvh(swapped)
    assert np.abs(a.R_local - b.R_local).max() > 0.1


@pytest.mark.parametrize(("unit_m", "name"), [(0.01, "cm"), (1.0, "m"), (0.001, "mm"), (0.0254, "inch"), (UNIT_M, "cmu")])
def test_the_unit_follows_from_the_leg(bvh_file, tmp_path, unit_m, name):
    factor = UNIT_M / unit_m
    lines = []
    for line in bvh_file.read_text().splitlines():
        if line.strip().startswith("OFFSET"):
            line = "OFFSET " + " ".join(f"{float(v) * factor:.6f}" for v in line.split()[1:])
        lines.append(line)
    path = tmp_path / f"{name}.bvh"
    path.write_text("\n".join(lines))
    bvh = read_bvh(path)
    assert bvh.unit_m == pytest.approx(unit_m)
    np.testing.assert_allclose(bvh.offsets_m, read_bvh(bvh_file).offsets_m, atol=1e-5)


def test_gzip_and_given_frame_rate(bvh_file, tmp_path):
    path = tmp_path / "a.bvh.gz"
    path.write_bytes(gzip.compress(bvh_file.read_bytes()))
    assert read_bvh(path, fps=60).fps == 60
    np.testing.assert_array_equal(read_bvh(path).root_m, read_bvh(bvh_file).root_m)


def test_a_header_that_is_rounded(tmp_path):
    assert read_bvh(write_bvh(tmp_path / "a.bvh", seconds=0.5, fps=120)).fps == 120


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "", "does not begin with HIERARCHY"),
        ("MOTION", "", "has no MOTION"),
        ("Frames: 120", "Frames: 121", "announces 121 frames and holds 120"),
        ("Frames: 120", "Frames: many", "Frames and Frame Time should be numbers"),
        ("Frame Time: 0.0333333", "Frame Time: 0", "are no motion"),
        ("CHANNELS 3 Z", "CHANNELS 2 Z", "'Xrotation' does not belong"),
        ("Xrotation", "Wrotation", "no channel is called 'Wrotation'"),
        ("LeftLeg", "LeftKnee", "no joint 'LeftLeg'"),
        ("OFFSET 2.62", "OFFSET 262", "no human leg"),
        ("OFFSET 2.62", "OFFSET two", "OFFSET should be numbers"),
        ("JOINT LowerBack", "BONE LowerBack", "'BONE' does not belong"),
    ],
)
def test_damage_is_one_line_that_names_the_file(bvh_file, tmp_path, old, new, message):
    path = changed(bvh_file, tmp_path, old, new)
    with pytest.raises(InputError, match=message) as error:
        read_bvh(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(bvh_file, tmp_path, share):
    text = bvh_file.read_text()
    path = tmp_path / "short.bvh"
    path.write_text(text[: int(share * len(text))])
    with pytest.raises(InputError, match=r"short\.bvh.*(cut short|numbers)"):
        read_bvh(path)


def test_wrong_number_of_channels(bvh_file, tmp_path):
    lines = bvh_file.read_text().splitlines()
    lines[-1] = lines[-1].rsplit(" ", 1)[0]
    path = tmp_path / "a.bvh"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="frame 119 should have 90 numbers, found 89"):
        read_bvh(path)


def test_not_a_number(bvh_file, tmp_path):
    lines = bvh_file.read_text().splitlines()
    for word, message in (
        ("nan", r"line 289: 'nan' in frame 119 should be a finite number"),
        ("1,5", r"line 289: '1,5' in frame 119"),
    ):
        path = tmp_path / "a.bvh"
        path.write_text("\n".join([*lines[:-1], lines[-1].rsplit(" ", 1)[0] + f" {word}"]))
        with pytest.raises(InputError, match=message):
            read_bvh(path)


def test_absent_empty_and_binary(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_bvh(tmp_path / "absent.bvh")
    (tmp_path / "empty.bvh").touch()
    with pytest.raises(InputError, match="is empty"):
        read_bvh(tmp_path / "empty.bvh")
    (tmp_path / "binary.bvh").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="is a binary file"):
        read_bvh(tmp_path / "binary.bvh")
