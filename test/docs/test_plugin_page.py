"""The plugin of CONTRIBUTING.md, which the site shows too, does what it says."""

import json
import sys

import pytest

import mm_perception.plugins
from mm_perception import registry
from mm_perception.cli.main import main
from test.docs.pages import DOCS, ROOT, blocks


@pytest.fixture
def bright(tmp_path, monkeypatch):
    """A folder in which the plugin is saved as a reader would, found by its file name."""
    source = next(b.text for b in blocks(ROOT / 'CONTRIBUTING.md') if b.language == 'python')
    folder = tmp_path / 'plugins'
    folder.mkdir()
    (folder / 'bright.py').write_text(source)
    paths = [*mm_perception.plugins.__path__, str(folder)]
    monkeypatch.setattr(mm_perception.plugins, '__path__', paths)
    yield source
    sys.modules.pop('mm_perception.plugins.bright', None)


def test_it_has_forty_lines(bright) -> None:
    assert len([line for line in bright.splitlines() if line.strip()]) <= 40


def test_it_replays_a_bag_as_the_page_says(bright, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    stack = next(b.text for b in blocks(DOCS / 'plugin.md') if b.language == 'yaml')
    (tmp_path / 'bright.yaml').write_text(stack.replace('220', '120'))
    drive = ['--out', 'drive', '--seconds', '0.3', '--width', '96', '--no-lidar', '--workers', '1']
    assert main(['world', *drive]) == 0
    page = (DOCS / 'plugin.md').read_text()
    command = next(line for line in page.splitlines() if line.startswith('./mmp replay'))
    assert main(command.split()[1:]) == 0
    node = json.loads((tmp_path / 'bright' / 'summary.json').read_text())['nodes']['bright']
    assert node['inferences'] == 3
    assert not node['failures']
    assert 'bright' in registry.names()
