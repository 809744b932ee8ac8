"""Make a drive through a synthetic street or room: a rosbag2 with sensors, TF and the truth.

With --live the drive is rendered first and then published through ROS 2 at real time, again and
again with the stamps of now, until Ctrl-C.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.errors import ConfigError

if TYPE_CHECKING:
    from mm_perception.world.camera import Camera
    from mm_perception.world.drive import Drive
    from mm_perception.world.spoken import Saying


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--out', type=Path, help='folder to write')
    parser.add_argument('--seed', type=int, default=1, help='another seed is another world')
    parser.add_argument(
        '--place', choices=('street', 'room'), default='street',
        help='a vehicle drives through a street, or a robot looks around in a room',
    )  # fmt: skip
    parser.add_argument(
        '--gesture', action='store_true',
        help='of a room: somebody points at a thing, from second 1 to 5; a camera in a corner',
    )  # fmt: skip
    parser.add_argument('--seconds', type=float, default=6.0)
    parser.add_argument('--rate', type=float, default=10.0, metavar='HZ', help='of the cameras')
    parser.add_argument('--cameras', type=int, choices=(1, 6), default=1)
    parser.add_argument(
        '--width', type=int, default=640, help='of a picture; height is 9/16 of it'
    )
    parser.add_argument('--fine', type=int, default=1, help='rays per pixel and side')
    parser.add_argument('--no-lidar', action='store_true')
    parser.add_argument(
        '--speech', action='store_true', help='people speak; four microphones (needs espeak-ng)'
    )
    parser.add_argument(
        '--say', action='append', default=[], type=_saying, metavar='TEXT@S',
        help='the user says that at second S, as "track the red car@1.5"; may be repeated',
    )  # fmt: skip
    parser.add_argument('--depth', action='store_true', help='record the true depth of pictures')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes')
    live = parser.add_argument_group('a live source instead of a folder, or besides one')
    live.add_argument('--live', action='store_true', help='publish through ROS 2 until Ctrl-C')
    live.add_argument('--local-only', action='store_true', help='bind 127.0.0.1, nothing else')
    damage = parser.add_argument_group('damage on purpose')
    damage.add_argument(
        '--drop', type=float, default=0.0, metavar='SHARE', help='of pictures that are lost'
    )
    damage.add_argument(
        '--jitter', type=float, default=0.0, metavar='S', help='largest error of stamps'
    )
    damage.add_argument(
        '--blackout', type=_span, metavar='FROM:TO', help='seconds in which cameras see nothing'
    )
    damage.add_argument('--rain', type=float, default=0.0, metavar='AMOUNT', help='0 to 1')
    damage.add_argument(
        '--miscalibrate-deg', type=float, default=0.0, metavar='DEG',
        help='error of the published mounts',
    )  # fmt: skip
    damage.add_argument(
        '--silence', type=_span, metavar='FROM:TO', help='seconds in which microphones give zeros'
    )


def _span(text: str) -> tuple[float, float]:
    first, _, last = text.partition(':')
    try:
        return float(first), float(last)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'{text!r} is not FROM:TO, as 2:3.5') from error


def _saying(text: str) -> Saying:
    from mm_perception.world.spoken import Saying  # scipy.signal: seconds

    words, _, start_s = text.rpartition('@')
    try:
        if words.strip():
            return Saying(words.strip(), float(start_s))
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f'{text!r} is not TEXT@S, as "that one@1.5"')


def run(args: argparse.Namespace) -> int:
    """Render and write, or render and publish; 130 after Ctrl-C."""
    if args.out is None and not args.live:
        raise ConfigError('--out', None, 'a folder, or --live without one')
    drive = _drive(args)
    if args.out is not None:
        if not _render(args.out, drive, args.workers):
            return INTERRUPTED
        return _publish(args.out, local_only=args.local_only) if args.live else 0
    with tempfile.TemporaryDirectory(prefix='mmp_world_') as folder:
        bag = Path(folder, 'drive')
        if not _render(bag, drive, args.workers):
            return INTERRUPTED
        return _publish(bag, local_only=args.local_only)


def _drive(args: argparse.Namespace) -> Drive:
    """What was asked for."""
    import numpy as np

    from mm_perception.world.damage import Damage
    from mm_perception.world.drive import Drive
    from mm_perception.world.lidar import Lidar
    from mm_perception.world.microphone import MicrophoneArray
    from mm_perception.world.render import Optics

    limits = (
        ('--seed', args.seed, 0, 10**9), ('--seconds', args.seconds, 0.1, 60),
        ('--rate', args.rate, 0.1, 100), ('--width', args.width, 32, 3840),
        ('--fine', args.fine, 1, 4), ('--workers', args.workers, 1, 256),
    )  # fmt: skip
    for option, value, least, most in limits:
        if not least <= value <= most:
            raise ConfigError(option, value, f'a number from {least} to {most}')
    is_room = args.place == 'room'
    lidar = Lidar(at=np.array([0.0, 0.0, 1.35])) if is_room else Lidar()
    ears = MicrophoneArray(at=np.array([0.0, 0.0, 1.5])) if is_room else MicrophoneArray()
    return Drive(
        seed=args.seed,
        seconds=args.seconds,
        rate_hz=args.rate,
        cameras=_cameras(args),
        lidar=None if args.no_lidar else lidar,
        optics=Optics(fineness=args.fine),
        damage=Damage(
            dropped=args.drop,
            jitter_s=args.jitter,
            blackout=args.blackout,
            rain=args.rain,
            miscalibration_rad=math.radians(args.miscalibrate_deg),
            silence=args.silence,
        ),
        microphones=ears if args.speech or args.say else None,
        sayings=tuple(args.say),
        has_passers_by=args.speech,
        has_depth=args.depth,
        place=args.place,
        has_gesture=args.gesture,
    )


def _cameras(args: argparse.Namespace) -> tuple[Camera, ...]:
    """On the vehicle, on the robot, or in the corner of a room."""
    from mm_perception.world.drive import gesture_camera, one_camera, ring_of_cameras

    if not args.gesture:
        rig = one_camera if args.cameras == 1 else ring_of_cameras
        return rig(args.width, round(args.width * 9 / 16), args.place)
    if args.place != 'room' or args.cameras != 1:
        raise ConfigError('--gesture', True, 'with --place room and one camera')
    try:
        return gesture_camera(args.seed, args.width)
    except ValueError as error:
        raise ConfigError('--seed', args.seed, 'one whose room has a place to point from') from (
            error
        )


def _render(bag: Path, drive: Drive, workers: int) -> bool:
    """Write the bag; False if Ctrl-C ended it early."""
    from mm_perception.world.drive_bag import write_drive

    started_s, done = time.monotonic(), 0
    with Progress(drive.num_frames, 'rendering', 'frames') as progress:

        def note(frames: int) -> None:
            nonlocal done
            done = frames
            progress(frames)

        try:
            write_drive(bag, drive, workers=workers, progress=note)
        except KeyboardInterrupt:
            kept = f'{done} of {drive.num_frames} frames in {bag}' if bag.exists() else 'nothing'
            print(f'interrupted: kept {kept}')
            return False
    rate = drive.num_frames / (time.monotonic() - started_s)
    print(f'{bag}: {drive.num_frames} frames of {len(drive.cameras)}, {rate:.1f} per second')
    return True


def _publish(bag: Path, *, local_only: bool) -> int:
    """The exit status."""
    from mm_perception.bag.reader import BagReader
    from mm_perception.ros.live import LiveSource
    from mm_perception.ros.session import Session

    with BagReader(bag) as reader, Session('mmp_world', local_only=local_only) as session:
        source = LiveSource(session.node, reader)
        print(f'publishing {len(source.topics)} topics until Ctrl-C', flush=True)
        source.run()
    return INTERRUPTED if session.was_interrupted else 0
