"""Receive in a loop that must not wait: a game, a renderer, a controller. `take()` gives the newest frame, or None at once.

python examples/newest_frame.py [ADDRESS] [--max-age-ms MS]        prints what a loop of 60 Hz sees

Copy this file into your program: it needs pyzmq, msgpack and numpy, nothing of ours.
"""

import argparse
import sys
import time
from dataclasses import dataclass

import msgpack
import numpy as np
import zmq

ADDRESS = "tcp://127.0.0.1:5755"
WIRE_VERSION = 1
TOPICS = ("meta", "status", "pose/0", "activation/0")
LOCAL = ("tcp://127.", "tcp://localhost", "tcp://[::1]", "ipc://")
MOST_PER_TAKE = 1000  # messages read by one `take`: a file can be published faster than it is read


class WireError(Exception):
    """What is sent there is not ours, or not of this version."""


@dataclass(frozen=True)
class Frame:
    """Body and muscles of one picture. `pose` and `activation` are docs/wire.md's messages, their arrays as numpy's."""

    seq: int
    state: str  # lost (all numbers are NaN), warming or tracking
    age_ms: float  # since the picture was grabbed
    pose: dict
    activation: dict


class NewestFrame:
    """Connects at once and for good: the publisher may start later, or again.

    Args:
        max_age_ms: frames older than this since capture are thrown away, as after a pause of this program: some hundred
            of them then wait in the system's buffers. `dropped_old` counts the calls of `take` whose newest frame was too old.
    """

    def __init__(self, address: str = ADDRESS, max_age_ms: float = 200.0):
        self.meta: dict | None = None  # of the run that is received: names of joints, muscles and groups
        self.has_ended = False
        self.dropped_old = 0
        self._pose: dict | None = None  # whose activation is still to come
        self._address, self._max_age_ms = address, max_age_ms
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, 8)  # no CONFLATE: it does not work with messages of two parts
        self._socket.setsockopt(zmq.RCVBUF, 65536)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)  # finds a peer whose machine is gone, and connects again
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
        for topic in TOPICS:
            self._socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise WireError(f"cannot connect to {address!r} ({error}); an address looks like {ADDRESS}") from None

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()

    def take(self) -> Frame | None:
        """The newest frame that has come since the last call and is not too old; None if there is none. Never waits.

        Raises:
            WireError: the publisher is not ours, or speaks another version.
        """
        newest = None
        for _ in range(MOST_PER_TAKE):
            try:
                parts = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            newest = self._read(parts) or newest
        if newest is None:
            return None
        pose, activation = newest
        age_ms = self._age_ms(pose["t_capture_ns"])
        if age_ms > self._max_age_ms:
            self.dropped_old += 1
            return None
        return Frame(pose["seq"], pose["state"], age_ms, self._with_arrays(pose), self._with_arrays(activation))

    def _read(self, parts: list[bytes]) -> tuple[dict, dict] | None:
        """Pose and activation of one frame when both are there."""
        try:
            _topic, payload = parts
            message = msgpack.unpackb(payload)
            kind, session = message["type"], message["session"]
        except (ValueError, TypeError, KeyError):
            raise WireError(f"{self._address} does not send what docs/wire.md describes; is it biohuman?") from None
        if kind == "meta":
            if message.get("wire_version") != WIRE_VERSION:
                raise WireError(f"{self._address} speaks wire version {message.get('wire_version')}, we speak {WIRE_VERSION}")
            if self.meta is None or self.meta["session"] != session:
                self._pose, self.has_ended = None, False
            self.meta = message
        elif self.meta is None or self.meta["session"] != session:
            return None  # of a publisher that has just been restarted: its meta is on the way
        elif kind == "status":
            self.has_ended = message["phase"] == "ended"
        elif kind == "pose":
            self._pose = message
        elif kind == "activation" and self._pose is not None and self._pose["seq"] == message["seq"]:
            return self._pose, message
        return None

    def _age_ms(self, t_capture_ns: int) -> float:
        """Programs of one machine share the monotonic clock; between machines the wall clocks must do."""
        assert self.meta is not None
        if self._address.startswith(LOCAL):
            return (time.monotonic_ns() - t_capture_ns) * 1e-6
        return (time.time_ns() - t_capture_ns - self.meta["clock_offset_us"] * 1000) * 1e-6

    def _with_arrays(self, message: dict) -> dict:
        assert self.meta is not None
        arrays = {}
        for name, (dtype, shape, _unit, _meaning) in self.meta["arrays"].items():
            if name in message:
                arrays[name] = np.frombuffer(message[name], dtype).reshape(shape)
        return message | arrays


def describe(frame: Frame, meta: dict) -> str:
    """A line: number, state, age, height of the pelvis, strongest muscle group, what the picture does not show."""
    line = f"{frame.seq:6d} {frame.state:8s} {frame.age_ms:5.0f} ms"
    if frame.state == "lost":
        return line
    group = int(np.argmax(frame.activation["group_mean"]))
    line += f"  pelvis {frame.pose['joints_m'][0, 1]:5.2f} m"
    line += f"  {meta['groups'][group]} {frame.activation['group_mean'][group]:.2f}"
    doubts = frame.pose.get("doubts", [])
    return line + (f"  in doubt: {', '.join(doubts)}" if doubts else "")


def main() -> int:
    parser = argparse.ArgumentParser(description="What a loop of 60 Hz sees of a running `biohuman track`.")
    parser.add_argument("address", nargs="?", default=ADDRESS, help=f"publisher (default: {ADDRESS})")
    parser.add_argument("--max-age-ms", type=float, default=200.0, metavar="MS", help="older frames are dropped (default: 200)")
    args = parser.parse_args()
    receiver = None
    try:
        receiver = NewestFrame(args.address, args.max_age_ms)
        run(receiver, args.address)
    except WireError as error:
        print(f"newest_frame: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        if receiver is not None:
            receiver.close()
    return 0


def run(receiver: NewestFrame, address: str) -> None:
    """A game's loop, less the game."""
    fresh_s, is_silent = time.monotonic(), False
    while not receiver.has_ended:
        frame = receiver.take()
        if frame is not None and receiver.meta is not None:
            fresh_s, is_silent = time.monotonic(), False
            print(describe(frame, receiver.meta), flush=True)
        elif time.monotonic() - fresh_s > 2 and not is_silent:
            is_silent = True  # a game would let its figure rest now
            old = f" ({receiver.dropped_old} were too old, see --max-age-ms)" if receiver.dropped_old else ""
            print(f"no fresh frame from {address} for 2 s{old}; is `biohuman track` running?", file=sys.stderr, flush=True)
        time.sleep(1 / 60)  # here the game would draw
    print("the run has ended")


if __name__ == "__main__":
    sys.exit(main())
