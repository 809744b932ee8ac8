"""The page of stacks, from `config/stacks`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from mm_perception import graph
from mm_perception.graph import NodeSpec, StackSpec
from mmp_docs import topics
from mmp_docs.markup import blocks, code, escape, table

_INTRO = """A stack is a YAML file: nodes, their plugins, and how they are connected. Run one by
name or by path. `auto` takes every topic of a fitting type; `node.port` takes what a node above
gives. Every input can be set by `--input NODE.PORT[.STREAM]=TOPIC` and every parameter by
`--set NODE.PARAMETER=VALUE`."""


def page() -> str:
    """Every stack that comes with the package: its nodes and topics."""
    stacks = shipped()
    parts = [
        '# Stacks',
        _INTRO,
        table(
            ('stack', 'what it does', 'plugins'),
            ((f'[{s.name}](#{s.name})', escape(s.description), _plugins(s.nodes)) for s in stacks),
        ),
    ]
    for stack in stacks:
        parts += [
            f'## {stack.name}',
            escape(stack.description),
            f'File: `config/stacks/{stack.name}.yaml`.',
            table(('node', 'takes', 'gives'), map(_row, stack.nodes)),
        ]
    return blocks(*parts)


@lru_cache(maxsize=1)
def shipped() -> tuple[StackSpec, ...]:
    """Every stack that comes with the package; read once, for that takes seconds."""
    return tuple(graph.load_stack(name) for name in graph.stack_names())


def _plugins(nodes: tuple[NodeSpec, ...]) -> str:
    return ', '.join(f'[{p}](plugins/{p}.md)' for p in dict.fromkeys(n.plugin for n in nodes))


def _row(node: NodeSpec) -> tuple[str, str, str]:
    name = node.name if node.name == node.plugin else f'{node.name} ({node.plugin})'
    return code(name), '<br>'.join(_inputs(node)), '<br>'.join(_outputs(node))


def _inputs(node: NodeSpec) -> Iterator[str]:
    kinds = node.plugin_class().inputs
    for port, streams in node.inputs.items():
        for topic in streams.values():
            types = topics.message_types(kinds[port].sample_type)
            source = f'every topic of {types}' if topic == graph.AUTO else code(topic)
            yield f'{port}: {source}'


def _outputs(node: NodeSpec) -> Iterator[str]:
    for port, output in node.plugin_class().outputs.items():
        base = f'~/{"debug" if output.is_debug else "output"}/{port}'
        yield code(node.outputs.get(port, {}).get('', base).replace('~', f'/{node.name}', 1))
