"""A stack file (YAML) becomes plugins connected by topics.

    description: one line
    nodes:
      text_tracker:                      # node name
        plugin: text_tracker
        inputs:
          image: {front: /camera/front/image_raw}   # port: {stream: topic}, or port: topic
          prompt: /prompt
        outputs: {masks: {front: /front/masks}}     # only to rename; default ~/output/...
        parameters: {weights: random}

An input given as `auto` takes every topic of a fitting type that exists when the stack starts; of
pictures none that is named as depth, but for a port `depth`. One given as `node.port` takes what a
node above answers on that port, all its streams.
Where a node's input has the topic of another node's output in the same process, samples pass by
reference.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from mm_perception import registry
from mm_perception.config import build_config, parameter
from mm_perception.errors import ConfigError, UnknownKeyError, UnknownStackError
from mm_perception.matcher import trigger_port
from mm_perception.plugin import Latest, Plugin, Request
from mm_perception.runner import Wiring
from mm_perception.samples import Image

AUTO = 'auto'
#: node.port; a dot is in no topic.
_LINK = re.compile(r'([A-Za-z]\w*)\.([A-Za-z]\w*)')
STACKS = Path(__file__).parent.parent / 'config' / 'stacks'


@dataclass(frozen=True)
class NodeParameters:
    """Parameters that every node has, whatever its plugin."""

    device: str = parameter('auto', 'cpu, cuda, cuda:N, or auto: cuda where there is one.')
    max_age_s: float = parameter(
        0.0,
        'Refuse inputs older than this, in seconds; 0 accepts any age.',
        minimum=0.0,
        live=True,
    )
    works_unheard: bool = parameter(
        False, 'Infer even while nobody subscribes to an output.', live=True
    )
    diagnostics_period_s: float = parameter(
        1.0, 'Seconds between two messages on /diagnostics.', minimum=0.1, maximum=60.0
    )


@dataclass(frozen=True)
class NodeSpec:
    """One node of a stack: names only, nothing is loaded.

    Attributes:
        inputs: Port to stream to topic; {'*': 'auto'} where topics are to be found at start.
        outputs: Port to stream to topic, only those that are renamed.
        parameters: As in the file: of the plugin and of `NodeParameters` together.
    """

    name: str
    plugin: str
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)

    def plugin_class(self) -> type[Plugin[Any]]:
        """Import the plugin."""
        return registry.load(self.plugin)

    def check(self) -> None:
        """Check ports and parameters against the plugin.

        Raises:
            UnknownPluginError: There is no such plugin.
            UnknownKeyError: A port or parameter that it does not have.
            ConfigError: An illegal value.
        """
        plugin_class = self.plugin_class()
        ports = [p for p, k in plugin_class.inputs.items() if not isinstance(k, Request)]
        for port in self.inputs:
            if port not in ports:
                raise UnknownKeyError(port, ports, f'node {self.name}: inputs')
        for port in self.outputs:
            if port not in plugin_class.outputs:
                raise UnknownKeyError(port, plugin_class.outputs, f'node {self.name}: outputs')
        self.configs()

    def configs(self) -> tuple[Any, NodeParameters]:
        """The plugin's config and the node's own parameters, checked.

        Raises:
            UnknownKeyError: A key that neither declares.
            ConfigError: A value that is illegal.
        """
        plugin_class = self.plugin_class()
        own = {f.name for f in fields(NodeParameters)}
        known = own | set(plugin_class.config_defaults())
        where = f'parameters of node {self.name}'
        for key in self.parameters:
            if key not in known:
                raise UnknownKeyError(str(key), known, where)
        node = {k: v for k, v in self.parameters.items() if k in own}
        rest = {k: v for k, v in self.parameters.items() if k not in own}
        plugin = build_config(plugin_class.Config, rest, where)
        return plugin, build_config(NodeParameters, node, where)

    @property
    def is_open(self) -> bool:
        """Whether the topics of some input are found only at start."""
        topics = [topic for streams in self.inputs.values() for topic in streams.values()]
        return any(topic == AUTO or _LINK.fullmatch(topic) for topic in topics)

    def links(self) -> dict[str, tuple[str, str]]:
        """Input ports that take what a node answers on a port: to (node, port)."""
        found = {}
        for port, streams in self.inputs.items():
            matches = [_LINK.fullmatch(topic) for topic in streams.values()]
            if matches[0] is not None and len(matches) == 1:
                found[port] = matches[0].group(1), matches[0].group(2)
        return found

    def wiring(self) -> Wiring:
        """Topics of every connected port; `~` stands for the node's name.

        Raises:
            ConfigError: An input is still `auto`.
        """
        plugin_class = self.plugin_class()
        for port, topics in self.inputs.items():
            open_ones = [t for t in topics.values() if t == AUTO or _LINK.fullmatch(t)]
            if open_ones:
                raise ConfigError(
                    f'{self.name}.inputs.{port}', open_ones[0], 'topics: call resolve_auto first'
                )
        ports = {p: k for p, k in plugin_class.inputs.items() if not isinstance(k, Request)}
        streams = tuple(self.inputs.get(trigger_port(ports), {'': ''}))
        outputs: dict[str, dict[str, str]] = {}
        for port, output in plugin_class.outputs.items():
            base = f'~/{"debug" if output.is_debug else "output"}/{port}'
            names = streams if output.per_stream else ('',)
            outputs[port] = {name: f'{base}/{name}' if name else base for name in names}
            outputs[port].update(self.outputs.get(port, {}))
        return Wiring(inputs=self.inputs, outputs=outputs)


@dataclass(frozen=True)
class StackSpec:
    """A whole stack."""

    name: str
    description: str
    nodes: tuple[NodeSpec, ...]

    def node(self, name: str) -> NodeSpec:
        """One node by name."""
        for spec in self.nodes:
            if spec.name == name:
                return spec
        raise UnknownKeyError(name, [n.name for n in self.nodes], f'stack {self.name}')

    def needed_by(self, name: str) -> tuple[NodeSpec, ...]:
        """A node and those whose answers it takes, and theirs, in order."""
        wanted = {name}
        for spec in reversed(self.nodes):  # links go upwards only
            if spec.name in wanted:
                wanted |= {node for node, _ in spec.links().values()}
        self.node(name)
        return tuple(spec for spec in self.nodes if spec.name in wanted)

    def with_node(self, changed: NodeSpec) -> StackSpec:
        """A copy in which the node of the same name is replaced."""
        nodes = tuple(changed if n.name == changed.name else n for n in self.nodes)
        return replace(self, nodes=nodes)


def stack_names() -> list[str]:
    """Names of the stacks that come with the package."""
    return sorted(path.stem for path in stacks_folder().glob('*.yaml'))


def stacks_folder() -> Path:
    """`config/stacks` of the checkout, or of the installed package's share folder."""
    if STACKS.is_dir():
        return STACKS

    return Path(sys.prefix) / 'share' / 'mm_perception' / 'config' / 'stacks'


