"""Whether ground forces can be believed: the traps of laboratory files, each told with its time and never mended in silence.

The root's residual cannot see a force on the wrong foot: both feet hang on the same pelvis. The feet's own markers can.
"""

from collections.abc import Mapping

import numpy as np

from realtime.body.errors import InputError

from ..dynamics import low_pass
from ..marker_set import MarkerSet
from .axes import GRAVITY_M_S2
from .findings import Finding, stretches, stretches_s
from .forces import FootForces
from .markers import Markers
from .plates import CONTACT_N, Plate

FEET = ("left", "right")
#: From the middle between heel and toes. In four sets of laboratory data the median is 0.01 to 0.09 m.
FURTHEST_FROM_FOOT_M = 0.15
#: A centre of pressure without load is rubbish if it is this far from where it is under load.
RUBBISH_M = 1.0
#: A foot's next contact this far away is another plate (a step is shorter on a treadmill, and longer over ground).
OTHER_PLATE_M = 0.3
#: Centres of pressure are judged where they are no quotient of small numbers.
JUDGED_N = 100.0
#: What plates carry less than the pelvis's acceleration calls for, in body weights. Complete trials stay within 0.17 (walks,
#: squats, standing up), a foot off the plates or a seat lacks 0.4 to 1.2.
LACKING_BW, LACKING_S, SUPPORT_HZ = 0.25, 0.05, 6.0
#: Without markers only this tells; flight and fast descents look the same.
LIGHT_BW, LIGHT_S = 0.6, 0.15
MASS_TOLERANCE = 0.05
#: Of the loaded samples of a plate: less than this is the swinging foot passing by.
BOTH_FEET_SHARE = 0.2
SHORTEST_CONTACT_S = 0.05


def foot_points_m(markers: Markers, marker_set: MarkerSet, time_s: np.ndarray) -> np.ndarray:
    """Middle between heel and toes of the left and the right foot at these times, (T, 2, 3); NaN where a marker is absent."""
    known = marker_set.having(markers.names)
    out = np.full((len(time_s), 2, 3), np.nan)
    for k, side in enumerate("lr"):
        ends = []
        for landmarks in (("heel",), ("toe", "mt5")):
            at = [i for name in landmarks for i in known.at(name, side)]
            if at:
                ends.append(markers.select([known.markers[i].name for i in at]).positions_m.mean(1))
        if len(ends) == 2:
            middle = (ends[0] + ends[1]) / 2
            out[:, k] = np.stack([np.interp(time_s, markers.time_s, x, np.nan, np.nan) for x in middle.T], axis=1)
    return out


def expected_support_BW(markers: Markers, marker_set: MarkerSet, time_s: np.ndarray) -> np.ndarray:
    """Upward force that the pelvis's own acceleration calls for at these times, (T,), in body weights; 0 in free flight.

    Pelvis and centre of mass rise and fall nearly alike: within 0.17 body weights in walks, squats and standing up.

    Raises:
        InputError: no marker of the pelvis is seen throughout.
    """
    known = marker_set.having(markers.names)
    names = [known.markers[i].name for landmark in ("asis", "psis", "sacrum") for i in known.at(landmark)]
    whole = [name for name in names if markers.select([name]).is_present.all()]
    if not whole:
        raise InputError(f"{markers.source}: no marker of the pelvis is seen throughout ({', '.join(names) or 'none known'})")
    height_m = low_pass(markers.select(whole).positions_m[..., 1].mean(1), markers.fps, SUPPORT_HZ)
    up_m_s2 = np.gradient(np.gradient(height_m, 1 / markers.fps), 1 / markers.fps)
    return 1 + np.interp(time_s, markers.time_s, up_m_s2, np.nan, np.nan) / GRAVITY_M_S2


def feet_of_plates(plates: Mapping[str, Plate], foot_points: np.ndarray) -> dict[str, tuple[str, ...]]:
    """Which plates the left and the right foot stood on, for `read_forces`: the nearest foot under load, all plates loaded.

    Args:
        foot_points: (T, 2, 3) of `foot_points_m` at the plates' times and in their axes, Y up.

    Raises:
        InputError: both feet stand on one plate, or none is near it.
    """
    found: dict[str, tuple[str, ...]] = {"left": (), "right": ()}
    for name, plate in plates.items():
        judged = (plate.force_N[:, 1] > JUDGED_N) & np.isfinite(foot_points).all((1, 2))
        if not judged.any():
            continue
        off_m = np.linalg.norm((plate.cop_m[judged, None] - foot_points[judged])[..., [0, 2]], axis=-1)
        is_right = off_m[:, 1] < off_m[:, 0]
        nearest_m = np.median(off_m.min(1))
        if nearest_m > FURTHEST_FROM_FOOT_M:
            raise InputError(f"no foot is near {name} under load ({nearest_m:.2f} m): check axes, units and times")
        share = float(is_right.mean())
        if min(share, 1 - share) > BOTH_FEET_SHARE:
            raise InputError(
                f"both feet stand on {name} (the right one for {100 * share:.0f} %); such steps cannot be told apart"
            )
        found["right" if share > 0.5 else "left"] += (name,)
    return found


