"""One laboratory trial on the command line: the dataset, tables for OpenSim, what is told, what is refused."""

import json

import numpy as np
import pytest

from realtime.body.dataset import LABEL_FRAMES
from simlabels.cli import main
from simlabels.dataset import read_frames
from simlabels.readers.motion import read_opensim_motion
from simlabels.readers.table import read_table

from .test_markers import MASS_KG, marker_set  # noqa: F401 (fixtures)
from .test_verify import laboratory  # noqa: F401
from .with_opensim import load_opensim


@pytest.fixture
def command(laboratory):  # noqa: F811
    folder = laboratory / "bends"

    def command(out, *more, mass=str(MASS_KG)):
        files = ["--static", str(folder / "static.trc"), "--markers", str(folder / "set.csv"), "--mass", mass]
        return ["make", str(folder / "trial.trc"), *files, "--out", str(out), *more]

    return command


def test_a_trial_becomes_labels_and_tables(command, laboratory, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "out"
    assert main(command(out, "--grf", str(laboratory / "bends" / "grf.mot"), "--height", "1.8")) == 0
    told = capsys.readouterr()
    assert "trial: 100 frames, rejected 0.0 %" in told.out
    frames = read_frames(out, list(LABEL_FRAMES))
    assert len(frames["frame"]) == 100
    assert frames["valid"].all()
    plates = read_table(laboratory / "bends" / "grf.mot")
    weight_N = MASS_KG * 9.81
    vertical = frames["grf_BW"].reshape(-1, 2, 3)[20:80, :, 1]
    np.testing.assert_allclose(vertical[:, 1], plates.column("ground_force_r_vy")[20:80] / weight_N, atol=0.02)
    cop_m = frames["cop_m"].reshape(-1, 2, 3)[20:80]
    np.testing.assert_allclose(cop_m[:, 0, 0], plates.column("ground_force_l_px")[20:80], atol=0.01)
    angles = read_opensim_motion(out / "trial.mot")
    theirs = read_opensim_motion(laboratory / "bends" / "ik.mot")
    np.testing.assert_allclose(angles.column("knee_angle_r"), theirs.column("knee_angle_r"), atol=0.02)  # filtered
    activations = read_table(out / "trial_activation.sto")
    np.testing.assert_allclose(activations.values, frames["activation_raw"].reshape(100, -1), atol=1e-6)
    info = json.loads((out / "dataset.json").read_text())
    assert info["clip_details"]["trial"]["forces"] == "measured"
    assert info["subjects"]["unknown"]["height_m"] == 1.8


def test_opensim_loads_what_is_written(command, tmp_path):
    opensim = load_opensim(tmp_path)
    assert main(command(tmp_path / "out")) == 0
    motion = opensim.Storage(str(tmp_path / "out" / "trial.mot"))
    assert motion.isInDegrees()
    assert motion.getSize() == 100
    activations = opensim.TimeSeriesTable(str(tmp_path / "out" / "trial_activation.sto"))
    assert activations.getNumColumns() == 354
    assert "/forceset/soleus_r/activation" in activations.getColumnLabels()


def test_the_same_again_and_another(command, tmp_path, capsys):
    assert main(command(tmp_path / "out")) == 0
    before = (tmp_path / "out" / "frames-00000.parquet").read_bytes()
    assert main(command(tmp_path / "out")) == 0
    assert (tmp_path / "out" / "frames-00000.parquet").read_bytes() == before
    assert len(list((tmp_path / "out").glob("frames-*"))) == 1
    capsys.readouterr()
    assert main(command(tmp_path / "out", mass="70")) == 2
    assert "other settings" in capsys.readouterr().err.lower()


@pytest.mark.parametrize(
    ("more", "mass", "message"),
    [
        ((), "-3", "--mass is -3 kg, a person has 20 to 250"),
        (("--height", "3"), "80", "--height is 3 m, a person has 1 to 2.4"),
        (("--left", "ground_force_1"), "80", "give both --left and --right, or none"),
        (("--grf", "gone.mot"), "80", "gone.mot"),
        (("--markers", "cmu42"), "80", "cmu41"),
        (("--static", "gone.trc"), "80", "gone.trc"),
    ],
)
def test_what_is_refused(command, tmp_path, capsys, more, mass, message):
    assert main(command(tmp_path / "out", *more, mass=mass)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_a_trial_needs_a_person(tmp_path, capsys):
    assert main(["make", "walk.trc", "--out", str(tmp_path)]) == 2
    assert "--static, --markers, --mass" in capsys.readouterr().err
