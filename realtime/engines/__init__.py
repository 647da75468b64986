"""What runs the model file: one interface; behind it ONNX Runtime on the CPU, or TensorRT on an NVIDIA card."""

from .base import Engine, ModelInfo
from .libraries import ENGINES, EngineUnavailable, available_engines
from .open import DEFAULT_MODEL, find_model, open_engine

__all__ = [
    "DEFAULT_MODEL",
    "ENGINES",
    "Engine",
    "EngineUnavailable",
    "ModelInfo",
    "available_engines",
    "find_model",
    "open_engine",
]
