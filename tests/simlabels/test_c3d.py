"""The .c3d reader on files written by ezc3d: markers, plates with either sign and either axes, and what cannot be read."""

import numpy as np
import pytest

from realtime.body.errors import InputError
from simlabels.readers.axes import R_TO_Y_UP
from simlabels.readers.c3d import read_c3d, read_c3d_forces, read_c3d_plates
from simlabels.readers.force_checks import feet_of_plates
from simlabels.readers.forces import wrench_at_origin

ezc3d = pytest.importorskip("ezc3d")

NAMES = ["C7", "RASI", "LASI", "RHEE", "LHEE", "RTOE", "LTOE"]
AT_M = np.array([[0, 1.4, 0], [0.1, 1, 0.12], [0.1, 1, -0.12], [-0.05, 0.04, 0.1], [-0.05, 0.04, -0.1], [0.2, 0.03, 0.1],
                 [0.2, 0.03, -0.1]])  # fmt: skip
R_LAB = R_TO_Y_UP["+z"]  # ours from the laboratory's, which has Z up
T, PER_FRAME = 60, 10
RIGHT_M, LEFT_M = np.array([0.05, 0.0, 0.12]), np.array([0.08, 0.0, -0.11])  # centres of pressure
FORCE_N, TWIST_Nm = np.array([40.0, 400.0, -15.0]), 3.0
CENTRES_M = (np.array([0.0, 0.0, 0.3]), np.array([0.0, 0.0, -0.3]))  # plates of 0.6 by 0.5 m


def markers_m() -> np.ndarray:
    return AT_M + 0.02 * np.sin(np.arange(T) / 9)[:, None, None]


def written(
    path,
    *,
    names=NAMES,
    positions=None,
    unit="mm",
    z_down=True,
    push=False,
    kind=2,
    moment_unit="",
    rate=100.0,
    cops_m=(RIGHT_M, LEFT_M),
    forces_N=(FORCE_N, FORCE_N),
    twists_Nm=(TWIST_Nm, TWIST_Nm),
):
    """A file with markers and two plates: the right foot on the first one, the left foot on the second.

    What a plate feels is the same in all frames, or (T, 3) and (T,).
    """
    scale = {"mm": 1000.0, "m": 1.0}[unit]
    c = ezc3d.c3d()
    point, analog = c["parameters"]["POINT"], c["parameters"]["ANALOG"]
    positions = markers_m() if positions is None else positions
    frames = len(positions)
    points = np.ones((4, len(names), frames))
    points[:3] = (positions @ R_LAB * scale).transpose(2, 1, 0)
    point["RATE"]["value"], point["UNITS"]["value"], point["LABELS"]["value"] = [rate], [unit], list(names)
    c["data"]["points"] = points
    c["header"]["points"]["first_frame"] = 30
    R_plate = np.diag([1.0, -1, -1]) if z_down else np.eye(3)
    channels, corners = [], []
    origin = np.array([0, 0, -0.04]) * scale
    for cop_m, centre_m, force_N, twist_Nm in zip(cops_m, CENTRES_M, forces_N, twists_Nm, strict=True):
        force = np.broadcast_to(force_N, (frames, 3)) @ R_LAB @ R_plate
        lever = (cop_m - centre_m) @ R_LAB @ R_plate * scale
        twist = np.broadcast_to(twist_Nm, frames)[:, None] * (np.array([0, 1, 0]) @ R_LAB @ R_plate) * scale
        moment = np.cross(lever, force) + twist - np.cross(force, origin)
        channels += [np.repeat(v * (-1 if push else 1), PER_FRAME) for v in (*force.T, *moment.T)]
        along, across = R_plate @ [0.3, 0, 0] * scale, R_plate @ [0, 0.25, 0] * scale
        middle = centre_m @ R_LAB * scale
        corners.append([middle + along + across, middle - along + across, middle - along - across, middle + along - across])
    analog["RATE"]["value"], analog["LABELS"]["value"] = [rate * PER_FRAME], [f"channel{i}" for i in range(12)]
    analog["UNITS"]["value"] = (["N"] * 3 + [moment_unit or f"N{unit}"] * 3) * 2
    c["data"]["analogs"] = np.array(channels)[None]
    for name, values in (("USED", [2]), ("TYPE", [kind, kind]), ("CHANNEL", np.arange(1, 13).reshape(2, 6).T)):
        c.add_parameter("FORCE_PLATFORM", name, np.array(values, float))
        c["parameters"]["FORCE_PLATFORM"][name]["type"] = ezc3d.ezc3d.INT
    c.add_parameter("FORCE_PLATFORM", "CORNERS", np.array(corners).transpose(2, 1, 0))
    c.add_parameter("FORCE_PLATFORM", "ORIGIN", np.stack([origin, origin], axis=1))
    c.add_parameter("POINT", "ANGLES", ["RKneeAngles"])
    c.write(str(path))
    return path


