"""What a newcomer would ask next, said before it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NANO = 'nano'


def weights_note(summary: Mapping[str, Any]) -> str:
    """One line where small weights looked at what is not their world; empty otherwise.

    Args:
        summary: Of a replay: `bag` is its path, `nodes` are node names to their facts, of which
            those that end in `weights` say what was loaded.

    Convention:
        {'bag': 'b', 'nodes': {'n': {'weights': 'nano'}}} gives a note that names n, unless
        b/truth.json says that `mmp world` has made b.
    """
    names = [
        name
        for name, facts in summary['nodes'].items()
        if any(key.endswith('weights') and value == _NANO for key, value in facts.items())
    ]
    bag = Path(summary['bag'])
    folder = bag if bag.is_dir() else bag.parent
    if not names or (folder / 'truth.json').is_file():
        return ''
    return (
        f'note: {", ".join(names)} used weights nano, which know the synthetic world only. For '
        'real pictures take public ones: `mmp plugins` lists them; --stack track_public has some'
    )
