"""What the nodes say of themselves: lifecycle, diagnostics, weights."""

from __future__ import annotations

import re

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Machine, Snapshot, Status
from mm_perception.faults import FAULTS, Level

_OURS = ': perception'
#: `StateError: text`, or `inactive after StateError: text`.
_ERROR = re.compile(r'^(?:\w+ after )?(\w+): (.*)$', re.DOTALL)
_FAULTS = {cls.__name__: fault for cls, fault in FAULTS.items()}
#: Errors of our nodes that are causes of their own.
CAUSE_OF_ERROR = {
    'WeightsError': 'model_missing',
    'DeviceError': 'device_missing',
    'MissingDependencyError': 'library_missing',
}
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
    return [
        _of_status(status, snapshot.machine or Machine())
        for status in snapshot.statuses
        if status.level != Level.OK
    ]


def _of_status(status: Status, machine: Machine) -> Finding:
    level = Level.ERROR if status.level == Level.ERROR else Level.WARN
    message = status.message or 'no message'
    node = status.name
    if node.endswith(_OURS):
        node = f'/{node.removesuffix(_OURS)}'
    match = _ERROR.search(message)
    fault = _FAULTS.get(match[1]) if match else None
    if match is None or fault is None:
        fix = 'see the message; all values: ros2 topic echo /diagnostics'
        return Finding(level, 'diagnostic', node, message, fix)
    problem, _, own = match[2].partition('; ')
    cause = CAUSE_OF_ERROR.get(match[1])
    if cause is None:
        return Finding(level, 'diagnostic', node, message, own or fault.mend)
    if cause == 'device_missing':
        problem += f'. {about_gpus(machine)}'
    fix = f'{own or fault.mend}; then: ros2 lifecycle set {node} configure'
    return Finding(level, cause, node, problem, fix)


def about_gpus(machine: Machine) -> str:
    """Why there is no CUDA device, as far as Linux and torch tell."""
    if not machine.gpus:
        return 'Linux knows no NVIDIA GPU on this machine (no driver, or no --gpus all in docker)'
    return f'Linux knows {", ".join(machine.gpus)}, torch cannot use it'


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
