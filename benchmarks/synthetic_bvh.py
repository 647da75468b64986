"""A BVH file made in code: somebody of CMU's skeleton bends the knees and swings the arms, feet in place."""

from pathlib import Path

import numpy as np

from simlabels.readers.bvh import axis_rotation

UNIT_M = 0.0254 / 0.45

#: name: (parent, offset in CMU units); the left side is mirrored from the right. A mean skeleton in CMU's zero pose.
_MIDDLE = {
    "Hips": ("", (0, 0, 0)),
    "LowerBack": ("Hips", (0, 0, 0)),
    "Spine": ("LowerBack", (0, 1.88, -0.15)),
    "Spine1": ("Spine", (0, 1.89, -0.01)),
    "Neck": ("Spine1", (0, 1.91, 0.06)),
    "Neck1": ("Neck", (0, 1.57, 0.12)),
    "Head": ("Neck1", (0, 1.54, -0.28)),
}
_LEFT = {
    "LHipJoint": ("Hips", (0, 0, 0)),
    "LeftUpLeg": ("LHipJoint", (1.42, -1.62, 0.69)),
    "LeftLeg": ("LeftUpLeg", (2.50, -6.87, 0)),
    "LeftFoot": ("LeftLeg", (2.62, -7.20, 0)),
    "LeftToeBase": ("LeftFoot", (0.16, -0.43, 2.10)),
    "LeftShoulder": ("Spine1", (0, 1.91, 0.06)),
    "LeftArm": ("LeftShoulder", (3.0, 0.96, -0.09)),
    "LeftForeArm": ("LeftArm", (5.20, 0, 0)),
    "LeftHand": ("LeftForeArm", (3.40, 0, 0)),
    "LeftFingerBase": ("LeftHand", (1.70, 0, 0)),
    "LeftHandIndex1": ("LeftFingerBase", (0.60, 0, 0)),
}
SPREAD_DEG = 20.0


def _right(name: str) -> str:
    return name.replace("Left", "Right").replace("LHip", "RHip")


def skeleton() -> dict[str, tuple[str, tuple[float, float, float]]]:
    """Parent and offset by joint, parents first."""
    right = {_right(n): (_right(p), (-o[0], o[1], o[2])) for n, (p, o) in _LEFT.items()}
    return {**_MIDDLE, **_LEFT, **right}


def knee_bends(seconds: float, fps: float) -> dict[str, np.ndarray]:
    """Euler angles Z Y X (T, 3), deg, by joint: knees to 70 degrees and back every two seconds, arms down and swinging."""
    t = np.arange(round(seconds * fps)) / fps
    bend = 35 * (1 - np.cos(np.pi * t)) / 2
    swing = 15 * np.sin(np.pi * t)
    zero = np.zeros_like(t)
    angles = {"LowerBack": np.stack([zero, zero, bend], 1)}
    for side, sign in (("Left", 1), ("Right", -1)):
        angles |= {
            f"{side}UpLeg": np.stack([zero - sign * SPREAD_DEG, zero, -bend], 1),
            f"{side}Arm": np.stack([zero - sign * 75, zero, sign * swing], 1),
            f"{side}ForeArm": np.stack([zero, -sign * 20 + zero, zero], 1),
        }
    return angles | {
        f"{side}{joint}": np.stack([zero, zero, k * bend], 1)
        for side in ("Left", "Right")
        for joint, k in (("Leg", 2), ("Foot", -1))
    }


def write_bvh(path: Path, seconds: float = 4.0, fps: float = 30.0, skew: float = 0.0) -> Path:
    """Writes the motion; the root moves so that the left ankle stays in place and the toes ride 33 mm above the floor.

    `skew` bends the spine sideways by so many degrees: a clip that is not its own mirror image.
    """
    bones, angles = skeleton(), knee_bends(seconds, fps)
    frames = len(angles["LowerBack"])
    angles["Spine"] = np.tile([skew, 0, 0], (frames, 1))
    # thighs turn about X in their spread frame: R = Rx(bend) Rz(spread); to write it in channel order Z Y X, decompose it
    R_local = {name: _local(name, angles.get(name), frames) for name in bones}
    position, R = {"": np.zeros((frames, 3))}, {"": np.tile(np.eye(3), (frames, 1, 1))}
    for name, (parent, offset) in bones.items():
        position[name] = position[parent] + R[parent] @ np.array(offset)
        R[name] = R[parent] @ R_local[name]
    root = -position["LeftFoot"] * [1, 0, 1]
    root[:, 1] = 0.033 / UNIT_M - position["LeftToeBase"][:, 1]
    rows = [root] + [_euler_zyx_deg(R_local[name]) for name in _file_order(bones)]
    lines = ["HIERARCHY", *_hierarchy(bones, "Hips", 0), "MOTION", f"Frames: {frames}", f"Frame Time: {1 / fps:.7f}"]
    lines += [" ".join(f"{v:.4f}" for v in row) for row in np.concatenate(rows, axis=1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _local(name: str, zyx_deg: np.ndarray | None, frames: int) -> np.ndarray:
    if zyx_deg is None:
        return np.tile(np.eye(3), (frames, 1, 1))
    z, y, x = np.radians(zyx_deg).T
    Z, Y, X = axis_rotation(z, 2), axis_rotation(y, 1), axis_rotation(x, 0)
    if name.endswith("UpLeg"):
        return X @ Z
    if name.endswith(("Leg", "Foot")):  # hinges across the leg, which stands askew in the zero pose
        sign = 1 if name.startswith("Left") else -1
        spread = axis_rotation(np.radians(sign * SPREAD_DEG), 2)
        return spread @ X @ spread.T
    return X @ Z @ Y if name.endswith("Arm") else Z @ Y @ X


def _euler_zyx_deg(R: np.ndarray) -> np.ndarray:
    z, x = np.arctan2(R[:, 1, 0], R[:, 0, 0]), np.arctan2(R[:, 2, 1], R[:, 2, 2])
    return np.degrees(np.stack([z, np.arcsin(np.clip(-R[:, 2, 0], -1, 1)), x], axis=1))


def _children(bones: dict, name: str) -> list[str]:
    return [child for child, (parent, _) in bones.items() if parent == name]


def _file_order(bones: dict, name: str = "Hips") -> list[str]:
    return [name] + [d for child in _children(bones, name) for d in _file_order(bones, child)]


def _hierarchy(bones: dict, name: str, depth: int) -> list[str]:
    pad, offset = "  " * depth, bones[name][1]
    place = "Xposition Yposition Zposition " if depth == 0 else ""
    lines = [
        f"{pad}{'JOINT' if depth else 'ROOT'} {name}",
        f"{pad}{{",
        f"{pad}  OFFSET {offset[0]:.5f} {offset[1]:.5f} {offset[2]:.5f}",
        f"{pad}  CHANNELS {6 if depth == 0 else 3} {place}Zrotation Yrotation Xrotation",
    ]
    children = _children(bones, name)
    for child in children:
        lines += _hierarchy(bones, child, depth + 1)
    if not children:
        lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 0.0 0.0 0.5", f"{pad}  }}"]
    return [*lines, f"{pad}}}"]
