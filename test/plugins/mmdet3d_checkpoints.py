"""Networks for the tests of mmdet3d, and checkpoints as training saves them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from mm_perception.plugins.mmdet3d.detector import Detector, load_detector
from test.plugins import mmdet3d_configs

#: For the tests of a module that needs the extra.
NEEDS_EXTRA = [
    pytest.mark.skipif(
        importlib.util.find_spec('mmdet3d') is None,
        reason='the extra is absent: run `make test-mmdet3d`',
    ),
    pytest.mark.timeout(600),
    pytest.mark.slow,
]
#: Name to what makes the config.
CONFIGS = {
    'point_pillars': mmdet3d_configs.point_pillars,
    'center_point': mmdet3d_configs.center_point,
    'point_fusion': mmdet3d_configs.point_fusion,
}


def checkpoint(detector: Detector, path: Path, **changes) -> str:
    """A file as mmengine saves it after training, with the log that it keeps."""
    from mmengine.logging import HistoryBuffer

    losses = HistoryBuffer([1.0, 0.5], [1, 1])
    content = {
        'meta': {
            'epoch': 20,
            'mmengine_version': '0.10.7',
            'dataset_meta': {'classes': ['a', 'b']},
        },
        'state_dict': detector.model.state_dict(),
        'message_hub': {'log_scalars': {'train/loss': losses}, 'runtime_info': {'iter': 9}},
    }
    torch.save({**content, **changes}, path)
    return str(path)


def varied(detector: Detector, deviation: float = 0.05) -> Detector:
    """Other numbers than those that every `random` has; scores spread around a half."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for value in detector.model.parameters():
            value.add_(deviation * torch.randn(value.shape, generator=generator))
    return detector


def trained(name: str, folder: Path) -> tuple[str, str]:
    """Config file and checkpoint of one of `CONFIGS`."""
    config = mmdet3d_configs.write(CONFIGS[name](), folder / f'{name}.py')
    detector = varied(load_detector(config, 'random', 'cpu'))
    return config, checkpoint(detector, folder / f'{name}.pth')
