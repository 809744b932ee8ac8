"""Text into MyST without surprises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def escape(text: str) -> str:
    r"""Plain text as MyST: nothing in it is markup any more.

    Convention:
        'IoU of a_b | <stream>' becomes 'IoU of a\_b \| \<stream\>'.
    """
    return re.sub(r'([\\`*_{}\[\]<>|#$~])', r'\\\1', text)


def code(text: str) -> str:
    """Text in a fixed-width font, also inside a table."""
    return f'`{text}`'.replace('|', r'\|') if text else ''


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are MyST already; empty if there are no rows."""
    lines = [f'| {" | ".join(row)} |' for row in rows]
    if not lines:
        return ''
    rule = '|'.join('---' for _ in headings)
    return '\n'.join([f'| {" | ".join(headings)} |', f'|{rule}|', *lines]) + '\n'


def bullets(lines: Iterable[str]) -> str:
    """A list of lines that are MyST already."""
    return ''.join(f'- {line}\n' for line in lines)


def blocks(*parts: str) -> str:
    """Paragraphs, headings and tables with an empty line between; empty ones are left out."""
    return '\n\n'.join(part.strip('\n') for part in parts if part) + '\n'
