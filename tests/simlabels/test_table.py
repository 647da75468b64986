"""OpenSim's tables: round trip, every head that is wrong, joint angles in the right unit, and OpenSim's own reading."""

import gzip

import numpy as np
import pytest

from realtime.body.errors import InputError, OutputError, ShapeError, UnknownName
from simlabels.readers.motion import BODY_COORDINATES, NEEDED, coordinates_of, read_opensim_motion
from simlabels.readers.table import Table, read_table, write_table

from .with_opensim import load_opensim

T = 40
HEAD = "Coordinates\nversion=1\nnRows=40\nnColumns=4\ninDegrees=yes\nendheader\n"


@pytest.fixture
def values(rng):
    return rng.normal(size=(T, 3)) * [1e-3, 1, 1e3]


def body_of(values, names=("a", "b", "c"), fps=100.0, pad="") -> str:
    rows = ["time\t" + "\t".join(names) + pad]
    rows += [f"{i / fps:.6f}\t" + "\t".join(f"{v:.9g}" for v in row) + pad for i, row in enumerate(values)]
    return "\n".join(rows) + "\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "a.mot"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.mark.parametrize(("name", "in_degrees"), [("a.mot", True), ("a.sto", False)])
def test_what_was_written_is_read(values, tmp_path, name, in_degrees):
    table = Table(time_s=np.arange(T) / 60, columns=("a", "b", "c"), values=values, in_degrees=in_degrees, name="angles")
    write_table(tmp_path / name, table)
    again = read_table(tmp_path / name)
    np.testing.assert_allclose(again.values, values, rtol=1e-9)
    np.testing.assert_allclose(again.time_s, table.time_s, atol=1e-9)
    assert (again.columns, again.in_degrees, again.name, again.findings) == (table.columns, in_degrees, "angles", ())
    assert again.rate_Hz == pytest.approx(60)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_was_written_is_read_by_opensim(values, tmp_path):
    opensim = load_opensim(tmp_path)
    table = Table(time_s=np.arange(T) / 60, columns=("a", "b", "c"), values=values, in_degrees=True, name="angles")
    write_table(tmp_path / "a.mot", table)
    theirs, storage = opensim.TimeSeriesTable(str(tmp_path / "a.mot")), opensim.Storage(str(tmp_path / "a.mot"))
    assert storage.isInDegrees()
    assert storage.getSize() == theirs.getNumRows() == T
    assert tuple(theirs.getColumnLabels()) == table.columns
    np.testing.assert_allclose(theirs.getMatrix().to_numpy(), values, rtol=1e-9)
    assert storage.getStateVector(7).getData().get(2) == pytest.approx(values[7, 2], rel=1e-9)


def test_what_cannot_be_written(values, tmp_path):
    table = Table(time_s=np.arange(T) / 60, columns=("a", "b", "c"), values=values, in_degrees=True, name="angles")
    with pytest.raises(OutputError, match=r"\.mot and \.sto, not \.csv"):
        write_table(tmp_path / "a.csv", table)
    with pytest.raises(OutputError, match="cannot be written"):
        write_table(tmp_path / "absent" / "a.mot", table)
    values[3, 1] = np.nan
    with pytest.raises(ShapeError, match="b is no number in row 4"):
        write_table(tmp_path / "a.mot", table)
    with pytest.raises(ShapeError, match="need another shape"):
        write_table(tmp_path / "a.mot", Table(time_s=np.arange(3), columns=("a",), values=values, in_degrees=None, name=""))
    assert list(tmp_path.iterdir()) == []


