"""Record topics to a bag (MCAP); Ctrl-C ends it properly."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--topics', nargs='+', help='only these; default: all but /rosout')
    parser.add_argument('--seconds', type=float, help='stop by itself')
    parser.add_argument('--local-only', action='store_true', help='bind 127.0.0.1, nothing else')


def run(args: argparse.Namespace) -> int:
    """Record until Ctrl-C."""
    from mm_perception.bag.writer import BagWriter
    from mm_perception.ros.recorder import CHATTER, Recorder
    from mm_perception.ros.session import Session

    wanted = set(args.topics or ())

    def wants(topic: str) -> bool:
        return topic in wanted if wanted else topic not in CHATTER

    is_terminal = sys.stderr.isatty()
    started_s = last_look_s = last_line_s = time.monotonic()
    with BagWriter(args.out) as writer, Session('mmp_record', local_only=args.local_only) as ros:
        recorder = Recorder(ros.node, writer, wants, time.time_ns)
        recorder.look()
        bar = tqdm(desc='recording', unit=' messages', disable=not is_terminal, leave=False)
        with bar, suppress(KeyboardInterrupt):
            while ros.is_up:
                ros.serve(0.1)
                now_s = time.monotonic()
                if now_s - last_look_s > 0.5:
                    last_look_s = now_s
                    recorder.look()
                if is_terminal:
                    bar.update(sum(recorder.counts.values()) - bar.n)
                elif now_s - last_line_s > 5.0:
                    last_line_s = now_s
                    print(f'{sum(recorder.counts.values())} messages', flush=True)
                if args.seconds and now_s - started_s > args.seconds:
                    break
    for topic, count in sorted(recorder.counts.items()):
        print(f'{count:7d}  {topic}')
    for topic, problem in recorder.left_out.items():
        print(f'not recorded: {topic}: {problem}')
    missing = wanted - recorder.counts.keys()
    if missing:
        print(f'nothing came on {", ".join(sorted(missing))}; run: mmp doctor')
    print(f'for a page about it: mmp report {args.out}')
    return 1 if missing else 0
