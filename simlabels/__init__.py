"""Labels: motion capture to joint torques, ground forces and 354 muscle activations by simulation."""

from pathlib import Path

from .compiled import keep_apart

keep_apart(Path(__file__).parent)
