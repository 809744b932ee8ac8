"""Run a stack as ROS 2 nodes in one process; arguments after --ros-args go to ROS."""

from __future__ import annotations

import argparse
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from mm_perception.ros.container import configure as container_options

    container_options(parser)
    parser.add_argument('--ros-args', nargs=argparse.REMAINDER, default=[], help='as for ros2 run')


def run(args: argparse.Namespace) -> int:
    """Run until a signal comes."""
    from mm_perception.ros.container import leave, run_stack

    ros_args = sys.argv[sys.argv.index('--ros-args') :] if '--ros-args' in sys.argv else []
    leave(run_stack(args, ros_args))
