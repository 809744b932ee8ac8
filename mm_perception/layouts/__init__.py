"""Layouts of RViz and Foxglove that fit a stack and a rig."""