HEADS = {
    "version 1": (HEAD, True, []),
    "version 3": ("inDegrees=no\nDataType=double\nversion=3\nOpenSimVersion=4.6\nendheader\n", False, []),
    "no inDegrees": ("nColumns=4\nnRows=40\nDataType=double\nversion=3\nendheader\n", None, []),
    "only endheader": ("endheader\n", None, []),
    "prose": (HEAD.replace("endheader", "\nUnits are S.I. units (second, meters, Newtons, ...)\n\nendheader"), True, []),
    "trailing tabs": (HEAD.replace("\n", "\t\t\t\n"), True, []),
    "windows": (HEAD.replace("\n", "\r\n"), True, []),
    "SIMM": ("a.mot\ndatacolumns 4\ndatarows 40\nrange 0 0.39\nendheader\n", None, ["simm_header"]),
    "nColumns": (HEAD.replace("nColumns=4", "nColumns=9"), True, ["wrong_header"]),
    "nRows": (HEAD.replace("nRows=40", "nRows=30"), True, ["wrong_header"]),
}


@pytest.mark.parametrize("kind", HEADS)
def test_heads(values, write, kind):
    head, in_degrees, found = HEADS[kind]
    for name, pad in (("a.mot", ""), ("b.sto.gz", "\t\t")):
        table = read_table(write(head + body_of(values, pad=pad), name))
        np.testing.assert_allclose(table.values, values, rtol=1e-8)
        assert table.in_degrees is in_degrees
        assert [f.name for f in table.findings] == found


def test_spaces_and_commas(values, write):
    text = body_of(values)
    np.testing.assert_allclose(read_table(write(HEAD + text.replace("\t", "   "))).values, values, rtol=1e-8)
    table = read_table(write("# forces\n" + text.replace("\t", ","), "a.csv.gz"))
    np.testing.assert_allclose(table.values, values, rtol=1e-8)
    assert table.in_degrees is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("endheader", "", "has no endheader"),
        ("time\t", "frame\t", "time first"),
        ("\tb\t", "\ta\t", "two columns called a"),
        ("nRows=40", "nRows=41", "announces 41 rows and holds 40"),
        ("nRows=40", "nRows=all", "nRows is 'all'"),
        ("inDegrees=yes", "inDegrees=degrees", "inDegrees is 'degrees'"),
        ("\n0.100000\t", "\n0.090000\t", "time goes from 0.09 to 0.09 s at row 11"),
        ("\n0.100000\t", "\nnan\t", "row 11 has no time"),
        ("\n0.100000\t", "\n0.100000\tx", "line 18: could not convert"),
        ("\n0.100000\t", "\n0.100000\t1\t", "line 18: 4 columns are named, found 5"),
    ],
)
def test_damage_is_one_line_that_names_the_file(values, write, old, new, message):
    text = HEAD + body_of(values)
    assert old in text
    with pytest.raises(InputError, match=message) as error:
        read_table(write(text.replace(old, new, 1)))
    assert "a.mot" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.1, 0.5, 0.97])
def test_a_truncated_file_is_refused(values, write, share):
    text = HEAD + body_of(values)
    with pytest.raises(InputError, match=r"a\.mot.*(cut short|no endheader|time first)"):
        read_table(write(text[: int(share * len(text))]))


def test_columns_by_name(values, write):
    table = read_table(write(HEAD + body_of(values)))
    np.testing.assert_allclose(table.select(["c", "a"]).values, values[:, [2, 0]], rtol=1e-8)
    with pytest.raises(UnknownName, match="column of Coordinates is called 'd'"):
        table.column("d")


# --- joint angles ---

NAMES = (*BODY_COORDINATES, "knee_angle_r_beta", "knee_angle_l_beta", "mtp_angle_r")


@pytest.fixture
def angles():
    """Coordinates of somebody who walks, rad and m, (T, C)."""
    t = np.arange(T) / 20
    c = {name: 0.3 * np.sin(6 * t + k) for k, name in enumerate(NAMES)}
    c |= {"knee_angle_r": 0.6 + 0.5 * np.sin(6 * t), "knee_angle_l": 0.6 + 0.5 * np.cos(6 * t)}
    c |= {f"{name}_{s}": 0.6 + 0.2 * np.sin(6 * t) for name in ("elbow_flex", "pro_sup") for s in "rl"}
    c |= {"pelvis_tx": 1.2 * t, "pelvis_ty": 0.95 + 0.02 * np.sin(12 * t), "pelvis_tz": 0.01 * np.sin(6 * t)}
    c |= {f"knee_angle_{s}_beta": c[f"knee_angle_{s}"] for s in "rl"}
    return np.stack([c[name] for name in NAMES], axis=1)


