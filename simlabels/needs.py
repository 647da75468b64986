"""Which packages the simulation needs."""

SIMULATION = ("mujoco", "musclemimic_models", "numba", "scipy", "pyarrow")
