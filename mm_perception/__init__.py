"""mm_perception: plugin-based multimodal perception for ROS 2."""

import os

__version__ = '0.1.0'

# Threads of torch spin while they wait for one another, by default for milliseconds: where another
# program wants the core of the one that is waited for, a picture takes thirty times as long
# (bench/results/busy_cpu.json). libgomp reads this when torch is first imported.
if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ.setdefault('GOMP_SPINCOUNT', '3000')
