"""Publish a bag through ROS 2, at its own pace, with the bytes as they were recorded."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.errors import ConfigError

_SETTLE_S = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('bag', type=Path, help='rosbag2 folder, or .mcap file')
    parser.add_argument('--rate', type=float, default=1.0, help='bag seconds per second')
    parser.add_argument('--loop', action='store_true', help='begin again at the end')
    parser.add_argument('--start', type=float, default=0.0, metavar='S', help='skip so much')
    parser.add_argument('--topics', nargs='+', help='only these')
    parser.add_argument('--clock', action='store_true', help='publish bag time on /clock')
    parser.add_argument('--local-only', action='store_true', help='bind 127.0.0.1, nothing else')
    parser.add_argument('--wait', action='store_true', help='begin when somebody subscribes')


def run(args: argparse.Namespace) -> int:
    """Play until the end; 130 where Ctrl-C came before."""
    from mm_perception.bag.pacing import Pacer
    from mm_perception.bag.reader import BagReader
    from mm_perception.ros.player import Player
    from mm_perception.ros.session import Session

    if args.rate <= 0:
        raise ConfigError('--rate', args.rate, 'a number above 0')
    with BagReader(args.bag) as reader, Session('mmp_play', local_only=args.local_only) as session:
        unknown = set(args.topics or ()) - reader.topics.keys()
        if unknown:
            there = ', '.join(sorted(reader.topics))
            raise ConfigError('--topics', sorted(unknown), f'topics of the bag: {there}')
        player = Player(session.node, reader, topics=args.topics, publishes_clock=args.clock)
        for topic, problem in player.left_out.items():
            print(f'not played: {topic}: {problem}', file=sys.stderr)
        if args.wait:
            _wait_for_subscribers(player, session)
        start_ns = reader.start_ns + int(args.start * 1e9)
        total = sum(reader.topics[topic].count for topic in player.publishers)
        is_whole = False
        while session.is_up:
            with Progress(total, 'playing') as progress:
                player.sent = 0
                player.play(Pacer(start_ns, args.rate), start_ns=start_ns, progress=progress)
            is_whole = session.is_up
            if not args.loop:
                break
        time.sleep(0.5)  # let the middleware hand over the last messages
    if not is_whole:
        print(f'interrupted: played {player.sent} of {total} messages')
        return INTERRUPTED
    return 0


def _wait_for_subscribers(player: Any, session: Any) -> None:
    """Return once somebody subscribes and a second has passed in which nobody else came."""
    last, since_s = 0, time.monotonic()
    while session.is_up and (not last or time.monotonic() - since_s < _SETTLE_S):
        count = sum(p.get_subscription_count() for p in player.publishers.values())
        if count != last:
            last, since_s = count, time.monotonic()
        time.sleep(0.1)
