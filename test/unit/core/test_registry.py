"""Plugins are found by file name or entry point; one that is broken hurts only when it is used."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

import mm_perception.plugins
from mm_perception import registry
from mm_perception.cli.plugins import text_table
from mm_perception.errors import PluginContractError, UnknownPluginError
from mm_perception.plugin import Output, Plugin, Reference
from mm_perception.samples import Image, Masks
from test.fakes import CARD, FakeConfig


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(mm_perception.plugins, '__path__', [str(tmp_path)])
    yield tmp_path
    for name in [n for n in sys.modules if n.startswith('mm_perception.plugins.')]:
        if str(tmp_path) in str(getattr(sys.modules[name], '__file__', '')):
            del sys.modules[name]


def test_listing_imports_nothing(folder) -> None:
    (folder / 'broken_one.py').write_text('raise RuntimeError("imported")')
    assert registry.names() == ['broken_one']
    with pytest.raises(PluginContractError, match='RuntimeError: imported'):
        registry.load('broken_one')


def test_file_name_is_the_plugin_name(folder) -> None:
    (folder / 'my_masker.py').write_text('from test.fakes import FakeMasker as PLUGIN')
    assert registry.load('my_masker').__name__ == 'FakeMasker'


@pytest.mark.parametrize('source', ['x = 1', 'PLUGIN = 3', 'class PLUGIN: pass'])
def test_file_without_plugin_is_refused(folder, source) -> None:
    (folder / 'odd_one.py').write_text(source)
    sys.modules.pop('mm_perception.plugins.odd_one', None)
    with pytest.raises(PluginContractError, match='PLUGIN ='):
        registry.load('odd_one')


def test_unknown_name_lists_the_known(folder) -> None:
    (folder / 'only.py').write_text('')
    with pytest.raises(UnknownPluginError, match="'nope'; there are: only"):
        registry.load('nope')


def test_entry_point_of_another_package(folder, monkeypatch) -> None:
    point = EntryPoint('theirs', 'test.fakes:FakeMasker', registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, 'entry_points', lambda group: [point])
    assert registry.names() == ['theirs']
    assert registry.load('theirs').__name__ == 'FakeMasker'
    (folder / 'theirs.py').write_text('')
    with pytest.raises(PluginContractError, match='uses the name'):
        registry.names()


def _define(**changes: Any) -> type:
    body: dict[str, Any] = {
        'card': CARD,
        'Config': FakeConfig,
        'inputs': {'image': Reference(Image)},
        'outputs': {'masks': Output(Masks)},
        **changes,
    }
    body = {key: value for key, value in body.items() if value is not None}
    return type('Made', (Plugin,), body)


class _NoParameters:
    value: ClassVar[int] = 1


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'card': None}, 'card is missing'),
        ({'Config': None}, 'Config is missing'),
        ({'inputs': {}}, 'Reference or Surround'),
        ({'outputs': {'image': Output(Masks)}}, 'both input and output'),
        ({'outputs': {'masks': Masks}}, 'is no Output'),
    ],
)
def test_broken_class_is_refused_when_defined(changes, message) -> None:
    with pytest.raises(PluginContractError, match=message):
        _define(**changes)


def test_sound_class_is_accepted() -> None:
    assert issubclass(_define(), Plugin)


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('import nunpy', r"cannot be imported: ModuleNotFoundError: No module named 'nunpy'"),
        ('x = (', r'cannot be imported: SyntaxError'),
        ('x = 1', r'must end with PLUGIN'),
    ],
)
def test_a_file_with_a_mistake_is_one_line_with_its_place(folder, line: str, said: str) -> None:
    path = folder / 'broken_one.py'
    path.write_text(f'"""Mine."""\n{line}\n')
    (folder / 'sound_one.py').write_text('from test.fakes import FakeMasker as PLUGIN')
    with pytest.raises(PluginContractError, match=said) as caught:
        registry.load('broken_one')
    if 'PLUGIN' not in said:
        assert f'{path}, line 2' in str(caught.value)
    table = text_table(200)
    assert 'broken_one (broken)' in table
    assert 'sound_one\n' in table
    with pytest.raises(UnknownPluginError, match="did you mean 'sound_one'"):
        registry.load('sound')
