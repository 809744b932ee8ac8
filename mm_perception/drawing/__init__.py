"""Pictures for people: results drawn over what the camera saw."""

from mm_perception.drawing.overlay import (
    colour_of,
    draw_banner,
    draw_masks,
    draw_prompt,
    enlarged,
    fitted,
)
from mm_perception.drawing.skeletons import draw_skeletons

__all__ = [
    'colour_of', 'draw_banner', 'draw_masks', 'draw_prompt', 'draw_skeletons', 'enlarged',
    'fitted',
]  # fmt: skip
