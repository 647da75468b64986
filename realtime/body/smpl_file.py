"""A parametric body in a file of plain arrays, which `biohuman-labels smpl-body` writes out of the user's own SMPL model.

The model is SMPL's (Loper et al. 2015) on its 24 joints: vertices of the rest pose = template + shape directions x betas +
pose directions x (local rotations - identity), carried along by the joints with the skinning weights. Metres; rest pose:
T-pose, Y up, facing +Z.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from .errors import InputError
from .files import write_whole
from .plain_npz import read_npz
from .skeleton import JOINT_COUNT, PARENTS

SCHEMA = "biohuman.smpl-body/1"
KINDS = ("smpl", "smplh", "smplx")
GENDERS = ("neutral", "female", "male", "unknown")
#: Nine entries of each local rotation but the pelvis' steer the pose directions.
POSE_COUNT = 9 * (JOINT_COUNT - 1)

_FILE = "a body file (written by `biohuman-labels smpl-body MODEL.npz --out body.npz`)"
_AGAIN = "write it again with `biohuman-labels smpl-body MODEL.npz --out body.npz`"

#: Arrays and their shapes; V vertices, F faces, B shape parameters are the file's own.
_SHAPES: dict[str, tuple[str | int, ...]] = {
    "v_template_m": ("V", 3),
    "shape_dirs_m": ("V", 3, "B"),
    "pose_dirs_m": ("V", 3, POSE_COUNT),
    "joint_template_m": (JOINT_COUNT, 3),
    "joint_shape_dirs_m": (JOINT_COUNT, 3, "B"),
    "weights": ("V", JOINT_COUNT),
    "faces": ("F", 3),
    "parents": (JOINT_COUNT,),
}
_TEXTS = ("schema", "kind", "gender", "source_sha256")


@dataclass(frozen=True, kw_only=True)
class SmplBody:
    """A body model on the 24 joints; floats are float32."""

    kind: str  # smpl, smplh or smplx: what it was made from, and whose betas it takes
    gender: str  # neutral, female, male or unknown
    source_sha256: str  # of the model file
    v_template_m: np.ndarray  # (V, 3)
    shape_dirs_m: np.ndarray  # (V, 3, B): moves by one unit of each beta
    pose_dirs_m: np.ndarray  # (V, 3, 207)
    joint_template_m: np.ndarray  # (24, 3): J_regressor x v_template
    joint_shape_dirs_m: np.ndarray  # (24, 3, B): J_regressor x shape_dirs
    weights: np.ndarray  # (V, 24), rows sum to 1
    faces: np.ndarray  # (F, 3) uint32

    @property
    def vertex_count(self) -> int:
        return len(self.v_template_m)

    @property
    def betas_count(self) -> int:
        return self.shape_dirs_m.shape[2]

    def rest_joints_m(self, betas: np.ndarray) -> np.ndarray:
        """Joints (24, 3) of the rest pose for shape parameters (n,); those beyond the body's own count are left out."""
        n = min(len(betas), self.betas_count)
        return self.joint_template_m + self.joint_shape_dirs_m[..., :n] @ np.asarray(betas[:n], np.float32)

    def rest_vertices_m(self, betas: np.ndarray) -> np.ndarray:
        """Vertices (V, 3) of the rest pose for shape parameters (n,)."""
        n = min(len(betas), self.betas_count)
        return self.v_template_m + self.shape_dirs_m[..., :n] @ np.asarray(betas[:n], np.float32)


def write_smpl_body(path: Path, body: SmplBody) -> None:
    """Writes the file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    arrays = {f.name: np.asarray(getattr(body, f.name)) for f in fields(body)}
    arrays |= {"schema": np.array(SCHEMA), "parents": np.array(PARENTS, np.int32)}

    def write(part: Path) -> None:
        with part.open("wb") as file:  # a file, as savez would add a suffix to a name
            np.savez(file, allow_pickle=False, **arrays)

    write_whole(path, write)


def read_smpl_body(path: Path) -> SmplBody:
    """The body in a file that `biohuman-labels smpl-body` wrote.

    Raises:
        InputError: another file, arrays missing, of another shape or type, not finite; names what and what to do.
    """
    if path.suffix == ".pkl":
        raise InputError(f"{path} is a pickle, which is never loaded; {_FILE[2:]} is needed: see docs/smpl.md")
    arrays = read_npz(path, (*_TEXTS, *_SHAPES), _FILE, _AGAIN)
    if "schema" not in arrays and "v_template" in read_npz(path, ("v_template",), _FILE, _AGAIN):
        raise InputError(
            f"{path} is a model as it is downloaded; make the body file of it: biohuman-labels smpl-body {path} --out body.npz"
        )
    missing = [name for name in (*_TEXTS, *_SHAPES) if name not in arrays]
    if missing:
        raise InputError(f"{path} has no {', '.join(missing)}: it is not {_FILE}")
    texts = {name: str(arrays[name]) for name in _TEXTS}
    if texts["schema"] != SCHEMA:
        raise InputError(f"{path} has schema {texts['schema']!r}, this program reads {SCHEMA!r}; {_AGAIN}")
    for name, known in (("kind", KINDS), ("gender", GENDERS)):
        if texts[name] not in known:
            raise InputError(f"{path}: {name} is {texts[name]!r}, it should be one of {', '.join(known)}; {_AGAIN}")
    sizes: dict[str | int, int] = {}
    for name, shape in _SHAPES.items():
        _check_array(path, name, arrays[name], shape, sizes)
    _check_values(path, arrays)
    numbers = {name: arrays[name].astype(np.uint32 if name == "faces" else np.float32) for name in _SHAPES if name != "parents"}
    return SmplBody(kind=texts["kind"], gender=texts["gender"], source_sha256=texts["source_sha256"], **numbers)


def _check_array(path: Path, name: str, array: np.ndarray, shape: tuple[str | int, ...], sizes: dict[str | int, int]) -> None:
    """Shape and type; the first array that has V, F or B decides it."""
    if array.ndim == len(shape):
        for letter, size in zip(shape, array.shape, strict=True):
            if isinstance(letter, str) and size:
                sizes.setdefault(letter, size)
    wanted = tuple(sizes.get(n, n) if isinstance(n, str) else n for n in shape)
    if array.shape != wanted:
        text = "(" + ", ".join(map(str, wanted)) + ("," if len(wanted) == 1 else "") + ")"
        raise InputError(f"{path}: {name} is {array.shape}, it should be {text}; {_AGAIN}")
    kind = "iu" if name in ("faces", "parents") else "f"
    if array.dtype.kind not in kind:
        raise InputError(
            f"{path}: {name} has type {array.dtype}, it should be {'float' if kind == 'f' else 'whole numbers'}; {_AGAIN}"
        )


def _check_values(path: Path, arrays: dict[str, np.ndarray]) -> None:
    for name in _SHAPES:
        if not np.isfinite(arrays[name]).all():
            raise InputError(f"{path}: {name} has numbers that are not finite; {_AGAIN}")
    if arrays["parents"].tolist() != list(PARENTS):
        raise InputError(f"{path}: parents are not those of SMPL's 24 joints; {_AGAIN}")
    if not np.allclose(arrays["weights"].sum(1), 1, atol=1e-3):
        raise InputError(f"{path}: rows of weights should sum to 1; {_AGAIN}")
    if arrays["faces"].min() < 0 or arrays["faces"].max() >= len(arrays["v_template_m"]):
        raise InputError(f"{path}: faces name vertices beyond the {len(arrays['v_template_m'])} there are; {_AGAIN}")
