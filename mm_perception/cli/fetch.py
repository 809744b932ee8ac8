"""Download public weights into the local cache; nothing else in this project downloads anything.

mmp fetch facebook/sam2.1-hiera-tiny
mmp fetch open_clip:ViT-B-32/laion2b_s34b_b79k

Files go where their own library looks for them (HF_HOME, ~/.cache/clip); copy that folder to a
robot without a connection.
"""

from __future__ import annotations

import argparse
import sys

from mm_perception.cli._progress import Progress
from mm_perception.weights import fetch


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'source', nargs='+', metavar='ID', help='org/name on the hub, or open_clip:MODEL/TAG'
    )


def run(args: argparse.Namespace) -> int:
    """Download one after the other; what has come is kept, also after Ctrl-C."""
    if sys.stderr.isatty():  # the hub shows bars of its own
        for source in args.source:
            print(f'{source}: {fetch(source)}')
        return 0
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    for source in args.source:
        with Progress(0, f'fetching {source}'):
            path = fetch(source)
        print(f'{source}: {path}')
    return 0
