"""A labelled clip at any moment of time: what is performed before the camera. World: the label's, Y up, metres."""

from dataclasses import dataclass

import numpy as np

from realtime.body.rotations import from_quat_wxyz


@dataclass(frozen=True)
class ClipMotion:
    """A stretch of a label clip."""

    clip: str
    quat_wxyz: np.ndarray  # (T, 24, 4): rotation of each joint in its parent; the pelvis in the world
    pelvis_m: np.ndarray  # (T, 3)
    rest_m: np.ndarray  # (24, 3): the subject's skeleton, T-pose
    fps: float
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

    def frames_at(self, times_s: np.ndarray) -> np.ndarray:
        """The nearest frame of the label clip (N,) int32."""
        at = np.clip(np.rint(np.asarray(times_s) * self.fps), 0, len(self.pelvis_m) - 1)
        return (self.first + at).astype(np.int32)
