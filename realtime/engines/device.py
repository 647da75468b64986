"""What a TensorRT engine holds on the card, through pycuda: the primary context, packed buffers, the ring."""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ..body.errors import ModelError
from .contract import StateShape
from .libraries import one_line

#: Addresses given to TensorRT are multiples of this.
ALIGNMENT = 256
FLOAT_BYTES = 4


class Context:
    """The first card's primary context, current in the thread that opened it from here to `close`, and one stream in it.

    The primary one, as every other library (torch, CUDA's runtime, TensorRT itself) uses it: in a second context of our own,
    their addresses and ours would not be valid for each other.
    """

    def __init__(self, cuda: Any):
        self._context = _primary_context(cuda)
        self._context.push()
        try:
            self.stream: Any = cuda.Stream()
        except cuda.Error:
            self._context.pop()
            raise

    def close(self) -> None:
        """Must come last: nothing of TensorRT outlives its context."""
        self.stream = None
        self._context.pop()


@cache
def _primary_context(cuda: Any) -> Any:
    """Retained once and until the program ends, so that page-locked results stay readable for whoever still holds them.

    It is released by name: pycuda 2026.1 would call `cuCtxDetach` on it when the object dies, which no primary context takes.
    Finalizers run last made, first run: engines are closed before.
    """
    context = cuda.Device(0).retain_primary_context()
    weakref.finalize(cuda, context.detach)
    return context


class Block:
    """Tensors packed into one page-locked buffer here and one on the card, so that a single copy moves them all.

    `arrays` are views into the host's buffer; `addresses` are those on the card.
    """

    def __init__(self, cuda: Any, shapes: Mapping[str, tuple[int, ...]]):
        offsets, size = {}, 0
        for name, shape in shapes.items():
            offsets[name] = size
            used = FLOAT_BYTES * int(np.prod(shape))
            size += -(-used // ALIGNMENT) * ALIGNMENT
        self._cuda = cuda
        self._host = cuda.pagelocked_zeros(size, np.uint8)  # a copy of pageable memory would not be asynchronous
        self._card = cuda.mem_alloc(size)
        self.addresses = {name: int(self._card) + offset for name, offset in offsets.items()}
        self.arrays: dict[str, np.ndarray] = {}
        for name, shape in shapes.items():
            part = self._host[offsets[name] : offsets[name] + FLOAT_BYTES * int(np.prod(shape))]
            self.arrays[name] = part.view(np.float32).reshape(shape)

    def send(self, stream: Any) -> None:
        self._cuda.memcpy_htod_async(int(self._card), self._host, stream)

    def fetch(self, stream: Any) -> None:
        self._cuda.memcpy_dtoh_async(self._host, int(self._card), stream)

    def free(self) -> None:
        """Gives the card's memory back; `arrays` stay readable."""
        self._card.free()


class CardRing:
    """The ring `kv` (layers, 2, heads, slots, width) and the new column, which never leave the card."""

    def __init__(self, cuda: Any, shape: StateShape):
        self._cuda = cuda
        self._words = int(np.prod(shape.kv))
        self._ring = cuda.mem_alloc(FLOAT_BYTES * self._words)
        self._column = cuda.mem_alloc(FLOAT_BYTES * int(np.prod(shape.column)))
        self.kv_address, self.column_address = int(self._ring), int(self._column)
        # A column is one row of `width` numbers for each layer, k or v and head; in the ring they lie `slots` rows apart.
        width = FLOAT_BYTES * shape.kv[4]
        self._row_bytes = width
        copy = self._copy = cuda.Memcpy2D()
        copy.set_src_device(self.column_address)
        copy.set_dst_device(self.kv_address)
        copy.width_in_bytes = copy.src_pitch = width
        copy.dst_pitch = width * shape.slots
        copy.height = int(np.prod(shape.kv[:3]))

    def write_column(self, slot: int, stream: Any) -> None:
        self._copy.dst_x_in_bytes = slot * self._row_bytes
        self._copy(stream)

    def clear(self, stream: Any) -> None:
        """Zeros: a slot that is merely old has no weight, but a number that is not finite would show through."""
        self._cuda.memset_d32_async(self.kv_address, 0, self._words, stream)

    def free(self) -> None:
        self._ring.free()
        self._column.free()


@contextmanager
def told_as(cuda: Any, engine: str) -> Iterator[None]:
    """pycuda's errors as one line of ours."""
    try:
        yield
    except cuda.Error as error:
        raise ModelError(f"{engine} failed on the card ({one_line(error)}); --engine onnx-cpu runs without one") from error
