"""`mmp COMMAND`: a command is a module of this package with `configure` and `run`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence

import mm_perception
import mm_perception.cli
from mm_perception.cli._progress import INTERRUPTED
from mm_perception.errors import MmPerceptionError


def command_names() -> list[str]:
    """Every sub-command there is."""
    modules = pkgutil.iter_modules(mm_perception.cli.__path__)
    return sorted(m.name for m in modules if m.name != 'main' and not m.name.startswith('_'))


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; a command's help is the docstring of its module."""
    parser = argparse.ArgumentParser(
        prog='mmp', description='Multimodal perception for ROS 2: run, replay, look, diagnose.'
    )
    parser.add_argument('--version', action='version', version=mm_perception.__version__)
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name in command_names():
        module = importlib.import_module(f'mm_perception.cli.{name}')
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
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args) or 0)
    except MmPerceptionError as error:
        print(f'mmp {args.command}: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f'mmp {args.command}: interrupted', file=sys.stderr)
        return INTERRUPTED


if __name__ == '__main__':
    sys.exit(main())
