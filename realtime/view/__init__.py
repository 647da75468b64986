"""Pictures of what is tracked."""

from .picture import draw_body, draw_muscles, side_by_side

__all__ = ["draw_body", "draw_muscles", "side_by_side"]
