"""Reads Acclaim skeletons (.asf): bones with directions, lengths and axes, and the joints of CMU's BVH files that they start at.

A bone's `direction` and `length` lead to the joints of its children. `axis` is in degrees, applied in that order: XYZ is
Rz Ry Rx. The unit is inch / `length` of :units, so CMU's 0.45 makes 0.056444 m; it is tested against the length of a leg.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from realtime.body.errors import InputError

from .bvh import LEG_RANGE_M, axis_rotation
from .text import read_lines

#: CMU's bone -> the BVH joint at its start.
JOINT_OF_BONE = {
    "root": "Hips", "lowerback": "LowerBack", "upperback": "Spine", "thorax": "Spine1",
    "lowerneck": "Neck", "upperneck": "Neck1", "head": "Head",
    **{
        f"{s}{bone}": joint.format(side)
        for s, side in (("l", "Left"), ("r", "Right"))
        for bone, joint in (
            ("femur", "{}UpLeg"), ("tibia", "{}Leg"), ("foot", "{}Foot"), ("toes", "{}ToeBase"),
            ("clavicle", "{}Shoulder"), ("humerus", "{}Arm"), ("radius", "{}ForeArm"),
            ("wrist", "{}Hand"), ("hand", "{}FingerBase"), ("fingers", "{}HandIndex1"),
        )
    },
    "lhipjoint": "LHipJoint", "rhipjoint": "RHipJoint", "lthumb": "LThumb", "rthumb": "RThumb",
}  # fmt: skip
#: Lengths are inches over :units' length.
INCH_M = 0.0254
ROOT_ORDER = ("TX", "TY", "TZ", "RX", "RY", "RZ")


@dataclass
class Bone:
    """A bone and the joint at its start."""

    name: str
    end: np.ndarray = field(default_factory=lambda: np.zeros(3))  # from its start, file units
    R_axis: np.ndarray = field(default_factory=lambda: np.eye(3))
    dofs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """An .asf: bones from the root on, each after its parent."""

    bones: list[Bone]
    parents: list[int]
    unit_m: float
    radian: float  # one unit of the motion's angles
    root_axis: str  # order in which the root's angles turn


def read_asf(path: Path) -> Skeleton:
    """The skeleton in an .asf.

    Raises:
        InputError: a section, bone or number is missing; the leg is no human's.
    """
    sections = _sections(path)
    units = {line[0]: line[1] for _, line in sections.get("units", []) if len(line) > 1}
    root = {line[0]: line[1:] for _, line in sections["root"]}
    bones = {"root": Bone("root", R_axis=_rotation(path, root.get("orientation", ["0"] * 3), "XYZ"))}
    for block in _blocks(path, sections["bonedata"]):
        bone = _bone(path, block)
        bones[bone.name] = bone
    order, parents = _ordered(path, sections["hierarchy"], bones)
    try:
        unit_m = INCH_M / float(units["length"])
    except (KeyError, ValueError, ZeroDivisionError):
        raise InputError(f"{path}: :units has no length, such as 0.45") from None
    leg_m = unit_m * sum(float(np.linalg.norm(bones[name].end)) for name in ("lfemur", "ltibia"))
    if not LEG_RANGE_M[0] <= leg_m <= LEG_RANGE_M[1]:
        raise InputError(f"{path}: in units of {unit_m:.5g} m a leg is {leg_m:.3g} m long, which is no human leg")
    if any(_number(v) != 0 for v in root.get("position", [])):
        raise InputError(f"{path}: the root starts at {' '.join(root['position'])}; only 0 0 0 is read")
    if [dof.upper() for dof in root.get("order", ROOT_ORDER)] != list(ROOT_ORDER):
        raise InputError(f"{path}: the root's order is {' '.join(root['order'])}; only {' '.join(ROOT_ORDER)} is read")
    radian = 1.0 if units.get("angle", "deg").startswith("rad") else np.pi / 180
    axis = (root.get("axis") or ["XYZ"])[0].upper()
    return Skeleton(bones=order, parents=parents, unit_m=unit_m, radian=radian, root_axis=axis)


def _sections(path: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """Words of each line under each :heading, with line numbers."""
    found: dict[str, list[tuple[int, list[str]]]] = {}
    heading = ""
    for number, line in enumerate(read_lines(path), start=1):
        words = line.split("#")[0].split()
        if words and words[0].startswith(":"):
            heading = words[0][1:].lower()
            found.setdefault(heading, [])
        elif words and heading:
            found[heading].append((number, words))
    for needed in ("root", "bonedata", "hierarchy"):
        if needed not in found:
            raise InputError(f"{path} has no :{needed}; it is no .asf, or cut short")
    return found


def _blocks(path: Path, lines: list[tuple[int, list[str]]]) -> list[list[tuple[int, list[str]]]]:
    blocks: list[list[tuple[int, list[str]]]] = []
    is_open = False
    for number, words in lines:
        if words[0] == "begin":
            blocks.append([])
            is_open = True
        elif words[0] == "end":
            is_open = False
        elif is_open:
            blocks[-1].append((number, words))
    if is_open or not blocks:
        raise InputError(f"{path}: :bonedata is not closed; the file is cut short")
    return blocks


def _bone(path: Path, block: list[tuple[int, list[str]]]) -> Bone:
    at = {words[0]: words[1:] for _, words in block}
    try:
        end = np.array([float(v) for v in at["direction"][:3]]) * float(at["length"][0])
        name, axis = at["name"][0], (at["axis"][:-1], at["axis"][-1])
        if len(end) != 3 or not np.isfinite(end).all():
            raise ValueError
    except (KeyError, ValueError, IndexError):
        raise InputError(f"{path}, line {block[0][0] if block else 0}: a bone needs name, direction, length and axis") from None
    bone = Bone(name, end, _rotation(path, *axis), tuple(dof.lower() for dof in at.get("dof", ())))
    if set(bone.dofs) - {"rx", "ry", "rz"}:
        raise InputError(f"{path}: bone {bone.name} moves along {', '.join(bone.dofs)}; only rx, ry and rz are read")
    return bone


def _rotation(path: Path, degrees: list[str], order: str) -> np.ndarray:
    try:
        angles = dict(zip("XYZ", np.radians([_number(v) for v in degrees]), strict=True))
        if not all(map(np.isfinite, angles.values())):
            raise ValueError
        return turned({axis: angles[axis] for axis in order.upper()})
    except (ValueError, KeyError):
        raise InputError(f"{path}: {' '.join([*degrees, order])!r} is no axis; one is like 0 0 20 XYZ") from None


def _number(text: str) -> float:
    """NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def turned(angles_rad: dict[str, np.ndarray]) -> np.ndarray:
    """Rotation by these angles (...) about X, Y, Z, one after another about fixed axes: Rz Ry Rx for X, Y, Z."""
    R = np.eye(3)
    for axis, angle in angles_rad.items():
        R = axis_rotation(angle, "XYZ".index(axis)) @ R
    return R


def _ordered(path: Path, lines: list[tuple[int, list[str]]], bones: dict[str, Bone]) -> tuple[list[Bone], list[int]]:
    parent_of: dict[str, str] = {}
    for number, words in lines:
        if words[0] in ("begin", "end"):
            continue
        for name in words:
            if name not in bones:
                raise InputError(f"{path}, line {number}: the hierarchy names {name!r}, which is no bone")
        parent_of |= dict.fromkeys(words[1:], words[0])
    missing = [name for name in JOINT_OF_BONE if name != "root" and name not in parent_of and "thumb" not in name]
    if missing:
        raise InputError(f"{path}: the hierarchy lacks {', '.join(missing)}; bones should be named as in CMU's .asf files")
    order = ["root"]
    for name in order:  # grows while it is walked
        order += [child for child, parent in parent_of.items() if parent == name and child not in order]
    return [bones[name] for name in order], [-1, *(order.index(parent_of[name]) for name in order[1:])]