def load_stack(name_or_path: str) -> StackSpec:
    """Read a stack by name (`config/stacks/<name>.yaml`) or by path.

    Raises:
        ConfigError: No such file, or not a stack.
        UnknownKeyError: A key that a stack, node or plugin does not have.
        UnknownPluginError: A plugin that does not exist.
    """
    path = Path(name_or_path)
    if path.suffix not in ('.yaml', '.yml'):
        path = stacks_folder() / f'{name_or_path}.yaml'
    if not path.is_file():
        raise UnknownStackError(name_or_path, stack_names(), registry.names())
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError('stack', str(path), f'a YAML file: {error}') from error
    return parse_stack(path.stem, content)


def write_stack(stack: StackSpec, path: Path) -> None:
    """Write a stack as a file that `load_stack` reads."""
    nodes = {
        spec.name: {
            'plugin': spec.plugin,
            'inputs': {port: _plain(streams) for port, streams in spec.inputs.items()},
            'outputs': {port: _plain(streams) for port, streams in spec.outputs.items()},
            'parameters': dict(spec.parameters),
        }
        for spec in stack.nodes
    }
    content = {'description': stack.description, 'nodes': nodes}
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _plain(streams: Mapping[str, str]) -> str | dict[str, str]:
    return streams[''] if list(streams) == [''] else dict(streams)


def parse_stack(name: str, content: object) -> StackSpec:
    """Check a stack's content; see the module for the layout."""
    top = _mapping(content, f'stack {name}', ('description', 'nodes'))
    nodes = top.get('nodes')
    if not isinstance(nodes, dict) or not nodes:
        raise ConfigError(f'stack {name}: nodes', nodes, 'a mapping of node name to node')
    specs = tuple(_parse_node(str(key), value) for key, value in nodes.items())
    for index, spec in enumerate(specs):
        _check_links(spec, specs[:index])
    return StackSpec(name, str(top.get('description', '')), specs)


def _check_links(spec: NodeSpec, above: Sequence[NodeSpec]) -> None:
    for port, (node, output) in spec.links().items():
        where = f'node {spec.name}: inputs.{port}'
        source = next((other for other in above if other.name == node), None)
        if source is None:
            raise UnknownKeyError(node, [other.name for other in above], f'{where}, nodes above')
        outputs = source.plugin_class().outputs
        if output not in outputs:
            raise UnknownKeyError(output, outputs, f'{where}, outputs of {node}')
        given, taken = outputs[output].sample_type, spec.plugin_class().inputs[port].sample_type
        if not issubclass(given, taken):
            raise ConfigError(
                where, f'{node}.{output}', f'{taken.__name__}; that is {given.__name__}'
            )


def _parse_node(name: str, content: object) -> NodeSpec:
    keys = ('plugin', 'inputs', 'outputs', 'parameters')
    node = _mapping(content, f'node {name}', keys)
    if not re.fullmatch(r'[A-Za-z][A-Za-z0-9_]*', name):
        raise ConfigError('node name', name, 'a ROS name: letters, digits, underscore')
    spec = NodeSpec(
        name=name,
        plugin=str(node.get('plugin', name)),
        inputs=_ports(node.get('inputs'), f'node {name}: inputs'),
        outputs=_ports(node.get('outputs'), f'node {name}: outputs'),
        parameters=dict(_mapping(node.get('parameters') or {}, f'node {name}: parameters')),
    )
    spec.check()
    return spec


