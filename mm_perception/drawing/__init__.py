"""Pictures for people: results drawn over what the camera saw."""

from mm_perception.drawing.overlay import (
    colour_of,
    draw_banner,
    draw_masks,
    draw_prompt,
    enlarged,
    fitted,
)

__all__ = ['colour_of', 'draw_banner', 'draw_masks', 'draw_prompt', 'enlarged', 'fitted']
