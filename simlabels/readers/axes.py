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
STATURE_RANGE_M = (1.0, 2.4)
FASTEST_M_S, FURTHEST_M = 13.0, 10_000.0
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
#: Feet this far above the floor are in the air, if for so many frames the centre rises and falls by so much on a parabola.
FLIGHT_ABOVE_M, FLIGHT_FRAMES, FLIGHT_HEIGHT_M, PARABOLA_SHARE = 0.05, 5, 0.03, 0.1
#: Relative. 255 CMU clips hold 28 flights; 23 fall with 9.0 to 11.4 m/s² (median 9.65), the others are re-targeted dances.
FALL_TOLERANCE = 0.25
#: In all 255 the median is 8.0 to 14.8 m/s²: beyond a factor of two it is the frame rate.
FALL_FACTOR = 2.0
_FEET = (7, 8, 10, 11)
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
        raise InputError(
            "no marker is named after head or shoulders and feet, so up cannot be told; pass up='+y' or up='+z' (--up)"
        )
    above, below = (np.nanmedian(positions_m[:, end], axis=0).mean(0) for end in ends)
    along = above - below
    share = np.abs(along) / np.linalg.norm(along)
    k = int(share.argmax())
    if not share[k] >= UPRIGHT:
        raise InputError(
            f"the person is not upright along any axis (feet to shoulders {np.round(along, 2)}); pass up='+y' (--up)"
        )
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
    hint = "no unit fits; pass unit= (--unit) if this is no whole person"
    if fits:
        hint = f"{fits[0]} would fit: pass unit={fits[0]!r} (--unit {fits[0]})"
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


def check_person_moves(source: str, stature_m: float, pelvis_m: np.ndarray, fps: float) -> None:
    """Whether a skeleton is a person's, and moves as fast as one can.

    Args:
        stature_m: as the legs say (`SmplMotion.stature_m`).
        pelvis_m: (T, 3).

    Raises:
        InputError: it is not: a wrong unit, scale or frame rate; names the frame where there is one.
    """
    low, high = STATURE_RANGE_M
    if not low <= stature_m <= high:
        raise InputError(
            f"{source}: by its legs the person is {stature_m:.3g} m tall, people are {low:g} to {high:g}; scale the file"
        )
    far = ~(np.abs(pelvis_m).max(1) <= FURTHEST_M)
    if far.any():
        raise InputError(
            f"{source}: in frame {int(np.argmax(far))} the pelvis is more than {FURTHEST_M:g} m away; mend its place"
        )
    speed_m_s = np.linalg.norm(np.diff(pelvis_m, axis=0), axis=1) * fps
    fast_m_s = float(np.percentile(speed_m_s, 95)) if len(speed_m_s) else 0.0
    if not fast_m_s <= FASTEST_M_S:
        raise InputError(
            f"{source}: the pelvis moves at {fast_m_s:.0f} m/s at {fps:g} frames a second, faster than anybody (first in frame "
            f"{int(np.argmax(~(speed_m_s <= FASTEST_M_S))) + 1}); check the unit of its place, or give the rate by --source-fps"
        )


def centre_of_mass_m(joints_m: np.ndarray) -> np.ndarray:
    """Centre of mass (T, 3) of SMPL-24 joints (T, 24, 3) by Winter's segment masses."""
    shares = np.array([share for *_, share in _SEGMENTS])
    places_m = np.stack([(1 - at) * joints_m[:, a] + at * joints_m[:, b] for a, b, at, _ in _SEGMENTS])
    return np.einsum("s,sti->ti", shares / shares.sum(), places_m)


def fall_m_s2(centre_height_m: np.ndarray, lowest_m: np.ndarray, fps: float) -> np.ndarray:
    """Downward acceleration in each free flight, by a parabola through the centre's heights (T,).

    A flight is told without knowing the frame rate: nothing touches the floor, and the centre follows a parabola with its top
    inside and some height; a person who stands on something higher does not.

    Args:
        lowest_m: lowest point of the person, (T,), same floor.
    """
    in_air = lowest_m > np.nanpercentile(lowest_m, 5) + FLIGHT_ABOVE_M
    falls = []
    for first, last in stretches(in_air):
        height_m = centre_height_m[first + 1 : last]  # where the foot leaves and lands there is still force
        if len(height_m) < FLIGHT_FRAMES:
            continue
        at = np.linspace(-1, 1, len(height_m))
        bend, slope, _ = fit = np.polyfit(at, height_m, 2)
        off_m = height_m - np.polyval(fit, at)
        is_parabola = off_m.std() < PARABOLA_SHARE * height_m.std()
        if -bend > FLIGHT_HEIGHT_M and abs(slope) < -2 * bend and is_parabola:
            falls.append(-2 * bend / ((len(height_m) - 1) / 2 / fps) ** 2)
    return np.array(falls)


def check_falls(source: str, joints_m: np.ndarray, fps: float) -> None:
    """Whether the jumps of a clip, if it has any, fall as on earth, within a factor of two: half the frame rate makes a quarter.

    Args:
        joints_m: SMPL-24 joints (T, 24, 3), Y up.

    Raises:
        InputError: they do not; names the frame rate that would fit.
    """
    falls = fall_m_s2(centre_of_mass_m(joints_m)[:, 1], joints_m[:, _FEET, 1].min(1), fps)
    fall = float(np.median(falls)) if len(falls) else GRAVITY_M_S2
    if max(fall / GRAVITY_M_S2, GRAVITY_M_S2 / fall) > FALL_FACTOR:
        raise InputError(
            f"{source}: jumps fall with {fall:.1f} m/s² at {fps:g} frames a second, gravity is 9.81; "
            f"{_fitting_fps(fall, fps):g} frames a second would fit: give the rate by --source-fps, or mend the unit"
        )


def _fitting_fps(fall: float, fps: float) -> float:
    return min(USUAL_FPS, key=lambda usual: abs(np.log(usual / fps) - np.log(GRAVITY_M_S2 / fall) / 2))


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
    raise InputError(
        f"jumps fall with {fall:.1f} m/s² at {fps:g} frames a second, gravity is 9.81; {_fitting_fps(fall, fps):g} frames a second "
        f"or lengths times {GRAVITY_M_S2 / fall:.3g} would fit: pass fps or the unit"
    )
