"""Pictures of what is tracked."""

from .picture import crop_to_body, draw_body, draw_muscles, side_by_side

__all__ = ["crop_to_body", "draw_body", "draw_muscles", "side_by_side"]
