"""What nodes say of themselves on /diagnostics, as it is heard by somebody else."""

from __future__ import annotations

from collections import Counter
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from mm_perception.faults import Level, tally


class Health:
    """Listens to /diagnostics.

    Args:
        node: Owner of the subscription.
    """

    def __init__(self, node: Node) -> None:
        #: Newest values of every node, with its level and message.
        self.values: dict[str, dict[str, str]] = {}
        #: How often (node, level, message) was diagnosed while `counts` was set.
        self.warnings: Counter[tuple[str, str, str]] = Counter()
        #: Nodes that wait for the first message complain, rightly: set it once that has come.
        self.counts = False
        node.create_subscription(DiagnosticArray, '/diagnostics', self._take, 20)

    def numbers(self, name: str) -> dict[str, Any]:
        """A node's own numbers, named as in the summary of a replay."""
        found: dict[str, Any] = {'inputs': {}, 'drops': {}, 'failures': {}}
        for key, value in self.values.get(name, {}).items():
            head, _, rest = key.partition('/')
            if head == 'input' and rest.endswith('/count'):
                found['inputs'][rest.removesuffix('/count')] = int(value)
            elif head in ('drops', 'failures'):
                found[head][rest] = int(value)
            elif head != 'input':
                found[key] = _number(value)
        return found

    def counted(self) -> list[dict[str, Any]]:
        """The warnings as rows of a summary."""
        return [
            {'node': node, 'level': level, 'message': message, 'count': count}
            for (node, level, message), count in self.warnings.items()
        ]

    def _take(self, message: Any) -> None:
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            values['level'], values['message'] = str(status.level[0]), status.message
            name = status.name.split(':')[0]
            self.values[name] = values
            if self.counts:
                level = Level(min(status.level[0], Level.STALE))
                tally(self.warnings, name, level, status.message)


def _number(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
