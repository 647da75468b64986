"""Training windows: real pairs, and new motion that stands where a pair stood and carries that pair's front-end errors."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import UPPER_BODY

from ..choices import Range, Share
from ..nets.geometry import (
    HIPS,
    from_rot6d_cols,
    global_from_local,
    joints_from_global,
    landmarks_from_body,
    person_box,
    to_rot6d_cols,
)
from .augment import Batch, hidden, mirrored, rolled, turned
from .bank import errors_of
from .takes import FPS, Clip, Take

Tensor = torch.Tensor
Array = np.ndarray

_OF_TAKES = (
    *("ray", "visibility", "landmarks_m", "detected", "R_local", "root_m", "R_cam_world", "t_cam_m", "pelvis_m"),
    *("velocity_m_s", "contact", "grf_BW", "activation", "valid", "contact_valid"),
)
_OF_CLIPS = ("R_local", "pelvis_m", "velocity_m_s", "contact", "grf_BW", "activation", "valid")


@dataclass(frozen=True, kw_only=True)
class WindowConfig:
    frames: Annotated[int, Range(3)] = 16  # accelerations want three
    batch: int = 48
    bank: Share = 0.5  # share of windows with new motion and borrowed errors; the rest are pairs
    compose: Share = 0.3  # share of those whose upper body comes from another clip (pose only, no dynamics)
    bend: Share = 0.5  # share of those whose joints are bent a little otherwise (pose only)
    bend_deg: float = 12.0  # standard deviation about each axis, of limbs and head
    lost: Share = 0.2  # weight of pictures in which the front end has not found the person
    first_step_unknown: Share = 0.5  # share of windows that begin as a session does: no picture before the first
    drop_landmarks_3d: Share = 0.2  # share of windows without the front end's 3D points
    gravity_known: Share = 0.6
    gravity_error_deg: float = 3.0  # standard deviation about each of two axes
    height_known: Share = 0.35
    focal_error: float = 0.05  # standard deviation of log focal length
    roll_rad: float = 0.1  # camera turned about its axis: exact for everything


class _Frames:
    """Frames of many takes or clips in one row, so that a batch is one look-up."""

    def __init__(self, items: list, names: tuple[str, ...], weights: list[float]):
        self.of = {name: torch.cat([getattr(item, name) for item in items]) for name in names}
        self.lengths = np.array([len(getattr(item, names[-1])) for item in items])
        self.starts = np.r_[0, self.lengths.cumsum()[:-1]]
        self.offsets_m = torch.stack([item.offsets_m for item in items])  # (items, 24, 3)
        self._share = np.array(weights, float) / sum(weights)

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Numbers of `count` items."""
        return rng.choice(len(self.lengths), size=count, p=self._share)


@dataclass(frozen=True)
class _Rows:
    """Windows (N, T) of takes."""

    take: Array  # (N,)
    rows: Tensor  # (N, T) among all frames; a take that is too short holds its last
    real: Tensor  # (N, T) 1 where it does not
    after_s: Tensor  # (N, T) since the window's first picture
    dt_s: Tensor  # (N, T) since the picture before; that of the first is like the second's

    def __getitem__(self, chosen: Array) -> "_Rows":
        at = torch.from_numpy(np.flatnonzero(chosen))
        return _Rows(self.take[chosen], self.rows[at], self.real[at], self.after_s[at], self.dt_s[at])


@dataclass(frozen=True)
class _Moments:
    """Times (N, T) between the frames of clips."""

    low: Tensor  # (N, T) frame before, among all frames
    high: Tensor  # (N, T) frame after
    share: Tensor  # (N, T) how far between, 0..1
    real: Tensor  # (N, T) 1 where the clip has not ended

    def of(self, x: Tensor) -> Tensor:
        """A quantity (frames, ...) at these moments."""
        share = self.share.reshape(*self.share.shape, *[1] * (x.ndim - 1))
        return (1 - share) * x[self.low] + share * x[self.high]

    def rotations(self, R: Tensor) -> Tensor:
        """Rotations (frames, ..., 3, 3) at these moments."""
        return from_rot6d_cols(to_rot6d_cols(self.of(R)))


