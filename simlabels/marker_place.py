"""Where on a person's own body their markers sit: found in a static trial, and on soft tissue again in the movement.

As OpenSim's Scale tool does it, with these differences: segments are scaled by distances between joint centres, not between
markers; soles are level and toes straight in the static trial, whatever shoes do to the markers; and all markers are placed
where they were. World: MuJoCo's, Z up, metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.body.errors import InputError
from realtime.body.rotations import least_rotation

from .contact import POINTS, sole_points
from .ik import Kinematics
from .ik_tree import build_tree, segment_poses
from .marker_ik import marker_inverse_kinematics
from .marker_set import BONY_WEIGHT, CLUSTER_WEIGHT, MarkerSet
from .musculo.body import Body
from .musculo.scale import LANDMARKS as JOINTS_OF_BODY
from .musculo.scale import scale_body, segment_lengths_m

#: Skin and marker between the acromion's marker and the centre of the shoulder, as a share of stature (0.045 m at 1.70 m).
ACROMION_TO_SHOULDER = 0.0265
#: Of the set's own places in the static trial, against 1 of a joint centre: of the pelvis, whose tilt only they show; of others.
PRIOR_PELVIS, PRIOR_OTHERS = 1.0, 0.3
#: Of a level sole in the static trial, metres a radian.
LEVEL_WEIGHT = 0.3
#: What a person who stands still does not bend.
STILL = ("subtalar_angle", "mtp_angle")
#: Places in the static trial that differ more from the set's than this are a swapped name, not a person.
LARGEST_MOVE_M = 0.15
#: The pelvis's width follows the leg's length; what its few markers say beyond this is skin.
PELVIS_BAND = (0.95, 1.05)
#: Skin over muscle, and over the shoulder that an arm raised in the static trial pushes up, is placed again in the movement.
SOFT_LANDMARKS = (None, "acromion")
SOFT_PASSES, SOFT_FRAMES = 3, 200


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A person's markers on their own body."""

    markers: MarkerSet
    place_m: np.ndarray  # (M, 3) in the segments of the scaled body
    factors: dict[str, float]  # segment -> length factor
    static_rms_m: float  # of the set's places and of the joint centres, not of `place_m`


def joint_centres_m(markers: MarkerSet, point_m: np.ndarray) -> np.ndarray:
    """SMPL-24 joint positions (24, 3) that markers (M, 3) of one upright frame show; NaN where they show none.

    Hips: computed centres where the set has them, else by Harrington et al. 2007 (J Biomech 40:595, the regression on pelvic
    depth and width). Knees, ankles, elbows: middle of the lateral and the medial marker.
    """
    joints_m = np.full((24, 3), np.nan)

    def middle(*landmarks: str, side: str | None = None) -> np.ndarray:
        found = [[point_m[i] for i in markers.at(name, side)] for name in landmarks]
        if not all(found):
            return np.full(3, np.nan)
        return np.mean([np.mean(points, axis=0) for points in found], axis=0)

    hips = _hip_centres_m(markers, point_m, middle)
    up = np.array([0.0, 0.0, 1.0])
    height_m = np.nanmax(point_m[:, 2]) - np.nanmin(point_m[:, 2])
    for k, side in enumerate("lr"):
        joints_m[1 + k] = hips[side]
        joints_m[4 + k] = middle("knee_lateral", "knee_medial", side=side)
        joints_m[7 + k] = middle("ankle_lateral", "ankle_medial", side=side)
        joints_m[16 + k] = middle("acromion", side=side) - ACROMION_TO_SHOULDER * height_m * up
        joints_m[18 + k] = middle("elbow_lateral", "elbow_medial", side=side)
        joints_m[20 + k] = middle("wrist", side=side)
    return joints_m


