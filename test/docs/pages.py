"""The Markdown that people read, and its fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
#: In the order of reading: what a page makes (a drive), a later one may use.
FIRST = ('start', 'bag', 'rig', 'robot', 'prompts', 'plugin', 'train', 'architecture')
_FENCE = re.compile(
    r'(?:<!-- (?P<mark>run|not run: .+?) -->\n)?'
    r'^```(?P<language>\w+)\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        where: Page and line, for messages.
        language: As after the backticks.
        mark: 'run', 'not run: REASON', or '' where there is none.
        text: What is inside.
    """

    where: str
    language: str
    mark: str
    text: str


def pages() -> list[Path]:
    """The pages of the site that are written by hand, in the order of reading."""
    rank = {f'{name}.md': index for index, name in enumerate(FIRST)}
    return sorted(DOCS.glob('*.md'), key=lambda path: (rank.get(path.name, 99), path.name))


def read_too() -> list[Path]:
    """The pages, and what lies beside them in the repository."""
    beside = ('README.md', 'README.zh-TW.md', 'CONTRIBUTING.md', 'bench/README.md')
    return [*pages(), *(ROOT / name for name in beside)]


def blocks(path: Path) -> Iterator[Block]:
    """Every fenced block of a page."""
    text = path.read_text()
    for match in _FENCE.finditer(text):
        line = text.count('\n', 0, match.start('language')) + 1
        where = f'{path.relative_to(ROOT)}:{line}'
        yield Block(where, match['language'], match['mark'] or '', match['text'])


def prose(path: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r'^```.*?^```$', '', path.read_text(), flags=re.MULTILINE | re.DOTALL)