class WindowSource:
    """Draws batches of windows from takes and clips. The batch of a step hangs on seed and step alone: a resumed run sees the same."""

    def __init__(self, takes: list[Take], clips: list[Clip], carried_offsets_m: Tensor, config: WindowConfig, seed: int):
        self.config, self.carried_offsets_m, self.seed = config, carried_offsets_m, seed
        # By their time, not their pictures: a second at 60 a second says little more than one at 30.
        self._takes = _Frames(takes, _OF_TAKES, [float(take.time_s[-1]) for take in takes])
        self._time_s = np.concatenate([take.time_s for take in takes])
        self._size = torch.tensor([take.size for take in takes])
        self._clips = _Frames(clips, _OF_CLIPS, [len(clip.valid) for clip in clips])
        self._upper_R_local = self._clips.of["R_local"][:, list(UPPER_BODY)]
        errors = [errors_of(take, carried_offsets_m) for take in takes]
        self._image_box = torch.cat([error.image_box for error in errors])
        self._landmarks_m = torch.cat([error.landmarks_m for error in errors])

    def batch(self, step: int) -> Batch:
        """One batch: every entry (B, T, ...) but `offsets_m` (B, 24, 3) and `size` (B,)."""
        c, rng = self.config, np.random.default_rng((self.seed, step))
        is_new = rng.random(c.batch) < c.bank
        windows = self._windows(rng)
        parts = [self._pairs(windows[~is_new])] if not is_new.all() else []
        parts += [self._new_motion(windows[is_new], rng)] if is_new.any() else []
        b = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        b["real"] = b["real"] * (c.lost + (1 - c.lost) * b["detected"])
        return hidden(rolled(mirrored(b, rng), rng, c.roll_rad), rng, c)

    def _windows(self, rng: np.random.Generator) -> _Rows:
        c = self.config
        take = self._takes.draw(rng, c.batch)
        length, start = self._takes.lengths[take], self._takes.starts[take]
        at = _anywhere(rng, length - c.frames + 1)[:, None] + np.arange(c.frames)
        rows = start[:, None] + np.minimum(at, length[:, None] - 1)
        time_s = self._time_s[rows]
        steps_s = steps_of(time_s)
        tensors = (torch.from_numpy(x).float() for x in (at < length[:, None], time_s - time_s[:, :1], steps_s))
        return _Rows(take, torch.from_numpy(rows), *tensors)

    def _moments(self, rng: np.random.Generator, after_s: Tensor) -> tuple[Array, _Moments]:
        """Clips, and a stretch of each, as far apart as the pictures of the windows."""
        clip = self._clips.draw(rng, len(after_s))
        after = (FPS * after_s).double()
        length = self._clips.lengths[clip]
        first = _anywhere(rng, length - np.ceil(after[:, -1].numpy()).astype(int))
        at = torch.from_numpy(first)[:, None] + after
        last, start = torch.from_numpy(length)[:, None] - 1, torch.from_numpy(self._clips.starts[clip])[:, None]
        low = torch.minimum(at.long(), (last - 1).clamp(min=0))
        share, real = (at - low).clamp(max=1).float(), (at <= last).float()
        return clip, _Moments(start + low, start + torch.minimum(low + 1, last), share, real)

    # ---- windows of both kinds
    def _pairs(self, w: _Rows) -> Batch:
        of = {name: x[w.rows] for name, x in self._takes.of.items()}
        cam = of["R_cam_world"]
        return {
            **{
                key: of[key]
                for key in ("ray", "visibility", "landmarks_m", "detected", "R_local", "root_m", "contact", "activation")
            },
            "dt_s": w.dt_s,
            "offsets_m": self._takes.offsets_m[w.take],
            "size": self._size[w.take],
            "gravity_cam": -cam[..., 1],
            "velocity_m_s": turned(cam, of["velocity_m_s"]),
            "grf_BW": turned(cam[:, :, None], of["grf_BW"]),
            "dynamics": of["valid"] * w.real,
            "touches": of["contact_valid"] * w.real,
            "moves": w.real,
            "real": w.real,
        }

    def _new_motion(self, w: _Rows, rng: np.random.Generator) -> Batch:
        """Clips performed in the world of donor takes, before the donors' cameras, by their bodies, at their headings.

        Rendered image errors hang on view and place, so these stay the donor's; what is new is the motion.
        """
        take = {name: x[w.rows] for name, x in self._takes.of.items()}
        offsets_m, size, cam = self._takes.offsets_m[w.take], self._size[w.take], take["R_cam_world"]
        clip, at = self._moments(rng, w.after_s)
        of = {name: at.of(x) for name, x in self._clips.of.items() if name != "R_local"}
        R = at.rotations(self._clips.of["R_local"])
        _, other = self._moments(rng, w.after_s)
        composed = torch.from_numpy(rng.random(len(R)) < self.config.compose)
        upper = list(UPPER_BODY)
        R[:, :, upper] = torch.where(composed[:, None, None, None, None], other.rotations(self._upper_R_local), R[:, :, upper])
        bent = torch.from_numpy(rng.random(len(R)) < self.config.bend)
        bends = _bends(rng, R.shape[:2], self.config.bend_deg)
        R[:, :, BENT] = torch.where(bent[:, None, None, None, None], R[:, :, BENT] @ bends, R[:, :, BENT])
        mid = w.rows.shape[1] // 2
        turn = _heading_turn(
            R[:, mid, 0], cam[:, mid].transpose(-1, -2) @ take["R_local"][:, mid, 0]
        )  # clip world -> donor world
        scale = (_leg_m(offsets_m) / _leg_m(self._clips.offsets_m[clip]))[:, None, None]
        steps_m = turned(turn[:, None], of["pelvis_m"] - of["pelvis_m"][:, mid, None]) * scale
        place_m = take["pelvis_m"][:, mid].clone()
        place_m[:, 1] = of["pelvis_m"][:, mid, 1] * scale[:, 0, 0]
        root_m = turned(cam, steps_m + place_m[:, None]) + take["t_cam_m"]
        # Who walks out of the picture does it on the spot instead, and nothing is said of their velocity.
        is_seen = _in_view(root_m)
        root_m = torch.where(is_seen[:, None, None], root_m, take["root_m"])
        R[:, :, 0] = cam @ turn[:, None] @ R[:, :, 0]
        G = global_from_local(R)
        joints = joints_from_global(G, offsets_m[:, None].expand(-1, w.rows.shape[1], -1, -1))
        ideal = landmarks_from_body(joints, G, self.carried_offsets_m, size[:, None].expand(w.rows.shape))
        p = ideal + root_m[:, :, None]
        ray = p[..., :2] / p[..., 2:].clamp(min=0.3)
        _, box = person_box(ray, torch.ones(w.rows.shape))
        lasts = w.real * at.real
        touches = (of["valid"] == 1) * lasts * is_seen[:, None] * ~bent[:, None]
        return {
            "ray": ray + self._image_box[w.rows] * box[..., None, None],
            "visibility": take["visibility"],
            "landmarks_m": ideal - ideal[:, :, HIPS].mean(2, keepdim=True) + self._landmarks_m[w.rows],
            "detected": take["detected"],
            "R_local": R,
            "root_m": root_m,
            "contact": of["contact"],
            "activation": of["activation"],
            "dt_s": w.dt_s,
            "offsets_m": offsets_m,
            "size": size,
            "gravity_cam": -cam[..., 1],
            "velocity_m_s": turned(cam @ turn[:, None], of["velocity_m_s"]) * scale,
            "grf_BW": turned((cam @ turn[:, None])[:, :, None], of["grf_BW"]),
            "dynamics": touches * ~composed[:, None],
            "touches": touches,
            "moves": lasts * is_seen[:, None],
            "real": lasts,
        }


