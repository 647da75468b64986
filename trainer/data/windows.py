"""Training windows: half real pairs, half new motion that stands where a pair stood and carries that pair's front-end errors."""

from dataclasses import dataclass

import numpy as np
import torch

from realtime.body.landmarks import LANDMARK_MIRROR
from realtime.body.skeleton import JOINT_MIRROR, UPPER_BODY

from ..nets.geometry import (
    from_rot6d_cols,
    global_from_local,
    joints_from_global,
    landmarks_from_body,
    person_box,
    to_rot6d_cols,
)
from .bank import TakeErrors, errors_of
from .takes import FPS, Clip, Take, mirrored_dynamics

Tensor = torch.Tensor
Batch = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class WindowConfig:
    frames: int = 32
    batch: int = 24
    bank: float = 0.5  # share of windows with new motion and borrowed errors; the rest are pairs
    compose: float = 0.3  # share of those whose upper body comes from another clip (pose only, no dynamics)
    half_rate: float = 0.0  # share of windows with every second picture; takes have rates of their own
    lost: float = 0.2  # weight of pictures in which the front end has not found the person
    first_step_unknown: float = 0.5  # share of windows that begin as a session does: no picture before the first
    drop_landmarks_3d: float = 0.2  # share of windows without the front end's 3D points
    gravity_known: float = 0.6
    gravity_error_deg: float = 3.0  # standard deviation about each of two axes
    height_known: float = 0.35
    focal_error: float = 0.05  # standard deviation of log focal length
    roll_rad: float = 0.1  # camera turned about its axis: exact for everything


@dataclass(frozen=True)
class _Moments:
    """Times between the frames of a clip."""

    low: Tensor  # (T,) frame before
    high: Tensor  # (T,) frame after
    share: Tensor  # (T,) how far between, 0..1
    real: Tensor  # (T,) 1 where the clip has not ended

    def of(self, x: Tensor) -> Tensor:
        """A quantity (frames, ...) at these moments."""
        share = self.share.reshape(-1, *[1] * (x.ndim - 1))
        return (1 - share) * x[self.low] + share * x[self.high]

    def rotations(self, R: Tensor) -> Tensor:
        """Rotations (frames, ..., 3, 3) at these moments."""
        return from_rot6d_cols(to_rot6d_cols(self.of(R)))


