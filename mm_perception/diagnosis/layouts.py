"""Layouts of RViz and Foxglove for the doctor: those that are shipped, or one of the user's."""

from __future__ import annotations

from pathlib import Path

from mm_perception.diagnosis.displays import Display, FieldsOf, Layout, check_layout
from mm_perception.diagnosis.finding import Finding, ok
from mm_perception.diagnosis.foxglove import read_foxglove
from mm_perception.diagnosis.rviz import read_rviz
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.errors import ConfigError
from mm_perception.faults import Level
from mm_perception.graph import stacks_folder
from mm_perception.registry import names

#: Stands for the layouts of this package.
SHIPPED = 'shipped'
_READERS = {'.rviz': read_rviz, '.json': read_foxglove}


def check_layouts(what: str, snapshot: Snapshot, fields_of: FieldsOf) -> list[Finding]:
    """What is wrong with layouts, and one OK for each with how many of its displays are fed.

    Args:
        what: A .rviz file, a layout of Foxglove (.json), or `SHIPPED`. The shipped ones show all
            stacks: displays of nodes that do not run are counted, and are no fault.
        snapshot: A running graph, or a bag.
        fields_of: Fields of a message type.

    Raises:
        ConfigError: It is no layout.
    """
    is_shipped = what == SHIPPED
    config = stacks_folder().parent
    paths = [Path(what)]
    if is_shipped:
        paths = [config / 'rviz' / 'perception.rviz', config / 'foxglove' / 'perception.json']
    found: list[Finding] = []
    for path in paths:
        found += _check(path, snapshot, fields_of, is_shipped=is_shipped)
    return found


def _check(
    path: Path, snapshot: Snapshot, fields_of: FieldsOf, *, is_shipped: bool
) -> list[Finding]:
    if path.suffix not in _READERS:
        raise ConfigError('--layout', str(path), 'a .rviz file, or a layout of Foxglove (.json)')
    layout = _READERS[path.suffix](path)
    waiting = [d for d in layout.displays if is_shipped and _absent_node(d, snapshot)]
    shown = tuple(d for d in layout.displays if d not in waiting)
    part = Layout(layout.source, layout.fixed_frame, shown, layout.problems)
    findings = check_layout(part, snapshot, fields_of)
    faults = [finding for finding in findings if finding.level is not Level.OK]
    num_fed = len(shown) - len({f.subject for f in faults} & {d.name for d in shown})
    evidence = f'{num_fed} of {len(layout.displays)} displays are fed'
    if waiting:
        nodes = ', '.join(dict.fromkeys(_absent_node(d, snapshot) for d in waiting))
        evidence += f'; {len(waiting)} wait for nodes that do not run: {nodes}'
    return [*faults, ok('layout', path.name, evidence)]


def _absent_node(display: Display, snapshot: Snapshot) -> str:
    """The node of this package that would feed it and publishes nothing; empty if none."""
    node = display.topic.split('/')[1]
    is_there = any(
        t.publishers and t.name.startswith(f'/{node}/') for t in snapshot.topics.values()
    )
    return node if node in names() and not is_there else ''