#: Joints that are bent: hips, knees, neck, head, shoulders, elbows, wrists.
BENT = [1, 2, 4, 5, 12, 15, 16, 17, 18, 19, 20, 21]


def _bends(rng: np.random.Generator, windows: tuple[int, ...], sd_deg: float) -> Tensor:
    """Rotations (N, T, BENT, 3, 3), each from one about a random axis to another within the window."""
    N, T = windows
    ends = np.radians(sd_deg) * rng.normal(size=(N, 2, len(BENT), 3))
    share = np.linspace(0, 1, T)[:, None, None]
    return torch.from_numpy(from_axis_angle(ends[:, :1] * (1 - share) + ends[:, 1:] * share)).float()


def _anywhere(rng: np.random.Generator, room: Array) -> Array:
    """A place (N,) from 0 on, below `room` if there is any."""
    return (rng.random(len(room)) * np.maximum(room, 1)).astype(np.int64)


def steps_of(time_s: Array) -> Array:
    """Time (..., T) since the picture before; that of the first is like the second's, and of rows that are held a frame time."""
    steps_s = np.diff(time_s)
    steps_s = np.concatenate([steps_s[..., :1], steps_s], axis=-1)
    return np.where(steps_s > 0, steps_s, 1 / FPS)


def _leg_m(offsets_m: Tensor) -> Tensor:
    """(N,) of bone vectors (N, 24, 3)."""
    return offsets_m[:, 4].norm(dim=-1) + offsets_m[:, 7].norm(dim=-1)


def _heading_turn(R_world_root: Tensor, R_target_root: Tensor) -> Tensor:
    """Rotations about Y (N, 3, 3) that give roots (N, 3, 3) the heading (direction of +Z on the floor) of others."""
    a, b = (torch.atan2(R[:, 0, 2], R[:, 2, 2]) for R in (R_world_root, R_target_root))
    c, s, o = (b - a).cos(), (b - a).sin(), torch.zeros_like(a)
    return torch.stack([c, o, s, o, o + 1, o, -s, o, c], dim=-1).reshape(-1, 3, 3)


def _in_view(root_m: Tensor) -> Tensor:
    """Whether pelvises (N, T, 3) stay before the camera and within about 70 degrees of view (N,)."""
    z = root_m[..., 2]
    return (z > 0.8).all(-1) & (root_m[..., :2].abs() < 0.7 * z[..., None]).all(-1).all(-1)
