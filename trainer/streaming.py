"""Runs a student's ONNX file over a take, frame by frame with its ring, as the tracker does."""

import os
from pathlib import Path

import numpy as np

from realtime.body.errors import ModelError
from realtime.body.student_io import AGE_EMPTY_S, INPUTS, OUTPUTS, STATE, STATE_OUTPUT, STUDENT_SCHEMA


class OnnxStudent:
    """One file, one stream at a time.

    Raises:
        ModelError: not an ONNX file of this schema.
    """

    def __init__(self, model: Path | bytes):
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # newer ones report to their maker unless told before the import
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        source = model if isinstance(model, bytes) else str(model)
        try:
            self.session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own unexported types
            raise ModelError(f"{model if isinstance(model, Path) else 'model'} is not an ONNX file: {error}") from None
        self.metadata = self.session.get_modelmeta().custom_metadata_map
        self.outputs = [o.name for o in self.session.get_outputs()]
        shapes = {i.name: i.shape for i in self.session.get_inputs()}
        is_ours = shapes.keys() == {*INPUTS, *STATE} and set(self.outputs) == {*OUTPUTS, STATE_OUTPUT}
        if not is_ours or (self.metadata and self.metadata.get("schema") != STUDENT_SCHEMA):
            raise ModelError(f"{model if isinstance(model, Path) else 'model'} is not a {STUDENT_SCHEMA} file")
        self.kv_shape, self.age_shape = shapes["kv"], shapes["age_s"]
        self.reset()

    def reset(self) -> None:
        """Forgets: every slot of the ring becomes too old to count."""
        self.kv = np.zeros(self.kv_shape, np.float32)
        self.age_s = np.full(self.age_shape, AGE_EMPTY_S, np.float32)
        self.slot = 0

    def step(self, frame: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One frame of `student_io.INPUTS` -> `student_io.OUTPUTS`."""
        feed = frame | {"kv": self.kv, "age_s": self.age_s}
        out = {n: np.asarray(v) for n, v in zip(self.outputs, self.session.run(self.outputs, feed), strict=True)}
        self.kv[:, :, :, self.slot] = out.pop(STATE_OUTPUT)[:, :, :, 0]
        self.age_s += frame["dt_s"]
        self.age_s[0, self.slot] = 0
        self.slot = (self.slot + 1) % self.age_s.size
        return out

    def run(self, stream: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """A whole stream from a blank state, (T, ...) each."""
        self.reset()
        steps = [self.step(frame) for frame in stream]
        return {name: np.concatenate([s[name] for s in steps]) for name in OUTPUTS}