class WindowSource:
    """Draws batches of windows from takes and clips. The batch of a step hangs on seed and step alone: a resumed run sees the same."""

    def __init__(self, takes: list[Take], clips: list[Clip], carried_offsets_m: Tensor, config: WindowConfig, seed: int):
        self.takes, self.clips, self.config = takes, clips, config
        self.carried_offsets_m = carried_offsets_m
        self.errors: list[TakeErrors] = [errors_of(take, carried_offsets_m) for take in takes]
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        # By their time, not their pictures: a second at 60 a second says little more than one at 30.
        self._take_share = _shares([float(take.time_s[-1]) for take in takes])
        self._clip_share = _shares([float(len(clip.valid)) for clip in clips])

    def batch(self, step: int) -> Batch:
        """One batch: every entry (B, T, ...) but `offsets_m` (B, 24, 3) and `size` (B,)."""
        c, self.rng = self.config, np.random.default_rng((self.seed, step))
        windows = [self._new_motion() if self.rng.random() < c.bank else self._pair() for _ in range(c.batch)]
        b = {key: torch.stack([w[key] for w in windows]) for key in windows[0]}
        b["real"] = b["real"] * (c.lost + (1 - c.lost) * b["detected"])
        return self._hide(self._roll(self._mirror(b)))

    # ---- one window
    def _rows(self, length: int, stride: int) -> tuple[Tensor, Tensor]:
        """Row indices (T,) of a random window, and 1 where the row is real: a short take holds its last frame."""
        span = (self.config.frames - 1) * stride + 1
        start = int(self.rng.integers(0, max(1, length - span + 1)))
        rows = start + stride * torch.arange(self.config.frames)
        return rows.clamp(max=length - 1), (rows < length).float()

    def _draw(self) -> tuple[int, Tensor, Tensor]:
        stride = 2 if self.rng.random() < self.config.half_rate else 1
        i = int(self.rng.choice(len(self.takes), p=self._take_share))
        return i, *self._rows(len(self.takes[i]), stride)

    def _at_times(self, length: int, take: Take, rows: Tensor) -> "_Moments":
        """Moments of a random stretch of a clip, as far apart as the take's pictures."""
        after = torch.from_numpy(FPS * (take.time_s[rows] - take.time_s[rows[0]])).float()
        at = int(self.rng.integers(0, max(1, length - int(after[-1].ceil())))) + after
        low = at.long().clamp(max=max(length - 2, 0))
        return _Moments(low, (low + 1).clamp(max=length - 1), (at - low).clamp(max=1), (at <= length - 1).float())

    def _pair(self) -> Batch:
        i, rows, real = self._draw()
        take = self.takes[i]
        cam = take.R_cam_world[rows]
        return {
            "ray": take.ray[rows],
            "visibility": take.visibility[rows],
            "landmarks_m": take.landmarks_m[rows],
            "detected": take.detected[rows],
            "dt_s": steps_s(take, rows),
            "R_local": take.R_local[rows],
            "offsets_m": take.offsets_m,
            "size": torch.tensor(take.size),
            "gravity_cam": take.gravity_cam[rows],
            "root_m": take.root_m[rows],
            "velocity_m_s": _turn(cam, take.velocity_m_s[rows]),
            "contact": take.contact[rows],
            "grf_BW": _turn(cam[:, None], take.grf_BW[rows]),
            "activation": take.activation[rows],
            "dynamics": take.valid[rows] * real,
            "touches": take.contact_valid[rows] * real,
            "moves": real,
            "real": real,
        }

    def _new_motion(self) -> Batch:
        """A clip performed in the world of a donor take, before the donor's camera, by the donor's body, at the donor's heading.

        Rendered image errors hang on view and place, so these stay the donor's; what is new is the motion.
        """
        i, rows, real = self._draw()
        take, errors = self.takes[i], self.errors[i]
        clip = self.clips[int(self.rng.choice(len(self.clips), p=self._clip_share))]
        at = self._at_times(len(clip.valid), take, rows)
        R = at.rotations(clip.R_local)
        touches = (at.of(clip.valid) == 1) * real * at.real
        dynamics = touches
        if self.rng.random() < self.config.compose:
            other = self.clips[int(self.rng.choice(len(self.clips), p=self._clip_share))]
            R[:, list(UPPER_BODY)] = self._at_times(len(other.valid), take, rows).rotations(other.R_local[:, list(UPPER_BODY)])
            dynamics = torch.zeros_like(dynamics)
        mid = len(rows) // 2
        cam = take.R_cam_world[rows]
        turn = _heading_turn(R[mid, 0], cam[mid].T @ take.R_local[rows[mid], 0])  # clip world -> donor world
        scale = _leg_m(take.offsets_m) / _leg_m(clip.offsets_m)
        pelvis_m = at.of(clip.pelvis_m)
        step = _turn(turn, pelvis_m - pelvis_m[mid]) * scale
        place = take.pelvis_m[rows[mid]].clone()
        place[1] = pelvis_m[mid, 1] * scale
        root_m = _turn(cam, step + place) + take.t_cam_m[rows]
        moves_as_shown = 1.0
        if not _in_view(root_m):  # walked out of the picture: on the spot instead, and nothing is said of its velocity
            root_m, moves_as_shown = take.root_m[rows], 0.0
        R[:, 0] = cam @ turn @ R[:, 0]
        G = global_from_local(R)
        joints = joints_from_global(G, take.offsets_m.expand(len(rows), -1, -1))
        ideal = landmarks_from_body(joints, G, self.carried_offsets_m, torch.tensor(take.size))
        p = ideal + root_m[:, None]
        ray = p[..., :2] / p[..., 2:].clamp(min=0.3)
        _, box = person_box(ray, torch.ones(len(rows)))
        return {
            "ray": ray + errors.image_box[rows] * box[:, None, None],
            "visibility": take.visibility[rows],
            "landmarks_m": ideal - ideal[:, [23, 24]].mean(1, keepdim=True) + errors.landmarks_m[rows],
            "detected": take.detected[rows],
            "dt_s": steps_s(take, rows),
            "R_local": R,
            "offsets_m": take.offsets_m,
            "size": torch.tensor(take.size),
            "gravity_cam": take.gravity_cam[rows],
            "root_m": root_m,
            "velocity_m_s": _turn(cam @ turn, at.of(clip.velocity_m_s)) * scale,
            "contact": at.of(clip.contact),
            "grf_BW": _turn((cam @ turn)[:, None], at.of(clip.grf_BW)),
            "activation": at.of(clip.activation),
            "dynamics": dynamics * moves_as_shown,
            "touches": touches * moves_as_shown,
            "moves": real * at.real * moves_as_shown,
            "real": real * at.real,
        }

    # ---- the whole batch
    def _mirror(self, b: Batch) -> Batch:
        """Half of the windows mirrored left to right: exact for everything."""
        flip = torch.from_numpy(self.rng.random(self.config.batch) < 0.5)
        x = torch.tensor([-1.0, 1.0, 1.0])
        lm, jm = list(LANDMARK_MIRROR), list(JOINT_MIRROR)
        S = torch.diag(x)
        mirrored = {
            "ray": b["ray"][:, :, lm] * x[:2],
            "visibility": b["visibility"][:, :, lm],
            "landmarks_m": b["landmarks_m"][:, :, lm] * x,
            "R_local": S @ b["R_local"][:, :, jm] @ S,
            "offsets_m": b["offsets_m"][:, jm] * x,
            "gravity_cam": b["gravity_cam"] * x,
            "root_m": b["root_m"] * x,
            "velocity_m_s": b["velocity_m_s"] * x,
            **mirrored_dynamics(b),
        }
        mixed = {k: torch.where(flip.reshape(-1, *[1] * (v.ndim - 1)), v, b[k]) for k, v in mirrored.items()}
        return b | mixed

    def _roll(self, b: Batch) -> Batch:
        angle = torch.from_numpy(self.rng.normal(0, self.config.roll_rad, self.config.batch)).float()
        c, s, o = angle.cos(), angle.sin(), torch.zeros_like(angle)
        Z = torch.stack([c, -s, o, s, c, o, o, o, o + 1], -1).reshape(-1, 1, 3, 3)
        R = torch.cat([(Z @ b["R_local"][:, :, 0])[:, :, None], b["R_local"][:, :, 1:]], 2)
        turned = {k: _turn(Z, b[k]) for k in ("gravity_cam", "root_m", "velocity_m_s")}
        turned |= {k: _turn(Z[:, :, None], b[k]) for k in ("landmarks_m", "grf_BW")}
        return b | turned | {"R_local": R, "ray": b["ray"] @ Z[..., :2, :2].transpose(-1, -2)}

    def _hide(self, b: Batch) -> Batch:
        """What the network is told: gravity and height with errors or not at all, sometimes no 3D landmarks, a focal length a bit off."""
        c, B = self.config, self.config.batch
        share = lambda p: torch.from_numpy((self.rng.random(B) < p).astype(np.float32))  # noqa: E731
        tilt = torch.from_numpy(self.rng.normal(0, np.radians(c.gravity_error_deg), (B, 1, 3))).float()
        told = torch.nn.functional.normalize(b["gravity_cam"] + tilt, dim=-1)
        focal = torch.from_numpy(np.exp(self.rng.normal(0, c.focal_error, (B, 1, 1, 1)))).float()
        dt_s = b["dt_s"].clone()
        dt_s[:, 0] *= 1 - share(c.first_step_unknown)
        return b | {
            "dt_s": dt_s,
            "ray": b["ray"] * focal,
            "landmarks_seen_m": b["landmarks_m"],
            "landmarks_m": b["landmarks_m"] * (1 - share(c.drop_landmarks_3d))[:, None, None, None],
            "gravity_told": told * share(c.gravity_known)[:, None, None],
            "size_told": (b["size"] * share(c.height_known))[:, None].expand(-1, c.frames),
        }


