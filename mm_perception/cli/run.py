"""Run a stack as ROS 2 nodes in one process; arguments after --ros-args go to ROS.

  mmp run track                    until Ctrl-C
  mmp run track --record result    the same; then result has a bag, a summary and a report.html

With --record everything is kept that the nodes take and give, with TF, odometry and calibrations.
That takes the disk of the pictures, and every output is computed, also what nobody looks at.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path

from mm_perception.cli._folders import check_new_folder
from mm_perception.cli._progress import INTERRUPTED, Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from mm_perception.ros.container import configure as container_options

    container_options(parser)
    parser.add_argument(
        '--record', type=Path, metavar='DIR', help='folder to write; at Ctrl-C with a report'
    )
    parser.add_argument('--ros-args', nargs=argparse.REMAINDER, default=[], help='as for ros2 run')


def run(args: argparse.Namespace) -> int:
    """Run until a signal comes."""
    if args.record is not None:
        check_new_folder(args.record, '--record')
    from mm_perception.ros.container import leave, run_stack

    ros_args = sys.argv[sys.argv.index('--ros-args') :] if '--ros-args' in sys.argv else []
    if args.record is None:
        leave(run_stack(args, ros_args))
    from mm_perception.ros.run_record import RunRecord

    record = RunRecord(args.record, f'mmp {shlex.join(sys.argv[1:])}')
    status = run_stack(args, ros_args, record)
    if record.has_begun:
        status = _report(args.record) or status
    leave(status)


def _report(out: Path) -> int:
    """Make the page; Ctrl-C leaves it out."""
    from mm_perception.reporting.run import SUMMARY, write_run_report

    for number, handler in (
        (signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL),
    ):  # fmt: skip
        signal.signal(number, handler)  # the end of the nodes is over: now it may be cut short
    print(f'bag      {out / "bag"}\nsummary  {out / SUMMARY}', flush=True)
    try:
        print(f'report   {write_run_report(out, watch=Progress)}')
    except KeyboardInterrupt:
        print(f'interrupted: kept {out / "bag"} and {SUMMARY}; for a report: mmp report {out}')
        return INTERRUPTED
    return 0
