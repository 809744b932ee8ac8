"""Write a layout for RViz and one for Foxglove that fit a stack and a rig.

  mmp layout --stack track --bag my_bag --out layouts   sensors as a recording has them
  mmp layout --stack bev --out layouts                  as the running system has them
  mmp layout RESULT --out layouts                       for what mmp replay or run --record wrote

The shipped layouts are the template. Each camera gets its picture, and what the stack draws over
it; topics are those of the rig; what nothing feeds is left out. Written are NAME.rviz and
NAME.json, NAME being the stack or the result; files that are there are not overwritten.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mm_perception.cli._folders import check_new_files
from mm_perception.cli._progress import Progress
from mm_perception.errors import ConfigError
from mm_perception.graph import StackSpec, load_stack
from mm_perception.graph_overrides import apply_overrides

if TYPE_CHECKING:
    from mm_perception.diagnosis.snapshot import Snapshot


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        'result', nargs='?', type=Path, metavar='RESULT', help='what mmp replay wrote, no --stack'
    )
    parser.add_argument('--stack', help='name or file of the stack that will run')
    parser.add_argument('--bag', type=Path, help='with the sensors; none: what runs now')
    parser.add_argument('--out', type=Path, required=True, help='folder to write into')
    parser.add_argument('--input', action='append', default=[], metavar='NODE.PORT[.STREAM]=TOPIC')
    parser.add_argument('--namespace', default='', help='namespace of the nodes of the stack')
    parser.add_argument('--seconds', type=float, default=5.0, help='how long to look (default 5)')


@dataclass(frozen=True)
class _Subject:
    """What the layouts are for.

    Attributes:
        name: Of the files.
        bag: Where to look; None for the running system.
        will_run: What the stack publishes counts, though it is not there yet.
    """

    name: str
    stack: StackSpec
    bag: Path | None
    will_run: bool


def run(args: argparse.Namespace) -> int:
    """Look, arrange, write."""
    subject = _subject_of(args)
    files = [args.out / f'{subject.name}{ending}' for ending in ('.rviz', '.json')]
    check_new_files(args.out, [path.name for path in files])
    with Progress(0, 'looking'):
        seen = _look(subject.bag, args.seconds)
    from mm_perception.diagnosis.foxglove import read_foxglove
    from mm_perception.diagnosis.layouts import shipped_paths
    from mm_perception.diagnosis.rviz import read_rviz
    from mm_perception.layouts.foxglove import foxglove_layout
    from mm_perception.layouts.offered import resolved, with_stack
    from mm_perception.layouts.rviz import rviz_config
    from mm_perception.layouts.scene import Scene

    stack = resolved(subject.stack, seen, args.namespace)
    if subject.will_run:
        seen = with_stack(seen, stack, args.namespace)
    rviz, foxglove = shipped_paths()
    shipped = (*read_rviz(rviz).displays, *read_foxglove(foxglove).displays)
    scene = Scene(stack, seen, [display.topic for display in shipped], args.namespace)
    texts = rviz_config(rviz.read_text(), scene), foxglove_layout(foxglove.read_text(), scene)
    args.out.mkdir(parents=True, exist_ok=True)
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)
    for path, layout in zip(files, (read_rviz(files[0]), read_foxglove(files[1])), strict=True):
        print(f'written  {path}: {len(layout.displays)} displays')
    cameras = [name or topic for name, topic in scene.cameras.items()]
    print(f'cameras  {", ".join(cameras) or "none"}')
    print(f'frame    {scene.fixed_frame}')
    for topic, frames in scene.lost().items():
        print(f'left out {topic}: TF does not connect {", ".join(frames)} with the frame')
    return 0


def _subject_of(args: argparse.Namespace) -> _Subject:
    if args.seconds <= 0:
        raise ConfigError('--seconds', args.seconds, 'a number above 0')
    if args.result is None:
        if not args.stack:
            raise ConfigError('--stack', args.stack, 'the name of a stack, or a result before it')
        stack = apply_overrides(load_stack(args.stack), (), args.input)
        return _Subject(stack.name, stack, args.bag, will_run=True)
    if args.stack or args.bag or args.input:
        expected = 'alone: a result has its stack and its bag; or --stack and --bag'
        raise ConfigError('RESULT', str(args.result), expected)
    file, bag = args.result / 'stack.yaml', args.result / 'bag'
    if not file.is_file() or not bag.is_dir():
        expected = 'a folder that mmp replay or mmp run --record wrote; of a bag give --bag'
        raise ConfigError('RESULT', str(args.result), expected)
    return _Subject(args.result.resolve().name, load_stack(str(file)), bag, will_run=False)


def _look(bag: Path | None, seconds: float) -> Snapshot:
    if bag is not None:
        from mm_perception.diagnosis.bag import observe_bag

        return observe_bag(bag)
    from mm_perception.ros.observer import observe

    return observe(seconds)