def steps_s(take: Take, rows: Tensor | np.ndarray) -> Tensor:
    """Time (T,) since the picture before; that of the first is like the second's, and of rows that are held a frame time."""
    steps_s = np.diff(take.time_s[rows])
    steps_s = np.r_[steps_s[:1], steps_s]
    return torch.from_numpy(np.where(steps_s > 0, steps_s, 1 / FPS)).float()


def _shares(lengths: list[float]) -> np.ndarray:
    n = np.array(lengths, float)
    return n / n.sum()


def _turn(R: Tensor, v: Tensor) -> Tensor:
    return (R @ v[..., None])[..., 0]


def _leg_m(offsets_m: Tensor) -> Tensor:
    return offsets_m[4].norm() + offsets_m[7].norm()


def _heading_turn(R_world_root: Tensor, R_target_root: Tensor) -> Tensor:
    """Rotation about Y that gives one root the heading (direction of its +Z on the floor) of another."""
    a, b = (torch.atan2(R[0, 2], R[2, 2]) for R in (R_world_root, R_target_root))
    c, s, o = (b - a).cos(), (b - a).sin(), torch.zeros(())
    return torch.stack([c, o, s, o, o + 1, o, -s, o, c]).reshape(3, 3)


def _in_view(root_m: Tensor) -> bool:
    """The pelvis stays before the camera and within about 70 degrees of view."""
    z = root_m[:, 2]
    return bool((z > 0.8).all() and (root_m[:, :2].abs() < 0.7 * z[:, None]).all())
