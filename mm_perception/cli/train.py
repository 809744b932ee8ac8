"""Train the small weights of a network in the synthetic world, and measure them."""

from __future__ import annotations

import argparse
import math
import os
from functools import partial
from pathlib import Path

from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.errors import ConfigError
from mm_perception.training import NETS


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('net', help=f'one of {", ".join(NETS)}')
    parser.add_argument(
        '--out', type=Path, help='folder for the weights; default: those that are shipped'
    )
    parser.add_argument('--work', type=Path, help='folder for checkpoint and log')
    parser.add_argument(
        '--start', type=Path, metavar='FOLDER', help='weights to start from instead of from chance'
    )
    parser.add_argument('--stage', type=int, default=1, help='the first that is done')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument(
        '--scale', type=float, default=1.0, help='factor on steps and clips; 0.01 for a trial'
    )
    parser.add_argument(
        '--minutes', type=float, default=math.inf,
        help='most that the steps may take; what they learn then depends on the machine',
    )  # fmt: skip
    parser.add_argument(
        '--no-scores', action='store_true', help='leave the final scores to mmp eval NET --card'
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes')


def run(args: argparse.Namespace) -> int:
    """Train and print the scores; 130 after Ctrl-C: the same command then goes on."""
    from mm_perception.device import resolve_device
    from mm_perception.training.recipe import recipe_of, train_net, weights_of
    from mm_perception.world.cache import cache_folder

    if not 0.001 <= args.scale <= 10:
        raise ConfigError('--scale', args.scale, 'a number from 0.001 to 10')
    if not args.minutes > 0:
        raise ConfigError('--minutes', args.minutes, 'more than 0')
    if args.workers < 1:
        raise ConfigError('--workers', args.workers, 'at least 1')
    recipe = recipe_of(args.net)
    work = args.work or cache_folder() / 'training' / args.net
    out = args.out or weights_of(args.net)
    if args.start is not None and not (args.start / 'model.safetensors').is_file():
        raise ConfigError('--start', args.start, 'a folder that `mmp train` made')
    if args.stage < 1 or (args.stage > 1 and args.start is None):
        raise ConfigError('--stage', args.stage, '1, or more with --start')
    try:
        scores = train_net(
            recipe, work, out, resolve_device(args.device), start=args.start,
            first_stage=args.stage, scale=args.scale, workers=args.workers, minutes=args.minutes,
            is_scored=not args.no_scores, watch=partial(Progress, unit='steps'),
        )  # fmt: skip
    except KeyboardInterrupt:
        print(f'interrupted: kept every step so far in {work}; the same command goes on')
        return INTERRUPTED
    for name, value in scores.items():
        print(f'{name}: {value}')
    print(f'weights: {out}')
    return 0
