"""Which axis is up, which unit and which frame rate a file has: stated tests, each with an answer or a refusal.

- Up: heads, shoulders and breastbones lie above ankles, heels and toes.
- Unit: a person with markers on is 0.3 to 2.6 m long.
- Floor: the lowest point of a person who walks or stands is mostly at one height.
- Frame rate and unit together: in a jump the body's centre falls with 9.81 m/s².
"""

import re
from collections.abc import Sequence

import numpy as np

from realtime.body.errors import InputError

from .findings import stretches

GRAVITY_M_S2 = 9.81
UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001}
PERSON_M = (0.3, 2.6)
#: Rotations that bring the axis of this name to +Y; the other two keep their handedness.
R_TO_Y_UP = {
    "+x": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "-x": np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
    "+y": np.eye(3),
    "-y": np.diag([1.0, -1, -1]),
    "+z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
_ABOVE = re.compile(r"head|fhd$|bhd$|^c7|acrom|shoulder|sho$|clav|stern|strn|vertex")
_BELOW = re.compile(r"heel|hee$|calc|toe|mt5|5meta|ankle|ank$|malleol")
#: Share of the way from feet to shoulders that must go along one axis.
UPRIGHT = 0.8
#: Feet this far above the floor for this long are in the air.
FLIGHT_ABOVE_M, FLIGHT_S = 0.05, 0.15
#: Relative: ten-segment bodies of CMU jumps fall with 9.3 to 11.9 m/s².
FALL_TOLERANCE = 0.25
USUAL_FPS = (24, 25, 30, 48, 50, 60, 100, 120, 150, 200, 240, 250)
#: Winter 2009: mass share and its place between two SMPL joints.
_SEGMENTS = (
    *((j, j + 3, 0.433, 0.100) for j in (1, 2)),
    *((j, j + 3, 0.433, 0.0465) for j in (4, 5)),
    *((j, j + 3, 0.5, 0.0145) for j in (7, 8)),
    *((j, j + 2, 0.436, 0.028) for j in (16, 17)),
    *((j, j + 2, 0.430, 0.016) for j in (18, 19)),
    *((j, j + 2, 0.5, 0.006) for j in (20, 21)),
    (0, 12, 0.5, 0.497),
    (12, 15, 1.0, 0.081),
)


def rotation_to_y_up(up: str) -> np.ndarray:
    """Rotation (3, 3) that turns a file's axes so that `up`, such as "+z", becomes +Y.

    Raises:
        InputError: no such axis.
    """
    name = up.lower() if up[:1] in "+-" else f"+{up.lower()}"
    if name not in R_TO_Y_UP:
        raise InputError(f"up={up!r} is no axis; known are {', '.join(R_TO_Y_UP)}")
    return R_TO_Y_UP[name]


def up_axis(names: Sequence[str], positions_m: np.ndarray) -> str:
    """The axis that leads from feet to shoulders in the median frame, such as "+y"; positions (T, M, 3) in any unit.

    Raises:
        InputError: no marker of both ends is known by name, or the person is not upright.
    """
    seen = np.any(np.isfinite(positions_m).all(-1), axis=0).tolist()
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
    ends = [[i for i, name in enumerate(plain) if seen[i] and words.search(name)] for words in (_ABOVE, _BELOW)]
    if not all(ends):
        raise InputError("no marker is named after head or shoulders and feet, so up cannot be told; pass up='+y' or up='+z'")
    above, below = (np.nanmedian(positions_m[:, end], axis=0).mean(0) for end in ends)
    along = above - below
    share = np.abs(along) / np.linalg.norm(along)
    k = int(share.argmax())
    if not share[k] >= UPRIGHT:
        raise InputError(f"the person is not upright along any axis (feet to shoulders {np.round(along, 2)}); pass up='+y'")
    return f"{'+' if along[k] > 0 else '-'}{'xyz'[k]}"


def person_length(positions: np.ndarray) -> float | None:
    """Largest extent of the markers (T, M, 3) along an axis, median over frames; None with fewer than three markers."""
    enough = positions[np.isfinite(positions).all(-1).sum(1) >= 3]
    if not len(enough):
        return None
    return float(np.median((np.nanmax(enough, axis=1) - np.nanmin(enough, axis=1)).max(1)))


def check_unit(source: str, positions_m: np.ndarray, unit: str) -> None:
    """Raises InputError if markers in the stated unit span no person, and names the unit that would."""
    length_m = person_length(positions_m)
    if length_m is None or PERSON_M[0] <= length_m <= PERSON_M[1]:
        return
    fits = [name for name, m in UNITS_M.items() if PERSON_M[0] <= length_m / UNITS_M[unit] * m <= PERSON_M[1]]
    hint = f"{fits[0]} would fit: pass unit={fits[0]!r}" if fits else "no unit fits; pass unit= if this is no whole person"
    raise InputError(
        f"{source} says {unit}, which makes a person {length_m:.4g} m long ({PERSON_M[0]} to {PERSON_M[1]} m are); {hint}"
    )


def floor_height_m(lowest_m: np.ndarray, spread_m: float = 0.05) -> float:
    """Height of the lowest point of the person over the clip: its 5th percentile. `lowest_m` (T,): lowest point per frame.

    Raises:
        InputError: the lowest point is not at one height for a quarter of the time: uneven ground, or no ground contact.
    """
    low, quarter = np.nanpercentile(lowest_m, [5, 30])
    if not quarter - low <= spread_m:
        raise InputError(
            f"the lowest point is {1000 * (quarter - low):.0f} mm above the floor it is sought at in a quarter of the "
            "frames; the ground is not flat or not touched: pass the floor's height"
        )
    return float(low)


def centre_of_mass_m(joints_m: np.ndarray) -> np.ndarray:
    """Centre of mass (T, 3) of SMPL-24 joints (T, 24, 3) by Winter's segment masses."""
    shares = np.array([share for *_, share in _SEGMENTS])
    places_m = np.stack([(1 - at) * joints_m[:, a] + at * joints_m[:, b] for a, b, at, _ in _SEGMENTS])
    return np.einsum("s,sti->ti", shares / shares.sum(), places_m)


def fall_m_s2(centre_height_m: np.ndarray, lowest_m: np.ndarray, fps: float) -> np.ndarray:
    """Downward acceleration in each free flight, by a parabola through the centre's heights (T,).

    Args:
        lowest_m: lowest point of the person, (T,), same floor.
    """
    in_air = lowest_m > np.nanpercentile(lowest_m, 5) + FLIGHT_ABOVE_M
    falls = []
    for a, b in stretches(in_air):
        a, b = a + 1, b - 1  # the frames in which the foot leaves and lands still carry force
        if b - a + 1 >= max(4, FLIGHT_S * fps):
            falls.append(-2 * np.polyfit(np.arange(b - a + 1) / fps, centre_height_m[a : b + 1], 2)[0])
    return np.array(falls)


def check_frame_rate(centre_height_m: np.ndarray, lowest_m: np.ndarray, fps: float) -> float:
    """Median fall, m/s², of the clip's jumps, which agrees with gravity.

    Raises:
        InputError: no jump, so the frame rate cannot be tested; or another frame rate (or unit) is needed, which is named.
    """
    falls = fall_m_s2(centre_height_m, lowest_m, fps)
    if not len(falls):
        raise InputError(f"nobody jumps in this clip, so {fps:g} frames a second cannot be tested; pass the known rate")
    fall = float(np.median(falls))
    if abs(fall / GRAVITY_M_S2 - 1) <= FALL_TOLERANCE:
        return fall
    true = fps * np.sqrt(GRAVITY_M_S2 / fall) if fall > 0 else float("nan")
    near = min(USUAL_FPS, key=lambda f: abs(np.log(f / true))) if fall > 0 else fps
    raise InputError(
        f"jumps fall with {fall:.1f} m/s² at {fps:g} frames a second, gravity is 9.81; {near:g} frames a second "
        f"or lengths times {GRAVITY_M_S2 / fall:.3g} would fit: pass fps or the unit"
    )