@pytest.mark.parametrize("unit", ["mm", "m"])
def test_what_was_written_is_read(tmp_path, unit):
    markers = read_c3d(written(tmp_path / "a.c3d", unit=unit))
    assert markers.names == tuple(NAMES)
    assert markers.fps == 100
    np.testing.assert_allclose(markers.positions_m, markers_m(), atol=1e-5)
    np.testing.assert_allclose(markers.time_s, 0.3 + np.arange(T) / 100, atol=1e-9)
    assert markers.findings == ()


def test_given_unit_up_and_rate(tmp_path):
    path = written(tmp_path / "a.c3d", unit="m")
    markers = read_c3d(path, unit="m", up="z", fps=50)
    assert markers.fps == 50
    np.testing.assert_allclose(markers.positions_m, markers_m(), atol=1e-5)
    with pytest.raises(InputError, match=r"a\.c3d says mm, .*pass unit='m'"):
        read_c3d(written(tmp_path / "a.c3d", positions=markers_m() / 1000))


def test_absent_markers_angles_and_unnamed_points(tmp_path):
    names = [*NAMES, "*110", "RKneeAngles"]
    positions = np.concatenate([markers_m(), np.full((T, 2, 3), 0.05)], axis=1)
    positions[10:20, 1] = np.nan
    positions[30, 2] = 0
    markers = read_c3d(written(tmp_path / "a.c3d", names=names, positions=positions))
    assert markers.names == tuple(NAMES)
    assert [(g.name, g.first, g.last) for g in markers.gaps()] == [("RASI", 10, 19), ("LASI", 30, 30)]
    assert [f.name for f in markers.findings] == ["unnamed_points", "marker_at_origin"]


def test_people(tmp_path):
    one = written(tmp_path / "one.c3d", names=[f"Anna:{name}" for name in NAMES])
    assert read_c3d(one).names == tuple(NAMES)
    both = [f"{who}:{name}" for who in ("Anna", "Ben") for name in NAMES]
    positions = np.concatenate([markers_m(), markers_m() + [1, 0, 0]], axis=1)
    path = written(tmp_path / "two.c3d", names=both, positions=positions)
    with pytest.raises(InputError, match="several people: Anna, Ben; pass subject="):
        read_c3d(path)
    np.testing.assert_allclose(read_c3d(path, subject="Ben").positions_m, markers_m() + [1, 0, 0], atol=1e-5)
    with pytest.raises(InputError, match="no subject 'Carl'; it holds Anna, Ben"):
        read_c3d(path, subject="Carl")


