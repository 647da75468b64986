"""The bodies that are drawn: random adults of Anny (MakeHuman's CC0 assets), made once and kept in the cache folder.

Their mesh is thinned once for all, of 34,000 triangles three in ten stay: a software renderer pays for each (`thin.py`).
Making them needs the packages anny and torch and some minutes; drawing needs the file only. Never used: Anny's `smpl` and `smplx`
topologies, which fetch an archive for non-commercial use.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from realtime.assets import cache_folder
from realtime.body.errors import InputError, OutputError, ShapeError
from realtime.body.needs import need

from .rig import HEADS, folded_weights
from .thin import thinned

BODY_COUNT = 48
ANNY_VERSION = "0.6.2"
#: Counts up when the same bodies are kept otherwise.
_LAYOUT = 2

_ARRAYS = ("vertices_m", "heads_m", "weights", "bones", "bone_names")
_FACES = "faces_"
#: Groups of the base mesh that are drawn (skin, the shells that become clothes and hair, eyes), and to how many triangles they are thinned.
GROUPS = {
    "body": 6400,
    "helper-tights": 2200,
    "helper-skirt": 500,
    "helper-hair": 396,
    "helper-l-eye": 140,
    "helper-r-eye": 140,
}
#: Bones that drawing asks for by name.
_BONES = {*HEADS.values(), "neck01", *(f"finger{i}-{k}.{side}" for i in range(1, 6) for k in (1, 2, 3) for side in "LR")}
_PHENOTYPE = {"gender", "age", "african", "asian", "caucasian"}
#: What an error is worth: on the head, around eyes and mouth, on feet, which are mostly in shoes; one elsewhere.
_HEAD_WORTH, _FACE_WORTH, _FOOT_WORTH = 20.0, 200.0, 0.3
#: How far around the eyes it counts as face, of the distance between them: brows are painted there.
_AROUND_EYES = 0.6


@dataclass(frozen=True)
class Bodies:
    """N bodies of one topology in their A-pose; metres, Y up, facing +Z, the person's left is +X."""

    vertices_m: np.ndarray  # (N, V, 3) float32
    heads_m: np.ndarray  # (N, B, 3): where each bone begins
    weights: np.ndarray  # (V, K): skin weights,
    bones: np.ndarray  # (V, K): of these bones
    bone_names: tuple[str, ...]
    faces: dict[str, np.ndarray]  # group -> (F, 3) vertex indices
    phenotypes: tuple[dict[str, float], ...]  # Anny's, 0..1 each

    def __len__(self) -> int:
        return len(self.vertices_m)


def bodies_path() -> Path:
    """Where the bodies lie that are made when none are named."""
    return cache_folder() / f"bodies-anny-{ANNY_VERSION}-{BODY_COUNT}-{_LAYOUT}.npz"


def load_bodies(path: Path | None = None, *, notify: Callable[[str], None] = lambda line: None) -> Bodies:
    """The bodies of a file; without one those of the cache folder, made first if need be (some minutes, told by `notify`).

    Raises:
        InputError: the file is none of bodies.
        BioHumanError: bodies are to be made and anny or torch is missing.
    """
    path = path or bodies_path()
    if path == bodies_path() and not path.is_file():
        notify(f"making {BODY_COUNT} bodies with anny {ANNY_VERSION}, once, some minutes: {path}")
        make_bodies(path)
    try:
        # Opened here: numpy leaves a damaged archive open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            z = {name: file[name] for name in file.files}
        bodies = Bodies(
            **{name: z[name] for name in _ARRAYS if name != "bone_names"},
            bone_names=tuple(z["bone_names"].tolist()),
            faces={name.removeprefix(_FACES): z[name] for name in z if name.startswith(_FACES)},
            phenotypes=tuple(json.loads(str(z["phenotypes"]))),
        )
        _check(bodies)
    except FileNotFoundError as error:
        raise InputError(f"{path} is no file of bodies: it is not there; leave out --bodies to have them made") from error
    # A bare array has no context; zlib: the archive is whole, but not what is in it.
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, ShapeError) as error:
        reason = f" ({error})" if isinstance(error, ShapeError) else ""
        raise InputError(
            f"{path} is no file of bodies of this version{reason}; remove it, and leave out --bodies to have them made"
        ) from error
    return bodies


