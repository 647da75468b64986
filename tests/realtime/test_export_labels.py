"""Exported joint angles against inverse kinematics of the musculoskeletal body, for the same motion.

The two start from different things: the export from SMPL's rotations in closed form, inverse kinematics from joint positions
(and the rotations of pelvis and chest) with landmarks calibrated in their segments. Zero offsets therefore differ by a few
degrees from person to person, and what positions do not show (subtalar, toes, forearm roll, wrist) is not compared.
"""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

import os
from dataclasses import dataclass, replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.synthetic_bvh import write_bvh
from realtime.body.frames import State
from realtime.body.skeleton import offsets_of
from realtime.export import open_export
from realtime.export.opensim_angles import COORDINATES, R_OPENSIM_WORLD, TRANSLATIONS
from simlabels.ik import inverse_kinematics
from simlabels.label import R_MJ_WORLD
from simlabels.musculo.body import Body
from simlabels.musculo.scale import estimated_mass_kg, scale_body, segment_factors
from simlabels.readers.bvh import read_bvh
from simlabels.readers.retarget import SmplMotion, retarget

from .bodies import body, meta

ROOT = Path(__file__).parents[2]
MOST_FRAMES = 400
CLIPS = ("02_01", "02_05", "05_02", "01_02", "13_29", "60_06", "61_03")
SAME_NAME = [f"{name}_{side}" for side in "rl" for name in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle")]
SAME_NAME += [f"{name}_{side}" for side in "rl" for name in ("ankle_angle", "elbow_flex")]

#: Root mean square over a clip, as it is and without its mean: degrees, metres for translations. A wrong sign, axis or order
#: of axes breaks each of them. The model's back bends in the loins only: what SMPL's three joints share is an offset there.
LIMITS = {
    "pelvis_tilt": (8, 4),
    "pelvis_list": (4, 3),
    "pelvis_rotation": (2, 2),
    "pelvis_tx": (0.04, 0.012),
    "pelvis_ty": (0.015, 0.01),
    "pelvis_tz": (0.02, 0.01),
    "hip_flexion": (7, 4),
    "hip_adduction": (2, 2),
    "hip_rotation": (12, 8),
    "knee_angle": (4, 1.5),
    "ankle_angle": (18, 12),
    "lumbar_extension": (16, 4),
    "lumbar_bending": (5, 3),
    "lumbar_rotation": (4, 3),
    "elbow_flex": (20, 13),
}


@dataclass(frozen=True)
class Agreement:
    """Export less inverse kinematics of one coordinate, degrees (metres for translations)."""

    rms: float
    offset: float
    rms_without_offset: float


@pytest.fixture(scope="module")
def generic_body() -> Body:
    return Body()


def compare(generic_body: Body, bvh_file: Path, folder: Path) -> dict[str, Agreement]:
    motion = retarget(read_bvh(bvh_file))
    motion = replace(motion, R_local=motion.R_local[:MOST_FRAMES], pelvis_m=motion.pelvis_m[:MOST_FRAMES])
    exported, expected = read_mot(exported_mot(motion, folder / "a.mot")), ik_coordinates(generic_body, motion)
    found = {}
    for name, values in expected.items():
        difference = exported[name] - values
        if name not in TRANSLATIONS:
            difference = (difference + 180) % 360 - 180
        found[name] = Agreement(float(np.sqrt((difference**2).mean())), float(difference.mean()), float(difference.std()))
    return found


def exported_mot(motion: SmplMotion, path: Path) -> Path:
    sink = open_export(path)
    for i, (R_local, pelvis_m) in enumerate(zip(motion.R_local, motion.pelvis_m, strict=True)):
        frame = body(i, state=State.TRACKING, pts_s=i / motion.fps)
        sink.write(replace(frame, R_local=R_local.astype(np.float32), pelvis_m=pelvis_m.astype(np.float32)))
    told = meta()
    told.offsets_m = offsets_of(motion.rest_m).tolist()
    sink.finish(told)
    return path


def read_mot(path: Path) -> dict[str, np.ndarray]:
    header, rows = path.read_text().split("endheader\n")
    assert "inDegrees=yes" in header
    names, table = rows.split("\n", 1)
    columns = np.array([line.split("\t") for line in table.splitlines()], float).T
    return dict(zip(names.split("\t"), columns, strict=True))


def ik_coordinates(generic_body: Body, motion: SmplMotion) -> dict[str, np.ndarray]:
    """The label pipeline's answer: its own joints where they have the same name and meaning, else angles of its segments."""
    joints_m, R_global = motion.forward()
    joints_mj, R_mj = joints_m @ R_MJ_WORLD.T, np.full_like(R_global, np.nan)
    R_mj[:, [0, 9]] = R_MJ_WORLD @ R_global[:, [0, 9]]
    factors = segment_factors(generic_body, joints_mj)
    scale_body(generic_body, factors, estimated_mass_kg(factors))
    q = inverse_kinematics(generic_body, joints_mj, R_mj).q
    expected = {name: np.degrees(q[:, 7 + generic_body.joints.index(name)]) for name in SAME_NAME}
    R_opensim_mj = R_OPENSIM_WORLD @ R_MJ_WORLD.T
    places = {name: generic_body.model.body(name).id for name in ("pelvis", "torso")}
    R, origin_m = {name: np.zeros((len(q), 3, 3)) for name in places}, np.zeros((len(q), 3))
    for t, qpos in enumerate(generic_body.full_positions(q)):
        generic_body.data.qpos[:] = qpos
        mujoco.mj_kinematics(generic_body.model, generic_body.data)
        for name, place in places.items():
            R[name][t] = R_opensim_mj @ generic_body.data.xmat[place].reshape(3, 3)
        origin_m[t] = R_opensim_mj @ generic_body.data.xpos[places["pelvis"]]
    pelvis = Rotation.from_matrix(R["pelvis"])
    chest = pelvis.inv() * Rotation.from_matrix(R["torso"])
    pelvis_deg, chest_deg = pelvis.as_euler("ZXY", degrees=True).T, chest.as_euler("ZXY", degrees=True).T
    expected |= dict(zip(COORDINATES[:6], [*pelvis_deg, *origin_m.T], strict=True))
    return expected | dict(zip(("lumbar_extension", "lumbar_bending", "lumbar_rotation"), chest_deg, strict=True))


def assert_agrees(found: dict[str, Agreement]) -> None:
    assert set(found) == {name for name in COORDINATES if name.removesuffix("_r").removesuffix("_l") in LIMITS}
    for name, agreement in found.items():
        rms, rms_without_offset = LIMITS[name.removesuffix("_r").removesuffix("_l")]
        assert agreement.rms < rms, (name, agreement)
        assert agreement.rms_without_offset < rms_without_offset, (name, agreement)


def test_a_clip_agrees_with_inverse_kinematics(generic_body, tmp_path):
    assert_agrees(compare(generic_body, write_bvh(tmp_path / "bends.bvh", skew=10), tmp_path))


@pytest.mark.data
@pytest.mark.parametrize("clip", CLIPS)
def test_motion_capture_agrees_with_inverse_kinematics(generic_body, tmp_path, clip):
    folder = Path(os.environ.get("BIOHUMAN_DATA", ROOT.parent / "shared" / "data")) / "cmu_bvh"
    if not folder.is_dir():
        pytest.skip(f"no motion capture in {folder}; set BIOHUMAN_DATA")
    assert_agrees(compare(generic_body, folder / f"{clip}.bvh", tmp_path))
