"""Stack files: what is wrong is named, what is right becomes topics."""

from __future__ import annotations

import pytest

from mm_perception import graph, registry
from mm_perception.errors import ConfigError, UnknownKeyError, UnknownPluginError
from mm_perception.graph import (
    NodeSpec,
    is_depth,
    load_stack,
    name_streams,
    parse_stack,
    resolve_auto,
)
from mm_perception.graph_overrides import apply_overrides
from mm_perception.samples import Image, Text
from test.fakes import FakeMasker


@pytest.fixture(autouse=True)
def fake_plugin(monkeypatch) -> None:
    real = registry.load
    monkeypatch.setattr(registry, 'load', lambda n: FakeMasker if n == 'fake' else real(n))


def stack(**node: object) -> dict[str, object]:
    return {'description': 'd', 'nodes': {'n': {'plugin': 'fake', **node}}}


@pytest.mark.parametrize(
    ('content', 'error', 'message'),
    [
        ([], ConfigError, 'a mapping'),
        ({'nodes': {}}, ConfigError, 'node name to node'),
        ({'nodes': {'n': {'plugin': 'fake'}}, 'node': 1}, UnknownKeyError, "did you mean 'nodes'"),
        ({'nodes': {'a b': {'plugin': 'fake'}}}, ConfigError, 'ROS name'),
        ({'nodes': {'n': {'plugin': 'fakee'}}}, UnknownPluginError, 'fakee'),
        (stack(input={}), UnknownKeyError, "did you mean 'inputs'"),
        (stack(inputs={'imag': '/x'}), UnknownKeyError, "did you mean 'image'"),
        (stack(inputs={'match': '/x'}), UnknownKeyError, 'match'),
        (stack(inputs={'image': 3}), ConfigError, 'a topic'),
        (stack(outputs={'mask': '/x'}), UnknownKeyError, "did you mean 'masks'"),
        (stack(parameters={'treshold': 1}), UnknownKeyError, "did you mean 'threshold'"),
        (stack(parameters={'threshold': 7.0}), ConfigError, 'node n: threshold is 7'),
        (stack(parameters={'max_age_s': -1.0}), ConfigError, 'at least 0'),
    ],
)
def test_mistakes_are_named(content, error, message) -> None:
    with pytest.raises(error, match=message):
        parse_stack('s', content)


def test_missing_stack_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match='segment'):
        load_stack('no_such_stack')


@pytest.mark.parametrize('name', graph.stack_names())
def test_every_stack_that_comes_along_is_legal(name) -> None:
    assert load_stack(name).nodes


def test_topics_of_one_camera() -> None:
    spec = parse_stack('s', stack(inputs={'image': '/cam'})).nodes[0]
    assert spec.wiring().outputs == {
        'masks': {'': '~/output/masks'},
        'note': {'': '~/output/note'},
        'overlay': {'': '~/debug/overlay'},
    }


def test_topics_of_two_cameras_and_a_renamed_output() -> None:
    inputs = {'image': {'front': '/f', 'back': '/b'}}
    outputs = {'masks': {'front': '/masks_front'}}
    wiring = parse_stack('s', stack(inputs=inputs, outputs=outputs)).nodes[0].wiring()
    assert wiring.outputs['masks'] == {'front': '/masks_front', 'back': '~/output/masks/back'}
    assert wiring.outputs['note'] == {'': '~/output/note'}


def test_auto_takes_every_camera_once_and_not_our_own_results() -> None:
    spec = parse_stack('s', stack(inputs={'image': 'auto', 'prompt': '/p'})).nodes[0]
    with pytest.raises(ConfigError, match='resolve_auto'):
        spec.wiring()
    available = {
        '/camera/front/image_raw': [Image],
        '/camera/front/image_raw/compressed': [Image],
        '/camera/back/image_raw/compressed': [Image],
        '/n/output/masks/front': [Image],
        '/n/debug/overlay/front': [Image],
        '/words': [Text],
    }
    assert resolve_auto(spec, available).inputs == {
        'image': {
            'front': '/camera/front/image_raw',
            'back': '/camera/back/image_raw/compressed',
        },
        'prompt': {'': '/p'},
    }


def test_auto_that_finds_nothing_lists_what_is_there() -> None:
    spec = parse_stack('s', stack(inputs={'image': 'auto'})).nodes[0]
    with pytest.raises(ConfigError, match=r'a topic with Image; there is: /words'):
        resolve_auto(spec, {'/words': [Text]})


def test_auto_leaves_depth_out_and_says_so() -> None:
    spec = parse_stack('s', stack(inputs={'image': 'auto'})).nodes[0]
    depth = '/cam/aligned_depth_to_color/image_raw'
    found = resolve_auto(spec, {'/cam/color/image_raw': [Image], depth: [Image]})
    assert found.inputs == {'image': {'': '/cam/color/image_raw'}}
    with pytest.raises(ConfigError, match=f'as depth is left out: {depth}'):
        resolve_auto(spec, {depth: [Image]})


@pytest.mark.parametrize(
    ('topic', 'says'),
    [
        ('/camera/aligned_depth_to_color/image_raw', True),
        ('/zed/zed_node/depth/depth_registered', True),
        ('/cam/image/compressedDepth', True),
        ('/left/disparity', True),
        ('/deep/image_raw', False),
        ('/camera/indepth_view', False),
    ],
)
def test_convention_depth_is_told_by_its_name(topic: str, says: bool) -> None:
    assert is_depth(topic) is says


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('color', "did you mean 'colour'"),
        ('colour_tracker', "'colour_tracker' is a plugin: a stack file names it"),
        ('mine.yaml', 'there is no such file'),
    ],
)
def test_a_stack_that_is_not_there_is_answered_with_what_was_meant(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_stack(name)


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('colour_traker.min_area=0.1', "stack colour has no key 'colour_traker'; did you mean"),
        ('min_are=0.1', "did you mean 'min_area'"),
        ('colour_tracker.min_area', 'expected node.param=value'),
    ],
)
def test_a_misspelled_setting_names_its_word(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        apply_overrides(load_stack('colour'), [name])


@pytest.mark.parametrize(
    ('topics', 'names'),
    [
        (['/camera/front/image_raw'], ['']),
        (['/cam/front/image_raw/compressed', '/cam/back/image_raw'], ['front', 'back']),
        (['/a/left/image', '/b/left/image'], ['a', 'b']),
        (['/image', '/image/two'], ['image', 'image_two']),
    ],
)
def test_convention_stream_names(topics, names) -> None:
    assert name_streams(topics) == dict(zip(names, topics, strict=True))


def test_node_parameters_and_plugin_parameters_share_one_mapping() -> None:
    spec = NodeSpec('n', 'fake', parameters={'device': 'cpu', 'threshold': 0.25})
    plugin, node = spec.configs()
    assert (plugin.threshold, node.device) == (0.25, 'cpu')
