"""How large and how heavy a clip's person is, and how that is known: said, measured, or estimated by a stated rule.

- Height: `subjects.csv`, else the legs of the skeleton (stature = leg / 0.491, Winter 2009). The legs of people of one stature differ
  by about 2.5 % (standard deviation), so a skeleton within 5 % of what is said is believed. Farther
  off, the unit or the skeleton is not the person's, and the whole motion is scaled: bones and path alike.
- One person has one size. Where the skeletons of a subject differ, each counts once, however many clips use it; one that other
  subjects use as well is a rig, made for nobody, and counts only where there is no other. Clips more than 5 % off what most of
  them agree on are scaled to it. Where they do not agree, or nothing but a rig is known, the clip stays as it is, and says so.
- Mass: `subjects.csv`, else body mass index x height^2 where sex or height are known (ANSUR II 2012, adults: men 85.5 kg at 1.756 m,
  women 67.8 kg at 1.629 m; the mean of both if the sex is unknown), else by the leg (`musculo.scale.estimated_mass_kg`).

Age is recorded and not used. AMASS-style motion is as large as its betas, or as our own rest skeleton, and is not scaled here.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from realtime.body.errors import BioHumanError

from .folder import ClipFile, Subject, is_smpl
from .readers.asf import read_asf
from .readers.bvh import read_skeleton
from .readers.retarget import LEG_PER_STATURE, SmplMotion

SIZE_TOLERANCE = 0.05
#: kg / m2.
BMI = {"male": 85.5 / 1.756**2, "female": 67.8 / 1.629**2}
#: Subjects of these names are not known to be one person.
NOBODY = ("unknown", "u_")
#: The thigh and the shank, both sides.
ASF_LEGS, BVH_LEGS = ("lfemur", "ltibia", "rfemur", "rtibia"), ("LeftLeg", "LeftFoot", "RightLeg", "RightFoot")

SAID, SKELETON, RIG = "subjects.csv", "skeleton", "skeleton that other subjects have too"
OTHER_CLIPS, DISAGREEING = "the subject's other clips", "skeleton, which the subject's other clips do not have"


@dataclass(frozen=True)
class Person:
    """Who performs a clip."""

    mass_kg: float | None  # None: by the leg
    weighed: bool
    notes: dict  # for `clip_details`: how height and mass are known, by what the motion was scaled


def person_settings() -> dict:
    """The rules, for `dataset.json`."""
    return {
        "size_tolerance": SIZE_TOLERANCE,
        "stature": f"leg / {LEG_PER_STATURE} (Winter 2009)",
        "body_mass_index": {sex: round(value, 2) for sex, value in BMI.items()},
        "strength": "fmax x (mass ratio)^(2/3): geometric similarity",
    }


def sized(motion: SmplMotion, clip: ClipFile) -> tuple[SmplMotion, Person]:
    """The motion at the person's size, and the person. The floor of `motion` is at y = 0."""
    known, skeleton_height_m = clip.person, motion.stature_m
    wanted_m = None if is_smpl(clip) else known.height_m or clip.height_m
    scale = wanted_m / skeleton_height_m if wanted_m else 1.0
    if abs(scale - 1) > SIZE_TOLERANCE:
        motion = replace(motion, pelvis_m=motion.pelvis_m * scale, rest_m=motion.rest_m * scale)
    else:
        scale = 1.0
    mass_kg, mass_from = estimated_mass(known, motion.stature_m) if known.mass_kg is None else (known.mass_kg, SAID)
    notes = {
        "height_from": clip.height_from if known.height_m is None else SAID,
        "mass_from": mass_from,
        "skeleton_height_m": skeleton_height_m,
        "scale": scale,
    }
    return motion, Person(mass_kg, known.mass_kg is not None, notes)


def estimated_mass(known: Subject, stature_m: float) -> tuple[float | None, str]:
    """Mass by body mass index, kg, and what it hangs on; None if neither sex nor height are known."""
    sex = sex_of(known.sex)
    if sex is None and known.height_m is None:
        return None, "leg length"
    index = BMI[sex] if sex else float(np.mean(list(BMI.values())))
    return index * (known.height_m or stature_m) ** 2, "sex and height" if sex else "height"


def sex_of(text: str | None) -> str | None:
    """ "male" or "female" of what `subjects.csv` says; None is anything else."""
    return {"m": "male", "male": "male", "f": "female", "female": "female"}.get((text or "").strip().lower())


# ---- a folder's subjects against each other
def with_sizes(clips: list[ClipFile]) -> list[ClipFile]:
    """Clips with `height_m` and `height_from` by what their subject's other clips say. Reads skeletons, no motion."""
    skeletons = {clip.clip: _skeleton(clip) for clip in clips if clip.person.height_m is None and not _is_nobody(clip)}
    used_by: dict[bytes, set[str]] = defaultdict(set)
    heights_of: dict[str, dict[bytes, float]] = defaultdict(dict)
    for clip in clips:
        if found := skeletons.get(clip.clip):
            used_by[found[0]].add(clip.subject)
            heights_of[clip.subject][found[0]] = found[1]
    rigs = {key for key, subjects in used_by.items() if len(subjects) > 1}
    return [
        replace(clip, **_size(found, heights_of[clip.subject], rigs)) if (found := skeletons.get(clip.clip)) else clip
        for clip in clips
    ]


def _size(found: tuple[bytes, float], heights: dict[bytes, float], rigs: set[bytes]) -> dict:
    """Fields of a clip whose skeleton is `found`, among those of its subject."""
    key, height_m = found
    agreed_m = agreed([h for k, h in heights.items() if k not in rigs] or list(heights.values()))
    if agreed_m is None:
        return {"height_from": DISAGREEING}
    if abs(height_m / agreed_m - 1) > SIZE_TOLERANCE:
        return {"height_m": agreed_m, "height_from": OTHER_CLIPS}
    return {"height_from": RIG if key in rigs else SKELETON}


def agreed(heights_m: list[float]) -> float | None:
    """What more than half of the heights agree on; None if they do not."""
    middle = median(heights_m)
    near = [h for h in heights_m if abs(h / middle - 1) <= SIZE_TOLERANCE]
    return median(near) if 2 * len(near) > len(heights_m) else None


def _is_nobody(clip: ClipFile) -> bool:
    return clip.subject == NOBODY[0] or clip.subject.startswith(NOBODY[1])


def _skeleton(clip: ClipFile) -> tuple[bytes, float] | None:
    """What tells a clip's skeleton from others, and the stature by its legs, m; None if it cannot be read: labelling it says why."""
    if is_smpl(clip):
        return None
    try:
        if clip.skeleton is not None:
            skeleton = read_asf(clip.skeleton)
            names = [bone.name for bone in skeleton.bones]
            offsets_m = np.array([bone.end for bone in skeleton.bones]) * skeleton.unit_m
        else:
            names, offsets_m = read_skeleton(clip.path)
        legs = [offsets_m[names.index(name)] for name in (ASF_LEGS if clip.skeleton else BVH_LEGS)]
    except (BioHumanError, ValueError):
        return None
    leg_m = float(np.linalg.norm(legs, axis=1).sum() / 2)
    return np.round(offsets_m, 4).tobytes(), leg_m / LEG_PER_STATURE
