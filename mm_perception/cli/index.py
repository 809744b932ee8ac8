"""Remember what the cameras of bags have shown, so that `mmp search` finds it.

  mmp index drive1 drive2                       every picture, and the tracks that a bag holds
  mmp index drive1 --every 0.5 --index my_index
  mmp replay drive1 --stack track --prompt "a person" --out result --offline --no-film
  mmp index result/bag                          with the tracks that the replay has found

A bag that was indexed is not indexed again; one that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.errors import BagError, ConfigError

if TYPE_CHECKING:
    from mm_perception.search.bags import BagReport

#: Where both commands keep and look, unless told.
DEFAULT_INDEX = 'mmp_index'
INDEX_HELP = 'folder, qdrant:FOLDER, or URL of a Qdrant server; default: ./mmp_index'


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'bags', nargs='+', type=Path, metavar='BAG', help='rosbag2 folder, or .mcap file'
    )
    parser.add_argument('--index', default=DEFAULT_INDEX, help=INDEX_HELP)
    parser.add_argument(
        '--every', type=float, default=0.0, metavar='S',
        help='seconds between two pictures of a camera; default: every picture',
    )  # fmt: skip
    parser.add_argument(
        '--masks', action='append', default=[], metavar='TOPIC',
        help='topic with tracks; may be given again; default: all but the truth of a world',
    )  # fmt: skip
    parser.add_argument('--weights', default='nano', help='of CLIP; default: nano')


def run(args: argparse.Namespace) -> int:
    """Index; 0 if all went well, 1 if something could not be used, 130 if interrupted."""
    from mm_perception.device import resolve_device
    from mm_perception.nets.clip import load_clip
    from mm_perception.search.bags import BagIndexer, BagSettings
    from mm_perception.search.store import open_store
    from mm_perception.weights import locate

    if args.every < 0:
        raise ConfigError('--every', args.every, 'at least 0')
    if not args.index:
        raise ConfigError('--index', args.index, INDEX_HELP)
    for bag in args.bags:
        if not bag.exists():
            raise BagError(str(bag), 'does not exist', 'check the path')
    with Progress(0, 'loading the weights'):
        engine = load_clip(locate(args.weights, 'clip'), resolve_device('auto'))
    settings = BagSettings(every_s=args.every, masks=tuple(args.masks))
    worst = 0
    with open_store(args.index) as store:
        for bag in args.bags:
            indexer = BagIndexer(bag, engine, store, settings)
            with Progress(indexer.total, f'index {indexer.report.name}') as progress:
                report = indexer.run(progress)
            _print(report)
            if report.state == 'interrupted':
                print(
                    f'interrupted: kept what is in {args.index}; the same command goes on from '
                    'here', file=sys.stderr,
                )  # fmt: skip
                return INTERRUPTED
            worst = max(worst, int(bool(report.problems)))
    print(f'index    {args.index}')
    return worst


def _print(report: BagReport) -> None:
    if report.state == 'known':
        print(f'{report.name}: is in the index already')
        return
    print(
        f'{report.name}: {report.pictures} pictures and {report.tracks} sights of tracks looked '
        f'at, {report.entries} entries new'
    )
    if report.left_out:
        print(f'  without colour, left out: {", ".join(sorted(report.left_out))}')
    for problem in report.problems[:5]:
        print(f'  {problem}', file=sys.stderr)
