"""What a check reports, and how a list of reports reads."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mm_perception.faults import Level


@dataclass(frozen=True)
class Finding:
    """One thing that is right or wrong.

    Attributes:
        level: OK, WARN or ERROR.
        cause: Name of the cause, the same in every release: no_publisher, qos_mismatch, ...
        subject: The topic, node, frame or setting.
        evidence: What was seen, with the values.
        fix: The command or parameter that mends it; empty for OK.
        names: Topics, nodes, frames, words by which its consequences are known; the subject alone
            if empty.
        follows: The cause of another finding of which this one is a consequence.
    """

    level: Level
    cause: str
    subject: str
    evidence: str
    fix: str = ''
    names: tuple[str, ...] = ()
    follows: str = ''

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the level by name."""
        found = {**asdict(self), 'level': self.level.name}
        del found['names']
        return found


def ok(cause: str, subject: str, evidence: str) -> Finding:
    """A finding that nothing is wrong."""
    return Finding(Level.OK, cause, subject, evidence)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 fine, 1 warnings, 2 errors."""
    return min(2, max((int(f.level) for f in findings), default=0))


def table(findings: Sequence[Finding], width: int = 100) -> str:
    """Findings as text in the order given; long evidence and fixes wrap under their column."""
    cause_width = max((len(f.cause) for f in findings), default=0)
    lines: list[str] = []
    for finding in findings:
        head = f'{finding.level.name:<6} {finding.cause:<{cause_width}}  '
        body = f'{finding.subject}: {finding.evidence}'
        lines += _wrap(body, head, width)
        if finding.follows:
            lines += _wrap(f'follows from {finding.follows}', ' ' * len(head), width)
        elif finding.fix:
            lines += _wrap(f'fix: {finding.fix}', ' ' * len(head), width)
    return '\n'.join(lines)


def _wrap(text: str, head: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, len(head) + 40),
        initial_indent=head,
        subsequent_indent=' ' * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
