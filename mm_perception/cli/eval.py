"""Score a stack, or a net, against the truth of worlds that nothing was trained on.

  mmp eval colour --out result                    on four held-out drives, rendered once
  mmp eval track --out result --worlds 8 --set text_tracker.grounder_weights=nano
  mmp eval colour --out result --bag my_drive     on what `mmp world` has made

  mmp eval sam2                                   the shipped weights of a net

Each world is asked for things that are in it and for things that are not; numbers go into JSON and
a page with pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm_perception.cli._folders import check_new_folder
from mm_perception.cli._progress import INTERRUPTED, Progress
from mm_perception.errors import ConfigError
from mm_perception.graph import load_stack, stack_names
from mm_perception.graph_overrides import apply_overrides
from mm_perception.training import NETS

if TYPE_CHECKING:
    from mm_perception.evaluation.result import Evaluation
    from mm_perception.nets.clip import ClipEngine

_DEFAULT_WORLDS = 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('what', metavar='WHAT', help='name or file of a stack; or a net')
    parser.add_argument('--out', type=Path, help='folder to write; a stack needs one')
    parser.add_argument('--weights', type=Path, help='of a net; default: those that are shipped')
    parser.add_argument(
        '--card', action='store_true', help='write the scores of a net into its card'
    )
    parser.add_argument(
        '--bag', type=Path, action='append', default=[], metavar='FOLDER',
        help='made by mmp world; may be given again',
    )  # fmt: skip
    parser.add_argument(
        '--worlds', type=int, metavar='N',
        help=f'held-out drives to render and keep; default: {_DEFAULT_WORLDS} where no --bag is',
    )  # fmt: skip
    parser.add_argument('--seconds', type=float, default=6.0, help='length of a held-out drive')
    parser.add_argument('--width', type=int, default=640, help='of its pictures')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='that render')
    parser.add_argument(
        '--present', type=int, default=4, help='texts per world that name something'
    )
    parser.add_argument('--absent', type=int, default=4, help='texts per world that name nothing')
    parser.add_argument(
        '--clip', metavar='WEIGHTS',
        help='of CLIP for the baseline on a grid, or none; default: nano, where there is one',
    )  # fmt: skip
    parser.add_argument('--set', action='append', default=[], metavar='NODE.PARAM=VALUE')
    parser.add_argument('--input', action='append', default=[], metavar='NODE.PORT[.STREAM]=TOPIC')


def run(args: argparse.Namespace) -> int:
    """Evaluate; 0 if all went well, 1 if frames failed or a run ended early, 130 after Ctrl-C."""
    if args.what in NETS:
        return _eval_net(args)
    if Path(args.what).suffix not in ('.yaml', '.yml') and args.what not in stack_names():
        known = ', '.join(stack_names())
        raise ConfigError(
            'what to evaluate',
            args.what,
            f'a stack: a .yaml file, or one of {known}; or a net: {", ".join(NETS)}',
        )
    return _eval_stack(args)


def _eval_net(args: argparse.Namespace) -> int:
    from mm_perception.device import resolve_device
    from mm_perception.training.recipe import recipe_of, score_again, score_net, weights_of

    weights = args.weights or weights_of(args.what)
    if not (weights / 'model.safetensors').is_file():
        raise ConfigError('--weights', weights, 'a folder that `mmp train` made')
    score = score_again if args.card else score_net
    watch = partial(Progress, unit='steps')
    scores = score(recipe_of(args.what), weights, resolve_device('auto'), watch)
    for name, value in scores.items():
        print(f'{name}: {value}')
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / 'result.json').write_text(json.dumps(scores, indent=1) + '\n')
    return 0


def _eval_stack(args: argparse.Namespace) -> int:
    from mm_perception.evaluation.answers import answering_node
    from mm_perception.evaluation.result import Settings
    from mm_perception.evaluation.run import evaluate
    from mm_perception.evaluation.scenes import find_topics
    from mm_perception.evaluation.tracking import require_trackeval
    from mm_perception.reporting.evaluated import write_report

    if args.out is None:
        raise ConfigError('--out', None, 'a folder to write')
    _check(args)
    stack = apply_overrides(load_stack(args.what), args.set, args.input)
    answering_node(stack)
    require_trackeval()
    for bag in args.bag:
        find_topics(bag)  # loading CLIP takes half a minute
    clip, note = _load_clip(args.clip)
    bags = args.bag or _render(args)
    settings = Settings(num_present=args.present, num_absent=args.absent)
    result = evaluate(stack, bags, args.out, settings, clip=clip, watch=Progress)
    result.command = f'mmp {shlex.join(sys.argv[1:])}'
    result.notes += [note] if note else []
    args.out.mkdir(parents=True, exist_ok=True)
    paths = write_report(result, args.out)
    _print(result)
    for name, path in zip(('numbers', 'report'), paths, strict=True):
        print(f'{name:8} {path}')
    if result.is_interrupted:
        print(f'interrupted: kept {len(result.worlds)} of {len(bags)} worlds in {args.out}')
        return INTERRUPTED
    return 0 if result.is_clean else 1


def _check(args: argparse.Namespace) -> None:
    if args.card:
        raise ConfigError('--card', args.what, f'a net: one of {", ".join(NETS)}')
    check_new_folder(args.out)
    if args.bag and args.worlds is not None:
        raise ConfigError('--worlds', args.worlds, 'either --bag or --worlds')
    limits = (
        ('--worlds', args.worlds if args.worlds is not None else _DEFAULT_WORLDS, 1, 1000),
        ('--seconds', args.seconds, 0.2, 60), ('--width', args.width, 32, 3840),
        ('--workers', args.workers, 1, 256), ('--present', args.present, 0, 64),
        ('--absent', args.absent, 0, 64),
    )  # fmt: skip
    for option, value, least, most in limits:
        if not least <= value <= most:
            raise ConfigError(option, value, f'a number from {least} to {most}')
    if args.present + args.absent == 0:
        raise ConfigError('--present', args.present, 'something to ask: --present or --absent')


def _render(args: argparse.Namespace) -> list[Path]:
    """Bags of the held-out drives."""
    from mm_perception.evaluation.worlds import drive_folder, held_out_drive, rendered

    number, bags = args.worlds or _DEFAULT_WORLDS, []
    for index in range(number):
        drive = held_out_drive(index, seconds=args.seconds, width=args.width)
        if drive_folder(drive).is_dir():
            bags.append(rendered(drive))
            continue
        title = f'rendering world {index + 1} of {number}'
        with Progress(drive.num_frames, title, 'pictures') as progress:
            bags.append(rendered(drive, workers=args.workers, progress=progress))
    return bags


def _load_clip(weights: str | None) -> tuple[ClipEngine | None, str]:
    """CLIP for the baseline, or why there is none."""
    from mm_perception.weights import NANO, locate

    if weights == 'none':
        return None, ''
    if weights is None and not (NANO / 'clip' / 'model.safetensors').is_file():
        return None, (
            'The baseline with CLIP on a grid was left out: this version has no nano weights of '
            'CLIP; give some with --clip.'
        )
    from mm_perception.nets.clip import load_clip

    with Progress(0, 'loading the weights'):
        return load_clip(locate(weights or 'nano', 'clip')), ''


def _print(result: Evaluation) -> None:
    columns = ('hota', 'idf1', 'mean_iou', 'found', 'false_alarms', 'rejected')
    print(f'{"":24}' + ''.join(f'{name:>14}' for name in columns))
    for system in result.systems:
        numbers = result.scores(system).numbers()
        name = result.stack if system == 'stack' else system
        cells = (numbers.get(column) for column in columns)
        print(f'{name:24}' + ''.join(f'{"-" if c is None else f"{c:.3f}":>14}' for c in cells))
    for problem in result.problems:
        print(f'ended early: {problem}')
    for name, node in result.nodes.items():
        if node.failures:
            print(f'{name}: {sum(node.failures.values())} frames failed: {node.last_failure}')
