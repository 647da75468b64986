"""Strength and fibre parameters of the 354 muscles, with the shipped ones mended.

Legs: Rajagopal 2016 with the high-flexion values of Lai 2017 / Uhlrich 2022 (`mending.json`). Trunk and arms: refitted where
the shipped fibre would leave its working range within the middle of the joint ranges (198 muscles), both sides alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .model import mending

if TYPE_CHECKING:
    from .body import Body

VMAX_LOPT_S = 10.0
#: With a rigid tendon a long one must lend its own stretch: ankle reserves in running 103 -> 9 N m.
VMAX_LONG_TENDON_LOPT_S = 30.0
LONG_TENDON = 5.0  # tendon slack length over optimal fibre length
#: Active fibre lengths worked in, and where the middle of the path should put the fibre, in optimal lengths.
WORKING_RANGE = (0.35, 1.65)
MIDDLE = 0.95
SAMPLED_POSES = 400
SAMPLED_SHARE = 0.8  # middle of the joint ranges


@dataclass(frozen=True, kw_only=True)
class MuscleParameters:
    """Parameters by muscle, each (354,)."""

    fmax_N: np.ndarray
    optimal_fibre_m: np.ndarray
    tendon_slack_m: np.ndarray
    pennation_rad: np.ndarray
    vmax_lopt_s: np.ndarray  # fastest shortening, optimal fibre lengths a second

    @property
    def volume_weight(self) -> np.ndarray:
        """Cost of a muscle's squared activation: its volume (strength x fibre length), mean 1."""
        volume = self.fmax_N * self.optimal_fibre_m
        return volume / volume.mean()

    def scaled(self, length_ratio: np.ndarray, mass_ratio: float) -> MuscleParameters:
        """Fibre and tendon follow the path length (OpenSim's rule), strength the cross-section."""
        return replace(
            self,
            fmax_N=self.fmax_N * mass_ratio ** (2 / 3),
            optimal_fibre_m=self.optimal_fibre_m * length_ratio,
            tendon_slack_m=self.tendon_slack_m * length_ratio,
        )


def fit_parameters(body: Body) -> MuscleParameters:
    """Parameters of the generic body."""
    m = body.model
    # Read biasprm: SUPSP ships with SUP's gainprm, its biasprm is right.
    prm, length_range = m.actuator_biasprm, m.actuator_lengthrange
    lopt = (length_range[:, 1] - length_range[:, 0]) / (prm[:, 1] - prm[:, 0])
    lts = length_range[:, 0] - prm[:, 0] * lopt
    fmax, pennation = prm[:, 2].copy(), np.zeros(m.nu)
    leg = np.zeros(m.nu, bool)
    for i, name in enumerate(body.muscle_names):
        if name[:-2] in mending()["leg"] and name.endswith(("_r", "_l")):
            fmax[i], lopt[i], lts[i], pennation[i] = mending()["leg"][name[:-2]]
            leg[i] = True
    shortest, longest = _sampled_lengths(body)
    neutral = body.muscle_lengths_m()
    norm = [(length - lts) / lopt for length in (shortest, longest)]
    bad = ~leg & ((norm[0] < WORKING_RANGE[0]) | (norm[1] > WORKING_RANGE[1]) | (lts < 0) | (lopt > neutral))
    for i, k in _pairs(body.muscle_names):
        bad[i] = bad[k] = bad[i] | bad[k]
        shortest[i] = shortest[k] = min(shortest[i], shortest[k])
        longest[i] = longest[k] = max(longest[i], longest[k])
    middle = (shortest + longest) / 2
    refit_lopt = np.minimum(np.maximum((longest - shortest) / 0.8, 0.4 * neutral), middle / MIDDLE)
    lopt = np.where(bad, refit_lopt, lopt)
    lts = np.where(bad, np.maximum(middle - MIDDLE * refit_lopt, 0.0), lts)
    vmax = np.where(lts / lopt > LONG_TENDON, VMAX_LONG_TENDON_LOPT_S, VMAX_LOPT_S)
    return MuscleParameters(fmax_N=fmax, optimal_fibre_m=lopt, tendon_slack_m=lts, pennation_rad=pennation, vmax_lopt_s=vmax)


def _sampled_lengths(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """1 % and 99 % quantile (354,) of the path lengths over random poses, m. The seed is part of the model."""
    rng = np.random.default_rng(0)
    mid, half = (body.lower_rad + body.upper_rad) / 2, (body.upper_rad - body.lower_rad) / 2
    poses = [mid + SAMPLED_SHARE * half * rng.uniform(-1, 1, len(mid)) for _ in range(SAMPLED_POSES)]
    low, high = np.quantile([body.muscle_lengths_m(pose) for pose in poses], [0.01, 0.99], axis=0)
    return low, high


def _pairs(names: tuple[str, ...]) -> list[tuple[int, int]]:
    """(right, left) indices of muscles that mirror each other."""
    at = {name: i for i, name in enumerate(names)}
    left = {name: name[:-2] + "_l" if name.endswith("_r") else name + "_left" for name in names}
    return [(i, at[left[name]]) for name, i in at.items() if left[name] in at]