def _hip_centres_m(markers: MarkerSet, point_m: np.ndarray, middle) -> dict[str, np.ndarray]:
    computed = {side: middle("hip_centre", side=side) for side in "lr"}
    if np.isfinite([computed["l"], computed["r"]]).all():
        return computed
    asis = {side: middle("asis", side=side) for side in "lr"}
    back = middle("psis") if markers.at("psis") else middle("sacrum")
    front = (asis["l"] + asis["r"]) / 2
    right = asis["r"] - asis["l"]
    width_m = np.linalg.norm(right)
    right = right / width_m
    forward = front - back
    forward -= right * (forward @ right)
    depth_m = np.linalg.norm(forward)
    forward = forward / depth_m
    up = np.cross(right, forward)
    # Millimetres in the paper; origin between the front spines.
    x, y, z = -0.24 * depth_m - 0.0099, -0.30 * width_m - 0.0109, 0.33 * width_m + 0.0073
    return {side: front + x * forward + y * up + sign * z * right for side, sign in (("l", -1), ("r", 1))}


def factors_of(body: Body, joints_m: np.ndarray) -> dict[str, float]:
    """Length factors of a person with these joint centres (24, 3), against the generic body; leaves `body` generic."""
    scale_body(body)
    body.pose(body.standing(np.zeros(len(body.joints))))
    generic = np.full((1, 24, 3), np.nan)
    for joint, (name, _) in JOINTS_OF_BODY.items():
        generic[0, joint] = body.data.body(name).xpos
    theirs, ours = segment_lengths_m(joints_m[None]), segment_lengths_m(generic)
    factors = {s: theirs[s] / ours[s] for s in ours if np.isfinite(theirs[s])}
    if not {"femur", "tibia"} <= set(factors):
        raise InputError("the static trial shows no knee or ankle centre: it needs lateral and medial markers of both")
    leg = (factors["femur"] + factors["tibia"]) / 2
    for segment in ("pelvis", "foot", "trunk", "humerus"):
        factors.setdefault(segment, leg)
    factors.setdefault("forearm", factors["humerus"])
    factors["pelvis"] = float(np.clip(factors["pelvis"], PELVIS_BAND[0] * leg, PELVIS_BAND[1] * leg))
    factors["hand"] = factors["forearm"]
    return factors


def place_markers(body: Body, markers: MarkerSet, static_m: np.ndarray, mass_kg: float) -> Placement:
    """Scales `body` to the person of a static trial and finds where on it each marker sits.

    The pose of the static trial is found by the joint centres and the axes of knees and ankles; the places that the set gives
    only say what these do not (how the pelvis tilts, where the toes point).

    Args:
        markers: those that the trial has, in its order.
        static_m: (T, M, 3), Z up; NaN = absent. The person stands still.

    Raises:
        InputError: a marker is nowhere in the trial, or far from where the set says it is.
    """
    is_seen = np.any(np.isfinite(static_m).all(-1), axis=0).tolist()
    lacking = [m.name for m, there in zip(markers.markers, is_seen, strict=True) if not there]
    if lacking:
        raise InputError(f"the static trial never shows {', '.join(lacking)}")
    point_m = np.nanmedian(static_m, axis=0)
    joints_m = joint_centres_m(markers, point_m)
    factors = factors_of(body, joints_m)
    scale_body(body, factors, mass_kg)
    prior_m = np.array([m.position_m * body.body_factor[body.model.body(m.body).id] for m in markers.markers])
    prior = [(PRIOR_PELVIS if m.body == "pelvis" else PRIOR_OTHERS) if m.landmark else 0.0 for m in markers.markers]
    names, anatomy_m, seen_m = _anatomy(body, markers, point_m, joints_m)
    at = ([*(m.body for m in markers.markers), *names], np.concatenate([prior_m, anatomy_m]))
    seen = (np.concatenate([point_m, seen_m])[None], np.array([*prior, *np.ones(len(names))]))
    standing = marker_inverse_kinematics(body, *at, *seen, still=STILL)
    level = _level_feet(body, standing.q[0])
    standing = marker_inverse_kinematics(body, *at, *seen, still=STILL, R_world_segment=level, rotation_weight=LEVEL_WEIGHT)
    place_m = _places_m(body, standing.q, [m.body for m in markers.markers], point_m[None])
    moved_m = np.linalg.norm(place_m - prior_m, axis=1)
    if (moved_m > LARGEST_MOVE_M).any():
        worst = int(moved_m.argmax())
        raise InputError(
            f"marker {markers.markers[worst].name} lies {1000 * moved_m[worst]:.0f} mm from its place on the "
            f"{markers.markers[worst].body}: check the marker set, and names that are swapped"
        )
    return Placement(markers=markers, place_m=place_m, factors=factors, static_rms_m=float(standing.rms_m[0]))


