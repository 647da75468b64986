"""Draws a tracked body over its picture, and its muscle groups beside it. OpenCV only."""

import numpy as np

from ..body.frames import BodyFrame, State
from ..body.muscles import group_means, group_names
from ..body.skeleton import JOINTS, PARENTS
from ..capture.opencv import load_cv2

BACKGROUND = (28, 24, 22)
TEXT = (232, 230, 226)
FAINT = (120, 112, 106)
FULL_ACTIVATION = 0.6  # drawn in the brightest colour: efforts of daily life seldom pass it

#: Muscle groups whose mean colours the bone that ends at a joint.
_LEG = {"knee": ("vasti", "rectus_femoris", "hamstrings"), "ankle": ("gastrocnemius", "soleus", "tibialis_anterior")}
_LEG |= {"hip": ("gluteus_maximus", "gluteus_medius", "iliopsoas"), "foot": ("toe_flexors", "toe_extensors")}
_ARM = {"shoulder": ("deltoid", "rotator_cuff"), "elbow": ("biceps", "triceps"), "wrist": ("wrist_flexors", "wrist_extensors")}
_ARM |= {"collar": ("pectoralis", "latissimus"), "hand": ("wrist_flexors", "wrist_extensors")}
_TRUNK = ("erector_longissimus", "erector_iliocostalis", "multifidus", "rectus_abdominis", "external_oblique")


def project_px(
    points_world_m: np.ndarray, R_world_cam: np.ndarray, camera_world_m: np.ndarray, focal_px: float, size_px
) -> np.ndarray:
    """Pixels (N, 2) of world points (N, 3) seen by a camera; NaN behind it."""
    cam = (points_world_m - camera_world_m) @ R_world_cam
    z = np.where(cam[:, 2] > 0.05, cam[:, 2], np.nan)
    return cam[:, :2] / z[:, None] * focal_px + np.asarray(size_px) / 2


def activation_colour(activation: float) -> tuple[int, int, int]:
    """BGR of an activation: dark blue at rest, over violet, to yellow."""
    level = int(255 * np.clip(0.12 + 0.88 * activation / FULL_ACTIVATION, 0, 1))
    cv2 = load_cv2()
    b, g, r = cv2.applyColorMap(np.full((1, 1), level, np.uint8), cv2.COLORMAP_PLASMA)[0, 0]
    return int(b), int(g), int(r)


