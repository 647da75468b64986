"""Which installed packages the simulation needs, so that a missing one is a sentence and not a traceback."""

from importlib.util import find_spec

from realtime.body.errors import BioHumanError

SIMULATION = ("mujoco", "musclemimic_models", "numba", "scipy", "pyarrow")
VIDEO = ("moderngl", "anny", "torch")


def need(packages: tuple[str, ...] = SIMULATION, extra: str = "labels") -> None:
    """Raises BioHumanError naming the first of `packages` that is not installed, and the extra that has it."""
    for name in packages:
        if find_spec(name) is None:
            raise BioHumanError(f"{name} is not installed; install it with `pip install 'biohuman-live[{extra}]'`")
