"""Rules of the house that a linter does not know; a rule that is not executed is not a rule."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from mm_perception import graph, registry
from mm_perception.config import build_config

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'mm_perception'
SOURCES = sorted(PACKAGE.rglob('*.py'))
ALL_PYTHON = sorted(
    path
    for folder in ('mm_perception', 'test', 'bench', 'launch', 'tools')
    for path in (ROOT / folder).rglob('*.py')
)
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """First component of every imported module."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split('.')[0])
    return found


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_rclpy_is_imported_under_ros_only(path) -> None:
    if path.is_relative_to(PACKAGE / 'ros'):
        return
    assert 'rclpy' not in imports(path), 'ROS stays at the edge: move this under mm_perception/ros'


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_heavy_libraries_load_late(path) -> None:
    homes = (PACKAGE / 'nets', PACKAGE / 'training')
    if any(path.is_relative_to(home) for home in homes):
        return
    heavy = imports(path, top_level_only=True) & {
        'torch',
        'torchvision',
        'transformers',
        'open_clip',
    }
    assert not heavy, f'{heavy} at import time: import inside load(), or move the code to nets/'


@pytest.mark.parametrize('path', ALL_PYTHON, ids=relative)
def test_files_and_functions_stay_readable(path) -> None:
    text = path.read_text()
    assert text.count('\n') <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f'{node.name} has {length} lines'


@pytest.mark.parametrize('path', SOURCES, ids=relative)
def test_names_say_what_is_inside(path) -> None:
    assert path.stem not in {'utils', 'helpers', 'common', 'misc', 'base', 'new', 'v2'}
    assert not re.search(r'\b(TODO|FIXME|XXX)\b', path.read_text()), 'an issue, or nothing'


def tracked_text_files() -> list[Path]:
    names = subprocess.run(
        ['git', 'ls-files', '-co', '--exclude-standard'],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split('\n')  # fmt: skip
    endings = {'.py', '.md', '.yaml', '.yml', '.toml', '.xml', '.cfg', '.rst', '.json', '.sh'}
    return [ROOT / n for n in names if Path(n).suffix in endings and (ROOT / n).is_file()]


def test_no_path_of_one_machine() -> None:
    pattern = re.compile(r'(/root/|/home/\w+/|/tmp/probe|/work/(main|shared|\.))')
    bad = [
        relative(path)
        for path in tracked_text_files()
        if path != Path(__file__) and pattern.search(path.read_text(errors='replace'))
    ]
    assert bad == []


@pytest.mark.parametrize('name', registry.names())
def test_every_plugin_has_card_settings_and_test(name) -> None:
    plugin = registry.load(name)
    assert plugin.card.title
    assert plugin.card.paper
    assert plugin.card.reference_code
    assert (ROOT / 'test' / 'plugins' / f'test_{name}.py').is_file()
    settings = yaml.safe_load((ROOT / 'config' / 'plugins' / f'{name}.yaml').read_text())
    values = next(iter(settings.values()))['ros__parameters']
    own = set(graph.NodeParameters.__dataclass_fields__)
    build_config(plugin.Config, {k: v for k, v in values.items() if k not in own})


@pytest.mark.parametrize('name', graph.stack_names())
def test_every_stack_loads(name) -> None:
    stack = graph.load_stack(name)
    assert stack.description


def test_readme_table_of_plugins_is_current() -> None:
    from mm_perception.cli.plugins import markdown_table

    readme = (ROOT / 'README.md').read_text()
    assert markdown_table() in readme, 'run: ./mmp plugins --markdown, and paste it into README.md'


def test_every_result_of_a_bench_names_its_command() -> None:
    import json

    for path in (ROOT / 'bench' / 'results').glob('*.json'):
        result = json.loads(path.read_text())
        for key in ('command', 'commit', 'date', 'cpu'):
            assert result.get(key), f'{relative(path)} lacks {key}'
