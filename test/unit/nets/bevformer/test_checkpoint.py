"""Official checkpoints of BEVFormer: every name accounted for, and what is said otherwise."""

from __future__ import annotations

import hashlib

import pytest
import torch

from mm_perception.errors import ConfigError, DeviceError, WeightsError
from mm_perception.nets.bevformer import CONFIGS, BevFormer, BevFormerEngine
from mm_perception.nets.bevformer.checkpoint import convert, detect_config, rename
from mm_perception.nets.bevformer.weights import load_model
from test.unit.nets.bevformer import recipe
from test.unit.nets.bevformer.recipe import NARROW


@pytest.fixture(scope='module')
def state():
    return recipe.official_state(recipe.official_shapes('narrow'))


def save(state, path) -> str:
    meta = {'epoch': 24, 'CLASSES': list(NARROW.classes), 'config': 'text'}
    torch.save({'meta': meta, 'state_dict': state}, path)
    return str(path)


@pytest.mark.parametrize('size', ['tiny', 'small', 'base'])
def test_every_name_and_shape_of_the_published_networks(size):
    shapes = recipe.official_shapes(size)
    with torch.device('meta'):
        model = BevFormer(CONFIGS[size])
        official = {name: torch.empty(shape) for name, shape in shapes.items()}
    assert detect_config('here', official) is CONFIGS[size]
    converted = convert('here', official, model.state_dict())
    assert len(converted) == len(shapes) == {'tiny': 643, 'small': 1001, 'base': 1089}[size]
    assert len({rename(name) for name in shapes}) == len(shapes), 'two names became one'


def test_a_file_becomes_a_model(tmp_path, state):
    path = save(state, tmp_path / 'narrow.pth')
    loaded = load_model(path, NARROW)
    assert loaded.sha256 == hashlib.sha256((tmp_path / 'narrow.pth').read_bytes()).hexdigest()
    assert 'nuScenes' in loaded.licence
    assert not loaded.model.training
    ours = loaded.model.state_dict()
    assert all(torch.equal(ours[rename(name)], value) for name, value in state.items())
    assert BevFormerEngine.load(path, config=NARROW).sha256 == loaded.sha256


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('img_neck.fpn_convs.3.conv.bias'), r'lacks neck\.output\.3\.bias'),
        (
            lambda s: s.update({'pts_bbox_head.extra.weight': torch.zeros(2)}),
            r'has unknown pts_bbox_head\.extra\.weight',
        ),
        (
            lambda s: s.update({'img_backbone.conv1.weight': torch.zeros(8, 3, 3, 3)}),
            r'misshapes backbone\.conv1\.weight',
        ),
        (
            lambda s: [s.pop(n) for n in list(s) if n.startswith('img_backbone.layer3')],
            r'lacks backbone\.stages\.2.* and \d+ more',
        ),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused(tmp_path, state, change, message):
    changed = dict(state)
    change(changed)
    with pytest.raises(WeightsError, match=message):
        load_model(save(changed, tmp_path / 'changed.pth'), NARROW)


def test_networks_of_other_sizes_are_refused(tmp_path, state):
    with pytest.raises(WeightsError, match='320 BEV queries are of no published size'):
        load_model(save(state, tmp_path / 'narrow.pth'))
    with pytest.raises(WeightsError, match='not a BEVFormer checkpoint'):
        load_model(save({'conv1.weight': torch.zeros(1)}, tmp_path / 'other.pth'))


@pytest.mark.parametrize('content', [b'', b'nonsense', b'PK\x03\x04 cut'])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / 'model.pth'
    path.write_bytes(content)
    with pytest.raises(WeightsError, match='cannot be read'):
        load_model(str(path))


class _Payload:
    def __reduce__(self):
        return print, ('this must not run',)


def test_checkpoint_with_code_is_refused(tmp_path, capsys):
    path = tmp_path / 'model.pth'
    torch.save({'state_dict': _Payload()}, path)
    with pytest.raises(WeightsError, match='cannot be read'):
        load_model(str(path))
    assert capsys.readouterr().out == ''


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / 'model.pth'
    torch.save({'model': {}}, path)
    with pytest.raises(WeightsError, match="no state dict under 'state_dict'"):
        load_model(str(path))
    with pytest.raises(WeightsError, match='there is no such file'):
        load_model(str(tmp_path / 'absent.pth'))


def test_random_is_the_same_every_time():
    before = torch.random.get_rng_state()
    first, second = load_model('random'), load_model('random')
    assert first.sha256 == second.sha256
    assert torch.equal(torch.random.get_rng_state(), before)
    with pytest.raises(ConfigError, match='random:huge'):
        load_model('random:huge')


def test_unknown_device_is_named():
    with pytest.raises(DeviceError, match='no such device'):
        BevFormerEngine.load('random', 'abacus')
