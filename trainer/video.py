"""How good is a model on real video of calibrated cameras?  biohuman-train evaluate MODEL... --video FILE... --reference FILE.trc ...

Each camera's video goes through the tracker's own front end and the model, frame by frame; twelve limb joints are compared with
the reference after Procrustes alignment per frame, ours and the front end's own 3D points in the same run.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from realtime.body.errors import InputError
from realtime.body.frames import LandmarkFrame
from realtime.body.landmarks import LIMB_POINTS
from realtime.landmarks import open_front_end

from .evaluate import check_names
from .metrics import pa_mpjpe_mm
from .streaming import OnnxStudent

#: Marker of the reference for each of the twelve limb points, in the order of LIMB_POINTS.
MARKERS = (
    *("LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist"),
    *("LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle"),
)
EDGE_FRAMES = 8  # at both ends the reference's low-pass filter and the front end's start leave marks


@dataclass(frozen=True, kw_only=True)
class Camera:
    name: str
    focal_px: float
    gravity_cam: np.ndarray  # (3,) unit vector


def read_trc(path: Path) -> tuple[dict[str, np.ndarray], float]:
    """Markers (frames, 3), m, by name, and the rate in Hz, of a TRC file.

    Raises:
        InputError: not a TRC file.
    """
    try:
        lines = path.read_text().splitlines()
        rate_hz, unit = float(lines[2].split("\t")[0]), lines[2].split("\t")[4].strip()
        names = [n for n in lines[3].split("\t")[2:] if n.strip()]
        rows = np.array([[float(x) for x in line.split("\t") if x.strip()] for line in lines[5:] if line.strip()])
        points = rows[:, 2:].reshape(len(rows), len(names), 3)
    except (OSError, IndexError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a marker file (.trc): {error}") from None
    scale = {"m": 1.0, "mm": 1e-3}.get(unit)
    if scale is None:
        raise InputError(f"{path} is in {unit!r}; wanted m or mm")
    return {name: points[:, i] * scale for i, name in enumerate(names)}, rate_hz


def read_calibration(path: Path) -> list[Camera]:
    """Cameras of a Pose2Sim calibration, in order: focal length, and gravity in camera axes (its world has Z up)."""
    try:
        tables = tomllib.loads(path.read_text())
        cameras = []
        for table in tables.values():
            if "matrix" in table:
                R_cam_world = cv2.Rodrigues(np.array(table["rotation"], float))[0]
                gravity = R_cam_world @ np.array([0.0, 0.0, -1.0])
                cameras.append(Camera(name=table["name"], focal_px=float(table["matrix"][0][0]), gravity_cam=gravity))
    except (OSError, ValueError, LookupError, TypeError, cv2.error) as error:
        raise InputError(f"{path} is not a camera calibration (.toml, Pose2Sim's layout): {error}") from None
    return cameras


def camera_of(video: Path, cameras: list[Camera]) -> Camera:
    """The camera that the video's name ends with (`walk_left` by `left`), or whose number is the last in it (`cam02` by `cam_2`).

    Raises:
        InputError: none, or more than one.
    """
    number = lambda s: int(found[-1]) if (found := re.findall(r"[0-9]+", s)) else None  # noqa: E731
    named = [c for c in cameras if video.stem.endswith(c.name)]
    fit = named or [c for c in cameras if number(c.name) is not None and number(c.name) == number(video.stem)]
    if len(fit) == 1:
        return fit[0]
    raise InputError(
        f"{'more than one' if fit else 'no'} camera for {video.name}; the calibration has {', '.join(c.name for c in cameras)}"
    )


def landmarks_of_video(video: Path, landmarker: Path | None) -> tuple[list[LandmarkFrame], float]:
    """The front end's landmarks of every frame, and the frame rate."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise InputError(f"{video} cannot be opened as a video")
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    with open_front_end(landmarker=landmarker) as front_end:
        while True:
            ok, picture_bgr = capture.read()
            if not ok:
                break
            t_ns = int(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
            frames.append(front_end.detect(picture_bgr, t_ns))
    capture.release()
    return frames, fps


def joints_of_model(model: OnnxStudent, frames: list[LandmarkFrame], fps: float, camera: Camera) -> np.ndarray:
    """The model's joints (T, 24, 3), gravity frame."""
    stream = []
    for frame in frames:
        stream.append(
            {
                "xy_norm": frame.xy_norm[None].astype(np.float32),
                "visibility": frame.visibility[None].astype(np.float32),
                "landmarks_m": frame.landmarks_m[None].astype(np.float32),
                "detected": np.full((1, 1), float(frame.detected), np.float32),
                "dt_s": np.full((1, 1), 1 / fps, np.float32),
                "image_size_px": np.array([frame.image_size_px], np.float32),
                "focal_px": np.full((1, 1), camera.focal_px, np.float32),
                "gravity_cam": camera.gravity_cam[None].astype(np.float32),
                "height_m": np.zeros((1, 1), np.float32),
            }
        )
    return model.run(stream)["joints_m"]


def evaluate_video(models: list[str], videos: list[Path], reference: Path, calibration: Path, landmarker: Path | None) -> dict:
    """PA over twelve joints, mm, for each camera and their mean: the front end alone and each model."""
    check_names(models)
    for model in models:
        if not Path(model).is_file():
            raise InputError(
                f"{model} is no .onnx file: on video only these are judged; `biohuman-train export RUN --out FILE`"
            )
    markers, rate_hz = read_trc(reference)
    cameras = read_calibration(calibration)
    missing = [m for m in MARKERS if m not in markers]
    if missing:
        raise InputError(f"{reference} has no marker {missing[0]}; it has {', '.join(markers)}")
    truth_m = np.stack([markers[m] for m in MARKERS], 1)  # (T, 12, 3)
    students = {Path(m).name: OnnxStudent(Path(m)) for m in models}
    table: dict[str, dict[str, float]] = {name: {} for name in ("front end", *students)}
    for video in videos:
        camera = camera_of(video, cameras)
        frames, fps = landmarks_of_video(video, landmarker)
        if abs(fps - rate_hz) > 0.5:
            raise InputError(f"{video.name} has {fps:g} frames a second, {reference.name} {rate_hz:g}: not the same trial?")
        n = min(len(frames), len(truth_m))
        use = [i for i in range(EDGE_FRAMES, n - EDGE_FRAMES) if frames[i].detected]
        if not use:
            raise InputError(
                f"{video.name}: the front end finds nobody in its first {n} pictures, without {EDGE_FRAMES} at each end"
            )
        Y = torch.from_numpy(truth_m[use]).float()
        world = np.stack([f.landmarks_m for f in frames])[:, [a for a, _ in LIMB_POINTS]]
        table["front end"][video.stem] = _mean_pa_mm(world[use], Y)
        for name, student in students.items():
            joints = joints_of_model(student, frames, fps, camera)[:, [j for _, j in LIMB_POINTS]]
            table[name][video.stem] = _mean_pa_mm(joints[use], Y)
    for row in table.values():
        row["mean"] = float(np.mean(list(row.values())))
    return {"reference": reference.name, "pa12_mm": table}


def _mean_pa_mm(P_m: np.ndarray, Y: torch.Tensor) -> float:
    return float(pa_mpjpe_mm(torch.from_numpy(np.ascontiguousarray(P_m)).float(), Y).mean())
