"""`mmp COMMAND`: a command is a module of this package with `configure` and `run`."""

from __future__ import annotations

import argparse
import importlib
import keyword
import os
import pkgutil
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import mm_perception
import mm_perception.cli
from mm_perception.cli._progress import INTERRUPTED
from mm_perception.errors import MmPerceptionError


def command_names() -> list[str]:
    """Every sub-command there is; `import_.py` is `import`, which Python keeps for itself."""
    names = {module.name for module in pkgutil.iter_modules(mm_perception.cli.__path__)}
    return sorted(name.rstrip('_') for name in names - {'main'} if not name.startswith('_'))


def build_parser(only: str = '') -> argparse.ArgumentParser:
    """The whole command line; a command's help is the docstring of its module.

    Args:
        only: Import this command alone: all of them together take seconds.
    """
    parser = argparse.ArgumentParser(
        prog='mmp', description='Multimodal perception for ROS 2: run, replay, look, diagnose.'
    )
    parser.add_argument('--version', action='version', version=mm_perception.__version__)
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name in [only] if only else command_names():
        file = f'{name}_' if keyword.iskeyword(name) else name
        module = importlib.import_module(f'mm_perception.cli.{file}')
        summary = (module.__doc__ or '').strip().splitlines()[0]
        sub = commands.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user's is one line on stderr and exit status 2.

    Ctrl-C is status 130; commands that keep what was done say so themselves.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    known = command_names()
    first = words[0] if words else ''
    if first and not first.startswith('-') and first not in known:
        close = get_close_matches(first, known, n=1)
        hint = f'did you mean {close[0]!r}?' if close else f'there are: {", ".join(known)}'
        print(f'mmp: no command {first!r}; {hint}', file=sys.stderr)
        return 2
    if words == ['--version']:
        print(mm_perception.__version__)
        return 0
    args = build_parser(first if first in known else '').parse_args(words)
    try:
        status = int(args.run(args) or 0)
        sys.stdout.flush()
    except MmPerceptionError as error:
        print(f'mmp {args.command}: {error}', file=sys.stderr)
        return 2
    except BrokenPipeError:
        # `mmp plugins | head`: the reader has seen enough. What is left goes nowhere, or the
        # interpreter would complain while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        print(f'mmp {args.command}: {error.filename}: {error.strerror}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f'mmp {args.command}: interrupted', file=sys.stderr)
        return INTERRUPTED
    return status


if __name__ == '__main__':
    sys.exit(main())
