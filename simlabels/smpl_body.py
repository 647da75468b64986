"""The user's own SMPL, SMPL-H or SMPL-X model (.npz) to a body file of plain arrays on SMPL's 24 joints.

SMPL-H and SMPL-X have more joints. Each joint beyond the body's 22 gives its weights to the body joint that it hangs on: fingers
follow the wrist with a flat hand, jaw and eyes the head. That is exact for a model whose fingers, jaw and eyes do not turn. The two
hand joints of SMPL-24 are the first joint of the middle fingers; nothing hangs on them, so that a hand turns with its wrist.

The model is loaded as plain arrays and handed to `smplx`, whose own forward pass the result is checked against before it is written.
"""

import contextlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError, ModelError
from realtime.body.needs import need
from realtime.body.plain_npz import read_npz
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINT_COUNT, PARENTS
from realtime.body.smpl_file import POSE_COUNT, SmplBody, write_smpl_body
from realtime.body.smpl_skin import Skin

from .dataset import file_sha256

BETAS = 10
#: Largest distance of a vertex or joint from smplx's.
TOLERANCE_M = 1e-5
CHECKED_POSES = 3

BODY_JOINTS = 22  # which the three models have in common
#: Number of joints -> the model's name, and its first joints of the left and right middle finger.
_KINDS = {24: ("smpl", None), 52: ("smplh", (25, 40)), 55: ("smplx", (28, 43))}
_NEEDED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
#: What decides the number of vertices, faces and shape directions: the size along this axis.
_COUNTED = (("v_template", 0), ("f", 0), ("shapedirs", -1))
_CONVERT = "convert the model as docs/smpl.md says under 'From .pkl to .npz'"


@dataclass(frozen=True)
class Converted:
    body: SmplBody
    worst_m: float  # from smplx's forward pass, over the checked poses


def convert_smpl_body(model: Path, out: Path, *, gender: str = "unknown", betas: int = BETAS) -> Converted:
    """Writes the body file of a model.

    Args:
        gender: whose body the model is; a SMPL model file does not say.
        betas: how many shape parameters to keep, where the model has so many.

    Raises:
        InputError: a pickle, no model, arrays missing or of another layout.
        ModelError: smplx gives another body.
        OutputError: `out` cannot be written.
    """
    arrays = read_model(model)
    body = reduced(arrays, gender=gender, betas=betas, source_sha256=file_sha256(model))
    worst_m = distance_from_smplx(body, arrays)
    if not worst_m <= TOLERANCE_M:
        raise ModelError(
            f"{model}: its body on 24 joints is up to {worst_m:.2g} m from what smplx makes of it, more than {TOLERANCE_M:g} m; "
            "nothing was written; is the file whole and as it was downloaded?"
        )
    write_smpl_body(out, body)
    return Converted(body, worst_m)