def motion_text(angles, names=NAMES, *, in_degrees="yes", units=None) -> str:
    """A file in which `units` (by default those of OpenSim) multiply the columns."""
    if units is None:
        is_angle = [not n.endswith(("_tx", "_ty", "_tz", "_beta")) for n in NAMES]
        units = np.where(is_angle, 180 / np.pi if in_degrees == "yes" else 1.0, 1.0)
    said = f"inDegrees={in_degrees}\n" if in_degrees else ""
    return f"Coordinates\nversion=1\n{said}endheader\n" + body_of(angles * units, names)


@pytest.mark.parametrize("in_degrees", ["yes", "no"])
def test_angles_are_radians_whatever_the_file_says(angles, write, in_degrees):
    table = read_opensim_motion(write(motion_text(angles, in_degrees=in_degrees)))
    coordinates = coordinates_of(table)
    for k, name in enumerate(NAMES):  # translations stay metres, coupled coordinates radians
        np.testing.assert_allclose(coordinates[name], angles[:, k], rtol=0, atol=1e-7, err_msg=name)
    assert table.findings == ()
    assert table.in_degrees is False
    raw = coordinates_of(read_table(write(motion_text(angles, in_degrees=in_degrees))))
    np.testing.assert_allclose(raw["hip_flexion_r"], coordinates["hip_flexion_r"], atol=1e-9)


def test_a_patella_in_degrees_is_told(angles, write):
    is_m = np.array([name.endswith(("_tx", "_ty", "_tz")) for name in NAMES])
    text = motion_text(angles, units=np.where(is_m, 1.0, 180 / np.pi))
    found = read_opensim_motion(write(text)).findings
    assert [f.name for f in found] == ["beta_in_degrees", "beta_in_degrees"]
    assert "knee_angle_l" in found[1].to_do
    angles[:, NAMES.index("knee_angle_r_beta")] = 0.2
    assert [f.name for f in read_opensim_motion(write(motion_text(angles))).findings] == ["beta_differs"]


def test_the_unit_of_angles_is_asked_for_where_it_is_not_said(angles, write):
    path = write(motion_text(angles, in_degrees=""))
    with pytest.raises(InputError, match=r"does not say inDegrees.*pass in_degrees="):
        read_opensim_motion(path)
    with pytest.raises(InputError, match="does not say inDegrees"):
        coordinates_of(read_table(path))
    np.testing.assert_allclose(
        coordinates_of(read_opensim_motion(path, in_degrees=False))["knee_angle_r"], angles[:, 12], atol=1e-7
    )


def test_a_unit_that_cannot_be_true(angles, write):
    text = motion_text(angles)
    with pytest.raises(InputError, match=r"said to be radians, but knee_angle_. reaches 6"):
        read_opensim_motion(write(text.replace("inDegrees=yes", "inDegrees=no")))
    radians = motion_text(angles, in_degrees="no").replace("inDegrees=no", "inDegrees=yes")
    assert "maybe_radians" in [f.name for f in read_opensim_motion(write(radians)).findings]
    mm = motion_text(angles, units=np.where([n.startswith("pelvis_t") and n[-1] in "xyz" for n in NAMES], 1000.0, 1.0))
    with pytest.raises(InputError, match=r"pelvis_ty is 95.*should be metres"):
        read_opensim_motion(write(mm.replace("inDegrees=yes", "inDegrees=no")))


