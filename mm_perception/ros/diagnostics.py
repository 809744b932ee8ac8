"""How a node is: a diagnostic_msgs/DiagnosticStatus for people, an array of numbers for plots."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, MultiArrayLayout

from mm_perception.faults import Level
from mm_perception.ports import Queue
from mm_perception.runner import Runner

#: A failure is reported as the node's state for this long.
_RECENT_S = 5.0
_SILENT_S = 5.0
#: Topic of the numbers below, and what they are, in order: the one list of what is plotted.
TIMING = '~/debug/timing'
TIMING_NAMES = (
    'inference_p50_ms', 'inference_p99_ms', 'latency_p50_ms', 'latency_p99_ms', 'drops',
    'failures', 'inferences',
)  # fmt: skip


def status_of(
    name: str,
    hardware_id: str,
    state: str,
    runner: Runner | None,
    facts: dict[str, str],
    count_publishers: Callable[[str], int],
) -> DiagnosticStatus:
    """The status message of one node.

    Args:
        name: Full node name.
        hardware_id: Device in use.
        state: Lifecycle state.
        runner: What the node runs; None while unconfigured.
        facts: Further values, such as model, weights hash and TF failures.
        count_publishers: Topic to how many publish it now.
    """
    level, message = judge(state, runner, count_publishers)
    values = {'state': state, **facts}
    if runner is not None:
        values.update(_numbers(runner))
    return DiagnosticStatus(
        level=bytes([level]),
        name=f'{name.lstrip("/")}: perception',
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def timing_of(runner: Runner) -> Float64MultiArray:
    """The numbers `TIMING_NAMES` of a node.

    Values of a DiagnosticStatus are text, which a viewer cannot plot. Times are NaN, a gap in a
    plot, until the first inference; the others count since the node was configured. The layout
    has one dimension, whose label is the names joined by commas.
    """
    values: dict[str, float] = dict(runner.stats.timings_ms())
    values['drops'] = sum(runner.matcher.drops.values())
    values['failures'] = sum(runner.stats.failures.values())
    values['inferences'] = runner.stats.inferences
    count = len(TIMING_NAMES)
    dimension = MultiArrayDimension(label=','.join(TIMING_NAMES), size=count, stride=count)
    return Float64MultiArray(
        layout=MultiArrayLayout(dim=[dimension]),
        data=[float(values.get(name, math.nan)) for name in TIMING_NAMES],
    )


def judge(
    state: str, runner: Runner | None, count_publishers: Callable[[str], int]
) -> tuple[Level, str]:
    """Level and reason; the worst that is true now comes first."""
    if runner is None or state != 'active':
        failure = runner.stats.last_failure if runner else None
        if failure is not None:
            return failure.level, f'{state} after {failure.cause}: {failure.message}'
        return Level.WARN, f'not active: {state}'
    failure = runner.stats.last_failure
    if failure is not None and time.monotonic() - failure.when_s < _RECENT_S:
        return failure.level, f'{failure.cause}: {failure.message}'
    trigger = runner.matcher.trigger
    inputs = runner.stats.inputs()
    silent = [
        f'{_topic(runner, port)}: {_since(age_s)}; '
        f'publishers: {count_publishers(_topic(runner, port))}'
        for port, (_, _, age_s, _) in inputs.items()
        if port.split('/')[0] == trigger and (age_s is None or age_s > _SILENT_S)
        and not isinstance(runner.plugin.inputs[trigger], Queue)  # nobody talks all the time
    ]  # fmt: skip
    if silent:
        return Level.WARN, f'no {trigger} on {", ".join(silent)}; run: mmp doctor'
    lacking = runner.matcher.lacking()
    if lacking:
        return Level.WARN, f'waiting for required input: {", ".join(lacking)}'
    if not runner.works_unheard and not runner.is_wanted():
        return Level.OK, 'idle: nobody subscribes to an output'
    return Level.OK, 'running'


def _since(age_s: float | None) -> str:
    return 'nothing yet' if age_s is None else f'silent for {age_s:.1f} s'


def _topic(runner: Runner, label: str) -> str:
    port, _, stream = label.partition('/')
    return runner.wiring.inputs.get(port, {}).get(stream, '?')


def _numbers(runner: Runner) -> dict[str, str]:
    values: dict[str, Any] = {}
    for port, (count, rate_hz, age_s, _) in runner.stats.inputs().items():
        values[f'input/{port}/count'] = count
        values[f'input/{port}/rate_hz'] = f'{rate_hz:.2f}'
        values[f'input/{port}/age_s'] = 'never' if age_s is None else f'{age_s:.2f}'
    for (port, cause), count in runner.matcher.drops.items():
        values[f'drops/{port.rstrip("/")}/{cause}'] = count
    for cause, count in runner.stats.failures.items():
        values[f'failures/{cause}'] = count
    values['inferences'] = runner.stats.inferences
    values.update({k: f'{v:.2f}' for k, v in runner.stats.timings_ms().items()})
    values.update(runner.plugin.model_info())
    return {key: str(value) for key, value in values.items()}
