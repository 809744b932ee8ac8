"""Sphinx extension: writes the reference pages from the code before Sphinx reads the sources.

Everything goes to `docs/_generated`, which git ignores. A page is written only if its text has
changed, so that a second build is quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmp_docs import commands, messages, plugins, stacks, systems, topics

FOLDER = '_generated'


def pages() -> dict[str, str]:
    """Path below `docs/_generated`, without ending, to the text of the page (MyST)."""
    return {
        'commands': commands.page(),
        'messages': messages.page(),
        'parameters': plugins.parameters_page(),
        'scores': plugins.scores_page(),
        'stacks': stacks.page(),
        'systems': systems.page(),
        'topics': topics.page(),
        **{f'plugins/{name}': text for name, text in plugins.pages().items()},
    }


def write(docs: Path) -> None:
    """Bring `docs/_generated` up to date; what no page stands for any more is removed.

    Args:
        docs: Folder with conf.py.
    """
    folder = docs / FOLDER
    texts = {folder / f'{name}.md': text for name, text in pages().items()}
    for path in folder.rglob('*.md') if folder.is_dir() else ():
        if path not in texts:
            path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect('builder-inited', lambda application: write(Path(application.srcdir)))
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
