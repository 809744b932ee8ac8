"""The page of our messages, services and actions, from their files."""

from __future__ import annotations

from pathlib import Path

from mmp_docs.markup import blocks, code, table

ROOT = Path(__file__).parents[3]
_KINDS = {'msg': 'Messages', 'srv': 'Services', 'action': 'Actions'}


def page() -> str:
    """All interface files of `msg/`, as they are: their comments are the documentation."""
    parts = [
        '# Messages',
        'Own messages exist only for what has no standard one. They are in the ROS package '
        '`mm_perception_msgs` (folder `msg/`). All else is `std_msgs`, `sensor_msgs`, '
        '`geometry_msgs`, `nav_msgs`, `visualization_msgs`, `diagnostic_msgs` and `vision_msgs`: '
        'see [Topics](topics.md).',
        table(
            ('name', 'what'),
            ((f'[{path.stem}](#{path.stem.lower()})', _first_line(path)) for path in _files()),
        ),
    ]
    for folder, heading in _KINDS.items():
        parts.append(f'## {heading}')
        for path in (p for p in _files() if p.parent.name == folder):
            parts.append(f'### {path.stem}')
            parts.append(code(f'mm_perception_msgs/{folder}/{path.stem}'))
            parts.append(f'```text\n{path.read_text().strip()}\n```')
    return blocks(*parts)


def _files() -> list[Path]:
    return [p for folder in _KINDS for p in sorted((ROOT / 'msg' / folder).glob(f'*.{folder}'))]


def _first_line(path: Path) -> str:
    return path.read_text().splitlines()[0].lstrip('# ')
