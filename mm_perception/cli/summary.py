"""Sum up a bag: what happened as text, as a storyboard, and as JSON.

  mmp summary BAG --out result
  mmp summary BAG --out result --prompt pedestrian --prompt "the red car"

Runs the stack `summary` on every picture (as `mmp replay --offline` does) and writes, for each
camera, summary.txt, storyboard.png and summary.json; the bag with all results and report.html lie
beside them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mm_perception.cli._folders import check_new_folder
from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.cli._prompts import parse_prompt
from mm_perception.errors import BagError, ConfigError
from mm_perception.graph import load_stack
from mm_perception.graph_overrides import apply_overrides

if TYPE_CHECKING:
    from mm_perception.plugins.video_summary import VideoSummary


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('bag', type=Path, help='rosbag2 folder, or .mcap file')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--stack', default='summary', help='name or file; default: summary')
    parser.add_argument('--prompt', action='append', default=[], help='text: what to track')
    parser.add_argument('--set', action='append', default=[], metavar='NODE.PARAM=VALUE')
    parser.add_argument('--input', action='append', default=[], metavar='NODE.PORT[.STREAM]=TOPIC')


def run(args: argparse.Namespace) -> int:
    """Watch the whole bag, then write; 0 if all went well, 1 if a node failed, 130 on Ctrl-C."""
    from mm_perception.bag.offline import OfflineRun
    from mm_perception.plugins.video_summary import VideoSummary
    from mm_perception.reporting.run import write_run_report

    check_new_folder(args.out)
    stack = apply_overrides(load_stack(args.stack), args.set, args.input)
    if not any(spec.plugin == 'video_summary' for spec in stack.nodes):
        raise ConfigError('--stack', args.stack, 'a stack with a video_summary node')
    prompts = [parse_prompt(text) for text in args.prompt]
    args.out.mkdir(parents=True, exist_ok=True)
    replay = OfflineRun(stack, args.bag, args.out / 'bag', prompts=prompts)
    plugin = next(r.plugin for r in replay.runners if isinstance(r.plugin, VideoSummary))
    replay.on_end = lambda: _write(plugin, args.bag, args.out)
    with Progress(replay.num_messages, 'watching') as progress:
        report = replay.run(progress)
    failures = {n: dict(r.stats.failures) for n, r in report.nodes.items() if r.stats.failures}
    for name, counts in failures.items():
        print(f'{name} failed: {counts}')
    if report.messages:
        print(f'report      {write_run_report(args.out, watch=Progress)}')
    if report.problem == 'interrupted':
        total = replay.num_messages
        print(
            f'interrupted: kept what came of {report.messages} of {total} messages in {args.out}'
        )
        return INTERRUPTED
    if report.problem:
        print(f'ended early: {report.problem}')
    return 1 if report.problem or failures else 0


def _write(plugin: VideoSummary, bag: Path, out: Path) -> None:
    import cv2

    if not plugin.streams:
        raise BagError(
            str(bag), 'no picture in it', 'give the topic: --input video_summary.image='
        )
    for stream in plugin.streams:
        folder = out / stream if len(plugin.streams) > 1 else out
        folder.mkdir(exist_ok=True)
        text, details, board = plugin.sum_up(stream, has_picture=True)
        (folder / 'summary.txt').write_text(text + '\n')
        (folder / 'summary.json').write_text(details + '\n')
        if board is not None:
            cv2.imwrite(str(folder / 'storyboard.png'), board[..., ::-1])
        print(text)
        print(f'storyboard  {folder / "storyboard.png"}')
