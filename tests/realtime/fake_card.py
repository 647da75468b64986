"""A card that is not there: `pycuda.driver` and TensorRT by their own names and signatures, at the lowest level we call.

Memory of the card is numpy bytes behind made-up addresses. Streams are queues: nothing that was put on one happens before it is
waited for, so that a buffer changed too early or a copy out of order shows. A "plan" is the ONNX graph, ONNX Runtime runs it.
"""

import sys
import types
from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any

import numpy as np

from .halves import with_true_halves

PLAN_HEAD = b"plan:"


class CudaError(Exception):
    """pycuda's errors derive from its own class, not from Python's RuntimeError."""


class FakeDriver(types.ModuleType):
    """What `pycuda.driver` has of what we use. `memory` is empty and `contexts` is [] when all was given back."""

    Error = CudaError

    def __init__(self, *, card: str = "NVIDIA GeForce RTX 3060", capability: tuple[int, int] = (8, 6), cards: int = 1):
        super().__init__("pycuda.driver")
        self.card, self.capability, self.cards = card, capability, cards
        self.memory: dict[int, np.ndarray] = {}
        self.pagelocked: list[np.ndarray] = []
        self.contexts: list[str] = []
        self.streams: dict[int, FakeStream] = {}
        self.log: list[str] = []  # what happened on the card, in order
        self.fails_at = ""  # an operation that raises
        self._next_address = 0x7F0000000000
        driver = self

        class Device:
            def __init__(self, number: int):
                assert number == 0

            @staticmethod
            def count() -> int:
                return driver.cards

            def name(self) -> str:
                return driver.card

            def compute_capability(self) -> tuple[int, int]:
                return driver.capability

            def retain_primary_context(self) -> "FakeContext":
                return FakeContext(driver)

        self.Device = Device
        self.Stream = lambda: FakeStream(driver)
        self.Memcpy2D = lambda: FakeMemcpy2D(driver)

    def init(self) -> None:
        self.check("init")

    def get_driver_version(self) -> int:
        return 13000

    def mem_alloc(self, size: int) -> "FakeAllocation":
        self.check("mem_alloc", needs_context=True)
        start = self._next_address
        self._next_address += -(-size // 512) * 512 + 4096  # with a gap: an overrun hits nothing that is there
        self.memory[start] = np.full(size, 0xCD, np.uint8)
        return FakeAllocation(self, start)

    def pagelocked_zeros(self, shape: int, dtype: Any) -> np.ndarray:
        self.check("pagelocked_zeros", needs_context=True)
        self.pagelocked.append(np.zeros(shape, dtype))
        return self.pagelocked[-1]

    def memcpy_htod_async(self, dest: int, src: np.ndarray, stream: "FakeStream") -> None:
        self._host(src)
        stream.put("htod", lambda: self.at(dest, src.nbytes).__setitem__(..., src.view(np.uint8)))

    def memcpy_dtoh_async(self, dest: np.ndarray, src: int, stream: "FakeStream") -> None:
        self._host(dest)
        stream.put("dtoh", lambda: dest.view(np.uint8).__setitem__(..., self.at(src, dest.nbytes)))

    def memset_d32_async(self, dest: int, data: int, size: int, stream: "FakeStream") -> None:
        stream.put("memset", lambda: self.at(dest, 4 * size).view(np.uint32).fill(data))

    def at(self, address: int, size: int) -> np.ndarray:
        for start, data in self.memory.items():
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        raise CudaError("an illegal memory access was encountered")

    def check(self, operation: str, *, needs_context: bool = False) -> None:
        if operation == self.fails_at:
            raise CudaError(f"{operation} failed: no luck\nat all")
        if needs_context and not self.contexts:
            raise CudaError("invalid device context")

    def _host(self, array: np.ndarray) -> None:
        assert any(array is a for a in self.pagelocked), "a copy of pageable memory is not asynchronous"


class FakeContext:
    def __init__(self, driver: FakeDriver):
        self._driver = driver

    def push(self) -> None:
        self._driver.contexts.append("primary")

    def pop(self) -> None:
        self._driver.contexts.pop()
        self._driver.log.append("pop")

    def detach(self) -> None:
        assert self._driver.contexts == [], "engines are closed before the context goes"


class FakeAllocation:
    def __init__(self, driver: FakeDriver, start: int):
        self._driver, self._start = driver, start

    def __int__(self) -> int:
        return self._start

    def free(self) -> None:
        self._driver.check("free", needs_context=True)
        del self._driver.memory[self._start]


class FakeStream:
    def __init__(self, driver: FakeDriver):
        driver.check("Stream", needs_context=True)
        self._driver = driver
        self._waiting: list[tuple[str, Callable[[], object]]] = []
        self.handle = 0x5000 + len(driver.streams)
        driver.streams[self.handle] = self

    def put(self, name: str, work: Callable[[], object]) -> None:
        self._driver.check(name, needs_context=True)
        self._waiting.append((name, work))

    def synchronize(self) -> None:
        waiting, self._waiting = self._waiting, []
        for name, work in waiting:
            work()
            self._driver.log.append(name)


class FakeMemcpy2D:
    """Parameters are read when the copy is queued, as the driver does."""

    src_pitch = dst_pitch = width_in_bytes = height = src_x_in_bytes = dst_x_in_bytes = 0

    def __init__(self, driver: FakeDriver):
        self._driver = driver

    def set_src_device(self, address: int) -> None:
        self._src = address

    def set_dst_device(self, address: int) -> None:
        self._dst = address

    def __call__(self, stream: FakeStream) -> None:
        width, height = self.width_in_bytes, self.height
        src, dst, src_pitch, dst_pitch = self._src, self._dst, self.src_pitch, self.dst_pitch
        src_x, dst_x = self.src_x_in_bytes, self.dst_x_in_bytes
        if src_x + width > src_pitch or dst_x + width > dst_pitch:
            raise CudaError("cuMemcpy2DAsync failed: invalid argument")

        def copy() -> None:
            for row in range(height):
                source = self._driver.at(src + src_x + row * src_pitch, width)
                self._driver.at(dst + dst_x + row * dst_pitch, width)[...] = source

        stream.put("copy2d", copy)


class DataType(Enum):
    FLOAT = 0
    HALF = 1


class TensorIOMode(Enum):
    INPUT = 1
    OUTPUT = 2


class FakeTensorRt(types.ModuleType):
    """Either library; `is_rtx` adds what tensorrt-rtx alone has. `version` may be another than that of a plan in the cache."""

    DataType, TensorIOMode = DataType, TensorIOMode

    def __init__(self, driver: FakeDriver, *, is_rtx: bool = True, version: str = "9.8.7"):
        super().__init__("tensorrt_rtx" if is_rtx else "tensorrt")
        self.__version__ = version
        self.driver, self.refuses = driver, ""  # a reason for which no plan loads
        self.built_for: list[str] = []
        self.graphs = 0  # executions as a recorded graph
        self.kept_jit: list[bytes] = []  # what `IRuntimeCache.deserialize` was given
        self.ILogger = FakeLogger
        self.BuilderFlag = Enum("BuilderFlag", ["TF32"])
        self.NetworkDefinitionCreationFlag = IntEnum("NetworkDefinitionCreationFlag", {"STRONGLY_TYPED": 1})
        self.Builder = lambda log: FakeBuilder(self)
        self.OnnxParser = lambda network, log: network
        self.Runtime = lambda log: FakeRuntime(self, log)
        if is_rtx:
            self.ComputeCapability = Enum("ComputeCapability", ["NONE", "CURRENT", "SM75", "SM80", "SM86", "SM89", "SM120"])
            self.CudaGraphStrategy = Enum("CudaGraphStrategy", ["DISABLED", "WHOLE_GRAPH_CAPTURE"])


class FakeLogger:
    WARNING = 2

    def __init__(self) -> None:
        self.is_made = True


class FakeBuilder:
    """Builder, network, parser and configuration in one."""

    def __init__(self, trt: FakeTensorRt):
        self._trt, self._targets = trt, {}
        self._flags: set[Enum] = {trt.BuilderFlag.TF32}
        self.num_compute_capabilities = 0

    def create_network(self, flags: int) -> "FakeBuilder":
        assert flags == 1 << 1, "weak typing is gone"
        return self

    def parse(self, data: bytes) -> bool:
        self._onnx = data
        return True

    def create_builder_config(self) -> "FakeBuilder":
        return self

    def clear_flag(self, flag: Enum) -> None:
        self._flags.remove(flag)

    def set_compute_capability(self, target: Enum, i: int) -> None:
        self._targets[i] = target.name

    def build_serialized_network(self, network: object, config: object) -> bytes:
        assert not self._flags, "TF32 is not single precision"
        assert sorted(self._targets) == list(range(self.num_compute_capabilities))
        self._trt.built_for = list(self._targets.values())
        return PLAN_HEAD + self._onnx


class FakeRuntime:
    def __init__(self, trt: FakeTensorRt, log: Any):
        assert log.is_made, "the binding wants ILogger.__init__ to be called by name"
        self._trt, self._log = trt, log

    def deserialize_cuda_engine(self, plan: bytes) -> "FakeCudaEngine | None":
        if self._trt.refuses:
            self._log.log(1, self._trt.refuses)
            return None
        assert plan.startswith(PLAN_HEAD)
        return FakeCudaEngine(self._trt, plan.removeprefix(PLAN_HEAD))

    def __del__(self) -> None:
        self._trt.driver.log.append("runtime gone")


class FakeCudaEngine:
    def __init__(self, trt: FakeTensorRt, onnx_bytes: bytes):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.trt = trt
        self.session = ort.InferenceSession(with_true_halves(onnx_bytes), options, providers=["CPUExecutionProvider"])
        self._tensors = {t.name: (TensorIOMode.INPUT, t) for t in self.session.get_inputs()}
        self._tensors |= {t.name: (TensorIOMode.OUTPUT, t) for t in self.session.get_outputs()}
        self.num_io_tensors = len(self._tensors)

    def get_tensor_name(self, i: int) -> str:
        return list(self._tensors)[i]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._tensors[name][1].shape)

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.FLOAT if self._tensors[name][1].type == "tensor(float)" else DataType.HALF

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return self._tensors[name][0]

    def create_runtime_config(self) -> "FakeRuntimeConfig":
        return FakeRuntimeConfig(self.trt)

    def create_execution_context(self, settings: "FakeRuntimeConfig | None" = None) -> "FakeExecutionContext":
        return FakeExecutionContext(self, settings)


