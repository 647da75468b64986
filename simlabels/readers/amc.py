"""Reads Acclaim motions (.amc) with their skeleton (.asf), as CMU publishes them, onto the joints of CMU's BVH files.

A bone turns by C M C^T: C is its `axis` in the skeleton, M = Rz Ry Rx of the motion's angles. Frame rate: in neither file.
It is CMU's rule by the file's name (120, but some subjects' takes have 60), or it is asked for.
"""

import re
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from .asf import JOINT_OF_BONE, Skeleton, read_asf, turned
from .bvh import Bvh
from .retarget import SmplMotion, retarget
from .text import read_lines

CMU_FPS = 120.0
#: Subjects of whom CMU's index gives 60 Hz for some takes or all.
CMU_60_HZ = (33, 34, 42, 60, 61, 62, 74, 75, 77, 79, 80, 87, 88, 89, 136)


def read_amc(asf_path: Path, amc_path: Path, fps: float | None = None) -> SmplMotion:
    """The motion on SMPL-24, by the same rule as the BVH of the same take.

    Raises:
        InputError: as `read_asf_amc`.
    """
    return retarget(read_asf_amc(asf_path, amc_path, fps))


def read_asf_amc(asf_path: Path, amc_path: Path, fps: float | None = None) -> Bvh:
    """The motion on the joints of CMU's BVH files, with the bones that some conversions leave out.

    Args:
        fps: None = CMU's rule by the name of the .amc (`02_03.amc`).

    Raises:
        InputError: damage, a bone that is missing or too much, no human leg, a frame rate that must be given; names file and line.
    """
    rate = fps or cmu_fps(amc_path)
    skeleton = read_asf(asf_path)
    root_m, R_bone = _motion(amc_path, skeleton)
    names = [JOINT_OF_BONE.get(bone.name, bone.name) for bone in skeleton.bones]
    offsets = [np.zeros(3) if p < 1 else skeleton.bones[p].end for p in skeleton.parents]
    parents = list(skeleton.parents)
    for j, bone in enumerate(skeleton.bones):
        if j not in skeleton.parents:  # an end site, as in BVH
            names.append(f"{names[j]}_end")
            parents.append(j)
            offsets.append(bone.end)
    ends = len(parents) - len(skeleton.bones)
    return Bvh(
        names=names,
        parents=parents,
        offsets_m=np.array(offsets) * skeleton.unit_m,
        R_local=np.concatenate([R_bone, np.tile(np.eye(3), (len(R_bone), ends, 1, 1))], axis=1),
        root_m=root_m,
        fps=rate,
        unit_m=skeleton.unit_m,
    )


def cmu_fps(amc_path: Path) -> float:
    """CMU's frame rate by the name of the file, such as `02_03.amc`.

    Raises:
        InputError: the name is not CMU's, or this subject has takes of both 60 and 120 frames a second.
    """
    found = re.fullmatch(r"(\d+)_(\d+)", amc_path.name.split(".")[0])
    if found is None:
        raise InputError(f"{amc_path}: no frame rate is in an .amc, and this is no name of CMU's; pass fps= (--source-fps)")
    if int(found[1]) in CMU_60_HZ:
        raise InputError(
            f"{amc_path}: CMU's subject {found[1]} has takes of 60 and of 120 frames a second; pass fps= (--source-fps)"
        )
    return CMU_FPS


def _motion(path: Path, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Root positions (T, 3), m, and rotations (T, J, 3, 3) of the bones against their parents."""
    frames = _frames(path, {bone.name: len(bone.dofs) for bone in skeleton.bones[1:] if bone.dofs} | {"root": 6})
    T = len(next(iter(frames.values())))
    R = np.tile(np.eye(3), (T, len(skeleton.bones), 1, 1))
    for j, bone in enumerate(skeleton.bones):
        if bone.name not in frames:
            continue
        values = frames[bone.name]
        dofs = {dof[1].upper(): values[:, k] * skeleton.radian for k, dof in enumerate(bone.dofs)}
        if bone.name == "root":
            dofs = {axis: values[:, 3 + "XYZ".index(axis)] * skeleton.radian for axis in skeleton.root_axis}
        R[:, j] = bone.R_axis @ turned(dofs) @ bone.R_axis.T
    return frames["root"][:, :3] * skeleton.unit_m, R


def _frames(path: Path, counts: dict[str, int]) -> dict[str, np.ndarray]:
    """Values (T, n) of each bone that moves."""
    found: list[dict[str, list[float]]] = []
    last = 0
    for number, line in enumerate(read_lines(path), start=1):
        words = line.split("#")[0].split()
        if not words or words[0].startswith(":"):
            continue
        if len(words) == 1 and words[0].isdigit():
            _check_whole(path, found, counts)
            if found and int(words[0]) != last + 1:
                raise InputError(f"{path}, line {number}: frame {words[0]} follows frame {last}; frames are missing")
            last = int(words[0])
            found.append({})
            continue
        if not found or counts.get(words[0]) != len(words) - 1:
            wanted = counts.get(words[0])
            what = f"{wanted} numbers" if wanted else "no numbers: the .asf has no such moving bone"
            raise InputError(f"{path}, line {number}: {words[0]!r} with {len(words) - 1} numbers; it should have {what}")
        if words[0] in found[-1]:
            raise InputError(f"{path}, line {number}: frame {last} has {words[0]} twice")
        try:
            found[-1][words[0]] = [float(v) for v in words[1:]]
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
    if not found:
        raise InputError(f"{path} holds no frames; it is no .amc, or cut short")
    _check_whole(path, found, counts)
    values = {name: np.array([frame[name] for frame in found]) for name in counts}
    for name, array in values.items():
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name} is no number in frame {int(np.argmin(np.isfinite(array).all(1))) + 1}")
    return values


def _check_whole(path: Path, found: list[dict[str, list[float]]], counts: dict[str, int]) -> None:
    if found and len(found[-1]) < len(counts):
        missing = [name for name in counts if name not in found[-1]]
        raise InputError(
            f"{path}: frame {len(found)} lacks {', '.join(missing[:4])}; the file is cut short or of another skeleton"
        )
