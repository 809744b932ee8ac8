"""The page of the command line, from its own help."""

from __future__ import annotations

import argparse
import os
from unittest import mock

from mm_perception.cli.main import build_parser
from mmp_docs.markup import blocks, table

_COLUMNS = '96'


def page() -> str:
    """`mmp COMMAND --help` of every command."""
    parser = build_parser()
    actions = parser._subparsers._group_actions[0]  # argparse has no other way
    choices: dict[str, argparse.ArgumentParser] = actions.choices
    parts = [
        '# Commands',
        'From the checkout: `./mmp COMMAND`; installed: `mmp COMMAND`. A mistake of the caller is '
        'one line on stderr and exit status 2. Ctrl-C ends with 130.',
        table(
            ('command', 'what it does'),
            ((f'[`{name}`](#mmp-{name})', _summary(sub)) for name, sub in choices.items()),
        ),
    ]
    with mock.patch.dict(os.environ, {'COLUMNS': _COLUMNS, 'NO_COLOR': '1'}):
        for name, sub in choices.items():
            parts += [f'## mmp {name}', f'```text\n{sub.format_help().rstrip()}\n```']
    return blocks(*parts)


def _summary(parser: argparse.ArgumentParser) -> str:
    first = (parser.description or '').strip().splitlines()[0]
    return first.replace('`', '').replace('|', r'\|')
