"""How sure a label is: the clip labelled again from perturbed people, filters and motions, and the standard deviation of what comes out.

What is perturbed, and by how much (standard deviation unless said otherwise):

- mass: 1 % where it was given; 15 % where it was estimated, as adults of one stature differ (ANSUR II 2012: BMI 27 +- 4).
- segment lengths: 2 %, a centimetre in half a metre, which is how well joint centres are known.
- segment masses: 10 %, half of what tables disagree by (thigh: Dempster 10.0 %, de Leva 14.2 % of the body); the sum is kept.
- strength: 20 % of each muscle, both sides alike, 15 % of all together (cross-sections differ by some 30 % between people of
  all sizes: Ward 2009), and an exponent of mass between 1/2 and 1 instead of 2/3.
- cut-off: evenly between 5/6 and 8/6 of the one chosen: 5 to 8 Hz.
- kinematics: each joint is displaced by a random linear function of the posture, as skin moves on bones (Bonci 2014): smooth
  as the motion is, and still where it is still. As large as inverse kinematics misses the joints, at most a tenth of the
  movement about the pelvis. The inverse kinematics is done again.

What is not: cost function, moment arms, fibre lengths, contact model. The true error is larger (docs/labels.md has it against
force plates).
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from realtime.body.muscles import muscle_mirror

from .choices import Choices
from .contact import pushes_N
from .ik import inverse_kinematics
from .label import R_MJ_WORLD, ik_targets, smooth, solve_clip
from .musculo.body import Body
from .musculo.model import GENERIC_MASS_KG
from .musculo.scale import MASS_RANGE_KG, SEGMENTS, estimated_mass_kg, scale_body, segment_bodies, segment_factors
from .readers.retarget import SmplMotion

MASS_WEIGHED, MASS_ESTIMATED = 0.01, 0.15
LENGTH, SEGMENT_MASS = 0.02, 0.10
STRENGTH_EACH, STRENGTH_ALL, STRENGTH_EXPONENT = 0.20, 0.15, (0.5, 1.0)
CUTOFF = (5 / 6, 8 / 6)
MOST_NOISE = 0.1  # of the movement
_PARTS = (*SEGMENTS, "trunk")


def spread_settings() -> dict:
    """What is drawn, for `dataset.json`."""
    return {
        "mass": {"given": MASS_WEIGHED, "estimated": MASS_ESTIMATED},
        "segment_length": LENGTH,
        "segment_mass": SEGMENT_MASS,
        "strength": {"each": STRENGTH_EACH, "all": STRENGTH_ALL, "exponent": list(STRENGTH_EXPONENT)},
        "cutoff": list(CUTOFF),
        "joints": ["ik_rms_m, median", MOST_NOISE],
    }


@dataclass(frozen=True)
class Draw:
    """One perturbed world."""

    mass: float  # factor, as those below
    length: dict[str, float]  # by segment
    segment_mass: dict[str, float]
    strength: np.ndarray  # (354,)
    exponent: float  # of the mass ratio in strength
    cutoff: float
    skin: np.ndarray  # (72, 72): displacement of the joints by the joints' places


def draw(name: str, k: int, mass_deviation: float) -> Draw:
    """The k-th draw of a clip: the same on every machine."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{name}/{k}".encode()).digest()[:8], "big"))
    each = rng.normal(0, STRENGTH_EACH, 354)
    mirror = np.asarray(muscle_mirror())
    return Draw(
        mass=float(np.exp(rng.normal(0, mass_deviation))),
        length={part: float(np.exp(rng.normal(0, LENGTH))) for part in _PARTS},
        segment_mass={part: float(np.exp(rng.normal(0, SEGMENT_MASS))) for part in _PARTS},
        strength=np.exp(each[np.minimum(np.arange(354), mirror)] + rng.normal(0, STRENGTH_ALL)),
        exponent=float(rng.uniform(*STRENGTH_EXPONENT)),
        cutoff=float(rng.uniform(*CUTOFF)),
        skin=rng.normal(size=(72, 72)),
    )


