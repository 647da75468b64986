"""The .trc reader: round trip, every trap of the format, and OpenSim's own reading of real trials."""

import gzip

import numpy as np
import pytest

from realtime.body.errors import InputError, UnknownName
from simlabels.readers.axes import R_TO_Y_UP, rotation_to_y_up
from simlabels.readers.trc import read_trc

from .with_opensim import load_opensim

NAMES = ("C7", "R.ASIS", "L.ASIS", "R.Heel", "R.Toe")
AT_M = np.array([[0, 1.4, 0], [0.1, 1.0, 0.12], [0.1, 1.0, -0.12], [-0.05, 0.04, 0.1], [0.2, 0.03, 0.1]])


@pytest.fixture
def walk_m() -> np.ndarray:
    """Five markers on somebody who walks along x, (100, 5, 3)."""
    t = np.arange(100) / 100
    return AT_M + np.stack([1.3 * t, 0.03 * np.sin(12 * t), 0.02 * np.sin(6 * t)], axis=1)[:, None]


def text_of(positions, *, names=NAMES, units="mm", fps=100.0, gap="\t\t\t", time_s=None, **head) -> str:
    T, M = positions.shape[:2]
    head = {"DataRate": f"{fps:.2f}", "CameraRate": f"{fps:.2f}", "NumFrames": T, "NumMarkers": M, "Units": units} | head
    time_s = np.arange(T) / fps if time_s is None else time_s
    lines = ["PathFileType\t4\t(X/Y/Z)\ta.trc", "\t".join(head), "\t".join(map(str, head.values()))]
    lines.append("Frame#\tTime\t" + gap.join(names) + "\t\t")
    lines += ["\t\t" + "\t".join(f"{axis}{i + 1}" for i in range(M) for axis in "XYZ"), ""]
    for i in range(T):
        cells = "\t".join("" if np.isnan(v) else f"{v:.6f}" for v in positions[i].ravel())
        lines.append(f"{i + 1}\t{time_s[i]:.6f}\t{cells}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "a.trc"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.mark.parametrize(("units", "scale"), [("mm", 1000), ("m", 1), ("cm", 100)])
@pytest.mark.parametrize("gap", ["\t\t\t", "\t"])
def test_what_was_written_is_read(walk_m, write, units, scale, gap):
    markers = read_trc(write(text_of(walk_m * scale, units=units, gap=gap)))
    assert markers.names == NAMES
    assert markers.fps == 100
    np.testing.assert_allclose(markers.positions_m, walk_m, atol=1e-6)
    np.testing.assert_allclose(markers.time_s, np.arange(100) / 100, atol=1e-9)
    assert markers.findings == ()


def test_gzip_windows_line_ends_and_a_foreign_path(walk_m, write):
    plain = read_trc(write(text_of(walk_m * 1000)))
    text = text_of(walk_m * 1000).replace("\n", "\r\n").replace("a.trc", "C:\\Möller\\a.trc", 1)
    path = write("", "b.trc")
    path.write_bytes(text.encode("latin-1"))
    np.testing.assert_array_equal(read_trc(path).positions_m, plain.positions_m)
    np.testing.assert_array_equal(read_trc(write(text, "a.trc.gz")).positions_m, plain.positions_m)


def test_no_empty_line_and_no_line_of_axes(walk_m, write):
    lines = text_of(walk_m * 1000).splitlines()
    for left_out in ((5,), (4, 5)):
        text = "\n".join(line for i, line in enumerate(lines) if i not in left_out)
        np.testing.assert_allclose(read_trc(write(text)).positions_m, walk_m, atol=1e-6)


@pytest.mark.parametrize("up", sorted(R_TO_Y_UP))
def test_up_is_found(walk_m, write, up):
    turned = walk_m @ rotation_to_y_up(up)  # the inverse: rows are vectors
    assert np.linalg.det(rotation_to_y_up(up)) == pytest.approx(1)
    np.testing.assert_allclose(read_trc(write(text_of(turned * 1000))).positions_m, walk_m, atol=1e-6)
    np.testing.assert_allclose(read_trc(write(text_of(turned * 1000)), up=up).positions_m, walk_m, atol=1e-6)


def test_up_that_cannot_be_told_is_asked_for(walk_m, write):
    path = write(text_of(walk_m * 1000, names=("a", "b", "c", "d", "e")))
    with pytest.raises(InputError, match=r"a\.trc: no marker is named after .* pass up="):
        read_trc(path)
    assert read_trc(path, up="y").names == ("a", "b", "c", "d", "e")
    with pytest.raises(InputError, match="up='w' is no axis"):
        read_trc(path, up="w")
    lying = walk_m @ np.array([[np.cos(0.7), -np.sin(0.7), 0], [np.sin(0.7), np.cos(0.7), 0], [0, 0, 1]])
    with pytest.raises(InputError, match="not upright along any axis"):
        read_trc(write(text_of(lying * 1000)))


def test_a_unit_that_makes_no_person_is_refused_and_the_right_one_named(walk_m, write):
    path = write(text_of(walk_m, units="mm"))
    with pytest.raises(InputError, match=r"0\.00137 m long.*pass unit='m'"):
        read_trc(path)
    np.testing.assert_allclose(read_trc(path, unit="m").positions_m, walk_m, atol=1e-6)
    with pytest.raises(InputError, match=r"4\.11 m long"):
        read_trc(write(text_of(3 * walk_m, units="m")))
    with pytest.raises(InputError, match="Units is 'inch'"):
        read_trc(write(text_of(walk_m, units="inch")))


def test_absent_markers(walk_m, write):
    walk_m[10:15, 1] = np.nan
    walk_m[20, 4] = np.nan  # the last one: empty cells at the end of the line
    text = text_of(walk_m * 1000)
    for changed in (text, text.replace("\t\t\n", "\n", 1), text.replace("\t\t\t\t\t", "\tnan\tNaN\tnan\t")):
        markers = read_trc(write(changed))
        np.testing.assert_allclose(markers.positions_m, walk_m, atol=1e-6)
    assert [(g.name, g.first, g.last) for g in markers.gaps()] == [("R.ASIS", 10, 14), ("R.Toe", 20, 20)]
    assert markers.share_present()["R.ASIS"] == pytest.approx(0.95)
    assert [f.name for f in markers.check(longest_gap_s=0.02)] == ["gap"]
    (gap,) = markers.check(longest_gap_s=0.02)
    assert gap.when_s == ((pytest.approx(0.10), pytest.approx(0.14)),)


def test_a_marker_at_the_origin_is_absent_and_told(walk_m, write):
    walk_m[30:40, 2] = 0
    markers = read_trc(write(text_of(walk_m * 1000)))
    assert np.isnan(markers.positions_m[30:40, 2]).all()
    assert np.isfinite(markers.positions_m).sum() == walk_m.size - 30
    (told,) = markers.findings
    assert told.name == "marker_at_origin"
    assert "L.ASIS" in told.what
    assert told.when_s == ((pytest.approx(0.30), pytest.approx(0.39)),)


def test_gaps_are_filled_up_to_a_length(walk_m, write):
    whole = walk_m.copy()
    walk_m[10:15, 1] = np.nan
    walk_m[40:70, 1] = np.nan
    walk_m[:3, 2] = np.nan
    filled = read_trc(write(text_of(walk_m * 1000))).fill_gaps(0.05)
    np.testing.assert_allclose(filled.positions_m[10:15, 1], whole[10:15, 1], atol=2e-4)
    assert np.isnan(filled.positions_m[40:70, 1]).all()
    assert np.isnan(filled.positions_m[:3, 2]).all()
    np.testing.assert_allclose(filled.positions_m[:40, 0], whole[:40, 0], atol=1e-6)


def test_jumps_and_markers_never_seen_are_told(walk_m, write):
    walk_m[50:, [3, 4]] = walk_m[50:, [4, 3]]  # names swapped: 0.25 m in a frame
    walk_m[:, 2] = np.nan
    found = {f.name: f for f in read_trc(write(text_of(walk_m * 1000))).check()}
    assert set(found) == {"never_seen", "jump"}
    assert "L.ASIS" in found["never_seen"].what
    assert found["jump"].when_s == ((pytest.approx(0.50), pytest.approx(0.50)),)
    assert "jump: R." in str(found["jump"])


def test_times_rounded_to_milliseconds_are_made_even_and_told(walk_m, write):
    markers = read_trc(write(text_of(walk_m * 1000, fps=60, time_s=np.round(np.arange(100) / 60, 3))))
    np.testing.assert_allclose(markers.time_s, np.arange(100) / 60, atol=1e-9)
    assert [f.name for f in markers.findings] == ["uneven_times"]


def test_a_rate_rounded_in_the_head_does_not_drift(walk_m, write):
    long = np.tile(walk_m, (30, 1, 1))
    markers = read_trc(write(text_of(long * 1000, fps=120, time_s=np.arange(3000) / 119.88)))
    assert markers.fps == pytest.approx(119.88)
    assert markers.time_s[-1] == pytest.approx(2999 / 119.88, abs=1e-4)


def test_select_and_between(walk_m, write):
    markers = read_trc(write(text_of(walk_m * 1000)))
    some = markers.select(["R.Toe", "C7"]).between(0.2, 0.3)
    assert some.positions_m.shape == (11, 2, 3)
    np.testing.assert_allclose(some.positions_m[0, 0], walk_m[20, 4], atol=1e-6)
    with pytest.raises(UnknownName, match=r"R\.Toes"):
        markers.select(["R.Toes"])
    with pytest.raises(InputError, match="no frame from 2 to 3 s"):
        markers.between(2, 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PathFileType", "Path", "does not begin with PathFileType"),
        ("NumMarkers", "Markers", "NumMarkers is None"),
        ("\t5\tmm", "\t6\tmm", "NumMarkers is 6, but line 4 names 5"),
        ("\t100\t5\t", "\t101\t5\t", "announces 101 frames and holds 100"),
        ("\t100\t5\t", "\tmany\t5\t", "NumFrames is 'many'"),
        ("R.Heel", "C7", "two markers called C7"),
        ("\n50\t0.490000", "\n50\t0.480000", "time goes from 0.48 to 0.48 s at row 50"),
        ("\n50\t0.490000", "\n50\tlater", r"line 56: could not convert"),
        ("100.00\t100.00", "60.00\t60.00", r"DataRate is 60, the times say 100 frames a second; pass fps="),
        ("\n100\t0.990000", "\n100\t1.500000", r"from frame 99 to 100 time goes 0\.52 s"),
    ],
)
def test_damage_is_one_line_that_names_the_file(walk_m, write, old, new, message):
    text = text_of(walk_m * 1000)
    assert old in text
    with pytest.raises(InputError, match=message) as error:
        read_trc(write(text.replace(old, new, 1)))
    assert "a.trc" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.005, 0.02, 0.04, 0.3, 0.9, 0.998])
