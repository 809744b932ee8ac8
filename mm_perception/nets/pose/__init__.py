"""Joints of people in their boxes: ViTPose (arXiv 2204.12484) and ViTPose++ (arXiv 2212.04246)."""

from mm_perception.nets.pose.engine import PoseEngine, VitPoseEngine, load_pose, shared_pose

__all__ = ['PoseEngine', 'VitPoseEngine', 'load_pose', 'shared_pose']
