"""TensorRT on an NVIDIA card: the ring stays there, one copy in and one copy out a frame.

The same code for tensorrt-rtx and tensorrt; the library is passed along as `trt`, pycuda's driver as `cuda`.
"""

import hashlib
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ..body.student_io import OUTPUTS, STATE_OUTPUT
from .base import ModelInfo
from .build import known_targets, present_card
from .contract import Port, check_ports, read_metadata
from .device import Block, CardRing, Context, told_as
from .execution import Execution
from .plans import find_plan
from .ring import Ring, copy_inputs

#: The first compiles what was left to do, the second is recorded as a CUDA graph.
WARM_UP_STEPS = 2


class TensorRtEngine:
    """A compiled student on the first card (CUDA_VISIBLE_DEVICES chooses another).

    It is opened, stepped and closed by one thread: that is where its CUDA context is current.

    Args:
        path: the ONNX file; the engine that was compiled from these very bytes is taken from the cache.
        name: "tensorrt-rtx" or "tensorrt".
        trt: that library.
        cuda: `pycuda.driver`, started.

    Raises:
        ModelError: none is compiled for this file, library and card; or it does not load, or the card fails.
    """

    def __init__(self, path: Path, name: str, trt: Any, cuda: Any):
        card = present_card(name, cuda)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        is_supported = name != "tensorrt-rtx" or card.sm in known_targets(trt)
        plan_info, plan = find_plan(path, sha256, name, trt.__version__, card, is_supported)
        metadata = read_metadata(path.name, plan_info.metadata)
        self.info = ModelInfo(
            model_id=metadata["model_id"],
            sha256=sha256,
            engine=f"{name} {trt.__version__} ({plan_info.precision}, {card.name})",
            path=str(path),
            metadata=metadata,
        )
        self._name, self._cuda = name, cuda
        with ExitStack() as held, told_as(cuda, name):  # whatever goes wrong in here, what was opened is given back
            self._context = Context(cuda)
            held.callback(self._context.close)
            self._execution = Execution(trt, name, plan, plan_info.jit_path(card))
            held.callback(self._execution.close)
            ports_in, ports_out = self._execution.inputs, self._execution.outputs
            self._card_ring = CardRing(cuda, check_ports(path.name, metadata, ports_in, ports_out))
            held.callback(self._card_ring.free)
            self._in = Block(cuda, _shapes(ports_in, without="kv"))
            held.callback(self._in.free)
            self._out = Block(cuda, _shapes(ports_out, without=STATE_OUTPUT))
            held.callback(self._out.free)
            on_card = {"kv": self._card_ring.kv_address, STATE_OUTPUT: self._card_ring.column_address}
            self._execution.set_addresses(on_card | self._in.addresses | self._out.addresses)
            self._results = {key: self._out.arrays[key] for key in OUTPUTS}
            self._ring = Ring(self._in.arrays["age_s"])
            self._warm_up()
            # At the end of the program too: pycuda aborts a process that leaves its context current.
            self._closing = weakref.finalize(self, held.pop_all().close)

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of one frame; the arrays belong to the engine and are overwritten by the next step.

        Raises:
            ShapeError: an input is missing or has another shape.
            ModelError: the card fails.
        """
        if not self._closing.alive:
            raise RuntimeError("this engine is closed")  # a bug of ours; the card's memory is no longer ours to touch
        copy_inputs(inputs, self._in.arrays)
        with told_as(self._cuda, self._name):
            self._run()
        return self._results

    def reset(self) -> None:
        """Forget every frame so far."""
        self._ring.reset()
        with told_as(self._cuda, self._name):
            self._card_ring.clear(self._context.stream)

    def close(self) -> None:
        """Gives the card back. Closing twice is allowed."""
        self._closing()

    def _run(self) -> None:
        """In, step, column into the ring, out: in this order on one stream, and one wait at the end."""
        stream = self._context.stream
        self._in.send(stream)
        self._execution.run(stream)
        self._card_ring.write_column(self._ring.slot, stream)
        self._out.fetch(stream)
        stream.synchronize()
        self._ring.advance(self._in.arrays["dt_s"])

    def _warm_up(self) -> None:
        """Empty steps, so that the first frame need not wait for kernels, and what they left is forgotten."""
        self.reset()
        for _ in range(WARM_UP_STEPS):
            self._run()
        self._execution.keep_jit()
        self.reset()


def _shapes(ports: Mapping[str, Port], *, without: str) -> dict[str, tuple[int, ...]]:
    return {key: tuple(int(n or 0) for n in port.shape) for key, port in ports.items() if key != without}
