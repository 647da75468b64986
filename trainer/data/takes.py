"""Motion clips and rendered takes as tensors, in the one form that windows are cut from."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from realtime.body.dataset import JSON_NAME, LABEL_SCHEMA, PAIR_SCHEMA
from realtime.body.errors import InputError
from realtime.body.muscles import MUSCLE_COUNT, muscle_mirror
from realtime.body.rotations import from_quat_wxyz
from realtime.body.skeleton import REST_STATURE_M, offsets_of

from .tables import read_dataset, read_info, runs

Tensor = torch.Tensor

FPS = 30.0
#: Takes in which the person is found in fewer of the pictures teach little (people of 20 px), and so do shorter ones.
LEAST_DETECTED, LEAST_FRAMES = 0.5, 24


@dataclass(kw_only=True)
class Clip:
    """Labelled motion. World: Y up, metres, floor at y = 0."""

    name: str
    subject: str
    split: str
    R_local: Tensor  # (T, 24, 3, 3), the pelvis in the world
    pelvis_m: Tensor  # (T, 3)
    velocity_m_s: Tensor  # (T, 3) of the pelvis
    offsets_m: Tensor  # (24, 3)
    contact: Tensor  # (T, 4)
    grf_BW: Tensor  # (T, 2, 3), world
    activation: Tensor  # (T, 354)
    valid: Tensor  # (T,) 1 where contact, forces and activations may be used


@dataclass(kw_only=True)
class Take:
    """One clip performed before one camera: what the front end said beside the truth in camera axes."""

    name: str
    clip: str
    upper_clip: str  # clip that the upper body performs, if another
    subject: str
    split: str
    ray: Tensor  # (T, 33, 2)
    visibility: Tensor  # (T, 33)
    landmarks_m: Tensor  # (T, 33, 3), camera axes
    detected: Tensor  # (T,)
    R_local: Tensor  # (T, 24, 3, 3), the pelvis in camera axes
    offsets_m: Tensor  # (24, 3)
    root_m: Tensor  # (T, 3) pelvis, camera axes
    R_cam_world: Tensor  # (T, 3, 3)
    t_cam_m: Tensor  # (T, 3)
    pelvis_m: Tensor  # (T, 3) world
    size: float  # stature / 1.70
    time_s: np.ndarray  # (T,) when each picture was taken, from the first on
    velocity_m_s: Tensor  # (T, 3) of the pelvis, world
    contact: Tensor  # (T, 4)
    grf_BW: Tensor  # (T, 2, 3), world
    activation: Tensor  # (T, 354)
    valid: Tensor  # (T,) 1 where forces and activations may be used
    contact_valid: Tensor  # (T,) 1 where contacts may be: also where the upper body is another clip's

    def __len__(self) -> int:
        return len(self.ray)

    @property
    def is_even(self) -> bool:
        """Whether its pictures are 1/30 s apart."""
        return bool(np.allclose(np.diff(self.time_s), 1 / FPS, atol=1e-3))

    @property
    def is_usable(self) -> bool:
        """Whether it is long enough, and the person found often enough, to learn from or to be judged on."""
        return len(self) >= LEAST_FRAMES and float(self.detected.mean()) >= LEAST_DETECTED

    def performs_only(self, clips: Collection[str]) -> bool:
        """Whether its motion is of these clips alone."""
        return self.clip in clips and (not self.upper_clip or self.upper_clip in clips)

    @property
    def gravity_cam(self) -> Tensor:
        """Direction of gravity (T, 3) in camera axes."""
        return -self.R_cam_world[:, :, 1]


def _velocity(position_m: np.ndarray, time_s: np.ndarray | float = 1 / FPS) -> np.ndarray:
    """Central differences (T, 3), m/s, of positions at these times or this far apart."""
    return np.gradient(position_m, time_s, axis=0) if len(position_m) > 1 else np.zeros_like(position_m)


def _tensor(a: np.ndarray) -> Tensor:
    return torch.from_numpy(np.nan_to_num(np.asarray(a, np.float32)))


def load_clips(folder: Path) -> dict[str, Clip]:
    """All clips of a label dataset, by name."""
    columns = ["clip", "quat_wxyz", "pelvis_m", "valid", "contact", "grf_BW", "activation"]
    _, index, frames = read_dataset(folder, LABEL_SCHEMA, columns)
    row_of = {str(name): i for i, name in enumerate(index["clip"])}
    clips = {}
    for name, rows in runs(frames["clip"]).items():
        i = row_of[name]
        if round(float(index["fps"][i]), 3) != FPS:
            raise InputError(
                f"clip {name} has {index['fps'][i]:g} frames a second, training wants {FPS:g}: resample the motion"
            )
        clips[name] = Clip(
            name=name,
            subject=str(index["subject"][i]),
            split=str(index["split"][i]),
            R_local=_tensor(from_quat_wxyz(frames["quat_wxyz"][rows])),
            pelvis_m=_tensor(frames["pelvis_m"][rows]),
            velocity_m_s=_tensor(_velocity(frames["pelvis_m"][rows])),
            offsets_m=_tensor(offsets_of(index["rest_m"][i])),
            contact=_tensor(frames["contact"][rows]),
            grf_BW=_tensor(frames["grf_BW"][rows]),
            activation=_tensor(frames["activation"][rows]),
            valid=_tensor(frames["valid"][rows]),
        )
    return clips


def check_labels(labels: Path, pairs: Path) -> None:
    """See to it that the takes of `pairs` perform the clips of `labels`: they are joined by place in the clip.

    Raises:
        InputError: they perform others.
    """
    read_info(labels, LABEL_SCHEMA)
    said = read_info(pairs, PAIR_SCHEMA)["settings"].get("labels_sha256")
    if said is not None and said != hashlib.sha256((labels / JSON_NAME).read_bytes()).hexdigest():
        raise InputError(f"{pairs} films other labels than {labels}; film these: biohuman-labels video {labels} --out {pairs}")


def load_takes(folder: Path, clips: dict[str, Clip]) -> list[Take]:
    """All takes of a pair dataset, with the labels of the clips they perform joined by frame.

    A frame whose clip has no label keeps its pose and is marked invalid for contact, forces and activations; where the upper body is
    another clip's, feet still touch the floor as the label says, and nothing else of it holds.
    """
    columns = [
        *("take", "frame", "time_s", "detected", "follows_person", "xy_norm", "visibility", "landmarks_m"),
        *("quat_wxyz", "pelvis_m", "R_cam_world", "t_cam_m"),
    ]
    _, index, frames = read_dataset(folder, PAIR_SCHEMA, columns)
    row_of = {str(name): i for i, name in enumerate(index["take"])}
    return [_take(name, rows, row_of[name], index, frames, clips) for name, rows in runs(frames["take"]).items()]


def _take(name: str, rows: slice, i: int, index: dict, frames: dict, clips: dict[str, Clip]) -> Take:
    K_px = index["K_px"][i]
    ray = (frames["xy_norm"][rows] * index["image_size_px"][i] - K_px[:2, 2]) / K_px[0, 0]
    R_local = from_quat_wxyz(frames["quat_wxyz"][rows])
    R_cam_world, t_cam_m = frames["R_cam_world"][rows], frames["t_cam_m"][rows]
    pelvis_m = frames["pelvis_m"][rows]
    R_local[:, 0] = R_cam_world @ R_local[:, 0]
    clip = clips.get(str(index["clip"][i]))
    time_s = _rising(frames["time_s"][rows])
    upper_clip = str(index["upper_clip"][i])
    return Take(
        name=name,
        clip=str(index["clip"][i]),
        upper_clip=upper_clip,
        subject=str(index["subject"][i]),
        split=str(index["split"][i]),
        ray=_tensor(ray),
        visibility=_tensor(frames["visibility"][rows]),
        landmarks_m=_tensor(frames["landmarks_m"][rows]),
        # Who follows somebody else has lost the person: nothing can be learnt from there.
        detected=_tensor(frames["detected"][rows] & frames["follows_person"][rows]),
        R_local=_tensor(R_local),
        offsets_m=_tensor(offsets_of(index["rest_m"][i])),
        root_m=_tensor((R_cam_world @ pelvis_m[..., None])[..., 0] + t_cam_m),
        R_cam_world=_tensor(R_cam_world),
        t_cam_m=_tensor(t_cam_m),
        pelvis_m=_tensor(pelvis_m),
        size=float(index["stature_m"][i]) / REST_STATURE_M,
        time_s=time_s - time_s[0],
        velocity_m_s=_tensor(_velocity(pelvis_m, time_s)),
        **_labels_of(
            clip, frames["frame"][rows][0], time_s - time_s[0], mirrored=bool(index["mirrored"][i]), recombined=bool(upper_clip)
        ),
    )


def _rising(time_s: np.ndarray) -> np.ndarray:
    """Times of which no two are the same: a late picture may be stamped with the next."""
    return time_s[0] + np.r_[0, np.maximum(np.diff(time_s), 1e-3).cumsum()]


def _labels_of(clip: Clip | None, first: int, time_s: np.ndarray, *, mirrored: bool, recombined: bool) -> dict[str, Tensor]:
    """Labels at the times of the pictures, of which the first shows frame `first` of the clip."""
    T = len(time_s)
    if clip is None:
        shapes = {"contact": (T, 4), "grf_BW": (T, 2, 3), "activation": (T, MUSCLE_COUNT), "valid": (T,), "contact_valid": (T,)}
        return {key: torch.zeros(shape) for key, shape in shapes.items()}
    at = torch.from_numpy(first + FPS * time_s).clamp(max=len(clip.valid) - 1)
    low = at.long()
    high = (low + 1).clamp(max=len(clip.valid) - 1)
    share = (at - low).float()

    def between(x: Tensor) -> Tensor:
        weight = share.reshape(-1, *[1] * (x.ndim - 1))
        return (1 - weight) * x[low] + weight * x[high]

    labels = {key: between(getattr(clip, key)) for key in ("contact", "grf_BW", "activation")}
    if mirrored:
        labels = mirrored_dynamics(labels)
    valid = clip.valid[at.round().long()]
    return labels | {"valid": torch.zeros(T) if recombined else valid, "contact_valid": valid}


def mirrored_dynamics(labels: dict[str, Tensor]) -> dict[str, Tensor]:
    """`contact` (..., 4), `grf_BW` (..., 2, 3) and `activation` (..., 354) left for right, x becoming -x."""
    return {
        "contact": labels["contact"][..., [2, 3, 0, 1]],
        "grf_BW": labels["grf_BW"][..., [1, 0], :] * torch.tensor([-1.0, 1.0, 1.0]),
        "activation": labels["activation"][..., list(muscle_mirror())],
    }
