"""The chain on a walking trial with force plates, and on CMU clips: ground forces, rejections."""

import csv
import gzip

import numpy as np
import pytest

from simlabels.dynamics import low_pass
from simlabels.folder import list_clips
from simlabels.ik import inverse_kinematics
from simlabels.label import R_MJ_WORLD, solve_clip
from simlabels.make import label_file
from simlabels.musculo.scale import scale_body, segment_factors

pytestmark = pytest.mark.data

MASS_KG, FPS = 85.27, 100


@pytest.fixture(scope="module")
def walk(the_body, data_folder):
    """Reduced positions of the walking trial on its own body; plate wrenches about the origin (T, 2, 6)."""
    file = data_folder / "body" / "walking_emg_joints.npz"
    plates = data_folder / "reference" / "walking_emg" / "grf_walk_clean_400hz.csv.gz"
    for path in (file, plates):
        if not path.is_file():
            pytest.skip(f"no {path}")
    z = np.load(file)
    joints_m, R = z["joints"].astype(float), np.full((len(z["time"]), 24, 3, 3), np.nan)
    R[:, z["rotation_joints"]] = z["rotations"]
    scale_body(the_body, segment_factors(the_body, joints_m), MASS_KG)
    q = inverse_kinematics(the_body, joints_m, R).q
    return z["time"], q, plate_wrenches(plates, z["time"])


def plate_wrenches(path, time_s):
    with gzip.open(path, "rt") as f:
        rows = list(csv.DictReader(f))
    table = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    out = np.zeros((len(time_s), 2, 6))
    for side, s in enumerate("lr"):
        force, place = (np.stack([table[f"ground_force_{s}_{k}{axis}"] for axis in "xyz"], 1) for k in "vp")
        moment = np.cross(place, force) + np.stack([table[f"ground_torque_{s}_{axis}"] for axis in "xyz"], 1)
        for column, v in ((0, force), (3, moment)):
            v = low_pass(v, 400) @ R_MJ_WORLD.T
            for i in range(3):
                out[:, side, column + i] = np.interp(time_s, table["time"], v[:, i])
    return out


def test_ground_forces_against_plates(the_body, walk):
    time_s, q, plates = walk
    state = solve_clip(the_body, q, FPS)
    window = (time_s >= 0.5) & (time_s <= 1.75)
    off_BW = (state.ground.foot_wrench[..., :3] - plates[..., :3])[window] / the_body.weight_N
    rmse = np.sqrt((off_BW**2).mean(0))  # left and right; fore-aft, lateral, vertical
    assert (rmse < [0.030, 0.015, 0.045]).all(), rmse
    for side in (0, 1):
        ours, theirs = state.ground.foot_wrench[window, side, 2], plates[window, side, 2]
        assert np.corrcoef(ours, theirs)[0, 1] > 0.99


@pytest.mark.parametrize(("clip", "most_rejected"), [("c_walkx_13", 0.02), ("02_03", 0.12), ("14_20", 0.06)])
def test_clips_of_feet_on_flat_ground(the_body, data_folder, clip, most_rejected):
    folder = data_folder / "cmu_bvh"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    (file,) = [c for c in list_clips(folder) if c.clip == clip]
    done = label_file(the_body, file)
    assert done.error is None
    assert done.row["more"]["own_rejected"] <= most_rejected * done.row["frames"]
    assert abs(done.frames["residual_BW"][:, 1].mean()) < 0.02  # the feet give the impulse that the motion needs
    assert done.row["more"]["reserves_above_2_Nm"] <= 0.03 * done.row["more"]["reserves"]
    assert np.median(done.frames["ik_rms_m"]) < 0.025


@pytest.mark.slow
def test_rejections_over_all_flat_clips(the_body, data_folder):
    """The aims: at most 8 % of frames by their own criteria, at most 1 % of the reserves kept above 2 N m."""
    folder = data_folder / "cmu_bvh"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    rows = [label_file(the_body, c).row for c in list_clips(folder) if not c.contact_elsewhere]
    frames = sum(row["frames"] for row in rows)
    assert frames > 60_000
    assert sum(row["more"]["own_rejected"] for row in rows) <= 0.08 * frames
    assert sum(row["more"]["own_by_reason"]["solver"] for row in rows) == 0
    assert sum(row["more"]["reserves_above_2_Nm"] for row in rows) <= 0.01 * sum(row["more"]["reserves"] for row in rows)