def contacts(forces: FootForces) -> list[list[tuple[int, int]]]:
    """First and last index of each contact of the left and of the right foot."""
    fewest = max(1, round(SHORTEST_CONTACT_S * forces.rate_Hz))
    return [[c for c in stretches(forces.is_loaded[:, k]) if c[1] - c[0] + 1 >= fewest] for k in range(2)]


def check_forces(
    forces: FootForces, foot_points: np.ndarray | None, mass_kg: float, support_BW: np.ndarray | None = None
) -> list[Finding]:
    """What is wrong with these forces.

    Args:
        foot_points: (T, 2, 3) of `foot_points_m` at the forces' times; None = which foot carries what is not checked, and told.
        support_BW: (T,) of `expected_support_BW`; None = lost steps are told from flight only roughly.
    """
    found = list(forces.findings)
    if foot_points is None:
        found.append(Finding(name="feet_unchecked", what="no foot markers were given", to_do="give them: see wrong_foot"))
    else:
        found += _wrong_feet(forces, foot_points)
    found += _unloaded_cop(forces) + _plate_changes(forces)
    missing = is_support_missing(forces, mass_kg, support_BW)
    if missing.any():
        start_s, end_s = valid_window(forces, mass_kg, support_BW)
        what = "the plates carry less than the person needs"
        to_do = f"use {start_s:.2f} to {end_s:.2f} s: elsewhere a step is off the plates, or a chair or hand is not measured"
        if support_BW is None:
            to_do += ", or nobody touches the ground"
        found.append(Finding(name="missing_contact", what=what, when_s=stretches_s(missing, forces.time_s), to_do=to_do))
    return found + _mass_mismatch(forces, mass_kg, support_BW)


def _wrong_feet(forces: FootForces, foot_points: np.ndarray) -> list[Finding]:
    found = []
    for k, spans in enumerate(contacts(forces)):
        wrong, far = [], []
        for a, b in spans:
            at = slice(a, b + 1)
            off_m = np.linalg.norm((forces.cop_m[at, k, None] - foot_points[at])[..., [0, 2]], axis=-1)
            off_m = off_m[np.isfinite(off_m).all(1) & (forces.force_N[at, k, 1] > JUDGED_N)]
            if not len(off_m):
                continue
            own, other = np.median(off_m[:, k]), np.median(off_m[:, 1 - k])
            if own > FURTHEST_FROM_FOOT_M:
                (wrong if other < own else far).append((float(forces.time_s[a]), float(forces.time_s[b]), own, other))
        if wrong:
            own, other = np.median([w[2] for w in wrong]), np.median([w[3] for w in wrong])
            what = f"the {FEET[k]} foot's force is {own:.2f} m from it and {other:.2f} m from the other foot"
            when = tuple(w[:2] for w in wrong)
            found.append(Finding(name="wrong_foot", what=what, when_s=when, to_do="swap the plates: feet={'left': ...}"))
        if far:
            what = f"the {FEET[k]} foot's force is {np.median([w[2] for w in far]):.2f} m from it, further from the other"
            when = tuple(w[:2] for w in far)
            found.append(
                Finding(name="cop_off_foot", what=what, when_s=when, to_do="check origin, axes and time of the plates")
            )
    return found


def _unloaded_cop(forces: FootForces) -> list[Finding]:
    found = []
    for k, loaded in enumerate(forces.is_loaded.T):
        cop_m = forces.cop_m[:, k]
        if not loaded.any() or loaded.all():
            continue
        low, high = np.nanmin(cop_m[loaded], axis=0), np.nanmax(cop_m[loaded], axis=0)
        off_m = np.maximum(np.maximum(low - cop_m, cop_m - high), 0).max(1)
        rubbish = ~loaded & (off_m > RUBBISH_M)
        if rubbish.any():
            pushed = rubbish & (np.abs(forces.force_N[:, k]).max(1) > 0)
            moment = " and makes moments" if pushed.any() else ""
            what = f"without load the {FEET[k]} centre of pressure is up to {np.nanmax(off_m[rubbish]):.0f} m away{moment}"
            when = stretches_s(rubbish, forces.time_s)
            to_do = f"use filtered() or cleared(), which leave out what is below {CONTACT_N:g} N"
            found.append(Finding(name="unloaded_cop", what=what, when_s=when, to_do=to_do))
    return found


