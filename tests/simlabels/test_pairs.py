"""Rendered pairs to Parquet: values, nobody detected, the clip's world, damaged files."""

import json
from typing import Any

import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.body.rotations import angle_between, from_axis_angle, from_quat_wxyz, to_quat_wxyz
from simlabels.dataset import LABELS, DatasetWriter, read_frames
from simlabels.pairs import convert_pairs, pelvis_rotations

from .test_dataset import item

HEADING_RAD = 2.0


def motion_R(frames):
    t = np.arange(frames)
    return from_axis_angle(np.stack([0.3 * np.sin(t / 5), t / 20, 0.2 * np.cos(t / 7)], axis=-1))


def rendered(seed=0) -> dict[str, Any]:
    """Two takes of 20 and 15 frames of one clip that starts at frame 5 and 0; the world turned by `HEADING_RAD`."""
    rng, first, n = np.random.default_rng(seed), np.array([0, 20, 35]), 35
    frame = np.r_[np.arange(5, 25), np.arange(15)].astype(np.int32)
    R = np.tile(np.eye(3), (n, 24, 1, 1))
    R[:, 0] = from_axis_angle(np.array([0, HEADING_RAD, 0])) @ motion_R(30)[frame]
    return {
        "first": first,
        "xy_scale": np.int64(16384),
        "xy": rng.integers(0, 16384, (n, 33, 2)).astype(np.int16),
        "z_vis_pres": rng.random((n, 33, 3)).astype(np.float16),
        "world_m": rng.normal(size=(n, 33, 3)).astype(np.float16),
        "detected": (np.arange(n) != 3).astype(np.uint8),
        "quat_wxyz": np.round(32767 * to_quat_wxyz(R)).astype(np.int16),
        "pelvis_m": rng.normal(size=(n, 3)).astype(np.float32),
        "R_cam_world": from_axis_angle(rng.normal(size=(n, 3))).astype(np.float32),
        "t_m": rng.normal(size=(n, 3)).astype(np.float32),
        "frame": frame,
        "K": np.tile(np.array([[500, 0, 320], [0, 500, 240], [0, 0, 1]], np.float32), (2, 1, 1)),
        "size": np.array([[640, 480], [480, 360]]),
        "rest_m": rng.normal(size=(2, 24, 3)).astype(np.float32),
        "stature_m": np.array([1.7, 1.8], np.float32),
        "clip": np.array(["walk", "walk"]),
        "subject": np.array(["01", "01"]),
        "look": np.array(['{"jpeg": 85}', '{"jpeg": 70}']),
    }


@pytest.fixture
def npz_folder(tmp_path):
    folder = tmp_path / "npz"
    folder.mkdir()
    np.savez(folder / "train.npz", **rendered())
    np.savez(folder / "test.npz", **rendered(1))
    return folder


@pytest.fixture
def label_folder(tmp_path):
    folder = tmp_path / "labels"
    writer = DatasetWriter(folder, LABELS, {})
    row, frames = item(LABELS, "walk", rows=30)
    frames["quat_wxyz"] = np.tile([1.0, 0, 0, 0], (30, 24, 1))
    frames["quat_wxyz"][:, 0] = to_quat_wxyz(motion_R(30))
    writer.add(row, frames)
    writer.finish({})
    return folder