def read_model(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a model's .npz that matter here, checked: shapes fit each other, kinematic tree as in SMPL, no pickle.

    Raises:
        InputError: a pickle, no .npz, arrays missing, of another shape or type, another kinematic tree.
    """
    if path.suffix in (".pkl", ".pickle"):
        raise InputError(f"{path} is a pickle, which can run code when it is read and is never loaded; {_CONVERT}")
    arrays = read_npz(path, _NEEDED, "a SMPL, SMPL-H or SMPL-X model", _CONVERT)
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise InputError(f"{path} has no {', '.join(missing)}: it is no SMPL, SMPL-H or SMPL-X model; {_CONVERT}")
    for name, array in arrays.items():
        whole = name in ("f", "kintree_table")
        # Some releases keep the faces as float; whole numbers they are all the same.
        if array.dtype.kind not in ("iuf" if whole else "f") or not np.isfinite(array).all():
            raise InputError(f"{path}: {name} should be finite numbers, it has type {array.dtype}; {_CONVERT}")
    tree = arrays["kintree_table"]
    J = tree.shape[1] if tree.ndim == 2 else 0
    if J not in _KINDS:
        raise InputError(
            f"{path}: kintree_table is {tree.shape}, it should be (2, 24) for SMPL, (2, 52) for SMPL-H or (2, 55) for SMPL-X"
        )
    V, F, B = (int(arrays[name].shape[axis]) if arrays[name].ndim else 0 for name, axis in _COUNTED)
    wanted = {
        "v_template": (V, 3),
        "shapedirs": (V, 3, B),
        "posedirs": (V, 3, 9 * (J - 1)),
        "J_regressor": (J, V),
        "weights": (V, J),
        "f": (F, 3),
    }
    for name, shape in wanted.items():
        if arrays[name].shape != shape or 0 in shape:
            raise InputError(f"{path}: {name} is {arrays[name].shape}, it should be {shape} for {J} joints; {_CONVERT}")
    if _parents(arrays)[1:BODY_JOINTS] != list(PARENTS[1:BODY_JOINTS]) or any(p >= j for j, p in enumerate(_parents(arrays))):
        raise InputError(f"{path}: kintree_table is not the tree of SMPL's joints; is it a model of a person?")
    if not np.allclose(arrays["weights"].sum(1), 1, atol=1e-3):
        raise InputError(f"{path}: rows of weights should sum to 1; {_CONVERT}")
    if arrays["f"].min() < 0 or arrays["f"].max() >= V:
        raise InputError(f"{path}: f names vertices beyond the {V} there are; {_CONVERT}")
    return arrays


def reduced(arrays: dict[str, np.ndarray], *, gender: str, betas: int, source_sha256: str) -> SmplBody:
    """The model on SMPL's 24 joints; see the head of this module."""
    parents = _parents(arrays)
    kind, hands = _KINDS[len(parents)]
    shape_dirs = arrays["shapedirs"][..., : min(betas, shape_count(arrays))].astype(np.float64)
    weights = arrays["weights"].astype(np.float64)
    pose_dirs = np.zeros((len(weights), 3, POSE_COUNT), np.float32)
    kept = JOINT_COUNT if hands is None else BODY_JOINTS
    pose_dirs[..., : 9 * (kept - 1)] = arrays["posedirs"][..., : 9 * (kept - 1)]
    merged = np.zeros((len(weights), JOINT_COUNT))
    for j in range(len(parents)):
        to = j
        while to >= kept:
            to = parents[to]
        merged[:, to] += weights[:, j]
    places = [*range(kept), *(hands or ())]
    regressor = arrays["J_regressor"].astype(np.float64)[places]
    return SmplBody(
        kind=kind,
        gender=gender,
        source_sha256=source_sha256,
        v_template_m=arrays["v_template"].astype(np.float32),
        shape_dirs_m=shape_dirs.astype(np.float32),
        pose_dirs_m=pose_dirs,
        joint_template_m=(regressor @ arrays["v_template"]).astype(np.float32),
        joint_shape_dirs_m=np.einsum("jv,vkb->jkb", regressor, shape_dirs).astype(np.float32),
        weights=merged.astype(np.float32),
        faces=arrays["f"].astype(np.uint32),
    )


def shape_count(arrays: dict[str, np.ndarray]) -> int:
    """How many of the shape directions are the body's: SMPL-X files hold the face's expressions behind them."""
    held = arrays["shapedirs"].shape[2]
    if len(_parents(arrays)) != 55:
        return held
    return min(300, held) if held >= 400 else min(10, held)  # the two layouts that smplx tells apart


def distance_from_smplx(body: SmplBody, arrays: dict[str, np.ndarray]) -> float:
    """Largest distance, m, of a vertex or joint from smplx's forward pass of the whole model, over a few random bodies."""
    model = smplx_model(arrays, body.betas_count)
    rng = np.random.default_rng(0)
    skin, worst_m = Skin(body), 0.0
    for _ in range(CHECKED_POSES):
        betas = rng.standard_normal(body.betas_count)
        axis_angle = 0.5 * rng.standard_normal((JOINT_COUNT, 3))
        transl_m = rng.standard_normal(3)
        joints_m, vertices_m = smplx_forward(model, betas, axis_angle, transl_m)
        skin.set_shape(betas)
        R_local = from_axis_angle(axis_angle)
        got = skin.pose(R_local, skin.rest_joints_m[0] + transl_m)
        hands = _KINDS[len(_parents(arrays))][1]
        places = [*range(JOINT_COUNT)] if hands is None else [*range(BODY_JOINTS), *hands]
        for ours, theirs in zip(got, (joints_m[places], vertices_m), strict=True):
            worst_m = max(worst_m, float(np.linalg.norm(ours - theirs, axis=1).max()))
    return worst_m


def smplx_model(arrays: dict[str, np.ndarray], betas: int):
    """The model as `smplx` builds it from these arrays, hands flat, in double precision.

    Raises:
        BioHumanError: smplx is not installed.
    """
    need(("smplx", "torch"), "body")
    import smplx
    import torch
    from smplx.utils import Struct

    kind = _KINDS[len(_parents(arrays))][0]
    held = arrays["shapedirs"].shape[2]
    if kind != "smplx" and held < smplx.SMPL.SHAPE_SPACE_DIM:  # smplx takes no more than 10 from a model with fewer than 300
        rest = np.zeros((*arrays["shapedirs"].shape[:2], smplx.SMPL.SHAPE_SPACE_DIM - held))
        arrays = arrays | {"shapedirs": np.concatenate([arrays["shapedirs"], rest], axis=2)}
    # Fingers, expressions and face landmarks stay as they are at rest: what smplx wants to see of them may be empty.
    fill = {name: np.zeros(45) for name in ("hands_meanl", "hands_meanr")}
    fill |= {name: np.eye(45) for name in ("hands_componentsl", "hands_componentsr")}
    fill |= {"lmk_faces_idx": np.zeros(1, np.int64), "lmk_bary_coords": np.full((1, 3), 1 / 3)}
    options = {"num_betas": betas, "dtype": torch.float64}
    if kind != "smpl":
        options |= {"use_pca": False, "flat_hand_mean": True}
    with contextlib.redirect_stdout(io.StringIO()):  # smplx prints a warning where there are only 10 shape parameters
        if kind == "smplx":  # this class takes no arrays, and unpickles what it opens: it gets a file with nothing to unpickle
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.npz"
                np.savez(path, allow_pickle=False, **(fill | arrays))
                model = smplx.SMPLX(str(path), ext="npz", **options)
        else:
            cls = smplx.SMPL if kind == "smpl" else smplx.SMPLH
            model = cls("", data_struct=Struct(**(fill | arrays)), **options)

    class NoExtraJoints(torch.nn.Module):
        """smplx adds joints at vertices that it knows by number: not ours to check, and models with fewer vertices lack them."""

        def forward(self, vertices, joints):
            return joints

    model.add_module("vertex_joint_selector", NoExtraJoints())
    return model


def smplx_forward(model, betas: np.ndarray, axis_angle: np.ndarray, transl_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints (J, 3) and vertices (V, 3), m, as smplx poses the model: SMPL-24's pose (24, 3), rad; fingers flat."""
    import torch

    def row(values: np.ndarray):
        return torch.tensor(np.asarray(values, float).reshape(1, -1))

    last = 1 + model.NUM_BODY_JOINTS
    with torch.no_grad():
        out = model(betas=row(betas), global_orient=row(axis_angle[0]), body_pose=row(axis_angle[1:last]), transl=row(transl_m))
    return out.joints[0].numpy(), out.vertices[0].numpy()


def _parents(arrays: dict[str, np.ndarray]) -> list[int]:
    """Each joint's parent; the pelvis has -1 (files say 2**32 - 1)."""
    return [-1, *arrays["kintree_table"][0, 1:].astype(int).tolist()]
