"""Pure functions about cameras, places and turns that plugins and tools share."""

from mm_perception.geometry.frames import moved, pose_matrix

__all__ = ['moved', 'pose_matrix']
