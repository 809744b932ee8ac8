"""Does what a viewer's configuration names exist: topics, types, QoS and frames.

`rviz.py` and `foxglove.py` read the configurations; here they are held against what was observed
of a running graph or of a bag. Each finding names the display as its viewer lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mm_perception.diagnosis.finding import Finding, ok
from mm_perception.diagnosis.frames import components, reach
from mm_perception.diagnosis.snapshot import Qos, Snapshot, Topic
from mm_perception.diagnosis.wiring import incompatible, near_misses
from mm_perception.faults import Level

#: Field names of a message type to their types, as rosidl writes them; empty for a primitive.
FieldsOf = Callable[[str], Mapping[str, str]]
#: Matches every subscription to what is offered: viewers that adapt, and readers of bags.
ADAPTS = Qos(reliability='best_effort', durability='volatile')
_NUMBERS = re.compile(
    r'^(u?int\d+|float|double|float\d+|boolean|bool|octet|byte|char|long double)$'
)
_STEP = re.compile(r'\.?([A-Za-z_]\w*)|\[(?:\d*:?\d*|:)\]|\{[^}]*\}')


@dataclass(frozen=True)
class Display:
    """One topic that a display shows.

    Attributes:
        name: As the viewer lists it, groups before it: 'Words / Advice'.
        kind: Its class in the viewer, such as rviz_default_plugins/Image.
        topic: Full name.
        types: Message types that its class takes; empty for any.
        qos: What it asks for.
        is_spatial: It draws in space, so that frames must be connected with the fixed frame.
        path: Which field it shows, such as '.data[0]'; empty for the whole message.
        is_number: The field must be a number.
    """

    name: str
    kind: str
    topic: str
    types: tuple[str, ...]
    qos: Qos = ADAPTS
    is_spatial: bool = False
    path: str = ''
    is_number: bool = False


@dataclass(frozen=True)
class Layout:
    """A configuration of a viewer.

    Attributes:
        fixed_frame: In which everything is drawn; empty if the viewer chooses.
        displays: What it shows.
        problems: What is wrong with the file itself.
    """

    source: str
    fixed_frame: str
    displays: tuple[Display, ...]
    problems: tuple[Finding, ...] = ()


def check_layout(
    layout: Layout, snapshot: Snapshot, fields_of: FieldsOf | None = None
) -> list[Finding]:
    """Hold a configuration against what is there; a display without a fault gives an OK.

    Args:
        layout: What is to be shown.
        snapshot: A running graph, or a bag.
        fields_of: To check fields that are shown; None leaves them unchecked.
    """
    findings = [*layout.problems, *_fixed_frame(layout, snapshot)]
    for display in layout.displays:
        found = _judge(display, layout, snapshot, fields_of)
        shown = f'{display.topic}{display.path} as {display.kind}'
        findings += found or [ok('display', display.name, shown)]
    return findings


def _judge(
    display: Display, layout: Layout, snapshot: Snapshot, fields_of: FieldsOf | None
) -> list[Finding]:
    topic = snapshot.topics.get(display.topic)
    if topic is None or not topic.publishers:
        near = near_misses(snapshot, display.topic, display.types)
        fix = 'start the stack that publishes it (docs/look.md), or name another topic'
        return [
            Finding(
                Level.ERROR, 'display_topic', display.name,
                f'nobody publishes {display.topic}; {near}', fix,
            )
        ]  # fmt: skip
    wrong_type = _type(display, topic)
    if wrong_type:
        return wrong_type
    found = [*_qos(display, topic), *_frames(display, layout, topic, snapshot)]
    if display.path and fields_of is not None:
        found += _field(display, topic, fields_of)
    return found


def _type(display: Display, topic: Topic) -> list[Finding]:
    offered = tuple(dict.fromkeys(p.type for p in topic.publishers))
    if not display.types or set(offered) <= set(display.types):
        return []
    taken = ' or '.join(display.types)
    evidence = f'{display.topic} is {", ".join(offered)}, {display.kind} takes {taken}'
    fix = 'use a display for that type, or the topic that was meant'
    return [Finding(Level.ERROR, 'display_type', display.name, evidence, fix)]


def _qos(display: Display, topic: Topic) -> list[Finding]:
    found = []
    for writer in topic.publishers:
        policy = incompatible(writer.qos, display.qos)
        if policy:
            offered, asked = getattr(writer.qos, policy), getattr(display.qos, policy)
            evidence = (
                f'{writer.node} offers {display.topic} with {policy} {offered}, the display asks '
                f'for {asked}: it stays empty'
            )
            fix = f'set the {policy} of the display to {offered}'
            found.append(Finding(Level.ERROR, 'display_qos', display.name, evidence, fix))
    return found


def _fixed_frame(layout: Layout, snapshot: Snapshot) -> list[Finding]:
    if not layout.fixed_frame:
        return []
    known = sorted(set().union(*components(snapshot)))
    # What is in the fixed frame itself is drawn without any TF.
    if layout.fixed_frame in known or layout.fixed_frame in _shown_frames(layout, snapshot):
        return [ok('display', 'fixed frame', layout.fixed_frame)]
    there = f'TF has {", ".join(known)}' if known else 'there is no TF'
    fix = 'set the fixed frame to one of TF, or start what publishes it'
    evidence = f'{layout.fixed_frame} is not in TF; {there}'
    return [Finding(Level.ERROR, 'display_frame', 'fixed frame', evidence, fix)]


def _shown_frames(layout: Layout, snapshot: Snapshot) -> set[str]:
    topics = [snapshot.topics.get(display.topic) for display in layout.displays]
    traffic = [topic.traffic for topic in topics if topic is not None]
    return {frame for t in traffic if t is not None for frame in t.frame_ids}


def _frames(display: Display, layout: Layout, topic: Topic, snapshot: Snapshot) -> list[Finding]:
    """Frames of messages that came; while nobody listened there is nothing to say."""
    if not display.is_spatial or topic.traffic is None or not layout.fixed_frame:
        return []
    group = reach(snapshot, layout.fixed_frame)
    lost = [frame for frame in topic.traffic.frame_ids if frame and frame not in group]
    return [
        Finding(
            Level.ERROR, 'display_frame', display.name,
            f'{display.topic} is in {frame}, which TF does not connect with {layout.fixed_frame}',
            f'publish the transform between {layout.fixed_frame} and {frame}',
        )
        for frame in lost
    ]  # fmt: skip


def _field(display: Display, topic: Topic, fields_of: FieldsOf) -> list[Finding]:
    type_name = topic.publishers[0].type
    end, problem = follow(type_name, display.path, fields_of)
    if not problem and display.is_number and not _NUMBERS.match(end):
        problem = f'is a {end}, which cannot be plotted'
    if not problem:
        return []
    evidence = f'{display.path} of {type_name} {problem}'
    return [
        Finding(
            Level.ERROR, 'display_field', display.name, evidence, 'name a field of the message'
        )
    ]


def follow(type_name: str, path: str, fields_of: FieldsOf) -> tuple[str, str]:
    """Type at the end of a message path, and what is wrong with the path, empty if nothing.

    Convention:
        '.status[:].level' of diagnostic_msgs/msg/DiagnosticArray ends in 'octet'.
    """
    kind, place = type_name, 0
    while place < len(path):
        step = _STEP.match(path, place)
        if step is None:
            return kind, f'cannot be read from {path[place:]!r} on'
        place = step.end()
        if step[1] is not None:
            fields = fields_of(kind)
            if step[1] not in fields:
                there = ', '.join(fields) or 'no fields'
                return kind, f'has no field {step[1]!r} there but {there}'
            kind = fields[step[1]]
        elif step[0].startswith('['):
            element = re.match(r'sequence<([^,>]+)(?:, *\d+)?>$|(.+)\[\d+\]$', kind)
            if element is None:
                return kind, f'has no list at {step[0]}'
            kind = element[1] or element[2]
        if kind.count('/') == 1 and '<' not in kind:
            kind = kind.replace('/', '/msg/')
    return kind, ''
