"""Make a bag of films, of folders of pictures, or of sound: every stack takes it.

  mmp import street.mp4 --out my_bag                    one camera, with the film's sound
  mmp import left.mp4 right.mp4 --out my_bag            a camera per film: /left, /right
  mmp import pictures/ --rate 5 --out my_bag            a folder of png or jpg
  mmp import street.mp4 --out my_bag --every 3 --width 640   smaller

Pictures become sensor_msgs/CompressedImage: JPEG and PNG files as they are, films as JPEG; sound
becomes mm_perception_msgs/AudioChunk, mono at 16 kHz. Stamps are those of the film, counted from
--start: where that is not given, from the creation time that the film tells, else from the time of
the file. Several films begin at the same moment, unless --start is given for each.

A film knows nothing of its lens: masks and tracks need no more than pictures, but for places in
space give --fov, and know that it is a guess.

Exit status: 0 fine, 1 something could not be read, 130 after Ctrl-C, which keeps what was done.
"""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from mm_perception.cli._folders import check_new_folder
from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.errors import ConfigError, FootageError

if TYPE_CHECKING:
    from mm_perception.footage.album import Album
    from mm_perception.footage.bag import Choice, Take, Written
    from mm_perception.footage.film import Film

_RATE_HZ = 10.0
_TOPIC = re.compile(r'/?[A-Za-z]\w*(/[A-Za-z]\w*)*', re.ASCII)
_FRAME = re.compile(r'[A-Za-z]\w*(/\w+)*', re.ASCII)
_SHOWN_PROBLEMS = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'files', nargs='+', type=Path, metavar='FILE',
        help='film, sound, or folder of pictures; each is a camera. Pictures given one by one are '
        'one camera together',
    )  # fmt: skip
    parser.add_argument('--out', type=Path, required=True, metavar='BAG', help='folder to write')
    parser.add_argument(
        '--start', type=_moment, action='append', default=[], metavar='WHEN',
        help='stamp of the first moment: seconds since 1970, or 2026-01-31T12:00:00 (UTC); once, '
        'or once per FILE',
    )  # fmt: skip
    parser.add_argument(
        '--rate', type=float, metavar='HZ', help=f'of pictures; default: {_RATE_HZ:g}'
    )
    parser.add_argument(
        '--topic', action='append', default=[],
        help='once per FILE; default: /camera/image_raw, of several /NAME/image_raw with the name '
        'of the file. JPEG and PNG go to TOPIC/compressed',
    )  # fmt: skip
    parser.add_argument(
        '--frame-id', action='append', default=[],
        help='once per FILE; default: camera_optical, of several NAME_optical',
    )  # fmt: skip
    parser.add_argument('--every', type=int, default=1, metavar='N', help='every Nth picture')
    parser.add_argument('--width', type=int, default=0, help='make wider pictures so narrow')
    parser.add_argument('--raw', action='store_true', help='sensor_msgs/Image: lossless, large')
    parser.add_argument(
        '--fov', type=float, metavar='DEG',
        help='horizontal field of view: adds a camera_info, a pinhole without distortion',
    )  # fmt: skip
    parser.add_argument('--no-sound', action='store_true', help='leave the sound of films out')


def run(args: argparse.Namespace) -> int:
    """Read, write, say what is in it and what can be done with it."""
    from mm_perception.footage.bag import Choice, Written, write_footage

    _check(args)
    takes = _takes(args)
    choice = Choice(
        every=args.every, width=args.width, is_raw=args.raw, has_sound=not args.no_sound,
        fov_rad=math.radians(args.fov or 0.0),
    )  # fmt: skip
    written = Written()
    total = choice.num_pictures(takes)
    with Progress(total, 'importing', 'pictures') as progress:
        try:
            write_footage(args.out, takes, choice, written, progress)
        except KeyboardInterrupt:
            if not written.counts:  # nothing was begun
                raise
            of = f' of {total}' if total else ''
            print(f'interrupted: kept {written.pictures}{of} pictures in {args.out}')
            return INTERRUPTED
    _say(args, takes, choice, written)
    problems = [(t.source.path, *p) for t in takes for p in t.source.problems.items()]
    for path, what, why in problems[:_SHOWN_PROBLEMS]:
        where = path if what == path.name else f'{path}: {what}'
        print(f'could not be read: {where}: {why}; what came before and after it was kept')
    if len(problems) > _SHOWN_PROBLEMS:
        print(f'could not be read: {len(problems) - _SHOWN_PROBLEMS} more')
    return 1 if problems else 0


def _moment(text: str) -> int:
    """Nanoseconds since 1970."""
    try:
        return round(float(text) * 1e9)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text.replace('Z', '+00:00'))
    except ValueError as error:
        fix = 'seconds since 1970, or a date such as 2026-01-31T12:00:00'
        raise argparse.ArgumentTypeError(f'{text!r} is not {fix}') from error
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return round(when.timestamp() * 1e9)


