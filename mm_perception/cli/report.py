"""Make the report of a result anew: one page, with pictures and scores, that needs no network.

  mmp report result                 writes result/report.html
  mmp report my_bag --out page.html what a recording of running nodes holds

A result is a folder that `mmp replay` or `mmp demo` wrote (there: result, voice, from_above); a
bag is one that `mmp record` or ROS made, with topics of our nodes in it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_perception.cli._progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('result', type=Path, help='folder of a replay, or a bag')
    parser.add_argument('--out', type=Path, help='file to write; default: report.html in it')


def run(args: argparse.Namespace) -> int:
    """Read, draw, write."""
    from mm_perception.reporting.run import write_run_report

    print(f'report   {write_run_report(args.result, args.out, watch=Progress)}')
    return 0
