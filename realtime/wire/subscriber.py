"""The receiving end: messages as types, arrays as numpy views."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import zmq

from ..body.errors import InputError
from .messages import (
    ACTIVATION,
    DEFAULT_ADDRESS,
    MESH,
    META,
    POSE,
    STATUS,
    WIRE_VERSION,
    Activation,
    ArraySpec,
    Mesh,
    MeshInfo,
    Message,
    Meta,
    Pose,
)

#: Few messages wait here, so that what is read is fresh; a publisher of a file then waits for us.
QUEUE = 8
LOCAL = ("tcp://127.", "tcp://localhost", "tcp://[::1]", "ipc://", "inproc://")


@dataclass(frozen=True, kw_only=True)
class Received:
    """One message and when it came."""

    topic: str
    message: Message
    t_receive_ns: int  # this host's monotonic clock
    age_ms: float | None  # since capture; None for meta, status and mesh/info
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # read-only views, shaped as `meta` says


class Subscriber:
    """Receives from a publisher, which may start later or restart.

    Counts: `received` (poses, activations and meshes handed out), `dropped_old` (too old), `dropped_early` (came before any meta).

    Args:
        address: where the publisher listens.
        topics: prefixes; `meta` is always added, for arrays cannot be read without it.
        max_age_ms: throw away poses, activations and meshes older than this since capture. A subscriber that was held up finds stale
            frames in the kernel's buffers; whoever draws or steers should set this. None keeps all.

    Raises:
        InputError: an address that is none.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, topics: Sequence[str] = ("",), *, max_age_ms: float | None = None):
        self.meta: Meta | None = None
        self.received = self.dropped_old = self.dropped_early = 0
        self._address, self._max_age_ms = address, max_age_ms
        self._shares_clock = address.startswith(LOCAL)
        self._decoder = msgspec.msgpack.Decoder(Message)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, QUEUE)
        self._socket.setsockopt(zmq.RCVBUF, 65536)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
        for topic in dict.fromkeys((META, *topics)):
            self._socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise InputError(f"cannot connect to {address!r} ({error}); an address looks like {DEFAULT_ADDRESS}") from None

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()

    def recv(self, timeout_s: float | None = None) -> Received | None:
        """The next message; None if none came within `timeout_s` (None waits for ever).

        Raises:
            InputError: the publisher is not ours, or speaks another version.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left_ms = None if until_s is None else max(0, round((until_s - time.monotonic()) * 1000))
            if not self._socket.poll(left_ms):
                return None
            parts = self._socket.recv_multipart()
            received = self._read(parts, time.monotonic_ns())
            if received is not None:
                return received

    def _read(self, parts: list[bytes], t_receive_ns: int) -> Received | None:
        if len(parts) != 2:
            raise InputError(f"{self._address} sends messages of {len(parts)} parts, not topic and msgpack: not a biohuman")
        topic = parts[0].decode("utf-8", "replace")
        if not topic.startswith((META, STATUS, POSE, ACTIVATION, MESH)):
            return None  # of a later program, which may say more than we know
        try:
            message = self._decoder.decode(parts[1])
        except msgspec.DecodeError as error:
            raise InputError(f"{self._address} does not speak wire version {WIRE_VERSION} ({error})") from None
        if isinstance(message, Meta):
            if message.wire_version != WIRE_VERSION:
                raise InputError(
                    f"{self._address} speaks wire version {message.wire_version}, this program {WIRE_VERSION}: update one"
                )
            self.meta = message
        if not isinstance(message, Pose | Activation | Mesh | MeshInfo):
            return Received(topic=topic, message=message, t_receive_ns=t_receive_ns, age_ms=None)
        if self.meta is None or self.meta.session != message.session:
            self.dropped_early += 1  # of a publisher that has restarted, and whose meta is still to come
            return None
        arrays = views(message, self.meta.arrays)
        if isinstance(message, MeshInfo):
            return Received(topic=topic, message=message, t_receive_ns=t_receive_ns, age_ms=None, arrays=arrays)
        age_ms = self._age_ns(message.t_capture_ns, self.meta, t_receive_ns) * 1e-6
        if self._max_age_ms is not None and age_ms > self._max_age_ms:
            self.dropped_old += 1
            return None
        self.received += 1
        return Received(topic=topic, message=message, t_receive_ns=t_receive_ns, age_ms=age_ms, arrays=arrays)

    def _age_ns(self, t_capture_ns: int, meta: Meta, t_receive_ns: int) -> int:
        """On one host the monotonic clock is shared; between hosts the wall clocks must do (as good as their NTP)."""
        if self._shares_clock:
            return t_receive_ns - t_capture_ns
        return time.time_ns() - (t_capture_ns + meta.clock_offset_us * 1000)


def views(message: Pose | Activation | Mesh | MeshInfo, specs: dict[str, ArraySpec]) -> dict[str, np.ndarray]:
    """The message's arrays without copying, shaped as `specs` says."""
    found = {}
    for name in message.__struct_fields__:
        if name in specs:
            spec = specs[name]
            found[name] = np.frombuffer(getattr(message, name), spec.dtype).reshape(spec.shape)
    return found
