"""What a person wears and looks like: drawn at random, and how it lies on the body."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Colour = tuple[float, float, float]  # linear RGB 0..1

_SKIN_TONES = np.array(
    [[0.80, 0.60, 0.48], [0.74, 0.53, 0.40], [0.62, 0.42, 0.30], [0.46, 0.30, 0.20], [0.30, 0.19, 0.13], [0.20, 0.12, 0.085]]
)
_HAIR_COLOURS = np.array([[0.03, 0.025, 0.02], [0.10, 0.06, 0.035], [0.22, 0.13, 0.07], [0.45, 0.32, 0.16], [0.5, 0.48, 0.45]])
_JEANS = np.array([0.05, 0.07, 0.16])
_IRIS = np.array([[0.06, 0.035, 0.02], [0.12, 0.07, 0.035], [0.10, 0.14, 0.08], [0.11, 0.17, 0.26], [0.20, 0.22, 0.24]])
#: How wide a neckline is cut about the axis of the neck; the cloth shader has the same number.
_COLLAR_M = 0.105


@dataclass(frozen=True)
class Outfit:
    """Clothes, hair and colours. Lengths on arm, leg and torso are those of `Mesh.region`."""

    skin_colour: Colour
    hair: str  # bald, short or long
    hair_colour: Colour
    hair_below_eyes_m: float  # where long hair ends
    hairline: float  # height of short hair's line, 0 eyes .. 1 crown
    iris_colour: Colour
    sleeve: float
    leg_end: float
    waist: float
    neckline: float
    hem: float | None  # of a skirt
    top_colour: Colour
    bottom_colour: Colour
    shoe_colour: Colour
    sole_m: float
    pattern: int
    looseness_m: tuple[float, float, float]  # everywhere, more at trouser ends, more about belly and hips
    seed: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def random_outfit(phenotype: dict[str, float], rng: np.random.Generator) -> Outfit:
    """Clothes of any sort for anybody; skirts and long hair less often for men, skin by ancestry, loosely."""
    male = phenotype["gender"]
    skirt = bool(rng.random() < 0.16 * (1 - male) + 0.01)
    hem = float(rng.uniform(0.45, 0.95))
    dark = 0.15 * phenotype["caucasian"] + 0.35 * phenotype["asian"] + 0.85 * phenotype["african"] + rng.normal(0, 0.16)
    tones = np.clip(dark, 0, 1) * (len(_SKIN_TONES) - 1)
    skin = np.array([np.interp(tones, np.arange(len(_SKIN_TONES)), channel) for channel in _SKIN_TONES.T])
    old = phenotype["age"] > 0.85
    hair_colour = _HAIR_COLOURS[rng.choice(5, p=[0.25, 0.2, 0.12, 0.08, 0.35] if old else [0.36, 0.31, 0.17, 0.12, 0.04])]
    return Outfit(
        skin_colour=_colour(skin * rng.uniform(0.9, 1.12)),
        hair=str(rng.choice(["bald", "short", "long"], p=[0.01 + 0.11 * male, 0.34 + 0.46 * male, 0.65 - 0.57 * male])),
        hair_colour=_colour(hair_colour * rng.uniform(0.7, 1.2)),
        hair_below_eyes_m=float(rng.uniform(0.05, 0.30)),
        hairline=float(rng.uniform(0.33, 0.50)),
        iris_colour=_colour(_IRIS[rng.choice(5, p=[0.35, 0.3, 0.12, 0.15, 0.08])] * rng.uniform(0.7, 1.2)),
        sleeve=float(rng.choice([rng.uniform(0.15, 0.3), rng.uniform(0.5, 0.7), 1.0, 1.9], p=[0.12, 0.43, 0.08, 0.37])),
        leg_end=hem - 0.15
        if skirt
        else float(rng.choice([rng.uniform(0.35, 0.9), rng.uniform(1.3, 1.6), 1.87], p=[0.22, 0.06, 0.72])),
        waist=float(rng.uniform(-0.02, 0.14)),
        neckline=float(rng.uniform(0.9, 0.98)),
        hem=hem if skirt else None,
        top_colour=_cloth_colour(rng),
        bottom_colour=_cloth_colour(rng) if rng.random() < 0.5 else _colour(_JEANS * rng.uniform(0.3, 3)),
        shoe_colour=_cloth_colour(rng, 0.7),
        sole_m=float(rng.uniform(0.004, 0.022)),
        pattern=int(rng.choice(5, p=[0.5, 0.14, 0.1, 0.1, 0.16])),
        looseness_m=(float(rng.uniform(0.004, 0.012)), float(rng.uniform(0, 0.022)), float(rng.uniform(0, 0.024))),
        seed=(float(rng.uniform(0, 9)), float(rng.uniform(0, 9))),
    )


def cloth_offset_m(outfit: Outfit, region: np.ndarray) -> np.ndarray:
    """How far (n,) the suit stands off the body, by `Mesh.region` (n, 4)."""
    arm, leg, torso, _ = region.T
    everywhere, at_legs, about_belly = outfit.looseness_m
    loose = np.full(len(region), everywhere)
    loose += np.where(leg > 0, at_legs * np.clip(leg - 0.3, 0, 1), 0)
    loose += np.where((leg == 0) & (arm < 0.1), about_belly * np.clip((0.75 - torso) / 0.25, 0, 1), 0)
    return np.where(leg > 1.88, 0.004, loose)


def is_worn(outfit: Outfit, region: np.ndarray, texture_m: np.ndarray, neck_m: np.ndarray) -> np.ndarray:
    """Vertices (n,) of the suit that the cloth shader shows."""
    arm, leg, torso, head = region.T
    shoe, lower = leg > 1.88, (arm < 0.02) & (torso < outfit.waist)
    at_neck = (torso > outfit.neckline) & (_from_neck_m(texture_m, neck_m) < _COLLAR_M)
    return np.where(shoe, head <= 0.5, np.where(lower, leg <= outfit.leg_end, (arm <= outfit.sleeve) & ~at_neck))


def is_covered(outfit: Outfit, region: np.ndarray, texture_m: np.ndarray, neck_m: np.ndarray) -> np.ndarray:
    """Skin (n,) that lies well under cloth: it is not drawn, so that it cannot show through."""
    arm, leg, torso, head = region.T
    near_collar = (torso > outfit.neckline - 0.04) & (_from_neck_m(texture_m, neck_m) < _COLLAR_M + 0.02)
    under_top = (arm < outfit.sleeve - 0.1) & (torso > outfit.waist + 0.03) & ~near_collar
    under_bottom = (arm < 0.02) & (torso < outfit.waist + 0.03) & (leg < outfit.leg_end - 0.1)
    return (under_top | under_bottom | (leg > 2.0)) & (head < 0.1)


def _from_neck_m(texture_m: np.ndarray, neck_m: np.ndarray) -> np.ndarray:
    return np.hypot(*(texture_m[:, [0, 2]] - neck_m).T)


def wrinkled(normals: np.ndarray, points_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normals (n, 3) of cloth with a smooth random bump: folds cost nothing when they are drawn once an outfit."""
    waves_per_m, phase, amount = rng.normal(0, 22, (6, 3)), rng.uniform(0, 2 * np.pi, 6), rng.normal(0, 0.13, (6, 3))
    bumped = normals + np.sin(points_m @ waves_per_m.T + phase) @ amount
    return bumped / np.linalg.norm(bumped, axis=1, keepdims=True)


def _cloth_colour(rng: np.random.Generator, brightness: float = 1.0) -> Colour:
    """From black over grey to saturated: most clothes are muted."""
    hue = rng.dirichlet([1.2] * 3)
    saturation = rng.beta(1.3, 1.6)
    return _colour((hue * saturation + (1 - saturation) / 3) * 3 * brightness * np.exp(rng.uniform(np.log(0.03), np.log(0.8))))


def _colour(rgb: np.ndarray) -> Colour:
    r, g, b = np.clip(rgb, 0.01, 0.95).tolist()
    return r, g, b
