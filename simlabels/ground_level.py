"""Where the ground is under each foot: one drifting floor, or steps where the feet prove them; and whether it is a treadmill's belt.

World: Z up, metres.
"""

import numpy as np

FLOOR_WINDOW_S, FLOOR_PERCENTILE = 0.8, 10
#: A sole that rests moves with the ground: its median velocity over a clip is that of a treadmill's belt if it is above this,
#: and if half of the frames agree with it to within the other.
BELT_M_S, BELT_SPREAD_M_S = 0.3, 0.15
#: A foot rests while its lowest point is slower than this, for at least so long.
REST_M_S, REST_S = 0.25, 0.12
#: Grounds that differ by less are one ground that drifts: skeletons of motion capture rise and sink by centimetres.
STEP_M = 0.08


def belt_velocity_m_s(sole_m: np.ndarray, fps: float) -> np.ndarray:
    """Horizontal velocity (2,) of a treadmill's belt, zero on firm ground: how the lowest sole point moves in the median frame.

    Args:
        sole_m: (T, 2 * K, 3), left foot first.
    """
    velocity = np.gradient(sole_m[..., :2], 1 / fps, axis=0)
    lowest = velocity[np.arange(len(sole_m)), sole_m[:, :, 2].argmin(1)]
    belt = np.median(lowest, axis=0)
    spread = np.median(np.linalg.norm(lowest - belt, axis=1))
    return belt if np.linalg.norm(belt) > BELT_M_S and spread < BELT_SPREAD_M_S else np.zeros(2)


def floor_height_m(sole_m: np.ndarray, fps: float) -> np.ndarray:
    """Height (T,) of the ground under the lower foot: follows drift and steps, bridges flights of up to 0.7 s."""
    from scipy.ndimage import percentile_filter, uniform_filter1d

    window = max(3, int(FLOOR_WINDOW_S * fps) | 1)
    lowest = percentile_filter(sole_m[:, :, 2].min(1), FLOOR_PERCENTILE, window, mode="nearest")
    return uniform_filter1d(lowest, window, mode="nearest")


def ground_heights_m(sole_m: np.ndarray, belt_m_s: np.ndarray, fps: float) -> np.ndarray:
    """Height (T, 2) of the ground under each foot.

    One floor under both, unless the feet prove steps: places where one foot rests alone, so that the body must stand on it, at
    heights that differ by more than `STEP_M`. A foot that is held still in the air proves nothing, nor do two that hang: a floor
    that only follows them is not believed. Between its proven places a foot has the ground of the one that is nearest in time.
    """
    T = len(sole_m)
    flat = np.repeat(floor_height_m(sole_m, fps)[:, None], 2, axis=1)
    rests = _rests(sole_m, belt_m_s, fps)
    is_at_rest = np.zeros((T, 2), bool)
    for foot, start, end, _ in rests:
        is_at_rest[start:end, foot] = True
    alone = max(1, round(REST_S * fps))
    proven = [r for r in rests if (~is_at_rest[r[1] : r[2], 1 - r[0]]).sum() >= alone]
    proven += [r for r in rests if r not in proven and any(_stands_beside(r, p) for p in proven)]
    if not proven:
        return flat
    heights = [height for *_, height in proven]
    if max(heights) - min(heights) < STEP_M:
        level = _nearest_levels(proven, T)[:, None]
        return np.where(np.abs(flat - level) < STEP_M, flat, level)
    out = flat.copy()
    for foot in (0, 1):
        own = [rest for rest in proven if rest[0] == foot]
        if own:
            out[:, foot] = _nearest_levels(own, T)
    return out


def _nearest_levels(rests: list[tuple[int, int, int, float]], frames: int) -> np.ndarray:
    """Height (T,) of the rest that is nearest in time."""
    _, starts, ends, levels = (np.array(x) for x in zip(*sorted(rests, key=lambda rest: rest[1]), strict=True))
    t = np.arange(frames)[:, None]
    away = np.maximum(np.maximum(starts - t, t - ends + 1), 0)
    return levels[away.argmin(1)]


def _rests(sole_m: np.ndarray, belt_m_s: np.ndarray, fps: float) -> list[tuple[int, int, int, float]]:
    """(foot, first frame, frame after the last, height) of each time that a foot rests."""
    T, points = sole_m.shape[:2]
    found = []
    for foot in (0, 1):
        sole = sole_m[:, foot * points // 2 : (foot + 1) * points // 2]
        velocity = np.gradient(sole, 1 / fps, axis=0)
        velocity[..., :2] -= belt_m_s
        lowest = sole[..., 2].argmin(1)
        is_slow = np.linalg.norm(velocity[np.arange(T), lowest], axis=-1) < REST_M_S
        edges = np.flatnonzero(np.diff(np.concatenate([[0], is_slow.astype(np.int8), [0]])))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start >= REST_S * fps:
                found.append((foot, int(start), int(end), float(np.median(sole[start:end, :, 2].min(1)))))
    return found


def _stands_beside(rest: tuple[int, int, int, float], proven: tuple[int, int, int, float]) -> bool:
    """Both at the same time, on the same level."""
    return rest[1] < proven[2] and proven[1] < rest[2] and abs(rest[3] - proven[3]) < STEP_M / 2