def spread_columns(
    body: Body,
    motion: SmplMotion,
    ik_rms_m: np.ndarray,
    name: str,
    choices: Choices,
    mass_kg: float | None = None,
    *,
    weighed: bool = True,
) -> dict[str, np.ndarray]:
    """Columns of LABEL_SPREAD: the deviation over `choices.spread` draws. Leaves `body` the person.

    Args:
        motion, mass_kg: as `label_clip` was given them.
        ik_rms_m: what its inverse kinematics left, (T,).
        name: of the clip; decides the draws.
        weighed: `mass_kg` was measured, not estimated.
    """
    joints_m, R = ik_targets(motion)
    factors = segment_factors(body, joints_m)
    person_kg = mass_kg or estimated_mass_kg(factors)
    size_m = float(np.median(ik_rms_m))
    activation, force_BW = _Deviation(), _Deviation()
    for k in range(choices.spread):
        d = draw(name, k, MASS_WEIGHED if weighed and mass_kg is not None else MASS_ESTIMATED)
        _become(body, factors, person_kg, d)
        q = inverse_kinematics(body, joints_m + moved_skin(joints_m, R[:, 0], d.skin, size_m), R).q
        drawn = replace(choices, cutoff_Hz=choices.cutoff_Hz * d.cutoff)
        state = solve_clip(body, q, motion.fps, choices=drawn)
        raw = state.activations.activation
        activation.add(smooth(raw, motion.fps) if choices.smooth else raw)
        force_BW.add(pushes_N(state.ground) @ R_MJ_WORLD / body.weight_N)
    scale_body(body, factors, person_kg)
    return {"activation_spread": activation.value, "grf_spread_BW": force_BW.value}


def moved_skin(joints_m: np.ndarray, R_pelvis: np.ndarray, skin: np.ndarray, size_m: float) -> np.ndarray:
    """Displacements (T, 24, 3) of joints that go with the posture: each `size_m` (rms), less where there is hardly a movement."""
    T = len(joints_m)
    about_pelvis = (joints_m - joints_m[:, :1]) @ R_pelvis
    posture = np.nan_to_num(about_pelvis - about_pelvis.mean(0))
    out = (posture.reshape(T, 72) @ skin).reshape(T, 24, 3)
    most_m = min(size_m, MOST_NOISE * np.sqrt((posture**2).sum(2).mean()))
    rms_m = np.sqrt((out**2).sum(2).mean(0))
    return out * (most_m / np.maximum(rms_m, 1e-12))[:, None] @ np.swapaxes(R_pelvis, 1, 2)


def _become(body: Body, factors: dict[str, float], mass_kg: float, d: Draw) -> None:
    """Scales `body` to the person of a draw."""
    mass_kg = float(np.clip(mass_kg * d.mass, *MASS_RANGE_KG))
    scale_body(body, {part: factors.get(part, 1.0) * d.length[part] for part in _PARTS}, mass_kg)
    m, part_of = body.model, segment_bodies(body.model)
    heavier = np.array([d.segment_mass[part] for part in part_of])
    heavier *= m.body_mass.sum() / (m.body_mass * heavier).sum()
    m.body_mass[:] *= heavier
    m.body_inertia[:] *= heavier[:, None]
    ratio = mass_kg / GENERIC_MASS_KG
    body.muscles = replace(body.muscles, fmax_N=body.muscles.fmax_N * d.strength * ratio ** (d.exponent - 2 / 3))


class _Deviation:
    """Standard deviation of arrays that come one by one (Welford 1962)."""

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, np.zeros(()), np.zeros(())

    def add(self, x: np.ndarray) -> None:
        self._count += 1
        off = x - self._mean
        self._mean = self._mean + off / self._count
        self._squares = self._squares + off * (x - self._mean)

    @property
    def value(self) -> np.ndarray:
        """Of the population the draws are a sample of."""
        return np.sqrt(self._squares / (self._count - 1))
