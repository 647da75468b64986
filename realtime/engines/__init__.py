"""What runs the model file: one interface, ONNX Runtime on the CPU behind it."""

from .base import Engine, ModelInfo
from .libraries import available_engines
from .open import DEFAULT_MODEL, ENGINES, open_engine

__all__ = ["DEFAULT_MODEL", "ENGINES", "Engine", "ModelInfo", "available_engines", "open_engine"]