def trial_kinematics(body: Body, placement: Placement, names: Sequence[str], marker_m: np.ndarray) -> Kinematics:
    """Reduced positions of a trial (T, M, 3), Z up, by the markers that it shares with the static trial.

    Markers on soft tissue are placed again, where the median frame of the trial has them.

    Raises:
        InputError: no marker is known, or too few of the pelvis.
    """
    known = [i for i, m in enumerate(placement.markers.markers) if m.name in names]
    if not known:
        raise InputError(f"none of the trial's markers was in the static trial: {', '.join(names[:5])}, ...")
    markers = MarkerSet(placement.markers.name, tuple(placement.markers.markers[i] for i in known))
    marker_m = marker_m[:, [list(names).index(m.name) for m in markers.markers]]
    segments, place_m = [m.body for m in markers.markers], placement.place_m[known].copy()
    weight = np.array([BONY_WEIGHT if m.landmark else CLUSTER_WEIGHT for m in markers.markers])
    some_m = marker_m[:: max(1, len(marker_m) // SOFT_FRAMES)]
    is_seen = np.any(np.isfinite(some_m).all(-1), axis=0).tolist()
    soft = [i for i, m in enumerate(markers.markers) if m.landmark in SOFT_LANDMARKS and is_seen[i]]
    for _ in range(SOFT_PASSES):
        q = marker_inverse_kinematics(body, segments, place_m, some_m, weight).q
        place_m[soft] = _places_m(body, q, [segments[i] for i in soft], some_m[:, soft])
    return marker_inverse_kinematics(body, segments, place_m, marker_m, weight)


def _level_feet(body: Body, q: np.ndarray) -> dict[str, np.ndarray]:
    """Rotations of both feet, turned the shortest way so that their soles are level: nobody stands still on their toes."""
    body.pose(q)
    d, sole, level = body.data, sole_points(body), {}
    for k, name in enumerate(("calcn_l", "calcn_r")):
        points_m = np.array([d.xpos[b] + d.xmat[b].reshape(3, 3) @ p for b, p in sole[k * POINTS : (k + 1) * POINTS]])
        normal = np.linalg.svd(points_m - points_m.mean(0))[2][2]
        up = np.array([0.0, 0.0, 1.0])
        level[name] = least_rotation(normal * np.sign(normal[2]), up) @ d.body(name).xmat.reshape(3, 3)
    return level


def _anatomy(
    body: Body, markers: MarkerSet, point_m: np.ndarray, joints_m: np.ndarray
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Joint centres, and the axes of knee and ankle as two points each: segments, places in them, where they were measured."""
    found: list[tuple[str, np.ndarray, np.ndarray]] = []
    for joint, (name, _) in JOINTS_OF_BODY.items():
        if np.isfinite(joints_m[joint]).all():
            found.append((name, np.zeros(3), joints_m[joint]))
    for side, sign in (("r", 1.0), ("l", -1.0)):
        for landmark, segment, below in (
            ("knee", f"femur_{side}", f"tibia_{side}"),
            ("ankle", f"tibia_{side}", f"talus_{side}"),
        ):
            ends = [markers.at(f"{landmark}_{end}", side) for end in ("lateral", "medial")]
            if not all(ends):
                continue
            lateral, medial = point_m[ends[0][0]], point_m[ends[1][0]]
            half = np.array([0, 0, sign * np.linalg.norm(lateral - medial) / 2])
            centre = body.model.body_pos[body.model.body(below).id]
            found += [(segment, centre + half, lateral), (segment, centre - half, medial)]
    return [f[0] for f in found], np.array([f[1] for f in found]), np.array([f[2] for f in found])


def _places_m(body: Body, q: np.ndarray, segments: Sequence[str], marker_m: np.ndarray) -> np.ndarray:
    """Median place (M, 3) of each marker (T, M, 3) in its segment; each is seen in some frame."""
    tree, at = build_tree(body, list(segments))
    position_m, R = segment_poses(q, tree, at)
    return np.nanmedian(((marker_m - position_m)[:, :, None] @ R)[:, :, 0], axis=0)
