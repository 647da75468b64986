"""A subscriber that counts and times, in a process of its own: what really arrives, and how old it is then.

python -m realtime.wire.count ADDRESS        prints one JSON object when the run has ended
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..body.errors import BioHumanError
from .messages import Pose, Status
from .subscriber import Subscriber

SILENCE_S = 30.0


def count(address: str, silence_s: float = SILENCE_S) -> dict:
    """Counts poses until the publisher says that it has ended, or is silent for `silence_s`.

    Returns:
        received, missing (gaps in seq), has_ended; and per pose, in order: seq, latency_ms from capture to reception, and
        rest_ms, the part of it that is neither waiting for the front end nor the front end itself.
    """
    seqs: list[int] = []
    latency_ms: list[float] = []
    rest_ms: list[float] = []
    has_ended = False
    with Subscriber(address, ("pose/", "status")) as subscriber:
        while not has_ended and (received := subscriber.recv(silence_s)) is not None:
            message = received.message
            if isinstance(message, Status):
                has_ended = message.phase == "ended"
            elif isinstance(message, Pose) and received.age_ms is not None:
                seqs.append(message.seq)
                latency_ms.append(round(received.age_ms, 4))
                before = message.stage_ms["wait"] + message.stage_ms["frontend"]
                rest_ms.append(round(received.age_ms - before, 4))
    missing = seqs[-1] - seqs[0] + 1 - len(seqs) if seqs else 0
    return {
        "received": len(seqs),
        "missing": missing,
        "has_ended": has_ended,
        "seq": seqs,
        "latency_ms": latency_ms,
        "rest_ms": rest_ms,
    }


@dataclass
class Counter:
    """A counting process and, once the run has ended, its result."""

    process: subprocess.Popen

    def result(self, timeout_s: float = SILENCE_S + 10) -> dict:
        """What `count` gave, waiting for it.

        Raises:
            BioHumanError: the process failed or did not end.
        """
        try:
            out, _ = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise BioHumanError(f"the counting subscriber did not end within {timeout_s:g} s") from None
        if self.process.returncode != 0:
            raise BioHumanError(
                f"the counting subscriber failed with exit code {self.process.returncode}; see its message above"
            )
        return json.loads(out)


@contextmanager
def counter(address: str) -> Iterator[Counter]:
    """A counting subscriber in another process; it is ended with the block at the latest."""
    # Its arrays are views; one thread is all it needs, and all that it should take from the tracker.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "realtime.wire.count", address], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield Counter(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("address", help="publisher, such as tcp://127.0.0.1:5755")
    try:
        print(json.dumps(count(parser.parse_args().address)))
    except BioHumanError as error:
        print(f"count: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
