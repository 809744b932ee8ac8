"""Say to running nodes what to look for, and hear what became of it.

  mmp prompt "the red car"
  mmp prompt box:300,150,520,500
  mmp prompt click:12.5,-3,0.8@odom
  mmp prompt --clear                 forget everything

It waits until somebody takes prompts, sends this one, and prints what each camera makes of it.
While it listens the nodes work, also where nobody else subscribes. When it has ended they work on
as long as somebody looks: mmp view, mmp record, mmp run --record. What is not in view yet is
marked when it comes: `not_found` is the answer of this moment.

Exit status: 0 found, 1 not found, refused or no answer, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys

from mm_perception.cli._progress import INTERRUPTED
from mm_perception.cli._prompts import parse_prompt
from mm_perception.errors import ConfigError

_TOPIC, _CLICKED = '/prompt', '/clicked_point'


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'prompt', nargs='?', default='',
        help='text, point:x,y or box:x0,y0,x1,y1 in pixels, or click:x,y,z@frame in metres',
    )  # fmt: skip
    parser.add_argument('--clear', action='store_true', help='end all tracks')
    parser.add_argument(
        '--max-frames', type=int, default=0, metavar='N', help='tracks end after N pictures'
    )
    parser.add_argument(
        '--topic', default='', help=f'default: {_TOPIC}, and {_CLICKED} for a click'
    )
    parser.add_argument(
        '--seconds', type=float, default=10.0, metavar='S', help='wait so long for an answer'
    )
    parser.add_argument('--local-only', action='store_true', help='bind 127.0.0.1, nothing else')


def run(args: argparse.Namespace) -> int:
    """Send it, print what comes back."""
    from mm_perception.ros.asking import Asking
    from mm_perception.ros.session import Session
    from mm_perception.samples import Point3D, Prompt, PromptAction, PromptState

    if bool(args.prompt) == args.clear:
        raise ConfigError('prompt', args.prompt, 'a text, point, box or click; or else --clear')
    prompt = (
        Prompt(action=PromptAction.CLEAR) if args.clear
        else parse_prompt(args.prompt, args.max_frames)
    )  # fmt: skip
    topic = args.topic or (_CLICKED if isinstance(prompt, Point3D) else _TOPIC)
    with Session('mmp_prompt', local_only=args.local_only) as session:
        asking = Asking(session.node, prompt, topic)
        if not asking.wait_for_listener(session.serve, max(args.seconds, 1.0)):
            print(
                f'mmp prompt: nobody takes prompts on {topic}; start nodes that do: '
                'mmp run track; why else: mmp doctor --stack track', file=sys.stderr,
            )  # fmt: skip
            return 1
        print(f'sent to {topic}', flush=True)
        # Where nothing was tracked, nobody answers a --clear.
        seconds = min(args.seconds, 2.0) if args.clear else args.seconds
        for source, status in asking.ask(session.serve, seconds):
            camera = f' on {status.stream}' if status.stream else ''
            why = f': {status.message}' if status.message else ''
            node = source.strip('/').split('/')[0]
            print(f'{node}{camera}: {status.state.name.lower()}{why}', flush=True)
    if session.was_interrupted:
        return INTERRUPTED
    if not asking.states:
        if args.clear:
            return 0
        print(
            f'no answer within {args.seconds:g} s: do pictures come? mmp doctor; a slow machine '
            'may need --seconds 60', file=sys.stderr,
        )  # fmt: skip
        return 1
    return 0 if args.clear or PromptState.FOUND in asking.states.values() else 1
