"""One detector of mmdetection3d: its config, its weights, and its own test pipeline around it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from mm_perception.errors import ConfigError, MissingDependencyError, WeightsError
from mm_perception.plugins.mmdet3d.loading import Loading, is_loader, read_loading
from mm_perception.plugins.mmdet3d.pictures import View, picture_entries
from mm_perception.samples.sample import Array
from mm_perception.weights import file_sha256, state_sha256

RANDOM = 'random'
_INSTALL = './tools/bootstrap --extra mmdet3d (in a checkout; compiles for 10 minutes or more)'
_SEED = 1
_MAX_LISTED = 8


@dataclass(frozen=True)
class Detector:
    """A network with the way its points and pictures were prepared in training.

    Attributes:
        model: Of mmdetection3d, in evaluation mode on its device.
        steps: Its test pipeline without the steps that read files.
        loading: What those steps did.
        box_type: Class and number of its boxes' axes, as pipelines carry them along.
        classes: Names in the order of the labels; empty if nothing tells.
        sha256: Of the weights.
    """

    model: Any
    steps: Any
    loading: Loading
    box_type: tuple[Any, Any]
    classes: tuple[str, ...]
    sha256: str

    def find(self, points: Array, views: Sequence[View]) -> Any:
        """Boxes around a scan.

        Args:
            points: (N, C) float32, see `Scanner.points`.
            views: Pictures around it, for detectors that take them.

        Returns:
            `pred_instances_3d` of mmdetection3d; None where no point is within its range.
        """
        import torch
        from mmdet3d.structures import LiDARPoints
        from mmengine.dataset import pseudo_collate

        entries = {
            'points': LiDARPoints(torch.from_numpy(points), points_dim=points.shape[1]),
            'num_pts_feats': points.shape[1],
            'box_type_3d': self.box_type[0],
            'box_mode_3d': self.box_type[1],
            **(picture_entries(views, self.loading) if views else {}),
        }
        packed = self.steps(entries)
        if isinstance(packed, list):
            expected = 'a test pipeline without augmentation: one that turns nothing over'
            raise ConfigError('config', f'{len(packed)} views of each scan', expected)
        if not len(packed['inputs']['points']):
            return None
        with torch.inference_mode():
            return self.model.test_step(pseudo_collate([packed]))[0].pred_instances_3d


def load_detector(config: str, weights: str, device: str, code: str = '') -> Detector:
    """Build a detector from its config and load its weights.

    Args:
        config: A file, which is run, or the name of one that mmdetection3d brings.
        weights: A checkpoint file, or `random`.
        device: A torch device.
        code: Folder of modules that the config imports; empty for none.

    Raises:
        MissingDependencyError: mmdetection3d is not installed.
        ConfigError: There is no such config, or it is of no LiDAR detector.
        WeightsError: The checkpoint cannot be read or is of another network.
    """
    try:
        import mmdet3d.models  # noqa: F401 (fills the registries)
        from mmdet3d.registry import MODELS, TRANSFORMS
        from mmdet3d.structures import get_box_type
        from mmengine.dataset import Compose
        from mmengine.registry import DefaultScope
    except ImportError as error:
        raise MissingDependencyError(
            f'mmdet3d ({error})', 'the plugin mmdet3d', _INSTALL
        ) from error
    settings = _read_config(config, code)
    dataset = _test_dataset(settings)
    kind = dataset.get('box_type_3d', 'LiDAR')
    if str(kind).lower() != 'lidar':
        raise ConfigError('config', f'box_type_3d={kind}', 'a detector with boxes in LiDAR axes')
    steps = [step for step in dataset['pipeline'] if not is_loader(step)]
    with DefaultScope.overwrite_default_scope('mmdet3d'):
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            model = MODELS.build(_for_inference({**settings.model, 'train_cfg': None}))
        pipeline = Compose([TRANSFORMS.build(step) for step in steps])
    if weights == RANDOM:
        meta: Mapping[str, Any] = {}
        sha256 = state_sha256(model)
    else:
        meta = _load_weights(model, weights)
        sha256 = file_sha256(Path(weights).expanduser())
    return Detector(
        model=model.to(device).eval(),
        steps=pipeline,
        loading=read_loading(dataset['pipeline']),
        box_type=get_box_type('LiDAR'),
        classes=_classes(meta, dataset, settings),
        sha256=sha256,
    )


def _read_config(config: str, code: str) -> Any:
    import mmdet3d
    from mmengine.config import Config

    path = Path(config).expanduser()
    if not path.is_file():
        brought = Path(mmdet3d.__file__).parent / '.mim' / 'configs'
        found = sorted(brought.rglob(f'{path.name.removesuffix(".py")}.py')) if config else []
        if not found:
            expected = f'a file, or the name of one below {brought}'
            raise ConfigError('config', config, expected)
        path = found[0]
    if code:
        folder = str(Path(code).expanduser().resolve())
        if not Path(folder).is_dir():
            raise ConfigError('code', code, 'a folder')
        if folder not in sys.path:
            sys.path.append(folder)
    try:
        return Config.fromfile(path)
    except (ImportError, OSError, SyntaxError, KeyError, ValueError) as error:
        raise ConfigError(
            'config', str(path), f'one that can be read ({error}); see code'
        ) from error


def _test_dataset(settings: Any) -> Any:
    """The innermost data set of the test loader: wrappers around it have no pipeline."""
    loader = settings.get('test_dataloader') or {}
    dataset = loader.get('dataset') or {}
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    if 'model' not in settings or 'pipeline' not in dataset:
        expected = 'a config with a model and a test_dataloader that has a pipeline'
        raise ConfigError('config', sorted(settings), expected)
    return dataset


def _for_inference(settings: Any) -> Any:
    """The part `model` without what is for many GPUs, or would be downloaded."""
    if isinstance(settings, list | tuple):
        return type(settings)(_for_inference(item) for item in settings)
    if not isinstance(settings, Mapping):
        return settings
    kept = {
        key: _for_inference(value)
        for key, value in settings.items()
        if key != 'pretrained' and not _is_download(key, value)
    }
    if isinstance(kept.get('norm_cfg'), dict):
        name = str(kept['norm_cfg']['type'])
        kept['norm_cfg']['type'] = name.replace('naiveSyncBN', 'BN').replace('SyncBN', 'BN')
    kind: Any = type(settings)
    return kind(kept)


def _is_download(key: str, value: Any) -> bool:
    return key == 'init_cfg' and isinstance(value, Mapping) and value.get('type') == 'Pretrained'


def _load_weights(model: Any, source: str) -> Mapping[str, Any]:
    """Fill a model from a checkpoint; returns what the checkpoint says about itself."""
    content = _read_checkpoint(source)
    state = {key.removeprefix('module.'): value for key, value in content['state_dict'].items()}
    # Sparse convolutions tell by it in which order their weights lie.
    versions = getattr(content['state_dict'], '_metadata', None)
    if versions is not None:
        state = type(content['state_dict'])(state)
        state._metadata = versions
    try:
        missing, unknown = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(source, f'of another shape ({error})', 'use its own config') from error
    if missing or unknown:
        problems = (('lacks', missing), ('has unknown', unknown))
        found = '; '.join(f'{what} {_listed(keys)}' for what, keys in problems if keys)
        raise WeightsError(source, found, 'use the config that it was trained with')
    meta = content.get('meta')
    return meta if isinstance(meta, Mapping) else {}


def _read_checkpoint(source: str) -> dict[str, Any]:
    """Read a checkpoint of mmengine or of its predecessor, without running code from it.

    Those of mmengine keep the curves of the training, objects of its own. They are let in, but
    the functions that they name come back as None.
    """
    import torch
    from mmengine.logging import HistoryBuffer

    rebuild = np.empty(0).__reduce__()[0]
    harmless = [
        HistoryBuffer, np.ndarray, np.dtype, np.dtypes.Float64DType, np.dtypes.Int64DType,
        (rebuild, 'numpy.core.multiarray._reconstruct'),  # as NumPy before 2 wrote it
        (rebuild, 'numpy._core.multiarray._reconstruct'),
        (_no_function, 'builtins.getattr'),
    ]  # fmt: skip
    try:
        with torch.serialization.safe_globals(harmless):
            path = Path(source).expanduser()
            content = torch.load(path, map_location='cpu', weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        fix = 'give a file with meta and state_dict only, as publish_model.py of mmdet3d makes it'
        raise WeightsError(source, f'cannot be read ({error})', fix) from error
    state = content.get('state_dict') if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        fix = 'give a checkpoint of mmdetection3d'
        raise WeightsError(source, "holds no state dict under 'state_dict'", fix)
    return dict(content)


def _no_function(*_: object) -> None:
    """In place of a look-up that a checkpoint asks for."""
    return None


def _classes(meta: Mapping[str, Any], dataset: Any, settings: Any) -> tuple[str, ...]:
    """Names of the labels: of the checkpoint (mmdet3d 1.1 on, or before), else of the config."""
    places = (
        (meta.get('dataset_meta') or {}).get('classes'),
        meta.get('CLASSES'),
        (dataset.get('metainfo') or {}).get('classes'),
        settings.get('class_names'),
    )
    return next((tuple(str(name) for name in names) for names in places if names), ())


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - _MAX_LISTED
    return ', '.join(keys[:_MAX_LISTED]) + (f' and {more} more' if more > 0 else '')
