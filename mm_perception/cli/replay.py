"""Run a stack on a bag; write the results as a bag, a film, a contact sheet, a summary, a report.

  mmp replay BAG --stack track --prompt "the red car" --out result
  mmp replay BAG --stack segment --prompt box:100,50,300,400 --out result --offline

Without --offline the bag is played in real time through ROS 2 nodes on 127.0.0.1: newest frame
wins, drops are counted. With it every frame is used, and the same call writes the same bytes.
Ctrl-C ends it early: what was done until then is written, drawn and reported.

Exit status: 0 fine, also where nothing was found; 1 if a node failed, a prompt was refused or it
ended early; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mm_perception.cli._folders import check_new_folder, new_folder
from mm_perception.cli._hints import (
    failure_of,
    prompt_note,
    refused,
    stamps_note,
    unanswered,
    weights_note,
)
from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.cli._prompts import parse_prompt
from mm_perception.errors import ConfigError
from mm_perception.graph import StackSpec, load_stack, write_stack
from mm_perception.graph_overrides import apply_overrides

SUMMARY, STACK = 'summary.json', 'stack.yaml'


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('bag', type=Path, help='rosbag2 folder, or .mcap file')
    parser.add_argument('--stack', default='track', help='name or file; default: track')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--offline', action='store_true', help='every frame, without ROS nodes')
    parser.add_argument(
        '--prompt', action='append', default=[],
        help='text, point:x,y (more points: point:x,y;x,y) or box:x0,y0,x1,y1 in pixels, '
        'click:x,y,z@frame in metres',
    )  # fmt: skip
    parser.add_argument(
        '--max-frames', type=int, default=0, metavar='N',
        help='tracks of the prompts end after N pictures, 1 for once; 0, the default: never',
    )  # fmt: skip
    parser.add_argument('--set', action='append', default=[], metavar='NODE.PARAM=VALUE')
    parser.add_argument('--input', action='append', default=[], metavar='NODE.PORT[.STREAM]=TOPIC')
    parser.add_argument('--rate', type=float, default=1.0, help='speed of an online replay')
    parser.add_argument('--no-film', action='store_true', help='write no pictures')


def run(args: argparse.Namespace) -> int:
    """Replay, draw, summarise, report.

    Returns:
        0 if all went well, 1 if a node failed, a prompt was refused or it ended early, 130 after
        Ctrl-C.
    """
    from mm_perception.reporting.machine import machine, versions
    from mm_perception.reporting.run import write_run_report

    check_new_folder(args.out)
    if args.rate <= 0:
        raise ConfigError('--rate', args.rate, 'a number above 0')
    prompts = [parse_prompt(text, args.max_frames) for text in args.prompt]
    stack = apply_overrides(load_stack(args.stack), args.set, args.input)
    date = datetime.now(timezone.utc).isoformat(timespec='seconds')
    replay = _offline if args.offline else _online
    with new_folder(args.out, drops=(STACK,)):
        summary, wirings = replay(stack, args, prompts)
    summary = {
        'versions': versions(),
        'machine': machine(),
        'date': date,
        'command': _command(args),
        'bag': str(args.bag.absolute()),
        'stack': stack.name,
        'mode': 'offline' if args.offline else 'online',
        'prompts': args.prompt,
        **summary,
    }
    _write(args.out, summary)  # whatever comes, this is kept
    try:
        print(f'bag      {args.out / "bag"}')
        summary.update(_draw(args.out, wirings, draws=not args.no_film))
        _write(args.out, summary)
        print(f'summary  {args.out / SUMMARY}')
        print(f'report   {write_run_report(args.out, watch=Progress)}')
    except KeyboardInterrupt:
        print(f'interrupted: kept {args.out / "bag"} and {SUMMARY}; for a report: mmp report')
        return INTERRUPTED
    _print_summary(summary)
    if note := prompt_note(stack, summary):
        print(note)
    failed = any(node.get('failures') for node in summary['nodes'].values())
    if summary['problem'] == 'interrupted':
        done, total = summary['messages'], summary['of_messages']
        print(f'interrupted: kept what came of {done} of {total} messages in {args.out}')
        return INTERRUPTED
    is_refused = refused(summary['prompts'], summary['prompt_states'])
    return 1 if summary['problem'] or failed or is_refused else 0


def _write(out: Path, summary: dict[str, Any]) -> None:
    (out / SUMMARY).write_text(json.dumps(summary, indent=2) + '\n')


def _command(args: argparse.Namespace) -> str:
    """The command line that does the same again."""
    words = ['mmp', 'replay', str(args.bag), '--stack', str(args.stack), '--out', str(args.out)]
    words += ['--offline'] if args.offline else []
    for option, values in (
        ('--prompt', args.prompt),
        ('--set', args.set),
        ('--input', args.input),
    ):
        for value in values:
            words += [option, value]
    words += ['--max-frames', str(args.max_frames)] if args.max_frames else []
    words += ['--rate', f'{args.rate:g}'] if args.rate != 1 else []
    return shlex.join([*words, '--no-film'] if args.no_film else words)


def _offline(
    stack: StackSpec, args: argparse.Namespace, prompts: list[Any]
) -> tuple[dict[str, Any], Any]:
    from mm_perception.bag.offline import OfflineRun

    run_ = OfflineRun(stack, args.bag, args.out / 'bag', prompts=prompts)
    write_stack(run_.stack, args.out / STACK)
    with Progress(run_.num_messages, 'replay') as progress:
        report = run_.run(progress)
    nodes = {}
    for name, runner in report.nodes.items():
        timings = runner.stats.timings_ms()
        # Offline the clock stands still while a plugin works: only inference times mean something.
        timings = {k: round(v, 3) for k, v in timings.items() if k.startswith('inference')}
        nodes[name] = {
            'plugin': run_.stack.node(name).plugin,
            'inputs': {p: c for p, (c, _, _, _) in runner.stats.inputs().items()},
            'inferences': runner.stats.inferences,
            'drops': {f'{p}: {cause}': n for (p, cause), n in runner.matcher.drops.items()},
            'failures': dict(runner.stats.failures),
            'last_failure': runner.stats.last_failure.message if runner.stats.last_failure else '',
            **timings,
            **report.model_info.get(name, {}),
        }
    summary = {
        'messages': report.messages, 'of_messages': run_.num_messages,
        'wall_s': round(report.wall_s, 3), 'problem': report.problem, 'nodes': nodes,
    }  # fmt: skip
    return summary, {r.name: r.wiring for r in run_.runners}


def _online(
    stack: StackSpec, args: argparse.Namespace, prompts: list[Any]
) -> tuple[dict[str, Any], Any]:
    from mm_perception.bag.offline import full_wiring, resolve_stack
    from mm_perception.bag.reader import BagReader
    from mm_perception.ros.replay import OnlineReplay

    with BagReader(args.bag) as reader:
        stack = resolve_stack(stack, reader)
        stack_file = args.out / STACK
        write_stack(stack, stack_file)
        replay = OnlineReplay(
            stack, stack_file, reader, args.out / 'bag', prompts=prompts, rate=args.rate
        )
        print('starting the nodes ...', flush=True)
        started_s = time.monotonic()
        replay.run(Progress)
    nodes = {name: replay.health.numbers(name) for name in replay.health.values}
    summary = {
        'messages': replay.sent, 'of_messages': replay.num_messages,
        'wall_s': round(replay.wall_s, 3),
        'start_s': round(time.monotonic() - started_s - replay.wall_s, 3),
        'problem': replay.problem, 'nodes': nodes,
        'diagnostics': replay.health.counted(),
    }  # fmt: skip
    return summary, {spec.name: full_wiring(spec) for spec in stack.nodes}


def _draw(out: Path, wirings: Any, *, draws: bool) -> dict[str, Any]:
    from mm_perception.bag.gallery import draw_bag
    from mm_perception.bag.reader import BagReader

    with BagReader(out / 'bag') as reader:
        total = reader.num_messages
    with Progress(total, 'drawing' if draws else 'looking up what was found') as progress:
        gallery = draw_bag(out / 'bag', wirings, out, progress, draws=draws)
    for path in gallery.files:
        print(f'picture  {path}')
    return {
        'pictures': [path.name for path in gallery.files],
        'frames_drawn': gallery.frames,
        'tracks': [asdict(finding) for finding in gallery.findings],
        'prompt_states': [
            {
                'prompt': s.prompt_id, 'camera': s.stream, 'state': s.state.name,
                'tracks': list(s.track_ids), 'score': round(s.score, 3), 'message': s.message,
            }
            for s in gallery.statuses
        ],
        'not_drawn': gallery.problems[:20],
        'zero_stamps': gallery.has_zero_stamps,
    }  # fmt: skip


def _print_summary(summary: dict[str, Any]) -> None:
    for name, node in summary['nodes'].items():
        times = node.get('inference_p50_ms')
        text = f'{name}: {node.get("inferences", 0)} frames'
        if times is not None:
            text += f', {float(times):.1f} ms each (median)'
        drops = sum(node['drops'].values())
        failed = sum(node['failures'].values())
        text += f', {drops} dropped, {failed} failed'
        print(text)
        if failed and (why := failure_of(name, summary)):
            print(f'  failed: {why}')
    for track in summary.get('tracks', []):
        where = f' on {track["camera"]}' if track['camera'] else ''
        print(
            f'  {track["label"]} #{track["track_id"]}{where}: '
            f'{track["first_s"]:.2f} to {track["last_s"]:.2f} s, {track["frames"]} frames'
        )
    for line in unanswered(summary.get('prompt_states', [])):
        print(f'  {line}')
    for note in (stamps_note(summary), weights_note(summary)):
        if note:
            print(note)
    if summary['problem']:
        print(f'ended early: {summary["problem"]}')
