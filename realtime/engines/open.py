"""Opening a model: which file, on which engine."""

from importlib.resources import files
from pathlib import Path

from ..body.errors import ModelError, UnknownName
from .base import Engine

ENGINES = ("onnx-cpu",)

#: The trained student that comes with the package.
DEFAULT_MODEL = Path(str(files("realtime"))) / "models" / "student.onnx"


def open_engine(model: Path | str | None = None, engine: str = "onnx-cpu") -> Engine:
    """The engine called `engine` with `model` loaded; without `model` the one that comes with the package.

    Raises:
        UnknownName: no such engine.
        ModelError: the file is missing or does not fit this program; the message says why and what would.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    path = DEFAULT_MODEL if model is None else Path(model)
    if not path.is_file():
        if model is None:
            raise ModelError(f"this installation has no trained model ({path} is missing): name one with --model FILE.onnx")
        raise ModelError(f"there is no model file {path}: name one that exists, or leave --model out for the built-in one")
    from .onnx_cpu import OnnxCpuEngine  # ONNX Runtime takes 0.1 s to import

    return OnnxCpuEngine(path)
