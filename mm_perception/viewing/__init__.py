"""Samples in the viewer of rerun.io: one drawing per type, all on one time line.

rerun-sdk is an extra (`mm_perception[view]`): import the modules of this package where they are
used, not at the head of others.
"""