def draw_body(
    picture_bgr: np.ndarray, frame: BodyFrame, R_world_cam: np.ndarray, camera_world_m: np.ndarray, focal_px: float
) -> np.ndarray:
    """A copy of the picture with the skeleton over it, each bone in the colour of the muscles around it."""
    cv2 = load_cv2()
    out = picture_bgr.copy()
    if frame.state is State.LOST:
        return out
    height, width = out.shape[:2]
    xy = project_px(frame.joints_m, R_world_cam, camera_world_m, focal_px, (width, height))
    means = dict(zip(group_names(), group_means(frame.activation), strict=True))
    stature_px = float(np.nanmax(xy[:, 1]) - np.nanmin(xy[:, 1]))
    thick = max(2, round(stature_px / 60))
    bones = [(j, p) for j, p in enumerate(PARENTS) if p >= 0 and np.isfinite(xy[[j, p]]).all()]
    for colour_of, extra in ((lambda _: BACKGROUND, max(2, thick // 2)), (lambda j: activation_colour(_bone(j, means)), 0)):
        for j, p in bones:
            a, b = (tuple(int(v) for v in xy[k].round()) for k in (p, j))
            cv2.line(out, a, b, colour_of(j), thick + extra, cv2.LINE_AA)
    for j in range(len(JOINTS)):
        if np.isfinite(xy[j]).all():
            cv2.circle(out, tuple(int(v) for v in xy[j].round()), max(2, thick // 2), TEXT, -1, cv2.LINE_AA)
    return out


def crop_to_body(
    picture_bgr: np.ndarray, frame: BodyFrame, R_world_cam: np.ndarray, camera_world_m: np.ndarray, focal_px: float
) -> np.ndarray:
    """The part of a picture around a body: 1.5 times as high as it appears, three quarters as wide, inside the picture."""
    height, width = picture_bgr.shape[:2]
    xy = project_px(frame.joints_m, R_world_cam, camera_world_m, focal_px, (width, height))
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    h = min(height, max(32, round(1.5 * max(high[1] - low[1], (high[0] - low[0]) / 0.75))))
    w = min(width, round(0.75 * h))
    x, y = (low + high) / 2 - (w / 2, h / 2)
    x, y = int(np.clip(x, 0, width - w)), int(np.clip(y, 0, height - h))
    return np.ascontiguousarray(picture_bgr[y : y + h, x : x + w])


def _bone(joint: int, means: dict[str, float]) -> float:
    """Mean activation of the muscle groups around the bone that ends at a joint."""
    side, _, name = JOINTS[joint].partition("_")
    if side not in ("left", "right"):
        return float(np.mean([means[f"{g}_{s}"] for g in _TRUNK for s in "lr"]))
    groups = (_LEG | _ARM)[name]
    return float(np.mean([means[f"{g}_{side[0]}"] for g in groups]))


def draw_muscles(frame: BodyFrame, size_px: tuple[int, int], rows: int = 16) -> np.ndarray:
    """A panel (height, width, 3): the most active muscle groups, left and right bars back to back, and the ground forces."""
    cv2 = load_cv2()
    width, height = size_px
    panel = np.full((height, width, 3), BACKGROUND, np.uint8)
    unit = height / (rows + 6)
    scale = unit / 42

    def text(s: str, x: float, y: float, colour=TEXT, size: float = 1.0, centre: bool = False) -> None:
        (w, _), _ = cv2.getTextSize(s, cv2.FONT_HERSHEY_SIMPLEX, scale * size, 1)
        at = (int(x - w / 2 if centre else x), int(y))
        cv2.putText(panel, s, at, cv2.FONT_HERSHEY_SIMPLEX, scale * size, colour, max(1, round(scale * 1.6)), cv2.LINE_AA)

    middle, half = width / 2, width * 0.27
    text("muscle groups, mean activation", middle, unit * 1.2, size=1.1, centre=True)
    text("left", width * 0.12, unit * 2.3, FAINT, centre=True)
    text("right", width * 0.88, unit * 2.3, FAINT, centre=True)
    if frame.state is State.LOST:
        text("nobody", middle, height / 2, FAINT, centre=True)
        return panel
    means = dict(zip(group_names(), group_means(frame.activation), strict=True))
    groups = sorted({n[:-2] for n in means}, key=lambda g: -max(means[f"{g}_l"], means[f"{g}_r"]))[:rows]
    label = width * 0.19
    for i, group in enumerate(groups):
        y = unit * (i + 3.3)
        text(group.replace("_", " "), middle, y, size=0.8, centre=True)
        for side, sign in (("l", -1), ("r", 1)):
            value = float(means[f"{group}_{side}"])
            x0 = middle + sign * label
            x1 = x0 + sign * half * min(1.0, value / FULL_ACTIVATION)
            top, bottom = int(y - unit * 0.5), int(y + unit * 0.12)
            cv2.rectangle(panel, (int(x0), top), (int(x1), bottom), activation_colour(value), -1)
    y = unit * (rows + 4.4)
    cv2.line(panel, (int(width * 0.05), int(y - unit)), (int(width * 0.95), int(y - unit)), FAINT, 1, cv2.LINE_AA)
    left, right = frame.grf_BW[:, 1]
    text(f"ground force  {left:.2f} BW left   {right:.2f} BW right", middle, y, centre=True)
    return panel


def side_by_side(left_bgr: np.ndarray, panel_bgr: np.ndarray) -> np.ndarray:
    """Two pictures of one height as one."""
    return np.hstack([left_bgr, panel_bgr])
