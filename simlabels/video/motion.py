"""A labelled clip at any moment of time: what is performed before the camera. World: the label's, Y up, metres."""

from dataclasses import dataclass, replace

import numpy as np

from realtime.body.rotations import from_quat_wxyz, to_quat_wxyz
from realtime.body.skeleton import JOINT_MIRROR, UPPER_BODY

#: Moments of a clip in its glance.
GLANCES = 100


@dataclass(frozen=True)
class Glance:
    """Moments all through a clip, for what is the same in all of it: where the floor is, how the head is held."""

    quat_wxyz: np.ndarray  # (GLANCES, 24, 4)
    pelvis_m: np.ndarray  # (GLANCES, 3)

    @classmethod
    def at(cls, quat_wxyz: np.ndarray, pelvis_m: np.ndarray) -> "Glance":
        """Of a whole clip's motion."""
        rows = np.linspace(0, len(pelvis_m) - 1, GLANCES).round().astype(int)
        return cls(quat_wxyz[rows], pelvis_m[rows])

    @property
    def R_local(self) -> np.ndarray:
        """(GLANCES, 24, 3, 3)."""
        return from_quat_wxyz(self.quat_wxyz.astype(float))


@dataclass(frozen=True)
class ClipMotion:
    """A stretch of a label clip."""

    clip: str
    quat_wxyz: np.ndarray  # (T, 24, 4): rotation of each joint in its parent; the pelvis in the world
    pelvis_m: np.ndarray  # (T, 3)
    rest_m: np.ndarray  # (24, 3): the subject's skeleton, T-pose
    fps: float
    clip_glance: Glance
    first: int = 0  # frame of the clip that row 0 is

    @property
    def seconds(self) -> float:
        return (len(self.pelvis_m) - 1) / self.fps

    def at(self, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Local rotations (N, 24, 3, 3) and pelvis (N, 3) at times (N,) from row 0 on; held at both ends.

        Rotations: quaternions blended between neighbours, the pelvis by a cubic spline.
        """
        from scipy.interpolate import CubicSpline

        quat = self.quat_wxyz.astype(float)
        flips = np.where((quat[1:] * quat[:-1]).sum(-1) < 0, -1.0, 1.0)
        quat[1:] *= np.cumprod(flips, axis=0)[..., None]
        at = np.clip(np.asarray(times_s, float) * self.fps, 0, len(quat) - 1)
        low = np.minimum(at.astype(int), len(quat) - 2)
        share = (at - low)[:, None, None]
        pelvis_m = CubicSpline(np.arange(len(quat)), self.pelvis_m.astype(float))(at)
        return from_quat_wxyz((1 - share) * quat[low] + share * quat[low + 1]), pelvis_m

    def mirrored(self) -> "ClipMotion":
        """Left for right: x of the world becomes -x."""
        order, flip_x = list(JOINT_MIRROR), np.array([-1, 1, 1], np.float32)
        flip_quat = np.array([1, 1, -1, -1], np.float32)  # of S R S with S = diag(-1, 1, 1)
        glance = self.clip_glance
        return replace(
            self,
            quat_wxyz=self.quat_wxyz[:, order] * flip_quat,
            pelvis_m=self.pelvis_m * flip_x,
            rest_m=self.rest_m[order] * flip_x,
            clip_glance=Glance(glance.quat_wxyz[:, order] * flip_quat, glance.pelvis_m * flip_x),
        )

    def with_upper_body_of(self, other: "ClipMotion") -> "ClipMotion":
        """The same from the waist down; above it what `other` does at the same times, held when it ends."""
        upper, times_s = list(UPPER_BODY), np.arange(len(self.pelvis_m)) / self.fps
        quat_wxyz = self.quat_wxyz.copy()
        quat_wxyz[:, upper] = to_quat_wxyz(other.at(times_s)[0][:, upper])
        glance = self.clip_glance.quat_wxyz.copy()
        glance[:, upper] = other.clip_glance.quat_wxyz[:, upper]
        return replace(self, quat_wxyz=quat_wxyz, clip_glance=replace(self.clip_glance, quat_wxyz=glance))

    def frames_at(self, times_s: np.ndarray) -> np.ndarray:
        """The nearest frame of the label clip (N,) int32."""
        at = np.clip(np.rint(np.asarray(times_s) * self.fps), 0, len(self.pelvis_m) - 1)
        return (self.first + at).astype(np.int32)
