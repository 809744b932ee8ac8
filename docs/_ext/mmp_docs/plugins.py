"""A page for each plugin, from its card, ports, settings and measured scores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mm_perception import graph, registry
from mm_perception.cli.plugins import parameter_limits, yaml_value
from mm_perception.config import parameter_specs
from mm_perception.plugin import Card, Plugin
from mm_perception.ports import Latest, Port, Queue, Reference, Request, Surround
from mmp_docs import scores, stacks, topics
from mmp_docs.markup import blocks, bullets, code, escape, table

_KINDS = {
    Reference: 'drives: one inference per sample, each camera on its own',
    Surround: 'all cameras together',
    Latest: 'latest value',
    Queue: 'queue: none is lost',
    Request: 'request, also a service',
}


def pages() -> dict[str, str]:
    """Plugin to its page."""
    return {name: _page(name, registry.load(name)) for name in registry.names()}


def parameters_page() -> str:
    """What every node can be set to, how, and where the rest is."""
    return blocks(
        '# Parameters',
        'A parameter has one default, in the code. A stack file changes it under `parameters:`, '
        'and a command by `--set NODE.PARAMETER=VALUE`. In ROS it is an ordinary parameter: '
        'typed, ranged and described. *Live* ones may change while the node is active; the others '
        'are read when it is configured. An unknown name is an error.',
        '`mmp plugins NAME --yaml` prints all parameters of a plugin as a file.',
        '## Of every node',
        _parameters(graph.NodeParameters),
        '## Of the plugins',
        table(
            ('plugin', 'parameters'),
            (
                (
                    f'[{name}](plugins/{name}.md#settings)',
                    ', '.join(map(code, parameter_specs(registry.load(name).Config))),
                )
                for name in registry.names()
            ),
        ),
    )


def scores_page() -> str:
    """Where each measured figure is, and the benchmarks that measure no plugin."""
    linked = ((name, used) for name, used in scores.BENCHES.items())
    return blocks(
        '# Measured scores',
        'Every figure on this site comes from a file that its command wrote. Figures of different '
        'machines, or of different runs, do not compare. What the words mean is in '
        '[Benchmarks](../benchmarks.md).',
        table(
            ('result', 'on the page of'),
            (
                (
                    code(f'bench/results/{name}.json'),
                    ', '.join(f'[{plugin}](plugins/{plugin}.md#measured)' for plugin in used)
                    or f'[here](#{name.replace("_", "-")})',
                )
                for name, used in linked
            ),
        ),
        *(
            blocks(f'## {name.replace("_", " ")}', scores.of_bench(name))
            for name, used in scores.BENCHES.items()
            if not used
        ),
    )


def _page(name: str, plugin: type[Plugin[Any]]) -> str:
    card = plugin.card
    system = f'System {card.system} of the [list](../systems.md).' if card.system else ''
    return blocks(
        f'# {name}',
        f'{escape(card.title)}. {system}'.strip(),
        f'- Paper: {_linked(card.paper)}\n- Compared with: {escape(card.reference_code)}\n'
        f'- Code: `{_source(plugin)}`\n- Settings file: `config/plugins/{name}.yaml`\n'
        f'- Stacks: {_stacks(name)}',
        '## Takes',
        table(('port', 'sample', 'how', 'ROS types', 'what'), _inputs(plugin)),
        '## Gives',
        table(('port', 'sample', 'topics', 'what'), _outputs(plugin)),
        _services(plugin),
        '## Settings',
        'Every node has [these](../parameters.md#of-every-node) too.',
        _parameters(plugin.Config),
        '## Weights',
        _weights(name, card),
        '## Measured',
        _measured(name),
        '## Limits',
        bullets(map(escape, card.limits)) or 'None are stated.',
    )


def _linked(paper: str) -> str:
    """Escaped, with arXiv numbers as links."""
    return re.sub(r'arXiv (\d{4}\.\d{5})', r'[arXiv \1](https://arxiv.org/abs/\1)', escape(paper))


def _source(plugin: type[Plugin[Any]]) -> str:
    home = 'mm_perception/plugins/' + plugin.__module__.split('.')[2]
    return home if (scores.ROOT / home).is_dir() else f'{home}.py'


def _stacks(name: str) -> str:
    found = [
        f'[{stack.name}](../stacks.md#{stack.name})'
        for stack in stacks.shipped()
        if name in {node.plugin for node in stack.nodes}
    ]
    return ', '.join(found) or 'none; make one'


def _inputs(plugin: type[Plugin[Any]]) -> Iterator[tuple[str, ...]]:
    for name, port in plugin.inputs.items():
        sample = code(port.sample_type.__name__)
        types = topics.message_types(port.sample_type)
        if isinstance(port, Request):
            sample += f' → {code(port.reply_type.__name__)}'
            types = code({topic: kind for topic, kind, _ in topics.offers(plugin)}[f'~/{name}'])
        yield code(name), sample, _how(port), types, escape(port.description)


def _how(port: Port) -> str:
    text = _KINDS[type(port)]
    if isinstance(port, Latest):
        text += ', required' if port.required else ', optional'
        text += f', nearest within {port.tolerance_s:g} s' if port.tolerance_s else ''
        text += f', one per stream of `{port.follows}`' if port.follows else ''
    return text


def _outputs(plugin: type[Plugin[Any]]) -> Iterator[tuple[str, ...]]:
    for name, output in plugin.outputs.items():
        rows = topics.topic_rows(name, output.sample_type, output.is_debug)
        published = '<br>'.join(f'{code(topic)} {code(kind)}' for topic, kind in rows)
        what = escape(output.description) + (' One topic per camera.' if output.per_stream else '')
        yield code(name), code(output.sample_type.__name__), published, what


def _services(plugin: type[Plugin[Any]]) -> str:
    found = topics.offers(plugin)
    rows = ((code(topic), code(kind), escape(what)) for topic, kind, what in found)
    return blocks('Services and actions:', table(('name', 'type', 'what'), rows)) if found else ''


def _parameters(config: type) -> str:
    specs = parameter_specs(config).values()
    rows = (
        (
            code(spec.name), escape(spec.type_name), code(yaml_value(spec.default)),
            escape('; '.join(parameter_limits(spec))), escape(spec.description),
        )
        for spec in specs
    )  # fmt: skip
    return table(('parameter', 'type', 'default', 'range', 'what'), rows) or 'None.'


def _weights(name: str, card: Card) -> str:
    rows = [
        (code(w.source), escape(w.licence), escape(w.note)) for w in card.weights
    ] + [
        (code('nano'), 'Apache-2.0', f'in the repository: `mm_perception/weights/{net}`')
        for net in scores.NETS.get(name, ())
    ]  # fmt: skip
    if not rows:
        return 'It needs none.'
    return blocks(
        table(('weights', 'licence', 'note'), rows),
        'Public ones come by `mmp fetch`, once; `nano` ones know the synthetic world only.',
    )


def _measured(name: str) -> str:
    parts = [scores.of_weights(net) for net in scores.NETS.get(name, ())]
    parts += [scores.of_bench(bench) for bench, used in scores.BENCHES.items() if name in used]
    return blocks(*parts) if parts else 'Nothing is measured yet beyond its tests.'