def test_names_are_compared_with_the_body(angles, write):
    swapped = tuple({"hip_flexion_r": "hip_flex_r", "arm_rot_l": "arm_rotation_l"}.get(n, n) for n in NAMES)
    found = {f.name: str(f) for f in read_opensim_motion(write(motion_text(angles, swapped))).findings}
    assert set(found) == {"missing_coordinates", "unknown_coordinates"}
    assert "hip_flex_r for hip_flexion_r" in found["missing_coordinates"]
    assert "arm_rotation_l" in found["unknown_coordinates"]
    for name in NEEDED:
        renamed = tuple("knee_flexion_r" if n == name else n for n in NAMES)
        with pytest.raises(InputError, match=f"has no {name}"):
            read_opensim_motion(write(motion_text(angles, renamed)))


def test_paths_and_speeds(angles, write):
    names = [f"/jointset/some/{name}/value" for name in NAMES]
    text = motion_text(np.hstack([angles, angles]), [*names, *(n.replace("/value", "/speed") for n in names)], units=1.0)
    table = read_opensim_motion(write(text), in_degrees=False)
    assert table.columns == NAMES
    assert table.findings == ()


def test_a_value_that_is_no_number(angles, write):
    angles[7, 3] = np.nan
    with pytest.raises(InputError, match=r"pelvis_tx is no number at 0\.07 s"):
        read_opensim_motion(write(motion_text(angles)))


def test_names_are_those_that_the_body_takes(body, angles, write):
    """Every hinge of the body by its name, and each coordinate moves it."""
    from simlabels.coordinates import positions_of

    coordinates = {name: values[:2] for name, values in coordinates_of(read_opensim_motion(write(motion_text(angles)))).items()}
    q = positions_of(body, coordinates)
    for name in BODY_COORDINATES:
        turned = coordinates | {name: coordinates[name] + 0.05}
        assert np.abs(positions_of(body, turned) - q).max() > 1e-3, name
    for name in ("hip_flexion_l", "ankle_angle_r", "knee_angle_r"):
        np.testing.assert_allclose(q[:, 7 + body.joints.index(name)], coordinates[name], atol=1e-9)


# --- real files ---


@pytest.mark.data
def test_real_tables_as_opensim_reads_them(data_folder, tmp_path):
    opensim = load_opensim(tmp_path)
    files = sorted(f for end in ("mot", "sto", "mot.gz", "sto.gz") for f in (data_folder / "reference").glob(f"*/*.{end}"))
    if not files:
        pytest.skip("no tables in the reference data")
    for file in files:
        ours = read_table(file)
        plain = tmp_path / file.name.removesuffix(".gz")
        plain.write_bytes(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes())
        theirs = opensim.TimeSeriesTable(str(plain))
        assert tuple(theirs.getColumnLabels()) == ours.columns, file
        np.testing.assert_array_equal(theirs.getMatrix().to_numpy(), ours.values, err_msg=str(file))
        np.testing.assert_array_equal(theirs.getIndependentColumn(), ours.time_s)
        if ours.in_degrees is not None and not any(f.name == "wrong_header" for f in ours.findings):
            assert opensim.Storage(str(plain)).isInDegrees() == ours.in_degrees
        plain.unlink()
    assert len(files) >= 20


@pytest.mark.data
def test_a_published_motion_has_its_faults_told(data_folder):
    folder = data_folder / "reference" / "walking_emg"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    found = [f.name for f in read_opensim_motion(folder / "coordinates_rra_1000hz.sto.gz").findings]
    assert found.count("beta_in_degrees") == 2
    assert "wrong_header" in found
    published = coordinates_of(read_opensim_motion(folder / "coordinates_rra_1000hz.sto.gz"))
    mended = coordinates_of(read_opensim_motion(folder / "coordinates_rra_200hz.sto.gz"))
    np.testing.assert_allclose(published["hip_flexion_r"][::5], mended["hip_flexion_r"], atol=1e-9)
