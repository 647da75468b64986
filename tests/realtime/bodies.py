"""Body frames and meta with known numbers."""

import numpy as np

from realtime.body.frames import BodyFrame, State
from realtime.body.muscles import group_names, muscle_names
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINTS, PARENTS, rest_offsets_m
from realtime.body.student_io import CONTACT_POINTS
from realtime.smpl_body import LiveSmplBody
from realtime.wire import ARRAYS, Meta


def body(
    seq: int = 0, *, state: State = State.TRACKING, t_capture_ns: int | None = None, pts_s: float | None = 0.5
) -> BodyFrame:
    """A body whose every number is its own: counted up from `seq`; NaN if lost."""
    next_value = iter(np.arange(2000, dtype=np.float32) / 2000 + seq)

    def take(*shape: int) -> np.ndarray:
        values = np.array([next(next_value) for _ in range(int(np.prod(shape)))], np.float32)
        return np.full(shape, np.nan, np.float32) if state is State.LOST else values.reshape(shape)

    angles = np.linspace(-1.2, 1.2, 72).reshape(24, 3) * (1 + 0.01 * (seq % 7))
    R_local = from_axis_angle(angles).astype(np.float32)
    return BodyFrame(
        seq=seq,
        t_capture_ns=10**12 + seq * 33_000_000 if t_capture_ns is None else t_capture_ns,
        pts_s=pts_s,
        state=state,
        R_local=np.full_like(R_local, np.nan) if state is State.LOST else R_local,
        pelvis_m=take(3),
        joints_m=take(24, 3),
        joint_sigma_m=take(24),
        rotation_sigma_rad=take(24),
        root_velocity_m_s=take(3),
        root_velocity_sigma_m_s=float("nan") if state is State.LOST else 0.25,
        contact=take(4),
        grf_BW=take(2, 3),
        grf_sigma_BW=take(2),
        activation=take(354),
        activation_sigma=take(354),
        joint_valid=np.full(24, state is not State.LOST) & (np.arange(24) % 5 > 0),
        activation_valid=np.full(354, state is not State.LOST) & (np.arange(354) % 7 > 0),
        doubts=() if state is State.LOST else ("left_leg",),
        stage_ns={"frontend": 20_000_000, "model": 500_000},
    )


def smpl_body(*, with_mesh: bool = False) -> LiveSmplBody:
    """A made-up SMPL body of 30 vertices and 60 faces."""
    from simlabels.smpl_body import reduced
    from tests.smpl_model import model_arrays

    arrays = model_arrays(vertices=30) | {"f": np.arange(180).reshape(60, 3) % 30}
    return LiveSmplBody(reduced(arrays, gender="neutral", betas=10, source_sha256="7" * 64), with_mesh=with_mesh)


def meta(session: int = 1_700_000_000_000_000) -> Meta:
    return Meta(
        session=session,
        program="biohuman-live 0.1.0",
        source="walk.mp4",
        is_live=False,
        clock_offset_us=1_600_000_000_000_000,
        arrays=ARRAYS,
        joints=list(JOINTS),
        parents=list(PARENTS),
        offsets_m=rest_offsets_m().tolist(),
        muscles=list(muscle_names()),
        groups=list(group_names()),
        contacts=list(CONTACT_POINTS),
        model_id="tiny-1",
        model_sha256="0" * 64,
        engine="onnx-cpu",
        front_end="scripted",
        fov_deg=60.0,
        pitch_deg=None,
        roll_deg=None,
        height_m=None,
        R_world_cam=np.eye(3).tolist(),
        camera_world_m=[0.0, 1.0, 3.0],
    )
