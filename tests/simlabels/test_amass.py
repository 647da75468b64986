"""AMASS-style motion: it comes back as it was written, what is open is tested or asked for, and its labels are a BVH's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_bvh import write_bvh
from realtime.body.errors import InputError
from realtime.body.rotations import from_axis_angle, to_axis_angle
from realtime.body.smpl_file import SmplBody, write_smpl_body
from simlabels import cli
from simlabels.dataset import read_frames
from simlabels.folder import list_clips
from simlabels.make import make_labels
from simlabels.readers.amass import RestBody, amass_motion, body_for, read_amass
from simlabels.readers.bvh import read_bvh
from simlabels.readers.retarget import SmplMotion, retarget
from simlabels.smpl_body import reduced
from tests.smpl_model import model_arrays

ORIGIN_M = np.array([0.01, -0.22, 0.03])  # where this body's pelvis lies at rest
BETAS = np.linspace(-1, 1, 16)
R_FILE_WORLD = {"y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}
COLUMNS = {"smpl": 72, "smplh": 156, "smplx": 165}


def body_of(rest_m: np.ndarray, kind: str = "smplh", gender: str = "female") -> SmplBody:
    """A body whose joints are `rest_m` (24, 3) for BETAS, toes 33 mm above its sole."""
    made = reduced(model_arrays(betas=10), gender=gender, betas=10, source_sha256="3" * 64)
    template_m = rest_m + ORIGIN_M - made.joint_shape_dirs_m @ BETAS[:10]
    v_template_m = made.v_template_m.copy()
    v_template_m[:, 1] += template_m[[10, 11], 1].mean() - 0.033 - v_template_m[:, 1].min()
    return replace(made, kind=kind, joint_template_m=template_m.astype(np.float32), v_template_m=v_template_m)


def write_amass(path, motion: SmplMotion, *, kind: str = "smplh", up: str = "z", **changed):
    """The motion as AMASS writes it: axes of `up`, fingers that move, a rate by the older or newer name."""
    R = R_FILE_WORLD[up]
    R_local = motion.R_local.copy()
    R_local[:, 0] = R @ R_local[:, 0]
    T = len(R_local)
    poses = np.random.default_rng(0).standard_normal((T, COLUMNS[kind]))
    joints = 24 if kind == "smpl" else 22
    poses[:, : 3 * joints] = to_axis_angle(R_local[:, :joints]).reshape(T, -1)
    arrays = {
        "poses": poses,
        "trans": motion.pelvis_m @ R.T - ORIGIN_M,
        "betas": BETAS,
        "gender": np.array(b"female" if kind == "smplh" else "female"),
        "mocap_frame_rate" if kind == "smplx" else "mocap_framerate": np.array(motion.fps),
        "dmpls": np.zeros((T, 8)),
    }
    arrays = {k: v for k, v in (arrays | changed).items() if v is not None}
    np.savez(path, allow_pickle=True, **arrays)
    return path


def rest_body(body: SmplBody, tmp_path) -> RestBody:
    write_smpl_body(tmp_path / f"{body.kind}-{body.gender}.body", body)
    return RestBody.read(tmp_path / f"{body.kind}-{body.gender}.body")


def test_a_motion_comes_back_as_it_was_written(motion, tmp_path):
    for kind, up in (("smplh", "z"), ("smplx", "z"), ("smpl", "y"), ("smplh", "y")):
        path = write_amass(tmp_path / "clip.npz", motion, kind=kind, up=up)
        amass = read_amass(path)
        assert (amass.kind, amass.gender, amass.fps) == (kind, "female", motion.fps)
        read = amass_motion(amass, [rest_body(body_of(motion.rest_m, kind), tmp_path)])
        assert read.notes["up"] == up
        assert (read.notes["betas_used"], read.notes["betas_in_file"]) == (10, 16)
        np.testing.assert_allclose(read.motion.forward()[0], motion.forward()[0], atol=1e-5)
        kept = 24 if kind == "smpl" else 22
        np.testing.assert_allclose(read.motion.R_local[:, :kept], motion.R_local[:, :kept], atol=1e-6)
        np.testing.assert_allclose(read.motion.rest_m, motion.rest_m, atol=1e-6)
        assert read.floor_m == pytest.approx(0, abs=0.001)  # this motion's floor is at 0
        if kept == 22:  # fingers are not the hands' rotation
            np.testing.assert_array_equal(
                read.motion.R_local[:, 22:], np.broadcast_to(np.eye(3), (len(amass.trans_m), 2, 3, 3))
            )


@pytest.mark.data
def test_a_captured_motion_comes_back_as_it_was_written(data_folder, tmp_path):
    path = data_folder / "cmu_bvh" / "02_03.bvh.gz"
    files = [path] if path.is_file() else sorted((data_folder / "cmu_bvh").glob("02_03.bvh*"))
    if not files:
        pytest.skip(f"no {path}")
    captured = retarget(read_bvh(files[0]))
    amass = read_amass(write_amass(tmp_path / "run.npz", captured))
    read = amass_motion(amass, [rest_body(body_of(captured.rest_m), tmp_path)])
    np.testing.assert_allclose(read.motion.forward()[0][:, :22], captured.forward()[0][:, :22], atol=1e-5)


def test_our_own_rest_skeleton_is_told(motion, tmp_path):
    amass = read_amass(write_amass(tmp_path / "clip.npz", motion, betas=None))
    read = amass_motion(amass)
    assert read.notes["rest"] == "our own rest skeleton, 1.7 m"
    tall = amass_motion(amass, height_m=1.87)
    assert tall.notes["rest"] == "our own rest skeleton, 1.87 m"
    np.testing.assert_allclose(tall.motion.rest_m, 1.1 * read.motion.rest_m, atol=1e-12)
    np.testing.assert_allclose(read.motion.R_local[:, :22], motion.R_local[:, :22], atol=1e-6)
    # the unknown constant of trans has gone into the floor
    toes = read.motion.forward()[0][:, [10, 11], 1].min(1) - read.floor_m
    assert np.percentile(toes, 5) == pytest.approx(0.033)
    with pytest.raises(InputError, match="has no betas, without which its joints are not known"):
        amass_motion(amass, [rest_body(body_of(motion.rest_m), tmp_path)])


def test_up_is_tested_or_asked_for(motion, tmp_path):
    lying = motion.R_local.copy()
    lying[:, 0] = from_axis_angle(np.array([0, 0, np.pi / 2])) @ lying[:, 0]  # on the side
    lying = replace(motion, R_local=lying)
    for up in "yz":
        amass = read_amass(write_amass(tmp_path / "lying.npz", lying, up=up))
        with pytest.raises(
            InputError, match=r"lying\.npz: from ankles to head the mean direction is .* say it by --up y or --up z"
        ):
            amass_motion(amass)
        read = amass_motion(amass, up=up)
        assert (read.notes["up"], read.notes["up_tested"]) == (up, False)
        np.testing.assert_allclose(read.motion.R_local[:, 0], lying.R_local[:, 0], atol=1e-6)
    head_down = motion.R_local.copy()
    head_down[:, 0] = from_axis_angle(np.array([np.pi, 0, 0])) @ head_down[:, 0]
    with pytest.raises(InputError, match="its up axis cannot be told"):
        amass_motion(read_amass(write_amass(tmp_path / "down.npz", replace(motion, R_local=head_down))))


def test_units_are_tested(motion, tmp_path):
    body = [rest_body(body_of(motion.rest_m), tmp_path)]
    walking = replace(motion, pelvis_m=motion.pelvis_m + np.outer(np.arange(len(motion.pelvis_m)) / 30 * 1.4, [0, 0, 1]))
    assert amass_motion(read_amass(write_amass(tmp_path / "a.npz", walking)), body).motion.fps == 30
    centimetres = read_amass(write_amass(tmp_path / "a.npz", replace(walking, pelvis_m=100 * walking.pelvis_m)))
    with pytest.raises(InputError, match=r"a\.npz: the pelvis moves at 1\d\d m/s at 30 frames.*check the unit of its place"):
        amass_motion(centimetres, body)
    with pytest.raises(InputError, match="faster than anybody"):
        amass_motion(read_amass(write_amass(tmp_path / "a.npz", walking), fps=1000), body)
    still = replace(motion, R_local=motion.R_local[:1].repeat(60, 0), pelvis_m=100 * motion.pelvis_m[:1].repeat(60, 0))
    with pytest.raises(InputError, match=r"a\.npz: the floor would lie at \d\d m; trans should be metres"):
        amass_motion(read_amass(write_amass(tmp_path / "a.npz", still)), body)
    with pytest.raises(InputError, match=r"a joint turns by .* poses should be radians"):
        read_amass(write_amass(tmp_path / "a.npz", motion, poses=np.full((len(motion.pelvis_m), 156), 90.0)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"poses": None}, r"has no poses; it should be AMASS-style motion \(poses, trans, betas, mocap_framerate\)"),
        ({"poses": None, "trans": None}, "has no poses and no trans"),
        ({"poses": np.zeros((9, 66))}, r"poses is \(9, 66\), it should be \(T, 72\) for SMPL, \(T, 156\) for SMPL-H"),
        ({"trans": np.zeros((9, 3))}, r"trans is \(9, 3\), it should be \(120, 3\), as long as poses"),
        ({"trans": np.full((120, 3), np.nan)}, "trans is not finite in frame 0"),
        ({"betas": np.zeros((120, 16))}, r"betas is \(120, 16\), it should be \(n,\)"),
        ({"betas": np.array(["a"])}, "betas should be numbers, it has type <U1"),
        ({"betas": np.array([{}], object)}, "betas is a pickled object, which is never loaded"),
        ({"mocap_framerate": None}, "has no mocap_framerate and no mocap_frame_rate; give the rate by --source-fps"),
        ({"mocap_framerate": np.array(0.0)}, "mocap_framerate should be frames a second"),
        ({"mocap_framerate": np.array("30")}, "mocap_framerate should be frames a second"),
    ],
)
def test_other_layouts_are_one_line(motion, tmp_path, changed, message):
    with pytest.raises(InputError, match=message) as error:
        read_amass(write_amass(tmp_path / "clip.npz", motion, **changed))
    assert "clip.npz" in str(error.value)
    assert "\n" not in str(error.value)


def test_betas_meet_the_body_that_they_are_of(motion, tmp_path):
    def bodies(*names: tuple[str, str]) -> list[RestBody]:
        return [rest_body(body_of(motion.rest_m, kind, gender), tmp_path) for kind, gender in names]

    clip = read_amass(write_amass(tmp_path / "clip.npz", motion))  # SMPL-H, female
    both = bodies(("smplh", "male"), ("smplh", "female"))
    assert body_for(clip, both) is both[1]
    assert body_for(clip, bodies(("smpl", "female"))).kind == "smpl"  # one shape space
    assert body_for(clip, bodies(("smplh", "male"), ("smplh", "unknown"))).gender == "unknown"
    unsaid = read_amass(write_amass(tmp_path / "unsaid.npz", motion, gender=None))
    assert unsaid.gender == "unknown"
    assert body_for(unsaid, both[:1]) is both[0]
    for wrong, given, message in (
        (clip, both[:1], r"the gender is female, and none of the --smpl-body given fits \(smplh male\)"),
        (clip, bodies(("smplx", "female")), r"whose betas are not those .*\(smplx female\); convert the SMPL or SMPL-H model"),
        (unsaid, both, "the gender is unknown, and several of the --smpl-body given fit"),
    ):
        with pytest.raises(InputError, match=message):
            body_for(wrong, given)


def test_labels_of_a_bvh_and_of_the_same_motion_as_amass(tmp_path, the_body):
    """Only rounding is left; measured: activations 6e-7, forces 3e-7 body weights."""
    of_bvh, of_npz = tmp_path / "bvh", tmp_path / "npz"
    of_bvh.mkdir()
    of_npz.mkdir()
    motion = retarget(read_bvh(write_bvh(of_bvh / "bends.bvh", seconds=2, skew=10)))
    write_amass(of_npz / "bends.npz", motion, kind="smpl")
    body = tmp_path / "body.npz"
    write_smpl_body(body, body_of(motion.rest_m, "smpl"))
    make_labels(of_bvh, tmp_path / "a", body=the_body)
    make_labels(of_npz, tmp_path / "b", body=the_body, smpl_bodies=[body])
    tolerances = {"quat_wxyz": 1e-6, "pelvis_m": 1e-6, "ik_rms_m": 1e-6, "grf_BW": 1e-5, "activation": 1e-5}
    a, b = (read_frames(tmp_path / name, ["valid", "reject", *tolerances]) for name in "ab")
    assert a["valid"].all()
    for name, atol in tolerances.items():
        assert a[name].shape == b[name].shape
        np.testing.assert_allclose(b[name], a[name], rtol=0, atol=atol, err_msg=name)
    np.testing.assert_array_equal(a["reject"], b["reject"])
    info = json.loads((tmp_path / "b" / "dataset.json").read_text())
    assert info["settings"]["smpl_bodies"] == [["smpl", "female", "3" * 64]]
    assert info["clip_details"]["bends"]["motion"] == {
        "rest": f"smpl female, sha256 {'3' * 64}",
        "betas_used": 10,
        "betas_in_file": 16,
        "up": "z",
        "up_tested": True,
        "kind": "smpl",
        "gender": "female",
    }
    before = json.loads((tmp_path / "a" / "dataset.json").read_text())
    assert "smpl_bodies" not in before["settings"]  # folders of BVH stay as they were
    assert "motion" not in before["clip_details"]["bends"]


def test_the_command_takes_both_kinds_of_file(motion, tmp_path, capsys, monkeypatch, the_body):
    monkeypatch.setattr("simlabels.make.Body", lambda: the_body)
    folder = tmp_path / "in"
    folder.mkdir()
    short = replace(motion, R_local=motion.R_local[:30], pelvis_m=motion.pelvis_m[:30])
    write_amass(folder / "a.npz", short)
    write_bvh(folder / "b.bvh", seconds=1)
    assert [c.clip for c in list_clips(folder)] == ["a", "b"]
    assert cli.main(["make", str(folder), "--out", str(tmp_path / "o")]) == 0
    said = capsys.readouterr()
    assert "1 .npz clips on our own rest skeleton, not their own; give --smpl-body" in said.err
    assert "all clips: 2 clips, 60 frames" in said.out
    write_bvh(folder / "a.bvh", seconds=1)
    (tmp_path / "other").mkdir()
    write_amass(tmp_path / "other" / "a.npz", short)
    for arguments, message in (
        ([str(folder)], "holds two files called a: a.bvh and a.npz; rename one"),
        ([str(tmp_path / "other"), "--smpl-body", str(folder / "a.npz")], "has no schema, kind"),
    ):
        assert cli.main(["make", *arguments, "--out", str(tmp_path / "p")]) == 2
        assert message in capsys.readouterr().err
    (folder / "a.npz").unlink()
    assert cli.main(["make", str(folder), "--up", "z", "--out", str(tmp_path / "p")]) == 2
    assert "holds no .npz motion, for which --smpl-body and --up are" in capsys.readouterr().err
