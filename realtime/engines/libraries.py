"""The libraries behind the engines: imported here, so that a missing one is a sentence and not a traceback."""

import os
import warnings
from importlib import import_module
from typing import Any

from ..body.errors import ModelError

ENGINES = ("onnx-cpu", "tensorrt-rtx", "tensorrt")

#: Python module of each TensorRT. One API, so one code for both: the module is passed along as `trt`.
TENSORRT_MODULES = {"tensorrt-rtx": "tensorrt_rtx", "tensorrt": "tensorrt"}


class EngineUnavailable(ModelError):
    """An engine that cannot run here; `reason` follows its name in a sentence: "needs pycuda, which is not installed: ..."."""

    def __init__(self, engine: str, reason: str):
        super().__init__(f"{engine} {reason}")
        self.reason = reason


def available_engines() -> dict[str, str]:
    """Every engine by name: "" if its libraries and hardware are there, else one line that says what is missing."""
    return {engine: _why_not(engine) for engine in ENGINES}


def load_onnxruntime() -> Any:
    """`onnxruntime`, told to report nothing; the one place where it is imported.

    Raises:
        EngineUnavailable: it does not import.
    """
    try:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # a user's own, newer one would report to its maker
        ort = import_module("onnxruntime")
    except ImportError as error:
        reason = f"needs ONNX Runtime, which cannot be imported ({one_line(error)}): pip install onnxruntime"
        raise EngineUnavailable("onnx-cpu", reason) from None
    ort.disable_telemetry_events()  # Windows' own tracing; a camera product sends nothing
    return ort


def load_tensorrt(engine: str) -> Any:
    """The library of `engine` as a module; what it makes is typed after tensorrt-stubs by whoever takes it.

    Raises:
        EngineUnavailable: it is not installed, or does not import.
    """
    name = TENSORRT_MODULES[engine]
    try:
        trt = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise EngineUnavailable(engine, f"does not import ({one_line(error)}): install {engine} again") from None
        raise EngineUnavailable(engine, f"is not installed: pip install {engine}") from None
    except (ImportError, OSError) as error:
        raise EngineUnavailable(engine, f"does not import ({one_line(error)}): install {engine} again") from None
    if not hasattr(trt, "Builder"):  # tensorrt-stubs, which hold types only, import as an empty package
        raise EngineUnavailable(engine, f"is not installed ({name} holds type stubs only): pip install {engine}")
    return trt


def load_driver(engine: str) -> Any:
    """`pycuda.driver`, started, with at least one card.

    Raises:
        EngineUnavailable: no pycuda, no driver, no card.
    """
    try:
        with warnings.catch_warnings():  # what pycuda warns of is in the error that follows
            warnings.simplefilter("ignore")
            cuda = import_module("pycuda.driver")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pycuda":
            raise EngineUnavailable(engine, f"needs pycuda, which does not import ({one_line(error)})") from None
        reason = "needs pycuda, which is not installed: pip install pycuda (it is compiled with NVIDIA's CUDA toolkit)"
        raise EngineUnavailable(engine, reason) from None
    except (ImportError, OSError) as error:
        reason = f"needs pycuda, which does not import ({one_line(error)}): install NVIDIA's driver"
        raise EngineUnavailable(engine, reason) from None
    try:  # pycuda's errors are its own classes: its RuntimeError is not Python's
        cuda.init()
        cards = cuda.Device.count()
    except cuda.Error as error:
        reason = f"needs an NVIDIA card with its driver, which does not start ({one_line(error)})"
        raise EngineUnavailable(engine, reason) from None
    if cards == 0:
        raise EngineUnavailable(engine, "needs an NVIDIA card; the driver finds none")
    return cuda


def one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]


def _why_not(engine: str) -> str:
    try:
        if engine in TENSORRT_MODULES:
            load_tensorrt(engine)
            load_driver(engine)
        else:
            load_onnxruntime()
    except EngineUnavailable as error:
        return error.reason
    return ""
