"""Reads BVH motion capture: a HIERARCHY of joints with OFFSETs and CHANNELS, a MOTION block of frames.

Rules where the format is silent:
- Unit: BVH has none. It is the one known unit (metre, centimetre, millimetre, inch, CMU's 0.056444 m) that makes a leg, hip to
  ankle, 0.55 to 1.15 m long; the ranges do not overlap.
- Frame rate: 1 / `Frame Time`, to two decimals. Headers of some releases are wrong (CMU's 60 Hz takes say 120): then give the rate.
- Channels multiply in the order they are listed; positions count for the root only.
"""

import difflib
import gzip
import math
import warnings
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

import numpy as np
from numba import njit

from realtime.body.errors import InputError

from .chains import pose
from .plain_numbers import plain_numbers
from .text import read_lines

#: Of any recording; a `Frame Time` outside is a wrong unit or none.
FPS_RANGE = (1.0, 2000.0)
MOST_CHANNELS = 6
#: CMU's length unit: inch / 0.45.
UNITS_M = {"metre": 1.0, "inch": 0.0254, "CMU (inch / 0.45)": 0.0254 / 0.45, "centimetre": 0.01, "millimetre": 0.001}
LEG_RANGE_M = (0.55, 1.15)
LEG_BONES = ("LeftLeg", "LeftFoot")


@dataclass(frozen=True, kw_only=True)
class Bvh:
    """A motion in metres; rotations are local to the parent."""

    names: list[str]  # end sites are called PARENT_end
    parents: list[int]
    offsets_m: np.ndarray  # (J, 3)
    R_local: np.ndarray  # (T, J, 3, 3)
    root_m: np.ndarray  # (T, 3)
    fps: float
    unit_m: float

    def forward(self) -> tuple[np.ndarray, np.ndarray]:
        """Joint positions (T, J, 3), m, and global rotations (T, J, 3, 3); worked out once."""
        return self._posed

    @cached_property
    def _posed(self) -> tuple[np.ndarray, np.ndarray]:
        return pose(self.parents, self.offsets_m, self.R_local, self.root_m)

    def zero_pose_m(self) -> np.ndarray:
        """Joint positions (J, 3) with all rotations zero and the root at the origin."""
        position = np.zeros_like(self.offsets_m)
        for j, p in enumerate(self.parents):
            if p >= 0:
                position[j] = position[p] + self.offsets_m[j]
        return position


@dataclass
class _Joints:
    names: list[str]
    parents: list[int]
    offsets: list[list[float]]
    channels: list[tuple[int, str]]  # (joint, such as "Zrotation"), in file order


def read_bvh(path: Path, fps: float | None = None) -> Bvh:
    """The motion in a .bvh or .bvh.gz file.

    Args:
        fps: overrides the file's frame time.

    Raises:
        InputError: no such file, no HIERARCHY, no MOTION, cut short, numbers missing or not finite, an unknown unit or frame
            rate; names the file, and the line where there is one.
    """
    lines = [(number, line.strip()) for number, line in enumerate(read_lines(path), start=1) if line.strip()]
    text = [line for _, line in lines]
    if text[0] != "HIERARCHY":
        raise InputError(f"{path} does not begin with HIERARCHY; it is not a BVH file")
    if "MOTION" not in text:
        raise InputError(f"{path} has no MOTION; it is cut short or holds no motion")
    start = text.index("MOTION")
    joints = _hierarchy(path, lines[1:start])
    frames, file_fps = _motion_head(path, text[start + 1 : start + 3], fps)
    values = _frames(path, lines[start + 3 :], frames, len(joints.channels))
    unit_m = _unit_m(path, joints)
    R_local, root = _transforms(joints, values)
    return Bvh(
        names=joints.names,
        parents=joints.parents,
        offsets_m=np.array(joints.offsets) * unit_m,
        R_local=R_local,
        root_m=root * unit_m,
        fps=file_fps,
        unit_m=unit_m,
    )


