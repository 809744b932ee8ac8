"""Drive through a street, track what is named or said, look from above, compare with the truth.

  mmp demo                               the red car: seen, hidden, seen again, passed
  mmp demo --seed 7                      another street, and what shows best in it
  mmp demo --prompt "the purple car"     something else in the first

Needs no network and no GPU. All traffic stays on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mm_perception.cli import main as mmp
from mm_perception.cli._folders import check_new_folder
from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.errors import ConfigError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm_perception.evaluation.naming import Name
    from mm_perception.evaluation.replayed import Story
    from mm_perception.evaluation.result import Evaluation
    from mm_perception.world.drive import Drive

#: Who is asked for what.
STACK, TEXT = 'track', 'the red car'
#: Who listens to what is said in the drive, and when it begins to be said, s.
STACK_VOICE, SAID_S = 'voice', 0.3
#: Who looks from above. On two cores a look takes longer than a vehicle would wait for: without
#: these seconds the advice would be to stop, always. It is the slower the older the tracks are.
STACK_ABOVE = 'bev'
PATIENCE = ('drive_advisor.stale_after_s=3', 'drive_advisor.map_stale_after_s=3')
#: A street in which the car stands, is hidden by another, is seen again, and is passed.
SEED, SECONDS = 131, 6.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--out', type=Path, default=Path('demo_result'), help='folder to write')
    parser.add_argument('--prompt', help=f'a colour and a kind; default: {TEXT}')
    parser.add_argument('--seed', type=int, default=SEED, help='another seed is another street')
    parser.add_argument('--seconds', type=float, default=SECONDS, help='length of the drive')
    parser.add_argument(
        '--width', type=int, default=640, help='of a picture; height is 9/16 of it'
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='that render')
    parser.add_argument('--offline', action='store_true', help='every frame, without ROS nodes')


def run(args: argparse.Namespace) -> int:
    """Render the drive, replay it as a user would, score it, and say where everything is.

    Returns:
        0 if all went well, 1 if a node failed, 130 after Ctrl-C: what was done is kept.
    """
    from mm_perception.evaluation.replayed import score_replay
    from mm_perception.graph import load_stack
    from mm_perception.reporting.run import REPORT
    from mm_perception.reporting.story import write_story

    drive, started_s = _drive(args), time.monotonic()
    name = _asked(args, drive)
    args.out.mkdir(parents=True, exist_ok=True)
    bag, result = args.out / 'drive', args.out / 'result'
    print(f'1. A drive of {drive.seconds:g} s through a synthetic street (seed {drive.seed})')
    _render(bag, drive, args.workers)
    drive_s = time.monotonic() - started_s
    name = name or _clearest(bag, drive)
    how = 'offline' if args.offline else 'in real time through ROS 2 nodes on 127.0.0.1'
    further = [('The same drive from above', STACK_ABOVE, 'from_above')]
    if drive.sayings:
        title = f'Nobody types: a voice in the drive says “{drive.sayings[0].text}”'
        further.append((title, STACK_VOICE, 'voice'))
    asked = (f'Find and track “{name.text}”, {how}', STACK, result.name)
    status, made_by = _replay(args, bag, (asked, *further), name.text)
    if len(made_by) <= len(further):
        return status
    if drive.sayings:
        _print_heard(args.out / 'voice' / 'bag')
    replay_s = time.monotonic() - started_s - drive_s
    print(f'\n{len(further) + 3}. Against the truth', flush=True)
    with Progress(0, 'scoring'):
        evaluation, stories = score_replay(load_stack(STACK), bag, result, name)
    evaluation.command = f'mmp {shlex.join(_words(args))}'
    evaluation.wall_s = time.monotonic() - started_s
    films = [
        (film, f'{title} (stack “{stack}”)')
        for title, stack, folder in (asked, *further)
        for film in sorted((args.out / folder).glob('*.mp4'))
    ]
    setting = (
        f'A drive of {drive.seconds:g} s through a synthetic street, replayed {how}. The stack '
        f'“{STACK}” was given these words, and nothing else.'
    )
    pages = [(stack, f'{folder}/{REPORT}') for _, stack, folder in (asked, *further)]
    scores, report = write_story(
        evaluation, stories, args.out, setting=setting, movies=films, made_by=made_by, pages=pages
    )
    _print_scores(name, evaluation, stories)
    print(f'\nreport   {report}')
    for film, _ in films:
        print(f'film     {film}')
    print(f'bag      {result / "bag"}\nscores   {scores}\nlook     {_view_command(args.out)}')
    whole_s = time.monotonic() - started_s
    print(
        f'\nIt took {whole_s:.0f} s: {drive_s:.0f} s to render, {replay_s:.0f} s to replay and '
        f'draw, {whole_s - drive_s - replay_s:.0f} s to score.'
    )
    return status if stories else 1


def _drive(args: argparse.Namespace) -> Drive:
    """What is driven; no training has seen such a street."""
    from mm_perception.world.drive import Drive, one_camera
    from mm_perception.world.microphone import MicrophoneArray
    from mm_perception.world.speech import is_installed
    from mm_perception.world.spoken import Saying, recorded
    from mm_perception.world.variety import Split

    check_new_folder(args.out)
    limits = (
        ('--seed', args.seed, 0, 10**9), ('--seconds', args.seconds, 0.5, 60),
        ('--width', args.width, 32, 3840), ('--workers', args.workers, 1, 256),
    )  # fmt: skip
    for option, value, least, most in limits:
        if not least <= value <= most:
            raise ConfigError(option, value, f'a number from {least} to {most}')
    cameras = one_camera(args.width, round(args.width * 9 / 16))
    text = f'track {args.prompt or TEXT}'
    sayings = (Saying(text, SAID_S),) if recorded(text) is not None or is_installed() else ()
    return Drive(
        seed=args.seed, seconds=args.seconds, cameras=cameras, split=Split.HELD_OUT,
        microphones=MicrophoneArray() if sayings else None, sayings=sayings,
        has_passers_by=False,
    )  # fmt: skip


def _asked(args: argparse.Namespace, drive: Drive) -> Name | None:
    """What to track; None: what shows best in the drive."""
    from mm_perception.evaluation.naming import parse_name, split_label

    text = args.prompt or (TEXT if drive.seed == SEED else None)
    if text is None:
        return None
    things = {split_label(label) for label in drive.names.values()}
    there = ', '.join(sorted(thing.text for thing in things))
    try:
        name = parse_name(text, {thing.kind for thing in things})
    except PromptError as error:
        raise ConfigError('--prompt', text, f'something in this street: {there}') from error
    if not any(name.fits(thing) for thing in things):
        raise ConfigError('--prompt', text, f'something in this street: {there}')
    return name


def _render(bag: Path, drive: Drive, workers: int) -> None:
    from mm_perception.world.drive_bag import write_drive

    try:
        with Progress(drive.num_frames, 'rendering', 'pictures') as progress:
            write_drive(bag, drive, workers=workers, progress=progress)
    except KeyboardInterrupt:
        print(f'interrupted: kept {bag if bag.exists() else "nothing"}')
        raise
    print(f'drive    {bag}')


def _replay(
    args: argparse.Namespace, bag: Path, runs: Sequence[tuple[str, str, str]], text: str
) -> tuple[int, list[tuple[str, str]]]:
    """Replay as a user would.

    Args:
        args: Of the demo.
        bag: The drive.
        runs: Title, stack and folder of each; the first is asked for the text.
        text: What to find.

    Returns:
        The worst exit status, and the commands; not of all runs where one ended it all.
    """
    status = 0
    made_by: list[tuple[str, str]] = []
    for number, (title, stack, folder) in enumerate(runs, 2):
        command = ['replay', str(bag), '--stack', stack, '--out', str(args.out / folder)]
        command += [] if made_by else ['--prompt', text]
        command += ['--offline'] if args.offline else []
        if stack == STACK_ABOVE and not args.offline:
            command += [word for setting in PATIENCE for word in ('--set', setting)]
        print(f'\n{number}. {title}\n   mmp {shlex.join(command)}', flush=True)
        status = max(status, mmp.main(command))
        if status == INTERRUPTED or (status == 2 and not made_by):
            break
        made_by.append((f'{stack} by', f'mmp {shlex.join(command)}'))
    return status, made_by


def _clearest(bag: Path, drive: Drive) -> Name:
    from mm_perception.evaluation.questions import clearest_name
    from mm_perception.evaluation.scenes import read_world

    name = clearest_name(read_world(bag).scenes[0].truth)
    if name is None:
        raise ConfigError('--seed', drive.seed, 'a street with something of a colour in view')
    return name


def _words(args: argparse.Namespace) -> list[str]:
    """The command line that does the same again."""
    words = ['demo', '--seed', str(args.seed), '--seconds', f'{args.seconds:g}']
    words += ['--width', str(args.width)]
    words += ['--prompt', args.prompt] if args.prompt else []
    return [*words, '--offline'] if args.offline else words


def _view_command(out: Path) -> str:
    """The command that opens all of it in a viewer."""
    from mm_perception.viewing.viewer import has_display

    words = ['./mmp', 'view', str(out)]
    return shlex.join(words if has_display() else [*words, '--web'])


def _print_heard(bag: Path) -> None:
    from mm_perception.evaluation.spoken import read_heard

    heard = read_heard(bag)
    for transcript in heard.transcripts:
        spoken_s = (transcript.end_ns - transcript.stamp_ns) / 1e9
        print(f'heard “{transcript.text}” ({spoken_s:.1f} s, sure by {transcript.confidence:.2f})')
    for command in heard.commands:
        print(f'understood {command.intent.value} “{command.target}”')
    wait_s = heard.seconds_to_mask
    found = 'no mask' if wait_s is None else f'first mask {wait_s:.1f} s after the last word'
    print(found)


def _print_scores(name: Name, evaluation: Evaluation, stories: Sequence[Story]) -> None:
    if not stories:
        print(f'“{name.text}” is in no picture that was answered: there is nothing to score')
        return
    (world,), scores = evaluation.worlds, evaluation.scores()
    print(f'“{name.text}”: overlap with the truth (IoU) {scores.mean_iou:.2f}', end='')
    if scores.tracks:
        print(f', HOTA {scores.tracks.hota:.2f}, id switches {scores.tracks.id_switches}', end='')
    print(f'; {100 * world.answered:.0f} % of {world.frames} pictures answered')
    for story in stories:
        for moment in story.moments:
            overlap = '' if moment.iou != moment.iou else f' (IoU {moment.iou:.2f})'
            print(f'  {moment.time_s:4.1f} s  {moment.title}{overlap}')
