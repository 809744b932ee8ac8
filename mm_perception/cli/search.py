"""Find moments in indexed bags: by words, by a picture, or by a track.

  mmp search "a person crossing"
  mmp search "a red car" --bag drive1 --after 1700000003 --sheet hits.png
  mmp search --image photo.jpg --index my_index
  mmp search --track 7 --bag result                what looks like that track

It prints one line for each moment, best first, or says that nothing is like it (exit status 1).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_perception.cli._progress import Progress
from mm_perception.cli.index import DEFAULT_INDEX, INDEX_HELP
from mm_perception.errors import ConfigError

if TYPE_CHECKING:
    from mm_perception.samples import Image, SearchHit, SearchReply


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('text', nargs='?', default='', metavar='TEXT', help='what to look for')
    what.add_argument('--image', type=Path, metavar='FILE', help='JPEG or PNG as an example')
    what.add_argument('--track', default='', metavar='ID', help='indexed track as an example')
    parser.add_argument('--index', default=DEFAULT_INDEX, help=INDEX_HELP)
    parser.add_argument('--bag', default='', metavar='NAME', help='only of this recording')
    parser.add_argument('--camera', default='', metavar='NAME', help='only of this one, or topic')
    parser.add_argument(
        '--after', type=float, default=0.0, metavar='S', help='seconds since the epoch, as printed'
    )
    parser.add_argument('--before', type=float, default=0.0, metavar='S', help='likewise')
    parser.add_argument('--limit', type=int, default=10, metavar='N', help='most moments')
    parser.add_argument('--sheet', type=Path, metavar='FILE', help='write pictures: .png or .html')
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument('--weights', default='nano', help='of CLIP, as indexed; default: nano')


def run(args: argparse.Namespace) -> int:
    """Search; 0 if something was found, 1 if nothing is like it."""
    from mm_perception.device import resolve_device
    from mm_perception.nets.clip import load_clip
    from mm_perception.samples import SearchRequest
    from mm_perception.search.query import Strictness, answer
    from mm_perception.search.store import open_store
    from mm_perception.weights import locate

    _check(args)
    request = SearchRequest(
        text=args.text or '', image=_read(args.image), track_id=args.track, bag=args.bag,
        stream=args.camera, after_ns=round(args.after * 1e9), before_ns=round(args.before * 1e9),
        limit=args.limit,
    )  # fmt: skip
    with open_store(args.index, makes=False) as store, Progress(0, 'searching'):
        engine = load_clip(locate(args.weights, 'clip'), resolve_device('auto'))
        reply = answer(engine, store, request, Strictness())
    _print(reply, args)
    if args.sheet is not None and reply.hits:
        from mm_perception.drawing.hits import write_hits

        write_hits(reply, args.sheet)
        print(f'sheet    {args.sheet}')
    return 0 if reply.hits else 1


def _check(args: argparse.Namespace) -> None:
    if args.limit < 1:
        raise ConfigError('--limit', args.limit, 'at least 1')
    if args.before and args.before < args.after:
        raise ConfigError('--before', args.before, f'not before --after {args.after}')
    if args.sheet is not None and args.sheet.suffix not in ('.png', '.html'):
        raise ConfigError('--sheet', str(args.sheet), 'a file that ends in .png or .html')


def _read(path: Path | None) -> Image | None:
    import numpy as np

    from mm_perception.errors import ShapeError
    from mm_perception.imaging.compressed import decode_picture
    from mm_perception.samples import Image

    if path is None:
        return None
    try:
        picture = decode_picture(np.fromfile(path, np.uint8))
    except (OSError, ShapeError) as error:
        raise ConfigError('--image', str(path), f'a JPEG or PNG file ({error})') from error
    if picture.ndim != 3:
        picture = np.repeat(picture[..., None], 3, axis=2)
    return Image(stamp_ns=0, data=np.ascontiguousarray(picture[..., :3]))


def _print(reply: SearchReply, args: argparse.Namespace) -> None:
    if args.json:
        rows = [_row(hit) for hit in reply.hits]
        print(json.dumps({'message': reply.message, 'model': reply.model, 'hits': rows}, indent=1))
        return
    if reply.hits:
        print(f'{"score":>6}  {"from s":>16} {"to s":>16}  {"bag":16} {"camera":24} what')
    for hit in reply.hits:
        what = f'{hit.label} #{hit.track_id}' if hit.track_id else 'picture'
        box = '' if hit.box is None else ' at ' + ','.join(f'{v:.0f}' for v in hit.box)
        print(
            f'{hit.score:6.3f}  {hit.start_ns / 1e9:16.2f} {hit.end_ns / 1e9:16.2f}  '
            f'{hit.bag:16} {hit.topic or hit.stream:24} {what}{box}'
        )
    print(reply.message)


def _row(hit: SearchHit) -> dict[str, Any]:
    return {
        'score': round(hit.score, 4), 'bag': hit.bag, 'topic': hit.topic, 'camera': hit.stream,
        'start_ns': hit.start_ns, 'end_ns': hit.end_ns, 'stamp_ns': hit.stamp_ns,
        'track_id': hit.track_id, 'label': hit.label,
        'box': None if hit.box is None else hit.box.tolist(),
    }  # fmt: skip
