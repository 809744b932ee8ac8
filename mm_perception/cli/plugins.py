"""List the plugins: what each does, takes, gives, and which weights it can load.

mmp plugins              the table
mmp plugins NAME         ports, parameters, weights and limits of one plugin
mmp plugins --markdown   the table of README.md
mmp plugins NAME --yaml  all parameters with their defaults (config/plugins/NAME.yaml)

A plugin is a file of mm_perception/plugins, or an entry point `mm_perception.plugins` of another
package.
"""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from mm_perception import registry
from mm_perception.config import ParameterSpec, parameter_specs
from mm_perception.errors import ConfigError, PluginContractError
from mm_perception.plugin import Plugin
from mm_perception.ports import Port, Request

_HEADINGS = ('plugin', 'system', 'what it does', 'inputs → outputs', 'public weights (licence)')
_INDENT = '    '


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('name', nargs='?', help='show one plugin in full')
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--markdown', action='store_true', help='the table as Markdown')
    form.add_argument('--yaml', action='store_true', help="one plugin's parameter file")


def run(args: argparse.Namespace) -> int:
    """Print what was asked for."""
    if args.yaml and not args.name:
        raise ConfigError('--yaml', None, f'a plugin: one of {", ".join(registry.names())}')
    if args.markdown and args.name:
        raise ConfigError('--markdown', args.name, 'no NAME: it is the table of all plugins')
    if args.yaml:
        print(parameter_file(args.name), end='')
    elif args.name:
        print(describe(args.name))
    elif args.markdown:
        print(markdown_table(), end='')
    else:
        print(text_table(shutil.get_terminal_size().columns))
    return 0


def markdown_table() -> str:
    """The table of README.md, made from the plugins' cards."""
    rule = '|'.join('---' for _ in _HEADINGS)
    lines = [f'| {" | ".join(_HEADINGS)} |', f'|{rule}|']
    for name in registry.names():
        first, *rest = (cell.replace('|', r'\|') for cell in _row(name))
        lines.append(f'| `{first}` | {" | ".join(rest)} |')
    return '\n'.join(lines) + '\n'


def text_table(width: int) -> str:
    """The plugins for a terminal of `width` columns; one that is broken hides no other."""
    blocks = []
    for name in registry.names():
        try:
            _, system, title, flow, weights = _row(name)
        except PluginContractError as error:
            blocks.append(f'{name} (broken)\n{_wrap(error.problem, width)}')
            continue
        head = f'{name} (system {system})' if system else name
        body = [title, flow, *([f'weights: {weights}'] if weights else [])]
        blocks.append('\n'.join([head, *(_wrap(line, width) for line in body)]))
    return '\n\n'.join(blocks)


def describe(name: str) -> str:
    """Everything about one plugin.

    Raises:
        UnknownPluginError: There is no such plugin.
    """
    plugin = registry.load(name)
    return '\n'.join(
        [
            f'{name}: {plugin.card.title}',
            '',
            *_card(plugin),
            *_section('Inputs', [_input(p, kind) for p, kind in plugin.inputs.items()]),
            *_section('Outputs', list(_outputs(plugin))),
            *_section('Parameters', list(_parameters(plugin))),
        ]
    )


def parameter_file(name: str) -> str:
    """The text of `config/plugins/NAME.yaml`: every parameter with its default, explained.

    Raises:
        UnknownPluginError: There is no such plugin.
    """
    lines = [
        f'# Parameters of {name} with their defaults; made by: mmp plugins {name} --yaml',
        f'{name}:',
        '  ros__parameters:',
    ]  # fmt: skip
    for spec in parameter_specs(registry.load(name).Config).values():
        notes = '; '.join([spec.type_name, *parameter_limits(spec)])
        lines += [f'{_INDENT}# {spec.description} ({notes})']
        lines += [f'{_INDENT}{spec.name}: {yaml_value(spec.default)}']
    return '\n'.join(lines) + '\n'


def _row(name: str) -> tuple[str, str, str, str, str]:
    plugin = registry.load(name)
    inputs = ', '.join(f'{port} ({k.sample_type.__name__})' for port, k in plugin.inputs.items())
    outputs = ', '.join(f'{port} ({o.sample_type.__name__})' for port, o in plugin.outputs.items())
    weights = ', '.join(f'{w.source} ({w.licence})' for w in plugin.card.weights)
    return name, plugin.card.system, plugin.card.title, f'{inputs} → {outputs}', weights


def _card(plugin: type[Plugin[Any]]) -> Iterator[str]:
    card = plugin.card
    yield f'Paper: {card.paper}'
    yield f'Compared with: {card.reference_code}'
    yield from _section(
        'Public weights',
        [f'{w.source} ({w.licence}){f": {w.note}" if w.note else ""}' for w in card.weights],
    )
    yield from _section('Limits', list(card.limits))


def _input(name: str, port: Port) -> str:
    kind = type(port).__name__.lower()
    types = port.sample_type.__name__
    if isinstance(port, Request):
        types += f' -> {port.reply_type.__name__}'
    return f'{name}: {types}, {kind}. {port.description}'.rstrip()


def _outputs(plugin: type[Plugin[Any]]) -> Iterator[str]:
    for name, output in plugin.outputs.items():
        topic = f'~/{"debug" if output.is_debug else "output"}/{name}'
        if output.per_stream:
            topic += '[/<stream>]'
        yield f'{name}: {output.sample_type.__name__} on {topic}. {output.description}'.rstrip()


def _parameters(plugin: type[Plugin[Any]]) -> Iterator[str]:
    for spec in parameter_specs(plugin.Config).values():
        notes = '; '.join([spec.type_name, *parameter_limits(spec)])
        yield f'{spec.name} = {yaml_value(spec.default)} ({notes}). {spec.description}'


def parameter_limits(spec: ParameterSpec) -> Iterator[str]:
    """Range, choices and whether it may change live, for people."""
    if spec.minimum is not None or spec.maximum is not None:
        low = '' if spec.minimum is None else f'{spec.minimum:g}'
        high = '' if spec.maximum is None else f'{spec.maximum:g}'
        yield f'{low}..{high}'
    if spec.choices:
        yield f'one of {", ".join(spec.choices)}'
    if spec.live:
        yield 'live'


def yaml_value(value: object) -> str:
    """A default as YAML on one line; tuples become lists."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix('...\n').strip()


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ['', f'{title}:', *(f'  {line}' for line in lines)] if lines else []


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(
        text, max(width, 40), initial_indent='  ', subsequent_indent=_INDENT,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
