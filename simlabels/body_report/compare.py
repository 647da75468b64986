"""How far the body's muscles are from OpenSim's, as shipped and as mended: moment arms and fibre lengths, as plain figures.

Legs: against the curves and postures of `opensim.json`, both sides (their coordinates have the same meaning left and right).
Trunk and arms, which no OpenSim model on record carries in this form: fibres in random poses.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from realtime.body.muscles import muscle_table

from ..musculo.body import Body
from ..musculo.muscle_parameters import SAMPLED_SHARE
from .bodies import Measured, fibre_lengths, joints_of, measure, normalised

#: Fibres work well between these, in optimal lengths: below and above less than half the force is left.
WORKING = (0.5, 1.5)
#: Moment arms further than this from OpenSim's (rms over the range of the joint) are counted.
FAR_MM = 5.0
POSES = 400
#: Not the poses that the fibres were fitted in.
POSES_SEED = 1

Bodies = Mapping[str, Body]  # "before", "after"


@cache
def opensim() -> dict[str, Any]:
    """`opensim.json`; how it was made stands in its head."""
    return json.loads((files("simlabels.body_report") / "opensim.json").read_text("utf-8"))


def compare(before: Body, after: Body) -> dict[str, Any]:
    """The whole report, JSON-ready; lists are sorted worst first."""
    bodies = {"before": before, "after": after}
    arms, fibres, others = moment_arms(bodies), leg_fibres(bodies), other_fibres(bodies)
    return {
        "reference": {k: opensim()[k] for k in ("source", "licence", "model_sha256", "opensim")},
        "summary": {
            "moment_arms": _arm_summary(arms),
            "leg_fibres": _leg_fibre_summary(fibres),
            "other_fibres": _other_summary(bodies, others),
        },
        "moment_arms": arms,
        "leg_fibres": fibres,
        "other_fibres": others,
    }


# ---- moment arms of the legs
def sweeps(bodies: Bodies) -> Iterator[tuple[str, str, np.ndarray, dict[str, np.ndarray]]]:
    """(muscle, joint, angles deg, moment arms mm by `opensim`, `before`, `after`) over each joint's range, the others at zero."""
    for side in "rl":
        for coordinate, sweep in opensim()["sweeps"].items():
            joint, angles = f"{coordinate}_{side}", np.array(sweep["angle_deg"])
            found = {which: measure(body, joints_of(body, {joint: angles})) for which, body in bodies.items()}
            for muscle, curve in sweep["moment_arm_mm"].items():
                ours = {which: _arm_mm(bodies[which], found[which], f"{muscle}_{side}", joint) for which in bodies}
                yield f"{muscle}_{side}", joint, angles, {"opensim": np.array(curve), **ours}


def moment_arms(bodies: Bodies) -> list[dict[str, Any]]:
    """Differences to OpenSim for each muscle and joint that it crosses: over the joint's range, and in random postures."""
    postures = opensim()["postures"]["anywhere"]
    found = {f"{which}_{side}": _in_postures(body, postures, side) for which, body in bodies.items() for side in "rl"}
    rows = []
    for muscle, joint, angles, curves in sweeps(bodies):
        row: dict[str, Any] = {"muscle": muscle, "joint": joint}
        for which, body in bodies.items():
            difference = curves[which] - curves["opensim"]
            anywhere = _arm_mm(body, found[f"{which}_{joint[-1]}"], muscle, joint)
            theirs = np.array(postures["moment_arm_mm"][muscle[:-2]][joint[:-2]])
            worst = int(np.abs(difference).argmax())
            row[which] = {
                "rms_mm": _rms(difference),
                "worst_mm": float(difference[worst]),
                "worst_at_deg": float(angles[worst]),
                "anywhere_rms_mm": _rms(anywhere - theirs),
                "anywhere_worst_mm": float((anywhere - theirs)[np.abs(anywhere - theirs).argmax()]),
            }
        rows.append(row)
    return sorted(rows, key=lambda row: (-round(row["after"]["rms_mm"], 2), -row["before"]["rms_mm"]))


def _arm_mm(body: Body, found: Measured, muscle: str, joint: str) -> np.ndarray:
    return 1000 * found.moment_arm_m[:, body.muscle_names.index(muscle), body.joints.index(joint)]


