"""A model of the user's to a body file: exact against smplx, and nothing is ever unpickled."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realtime.body.errors import BioHumanError, InputError, ModelError, OutputError
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINTS
from realtime.body.smpl_file import read_smpl_body
from realtime.body.smpl_skin import Skin
from simlabels import cli, smpl_body
from simlabels.smpl_body import convert_smpl_body, read_model, smplx_forward, smplx_model
from tests.smpl_model import model_arrays, write_model

KINDS = ("smpl", "smplh", "smplx")


def smplx_names(kind: str) -> list[str]:
    """The names that smplx itself gives to this model's joints, in the model's order."""
    from smplx.joint_names import JOINT_NAMES

    if kind == "smpl":
        return list(JOINTS)
    names = list(JOINT_NAMES[:55])
    return names if kind == "smplx" else names[:22] + names[25:]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_body_that_smplx_makes(kind, tmp_path):
    done = convert_smpl_body(write_model(tmp_path / "model.npz", kind), tmp_path / "body.npz", gender="female")
    assert 0 < done.worst_m < 1e-5
    body = read_smpl_body(tmp_path / "body.npz")
    assert (body.kind, body.gender, body.vertex_count, body.betas_count) == (kind, "female", 300, 10)
    # once more from outside: other poses, stronger ones, and what each joint is by its name in smplx
    arrays = model_arrays(kind)
    model, skin, rng = smplx_model(arrays, 10), Skin(body), np.random.default_rng(9)
    names = smplx_names(kind)
    ours = [n for n in JOINTS if n in names]
    places = [names.index(n) for n in ours]
    if kind != "smpl":
        places += [names.index(f"{side}_middle1") for side in ("left", "right")]
        ours += ["left_hand", "right_hand"]
    for scale in (0.0, 1.0):
        betas, axis_angle = 2 * rng.standard_normal(10), scale * rng.standard_normal((24, 3))
        transl_m = 3 * rng.standard_normal(3)
        joints_m, vertices_m = smplx_forward(model, betas, axis_angle, transl_m)
        skin.set_shape(betas)
        got_joints_m, got_vertices_m = skin.pose(from_axis_angle(axis_angle), skin.rest_joints_m[0] + transl_m)
        np.testing.assert_allclose(got_joints_m[[JOINTS.index(n) for n in ours]], joints_m[places], atol=1e-5)
        np.testing.assert_allclose(got_vertices_m, vertices_m, atol=1e-5)
        np.testing.assert_array_equal(
            skin.joints_m(from_axis_angle(axis_angle), skin.rest_joints_m[0] + transl_m).astype(np.float32), got_joints_m
        )
    assert len(ours) == 24


@pytest.mark.parametrize("kind", ["smplh", "smplx"])
def test_hands_turn_with_the_wrist_alone(kind, tmp_path):
    body = convert_smpl_body(write_model(tmp_path / "model.npz", kind), tmp_path / "body.npz").body
    assert (body.weights[:, 22:] == 0).all()
    turned = np.zeros((24, 3))
    turned[22:] = 1.0
    skin = Skin(body)
    rest = skin.pose(from_axis_angle(np.zeros((24, 3))), np.zeros(3))[1]
    np.testing.assert_array_equal(skin.pose(from_axis_angle(turned), np.zeros(3))[1], rest)


def test_a_body_that_smplx_does_not_make_is_not_written(tmp_path, monkeypatch):
    right = smpl_body.reduced

    def wrong(arrays, **kwargs):
        body = right(arrays, **kwargs)
        body.pose_dirs_m[:, 0, 3] += 1e-4
        return body

    monkeypatch.setattr(smpl_body, "reduced", wrong)
    with pytest.raises(ModelError, match="from what smplx makes of it"):
        convert_smpl_body(write_model(tmp_path / "model.npz"), tmp_path / "body.npz")
    assert not (tmp_path / "body.npz").exists()


def test_betas_are_kept_as_asked_or_as_there_are(tmp_path):
    many = write_model(tmp_path / "many.npz", "smplh", betas=16)
    assert convert_smpl_body(many, tmp_path / "a.npz").body.betas_count == 10
    assert convert_smpl_body(many, tmp_path / "a.npz", betas=16).body.betas_count == 16
    few = write_model(tmp_path / "few.npz", betas=4)
    assert convert_smpl_body(few, tmp_path / "a.npz").body.betas_count == 4
    # SMPL-X's shape directions end with the face's expressions, which are none of the body's shape
    assert convert_smpl_body(write_model(tmp_path / "x.npz", "smplx"), tmp_path / "a.npz", betas=16).body.betas_count == 10


def test_smpl_h_without_hand_poses_is_read(tmp_path):
    # as it comes with AMASS
    arrays = {k: v for k, v in model_arrays("smplh").items() if not k.startswith("hands")}
    np.savez(tmp_path / "model.npz", allow_pickle=False, **arrays)
    assert convert_smpl_body(tmp_path / "model.npz", tmp_path / "body.npz").worst_m < 1e-5


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def test_nothing_is_ever_unpickled(tmp_path):
    mark, out = tmp_path / "unpickled", tmp_path / "body.npz"
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Trap(mark)))
    (tmp_path / "renamed.npz").write_bytes(pickle.dumps(Trap(mark)))
    trap = np.array(Trap(mark), dtype=object)
    np.savez(tmp_path / "wanted.npz", allow_pickle=True, **(model_arrays() | {"J_regressor": trap}))
    np.savez(tmp_path / "unwanted.npz", allow_pickle=True, **model_arrays("smplx"), joint2num=trap)
    for name, message in (
        ("model.pkl", r"is a pickle, which can run code.*docs/smpl\.md"),
        ("renamed.npz", r"is no \.npz archive"),
        ("wanted.npz", r"J_regressor is a pickled object, which is never loaded; convert.*docs/smpl\.md"),
    ):
        with pytest.raises(InputError, match=message):
            convert_smpl_body(tmp_path / name, out)
        assert not out.exists()
    convert_smpl_body(tmp_path / "unwanted.npz", out)
    assert not mark.exists()
    np.load(tmp_path / "unwanted.npz", allow_pickle=True)["joint2num"]  # the trap does work
    assert mark.exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": None, "f": None}, "has no weights, f: it is no SMPL, SMPL-H or SMPL-X model"),
        ({"J_regressor": np.ones((24, 299))}, r"J_regressor is \(24, 299\), it should be \(24, 300\) for 24 joints"),
        ({"shapedirs": np.ones((300, 30))}, r"shapedirs is \(300, 30\), it should be"),
        ({"posedirs": np.ones((300, 3, 459))}, r"posedirs is \(300, 3, 459\), it should be \(300, 3, 207\)"),
        ({"kintree_table": np.ones((2, 16), int)}, r"kintree_table is \(2, 16\), it should be \(2, 24\) for SMPL"),
        ({"kintree_table": np.zeros((2, 24), int)}, "is not the tree of SMPL's joints"),
        ({"weights": np.ones((300, 24))}, "rows of weights should sum to 1"),
        ({"f": np.full((5, 3), 300)}, "f names vertices beyond the 300"),
        ({"v_template": np.full((300, 3), np.nan)}, "v_template should be finite numbers"),
        ({"weights": np.full((300, 24), "a")}, "weights should be finite numbers, it has type <U1"),
        ({"v_template": np.zeros((0, 3))}, r"v_template is \(0, 3\)"),
        ({"v_template": np.array(1.0)}, r"v_template is \(\)"),
    ],
)
def test_another_layout_is_one_line_that_names_it(tmp_path, changed, message):
    arrays = {k: v for k, v in (model_arrays() | changed).items() if v is not None}
    np.savez(tmp_path / "model.npz", allow_pickle=False, **arrays)
    with pytest.raises(InputError, match=message) as error:
        read_model(tmp_path / "model.npz")
    assert "\n" not in str(error.value)
    assert "model.npz" in str(error.value)


def test_files_that_are_no_models(tmp_path):
    (tmp_path / "text.npz").write_text("SMPL")
    (tmp_path / "empty.npz").write_bytes(b"")
    whole = write_model(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.npz").write_bytes(whole[:5000] + b"?" * 2000 + whole[7000:])
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name, message in (
        ("none.npz", "does not exist"),
        ("text.npz", r"is no \.npz archive"),
        ("empty.npz", r"is no \.npz archive"),
        ("cut.npz", r"is no \.npz archive"),
        ("flipped.npz", "is damaged"),
        ("array.npy", "holds one bare array"),
        (".", "Is a directory"),
    ):
        with pytest.raises(InputError, match=message):
            read_model(tmp_path / name)


def test_the_command(tmp_path, capsys, monkeypatch):
    model, out = write_model(tmp_path / "model.npz", "smplx"), tmp_path / "body.npz"
    assert cli.main(["smpl-body", str(model), "--out", str(out), "--gender", "male"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"smplx, male: 300 vertices, 10 betas; within 0\.0\d+ mm of smplx", said), said
    assert read_smpl_body(out).gender == "male"
    assert cli.main(["smpl-body", str(tmp_path / "model.pkl"), "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith(f"biohuman-labels: {tmp_path / 'model.pkl'} is a pickle")
    with pytest.raises(OutputError, match="cannot be written"):
        convert_smpl_body(model, tmp_path / "nowhere" / "body.npz")
    monkeypatch.setattr("realtime.body.needs.find_spec", lambda name: None)
    with pytest.raises(BioHumanError, match=r"smplx is not installed.*pip install -e '\.\[body\]'"):
        convert_smpl_body(model, out)


def test_the_conversion_that_the_page_gives_works(tmp_path):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    page = (Path(__file__).parents[2] / "docs" / "smpl.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    arrays = model_arrays()
    arrays |= {"J_regressor": scipy_sparse.csc_matrix(arrays["J_regressor"]), "bs_type": "lrotmin"}
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(arrays))
    subprocess.run([sys.executable, "-c", program, tmp_path / "model.pkl", tmp_path / "model.npz"], check=True, timeout=60)
    assert convert_smpl_body(tmp_path / "model.npz", tmp_path / "body.npz").worst_m < 1e-5
