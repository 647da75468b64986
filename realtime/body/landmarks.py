"""BlazePose's 33 landmarks: names, mirror pairs, and the twelve limb points that stand for SMPL joints.

Order and names: MediaPipe Pose Landmarker documentation (Google, Apache-2.0). Left and right are the person's own.
"""

LANDMARKS: tuple[str, ...] = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer"),
    *("left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel"),
    *("left_foot_index", "right_foot_index"),
)
LANDMARK_COUNT = len(LANDMARKS)

#: LANDMARK_MIRROR[i] is the landmark that i becomes in a mirrored picture.
LANDMARK_MIRROR: tuple[int, ...] = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33)))

#: (landmark, SMPL joint): shoulders, elbows, wrists, hips, knees, ankles.
LIMB_POINTS: tuple[tuple[int, int], ...] = (
    *((11, 16), (12, 17), (13, 18), (14, 19), (15, 20), (16, 21)),
    *((23, 1), (24, 2), (25, 4), (26, 5), (27, 7), (28, 8)),
)
