"""mm_perception: plugin-based multimodal perception for ROS 2."""

__version__ = '0.1.0'
