"""What a labeller may decide otherwise: cost, muscle, filter, smoothing, limits. The defaults are those of all published figures.

Every choice is written into `dataset.json`, and a folder begun with one is not continued with another.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from realtime.body.errors import InputError, UnknownName

#: Zero-phase Butterworth of fourth order; walking.
CUTOFF_HZ = 6.0
#: What the sum over muscles is of: volume x a^2; a^2 (OpenSim's default); a^3 (Crowninshield and Brand 1981).
COSTS = ("volume", "squares", "cubes")
#: Our own exact one, or the library piqp, which takes some 40 times as long.
SOLVERS = ("newton", "piqp")


@dataclass(frozen=True, kw_only=True)
class RejectAbove:
    """Limits of a frame's evidence: it is rejected above any of these."""

    ik_m: float = 0.05  # rms distance of the joints
    force_BW: float = 0.2  # root residual
    moment_BW_m: float = 0.1
    reserve_Nm_per_kg: float = 0.25  # of any joint

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < math.inf:
                raise InputError(f"limit {field.name} should be a positive number, got {value:g}")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Every default is what `make` does without flags."""

    cost: str = "volume"
    passive: bool = False  # passive fibre forces
    activation_dynamics: bool = False  # activations change no faster than excitations between 0 and 1 can make them
    cutoff_Hz: float = CUTOFF_HZ
    smooth: bool = True  # Savitzky-Golay of `activation`; `activation_raw` never is
    reject_above: RejectAbove = RejectAbove()
    solver: str = "newton"
    spread: int = 0  # draws of perturbed people and motions; 0 = no spread is stored

    def __post_init__(self) -> None:
        if self.cost not in COSTS:
            raise UnknownName("cost", self.cost, COSTS)
        if self.solver not in SOLVERS:
            raise UnknownName("solver", self.solver, SOLVERS)
        if not (self.cutoff_Hz > 0 and math.isfinite(self.cutoff_Hz)):
            raise InputError(f"the cut-off should be a positive number of Hz, got {self.cutoff_Hz:g}")
        if self.spread < 0 or self.spread == 1:
            raise InputError(f"a spread needs 2 draws at least, better 8; got {self.spread}")
        if self.solver == "piqp" and self.cost == "cubes":
            raise InputError("piqp solves quadratic costs only; leave out the solver, or choose the cost volume or squares")


DEFAULT = Choices()


def limits_of(given: Sequence[str]) -> RejectAbove:
    """Limits from texts like `force_BW=0.1`; those not named keep their default.

    Raises:
        InputError, UnknownName: not NAME=NUMBER, or no such limit.
    """
    names = tuple(field.name for field in fields(RejectAbove))
    values = {}
    for text in given:
        name, equals, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            equals, value = "", 0.0
        if not equals:
            raise InputError(f"a limit is NAME=NUMBER, such as force_BW=0.1, got {text!r}")
        if name not in names:
            raise UnknownName("limit", name, names)
        values[name] = value
    return replace(RejectAbove(), **values)
