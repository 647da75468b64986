"""ONNX Runtime on one CPU thread: buffers allocated and bound once, the ring written by us."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..body.errors import ModelError
from ..body.student_io import INPUTS, OUTPUTS, STATE, STATE_OUTPUT
from .base import ModelInfo
from .contract import Port, check_ports, read_metadata
from .libraries import load_onnxruntime
from .ring import Ring, copy_inputs


class OnnxCpuEngine:
    """A student model on ONNX Runtime's CPU provider.

    One thread: at this size a second one makes a step slower and takes the core that the front end needs. The graph
    returns one new key/value column; we copy it into the ring (some kB) instead of having the graph copy the whole ring.

    Raises:
        ModelError: not an ONNX file, cut short, or not a model of this program.
    """

    def __init__(self, path: Path):
        data = path.read_bytes()
        session = _open_session(path, data)
        metadata = read_metadata(path.name, session.get_modelmeta().custom_metadata_map)
        inputs = {i.name: Port(tuple(i.shape), i.type) for i in session.get_inputs()}
        outputs = {o.name: Port(tuple(o.shape), o.type) for o in session.get_outputs()}
        check_ports(path.name, metadata, inputs, outputs)
        self.info = ModelInfo(
            model_id=metadata["model_id"],
            sha256=hashlib.sha256(data).hexdigest(),
            engine="onnx-cpu",
            path=str(path),
            metadata=metadata,
        )
        self._session = session
        self._in = {key: np.zeros(_static(inputs[key]), np.float32) for key in (*INPUTS, *STATE)}
        self._out = {key: np.zeros(_static(outputs[key]), np.float32) for key in (*OUTPUTS, STATE_OUTPUT)}
        self._results = {key: self._out[key] for key in OUTPUTS}
        self._kv, self._kv_new = self._in["kv"], self._out[STATE_OUTPUT]
        self._ring = Ring(self._in["age_s"])
        self._binding = self._bind()

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of one frame; the arrays belong to the engine and are overwritten by the next step.

        Raises:
            ShapeError: an input is missing or has another shape.
        """
        copy_inputs(inputs, self._in)
        self._session.run_with_iobinding(self._binding)
        self._kv[:, :, :, self._ring.slot] = self._kv_new[:, :, :, 0]
        self._ring.advance(self._in["dt_s"])
        return self._results

    def reset(self) -> None:
        """Forget every frame so far; the ring is emptied too, as a number that is not finite would outlast its age."""
        self._kv.fill(0)
        self._ring.reset()

    @property
    def providers(self) -> list[str]:
        """What ONNX Runtime really runs the graph on, in its own names."""
        return self._session.get_providers()

    def close(self) -> None:
        """Nothing to give back: memory goes with the object."""

    def _bind(self) -> Any:
        """Binds our buffers by address, so that a step allocates nothing. They must live as long as the binding."""
        binding = self._session.io_binding()
        for key, buffer in self._in.items():
            binding.bind_input(key, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)
        for key, buffer in self._out.items():
            binding.bind_output(key, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)
        return binding


def _open_session(path: Path, data: bytes) -> Any:
    """An ONNX Runtime session on the bytes that were hashed."""
    ort = load_onnxruntime()
    import onnxruntime.capi.onnxruntime_pybind11_state as native  # pyright: ignore[reportMissingImports]

    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    damaged = (native.InvalidProtobuf, native.InvalidArgument, native.InvalidGraph, native.Fail, native.NotImplemented)
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (*damaged, native.RuntimeException) as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"{path.name} ({len(data)} bytes) is no ONNX file, or is cut short or damaged: {reason}") from None


def _static(port: Port) -> tuple[int, ...]:
    return tuple(int(n) for n in port.shape if n is not None)
