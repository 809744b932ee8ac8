"""Configs and checkpoints of mmdetection3d: what is loaded, what is refused, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mm_perception.errors import ConfigError, WeightsError
from mm_perception.plugins.mmdet3d.detector import load_detector
from test.plugins import mmdet3d_configs
from test.plugins.mmdet3d_checkpoints import CONFIGS, NEEDS_EXTRA, checkpoint, trained

pytestmark = NEEDS_EXTRA


@pytest.mark.parametrize('name', CONFIGS)
def test_checkpoint_is_loaded_entirely(name: str, tmp_path: Path) -> None:
    config, weights = trained(name, tmp_path)
    random, loaded = (load_detector(config, w, 'cpu') for w in ('random', weights))
    saved = torch.load(weights, map_location='cpu', weights_only=False)['state_dict']
    state = loaded.model.state_dict()
    assert state.keys() == saved.keys()
    assert all(torch.equal(state[key], saved[key]) for key in saved)
    assert any(not torch.equal(state[k], v) for k, v in random.model.state_dict().items())
    assert loaded.classes == ('a', 'b')
    assert loaded.sha256 != random.sha256


@pytest.mark.parametrize('name', CONFIGS)
def test_checkpoints_of_another_network_are_refused(name: str, tmp_path: Path) -> None:
    config, weights = trained(name, tmp_path)
    state = torch.load(weights, map_location='cpu', weights_only=False)['state_dict']
    first = next(iter(state))
    detector = load_detector(config, 'random', 'cpu')
    cases = {
        f'lacks {first}': {'state_dict': {k: v for k, v in state.items() if k != first}},
        'has unknown more': {'state_dict': {**state, 'more': torch.zeros(1)}},
        'of another shape': {'state_dict': {**state, first: torch.zeros(1, 2, 3)}},
        'holds no state dict': {'state_dict': None},
        'cannot be read': {'meta': {'code': Path()}},
    }
    for message, change in cases.items():
        wrong = checkpoint(detector, tmp_path / 'wrong.pth', **change)
        with pytest.raises(WeightsError, match=message):
            load_detector(config, wrong, 'cpu')
    with pytest.raises(WeightsError, match='cannot be read'):
        load_detector(config, str(tmp_path / 'none.pth'), 'cpu')


def test_config_is_found_by_name_or_refused(tmp_path: Path) -> None:
    name = 'pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d'
    detector = load_detector(name, 'random', 'cpu')
    assert (detector.classes[0], len(detector.classes)) == ('car', 10)
    assert (detector.loading.sweeps, detector.loading.needed) == (10, (0, 1, 2))
    for config, expected in (
        ('no_such_config', 'a file, or the name'),
        ('votenet_8xb16_sunrgbd-3d', 'LiDAR axes'),
    ):
        with pytest.raises(ConfigError, match=expected):
            load_detector(config, 'random', 'cpu')
    empty = tmp_path / 'empty.py'
    empty.write_text('model = 1')
    with pytest.raises(ConfigError, match='test_dataloader'):
        load_detector(str(empty), 'random', 'cpu')


def test_code_of_a_config_is_imported_from_its_folder(tmp_path: Path) -> None:
    """As BEVFusion is, which lies in projects/ of a checkout."""
    folder = tmp_path / 'checkout'
    (folder / 'own_projects').mkdir(parents=True)
    (folder / 'own_projects' / 'own_detector.py').write_text(
        'from mmdet3d.models import MVXFasterRCNN\n'
        'from mmdet3d.registry import MODELS\n\n'
        '@MODELS.register_module(force=True)\n'
        'class OwnDetector(MVXFasterRCNN):\n    pass\n'
    )
    content = mmdet3d_configs.point_pillars()
    content['model']['type'] = 'OwnDetector'
    content['custom_imports'] = {'imports': ['own_projects.own_detector']}
    config = mmdet3d_configs.write(content, tmp_path / 'own.py')
    with pytest.raises(ConfigError, match='see code'):
        load_detector(config, 'random', 'cpu')
    detector = load_detector(config, 'random', 'cpu', str(folder))
    assert type(detector.model).__name__ == 'OwnDetector'
