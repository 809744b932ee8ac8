"""The page of topics: what becomes of each sample type on the wire."""

from __future__ import annotations

from typing import Any

from mm_perception import registry
from mm_perception.plugin import Plugin
from mm_perception.ports import Port, Request
from mm_perception.ros import convert
from mm_perception.ros.track_action import TRACK, is_trackable
from mm_perception.samples import Sample
from mmp_docs.markup import blocks, code, escape, table

_NAMES = """A node called `text_tracker` publishes on `/text_tracker/output/masks`: `~` below is
the node's name. A node with several cameras adds the camera's: `~/output/masks/front`. A debug
picture is drawn only while somebody subscribes; `~/debug/overlay` is one. A stack file may rename
every topic; see [Stacks](stacks.md)."""

_QOS = """Subscriptions adapt to the publishers: best effort until a publisher is seen, then
reliable and transient local as far as all publishers offer it. An input of masks reads its boxes
and labels from the topics beside it."""

_SERVICES = """Nodes that have them. A request port `<port>` is the service `~/<port>`; every node
that takes prompts and gives masks has the action `~/track`."""


def page() -> str:
    """Sample types, their messages, services and actions."""
    return blocks(
        '# Topics',
        _NAMES,
        '## What comes in',
        'A message becomes one sample. The first type is the preferred one.',
        table(('sample', 'from'), ((_name(kind), message_types(kind)) for kind in _taken())),
        _QOS,
        '## What goes out',
        'Masks, boxes in space, maps and advice go out as several topics with the same header. '
        'Latched topics are transient local: who comes late gets the newest message.',
        table(('sample', 'topic', 'type', ''), _published()),
        '## Services and actions',
        _SERVICES,
        table(('node', 'name', 'type', 'what'), _offers()),
        '## The truth of a synthetic world',
        '`mmp world` adds `/ground_truth/...`: masks, boxes, a map, the pose, in the same types.',
    )


def message_types(kind: type[Sample]) -> str:
    """The ROS types that an input of this sample type takes, as MyST."""
    return ' or '.join(code(name) for name in convert.accepted_types(kind))


def topic_rows(port: str, kind: type[Sample], is_debug: bool) -> list[tuple[str, str]]:
    """Topic (with `~`) and ROS type of everything that an output publishes."""
    base = f'~/{"debug" if is_debug else "output"}/{port}'
    return [(base + wire.suffix, wire.type_name) for wire in convert.published(kind)]


def offers(plugin: type[Plugin[Any]]) -> list[tuple[str, str, str]]:
    """Name (with `~`), ROS type and description of the services and actions of a node."""
    found = [
        (f'~/{port}', convert.service_of(kind.sample_type), kind.description)
        for port, kind in plugin.inputs.items()
        if isinstance(kind, Request)
    ]
    if is_trackable(plugin):
        found.append(('~/track', TRACK, 'A prompt as a goal, its tracks as feedback.'))
    return found


def _name(kind: type[Sample]) -> str:
    return code(kind.__name__)


def _ports(name: str) -> list[Port]:
    return [p for p in registry.load(name).inputs.values() if not isinstance(p, Request)]


def _taken() -> list[type[Sample]]:
    kinds = {port.sample_type for name in registry.names() for port in _ports(name)}
    return sorted(kinds, key=lambda kind: kind.__name__)


def _given() -> list[type[Sample]]:
    kinds = {o.sample_type for n in registry.names() for o in registry.load(n).outputs.values()}
    return sorted(kinds, key=lambda kind: kind.__name__)


def _published() -> list[tuple[str, ...]]:
    rows = []
    for kind in _given():
        for wire in convert.published(kind):
            topic = code(f'~/output/<port>{wire.suffix}')
            note = 'latched' if wire.latched else ''
            rows.append((_name(kind), topic, code(wire.type_name), note))
    return rows


def _offers() -> list[tuple[str, ...]]:
    return [
        (f'[{name}](plugins/{name}.md)', code(topic), code(kind), escape(what))
        for name in registry.names()
        for topic, kind, what in offers(registry.load(name))
    ]
