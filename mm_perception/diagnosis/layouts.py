"""Layouts of RViz and Foxglove for the doctor: those that are shipped, or one of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Layouts:
    """What `read_layouts` read.

    Attributes:
        by_file: Each by the name of its file.
        is_shipped: They show all stacks: displays of nodes that do not run are counted, and are
            no fault.
    """

    by_file: dict[str, Layout]
    is_shipped: bool


def read_layouts(what: str) -> Layouts:
    """Read layouts.

    Args:
        what: A .rviz file, a layout of Foxglove (.json), or `SHIPPED`.

    Raises:
        ConfigError: It is no layout.
    """
    paths = list(shipped_paths()) if what == SHIPPED else [Path(what)]
    for path in paths:
        if path.suffix not in _READERS:
            expected = 'a .rviz file, or a layout of Foxglove (.json)'
            raise ConfigError('--layout', str(path), expected)
    return Layouts({path.name: _READERS[path.suffix](path) for path in paths}, what == SHIPPED)


def shipped_paths() -> tuple[Path, Path]:
    """The RViz configuration and the Foxglove layout of this package."""
    config = stacks_folder().parent
    return config / 'rviz' / 'perception.rviz', config / 'foxglove' / 'perception.json'


def check_layouts(layouts: Layouts, snapshot: Snapshot, fields_of: FieldsOf) -> list[Finding]:
    """What is wrong with layouts, and one OK for each with how many of its displays are fed.

    Args:
        layouts: What to check.
        snapshot: A running graph, or a bag.
        fields_of: Fields of a message type.
    """
    found: list[Finding] = []
    for name, layout in layouts.by_file.items():
        waiting = [d for d in layout.displays if layouts.is_shipped and _absent_node(d, snapshot)]
        found += _check(name, layout, waiting, snapshot, fields_of)
    return found


def _check(
    name: str, layout: Layout, waiting: Sequence[Display], snapshot: Snapshot, fields_of: FieldsOf
) -> list[Finding]:
    shown = tuple(d for d in layout.displays if d not in waiting)
    part = Layout(layout.source, layout.fixed_frame, shown, layout.problems)
    findings = check_layout(part, snapshot, fields_of)
    faults = [finding for finding in findings if finding.level is not Level.OK]
    num_fed = len(shown) - len({f.subject for f in faults} & {d.name for d in shown})
    evidence = f'{num_fed} of {len(layout.displays)} displays are fed'
    if waiting:
        nodes = ', '.join(dict.fromkeys(_absent_node(d, snapshot) for d in waiting))
        evidence += f'; {len(waiting)} wait for nodes that do not run: {nodes}'
    return [*faults, ok('layout', name, evidence)]


def _absent_node(display: Display, snapshot: Snapshot) -> str:
    """The node of this package that would feed it and publishes nothing; empty if none."""
    node = display.topic.split('/')[1]
    is_there = any(
        t.publishers and t.name.startswith(f'/{node}/') for t in snapshot.topics.values()
    )
    return node if node in names() and not is_there else ''
