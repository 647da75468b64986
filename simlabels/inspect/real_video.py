"""What real video gives, to compare with, and what rendered video should give.

Real: the single-person demo of Pose2Sim (wheel pose2sim 0.10.49, BSD-3): one person, four calibrated cameras, 100 frames at
60 fps, MediaPipe 0.10.31 full in VIDEO mode. No truth of its own: the landmarks of the four views, triangulated robustly,
are the reference, so errors that all views share vanish and its 2D errors are low by nature. An indication, no proof.
"""

REAL_SOURCE = "the single-person demo of Pose2Sim 0.10.49: 4 cameras, 100 frames at 60 fps, its views triangulated as reference"

#: One value a camera, by the names of `landmark_statistics.headline`. Lags are frames at 60 fps; constant means over 1.7 s.
REAL_CLIP: dict[str, list[float]] = {
    "error_pct_median": [1.5, 1.6, 2.2, 0.7],
    "error_pct_p95": [3.9, 54.0, 5.8, 3.1],  # camera 2 lost the person for a few frames
    "lag_1": [0.93, 0.86, 0.96, 0.93],
    "pa_mm_median": [78.0, 93.0, 78.0, 84.0],
    "mpjpe_mm_median": [103.0, 104.0, 118.0, 108.0],
    "depth_share": [0.84, 0.13, 0.78, 0.86],
    "constant_share": [0.41, 0.32, 0.57, 0.65],
}

#: From, to: of takes at 30 fps, in pieces of 4 s, with nothing and nobody else in the picture.
AIMS: dict[str, tuple[float, float]] = {
    "error_pct_median": (1.5, 2.2),
    "lag_1": (0.8, 0.95),
    "pa_mm_median": (75.0, 95.0),
    "constant_share": (0.4, 0.6),
}