def _check(bodies: Bodies) -> None:
    """Sees to it that a mesh is the one that is dressed and bound: else a process would stumble over it, or draw nonsense.

    Raises:
        ShapeError: it is another.
    """
    if missing := sorted(GROUPS.keys() - bodies.faces.keys()):
        raise ShapeError(f"no group {', '.join(missing)}; of the topology anny-quads-full they have all")
    if missing := sorted(_BONES - set(bodies.bone_names)):
        raise ShapeError(f"no bone {', '.join(missing[:3])}; of the rig makehuman they have all")
    N, V, B, K = len(bodies.phenotypes), len(bodies.weights), len(bodies.bone_names), bodies.weights.shape[-1]
    for name, shape in {"vertices_m": (N, V, 3), "heads_m": (N, B, 3), "weights": (V, K), "bones": (V, K)}.items():
        array = getattr(bodies, name)
        if array.shape != shape or not array.size or not np.isfinite(array).all():
            raise ShapeError(f"{name} should be {shape}, finite, got {array.shape}")
    for name, indices, count in (("bones", bodies.bones, B), *((name, faces, V) for name, faces in bodies.faces.items())):
        if indices.dtype.kind not in "iu" or indices.ndim != 2 or not indices.size:
            raise ShapeError(f"{name} should be rows of indices, got {indices.shape} {indices.dtype}")
        if indices.min() < 0 or indices.max() >= count:
            raise ShapeError(f"{name} names {indices.max()} of {count}")
    if any(faces.shape[1] != 3 for faces in bodies.faces.values()):
        raise ShapeError("faces should be triangles")
    if not all(isinstance(phenotype, dict) and phenotype.keys() >= _PHENOTYPE for phenotype in bodies.phenotypes):
        raise ShapeError(f"phenotypes should have {', '.join(sorted(_PHENOTYPE))}")


def make_bodies(path: Path, count: int = BODY_COUNT, seed: int = 0) -> None:
    """Draws `count` adults and writes them to `path`, thinned.

    Raises:
        BioHumanError: anny or torch is not installed.
    """
    anny, torch = _anny()
    torch.set_num_threads(1)
    model = anny.Anny(rig="makehuman", topology="anny-quads-full", phenotypes="all").to(dtype=torch.float32)
    rng = np.random.default_rng(seed)
    phenotypes = [random_adult(rng) for _ in range(count)]
    vertices, heads = [], []
    for phenotype in phenotypes:
        with torch.no_grad():
            made = model(phenotype_kwargs={name: torch.tensor([value]) for name, value in phenotype.items()})
        vertices.append(_y_up(made["rest_vertices"][0].numpy()))
        heads.append(_y_up(made["rest_bone_heads"][0].numpy()))
    made = Bodies(
        vertices_m=np.array(vertices, np.float32),
        heads_m=np.array(heads, np.float32),
        weights=model.vertex_bone_weights.numpy().astype(np.float32),
        bones=model.vertex_bone_indices.numpy().astype(np.int16),
        bone_names=tuple(model.bone_labels),
        faces=_faces_of_groups(Path(anny.__file__).parent / "data" / "mpfb2" / "3dobjs" / "base.obj"),
        phenotypes=tuple(phenotypes),
    )
    write_bodies(path, thin(made))


