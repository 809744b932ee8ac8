"""Pure functions about places and turns that plugins share."""

from mm_perception.geometry.frames import moved, pose_matrix

__all__ = ['moved', 'pose_matrix']
