"""From a label dataset to a paired one: staged, drawn, looked at by the tracker's own front end, stored, gone on with."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from realtime.assets import fetch
from realtime.body.errors import AssetError, BioHumanError, InputError
from realtime.body.rotations import from_quat_wxyz
from realtime.body.skeleton import JOINTS, forward_kinematics, offsets_of
from realtime.sample import Truth
from simlabels import cli
from simlabels.dataset import LABELS, DatasetWriter, read_frames
from simlabels.video.film_job import Filming
from simlabels.video.make import make_video
from simlabels.video.make_sample import truth_of

BODIES = Path(__file__).parents[1] / "data" / "bodies.npz"
SIZE_PX = (320, 240)


def need_everything():
    """Skips where nothing can be filmed."""
    try:
        from simlabels.video.programs import gl_context

        gl_context()
    except BioHumanError as error:
        pytest.skip(f"nothing to draw with: {error}")
    try:
        fetch("landmarker_full")
    except AssetError as error:
        if "pip failed: Could not find a version" not in str(error):
            raise
        pytest.skip(f"the landmark model cannot be fetched: {error}")


@pytest.fixture(scope="module", autouse=True)
def everything_is_there():
    need_everything()


def write_labels(folder, labels, motion, frames=None):
    """Two clips of knee bends, one to learn from and one to test on."""
    writer = DatasetWriter(folder, LABELS, {})
    T = frames or len(motion.pelvis_m)
    for clip, split in (("a", "train"), ("b", "test")):
        row = {"clip": clip, "subject": split, "split": split, "action": "knee bends", "fps": motion.fps, "frames": T}
        row |= {"rest_m": motion.rest_m.tolist(), "height_m": 1.7, "mass_kg": 70.0, "frames_rejected": 0}
        columns = {name: column[:T] for name, column in labels.frames.items()}
        writer.add(row, {"clip": np.full(T, clip, dtype=object), "frame": np.arange(T, dtype=np.int32), **columns})
    writer.finish({})
    return folder


@pytest.fixture(scope="module")
def dataset(labels, motion, tmp_path_factory):
    return write_labels(tmp_path_factory.mktemp("labels"), labels, motion)


def films(dataset, out, **options):
    settings = {"frames": 50, "views": 1, "seconds": 2.0, "filming": Filming(size_px=SIZE_PX), "bodies": BODIES}
    return make_video(dataset, out, **settings | options)


@pytest.fixture(scope="module")
def filmed(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("filmed")
    return films(dataset, out), out


def takes_of(out):
    from pyarrow import parquet

    return {row["take"]: row for row in parquet.read_table(out / "takes.parquet").to_pylist()}


def columns_of(out):
    shapes = {"quat_wxyz": (24, 4), "xy_norm": (33, 2), "R_cam_world": (3, 3), "joint_visible": (24,)}
    names = ["take", "frame", "time_s", "detected", *shapes, "pelvis_m", "t_cam_m"]
    columns = read_frames(out, names)
    return {name: columns[name].reshape(-1, *shapes[name]) if name in shapes else columns[name] for name in names}


def test_the_person_is_found_where_the_truth_says(filmed):
    summary, out = filmed
    takes, c = takes_of(out), columns_of(out)
    assert summary.takes == len(takes)
    assert summary.frames == len(c["frame"])
    assert {take["split"] for take in takes.values()} == {"train", "test"}
    off, found = [], 0
    for name, take in takes.items():
        rows = c["take"] == name
        joints_m, _ = forward_kinematics(
            from_quat_wxyz(c["quat_wxyz"][rows]), offsets_of(np.array(take["rest_m"]).reshape(24, 3)), c["pelvis_m"][rows]
        )
        at = (c["R_cam_world"][rows][:, None] @ joints_m[..., None])[..., 0] + c["t_cam_m"][rows][:, None]
        pixels = at @ np.array(take["K_px"]).reshape(3, 3).T
        pixels = pixels[..., :2] / pixels[..., 2:]
        stature_px = np.array(take["K_px"]).reshape(3, 3)[0, 0] * take["stature_m"] / at[:, 0, 2]
        for landmark, joint in ((11, "left_shoulder"), (12, "right_shoulder"), (25, "left_knee"), (26, "right_knee")):
            j = JOINTS.index(joint)
            use = c["detected"][rows] & c["joint_visible"][rows][:, j]
            miss = np.linalg.norm(c["xy_norm"][rows][:, landmark] * SIZE_PX - pixels[:, j], axis=-1) / stature_px
            off += miss[use].tolist()
            found += use.sum()
        assert np.isnan(c["xy_norm"][rows][~c["detected"][rows]]).all()
        ankles = joints_m[:, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")], 1]
        assert 0.03 < np.median(ankles) < 0.14  # soles at y = 0
    assert found > 50
    assert np.median(off) < 0.05


def test_the_truth_of_a_film_is_the_takes_with_its_labels(dataset, filmed, tmp_path):
    _, out = filmed
    takes = takes_of(out)
    name = next(name for name, take in takes.items() if take["split"] == "test")
    truth, c = truth_of(out, dataset, name), columns_of(out)
    rows = c["take"] == name
    np.testing.assert_array_equal(truth["quat_wxyz"], c["quat_wxyz"][rows])
    np.testing.assert_allclose(truth["joints_world_m"][:, 0], c["pelvis_m"][rows], atol=1e-6)
    labels = read_frames(dataset, ["clip", "frame", "activation"])
    own = labels["activation"][labels["clip"] == takes[name]["clip"]][c["frame"][rows]]
    np.testing.assert_allclose(truth["activation"].astype(float), own, atol=1e-3)
    assert truth.keys() == {field.name for field in fields(Truth)}
    with pytest.raises(InputError, match="no take nobody"):
        truth_of(out, dataset, "nobody")
    (tmp_path / "dataset.json").write_text("{}")
    for other in (tmp_path, tmp_path / "nonexistent"):
        with pytest.raises(InputError, match="not the labels"):
            truth_of(out, other, name)


def test_takes_say_what_was_drawn(filmed):
    _, out = filmed
    for take in takes_of(out).values():
        look = json.loads(take["look"])
        assert {
            "fps",
            "elevation_deg",
            "person_px",
            "noise",
            "outfit",
            "phenotype",
            "bystander",
            "view_deg",
            "seed",
        } <= look.keys()
        assert take["frontend"].startswith("mediapipe ")
        if take["split"] == "test":
            assert look["fps"] == 30
            assert not look["jitter"]


def test_labels_are_joined_by_the_nearest_frame_in_time(filmed):
    _, out = filmed
    c = columns_of(out)
    for name in takes_of(out):
        rows = c["take"] == name
        since_s = (c["frame"][rows] - c["frame"][rows][0]) / 30
        np.testing.assert_allclose(since_s, c["time_s"][rows] - c["time_s"][rows][0], atol=1 / 30)


def test_the_same_command_films_the_same_and_goes_on(dataset, filmed, tmp_path):
    summary, out = filmed
    done = []
    assert films(dataset, out, on_take=done.append) == summary
    assert done == []
    again = films(dataset, tmp_path / "again", on_take=done.append)
    assert again == summary
    assert len(done) == summary.takes
    a, b = columns_of(out), columns_of(tmp_path / "again")
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    with pytest.raises(BioHumanError, match="other settings"):
        films(dataset, out, seed=1)


def test_plain_takes_show_one_person_at_30_pictures_a_second(dataset, tmp_path):
    filming = Filming(size_px=SIZE_PX, plain=True, shadow=False, video_folder=tmp_path / "o" / "video")
    films(dataset, tmp_path / "o", filming=filming, clips=["a"])
    for name, take in takes_of(tmp_path / "o").items():
        look = json.loads(take["look"])
        assert (look["fps"], look["jitter"], look["bystander"], look["blur_s"]) == (30, False, False, 0)
        assert not look.get("occluder")
        assert (tmp_path / "o" / "video" / f"{name}.mp4").stat().st_size > 10_000


def test_command(dataset, tmp_path, capsys):
    command = ["video", str(dataset), "--out", str(tmp_path / "o"), "--frames", "40", "--views", "1", "--clips", "a"]
    assert cli.main([*command, "--size", "320x240", "--bodies", str(BODIES)]) == 0
    said = capsys.readouterr().out
    assert "1 takes" in said
    assert (tmp_path / "o" / "contact.jpg").read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--size", "640*480"], "WIDTHxHEIGHT"),
        (["--frames", "0"], "--frames should be positive"),
        (["--clips", "nobody"], "no clip of the labels is called 'nobody'; nearest: a, b"),
        (["--bodies", __file__], "no file of bodies"),
        (["--address", "1.2.3.4:5"], "--cluster ray"),
    ],
)
def test_bad_input_is_one_line(dataset, tmp_path, capsys, more, says):
    given = [] if "--bodies" in more else ["--bodies", str(BODIES)]
    assert cli.main(["video", str(dataset), "--out", str(tmp_path / "o"), *given, *more]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]  # a progress bar may stand before it
    assert error.startswith("biohuman-labels: ")
    assert says in error


def test_what_is_no_label_dataset(tmp_path):
    with pytest.raises(InputError, match="not a finished label dataset"):
        films(tmp_path, tmp_path / "o")
