"""Look at a recording, a result, or the running robot, in the viewer of rerun.io.

  mmp view my_bag                        a window: cameras, space, words, curves on one time line
  mmp view my_bag result                 what was recorded and what was found, together
  mmp view demo_result                   all that `mmp demo` wrote
  mmp view                               the running robot, until Ctrl-C
  mmp view my_bag --web                  in a browser, served on 127.0.0.1
  mmp view my_bag --save look.rrd        into a file, to open elsewhere: rerun look.rrd

No ROS installation is needed. Pictures are kept as JPEG.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_perception.cli._progress import Progress
from mm_perception.errors import BagError, ConfigError

if TYPE_CHECKING:
    from mm_perception.viewing.bags import Account
    from mm_perception.viewing.stage import Stage
    from mm_perception.viewing.viewer import Viewer

#: Of a bag so much time's drawings are sent at once, seconds.
_FLUSH_S = 2.0
#: How long the viewer may take for what waits to be sent, seconds.
_HAND_OVER_S = 60.0
#: How often the views are arranged anew while more comes, seconds.
_ARRANGE_S = 2.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'bag', nargs='*', type=Path,
        help='rosbag2 folder, .mcap file, or what mmp replay or demo wrote; none: what runs now',
    )  # fmt: skip
    parser.add_argument('--topics', nargs='+', default=[], help='only these, and TF')
    parser.add_argument('--web', action='store_true', help='in a browser, not in a window')
    parser.add_argument('--port', type=int, default=9090, help='of the page; 0: any that is free')
    parser.add_argument('--save', type=Path, metavar='FILE.rrd', help='write a file, and no more')
    parser.add_argument('--start', type=float, default=0.0, metavar='S', help='skip so much')
    parser.add_argument('--seconds', type=float, metavar='S', help='no more than so much')
    parser.add_argument('--local-only', action='store_true', help='bind 127.0.0.1, nothing else')


def run(args: argparse.Namespace) -> int:
    """Draw all there is; a window stays until it is closed, a page until Ctrl-C."""
    from mm_perception.viewing.viewer import require_display, require_rerun

    require_rerun()
    if args.start < 0 or (args.seconds is not None and args.seconds <= 0):
        raise ConfigError('--start or --seconds', (args.start, args.seconds), 'numbers above 0')
    if args.save is not None and (args.web or args.save.exists()):
        problem = 'a file that does not exist yet' if args.save.exists() else 'no --web beside it'
        raise ConfigError('--save', str(args.save), problem)
    for path in args.bag:
        if not path.exists():
            raise BagError(str(path), 'does not exist', 'check the path')
    if args.save is None and not args.web:
        require_display()
    signal.signal(signal.SIGTERM, _end)  # so that the viewer ends, too
    return _view_bags(args) if args.bag else _view_live(args)


def _end(number: int, frame: Any) -> None:
    sys.exit(128 + number)


def _view_bags(args: argparse.Namespace) -> int:
    from mm_perception.viewing.bags import Show, bags_in

    bags = [bag for path in args.bag for bag in bags_in(path)]
    show = Show(bags, args.topics, start_s=args.start, seconds=args.seconds)
    try:
        with _open(args, show.transforms, is_live=False) as (stage, viewer):
            arrange = _Arranger(stage, viewer, is_live=False)
            is_whole = False
            try:
                with Progress(show.num_messages, 'drawing') as progress:
                    account = show.draw(stage, progress, arrange)
                is_whole = True
            finally:  # also after Ctrl-C: what was drawn stays, and can be seen
                _finish(stage, viewer, arrange)
            if is_whole:
                _print_account(account, stage)
            if viewer is not None:
                _tell(viewer)
                viewer.wait()
    finally:
        show.close()
    return 0


def _view_live(args: argparse.Namespace) -> int:
    from mm_perception.ros.tf import TransformBuffer
    from mm_perception.ros.watching import Watch

    with (
        _open(args, TransformBuffer(), is_live=True) as (stage, viewer),
        Watch(stage, args.topics, local_only=args.local_only) as watch,
    ):
        arrange = _Arranger(stage, viewer, is_live=True)
        if viewer is not None:
            _tell(viewer)
        print('watching; Ctrl-C ends', flush=True)
        end_s = time.monotonic() + args.seconds if args.seconds else float('inf')
        with contextlib.suppress(KeyboardInterrupt):
            while watch.is_up and time.monotonic() < end_s:
                watch.turn(0.1)
                arrange()
        _finish(stage, viewer, arrange)
        _print_account(watch.account, stage)
        if watch.dropped:
            print(f'{watch.dropped} messages were dropped: they came faster than they are drawn')
        is_silent = not watch.account.drawn
    if is_silent:
        print('nothing came; run: mmp doctor', file=sys.stderr)
    return 1 if is_silent else 0


@contextlib.contextmanager
def _open(
    args: argparse.Namespace, transforms: Any, *, is_live: bool
) -> Iterator[tuple[Stage, Viewer | None]]:
    """The stage, and the viewer where there is one."""
    if args.save is None:  # that the window was closed is no error
        os.environ.setdefault('RUST_LOG', 'error,re_grpc_client=off,re_sdk=off')
    import rerun as rr

    from mm_perception.viewing.stage import Stage
    from mm_perception.viewing.viewer import Viewer

    pace = rr.ChunkBatcherConfig.LOW_LATENCY() if is_live else rr.ChunkBatcherConfig.DEFAULT()
    if not is_live:  # viewers take a few large pieces much faster than many small ones
        pace.flush_tick = _FLUSH_S
    recording = rr.RecordingStream('mm_perception', batcher_config=pace)
    name = ' + '.join(path.resolve().name for path in args.bag) or 'live'
    recording.send_recording_name(name)
    try:
        if args.save is not None:
            args.save.parent.mkdir(parents=True, exist_ok=True)
            recording.save(args.save)
            yield Stage(recording, transforms), None
            return
        with Viewer(is_web=args.web, web_port=args.port, is_live=is_live) as viewer:
            recording.connect_grpc(viewer.address)
            yield Stage(recording, transforms), viewer
    finally:
        recording.disconnect()
        if args.save is not None and args.save.exists():
            print(f'written  {args.save}; open it with: rerun {args.save}')


class _Arranger:
    """Sends the blueprint when there is something new to show, not too often.

    Args:
        stage: With what was drawn.
        viewer: None for a file: at the end only.
        is_live: What is drawn never ends.
    """

    def __init__(self, stage: Stage, viewer: Viewer | None, *, is_live: bool) -> None:
        self._stage, self._viewer, self._is_live = stage, viewer, is_live
        self._every_s = float('inf') if viewer is None else _ARRANGE_S
        self._sent, self._sent_s = 0, time.monotonic()

    def __call__(self) -> None:
        """Called after every message; raises KeyboardInterrupt once the window is closed."""
        if self._viewer is not None and not self._viewer.is_open:
            raise KeyboardInterrupt
        now_s = time.monotonic()
        if self._stage.layout.version != self._sent and now_s - self._sent_s > self._every_s:
            self.now()

    def now(self) -> None:
        """Send it."""
        if self._stage.layout.version != self._sent:
            self._sent, self._sent_s = self._stage.layout.version, time.monotonic()
            blueprint = self._stage.layout.blueprint(is_live=self._is_live)
            self._stage.recording.send_blueprint(blueprint)


def _finish(stage: Stage, viewer: Viewer | None, arrange: _Arranger) -> None:
    """Arrange the views of all there is, and hand over what waits."""
    if viewer is None or viewer.is_open:
        arrange.now()
        stage.recording.flush(timeout_sec=_HAND_OVER_S)


def _tell(viewer: Viewer) -> None:
    if not viewer.page:
        print('close the window, or press Ctrl-C, to end', flush=True)
        return
    from mm_perception.viewing.viewer import has_display

    print(f'open     {viewer.page}\nCtrl-C ends', flush=True)
    if has_display():
        webbrowser.open(viewer.page)


def _print_account(account: Account, stage: Stage) -> None:
    print(f'{account.drawn} messages drawn')
    for topic, count in sorted(account.failed.items()):
        print(f'not drawn: {count} of {topic}: {account.problems[topic]}')
    for topic, count in sorted(stage.unplaced.items()):
        print(f'not placed in space: {count} of {topic}: {stage.reasons[topic]}')
    for topic, reason in sorted(account.left_out.items()):
        print(f'left out: {topic}: {reason}')
