"""SAM 2 (arXiv 2408.00714) for live streams, on the modules of transformers' Sam2VideoModel."""

from mm_perception.nets.sam2.engine import Sam2Engine
from mm_perception.nets.sam2.prompts import ObjectPrompt
from mm_perception.nets.sam2.result import Sam2Result
from mm_perception.nets.sam2.session import Sam2Session

__all__ = ['ObjectPrompt', 'Sam2Engine', 'Sam2Result', 'Sam2Session']