def _ports(value: object, where: str) -> dict[str, dict[str, str]]:
    ports: dict[str, dict[str, str]] = {}
    for port, topics in _mapping(value or {}, where).items():
        if topics == AUTO:
            ports[port] = {'*': AUTO}
        elif isinstance(topics, str):
            ports[port] = {'': topics}
        elif isinstance(topics, dict) and topics:
            ports[port] = {str(stream): str(topic) for stream, topic in topics.items()}
        else:
            raise ConfigError(f'{where}.{port}', topics, 'a topic, {stream: topic, ...} or auto')
    return ports


def _mapping(value: object, where: str, known: Iterable[str] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(where, value, 'a mapping')
    for key in value:
        if known and key not in known:
            raise UnknownKeyError(str(key), known, where)
    return {str(key): item for key, item in value.items()}


def resolve_auto(
    spec: NodeSpec, available: Mapping[str, Iterable[type]], above: Sequence[NodeSpec] = ()
) -> NodeSpec:
    """Replace `auto` and `node.port` inputs by the topics that exist.

    Args:
        spec: The node.
        available: Topic to the sample types that it can become.
        above: The nodes above it in the stack, resolved.

    Raises:
        ConfigError: A reference input finds no topic; names what is there.
    """
    spec = _resolve_links(spec, above)
    plugin_class = spec.plugin_class()
    inputs = {port: dict(streams) for port, streams in spec.inputs.items()}
    for port, streams in spec.inputs.items():
        if AUTO not in streams.values():
            continue
        kind = plugin_class.inputs[port]
        found = auto_streams(available, kind.sample_type, takes_depth=port == 'depth')
        if isinstance(kind, Latest) and kind.follows:
            references = inputs.get(kind.follows, {})
            found = {s: t for s, t in found.items() if s in references}
        if found:
            inputs[port] = found
        elif isinstance(kind, Latest) and not kind.required:
            del inputs[port]
        else:
            there = ', '.join(sorted(available)) or 'no topic at all'
            fitting = sorted(t for t, types in available.items() if kind.sample_type in types)
            depths = [t for t in fitting if kind.sample_type is Image and is_depth(t)]
            left_out = f'; as depth is left out: {", ".join(depths)}' if depths else ''
            raise ConfigError(
                f'{spec.name}.inputs.{port}', AUTO,
                f'a topic with {kind.sample_type.__name__}; there is: {there}{left_out}',
            )  # fmt: skip
    return replace(spec, inputs=inputs)


def auto_streams(
    available: Mapping[str, Iterable[type]], sample_type: type, *, takes_depth: bool = False
) -> dict[str, str]:
    """What `auto` takes of a type: stream to topic."""
    fitting = {topic for topic, types in available.items() if sample_type in types}
    if sample_type is Image and not takes_depth:
        fitting = {topic for topic in fitting if not is_depth(topic)}
    return name_streams(_one_per_camera(fitting))


def _resolve_links(spec: NodeSpec, above: Sequence[NodeSpec]) -> NodeSpec:
    inputs = {port: dict(streams) for port, streams in spec.inputs.items()}
    for port, (node, output) in spec.links().items():
        source = next(other for other in above if other.name == node)
        topics = source.wiring().outputs[output]
        # Relative to the namespace, as `~` of the other node is.
        inputs[port] = {stream: topic.replace('~', node, 1) for stream, topic in topics.items()}
    return replace(spec, inputs=inputs)


def _one_per_camera(topics: Iterable[str]) -> list[str]:
    """Leave out the compressed twin of a raw topic, and what nodes like ours publish."""
    chosen = {t for t in topics if not {'output', 'debug'} & set(t.split('/'))}
    return sorted(t for t in chosen if t.rsplit('/', 1)[0] not in chosen)


def is_depth(topic: str) -> bool:
    """Whether a picture holds distances, by its name: nothing can be recognised in it.

    Convention:
        /camera/aligned_depth_to_color/image_raw and /left/disparity do, /deep/image_raw does not.
    """
    words = re.split(r'[/_]|(?<=[a-z])(?=[A-Z])', topic)
    return any(word.lower() in ('depth', 'disparity') for word in words)


def name_streams(topics: Iterable[str]) -> dict[str, str]:
    """Name streams by the part of the topic that tells them apart.

    Convention:
        /camera/front/image_raw/compressed and /camera/back/image_raw become front and back; a
        single topic becomes the unnamed stream ''.
    """
    paths = {t: t.removesuffix('/compressed').strip('/').split('/') for t in topics}
    if len(paths) == 1:
        return {'': next(iter(paths))}
    common = set.intersection(*(set(parts) for parts in paths.values())) if paths else set()
    names = {t: '_'.join(p for p in parts if p not in common) for t, parts in paths.items()}
    if len(set(names.values())) < len(names) or '' in names.values():
        names = {topic: '_'.join(parts) for topic, parts in paths.items()}
    return {re.sub(r'[^A-Za-z0-9_]', '_', name): topic for topic, name in names.items()}
