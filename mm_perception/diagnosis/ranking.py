"""The true cause first: what follows from another finding is marked and moves behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mm_perception.diagnosis.causes import CAUSES, rank
from mm_perception.diagnosis.finding import Finding
from mm_perception.faults import Level


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Causes, the worst first; then what follows from them; then what is fine.

    A cause becomes as bad as its worst consequence: two sensors 3 s apart are an error, so the
    clock that lags is one.
    """
    roots = {f: root for f in findings if (root := _root(f, findings)) is not None}
    worst: dict[Finding, Level] = {}
    for follower, root in roots.items():
        worst[root] = max(worst.get(root, root.level), follower.level)
    marked = [
        replace(f, level=worst.get(f, f.level), follows=roots[f].cause if f in roots else '')
        for f in findings
    ]
    return sorted(
        marked,
        key=lambda f: (f.level == Level.OK, bool(f.follows), -f.level, rank(f.cause), f.subject),
    )


def _root(finding: Finding, findings: Sequence[Finding]) -> Finding | None:
    """The cause behind a finding that nothing else explains; None if it is one itself."""
    current, seen = finding, {finding}
    while True:
        causes = [f for f in findings if f not in seen and explains(f, current)]
        if not causes:
            return None if current is finding else current
        current = min(causes, key=lambda f: (rank(f.cause), f.subject))
        seen.add(current)


def explains(cause: Finding, other: Finding) -> bool:
    """Whether `other` is a consequence of `cause`, as the table of causes says."""
    known = CAUSES.get(cause.cause)
    if known is None or Level.OK in (cause.level, other.level):
        return False
    if other.cause in known.explains_all:
        return True
    text = f'{other.subject} {other.evidence}'
    return other.cause in known.explains and any(
        re.search(rf'(?<![\w/]){re.escape(name)}(?![\w/])', text)
        for name in cause.names or (cause.subject,)
    )
