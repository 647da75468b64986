"""The live SMPL body: a body file that does not fit is named, the shape follows the person's bones, vertices follow the pose."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.body.errors import InputError, OutputError
from realtime.body.frames import State
from realtime.body.skeleton import offsets_of, rest_offsets_m
from realtime.body.smpl_file import SmplBody, read_smpl_body, write_smpl_body
from realtime.body.smpl_skin import Skin
from realtime.smpl_body import FIT_FRAMES, LiveSmplBody, fit_betas, lengths_m
from simlabels.smpl_body import reduced
from tests.smpl_model import model_arrays, write_model

from .bodies import body as body_frame


@pytest.fixture(scope="module")
def smpl() -> SmplBody:
    return reduced(model_arrays(), gender="neutral", betas=10, source_sha256="5" * 64)


@pytest.fixture
def file(tmp_path, smpl):
    write_smpl_body(tmp_path / "body.npz", smpl)
    return tmp_path / "body.npz"


def test_a_body_comes_back_as_it_was_written(file, smpl):
    again = read_smpl_body(file)
    for name in SmplBody.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(smpl, name), err_msg=name)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": None}, "has no weights: it is not a body file"),
        ({"weights": np.ones((300, 23), np.float32)}, r"weights is \(300, 23\), it should be \(300, 24\)"),
        ({"weights": np.ones((300, 24), np.float32)}, "rows of weights should sum to 1"),
        ({"v_template_m": np.zeros((200, 3), np.float32)}, r"shape_dirs_m is \(300, 3, 10\), it should be \(200, 3, 10\)"),
        ({"v_template_m": np.zeros(3, np.float32)}, r"v_template_m is \(3,\), it should be \(V, 3\)"),
        ({"v_template_m": np.zeros((300, 3), int)}, "v_template_m has type int64, it should be float"),
        ({"v_template_m": np.full((300, 3), np.inf, np.float32)}, "v_template_m has numbers that are not finite"),
        ({"faces": np.full((9, 3), 300)}, "faces name vertices beyond the 300"),
        ({"faces": np.zeros((9, 3))}, "faces has type float64, it should be whole numbers"),
        ({"parents": np.zeros(24, int)}, "parents are not those of SMPL's 24 joints"),
        ({"joint_shape_dirs_m": np.zeros((24, 3, 9), np.float32)}, r"is \(24, 3, 9\), it should be \(24, 3, 10\)"),
        ({"schema": np.array("biohuman.smpl-body/9")}, "has schema 'biohuman.smpl-body/9', this program reads"),
        ({"kind": np.array("flame")}, "kind is 'flame', it should be one of smpl, smplh, smplx"),
        ({"v_template_m": np.array([None], object)}, "v_template_m is a pickled object, which is never loaded"),
    ],
)
def test_a_body_file_of_another_layout_is_one_line(file, changed, message):
    with np.load(file) as archive:
        arrays = {k: v for k, v in ({name: archive[name] for name in archive.files} | changed).items() if v is not None}
    np.savez(file, allow_pickle=True, **arrays)
    with pytest.raises(InputError, match=message) as error:
        read_smpl_body(file)
    assert "\n" not in str(error.value)
    assert "biohuman-labels smpl-body" in str(error.value)  # what to do


def test_other_files_given_as_a_body(tmp_path):
    np.savez(tmp_path / "motion.npz", poses=np.zeros((9, 156)), trans=np.zeros((9, 3)))
    (tmp_path / "body.npz").write_text("no archive")
    for path, message in (
        (write_model(tmp_path / "SMPL_NEUTRAL.npz"), r"is a model as it is downloaded; .*smpl-body .*SMPL_NEUTRAL\.npz --out"),
        (tmp_path / "motion.npz", "has no schema, kind, .*weights, faces, parents: it is not a body file"),
        (tmp_path / "body.npz", r"is no \.npz archive; it should be a body file .*biohuman-labels smpl-body"),
        (tmp_path / "none.npz", "does not exist"),
        (tmp_path / "SMPL.pkl", "is a pickle, which is never loaded"),
    ):
        with pytest.raises(InputError, match=message):
            read_smpl_body(path)


def test_a_body_file_is_written_whole_or_not_at_all(file, smpl, monkeypatch):
    before = file.read_bytes()

    def full(stream, **arrays):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="No space left"):
        write_smpl_body(file, smpl)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["body.npz"]


def test_skinning_by_hand():
    # The left elbow makes a quarter turn: one vertex goes with it, one half way, one only feels its pose direction.
    template = np.zeros((24, 3), np.float32)
    for j, p in enumerate((-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)):
        template[j] = [0, 0, 0] if p < 0 else template[p] + [1, 0, 0]
    weights = np.zeros((3, 24), np.float32)
    weights[0, 18] = weights[2, 0] = 1
    weights[1, [16, 18]] = 0.5
    at = template[18]  # the left elbow
    pose_dirs = np.zeros((3, 3, 207), np.float32)
    pose_dirs[2, 1, 9 * 17] = 0.25  # follows the elbow's R[0, 0] - 1
    body = SmplBody(
        kind="smpl",
        gender="unknown",
        source_sha256="",
        v_template_m=np.array([at + [1, 0, 0], at + [1, 0, 0], [0, 0, 0]], np.float32),
        shape_dirs_m=np.zeros((3, 3, 1), np.float32),
        pose_dirs_m=pose_dirs,
        joint_template_m=template,
        joint_shape_dirs_m=np.zeros((24, 3, 1), np.float32),
        weights=weights,
        faces=np.array([[0, 1, 2]], np.uint32),
    )
    R_local = np.tile(np.eye(3), (24, 1, 1))
    R_local[18] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    _, vertices_m = Skin(body).pose(R_local, np.array([0.0, 2.0, 0.0]))
    up = np.array([0.0, 2.0, 0.0])
    np.testing.assert_allclose(vertices_m[0], up + at + [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(vertices_m[1], up + at + [0.5, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(vertices_m[2], up + [0, -0.25, 0], atol=1e-6)


def test_the_lengths_are_those_of_limbs_and_trunk():
    bones_m = np.linalg.norm(rest_offsets_m(), axis=1)
    rest_m = offsets_sum(rest_offsets_m())
    trunk_m = np.linalg.norm(rest_m[[16, 17]].mean(0) - rest_m[[1, 2]].mean(0))
    expected = np.array([*bones_m[[4, 5, 7, 8, 18, 19, 20, 21]], trunk_m])
    np.testing.assert_allclose(lengths_m(rest_m), expected, atol=1e-9)


def test_betas_are_found_again_from_the_bones(smpl):
    # The first direction is the person's size: lengths tell it, and one unit is four times the allowance.
    for size in (-2.0, 0.0, 1.5):
        betas = np.zeros(10)
        betas[0] = size
        found = fit_betas(smpl, offsets_of(smpl.rest_joints_m(betas)))
        assert found.dtype == np.float32
        assert found[0] == pytest.approx(size, abs=0.2)  # the ridge pulls towards 0
        np.testing.assert_allclose(found[1:], 0, atol=0.15)
        np.testing.assert_allclose(
            lengths_m(smpl.rest_joints_m(found)), lengths_m(smpl.rest_joints_m(betas)), atol=0.004, rtol=0
        )


def test_the_fit_is_the_least_cost_and_moves_towards_the_person(smpl):
    offsets_m = 1.1 * rest_offsets_m()  # a person whom no betas give exactly
    wanted_m = lengths_m(offsets_sum(offsets_m))
    found = fit_betas(smpl, offsets_m).astype(float)

    def cost(betas: np.ndarray) -> float:
        off = (lengths_m(smpl.rest_joints_m(betas)) - wanted_m) / ([0.01] * 8 + [0.03])
        return (off**2).sum() + (betas**2).sum()

    assert cost(found) < 0.2 * cost(np.zeros(10))
    for k in range(10):
        for step in (-0.05, 0.05):
            assert cost(found + step * np.eye(10)[k]) > cost(found)


def offsets_sum(offsets_m: np.ndarray) -> np.ndarray:
    from realtime.body.skeleton import forward_kinematics

    return forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), offsets_m, np.zeros(3))[0]


def test_a_body_with_few_betas_fits_those(smpl):
    few = replace(
        smpl, shape_dirs_m=smpl.shape_dirs_m[..., :3].copy(), joint_shape_dirs_m=smpl.joint_shape_dirs_m[..., :3].copy()
    )
    found = fit_betas(few, 1.05 * rest_offsets_m())
    assert found.shape == (10,)
    assert (found[3:] == 0).all()
    assert found[0] > 0.5


def test_the_shape_settles_and_is_kept_until_the_person_is_lost(smpl):
    live = LiveSmplBody(smpl)
    tall, short = 1.08 * rest_offsets_m(), 0.95 * rest_offsets_m()
    assert (live.update_shape(body_frame(0, state=State.WARMING), tall) == 0).all()
    first = live.update_shape(body_frame(1), tall).copy()
    np.testing.assert_array_equal(first, fit_betas(smpl, tall))
    for i in range(2, FIT_FRAMES):
        live.update_shape(body_frame(i), tall)
    settled = live.update_shape(body_frame(FIT_FRAMES), short).copy()  # the last that counts
    np.testing.assert_array_equal(settled, fit_betas(smpl, (29 * tall + short) / 30))
    np.testing.assert_array_equal(live.update_shape(body_frame(40), short), settled)
    rest_m = smpl.rest_joints_m(settled)
    moved = live.pose(replace(body_frame(41), R_local=np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))))
    np.testing.assert_allclose(
        moved.joints_m - moved.joints_m[0], rest_m - rest_m[0], atol=1e-5
    )  # 41 m from the origin in float32
    assert (live.update_shape(body_frame(42, state=State.LOST), short) == 0).all()
    np.testing.assert_array_equal(live.update_shape(body_frame(43), short), fit_betas(smpl, short))


def test_frames_of_the_live_body(smpl):
    frame, live = body_frame(5), LiveSmplBody(smpl, with_mesh=True)
    live.update_shape(frame, 1.08 * rest_offsets_m())
    out = live.pose(frame)
    skin = Skin(smpl)
    skin.set_shape(live.betas)
    joints_m, vertices_m = skin.pose(frame.R_local, frame.pelvis_m)
    np.testing.assert_array_equal(out.vertices_m, vertices_m)
    np.testing.assert_array_equal(out.joints_m, joints_m)
    np.testing.assert_allclose(out.joints_m[0], frame.pelvis_m, atol=1e-6)
    np.testing.assert_allclose(out.transl_m, frame.pelvis_m - smpl.rest_joints_m(live.betas)[0], atol=1e-6)
    without = LiveSmplBody(smpl).pose(frame)
    assert without.vertices_m is None
    lost = live.pose(body_frame(6, state=State.LOST))
    for array in (lost.joints_m, lost.vertices_m, lost.transl_m):
        assert array is not None
        assert np.isnan(array).all()