def _in_postures(body: Body, postures: Mapping[str, Any], side: str) -> Measured:
    columns = np.array(postures["angle_deg"]).T
    return measure(
        body, joints_of(body, {f"{name}_{side}": c for name, c in zip(opensim()["coordinates"], columns, strict=True)})
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _arm_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"pairs": len(rows)}
    for which in ("before", "after"):
        rms = np.array([row[which]["rms_mm"] for row in rows])
        out[which] = {
            f"above_{FAR_MM:g}_mm": int((rms > FAR_MM).sum()),
            "median_rms_mm": float(np.median(rms)),
            "largest_rms_mm": float(rms.max()),
        }
    right = {(r["muscle"][:-2], r["joint"][:-2]): r for r in rows if r["joint"].endswith("_r")}
    left = [r for r in rows if r["joint"].endswith("_l")]
    out["left_from_right_mm"] = max(
        abs(r["after"]["rms_mm"] - right[r["muscle"][:-2], r["joint"][:-2]]["after"]["rms_mm"]) for r in left
    )
    return out


# ---- fibres of the legs
def leg_fibres(bodies: Bodies) -> list[dict[str, Any]]:
    """Shortest and longest fibre in OpenSim's postures, and the share of postures outside WORKING, beside OpenSim's own.

    `same_parameters` is false where the mended fibre is not that of the reference: vasti, gastrocnemii and semimembranosus.
    """
    found: dict[str, dict[str, Any]] = {}
    after = bodies["after"]
    for side in "rl":
        for name, postures in opensim()["postures"].items():
            fibres = {}
            for which, body in bodies.items():
                fibres[which] = fibre_lengths(body.muscles, _in_postures(body, postures, side).length_m)
            for base, length_mm in postures["length_mm"].items():
                muscle = f"{base}_{side}"
                _, *parameters = opensim()["muscles"][base]
                i = after.muscle_names.index(muscle)
                same = np.isclose(after.muscles.optimal_fibre_m[i], parameters[0], rtol=0.01)
                row = found.setdefault(muscle, {"muscle": muscle, "same_parameters": bool(same)})
                theirs = normalised(np.array(length_mm) / 1000, *parameters)
                row[name] = {w: _spread(f[:, i]) | {"rms": _rms(f[:, i] - theirs)} for w, f in fibres.items()}
                row[name]["opensim"] = _spread(theirs)
    return sorted(found.values(), key=lambda row: -row["anywhere"]["after"]["rms"])


def _spread(fibre: np.ndarray) -> dict[str, float]:
    return {
        "shortest": float(fibre.min()),
        "longest": float(fibre.max()),
        "outside": float(np.mean((fibre < WORKING[0]) | (fibre > WORKING[1]))),
    }


def _leg_fibre_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By posture set: shares outside WORKING; and how far fibres are from OpenSim's, where both have the same parameters."""
    out: dict[str, Any] = {}
    for name in opensim()["postures"]:
        out[name] = {
            w: {"outside": float(np.mean([row[name][w]["outside"] for row in rows]))} for w in ("before", "after", "opensim")
        }
        for which in ("before", "after"):
            rms = [row[name][which]["rms"] for row in rows if row["same_parameters"]]
            out[name][which] |= {"median_rms": float(np.median(rms)), "largest_rms": max(rms)}
    return out


# ---- fibres of trunk and arms
def other_fibres(bodies: Bodies) -> list[dict[str, Any]]:
    """Fibres of trunk and arms over random poses in the middle of the joint ranges."""
    after = bodies["after"]
    middle, half = (after.lower_rad + after.upper_rad) / 2, (after.upper_rad - after.lower_rad) / 2
    rng = np.random.default_rng(POSES_SEED)
    poses = middle + SAMPLED_SHARE * half * rng.uniform(-1, 1, (POSES, len(middle)))
    fibres = {which: fibre_lengths(body.muscles, _lengths_m(body, poses)) for which, body in bodies.items()}
    rows = [
        {"muscle": m.name, "region": m.region, "side": m.side, "group": m.group}
        | {which: _spread(fibres[which][:, m.index]) for which in bodies}
        for m in muscle_table()
        if m.region != "leg"
    ]
    return sorted(rows, key=lambda row: (-row["after"]["outside"], -row["before"]["outside"], row["muscle"]))


def _lengths_m(body: Body, poses: np.ndarray) -> np.ndarray:
    return np.stack([body.muscle_lengths_m(pose) for pose in poses])


def _other_summary(bodies: Bodies, rows: list[dict[str, Any]]) -> dict[str, Any]:
    chosen = np.array([m.index for m in muscle_table() if m.region != "leg"])
    out: dict[str, Any] = {"muscles": len(rows), "poses": POSES}
    for which, body in bodies.items():
        outside = np.array([row[which]["outside"] for row in rows])
        out[which] = {
            "outside": float(outside.mean()),
            "muscles_outside_in_a_tenth": int((outside > 0.1).sum()),
            "negative_slack": int((body.muscles.tendon_slack_m[chosen] < 0).sum()),
            "fibre_longer_than_path": int((body.muscles.optimal_fibre_m > body.generic_length_m)[chosen].sum()),
        }
    return out
