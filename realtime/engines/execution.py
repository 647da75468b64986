"""A plan loaded by TensorRT and ready to run: fixed addresses, recorded as a CUDA graph where the library does that itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..body.errors import ModelError, OutputError
from .build import message_log
from .contract import Port
from .plans import read_jit, write_whole

if TYPE_CHECKING:
    import tensorrt  # tensorrt-stubs: types only


class Execution:
    """A deserialized plan with its execution context; needs a current CUDA context until `close`.

    tensorrt-rtx compiles its kernels on the card: they are kept in `jit_path`, and the whole step becomes one CUDA graph.
    tensorrt has kernels in the plan and no graphs of its own (pycuda cannot record one), so its kernels are launched singly.

    Raises:
        ModelError: the library cannot load the plan; the message is the library's.
    """

    def __init__(self, trt: Any, name: str, plan: bytes, jit_path: Path):
        self._name = name
        self._log = message_log(trt)
        runtime: tensorrt.Runtime = trt.Runtime(self._log)
        engine: tensorrt.ICudaEngine | None = runtime.deserialize_cuda_engine(plan)
        if engine is None:  # it does not raise
            raise ModelError(f"{name} cannot load its engine: {self._log.told()}")
        self._runtime, self._engine = runtime, engine
        self._jit_path = jit_path
        self._jit: Any = None
        self._jit_before: bytes | None = None
        self._context: Any = self._start(trt, engine)
        self.inputs: dict[str, Port] = {}
        self.outputs: dict[str, Port] = {}
        for i in range(engine.num_io_tensors):
            key = engine.get_tensor_name(i)
            shape: Any = engine.get_tensor_shape(key)
            dtype = engine.get_tensor_dtype(key)
            port = Port(tuple(shape), "tensor(float)" if dtype == trt.DataType.FLOAT else str(dtype))
            is_input = engine.get_tensor_mode(key) == trt.TensorIOMode.INPUT
            (self.inputs if is_input else self.outputs)[key] = port

    def set_addresses(self, addresses: Mapping[str, int]) -> None:
        """Where each tensor lies on the card, once for good: a recorded graph keeps them."""
        for key in (*self.inputs, *self.outputs):
            if not self._context.set_tensor_address(key, addresses[key]):
                raise ModelError(f"{self._name} refuses the address of {key}: {self._log.told()}")

    def run(self, stream: Any) -> None:
        """Queues one step on `stream`."""
        if not self._context.execute_async_v3(stream.handle):
            raise ModelError(f"{self._name} failed on the card ({self._log.told()}); --engine onnx-cpu runs without one")

    def keep_jit(self) -> None:
        """Keeps the kernels that were compiled since the start, if any were."""
        if self._jit is None:
            return
        kernels = bytes(self._jit.serialize())
        if kernels == self._jit_before:
            return
        try:
            write_whole(self._jit_path, kernels)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(
                f"kernels cannot be kept in {self._jit_path.parent} ({reason}); BIOHUMAN_CACHE names another"
            ) from None

    def close(self) -> None:
        """Execution context, engine, runtime: each needs the next."""
        self._context = self._jit = None
        self._engine = None
        self._runtime = None

    def _start(self, trt: Any, engine: Any) -> Any:
        if not hasattr(trt, "CudaGraphStrategy"):
            context = engine.create_execution_context()
        else:
            settings = engine.create_runtime_config()
            settings.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            self._jit = settings.create_runtime_cache()
            self._jit_before = read_jit(self._jit_path)
            if self._jit_before is not None and not self._jit.deserialize(self._jit_before):
                self._jit_before = None  # of no use any more; compiled anew and overwritten
            settings.set_runtime_cache(self._jit)
            context = engine.create_execution_context(settings)
        if context is None:
            raise ModelError(f"{self._name} cannot start its engine: {self._log.told()}")
        return context
