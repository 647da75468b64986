"""Anny's rig (MakeHuman's 163 bones) as seen from SMPL's 24 joints."""

from functools import cache

import numpy as np

from realtime.body.skeleton import JOINT_COUNT

#: Bones of Anny whose heads are centres of SMPL's joints; spine, neck and collars have none and are placed between these.
HEADS: dict[int, str] = {
    1: "upperleg01.L",
    2: "upperleg01.R",
    4: "lowerleg01.L",
    5: "lowerleg01.R",
    7: "foot.L",
    8: "foot.R",
    10: "toe3-1.L",
    11: "toe3-1.R",
    15: "head",
    16: "upperarm01.L",
    17: "upperarm01.R",
    18: "lowerarm01.L",
    19: "lowerarm01.R",
    20: "wrist.L",
    21: "wrist.R",
    22: "finger3-1.L",
    23: "finger3-1.R",
}
#: What Anny's bones belong to by the beginning of their names, left side; the right side is one more. The rest is the head.
_SIDED = {
    "upperleg": 1,
    "lowerleg": 4,
    "foot": 7,
    "toe": 10,
    "clavicle": 13,
    "shoulder01": 13,
    "upperarm": 16,
    "lowerarm": 18,
    "wrist": 20,
    "metacarpal": 20,
    "finger1-1": 20,
    "finger": 22,
}
_MIDDLE = {
    "root": 0,
    "pelvis": 0,
    "spine05": 0,
    "spine04": 3,
    "spine03": 6,
    "spine02": 9,
    "spine01": 9,
    "breast": 9,
    "neck": 12,
}
_HEAD = 15


def folded_weights(weights: np.ndarray, bones: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Skin weights (V, 24) of SMPL's joints, the four largest of each vertex.

    Args:
        weights, bones: (V, K) weights and the bones they belong to.
        names: of the bones.
    """
    folded = np.zeros((len(weights), JOINT_COUNT))
    np.add.at(folded, (np.arange(len(weights))[:, None], joint_of_bones(names)[bones]), weights)
    rest = np.argsort(-folded, axis=1, kind="stable")[:, 4:]
    np.put_along_axis(folded, rest, 0.0, axis=1)
    return folded / folded.sum(1, keepdims=True)


@cache
def joint_of_bones(names: tuple[str, ...]) -> np.ndarray:
    """SMPL's joint (B,) that carries each bone."""

    def joint(name: str) -> int:
        for start, left in _SIDED.items():
            if name.startswith(start):
                return left + name.endswith(".R")
        return next((middle for start, middle in _MIDDLE.items() if name.startswith(start)), _HEAD)

    return np.array([joint(name) for name in names])
