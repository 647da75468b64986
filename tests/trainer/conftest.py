"""A small labelled, filmed world on disk, written by the real writer: two people swing arms and legs before a camera."""

from pathlib import Path

import numpy as np
import pytest
import torch

from realtime.body.dataset import JSON_NAME
from realtime.body.rotations import from_axis_angle, to_quat_wxyz
from realtime.body.skeleton import forward_kinematics, rest_offsets_m
from simlabels.dataset import LABELS, PAIRS, DatasetWriter, file_sha256
from trainer.cli import main
from trainer.nets.geometry import LANDMARK_POSITION
from trainer.nets.student import Student, StudentConfig

FRAMES = 60


@pytest.fixture
def student() -> Student:
    """Random weights large enough that every input matters."""
    torch.manual_seed(0)
    net = Student(StudentConfig(width=32, heads=2, layers=2, window=8), torch.full((354,), 0.05), 0.05 * torch.randn(33, 3))
    for layer, std in (
        (net.decoder.body, 0.05),
        (net.decoder.muscle, 0.1),
        (net.decoder.first, 0.05),
        (net.decoder.misses_down, 0.03),
    ):
        torch.nn.init.normal_(layer.weight, std=std)
    return net.eval()


def swing(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations (T, 24, 3, 3) and pelvis (T, 3) of somebody who swings about."""
    rng = np.random.default_rng(seed)
    t = np.arange(FRAMES)[:, None, None] / 30
    phase, size = rng.uniform(0, 6, (1, 24, 3)), rng.normal(0, 0.25, (1, 24, 3))
    aa = size * np.sin(4 * t + phase)
    pelvis = np.stack([0.1 * np.sin(t[:, 0, 0]), np.full(FRAMES, 0.93), 0.3 * t[:, 0, 0]], 1)
    return from_axis_angle(aa), pelvis


def label_item(name: str, split: str, seed: int) -> tuple[dict, dict[str, np.ndarray]]:
    R, pelvis = swing(seed)
    rest = np.zeros((24, 3)) + forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), rest_offsets_m(), np.zeros(3))[0]
    rng = np.random.default_rng(seed)
    bend = np.abs(to_quat_wxyz(R)[:, :, 1:]).reshape(FRAMES, -1)  # activations that hang on the pose
    activation = np.clip(bend @ rng.uniform(0, 0.1, (bend.shape[1], 354)), 0, 1)
    row = {
        "clip": name,
        "subject": split,
        "split": split,
        "action": "swing",
        "fps": 30.0,
        "frames": FRAMES,
        "rest_m": rest.tolist(),
        "height_m": 1.7,
        "mass_kg": 70.0,
        "frames_rejected": 0,
    }
    zeros = lambda *shape: np.zeros((FRAMES, *shape))  # noqa: E731
    frames = {
        "clip": np.array([name] * FRAMES, dtype=object),
        "frame": np.arange(FRAMES),
        "quat_wxyz": to_quat_wxyz(R),
        "pelvis_m": pelvis,
        "valid": np.ones(FRAMES, bool),
        "reject": zeros(),
        "contact": np.ones((FRAMES, 4)),
        "grf_BW": np.tile([[0.0, 0.5, 0.0]] * 2, (FRAMES, 1, 1)),
        "cop_m": zeros(2, 3),
        "activation": activation,
        "activation_raw": activation,
        "tau_Nm": zeros(31),
        "reserve_Nm": zeros(31),
        "residual_BW": zeros(6),
        "ik_rms_m": zeros(),
    }
    return row, frames


def pair_item(name: str, clip: str, split: str, seed: int) -> tuple[dict, dict[str, np.ndarray]]:
    R, pelvis = swing(seed)
    R_cam_world = np.diag([1.0, -1.0, -1.0])
    t_cam = np.array([0.0, 1.0, 3.5])
    joints, _ = forward_kinematics(R, rest_offsets_m(), pelvis)
    points = (joints @ R_cam_world.T + t_cam)[:, LANDMARK_POSITION]
    K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    uvw = points @ K.T
    xy = uvw[..., :2] / uvw[..., 2:] / [640, 480]
    xy += np.random.default_rng(seed).normal(0, 0.003, xy.shape)
    detected = np.ones(FRAMES, bool)
    detected[7] = False
    xy[7] = np.nan
    row = {
        "take": name,
        "clip": clip,
        "mirrored": False,
        "upper_clip": "",
        "subject": split,
        "split": split,
        "frames": FRAMES,
        "image_size_px": [640, 480],
        "K_px": K.tolist(),
        "rest_m": (
            np.zeros((24, 3)) + forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), rest_offsets_m(), np.zeros(3))[0]
        ).tolist(),
        "stature_m": 1.7,
        "frontend": "test",
        "look": "{}",
    }
    frames = {
        "take": np.array([name] * FRAMES, dtype=object),
        "frame": np.arange(FRAMES),
        "time_s": np.arange(FRAMES) / 30,
        "detected": detected,
        "follows_person": detected,
        "xy_norm": xy,
        "z_norm": np.zeros((FRAMES, 33)),
        "visibility": np.ones((FRAMES, 33)),
        "presence": np.ones((FRAMES, 33)),
        "landmarks_m": points - points[:, [23, 24]].mean(1, keepdims=True),
        "quat_wxyz": to_quat_wxyz(R),
        "pelvis_m": pelvis,
        "R_cam_world": np.tile(R_cam_world, (FRAMES, 1, 1)),
        "t_cam_m": np.tile(t_cam, (FRAMES, 1)),
        "joint_visible": np.ones((FRAMES, 24), bool),
    }
    return row, frames


SMALL = ["--steps", "2", "--set", "windows.batch=2", "windows.frames=8", "net.width=16", "net.heads=2", "net.layers=1"]


def write_world(folder: Path, clips: list[tuple[dict, dict]], takes: list[tuple[dict, dict]]) -> Path:
    """Labels and pairs, as `biohuman-labels make` and `video` leave them."""
    labels = DatasetWriter(folder / "labels", LABELS, {})
    for row, frames in clips:
        labels.add(row, frames)
    labels.finish({})
    pairs = DatasetWriter(folder / "video", PAIRS, {"labels_sha256": file_sha256(folder / "labels" / JSON_NAME)})
    for row, frames in takes:
        pairs.add(row, frames)
    pairs.finish({})
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    clips = [("walk", "train", 0), ("wave", "train", 1), ("unseen", "test", 2)]
    return write_world(
        tmp_path_factory.mktemp("data"),
        [label_item(*clip) for clip in clips],
        [pair_item(f"{split}-{i}", name, split, i) for name, split, i in clips],
    )


@pytest.fixture(scope="session")
def runs(data, tmp_path_factory) -> Path:
    """A teacher and its student, four steps each."""
    folder = tmp_path_factory.mktemp("runs")
    common = ["--data", str(data), "--steps", "4"]
    assert main(["teacher", *common, "--out", str(folder / "teacher")]) == 0
    assert main(["distil", *common, "--out", str(folder / "student"), "--teacher", str(folder / "teacher")]) == 0
    return folder


@pytest.fixture(scope="session")
def two_subjects(tmp_path_factory) -> Path:
    """Clips and takes of two training subjects, and one take of each whose upper body performs the other's clip."""
    of = lambda item, **more: (item[0] | more, item[1])  # noqa: E731
    names = ["anna", "ben"]
    clips = [of(label_item(name, "train", i), subject=name) for i, name in enumerate(names)]
    takes = [of(pair_item(name, name, "train", i), subject=name) for i, name in enumerate(names)]
    takes += [
        of(pair_item(f"{legs}-as-{arms}", legs, "train", 2), subject=legs, upper_clip=arms)
        for legs, arms in (names, reversed(names))
    ]
    return write_world(tmp_path_factory.mktemp("two"), clips, takes)
