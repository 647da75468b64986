"""Keeps known chatter of native code off stderr, and nothing else."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

#: What MediaPipe 0.10.32 prints for every model, however well it works. Its log level variables do not stop it.
CHATTER = re.compile(
    rb"Created TensorFlow Lite XNNPACK delegate|All log messages before absl::InitializeLog"
    rb"|inference_feedback_manager\.cc|landmark_projection_calculator\.cc"
)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back what anybody writes to file descriptor 2 inside the block; at its end pass on all but the known chatter.

    Native code ignores `sys.stderr`, so the descriptor itself is turned to a temporary file. Without a usable
    descriptor (no console), nothing is done.
    """
    try:
        stderr = os.dup(2)
    except OSError:
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not CHATTER.search(line):
                    os.write(2, line)
