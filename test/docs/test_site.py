"""The site builds, without network and without a warning, and shows what the code declares."""

import contextlib
import io
import sys

import pytest

from mm_perception import graph, registry
from mm_perception.cli.main import command_names
from mm_perception.config import parameter_specs
from test.docs.pages import DOCS, ROOT

pytest.importorskip('sphinx', reason='the site needs the group dev')
sys.path.insert(0, str(DOCS / '_ext'))

from mmp_docs import markup, pages, scores, systems


@pytest.fixture(scope='module')
def texts() -> dict[str, str]:
    return pages()


@pytest.mark.timeout(600)
def test_the_site_builds_without_a_warning(tmp_path) -> None:
    from sphinx.cmd.build import main

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = main(['-q', '-W', '--keep-going', '-b', 'html', str(DOCS), str(tmp_path)])
    assert status == 0, said.getvalue()
    assert 'arXiv' in (tmp_path / '_generated' / 'plugins' / 'bevformer.html').read_text()
    assert 'Marks bright pixels' in (tmp_path / 'plugin.html').read_text()


@pytest.mark.parametrize('name', registry.names())
def test_each_plugin_has_a_page_with_all_that_it_declares(name, texts) -> None:
    plugin, text = registry.load(name), texts[f'plugins/{name}']
    declared = [*plugin.inputs, *plugin.outputs, *parameter_specs(plugin.Config)]
    assert [d for d in declared if f'`{d}`' not in text] == []
    assert all(w.source in text and w.licence.split()[0] in text for w in plugin.card.weights)


def test_every_command_stack_and_message_is_there(texts) -> None:
    assert [c for c in command_names() if f'## mmp {c}\n' not in texts['commands']] == []
    assert [s for s in graph.stack_names() if f'## {s}\n' not in texts['stacks']] == []
    files = [p.stem for kind in ('msg', 'srv', 'action') for p in (ROOT / 'msg').glob(f'{kind}/*')]
    assert [f for f in files if f'### {f}\n' not in texts['messages']] == []


def test_every_system_of_a_plugin_is_one_of_the_26() -> None:
    assert len(systems.SYSTEMS) == 26
    used = {registry.load(name).card.system for name in registry.names()}
    assert used - {''} <= systems.SYSTEMS.keys()


def test_every_measured_file_is_on_some_page() -> None:
    results = {path.stem for path in (ROOT / 'bench' / 'results').glob('*.json')}
    assert results == scores.BENCHES.keys()
    nets = {
        path.parent.name for path in (ROOT / 'mm_perception' / 'weights').glob('*/scores.json')
    }
    assert nets == {net for used in scores.NETS.values() for net in used}


def test_scores_are_those_of_the_file(texts) -> None:
    assert '| mAP, both | 0.864 |' in scores.of_weights('bevformer')
    ours = next(r for r in scores.of_bench('tracker3d').splitlines() if r.startswith('| ours '))
    assert '0.9321' in ours
    assert ours in texts['plugins/tracker3d']


def test_convention_escape() -> None:
    assert markup.escape('IoU of a_b | <stream>') == r'IoU of a\_b \| \<stream\>'
