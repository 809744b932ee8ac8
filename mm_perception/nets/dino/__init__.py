"""DINOv2 (arXiv 2304.07193) whose patches can be compared with texts of CLIP."""

from mm_perception.nets.dino.engine import DinoEngine, Sight, load_dino, shared_dino
from mm_perception.nets.dino.weights import clip_of

__all__ = ['DinoEngine', 'Sight', 'clip_of', 'load_dino', 'shared_dino']
