"""`mmp plugins` and `mmp fetch`, and the files that are made from the plugins' declarations."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import open_clip
import pytest
import yaml
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

from mm_perception import registry, weights
from mm_perception.cli import main
from mm_perception.cli.plugins import describe, markdown_table, parameter_file, text_table
from mm_perception.config import build_config, parameter_specs
from mm_perception.errors import WeightsError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize('name', registry.names())
def test_the_parameter_file_is_what_the_plugin_declares(name: str) -> None:
    path = ROOT / 'config' / 'plugins' / f'{name}.yaml'
    assert path.read_text() == parameter_file(name), (
        f'run: ./mmp plugins {name} --yaml > config/plugins/{name}.yaml'
    )
    plugin = registry.load(name)
    values = yaml.safe_load(path.read_text())[name]['ros__parameters']
    assert build_config(plugin.Config, values) == plugin.Config()


def test_the_table_has_a_row_for_every_plugin() -> None:
    rows = markdown_table().splitlines()
    assert [row.split('`')[1] for row in rows[2:]] == registry.names()
    assert len({row.count('|') - row.count(r'\|') for row in rows}) == 1, 'as many cells in each'


@pytest.mark.parametrize('width', [20, 60, 200])
def test_the_table_fits_the_terminal(width: int) -> None:
    table = text_table(width)
    longest_word = max(len(word) for word in table.split())
    assert max(map(len, table.splitlines())) <= max(width, 40, longest_word + 4)


@pytest.mark.parametrize('name', registry.names())
def test_a_plugin_is_described_in_full(name: str) -> None:
    plugin, text = registry.load(name), describe(name)
    for word in (*plugin.inputs, *plugin.outputs, *parameter_specs(plugin.Config)):
        assert f'  {word}' in text
    for line in (plugin.card.paper, *plugin.card.limits):
        assert line in text


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nobody'], "no plugin is named 'nobody'"),
        (['--yaml'], '--yaml is None; expected a plugin'),
        (['clip', '--markdown'], '--markdown'),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(['plugins', *arguments]) == 2
    assert message in capsys.readouterr().err


def test_fetch_asks_the_hub_and_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def download(source: str, **options: object) -> str:
        asked.append((source, options))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', download)
    assert main.main(['fetch', 'org/name']) == 0
    assert str(tmp_path) in capsys.readouterr().out
    assert asked[0][0] == 'org/name'
    assert not asked[0][1].get('local_files_only')


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (LocalEntryNotFoundError('no connection'), 'check the connection'),
        (ConnectionError('no route'), 'check the connection'),
    ],
)
def test_fetch_without_a_connection(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', fail)
    with pytest.raises(WeightsError, match=message):
        weights.fetch('org/name')


def test_fetch_of_what_the_hub_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    class AbsentError(RepositoryNotFoundError):
        def __init__(self) -> None:
            Exception.__init__(self, '404')

    def fail(*_: object, **__: object) -> str:
        raise AbsentError

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', fail)
    with pytest.raises(WeightsError, match='no such weights'):
        weights.fetch('org/name')


def test_fetch_of_an_unknown_tag_names_the_known_ones() -> None:
    with pytest.raises(WeightsError, match='laion2b_s34b_b79k'):
        weights.fetch('open_clip:ViT-B-32/nothing')


def test_fetch_of_open_clip_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / 'weights.bin'
    monkeypatch.setattr(open_clip, 'download_pretrained', lambda settings: str(file))
    assert weights.fetch('open_clip:ViT-B-32/laion2b_s34b_b79k') == file


def test_nano_weights_that_do_not_exist_are_an_error() -> None:
    with pytest.raises(WeightsError, match='this version has none for no_such_net'):
        weights.locate('nano', 'no_such_net')
    assert weights.locate('org/name', 'clip') == 'org/name'


def test_loading_never_reaches_for_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
    with weights.offline():
        assert huggingface_hub.is_offline_mode()
    assert not huggingface_hub.is_offline_mode()


def test_the_hash_follows_the_file(tmp_path: Path) -> None:
    import hashlib
    import os

    file = tmp_path / 'model.safetensors'
    file.write_bytes(b'one')
    assert weights.directory_sha256(tmp_path) == hashlib.sha256(b'one').hexdigest()
    file.write_bytes(b'two')
    os.utime(file, ns=(1, 1))
    assert weights.directory_sha256(tmp_path) == hashlib.sha256(b'two').hexdigest()
    with pytest.raises(WeightsError, match='holds no weights'):
        weights.directory_sha256(Path(__file__).parent)