def _plate_changes(forces: FootForces) -> list[Finding]:
    found = []
    for k, spans in enumerate(contacts(forces)):
        middle_m = [np.nanmedian(forces.cop_m[a : b + 1, k][:, [0, 2]], axis=0) for a, b in spans]
        when, jumps = [], []
        for i in range(1, len(spans)):
            jump_m = float(np.linalg.norm(middle_m[i] - middle_m[i - 1]))
            if jump_m > OTHER_PLATE_M:
                jumps.append(jump_m)
                when.append((float(forces.time_s[spans[i - 1][1]]), float(forces.time_s[spans[i][0]])))
        if jumps:
            what = f"the {FEET[k]} foot's force goes on {max(jumps):.2f} m away: another plate"
            to_do = "do not interpolate its centre of pressure through the swing; filtered() does not"
            found.append(Finding(name="plate_change", what=what, when_s=tuple(when), to_do=to_do))
    return found


def is_support_missing(forces: FootForces, mass_kg: float, support_BW: np.ndarray | None = None) -> np.ndarray:
    """(T,): for longer than a moment the plates carry less than the person needs."""
    total_BW = low_pass(forces.force_N[..., 1].sum(1), forces.rate_Hz, SUPPORT_HZ) / (mass_kg * GRAVITY_M_S2)
    lacks = total_BW < LIGHT_BW if support_BW is None else support_BW - total_BW > LACKING_BW
    shortest_s = LIGHT_S if support_BW is None else LACKING_S
    out = np.zeros(len(lacks), bool)
    for a, b in stretches(lacks):
        out[a : b + 1] = forces.time_s[b] - forces.time_s[a] > shortest_s
    return out


def valid_window(forces: FootForces, mass_kg: float, support_BW: np.ndarray | None = None) -> tuple[float, float]:
    """The longest stretch in which the plates carry the person, s.

    Raises:
        InputError: there is none.
    """
    whole = stretches(~is_support_missing(forces, mass_kg, support_BW))
    if not whole:
        raise InputError(f"{forces.source}: the plates never carry a person of {mass_kg:g} kg")
    a, b = max(whole, key=lambda s: s[1] - s[0])
    return float(forces.time_s[a]), float(forces.time_s[b])


def measured_mass_kg(forces: FootForces, mass_kg: float, support_BW: np.ndarray | None = None) -> float:
    """What the plates weigh in the valid window: the vertical force over what the pelvis's acceleration calls for.

    Without `support_BW`, the mean over gravity of as many whole strides as fit, or of the window where none does.
    """
    start_s, end_s = valid_window(forces, mass_kg, support_BW)
    if support_BW is None:
        onsets = [forces.time_s[[a for a, _ in spans if a > 0]] for spans in contacts(forces)]
        strides = np.concatenate([np.diff(t) for t in onsets])
        stride_s = float(np.median(strides)) if len(strides) else np.inf
        count = int((end_s - start_s) / stride_s)
        end_s = start_s + count * stride_s if count else end_s
    inside = (forces.time_s >= start_s) & (forces.time_s <= end_s)
    needed = np.ones(len(inside)) if support_BW is None else support_BW
    inside &= np.isfinite(needed)
    return float(forces.force_N[inside, :, 1].sum() / needed[inside].sum()) / GRAVITY_M_S2


def _mass_mismatch(forces: FootForces, mass_kg: float, support_BW: np.ndarray | None) -> list[Finding]:
    measured_kg = measured_mass_kg(forces, mass_kg, support_BW)
    for _ in range(4):  # a wrong mass also makes a wrong window
        measured_kg = measured_mass_kg(forces, measured_kg, support_BW)
    if abs(measured_kg / mass_kg - 1) <= MASS_TOLERANCE:
        return []
    what = f"the plates weigh {measured_kg:.1f} kg, the person is said to have {mass_kg:.1f} kg"
    return [Finding(name="mass_mismatch", what=what, to_do="scale the body to what the plates weigh, or look for lost steps")]
