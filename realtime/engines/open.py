"""Opening a model: which file, on which engine."""

from importlib.resources import files
from pathlib import Path

from ..body.errors import ModelError, UnknownName
from .base import Engine
from .libraries import ENGINES, EngineUnavailable, available_engines, load_driver, load_tensorrt

#: The trained student that comes with the package.
DEFAULT_MODEL = Path(str(files("realtime"))) / "models" / "student.onnx"


def open_engine(model: Path | str | None = None, engine: str = "onnx-cpu") -> Engine:
    """The engine called `engine` with `model` loaded; without `model` the one that comes with the package.

    No other engine is ever taken instead: whoever asks for a card must not get the processor unawares.

    Raises:
        UnknownName: no such engine.
        EngineUnavailable: its library, driver or card is missing; the message says what runs instead.
        ModelError: the file is missing or does not fit this program, or is not compiled; the message says why and what would do.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    path = find_model(model)
    if engine == "onnx-cpu":
        from .onnx_cpu import OnnxCpuEngine  # ONNX Runtime takes 0.1 s to import

        return OnnxCpuEngine(path)
    try:
        trt, cuda = load_tensorrt(engine), load_driver(engine)
    except EngineUnavailable as error:
        runs = [name for name, missing in available_engines().items() if not missing]
        raise EngineUnavailable(engine, f"{error.reason}; what runs here: {', '.join(runs) or 'nothing'}") from None
    from .tensorrt import TensorRtEngine

    return TensorRtEngine(path, engine, trt, cuda)


def find_model(model: Path | str | None) -> Path:
    """The ONNX file meant by `model`; None is the one that comes with the package.

    Raises:
        ModelError: there is none, or it is a compiled engine.
    """
    path = DEFAULT_MODEL if model is None else Path(model)
    if path.suffix in (".plan", ".engine", ".trt"):
        raise ModelError(f"{path} is a compiled engine: name the .onnx file; its engine is found in the cache, nowhere else")
    if path.is_dir():
        raise ModelError(
            f"{path} is a folder: name an .onnx file, which `biohuman-train export {path} --out FILE` writes of a run"
        )
    if not path.is_file():
        if model is None:
            raise ModelError(f"this installation has no trained model ({path} is missing): name one with --model FILE.onnx")
        raise ModelError(f"there is no model file {path}: name one that exists, or leave --model out for the built-in one")
    return path
