"""Pictures and texts in one space: CLIP (arXiv 2103.00020) from transformers or open_clip."""

from mm_perception.nets.clip.engine import ClipEngine, load_clip, shared_clip

__all__ = ['ClipEngine', 'load_clip', 'shared_clip']
