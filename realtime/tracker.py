"""From picture to body: front end, model step, world frame, and what may be believed of the result."""

import math
from time import perf_counter_ns
from typing import Protocol

import numpy as np

from .body.errors import InputError
from .body.frames import BodyFrame, LandmarkFrame, State
from .body.muscles import MUSCLE_COUNT
from .body.skeleton import JOINT_COUNT, rest_offsets_m
from .body.student_io import INPUTS
from .engines import Engine
from .left_right import LeftRightRule
from .stature import scale_to_height
from .validity import Validity, ValidityRule
from .world import WorldOrigin, focal_px, gravity_cam

#: Frames after (re)acquisition before a body counts as tracked.
WARMING_FRAMES = 10
#: After so long without a person the model starts afresh.
FORGET_AFTER_S = 1.0


class FrontEnd(Protocol):
    """What the tracker needs of a front end."""

    @property
    def name(self) -> str: ...
    @property
    def warnings(self) -> list[str]: ...

    def detect(self, picture_bgr: np.ndarray, t_ns: int) -> LandmarkFrame: ...


class Picture(Protocol):
    """What the tracker needs of a captured picture."""

    @property
    def image_bgr(self) -> np.ndarray: ...
    @property
    def index(self) -> int: ...
    @property
    def t_capture_ns(self) -> int: ...
    @property
    def pts_s(self) -> float | None: ...


