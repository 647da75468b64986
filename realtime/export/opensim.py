"""Files that OpenSim opens: .trc (joint positions), .mot (joint angles, and activations to colour muscles by), .sto (activations).

All in OpenSim's ground (x forward, y up, z right; `opensim_angles.R_OPENSIM_WORLD`), SI units and degrees, 1.0 in the last
column or marker `valid` where somebody was seen. OpenSim's readers take a wrong nColumns or a missing inDegrees without a
word, so both are always there, and the header is of version 1, which all its readers know.
"""

from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from ..body.muscles import muscle_names
from ..body.skeleton import JOINTS
from ..wire import Meta
from .opensim_angles import COORDINATES, R_OPENSIM_WORLD, TRANSLATIONS, coordinates
from .recording import Recording
from .text import write_rows

#: The patella's coordinate is tied to the knee's. OpenSim reads it in radians even where angles are in degrees.
PATELLAS = {f"knee_angle_{side}_beta": f"knee_angle_{side}" for side in "rl"}
#: A validity that is a marker lies on the floor, a metre before the origin or in it: .trc has no column but markers, and a
#: gap (empty or NaN) would make one format in six have holes.
VALID = "valid"


def write_trc(file: BinaryIO, recording: Recording, meta: Meta) -> None:
    """Marker file: the 24 joints by name, metres, and the marker `valid` with x = 1 or 0."""
    markers = [*JOINTS, VALID]
    rate = f"{1 / recording.interval_s:.6g}"
    keys = ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"]
    values = [rate, rate, len(recording), len(markers), "m", rate, 1, len(recording)]
    lines = [
        ["PathFileType", "4", "(X/Y/Z)", "biohuman.trc"],
        keys,
        [str(value) for value in values],
        ["Frame#", "Time", *(cell for name in markers for cell in (name, "", ""))],
        ["", "", *(f"{axis}{i + 1}" for i in range(len(markers)) for axis in "XYZ")],
        [],
    ]
    file.write("".join("\t".join(line) + "\n" for line in lines).encode())
    time_s = recording.even_time_s()

    def table(rows: slice) -> np.ndarray:
        joints_m = recording.numbers("joints_m", rows) @ R_OPENSIM_WORLD.T
        valid = recording.valid[rows, None] * [1.0, 0, 0]
        frame = np.arange(rows.start, rows.stop) + 1
        return np.column_stack([frame, time_s[rows], joints_m.reshape(-1, 3 * len(JOINTS)), valid])

    write_rows(file, len(recording), "%d\t%.9f" + "\t%.6f" * (3 * len(markers)) + "\n", table)


def write_mot(file: BinaryIO, recording: Recording, meta: Meta) -> None:
    """Motion file: coordinates of the Rajagopal model in degrees and metres, then a column for each muscle's activation."""
    activations = [f"/forceset/{name}/activation" for name in muscle_names()]
    values = coordinates(recording.R_local(), recording.numbers("transl"), np.array(meta.offsets_m))
    patellas_rad = values[:, [COORDINATES.index(knee) for knee in PATELLAS.values()]]
    is_angle = np.array([name not in TRANSLATIONS for name in COORDINATES])
    values[:, is_angle] = np.degrees(values[:, is_angle])
    values = np.concatenate([values, patellas_rad], axis=1)

    def table(rows: slice) -> list[np.ndarray]:
        return [values[rows], recording.numbers("activation", rows)]

    _write_storage(file, "Coordinates", [*COORDINATES, *PATELLAS, *activations, VALID], recording, table, in_degrees=True)


def write_sto(file: BinaryIO, recording: Recording, meta: Meta) -> None:
    """Storage file: activations by plain muscle name, as OpenSim's static optimisation writes them, then ground forces.

    The forces are in body weights, without point of application: to look at, not to drive an inverse dynamics.
    """
    forces = [f"grf_{side}_{axis}_BW" for side in "lr" for axis in "xyz"]

    def table(rows: slice) -> list[np.ndarray]:
        forces_BW = recording.numbers("grf_BW", rows) @ R_OPENSIM_WORLD.T
        return [recording.numbers("activation", rows), forces_BW.reshape(-1, len(forces))]

    _write_storage(file, "activations", [*muscle_names(), *forces, VALID], recording, table, in_degrees=False)


def _write_storage(
    file: BinaryIO,
    name: str,
    columns: list[str],
    recording: Recording,
    table: Callable[[slice], list[np.ndarray]],
    *,
    in_degrees: bool,
) -> None:
    """Header and rows; `table` gives the arrays of some rows that make the columns, all but `valid`."""
    header = [
        name,
        "version=1",
        f"nRows={len(recording)}",
        f"nColumns={1 + len(columns)}",
        f"inDegrees={'yes' if in_degrees else 'no'}",
        "endheader",
        "\t".join(["time", *columns]),
    ]
    file.write(("\n".join(header) + "\n").encode())
    time_s = recording.even_time_s()
    write_rows(
        file,
        len(recording),
        "%.9f" + "\t%.6f" * (len(columns) - 1) + "\t%d\n",
        lambda rows: np.column_stack([time_s[rows], *table(rows), recording.valid[rows]]),
    )