def _check(args: argparse.Namespace) -> None:
    """What is wrong is said before anything is read."""
    for path in args.files:
        if not path.exists():
            raise FootageError(str(path), 'does not exist', 'check the path')
    check_new_folder(args.out)
    limits = (
        ('--rate', args.rate, 0.001, 1000), ('--every', args.every, 1, 10**6),
        ('--width', args.width or None, 16, 16384), ('--fov', args.fov, 1, 179),
        *(('--start', start / 1e9, 0, 2**31) for start in args.start),
    )  # fmt: skip
    for option, value, least, most in limits:
        if value is not None and not least <= value <= most:
            raise ConfigError(option, value, f'a number from {least} to {most}')
    for option, names, pattern in (
        ('--topic', args.topic, _TOPIC), ('--frame-id', args.frame_id, _FRAME),
    ):  # fmt: skip
        for name in names:
            if not pattern.fullmatch(name):
                raise ConfigError(option, name, 'letters, digits and _, in parts divided by /')


def _sources(args: argparse.Namespace) -> list[Film | Album]:
    """A camera per folder and film, in their order, and one for all single pictures."""
    from mm_perception.footage.album import PICTURES, Album
    from mm_perception.footage.film import Film

    rate_hz = args.rate or _RATE_HZ
    single = [p for p in args.files if p.is_file() and p.suffix.lower() in PICTURES]
    sources: list[Film | Album] = []
    for path in args.files:
        if path in single:
            if path is single[0]:
                sources.append(Album(path.parent, single, rate_hz))
        else:
            sources.append(Album(path, (), rate_hz) if path.is_dir() else Film(path))
    if args.rate is not None and not any(isinstance(s, Album) for s in sources):
        raise ConfigError('--rate', args.rate, 'pictures: films have times of their own')
    return sources


def _takes(args: argparse.Namespace) -> list[Take]:
    """Topics, frames and first stamps."""
    from mm_perception.footage.bag import Take

    sources = _sources(args)
    for option, values, least in (
        ('--topic', args.topic, 0), ('--frame-id', args.frame_id, 0), ('--start', args.start, 1),
    ):  # fmt: skip
        if len(values) not in (0, least, len(sources)):
            raise ConfigError(option, len(values), f'it once per camera: there are {len(sources)}')
    names = _names(sources)
    topics = ['/' + t.strip('/').removesuffix('/compressed') for t in args.topic]
    topics = topics or [f'/{name}/image_raw' for name in names]
    twice = [topic for topic, number in Counter(topics).items() if number > 1]
    if twice:
        raise ConfigError('--topic', twice[0], 'another topic for each FILE')
    _refuse_depth(sources, topics)
    frames = args.frame_id or [f'{name}_optical' for name in names]
    starts = args.start or [sources[0].begin_ns]
    starts = starts * len(sources) if len(starts) == 1 else starts
    return [Take(*take) for take in zip(sources, topics, frames, starts, strict=True)]


def _refuse_depth(sources: Sequence[Film | Album], topics: Sequence[str]) -> None:
    """Stacks know depth by the name of its topic, and the pictures of no film hold distances."""
    from mm_perception.graph import is_depth

    wrong = [t for s, t in zip(sources, topics, strict=True) if s.has_pictures and is_depth(t)]
    if wrong:
        fix = 'a name that stacks do not take for distances: give --topic once per FILE'
        raise ConfigError('--topic', wrong[0], fix)


def _names(sources: Sequence[Film | Album]) -> list[str]:
    """Names of cameras; equal ones are told apart by their folders."""
    from mm_perception.footage.still import name_of

    if len(sources) == 1:
        return ['camera' if sources[0].has_pictures else 'microphone']
    counts = Counter(source.name for source in sources)
    return [
        s.name if counts[s.name] == 1 else f'{name_of(s.path.absolute().parent)}_{s.name}'
        for s in sources
    ]


def _say(args: argparse.Namespace, takes: list[Take], choice: Choice, written: Written) -> None:
    print(f'{args.out}:')
    for topic, count in written.counts.items():
        print(f'  {topic}: {count} messages')
    first = takes[0]
    begin = datetime.fromtimestamp(first.start_ns / 1e9, timezone.utc)
    why = '--start' if args.start else f'{first.source.begin_is}; --start sets another'
    print(f'stamps begin at {begin:%Y-%m-%d %H:%M:%S} UTC ({why})')
    if choice.fov_rad:
        print('camera_info is a guess: a pinhole without distortion. Calibrate before you measure')
    if any(t.source.has_pictures for t in takes):
        words = '--stack track_public --prompt "the red car"'
    else:
        words = '--stack hear'
    print(f'next     mmp replay {args.out} {words} --out result --offline')
