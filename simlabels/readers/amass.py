"""Reads AMASS-style .npz motion: SMPL pose parameters, place and shape, on the joints of a body file.

The format: `poses` (T, 72 SMPL | 156 SMPL-H | 165 SMPL-X) axis-angle, rad; `trans` (T, 3), m; `betas`; `gender`; `mocap_framerate`
or `mocap_frame_rate`, Hz. Fingers, jaw, eyes and soft tissue (`dmpls`) are not read. What the format leaves open is tested,
and what a test cannot tell is asked for:

- Up axis (AMASS: Z): the mean direction from the ankles to the head points up, within 45 degrees of +Y or +Z. Lying or tumbling
  people fail the test: then --up says it.
- Unit of `trans` and frame rate: the pelvis moves at 13 m/s at most (95 % of the time), and the floor lies within 5 m of height 0.
- Joints need the body: `pelvis = trans + J(betas)[0]`, bones from J(betas). Without a body file the bones are our own rest skeleton's;
  the constant J[0] then is lost in the estimate of the floor, and horizontally it does not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError
from realtime.body.plain_npz import read_npz
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINT_COUNT, REST_STATURE_M, forward_kinematics, joint_index, offsets_of, rest_offsets_m
from realtime.body.smpl_file import GENDERS, read_smpl_body

from .axes import check_person_moves
from .retarget import TOE_ABOVE_SOLE_M, SmplMotion

#: Columns of `poses` -> whose they are. The first 22 joints are the same in all three.
KINDS = {72: "smpl", 156: "smplh", 165: "smplx"}
BODY_COLUMNS = 66
RATE_KEYS = ("mocap_framerate", "mocap_frame_rate")

UP_COS = 0.7  # 45 degrees
HIGHEST_FLOOR_M = 5.0
LARGEST_ANGLE_RAD = 4 * np.pi

#: Turns the file's axes into ours, Y up.
R_WORLD_FILE = {"y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])}
_ANKLES, _TOES = [joint_index(f"{s}_ankle") for s in ("left", "right")], [joint_index(f"{s}_foot") for s in ("left", "right")]
_HEAD = joint_index("head")


@dataclass(frozen=True, kw_only=True)
class RestBody:
    """Of a body file what motion needs: small enough to be sent to every process."""

    kind: str
    gender: str
    source_sha256: str
    joint_template_m: np.ndarray  # (24, 3)
    joint_shape_dirs_m: np.ndarray  # (24, 3, B)
    toe_above_sole_m: float  # of the template

    @classmethod
    def read(cls, path: Path) -> "RestBody":
        """Raises InputError as `read_smpl_body`."""
        body = read_smpl_body(path)
        return cls(
            kind=body.kind,
            gender=body.gender,
            source_sha256=body.source_sha256,
            joint_template_m=body.joint_template_m.astype(float),
            joint_shape_dirs_m=body.joint_shape_dirs_m.astype(float),
            toe_above_sole_m=float(body.joint_template_m[_TOES, 1].mean() - body.v_template_m[:, 1].min()),
        )


@dataclass(frozen=True, kw_only=True)
class Amass:
    """A file's content, in its own axes."""

    path: Path
    kind: str  # smpl, smplh or smplx
    gender: str  # neutral, female, male or unknown
    axis_angle: np.ndarray  # (T, 24, 3), rad; hands 0 where the file has fingers
    trans_m: np.ndarray  # (T, 3)
    betas: np.ndarray | None  # (n,)
    fps: float


@dataclass(frozen=True, kw_only=True)
class AmassMotion:
    motion: SmplMotion  # Y up, as high as in the file
    floor_m: float  # estimated: the lower toe is no higher above it than in the rest pose, 95 % of the time
    notes: dict  # what was tested, taken or left out, for dataset.json