class Tracker:
    """One person's body, picture by picture.

    `landmarks_refused` counts front end results with numbers that are not finite, `bodies_refused` those of the model,
    `swapped_count` the frames in which left and right look swapped.

    Args:
        fov_deg: the camera's field of view along the longer side of the picture.
        pitch_deg, roll_deg: how the camera is held, see `world.gravity_cam`; None = not known (the model assumes level).
        height_m: stature of the person; None = not known. Told, the published bones have exactly this stature (`stature.py`).

    Raises:
        InputError: a camera setting or stature that cannot be.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        engine: Engine,
        *,
        fov_deg: float = 60.0,
        pitch_deg: float | None = None,
        roll_deg: float | None = None,
        height_m: float | None = None,
    ):
        if height_m is not None and not 0.5 <= height_m <= 2.5:
            raise InputError(f"the person's height is {height_m:g} m, it must be 0.5 to 2.5")
        focal_px((1, 1), fov_deg)  # refuse a bad angle now, not at the first picture
        self.front_end, self.engine = front_end, engine
        self.fov_deg, self.pitch_deg, self.roll_deg, self.height_m = fov_deg, pitch_deg, roll_deg, height_m
        self.landmarks_refused = self.bodies_refused = self.swapped_count = 0
        self.offsets_m = rest_offsets_m().astype(np.float32)  # (24, 3), bone vectors of the person as last seen
        self.R_world_cam = np.eye(3, dtype=np.float32)  # turns camera axes into world axes
        self._inputs = {name: np.zeros(t.shape, np.float32) for name, t in INPUTS.items()}
        self._inputs["gravity_cam"][0] = gravity_cam(pitch_deg, roll_deg)
        self._inputs["height_m"][0, 0] = height_m or 0.0
        self._origin = WorldOrigin(WARMING_FRAMES)
        self._validity_rule, self._left_right_rule = ValidityRule(), LeftRightRule()
        self._seq = 0
        self._frames_seen = 0  # since (re)acquisition
        self._t_seen_s: float | None = None  # when a person was last seen; None = the model is fresh
        self._t_before_s: float | None = None  # the frame before; None = the next one is the first for the model

    @property
    def camera_world_m(self) -> np.ndarray:
        """Position (3,) of the camera in the world, m; settled once the first frames are over."""
        return -self._origin.origin_grav_m

    def step(self, picture: Picture) -> BodyFrame:
        """The body in this picture. Pictures must come in order."""
        t0 = perf_counter_ns()
        t_s = picture.t_capture_ns * 1e-9 if picture.pts_s is None else picture.pts_s
        t_front_end_ns = picture.t_capture_ns if picture.pts_s is None else round(picture.pts_s * 1e9)
        landmarks = self._checked(self.front_end.detect(picture.image_bgr, t_front_end_ns))
        t1 = perf_counter_ns()
        self._forget_if_long_ago(t_s)
        validity = self._validity_rule.update(landmarks)
        swapped = self._left_right_rule.update(landmarks, t_s)
        self.swapped_count += bool(swapped)
        outputs = self._step_model(landmarks, t_s)
        t2 = perf_counter_ns()
        if outputs is None or not landmarks.detected:
            self._frames_seen = 0
            frame = self._lost(picture)
        else:
            self._frames_seen += 1
            self._t_seen_s = t_s
            frame = self._body(picture, outputs, validity, swapped)
        self._seq += 1
        t3 = perf_counter_ns()
        frame.stage_ns.update(frontend=t1 - t0, model=t2 - t1, body=t3 - t2)
        return frame

    def _checked(self, landmarks: LandmarkFrame) -> LandmarkFrame:
        """Landmarks with a number that is not finite count as nobody: one NaN would stay in the model's memory."""
        if landmarks.detected and not (
            np.isfinite(landmarks.xy_norm).all()
            and np.isfinite(landmarks.visibility).all()
            and np.isfinite(landmarks.landmarks_m).all()
        ):
            self.landmarks_refused += 1
            return LandmarkFrame.nobody(landmarks.image_size_px)
        return landmarks

    def _forget_if_long_ago(self, t_s: float) -> None:
        if self._t_seen_s is not None and t_s - self._t_seen_s > FORGET_AFTER_S:
            self._forget()

    def _forget(self) -> None:
        self.engine.reset()
        self._frames_seen, self._t_seen_s, self._t_before_s = 0, None, None

    def _step_model(self, landmarks: LandmarkFrame, t_s: float) -> dict[str, np.ndarray] | None:
        """The model's outputs; None while nobody is there to remember, or when the model's numbers are not finite.

        A short absence is shown to the model (`detected` = 0), so that its memory keeps time.
        """
        if not landmarks.detected and self._t_seen_s is None:
            return None
        x = self._inputs
        x["xy_norm"][0] = landmarks.xy_norm
        x["visibility"][0] = landmarks.visibility
        x["landmarks_m"][0] = landmarks.landmarks_m
        x["detected"][0, 0] = landmarks.detected
        x["dt_s"][0, 0] = 0.0 if self._t_before_s is None else max(0.0, t_s - self._t_before_s)
        x["image_size_px"][0] = landmarks.image_size_px
        x["focal_px"][0, 0] = focal_px(landmarks.image_size_px, self.fov_deg)
        self._t_before_s = t_s
        outputs = self.engine.step(x)
        # A sum is finite only if every term is; one pass instead of isfinite + all, and no infinities cancel unseen.
        if not all(math.isfinite(float(a.sum())) for a in outputs.values()):
            self.bodies_refused += 1
            self._forget()
            return None
        return outputs

    def _body(
        self, picture: Picture, outputs: dict[str, np.ndarray], validity: Validity, swapped: tuple[str, ...]
    ) -> BodyFrame:
        out = {name: outputs[name][0].copy() for name in outputs}
        if self.height_m is not None:
            scale_to_height(out, self.height_m)
        origin_m = self._origin.update(out["pelvis_m"], out["joints_m"])
        self.offsets_m, self.R_world_cam = out["offsets_m"], out["R_grav_cam"]
        return BodyFrame(
            seq=self._seq,
            t_capture_ns=picture.t_capture_ns,
            pts_s=picture.pts_s,
            state=State.WARMING if self._frames_seen < WARMING_FRAMES else State.TRACKING,
            R_local=out["R_local"],
            pelvis_m=out["pelvis_m"] - origin_m,
            joints_m=out["joints_m"] - origin_m,
            joint_sigma_m=out["joint_sigma_m"],
            rotation_sigma_rad=out["rotation_sigma_rad"],
            root_velocity_m_s=out["root_velocity_m_s"],
            root_velocity_sigma_m_s=float(out["root_velocity_sigma_m_s"][0]),
            contact=out["contact"],
            grf_BW=out["grf_BW"],
            grf_sigma_BW=out["grf_sigma_BW"],
            activation=out["activation"],
            activation_sigma=out["activation_sigma"],
            joint_valid=validity.joint_valid,
            activation_valid=validity.activation_valid,
            doubts=validity.unseen + swapped,
        )

    def _lost(self, picture: Picture) -> BodyFrame:
        def nan(*shape: int) -> np.ndarray:
            return np.full(shape, np.nan, np.float32)

        return BodyFrame(
            seq=self._seq,
            t_capture_ns=picture.t_capture_ns,
            pts_s=picture.pts_s,
            state=State.LOST,
            R_local=nan(JOINT_COUNT, 3, 3),
            pelvis_m=nan(3),
            joints_m=nan(JOINT_COUNT, 3),
            joint_sigma_m=nan(JOINT_COUNT),
            rotation_sigma_rad=nan(JOINT_COUNT),
            root_velocity_m_s=nan(3),
            root_velocity_sigma_m_s=math.nan,
            contact=nan(4),
            grf_BW=nan(2, 3),
            grf_sigma_BW=nan(2),
            activation=nan(MUSCLE_COUNT),
            activation_sigma=nan(MUSCLE_COUNT),
            joint_valid=np.zeros(JOINT_COUNT, bool),
            activation_valid=np.zeros(MUSCLE_COUNT, bool),
        )
