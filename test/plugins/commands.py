"""Commands for tests, and inputs beside them."""

from __future__ import annotations

from typing import Any

from mm_perception.samples import Command, Intent, Relation
from test.plugins.samples import SECOND_NS


def command(
    intent: Intent, target: str = '', *, at_s: float = 1.0, seconds: float = 0.0,
    relation: Relation = Relation.NONE, anchor: str = '', is_deictic: bool = False,
) -> Command:  # fmt: skip
    """A command that is over at `at_s` and took `seconds` to say."""
    return Command(
        stamp_ns=round((at_s - seconds) * SECOND_NS), end_ns=round(at_s * SECOND_NS),
        intent=intent, text=f'{intent.value} {target}', target=target, relation=relation,
        anchor=anchor, is_deictic=is_deictic,
    )  # fmt: skip


def listed(value: Any) -> list[Any]:
    """One sample or several, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]
