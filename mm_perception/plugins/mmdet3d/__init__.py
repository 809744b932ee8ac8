"""Boxes in space by any LiDAR or fusion detector of mmdetection3d, from its config and checkpoint.

PointPillars, CenterPoint, SECOND, BEVFusion and what else its model zoo has. mmdetection3d 1.4 is
an optional extra: `./tools/bootstrap --extra mmdet3d` compiles it into a folder beside the
environment. Points (and pictures) go through the config's own test pipeline; only its steps that
read files are replaced. Detectors that were trained with past scans get them, moved to where the
newest one was taken, with their age.

A config is Python code and is run: take it only from people you trust. Checkpoints are read as
data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, MissingInputError
from mm_perception.geometry import moved
from mm_perception.model_cache import Shared
from mm_perception.model_plugin import ModelPlugin
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Port,
    PublicWeights,
    Reference,
    Surround,
)
from mm_perception.plugins.mmdet3d.boxes import nothing, to_boxes3d
from mm_perception.plugins.mmdet3d.loading import PastScans, Scanner
from mm_perception.plugins.mmdet3d.pictures import View, make_view
from mm_perception.samples import Boxes3D, CameraInfo, Image, PointCloud

if TYPE_CHECKING:
    from mm_perception.plugins.mmdet3d.detector import Detector

_RANDOM_LICENCE = 'Apache-2.0 (random numbers, made here)'
_TINY = Path(__file__).with_name('tiny_config.py')


@dataclass(frozen=True)
class Mmdet3dConfig:
    """Settings of the `mmdet3d` plugin."""

    config: str = parameter(
        '', 'Config of mmdetection3d: a file, which is run, or the name of one that it brings.'
    )
    weights: str = parameter('', 'Checkpoint of that config: a file, or random.')
    code: str = parameter(
        '', 'Folder of modules that the config imports (a checkout of mmdetection3d for its '
        'projects, such as BEVFusion); empty for none.',
    )  # fmt: skip
    classes: tuple[str, ...] = parameter(
        (), 'Names of the labels in their order; empty takes those of the checkpoint or config.'
    )
    min_score: float = parameter(
        0.3, 'Boxes below this are left out.', minimum=0.0, maximum=1.0, live=True
    )
    max_sweeps: int = parameter(
        -1, 'Most past scans that are added; -1 takes as many as in training.', minimum=-1
    )
    sweep_memory_s: float = parameter(
        0.55, 'Past scans older than this, in seconds, are not added.', minimum=0.0
    )
    fields: tuple[str, ...] = parameter(
        ('x', 'y', 'z', 'intensity', 'ring'),
        'Fields of the cloud in the order of the columns that the detector was trained with; the '
        'first three are always x, y, z.',
    )
    intensity_scale: float = parameter(
        1.0, 'Multiplies the intensity: nuScenes has 0..255, KITTI 0..1.', minimum=0.0
    )
    detector_frame: str = parameter(
        '', 'Frame with the axes, height and heading of the LiDAR that the detector was trained '
        'with (nuScenes: x right, y ahead); empty: that of the cloud.',
    )  # fmt: skip
    frame: str = parameter('', "Frame of the boxes; empty: the detector's.")
    fixed_frame: str = parameter('odom', 'Frame that stands still between scans and pictures.')


class Mmdet3d(ModelPlugin[Mmdet3dConfig, 'Detector']):
    """A scan in, with pictures for fusion detectors; boxes out."""

    card: ClassVar[Card] = Card(
        title='Detects boxes in space with any LiDAR or fusion detector of mmdetection3d',
        system='5',
        paper='MMDetection3D contributors, MMDetection3D: OpenMMLab next-generation platform for '
        'general 3D object detection, 2020; Lang et al., PointPillars, CVPR 2019, '
        'arXiv 1812.05784; Yin et al., CenterPoint, CVPR 2021, arXiv 2006.11275; Liu et al., '
        'BEVFusion, ICRA 2023, arXiv 2205.13542',
        reference_code='open-mmlab/mmdetection3d 1.4.0, which computes it',
        weights=(
            PublicWeights(
                'hv_pointpillars_fpn_sbn-all_4x8_2x_nus-3d_20210826_104936-fca299c1.pth',
                'Apache-2.0; trained on nuScenes: not for commerce',
                'config pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d; others: model zoo of mmdet3d',
            ),
        ),
        limits=(
            'Needs an extra: ./tools/bootstrap --extra mmdet3d.',
            'Sparse and dynamic voxels (SECOND, CenterPoint voxel, MVX-Net, BEVFusion) are CUDA '
            'only in mmcv; hard pillars run on the CPU too.',
            "BEVFusion is in no package: it needs a checkout of mmdetection3d (see code) with "
            "its operators built by `python projects/BEVFusion/setup.py develop`.",
            'Checkpoints from before mmdetection3d 1.0 have another box convention: headings and '
            'sizes come out wrong, and nothing in the file tells.',
            'Test-time augmentation and indoor detectors (boxes in depth axes) are refused.',
        ),
    )  # fmt: skip
    Config: ClassVar[type[Any]] = Mmdet3dConfig
    inputs: ClassVar[dict[str, Port]] = {
        'cloud': Reference(PointCloud, 'A LiDAR; of several, each on its own.'),
        'pictures': Surround(Image, 'Cameras around it, for fusion detectors.', tolerance_s=0.1),
        'camera_info': Latest(CameraInfo, 'Of each camera.', follows='pictures'),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'boxes': Output(
            Boxes3D, 'At the stamp of the scan; velocities where the detector gives them.'
        ),
    }
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: Mmdet3dConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._past = PastScans(0, config.sweep_memory_s)

    @classmethod
    def tiny(cls) -> Mmdet3dConfig:
        """A PointPillars with random weights for tests; needs the extra all the same."""
        return Mmdet3dConfig(config=str(_TINY), weights='random', min_score=0.0, frame='camera')

    def load(self, device: str) -> None:
        """Build the network, or take the one that another node has built.

        Raises:
            MissingDependencyError: The extra is not installed.
            ConfigError: The config cannot be used, or nothing names its labels.
            WeightsError: The checkpoint is of another network, or cannot be read.
        """
        from mm_perception.plugins.mmdet3d.detector import load_detector

        config = self.config
        key = ('mmdet3d', config.config, config.weights, config.code, device)
        shared = Shared(
            key, lambda: load_detector(config.config, config.weights, device, config.code)
        )
        if not (config.classes or shared.model.classes):
            shared.release()
            raise ConfigError('classes', [], 'names: neither checkpoint nor config has them')
        self._shared = shared
        trained = shared.model.loading.sweeps
        count = trained if config.max_sweeps < 0 else min(trained, config.max_sweeps)
        self._past = PastScans(count, config.sweep_memory_s)

    def model_info(self) -> dict[str, str]:
        """Config, weights and their hash; whose they are is not in the file."""
        if self._shared is None:
            return {}
        is_random = self.config.weights == 'random'
        return {
            'config': self.config.config,
            'weights': self.config.weights,
            'weights_sha256': self._shared.model.sha256,
            'licence': _RANDOM_LICENCE if is_random else 'that of the checkpoint',
        }

    def infer(self, inputs: Inputs) -> Outputs:
        """Detect.

        Raises:
            MissingInputError: The scan has no point, or a fusion detector gets no picture.
            ShapeError: The cloud lacks a field, or a picture is not of its calibration's size.
            TransformUnavailableError: TF does not know a frame.
        """
        cloud, detector = cast(PointCloud, inputs.one('cloud')), self._engine
        frame = self.config.detector_frame or cloud.frame_id
        lookup = self.context.lookup_transform
        scanner = Scanner(
            self.config.fields, self.config.intensity_scale, self.config.fixed_frame, lookup
        )
        past = self._past.before(inputs.stream, cloud)
        points = scanner.points(cloud, past, detector.loading, frame)
        if not len(points):
            raise MissingInputError('cloud', 'the scan has no finite point', 'check the LiDAR')
        found = detector.find(points, self._views(inputs, cloud, frame))
        header: dict[str, Any] = {'stamp_ns': cloud.stamp_ns, 'frame_id': frame}
        if found is None:
            boxes = nothing(**header)
        else:
            classes = self.config.classes or detector.classes
            boxes = to_boxes3d(found, classes, self.config.min_score, **header)
        target = self.config.frame or frame
        if target != frame:
            boxes = moved(boxes, lookup(target, frame, cloud.stamp_ns), target)
        return {'boxes': boxes}

    def _views(self, inputs: Inputs, cloud: PointCloud, frame: str) -> list[View]:
        """Pictures that have a calibration, where the detector takes pictures."""
        wanted = self._engine.loading.pictures
        if wanted == 'none':
            return []
        infos = inputs.many('camera_info', self.context.report)
        pairs = [
            (cast(Image, picture), cast(CameraInfo, infos[name]))
            for name, picture in inputs.many('pictures', self.context.report).items()
            if name in infos
        ]
        if not pairs:
            reason = 'no picture with a calibration is near the scan, and the detector needs one'
            raise MissingInputError('pictures', reason, 'connect pictures and camera_info')
        if wanted == 'one' and len(pairs) > 1:
            raise ConfigError('pictures', len(pairs), 'one camera: the detector takes no more')
        lookup, fixed = self.context.lookup_transform, self.config.fixed_frame
        fixed_from_points = lookup(fixed, frame, cloud.stamp_ns)
        return [
            make_view(
                picture, info,
                lookup(picture.frame_id, fixed, picture.stamp_ns) @ fixed_from_points,
            )
            for picture, info in pairs
        ]  # fmt: skip

    def rewind(self, stream: str) -> None:
        """Forget the past scans of a LiDAR."""
        self._past.forget(stream)

    def reset(self) -> None:
        """Forget all past scans."""
        self._past.clear()


PLUGIN = Mmdet3d