def test_values_survive(npz_folder, tmp_path):
    counts = convert_pairs(npz_folder, tmp_path / "out", "a front end")
    assert counts["train"] == {"takes": 2, "frames": 35, "detected": 34}
    assert list(counts) == ["train", "test"]
    z, f = (
        rendered(),
        read_frames(tmp_path / "out", ["take", "frame", "time_s", "xy_norm", "visibility", "detected", "landmarks_m"]),
    )
    assert len(f["frame"]) == 70
    np.testing.assert_array_equal(f["frame"][:35], z["frame"])
    np.testing.assert_allclose(f["time_s"][:22], [*np.arange(20) / 30, 0, 1 / 30])
    seen = z["detected"] > 0
    np.testing.assert_allclose(f["xy_norm"][:35][seen], (z["xy"] / 16384).reshape(35, -1)[seen], atol=1e-7)
    np.testing.assert_array_equal(f["visibility"][:35][seen], z["z_vis_pres"][seen, :, 1])
    for name in ("xy_norm", "visibility", "landmarks_m"):
        assert np.isnan(f[name][3]).all(), name
        assert np.isfinite(f[name][:35][seen]).all(), name
    assert not f["detected"][3]
    assert list(dict.fromkeys(f["take"])) == ["train-0000-walk", "train-0001-walk", "test-0000-walk", "test-0001-walk"]
    info = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert info["settings"]["frontend"] == "a front end"
    assert set(info["settings"]["inputs_sha256"]) == {"train.npz", "test.npz"}


def test_a_take_is_turned_into_its_clips_world(npz_folder, label_folder, tmp_path):
    convert_pairs(npz_folder, tmp_path / "as_drawn")
    convert_pairs(npz_folder, tmp_path / "turned", labels=label_folder)
    names = ["frame", "quat_wxyz", "pelvis_m", "R_cam_world", "t_cam_m"]
    drawn, turned = (read_frames(tmp_path / x, names) for x in ("as_drawn", "turned"))

    def pelvis(f):
        return from_quat_wxyz(f["quat_wxyz"].reshape(-1, 24, 4)[:, 0].astype(float))

    off = angle_between(pelvis(turned), motion_R(30)[turned["frame"]])
    assert np.degrees(off).max() < 0.02
    assert np.degrees(angle_between(pelvis(drawn), motion_R(30)[drawn["frame"]])).min() > 100
    # what the camera sees is the same
    cam = [f["R_cam_world"].reshape(-1, 3, 3).astype(float) for f in (drawn, turned)]
    np.testing.assert_allclose(cam[0] @ pelvis(drawn), cam[1] @ pelvis(turned), atol=1e-5)
    seen = [(c @ f["pelvis_m"][..., None])[..., 0] + f["t_cam_m"] for c, f in zip(cam, (drawn, turned), strict=True)]
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-5)
    assert pelvis_rotations(label_folder)["walk"].shape == (30, 3, 3)


def test_another_motion_is_refused(npz_folder, label_folder, tmp_path):
    z = rendered()
    z["quat_wxyz"][8, 0] = np.round(32767 * to_quat_wxyz(from_axis_angle(np.array([0.5, 0.1, 0]))))
    np.savez(npz_folder / "train.npz", **z)
    with pytest.raises(InputError, match="degrees off clip walk"):
        convert_pairs(npz_folder, tmp_path / "out", labels=label_folder)
    z: dict[str, Any] = rendered() | {"clip": np.array(["walk", "run"])}
    np.savez(npz_folder / "train.npz", **z)
    with pytest.raises(InputError, match="lack frame 14 of clip run"):
        convert_pairs(npz_folder, tmp_path / "out2", labels=label_folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: z.pop("K"), "has no array 'K'"),
        (lambda z: z.update(world_m=z["world_m"][:, :17]), r"'world_m' should be \(35, 33, 3\)"),
        (lambda z: z.update(first=np.array([0, 20, 30])), "does not rise from 0 to the 35 frames"),
        (lambda z: z.update(look=np.array([{}, {}], dtype=object)), "not a readable"),
    ],
)
def test_damaged_files_are_named(npz_folder, tmp_path, change, message):
    z = rendered()
    change(z)
    np.savez(npz_folder / "train.npz", **z)
    with pytest.raises(InputError, match=message) as error:
        convert_pairs(npz_folder, tmp_path / "out")
    assert "train.npz" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_no_npz(tmp_path):
    with pytest.raises(InputError, match=r"has none of train\.npz"):
        convert_pairs(tmp_path, tmp_path / "out")
