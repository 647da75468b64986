"""The publishing end: one XPUB socket that greets each subscriber with `meta`."""

import time
from pathlib import Path

import msgspec
import numpy as np
import zmq

from ..body.errors import OutputError
from ..body.frames import BodyFrame
from ..smpl_body import SmplFrame
from .convert import to_mesh, to_messages
from .messages import ACTIVATION, MESH, MESH_INFO, META, POSE, STATUS, MeshInfo, Meta, Status

META_EVERY_S = 1.0

#: Live: four frames of two messages may wait for a slow subscriber; what does not fit is dropped for it alone.
LIVE_QUEUE = 8
#: Files: so many messages may wait before the tracker waits for the subscriber.
FILE_QUEUE = 64
#: A subscriber of a file that takes nothing for so long is given up.
GIVE_UP_AFTER_S = 5.0
#: At the end of a file so long is waited for subscribers to take what is left.
FILE_LINGER_S = 5.0
LIVE_LINGER_S = 0.2


class Publisher:
    """Sends frames, status and meta to whoever has subscribed.

    Call `pump` or a `send_*` at least once a second: subscriptions are answered there, nothing runs in the background.

    Args:
        address: where to listen, such as tcp://127.0.0.1:5755; port * picks a free one, see `address` afterwards.
        meta: what new subscribers are told; may be replaced at any time.
        mesh_info: likewise for those of the SMPL body; None if there is none.
        lossless: wait for slow subscribers instead of dropping (for files). A subscriber that takes nothing for
            `give_up_after_s` ends this for good: then frames are dropped for those who do not keep up, and `warnings` says so.

    Raises:
        OutputError: the address is taken or cannot be listened on.
    """

    def __init__(
        self,
        address: str,
        meta: Meta,
        *,
        lossless: bool = False,
        give_up_after_s: float = GIVE_UP_AFTER_S,
        mesh_info: MeshInfo | None = None,
    ):
        _check_port(address)
        self.meta, self.mesh_info, self.warnings, self.frames_published = meta, mesh_info, list[str](), 0
        self.topics_asked = dict[bytes, int]()  # topic -> how often it was subscribed to
        self._lossless, self._linger_s = lossless, FILE_LINGER_S if lossless else LIVE_LINGER_S
        self._encoder, self._buffer = msgspec.msgpack.Encoder(), bytearray()
        self._topics = {track: (f"{POSE}{track}".encode(), f"{ACTIVATION}{track}".encode()) for track in (0,)}
        self._meta_due_s = 0.0
        self._give_up_after_s = give_up_after_s
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._set_options()
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self._socket.close(0)
            self._context.term()
            raise _cannot_listen(address, error) from None
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        if not address.startswith(("tcp://127.", "tcp://localhost", "tcp://[::1]", "ipc://", "inproc://")):
            self.warnings.append(f"{self.address} can be read by other machines, without a password")

    def _set_options(self) -> None:
        s = self._socket
        s.setsockopt(zmq.XPUB_MANUAL_LAST_VALUE, 1)  # a send right after SUBSCRIBE goes to the new subscriber alone
        s.setsockopt(zmq.SNDHWM, FILE_QUEUE if self._lossless else LIVE_QUEUE)
        s.setsockopt(zmq.SNDBUF, 65536 if self._lossless else 16384)  # else the kernel hides seconds of stale frames
        s.setsockopt(zmq.TCP_KEEPALIVE, 1)
        s.setsockopt(zmq.HEARTBEAT_IVL, 2000)  # finds dead peers, whose queue would otherwise stay full for ever
        s.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
        s.setsockopt(zmq.LINGER, int(self._linger_s * 1000))
        if self._lossless:
            s.setsockopt(zmq.XPUB_NODROP, 1)
            s.setsockopt(zmq.SNDTIMEO, int(self._give_up_after_s * 1000))

    def pump(self) -> None:
        """Answer new subscribers and repeat `meta` when it is due. Does not wait (lossless: only for slow subscribers)."""
        while self._socket.poll(0, zmq.POLLIN):
            request = self._socket.recv(zmq.DONTWAIT)
            if request[:1] == b"\x01":
                self._socket.setsockopt(zmq.SUBSCRIBE, request[1:])
                # Always send right away: otherwise the next frame would go to this subscriber and to nobody else.
                self._send(META.encode(), self.meta)
                self._send_mesh_info()  # at each: subscriptions to it and to meta come in any order, and it is read after meta
                self.topics_asked[request[1:]] = self.topics_asked.get(request[1:], 0) + 1
            elif request[:1] == b"\x00":
                self._socket.setsockopt(zmq.UNSUBSCRIBE, request[1:])
        if time.monotonic() >= self._meta_due_s:
            self._meta_due_s = time.monotonic() + META_EVERY_S
            self._send(META.encode(), self.meta)
            self._send_mesh_info()

    def send_frame(self, frame: BodyFrame, track: int = 0, betas: np.ndarray | None = None) -> int:
        """Publish one frame as pose and activation; returns t_publish_ns."""
        self.pump()
        t_publish_ns = time.monotonic_ns()
        session = self.meta.session
        pose, activation = to_messages(frame, session=session, track=track, t_publish_ns=t_publish_ns, betas=betas)
        pose_topic, activation_topic = self._topics[track]
        self._send(pose_topic, pose)
        self._send(activation_topic, activation)
        self.frames_published += 1
        return t_publish_ns

    def send_mesh(self, frame: BodyFrame, smpl: SmplFrame, track: int = 0) -> None:
        """Publish the SMPL body of a frame whose pose has been sent."""
        t_publish_ns = time.monotonic_ns()
        mesh = to_mesh(frame, smpl, session=self.meta.session, track=track, t_publish_ns=t_publish_ns)
        self._send(f"{MESH}{track}".encode(), mesh)

    def send_status(self, status: Status) -> None:
        self.pump()
        self._send(STATUS.encode(), status)

    def wait_for_topics(self, topics: set[str], timeout_s: float) -> bool:
        """Wait until each of these topics has been subscribed to by somebody; False if that did not happen in time."""
        wanted, until_s = {topic.encode() for topic in topics}, time.monotonic() + timeout_s
        while not wanted <= self.topics_asked.keys():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            self._socket.poll(round(min(left_s, 0.5) * 1000), zmq.POLLIN)
            self.pump()
        return True

    def close(self) -> None:
        """Stop listening. Waits a limited time until connected subscribers have got what was sent to them."""
        self._socket.close()
        self._context.term()
        if self.address.startswith("ipc:///"):
            Path(self.address.removeprefix("ipc://")).unlink(missing_ok=True)  # libzmq leaves it

    def _send_mesh_info(self) -> None:
        if self.mesh_info is not None:
            self._send(MESH_INFO.encode(), self.mesh_info)

    def _send(self, topic: bytes, message: msgspec.Struct) -> None:
        self._encoder.encode_into(message, self._buffer)
        try:
            self._socket.send(topic, zmq.SNDMORE)
            self._socket.send(self._buffer)
        except zmq.Again:
            self._stop_waiting()
            self._socket.send(topic, zmq.SNDMORE)
            self._socket.send(self._buffer)

    def _stop_waiting(self) -> None:
        """From now on as live: ZeroMQ cannot disconnect one subscriber, but it can stop waiting for it."""
        self._socket.setsockopt(zmq.XPUB_NODROP, 0)
        self._socket.setsockopt(zmq.LINGER, int(LIVE_LINGER_S * 1000))
        self._lossless = False
        self.warnings.append(
            f"a subscriber took nothing for {self._give_up_after_s:g} s and is no longer waited for: "
            "subscribers that do not keep up now miss frames"
        )


def _check_port(address: str) -> None:
    """ZeroMQ takes a port beyond 65535 without a word and listens on another one."""
    port = address.rpartition(":")[2]
    if address.startswith("tcp://") and port.isdigit() and int(port) > 65535:
        raise OutputError(f"cannot listen on {address!r}: ports go up to 65535; an address looks like tcp://127.0.0.1:5755")


def _cannot_listen(address: str, error: zmq.ZMQError) -> OutputError:
    if error.errno == zmq.EADDRINUSE:
        return OutputError(
            f"{address} is in use (another biohuman?); stop that program or choose another --bind tcp://HOST:PORT"
        )
    return OutputError(f"cannot listen on {address!r} ({error}); an address looks like tcp://127.0.0.1:5755")