class FakeRuntimeConfig:
    def __init__(self, trt: FakeTensorRt):
        self._trt = trt
        self.cuda_graph_strategy = trt.CudaGraphStrategy.DISABLED
        self.kernels = b""

    def create_runtime_cache(self) -> "FakeRuntimeConfig":
        return self

    def deserialize(self, kernels: bytes) -> bool:
        self._trt.kept_jit.append(kernels)
        self.kernels = kernels
        return True

    def set_runtime_cache(self, cache: object) -> None:
        assert cache is self

    def serialize(self) -> bytes:
        return self.kernels


class FakeExecutionContext:
    def __init__(self, engine: FakeCudaEngine, settings: FakeRuntimeConfig | None):
        self._engine, self._settings, self._runs = engine, settings, 0
        self._addresses: dict[str, int] = {}

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert self._runs == 0, "a recorded graph keeps its addresses"
        self._addresses[name] = address
        return address % 256 == 0

    def execute_async_v3(self, handle: int) -> bool:
        trt = self._engine.trt
        self._runs += 1
        if self._settings and self._settings.cuda_graph_strategy.name == "WHOLE_GRAPH_CAPTURE":
            self._settings.kernels = self._settings.kernels or b"kernels of this card"
            trt.graphs += self._runs > 1
        trt.driver.streams[handle].put("execute", self._execute)
        return True

    def _execute(self) -> None:
        session = self._engine.session
        inputs = {t.name: self._tensor(t).copy() for t in session.get_inputs()}
        outputs = [t.name for t in session.get_outputs()]
        for t, value in zip(session.get_outputs(), session.run(outputs, inputs), strict=True):
            self._tensor(t)[...] = value

    def _tensor(self, t: Any) -> np.ndarray:
        data = self._engine.trt.driver.at(self._addresses[t.name], 4 * int(np.prod(t.shape)))
        return data.view(np.float32).reshape(t.shape)


def install_driver(monkeypatch, **card: Any) -> FakeDriver:
    """Puts the driver in the place of the real one."""
    driver = FakeDriver(**card)
    monkeypatch.setitem(sys.modules, "pycuda", types.ModuleType("pycuda"))
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
    return driver


def install(monkeypatch, *, is_rtx: bool = True, version: str = "9.8.7", **card: Any) -> tuple[FakeDriver, FakeTensorRt]:
    """Puts driver and library in the place of the real ones."""
    driver = install_driver(monkeypatch, **card)
    trt = FakeTensorRt(driver, is_rtx=is_rtx, version=version)
    monkeypatch.setitem(sys.modules, trt.__name__, trt)
    return driver, trt