def thin(bodies: Bodies) -> Bodies:
    """The same bodies with `GROUPS` triangles of each group, and no vertices but theirs."""
    mean_m = bodies.vertices_m.mean(0)
    weights = folded_weights(bodies.weights, bodies.bones, bodies.bone_names)
    worth = np.ones(len(mean_m))
    worth[weights[:, 15] > 0.5] = _HEAD_WORTH
    worth[_of_face(bodies, mean_m)] = _FACE_WORTH
    worth[weights[:, [7, 8, 10, 11]].sum(1) > 0.5] = _FOOT_WORTH
    faces = {group: thinned(mean_m, weights, bodies.faces[group], worth, count) for group, count in GROUPS.items()}
    kept = np.unique(np.concatenate([triangles.ravel() for triangles in faces.values()]))
    return replace(
        bodies,
        vertices_m=bodies.vertices_m[:, kept],
        weights=bodies.weights[kept],
        bones=bodies.bones[kept],
        faces={group: np.searchsorted(kept, triangles).astype(np.int32) for group, triangles in faces.items()},
    )


def _of_face(bodies: Bodies, points_m: np.ndarray) -> np.ndarray:
    """Vertices (V,) about eyes and lips."""
    eyes_m = [points_m[np.unique(bodies.faces[f"helper-{side}-eye"])].mean(0) for side in "lr"]
    near_m = _AROUND_EYES * np.linalg.norm(eyes_m[0] - eyes_m[1])
    lips = np.array([name.startswith("oris") for name in bodies.bone_names])
    of_lips = (bodies.weights * lips[bodies.bones]).sum(1) > 0.5
    return of_lips | np.any([np.linalg.norm(points_m - eye_m, axis=1) < near_m for eye_m in eyes_m], axis=0)


def write_bodies(path: Path, bodies: Bodies) -> None:
    """Writes bodies to `path`, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                vertices_m=bodies.vertices_m,
                heads_m=bodies.heads_m,
                weights=bodies.weights,
                bones=bodies.bones,
                bone_names=np.array(bodies.bone_names),
                phenotypes=np.array(json.dumps(bodies.phenotypes)),
                **{_FACES + group: triangles for group, triangles in bodies.faces.items()},
            )
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}; make room, or name another cache folder with BIOHUMAN_CACHE"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def random_adult(rng: np.random.Generator) -> dict[str, float]:
    """Anny's phenotype of one adult, every value 0..1."""
    ancestry = dict(zip(("african", "asian", "caucasian"), rng.dirichlet([0.6] * 3).tolist(), strict=True))
    return {
        "gender": float(rng.beta(0.4, 0.4)),
        "age": float(rng.uniform(0.55, 0.95)),
        "muscle": float(rng.beta(2, 2)),
        "weight": float(rng.beta(2, 2.2)),
        "height": float(rng.beta(2.5, 2.5)),
        "proportions": float(rng.uniform(0.3, 0.9)),
        "cupsize": float(rng.uniform(0.2, 0.8)),
        "firmness": float(rng.uniform(0.3, 0.8)),
        **ancestry,
    }


def _anny() -> tuple[Any, Any]:
    """The modules anny and torch."""
    need(("anny", "torch", "warp"), "video")
    import warp

    settings: Any = warp.config
    settings.quiet = True  # else it tells of every device when it is imported
    import anny
    import torch

    return anny, torch


def _y_up(x: np.ndarray) -> np.ndarray:
    """Anny has Z up and faces -Y."""
    return np.stack([x[..., 0], x[..., 2], -x[..., 1]], axis=-1)


def _faces_of_groups(base_obj: Path) -> dict[str, np.ndarray]:
    """Triangles (F, 3) of each group of MakeHuman's base mesh."""
    faces: dict[str, list[list[int]]] = {}
    group = ""
    for line in base_obj.read_text().splitlines():
        if line.startswith("g "):
            group = line.split()[1]
        elif line.startswith("f "):
            corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
            faces.setdefault(group, []).extend([corners[0], *pair] for pair in pairwise(corners[1:]))
    return {name: np.array(triangles, np.int32) for name, triangles in faces.items()}
