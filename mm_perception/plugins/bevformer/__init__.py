"""Boxes in space and a map around the robot, from any number of cameras and a LiDAR (BEVFormer).

The rig is what CameraInfo, TF and odometry say it is: any number of cameras of any size and lens,
anywhere on the robot. A camera that is late, missing or not calibrated is masked and reported, and
so is a missing scan; either modality does alone, if the network knows it. Without any camera the
scan drives the plugin.

What was seen before is remembered and moved along with the robot. The memory is dropped when time
is set back, after a pause longer than the network was trained for, and where the pose jumps.
Frames that are dropped in between do no harm: the motion is that since the frame remembered.

The frame of the answers has its origin on the ground, x ahead, z up (REP 103, base_link). Each
picture and each point of a scan counts from where the robot was when it was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import MissingInputError, MmPerceptionError
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
    Surround,
)
from mm_perception.plugins.bevformer.answers import boxes_sample, grid_sample, seen_cells
from mm_perception.plugins.bevformer.ego import Ego
from mm_perception.plugins.bevformer.memory import Memory, Remembered
from mm_perception.plugins.bevformer.rig import Pictures, base_from_bev, pictures_of, scan_of
from mm_perception.samples import (
    BevGrid,
    Boxes3D,
    CameraInfo,
    Image,
    Odometry,
    PointCloud,
    Sample,
)
from mm_perception.samples.sample import Array

if TYPE_CHECKING:
    from mm_perception.nets.bevformer import BevFormerEngine, BevResult, BevState, EgoMotion


@dataclass(frozen=True)
class BevFormerSettings:
    """Settings of the `bevformer` plugin."""

    weights: str = parameter('nano', 'nano, an official .pth file, or random.')
    frame: str = parameter(
        'base_link', 'Frame of the answers; its origin is on the ground, x ahead, z up.'
    )
    fixed_frame: str = parameter(
        'odom', 'Frame that stands still, where TF tells the motion because odometry does not.'
    )
    min_score: float = parameter(
        0.2, 'Boxes below this are left out.', minimum=0.0, maximum=1.0, live=True
    )
    max_boxes: int = parameter(100, 'Most boxes, the best ones.', minimum=1, maximum=900)
    memory: bool = parameter(True, 'Remember the frame before; else every frame stands alone.')
    max_speed_mps: float = parameter(
        70.0, 'A pose that moves faster has jumped, and the memory is dropped.', minimum=0.1
    )


class BevFormerPlugin(ModelPlugin[BevFormerSettings, 'BevFormerEngine']):
    """Cameras and a scan in; boxes and a map out."""

    card: ClassVar[Card] = Card(
        title='Detects boxes in space and maps the ground, from any rig of cameras and LiDAR',
        system='5',
        paper='Li et al., BEVFormer: Learning Bird\'s-Eye-View Representation from Multi-Camera '
        'Images via Spatiotemporal Transformers, ECCV 2022, arXiv 2203.17270',
        reference_code='github fundamentalvision/BEVFormer, commit 66b65f3',
        weights=(
            PublicWeights(
                'bevformer_tiny_epoch_24.pth', 'Apache-2.0', 'cameras and boxes only; trained on '
                'nuScenes, whose terms are non-commercial; also small and base',
            ),
        ),
        limits=(
            'Boxes have scores but no covariances.',
            'The ground is taken to be flat within some metres of height.',
            'Undistorted pictures keep the focal length: what a fisheye sees far aside is lost.',
            'The public weights know six cameras around a car, and neither LiDAR nor map.',
            'The weights nano know the synthetic world only; from cameras alone they miss much.',
            'The weights nano often take the front of a thing for its back.',
        ),
    )  # fmt: skip
    Config: ClassVar[type[Any]] = BevFormerSettings
    inputs: ClassVar[dict[str, Port]] = {
        'images': Surround(
            Image, 'Any number of cameras; the first that comes drives.', tolerance_s=0.06,
            stand_in='cloud',
        ),
        'camera_info': Latest(CameraInfo, 'Of each camera.', follows='images'),
        'cloud': Latest(PointCloud, 'A LiDAR; the scan nearest in time.', tolerance_s=0.25),
        'odometry': Latest(
            Odometry, 'Motion of the robot; without it TF tells.', tolerance_s=0.1
        ),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'boxes': Output(
            Boxes3D, 'Best first; velocities over ground if the weights tell them.',
            per_stream=False,
        ),
        'map': Output(
            BevGrid, 'Layers of the ground and what stands there; -1 where nothing looks.',
            per_stream=False,
        ),
        'bev_image': Output(
            Image, 'Map and boxes from above, for people.', per_stream=False, is_debug=True
        ),
    }  # fmt: skip
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: BevFormerSettings, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._state: BevState | None = None
        self._memory: Memory | None = None
        self._has_come: set[str] = set()

    @classmethod
    def tiny(cls) -> BevFormerSettings:
        """The network of nano with random weights."""
        return BevFormerSettings(weights='random:nano')

    def load(self, device: str) -> None:
        """Load the model, or take the one that another node has loaded."""
        from mm_perception.nets.bevformer import BevFormerEngine, BevState

        weights = self.config.weights
        self._shared = Shared(
            ('bevformer', weights, device), lambda: BevFormerEngine.load(weights, device)
        )
        self._state = BevState()
        engine = self._shared.model
        self._memory = Memory(engine.config.memory_age_s, engine.max_gap_s)

    def model_info(self) -> dict[str, str]:
        """Weights, their hash and licence."""
        info = super().model_info()
        if info:
            info |= {'network': self._engine.config.name, 'sees': _senses(self._engine)}
        return info

    def infer(self, inputs: Inputs) -> Outputs:
        """Look around.

        Raises:
            MissingInputError: There is no picture and no scan that can be used.
        """
        engine, state = self._loaded()
        odometry = cast('Odometry | None', inputs.maybe('odometry', self.context.report))
        ego = Ego(
            odometry, self.config.frame, self.config.fixed_frame, inputs.stamp_ns,
            self.context.lookup_transform,
        )  # fmt: skip
        bev = base_from_bev(engine.config.ground_z_m)
        has_eyes = engine.config.backbone is not None
        pictures = self._pictures(inputs, ego, bev) if has_eyes else Pictures()
        points = self._points(inputs, ego, bev) if engine.config.pillars else None
        if not pictures.images and points is None:
            name = 'images' if has_eyes else 'cloud'
            reason = f'nothing of this moment can be used, and the network sees {_senses(engine)}'
            raise MissingInputError(name, reason, 'see the other diagnostics of this node')
        motion = self._motion(ego, inputs.stamp_ns, state)
        result = engine.step(
            state, pictures.images or [None], pictures.image_from_bev or [np.eye(4)], motion,
            points=points, lenses=pictures.lenses or None,
        )  # fmt: skip
        self._remember(ego, inputs.stamp_ns, state)
        is_seen_all = points is not None
        return self._answers(result, pictures, is_seen_all, bev, inputs.stamp_ns, motion.dt_s)

    def rewind(self, stream: str) -> None:
        """What was seen in the other run is none of this one's."""
        self._forget()

    def reset(self) -> None:
        """Forget what was seen."""
        self._forget()
        self._has_come.clear()

    def close(self) -> None:
        """Give the model back."""
        super().close()
        self._state = self._memory = None

    def _loaded(self) -> tuple[BevFormerEngine, BevState]:
        engine = self._engine
        assert self._state is not None, 'it comes with the engine'
        return engine, self._state

    def _pictures(self, inputs: Inputs, ego: Ego, bev: Array) -> Pictures:
        images = cast('dict[str, Image]', inputs.many('images', self.context.report))
        self._has_come.update(f'images/{name}' for name in images)
        for name in inputs.missing:
            if name.startswith('images/'):
                self._report_missing(name)
        return pictures_of(
            images,
            cast('dict[str, CameraInfo]', inputs.many('camera_info', self.context.report)),
            ego, self.config.frame, bev, self.context.report,
        )  # fmt: skip

    def _points(self, inputs: Inputs, ego: Ego, bev: Array) -> Array | None:
        """The scan, or None, reported."""
        cloud = inputs.maybe('cloud', self.context.report)
        if cloud is None:
            if 'cloud' in inputs.missing:
                self._report_missing('cloud')
            return None
        self._has_come.add('cloud')
        try:
            return scan_of(cast(PointCloud, cloud), ego, self.config.frame, inputs.stamp_ns, bev)
        except MmPerceptionError as error:
            self.context.report(error)
            return None

    def _report_missing(self, name: str) -> None:
        """Not of an input that nobody connected: live it has a topic all the same, and no name."""
        if name in ('cloud', 'images/') and name not in self._has_come:
            return
        reason = 'nothing came near this moment, and the answer does without'
        self.context.report(MissingInputError(name, reason, 'check the sensor and its clock'))

    def _motion(self, ego: Ego, stamp_ns: int, state: BevState) -> EgoMotion:
        """Since the frame that is recalled, which becomes the state's memory."""
        from mm_perception.nets.bevformer import EgoMotion

        here = ego.xy_yaw
        state.reset()
        if here is None or not self.config.memory:
            if self.config.memory:
                reason = f'the motion is unknown, so nothing is remembered ({ego.problem})'
                fix = 'connect the input odometry, or publish TF'
                self.context.report(MissingInputError('odometry', reason, fix))
            self._forget()
            return EgoMotion()
        found = None
        if self._memory is not None:
            found = self._memory.recall(here, ego.fixed_frame, stamp_ns, self.config.max_speed_mps)
        if found is None:
            return EgoMotion(yaw_rad=here[2])
        state.bev = found[0].bev
        return found[1]

    def _remember(self, ego: Ego, stamp_ns: int, state: BevState) -> None:
        if ego.xy_yaw is None or not self.config.memory or self._memory is None:
            self._forget()
        elif state.bev is not None:
            self._memory.add(Remembered(stamp_ns, ego.xy_yaw, ego.fixed_frame, state.bev))

    def _forget(self) -> None:
        if self._memory is not None:
            self._memory.forget()
        if self._state is not None:
            self._state.reset()

    def _knows_velocities(self, dt_s: float) -> bool:
        """Whether what the network says of them means anything so soon after the frame before."""
        config = self._loaded()[0].config
        if not config.tells_velocity or not config.has_motion:
            return config.tells_velocity
        return self._memory is not None and self._memory.is_old_enough(dt_s)

    def _answers(
        self, result: BevResult, pictures: Pictures, is_seen_all: bool, bev: Array,
        stamp_ns: int, dt_s: float,
    ) -> Outputs:  # fmt: skip
        config, frame = self._loaded()[0].config, self.config.frame
        best = result.boxes.above(self.config.min_score).first(self.config.max_boxes)
        boxes = boxes_sample(best, config, bev, stamp_ns, frame, self._knows_velocities(dt_s))
        outputs: dict[str, Sample] = {'boxes': boxes}
        grid = None
        if result.map is not None:
            is_seen = None if is_seen_all else seen_cells(
                config.map_size, config.range_m, pictures.images, pictures.image_from_bev
            )  # fmt: skip
            grid = grid_sample(result.map, is_seen, config, stamp_ns, frame)
            outputs['map'] = grid
        if self.context.is_wanted('bev_image', ''):
            from mm_perception.drawing.birds_eye import draw_birds_eye

            reach_m = max(abs(limit) for limit in (*config.range_m[:2], *config.range_m[3:5]))
            drawn = draw_birds_eye(boxes, grid, reach_m)
            outputs['bev_image'] = Image(stamp_ns=stamp_ns, frame_id=frame, data=drawn)
        return outputs


def _senses(engine: BevFormerEngine) -> str:
    """What a network was made for."""
    config = engine.config
    names = {'cameras': config.backbone, 'LiDAR': config.pillars}
    return ' and '.join(name for name, part in names.items() if part is not None)


PLUGIN = BevFormerPlugin