def test_a_truncated_file_is_refused(walk_m, write, share):
    text = text_of(walk_m * 1000)
    with pytest.raises(InputError, match=r"a\.trc.*(cut short|no \.trc|should be)"):
        read_trc(write(text[: int(share * len(text))]))


def test_more_frames_than_announced_are_read_and_told(walk_m, write):
    markers = read_trc(write(text_of(walk_m * 1000, NumFrames=90)))
    assert len(markers.time_s) == 100
    assert [f.name for f in markers.findings] == ["wrong_header"]


def test_absent_empty_and_binary(tmp_path, write):
    with pytest.raises(InputError, match="cannot be read"):
        read_trc(tmp_path / "absent.trc")
    with pytest.raises(InputError, match="is empty"):
        read_trc(write("\n"))
    (tmp_path / "b.trc").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="binary"):
        read_trc(tmp_path / "b.trc")
    (tmp_path / "b.trc.gz").write_bytes(gzip.compress(b"PathFileType" * 1000)[:-9])
    with pytest.raises(InputError, match=r"b\.trc\.gz cannot be read"):
        read_trc(tmp_path / "b.trc.gz")


@pytest.mark.data
def test_real_trials_as_opensim_reads_them(data_folder, tmp_path):
    opensim = load_opensim(tmp_path)
    files = sorted((data_folder / "reference").glob("*/*.trc*"))
    if not files:
        pytest.skip("no .trc in the reference data")
    for file in files:
        ours = read_trc(file)
        plain = tmp_path / file.name.removesuffix(".gz")
        plain.write_bytes(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes())
        theirs = opensim.TimeSeriesTableVec3(str(plain))
        scale = {"mm": 0.001, "m": 1.0}[theirs.getTableMetaDataAsString("Units")]
        assert tuple(theirs.getColumnLabels()) == ours.names, file
        flat = theirs.flatten()
        values = flat.getMatrix().to_numpy().reshape(len(ours.time_s), -1, 3) * scale
        np.testing.assert_allclose(ours.positions_m, values, atol=1e-9, err_msg=str(file))
        np.testing.assert_allclose(ours.time_s, theirs.getIndependentColumn(), atol=0.00051)
    assert len(files) >= 8


@pytest.mark.data
def test_filled_gaps_of_a_real_walk_are_millimetres_off(data_folder):
    file = data_folder / "reference" / "walking_emg" / "markers_walk.trc"
    if not file.is_file():
        pytest.skip(f"no {file}")
    from dataclasses import replace

    markers = read_trc(file)
    holes = markers.positions_m.copy()
    at = np.zeros(len(holes), bool)
    for start in range(20, 220, 40):
        at[start : start + 10] = True
    holes[at] = np.nan
    off_m = np.linalg.norm(replace(markers, positions_m=holes).fill_gaps(0.1).positions_m - markers.positions_m, axis=-1)[at]
    assert np.median(off_m) < 0.002
    assert np.percentile(off_m, 95) < 0.02
