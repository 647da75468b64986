"""What runs the model file: one interface, ONNX Runtime on the CPU behind it."""

from .base import Engine, ModelInfo
from .open import DEFAULT_MODEL, ENGINES, open_engine

__all__ = ["DEFAULT_MODEL", "ENGINES", "Engine", "ModelInfo", "open_engine"]
