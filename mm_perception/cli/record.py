"""Record topics to a bag (MCAP); Ctrl-C ends it properly."""

from __future__ import annotations

import argparse
import time
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--topics', nargs='+', help='only these; default: all but /rosout')
    parser.add_argument('--seconds', type=float, help='stop by itself')
    parser.add_argument('--local-only', action='store_true', help='bind 127.0.0.1, nothing else')


def run(args: argparse.Namespace) -> int:
    """Record until Ctrl-C."""
    import rclpy

    from mm_perception.bag.writer import BagWriter
    from mm_perception.ros import dds
    from mm_perception.ros.recorder import CHATTER, Recorder

    dds.prepare(local_only=True if args.local_only else None)
    rclpy.init()
    node = rclpy.create_node('mmp_record')
    wanted = set(args.topics or ())

    def wants(topic: str) -> bool:
        return topic in wanted if wanted else topic not in CHATTER

    started_s = last_look_s = last_line_s = time.monotonic()
    with BagWriter(args.out) as writer:
        recorder = Recorder(node, writer, wants, time.time_ns)
        recorder.look()
        try:
            while rclpy.ok():
                rclpy.spin_once(node, timeout_sec=0.1)
                now_s = time.monotonic()
                if now_s - last_look_s > 0.5:
                    last_look_s = now_s
                    recorder.look()
                if now_s - last_line_s > 5.0:
                    last_line_s = now_s
                    print(f'{sum(recorder.counts.values())} messages', flush=True)
                if args.seconds and now_s - started_s > args.seconds:
                    break
        except KeyboardInterrupt:
            pass
        finally:
            node.destroy_node()
            rclpy.try_shutdown()
    for topic, count in sorted(recorder.counts.items()):
        print(f'{count:7d}  {topic}')
    for topic, problem in recorder.left_out.items():
        print(f'not recorded: {topic}: {problem}')
    missing = wanted - recorder.counts.keys()
    if missing:
        print(f'nothing came on {", ".join(sorted(missing))}; run: mmp doctor')
    return 1 if missing else 0
