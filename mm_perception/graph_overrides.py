"""Changes from the command line: `--set node.param=value`, `--input node.port[.stream]=topic`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import yaml

from mm_perception.errors import ConfigError
from mm_perception.graph import AUTO, NodeSpec, StackSpec


def apply_overrides(
    stack: StackSpec, sets: Sequence[str] = (), inputs: Sequence[str] = ()
) -> StackSpec:
    """A stack with parameters and input topics replaced; the result is checked like a file.

    Args:
        stack: The stack.
        sets: `node.param=value`, the value as in YAML; `param=value` where there is one node.
        inputs: `node.port=topic`, `node.port.stream=topic`; the node may be left out likewise.

    Raises:
        ConfigError: Not of that form, or an illegal value.
        UnknownKeyError: No such node, parameter or port.
    """
    for text in sets:
        spec, path, value = _split(stack, text, '--set', 1)
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError('--set', text, f'a YAML value: {error}') from error
        stack = stack.with_node(replace(spec, parameters={**spec.parameters, path[0]: parsed}))
    replaced: set[tuple[str, str]] = set()
    for text in inputs:
        spec, path, topic = _split(stack, text, '--input', 2)
        port, stream = path[0], path[1] if len(path) > 1 else ''
        key = (spec.name, port)
        earlier = dict(spec.inputs.get(port, {})) if key in replaced else {}
        replaced.add(key)
        streams = {'*': AUTO} if topic == AUTO else {**earlier, stream: topic}
        stack = stack.with_node(replace(spec, inputs={**spec.inputs, port: streams}))
    for spec in stack.nodes:
        spec.check()
    return stack


def _split(
    stack: StackSpec, text: str, option: str, depth: int
) -> tuple[NodeSpec, list[str], str]:
    left, equals, value = text.partition('=')
    path = left.split('.')
    names = [spec.name for spec in stack.nodes]
    if path[0] not in names and len(names) == 1 and len(path) <= depth:
        path.insert(0, names[0])
    if not equals or not value or not 2 <= len(path) <= depth + 1:
        form = 'node.param=value' if depth == 1 else 'node.port=topic or node.port.stream=topic'
        raise ConfigError(option, text, form)
    return stack.node(path[0]), path[1:], value
