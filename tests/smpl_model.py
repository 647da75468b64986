"""Made-up bodies in the key layouts of SMPL, SMPL-H and SMPL-X: random, but sane. Nothing of the licensed models is in them."""

from pathlib import Path

import numpy as np

from realtime.body.skeleton import PARENTS, rest_offsets_m

BODY_JOINTS, HAND_JOINTS = 22, 15
#: Joints behind the body's: two hands; jaw and eyes first in SMPL-X.
PARENTS_OF = {
    "smpl": list(PARENTS),
    "smplh": [*PARENTS[:BODY_JOINTS]],
    "smplx": [*PARENTS[:BODY_JOINTS], 15, 15, 15],
}
for _kind in ("smplh", "smplx"):
    for _wrist in (20, 21):
        for _finger in range(5):
            _first = len(PARENTS_OF[_kind])
            PARENTS_OF[_kind] += [_wrist, _first, _first + 1]


def model_arrays(kind: str = "smpl", vertices: int = 300, betas: int = 10, seed: int = 0) -> dict[str, np.ndarray]:
    """A model's arrays as they stand in its .npz: a cloud of points about the bones of our own rest skeleton."""
    rng = np.random.default_rng(seed)
    parents = PARENTS_OF[kind]
    J = len(parents)
    rest_m = np.zeros((J, 3))
    for j in range(1, J):
        offset = rest_offsets_m()[j] if j < BODY_JOINTS or kind == "smpl" else _small_offset_m(j, parents)
        rest_m[j] = rest_m[parents[j]] + offset
    rest_m += [0.0, 0.2, -0.03]  # the models' origin is not the pelvis
    near = rng.integers(0, J, vertices)
    near[:J] = np.arange(J)
    v_template = rest_m[near] + 0.04 * rng.standard_normal((vertices, 3))
    # each joint is a positive mean of vertices about it
    away = np.linalg.norm(rest_m[:, None] - v_template[None], axis=-1)
    regressor = np.exp(-((away / 0.05) ** 2)) * rng.uniform(0.5, 1.5, away.shape) + 1e-12
    regressor[regressor < 1e-4 * regressor.max(1, keepdims=True)] = 0
    regressor /= regressor.sum(1, keepdims=True)
    weights = np.exp(-((away.T / 0.15) ** 2)) + 1e-12
    weights[weights < np.sort(weights, axis=1)[:, [-4]]] = 0  # four joints at most carry a vertex
    weights /= weights.sum(1, keepdims=True)
    # the first direction makes the whole person larger, as SMPL's does; the others are small and anyhow
    expressions = 10 if kind == "smplx" else 0
    shapedirs = 0.003 * rng.standard_normal((vertices, 3, betas + expressions))
    shapedirs[..., 0] = 0.04 * v_template
    arrays = {
        "v_template": v_template,
        "shapedirs": shapedirs,
        "posedirs": 0.002 * rng.standard_normal((vertices, 3, 9 * (J - 1))),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([[2**32 - 1, *parents[1:]], range(J)], np.uint32),
        "f": rng.integers(0, vertices, (2 * vertices, 3)).astype(np.uint32),
    }
    if kind != "smpl":
        arrays |= {f"hands_mean{side}": 0.3 * rng.standard_normal(45) for side in "lr"}
        arrays |= {f"hands_components{side}": rng.standard_normal((45, 45)) for side in "lr"}
    if kind == "smplx":
        arrays |= {"lmk_faces_idx": np.zeros(51, np.int64), "lmk_bary_coords": np.full((51, 3), 1 / 3)}
    return arrays


def write_model(path: Path, kind: str = "smpl", **kwargs) -> Path:
    """The model as a file; SMPL-X's carries a pickled table, as the real one does, which nobody needs."""
    arrays = model_arrays(kind, **kwargs)
    if kind == "smplx":
        arrays["joint2num"] = np.array({"pelvis": 0}, dtype=object)
    np.savez(path, allow_pickle=True, **arrays)
    return path


def _small_offset_m(j: int, parents: list[int]) -> np.ndarray:
    if parents[j] == 15:  # jaw and eyes
        return np.array([0.03 * (j - 23), 0.03, 0.08])
    side = 1 if j < len(parents) - HAND_JOINTS else -1
    finger = (j - (len(parents) - 2 * HAND_JOINTS)) % HAND_JOINTS // 3
    if parents[j] in (20, 21):
        return np.array([side * 0.09, 0.0, 0.02 * (2 - finger)])
    return np.array([side * 0.03, 0.0, 0.0])