def read_skeleton(path: Path) -> tuple[list[str], np.ndarray]:
    """Joint names, and their offsets (J, 3), m, of a .bvh or .bvh.gz file; its motion is not read.

    Raises:
        InputError: no such file, no HIERARCHY, an unknown unit; names the file.
    """
    lines = _head(path)
    if not lines or lines[0][1] != "HIERARCHY":
        raise InputError(f"{path} does not begin with HIERARCHY; it is not a BVH file")
    joints = _hierarchy(path, lines[1:])
    return joints.names, np.array(joints.offsets) * _unit_m(path, joints)


def _head(path: Path) -> list[tuple[int, str]]:
    """Lines before MOTION with their numbers, without empty ones."""
    try:
        with gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(encoding="utf-8-sig") as f:
            head = takewhile(lambda line: line[1] != "MOTION", ((i, line.strip()) for i, line in enumerate(f, start=1)))
            return [(number, line) for number, line in head if line]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from error


def _hierarchy(path: Path, lines: list[tuple[int, str]]) -> _Joints:
    tokens = [(number, word) for number, line in lines for word in line.replace("{", " { ").replace("}", " } ").split()]
    joints = _Joints([], [], [], [])
    stack: list[int] = []
    at = 0

    def take(count: int) -> list[str]:
        nonlocal at
        at += count
        if at > len(tokens):
            raise InputError(f"{path}: the HIERARCHY ends in the middle of a joint; the file is cut short")
        return [word for _, word in tokens[at - count : at]]

    while at < len(tokens):
        (word,) = take(1)
        where = f"{path}, line {tokens[at - 1][0]}"
        if word in ("ROOT", "JOINT", "End"):
            if (word == "ROOT") == bool(joints.names) or (word != "ROOT" and not stack):
                raise InputError(f"{where}: {word} stands where it should not; a file has one ROOT, and all joints are in it")
            name, brace = take(2)
            if brace != "{":
                raise InputError(f"{where}: '{{' expected after {word} {name}, found {brace!r}")
            if word != "End" and name in joints.names:
                raise InputError(f"{where}: a second joint is called {name!r}; rename one")
            joints.names.append(name if word != "End" else f"{joints.names[stack[-1]]}_end")
            joints.parents.append(stack[-1] if stack else -1)
            joints.offsets.append([0.0, 0.0, 0.0])
            stack.append(len(joints.names) - 1)
        elif word == "OFFSET" and stack:
            joints.offsets[stack[-1]] = _numbers(where, take(3), "OFFSET")
        elif word == "CHANNELS" and stack:
            (count,) = _numbers(where, take(1), "CHANNELS")
            if not 0 <= count <= MOST_CHANNELS:
                raise InputError(f"{where}: {count:g} CHANNELS, a joint has up to {MOST_CHANNELS}")
            joints.channels += [(stack[-1], _channel(where, c)) for c in take(int(count))]
        elif word == "}" and stack:
            stack.pop()
        else:
            raise InputError(f"{where}: {word!r} does not belong into the HIERARCHY")
    if stack or not joints.names:
        raise InputError(f"{path}: the HIERARCHY has no root or is not closed; the file is cut short")
    return joints


def _channel(where: str, name: str) -> str:
    if name[:1] not in ("X", "Y", "Z") or name[1:] not in ("position", "rotation"):
        raise InputError(f"{where}: no channel is called {name!r}; known are X, Y, Z with position or rotation")
    return name


def _numbers(where: Path | str, words: list[str], what: str) -> list[float]:
    try:
        found = [float(w) for w in words]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise InputError(f"{where}: {what} should be numbers, found {' '.join(words)!r}")
    return found


def _motion_head(path: Path, lines: list[str], fps: float | None) -> tuple[int, float]:
    """Number of frames; frames a second, `fps` if given."""
    if len(lines) != 2 or not lines[0].startswith("Frames:") or not lines[1].startswith("Frame Time:"):
        raise InputError(f"{path}: 'Frames: N' and 'Frame Time: S' should follow MOTION")
    frames, frame_time_s = _numbers(path, [line.split(":")[1].strip() for line in lines], "Frames and Frame Time")
    if frames < 1 or frame_time_s <= 0:
        raise InputError(f"{path}: {frames:g} frames of {frame_time_s:g} s are no motion")
    low, high = FPS_RANGE
    if fps is None and not low <= 1 / frame_time_s <= high:
        raise InputError(
            f"{path}: Frame Time {frame_time_s:g} s makes {1 / frame_time_s:.3g} frames a second ({low:g} to {high:g} are read); "
            "it should be seconds, or give the rate by --source-fps"
        )
    return int(frames), fps or round(1 / frame_time_s, 2)


