"""Which installed packages the simulation needs."""

from realtime.body import needs

SIMULATION = ("mujoco", "musclemimic_models", "numba", "scipy", "pyarrow")
VIDEO = ("moderngl", "anny", "torch")


def need(packages: tuple[str, ...] = SIMULATION, extra: str = "labels") -> None:
    """Raises BioHumanError naming the first of `packages` that is not installed, and the extra that has it."""
    needs.need(packages, extra)