def read_amass(path: Path, fps: float | None = None) -> Amass:
    """The motion in an AMASS-style .npz.

    Args:
        fps: overrides the file's frame rate.

    Raises:
        InputError: no .npz, arrays missing, of another shape or type, not finite, no frame rate; names the file.
    """
    what = "AMASS-style motion (poses, trans, betas, mocap_framerate)"
    names = ("poses", "trans", "betas", "gender", *RATE_KEYS)
    arrays = read_npz(path, names, what, "save it as plain numbers or text")
    missing = [name for name in ("poses", "trans") if name not in arrays]
    if missing:
        raise InputError(f"{path} has no {' and no '.join(missing)}; it should be {what}")
    poses, trans = arrays["poses"], arrays["trans"]
    if poses.ndim != 2 or poses.shape[1] not in KINDS or len(poses) < 2:
        raise InputError(
            f"{path}: poses is {poses.shape}, it should be (T, 72) for SMPL, (T, 156) for SMPL-H, (T, 165) for SMPL-X"
        )
    if trans.shape != (len(poses), 3):
        raise InputError(f"{path}: trans is {trans.shape}, it should be {(len(poses), 3)}, as long as poses")
    betas = np.atleast_1d(arrays["betas"].squeeze()) if "betas" in arrays else None
    if betas is not None and betas.ndim != 1:
        raise InputError(f"{path}: betas is {arrays['betas'].shape}, it should be (n,): one shape for the whole motion")
    for name, array in (("poses", poses), ("trans", trans), ("betas", betas)):
        if array is None:
            continue
        if array.dtype.kind not in "fiu":
            raise InputError(f"{path}: {name} should be numbers, it has type {array.dtype}")
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise InputError(f"{path}: {name} is not finite in {'frame' if name != 'betas' else 'place'} {bad[0][0]}")
    axis_angle = np.zeros((len(poses), JOINT_COUNT, 3))
    columns = 72 if poses.shape[1] == 72 else BODY_COLUMNS
    axis_angle.reshape(len(poses), -1)[:, :columns] = poses[:, :columns]
    largest = float(np.linalg.norm(axis_angle, axis=-1).max())
    if largest > LARGEST_ANGLE_RAD:
        raise InputError(f"{path}: a joint turns by {largest:.0f} rad, which is two turns and more; poses should be radians")
    return Amass(
        path=path,
        kind=KINDS[poses.shape[1]],
        gender=_gender(arrays.get("gender")),
        axis_angle=axis_angle,
        trans_m=trans.astype(float),
        betas=None if betas is None else betas.astype(float),
        fps=fps or _fps(path, arrays),
    )


def _fps(path: Path, arrays: dict[str, np.ndarray]) -> float:
    for name in RATE_KEYS:
        if name in arrays:
            if arrays[name].size != 1 or arrays[name].dtype.kind not in "fiu" or not 1 <= arrays[name].item() <= 2000:
                raise InputError(f"{path}: {name} should be frames a second, 1 to 2000; give the rate by --source-fps")
            return round(float(arrays[name].item()), 2)
    raise InputError(f"{path} has no {' and no '.join(RATE_KEYS)}; give the rate by --source-fps")


def _gender(value: np.ndarray | None) -> str:
    if value is None or value.size != 1:
        return "unknown"
    item = value.item()
    text = item.decode("ascii", "replace") if isinstance(item, bytes) else str(item)
    return text.lower() if text.lower() in GENDERS else "unknown"


def amass_motion(
    amass: Amass, bodies: Sequence[RestBody] = (), *, up: str | None = None, height_m: float | None = None
) -> AmassMotion:
    """The motion on SMPL-24 with Y up.

    Args:
        bodies: body files to take the joints from, by kind and gender; none: our own rest skeleton.
        up: "y" or "z", the file's up axis; None = tested.
        height_m: stature, for our own rest skeleton; None = that of the skeleton.

    Raises:
        InputError: the up axis, unit or frame rate does not pass its test; no body fits.
    """
    body = body_for(amass, bodies) if bodies else None
    rest_m, notes = _rest(amass, body, height_m)
    trans_m = amass.trans_m + (rest_m[0] if body else 0)  # SMPL turns about the pelvis: its rest place is simply added
    R_local = from_axis_angle(amass.axis_angle)
    joints_m, _ = forward_kinematics(R_local, offsets_of(rest_m), trans_m)
    tested = up is None
    up = tested_up(amass.path, joints_m) if up is None else up
    R = R_WORLD_FILE[up]
    R_local[:, 0] = R @ R_local[:, 0]
    pelvis_m, joints_m = trans_m @ R.T, joints_m @ R.T
    toe_above_sole_m = body.toe_above_sole_m if body else TOE_ABOVE_SOLE_M
    floor_m = float(np.percentile(joints_m[:, _TOES, 1].min(1), 5)) - toe_above_sole_m
    rest_m = rest_m - rest_m[0]
    motion = SmplMotion(R_local=R_local, pelvis_m=pelvis_m, rest_m=rest_m, fps=amass.fps)
    check_person_moves(str(amass.path), motion.stature_m, pelvis_m, amass.fps)
    _check_floor(amass, floor_m)
    notes |= {"up": up, "up_tested": tested, "kind": amass.kind, "gender": amass.gender}
    return AmassMotion(motion=motion, floor_m=floor_m, notes=notes)