def _frames(path: Path, lines: list[tuple[int, str]], frames: int, channels: int) -> np.ndarray:
    if len(lines) != frames:
        raise InputError(f"{path} announces {frames} frames and holds {len(lines)}; it is cut short or damaged")
    plain = plain_numbers([line for _, line in lines], channels)
    if plain is not None:
        return plain
    for i, (number, line) in enumerate(lines):
        found = len(line.split())
        if found != channels:
            raise InputError(
                f"{path}, line {number}: frame {i} should have {channels} numbers, found {found}; it is cut short or damaged"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns of what is no number
            values = np.fromstring(" ".join(line for _, line in lines), sep=" ").reshape(frames, channels)
    except (ValueError, DeprecationWarning):
        values = np.array([[_number(word) for word in line.split()] for _, line in lines])
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        i, k = bad[0]
        number, line = lines[i]
        raise InputError(f"{path}, line {number}: {line.split()[k]!r} in frame {i} should be a finite number")
    return values


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _unit_m(path: Path, joints: _Joints) -> float:
    missing = [bone for bone in LEG_BONES if bone not in joints.names]
    if missing:
        raise InputError(f"{path} has {no_joint(missing[0], joints.names)}")
    leg = sum(float(np.linalg.norm(joints.offsets[joints.names.index(bone)])) for bone in LEG_BONES)
    for unit_m in UNITS_M.values():
        if LEG_RANGE_M[0] <= leg * unit_m <= LEG_RANGE_M[1]:
            return unit_m
    raise InputError(
        f"{path}: a leg is {leg:g} units long, which is no human leg ({LEG_RANGE_M[0]} to {LEG_RANGE_M[1]} m) in {', '.join(UNITS_M)}"
    )


def no_joint(name: str, names: list[str]) -> str:
    """What is said of a joint that is missing among `names`."""
    near = difflib.get_close_matches(name, names, n=3)
    hint = f" (nearest: {', '.join(near)})" if near else ""
    return f"no joint {name!r}{hint}; joints should be named as in CMU's BVH files"


def _transforms(joints: _Joints, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations (T, J, 3, 3) and root positions (T, 3) in file units."""
    root, turns = np.zeros((len(values), 3)), []
    for k, (j, channel) in enumerate(joints.channels):
        axis = "XYZ".index(channel[0])
        if channel.endswith("rotation"):
            turns.append((k, j, axis))
        elif j == 0:
            root[:, axis] = values[:, k]
    columns, at, axes = (np.array(part, np.int64) for part in zip(*turns, strict=True)) if turns else ([np.zeros(0, int)] * 3)
    return _turned(np.radians(values[:, columns]), at, axes, len(joints.names)), root


@njit(cache=True)
def _turned(angle_rad, joint, axis, joints):
    """Rotations (T, J, 3, 3): each joint's turns about its own axes, in their order."""
    R = np.zeros((len(angle_rad), joints, 3, 3))
    for t in range(len(angle_rad)):
        for j in range(joints):
            R[t, j, 0, 0] = R[t, j, 1, 1] = R[t, j, 2, 2] = 1.0
        for k in range(joint.size):
            s, c = math.sin(angle_rad[t, k]), math.cos(angle_rad[t, k])
            m, i, l = R[t, joint[k]], (axis[k] + 1) % 3, (axis[k] + 2) % 3
            for r in range(3):
                m[r, i], m[r, l] = c * m[r, i] + s * m[r, l], c * m[r, l] - s * m[r, i]
    return R


def axis_rotation(angle_rad: np.ndarray | float, axis: int) -> np.ndarray:
    """Rotation matrices (..., 3, 3) about one axis: 0 x, 1 y, 2 z."""
    angle = np.asarray(angle_rad, float)
    c, s = np.cos(angle), np.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    R = np.zeros((*angle.shape, 3, 3))
    R[..., axis, axis], R[..., i, i], R[..., j, j], R[..., i, j], R[..., j, i] = 1, c, c, -s, s
    return R
