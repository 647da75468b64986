"""`biohuman` with a scripted front end instead of MediaPipe: python -m tests.realtime.scripted_cli ARGUMENTS..."""

import sys
import time

from realtime import cli, track

from .doubles import ScriptedFrontEnd, someone

SECONDS_A_FRAME = 0.01


def front_end(**_) -> ScriptedFrontEnd:
    def script(i: int):
        time.sleep(SECONDS_A_FRAME)
        return someone(0.001 * i)

    return ScriptedFrontEnd(script)


if __name__ == "__main__":
    track.open_front_end = front_end  # type: ignore[assignment]
    sys.exit(cli.main())