@pytest.mark.parametrize("unit", ["mm", "m"])
@pytest.mark.parametrize("z_down", [True, False])
@pytest.mark.parametrize("push", [True, False])
def test_plates_of_either_axes_and_either_sign(tmp_path, unit, z_down, push):
    path = written(tmp_path / "a.c3d", unit=unit, z_down=z_down, push=push)
    forces = read_c3d_forces(path, {"left": "plate_2", "right": "plate_1"})
    assert forces.rate_Hz == pytest.approx(1000)
    assert forces.time_s[0] == pytest.approx(0.3)
    assert forces.force_N.shape == (T * PER_FRAME, 2, 3)
    for k, cop_m in enumerate((LEFT_M, RIGHT_M)):
        np.testing.assert_allclose(forces.force_N[:, k], np.tile(FORCE_N, (T * PER_FRAME, 1)), rtol=1e-5)
        np.testing.assert_allclose(forces.cop_m[:, k], np.tile(cop_m, (T * PER_FRAME, 1)), atol=1e-5)
        np.testing.assert_allclose(forces.moment_Nm[:, k], np.tile([0, TWIST_Nm, 0], (T * PER_FRAME, 1)), atol=1e-3)
    want = np.cross(LEFT_M, FORCE_N) + [0, TWIST_Nm, 0]
    np.testing.assert_allclose(wrench_at_origin(forces)[7, 0, 3:], want, atol=1e-2)
    assert [f.name for f in forces.findings] == (["force_on_plate"] if push else [])


def test_feet_are_told_by_the_markers(tmp_path):
    path = written(tmp_path / "a.c3d")
    with pytest.raises(InputError, match="plate_1, plate_2 do not say which foot"):
        read_c3d_forces(path)
    plates, time_s, _ = read_c3d_plates(path)
    feet = np.tile([[0.07, 0.03, -0.1], [0.07, 0.03, 0.1]], (len(time_s), 1, 1))
    assert feet_of_plates(plates, feet) == {"left": ("plate_2",), "right": ("plate_1",)}
    half = feet.copy()
    half[300:] = half[300:, ::-1]
    with pytest.raises(InputError, match="both feet stand on plate_1"):
        feet_of_plates(plates, half)
    with pytest.raises(InputError, match="no foot is near plate_1"):
        feet_of_plates(plates, feet + 5)


def test_without_plates_or_names(tmp_path):
    c = ezc3d.c3d()
    c["parameters"]["POINT"]["RATE"]["value"], c["parameters"]["POINT"]["UNITS"]["value"] = [100.0], ["mm"]
    c["parameters"]["POINT"]["LABELS"]["value"] = ["*1"]
    c["data"]["points"] = np.ones((4, 1, T))
    c.write(str(tmp_path / "a.c3d"))
    with pytest.raises(InputError, match=r"a\.c3d holds no named markers"):
        read_c3d(tmp_path / "a.c3d")
    with pytest.raises(InputError, match=r"a\.c3d holds no force plates"):
        read_c3d_forces(tmp_path / "a.c3d")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"kind": 1}, r"types \[1, 1\]; those read are 2, 3, 4"), ({"moment_unit": "Nm"}, "plates are in nm, positions in mm")],
)
def test_plates_that_are_not_read(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_c3d_plates(written(tmp_path / "a.c3d", **changes))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(tmp_path, share):
    data = written(tmp_path / "a.c3d").read_bytes()
    (tmp_path / "b.c3d").write_bytes(data[: int(share * len(data))])
    for read in (read_c3d, read_c3d_plates):
        with pytest.raises(InputError, match=r"b\.c3d (cannot be read|announces 60 frames)") as error:
            read(tmp_path / "b.c3d")
        assert "\n" not in str(error.value)


def test_absent_and_other_files(tmp_path):
    with pytest.raises(InputError, match="is no file"):
        read_c3d(tmp_path / "absent.c3d")
    (tmp_path / "a.c3d").write_text("PathFileType\t4\n" * 100)
    with pytest.raises(InputError, match=r"a\.c3d cannot be read as C3D"):
        read_c3d(tmp_path / "a.c3d")
    (tmp_path / "a.c3d").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.c3d cannot be read as C3D"):
        read_c3d(tmp_path / "a.c3d")