def body_for(amass: Amass, bodies: Sequence[RestBody]) -> RestBody:
    """The body whose betas these are: of the same kind (SMPL and SMPL-H share theirs) and gender.

    Raises:
        InputError: none of them fits, or which one does cannot be told.
    """
    kin = [b for b in bodies if (b.kind == "smplx") == (amass.kind == "smplx")]
    given = ", ".join(f"{b.kind} {b.gender}" for b in bodies)
    if not kin:
        raise InputError(
            f"{amass.path} has poses of {amass.kind}, whose betas are not those of the --smpl-body given ({given}); "
            f"convert the {'SMPL-X' if amass.kind == 'smplx' else 'SMPL or SMPL-H'} model too"
        )
    fitting = [b for b in kin if b.gender == amass.gender] or [b for b in kin if b.gender == "unknown"]
    if amass.gender == "unknown":
        fitting = kin
    if len(fitting) != 1:
        which = "several of the --smpl-body given fit" if fitting else "none of the --smpl-body given fits"
        raise InputError(
            f"{amass.path}: the gender is {amass.gender}, and {which} ({given}); give one of each, written by `smpl-body --gender`"
        )
    return fitting[0]


def _rest(amass: Amass, body: RestBody | None, height_m: float | None) -> tuple[np.ndarray, dict]:
    """Rest joints (24, 3), and where they are from."""
    if body is None:
        stature_m = height_m or REST_STATURE_M
        identity = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
        rest_m, _ = forward_kinematics(identity, rest_offsets_m() * (stature_m / REST_STATURE_M), np.zeros(3))
        return rest_m, {"rest": f"our own rest skeleton, {stature_m:g} m"}
    if amass.betas is None:
        raise InputError(
            f"{amass.path} has no betas, without which its joints are not known; leave --smpl-body out for such files"
        )
    used = min(len(amass.betas), body.joint_shape_dirs_m.shape[2])
    rest_m = body.joint_template_m + body.joint_shape_dirs_m[..., :used] @ amass.betas[:used]
    return rest_m, {
        "rest": f"{body.kind} {body.gender}, sha256 {body.source_sha256}",
        "betas_used": used,
        "betas_in_file": len(amass.betas),
    }


def tested_up(path: Path, joints_m: np.ndarray) -> str:
    """ "y" or "z": where joints (T, 24, 3) in the file's axes have the head above the ankles, on average.

    Raises:
        InputError: neither, or upside down.
    """
    axis = joints_m[:, _HEAD] - joints_m[:, _ANKLES].mean(1)
    mean = (axis / np.linalg.norm(axis, axis=1, keepdims=True)).mean(0)
    for name, i in (("y", 1), ("z", 2)):
        if mean[i] >= UP_COS:
            return name
    x, y, z = mean
    raise InputError(
        f"{path}: from ankles to head the mean direction is ({x:.2f}, {y:.2f}, {z:.2f}), so its up axis cannot be told; "
        "say it by --up y or --up z (AMASS: z)"
    )


def _check_floor(amass: Amass, floor_m: float) -> None:
    if not abs(floor_m) <= HIGHEST_FLOOR_M:
        raise InputError(
            f"{amass.path}: the floor would lie at {floor_m:.0f} m; trans should be metres with the floor near 0, and the up axis "
            "as tested or said by --up"
        )
