"""What the nodes say of themselves: lifecycle, diagnostics, weights."""

from __future__ import annotations

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.faults import Level

_NEXT = {'unconfigured': 'configure', 'inactive': 'activate'}


def inactive_nodes(snapshot: Snapshot) -> list[Finding]:
    """Lifecycle nodes that are up and do nothing."""
    asked = {wanted.node for wanted in snapshot.wanted}
    findings = []
    for node in snapshot.nodes:
        if not node.state or node.state == 'active':
            continue
        step = _NEXT.get(node.state)
        fix = (
            f'ros2 lifecycle set {node.name} {step}'
            if step
            else f'restart it; its log says why it is {node.state}'
        )
        level = Level.ERROR if node.name in asked or not step else Level.WARN
        evidence = f'lifecycle state is {node.state}'
        findings.append(Finding(level, 'node_inactive', node.name, evidence, fix))
    return findings


def absent_nodes(snapshot: Snapshot) -> list[Finding]:
    """Nodes of the stack that do not run."""
    there = {node.name for node in snapshot.nodes}
    asked = dict.fromkeys(wanted.node for wanted in snapshot.wanted)
    if not snapshot.is_live:
        return []
    return [
        Finding(Level.WARN, 'node_absent', name, 'does not run', 'mmp run STACK, or ros2 launch')
        for name in asked
        if name not in there
    ]


def diagnostics(snapshot: Snapshot) -> list[Finding]:
    """Warnings and errors on /diagnostics, in the words of the node that reports them."""
    findings = []
    for status in snapshot.statuses:
        if status.level == Level.OK:
            continue
        level = Level.ERROR if status.level == Level.ERROR else Level.WARN
        fix = 'see the message; all values: ros2 topic echo /diagnostics'
        findings.append(
            Finding(level, 'diagnostic', status.name, status.message or 'no message', fix)
        )
    return findings


def random_weights(snapshot: Snapshot) -> list[Finding]:
    """A network with random weights gives noise."""
    return [
        Finding(
            Level.WARN,
            'random_weights',
            status.name,
            'weights are random: its results are noise',
            'set weights: to a hub id or a file (mmp plugins lists them) and configure it again',
        )
        for status in snapshot.statuses
        if status.values.get('weights') == 'random'
    ]
