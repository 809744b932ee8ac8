"""Masks become boxes in space: where, how large, how turned, and how sure all that is.

The points of a LiDAR or of a depth picture that fall into a mask give the distance, the mask the
outline. What nothing shows (how deep a thing is that is seen from behind) is taken from the usual
size of what the label names, and the covariance tells. Things that two cameras see get one id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
from scipy.spatial.transform import Rotation

from mm_perception.config import parameter
from mm_perception.errors import MissingInputError, ShapeError
from mm_perception.geometry.cameras import picture_size
from mm_perception.geometry.frames import symmetric
from mm_perception.geometry.lifting import Lifted, lift, typical_size
from mm_perception.geometry.scans import points_at, points_of_depth
from mm_perception.identities import Identities
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Plugin,
    Port,
    Reference,
)
from mm_perception.samples import Boxes3D, CameraInfo, Image, Masks, PointCloud
from mm_perception.samples.sample import Array

#: Depth is seen from where the picture is if the two are no farther apart, m and rad.
_REGISTERED = 2e-3
_TILT_VARIANCE = 0.01  # rad^2: things stand upright


@dataclass(frozen=True)
class Lift3DConfig:
    """Settings of the `lift3d` plugin."""

    frame: str = parameter('base_link', 'Frame of the boxes; its z axis points up.')
    fixed_frame: str = parameter(
        'odom', 'Frame that stands still between a scan and a picture, z up.'
    )
    smallest_px: int = parameter(60, 'Masks of fewer pixels are not lifted.', minimum=1, live=True)
    uses_sizes: bool = parameter(
        True, 'Fill in what is not seen with the usual size of what the label names.', live=True
    )
    gate_m: float = parameter(
        1.5, 'Sights of two cameras that lie farther apart are two things.', minimum=0.0
    )
    memory_s: float = parameter(
        0.5, 'So long after one camera saw it, a thing is recognised in another.', minimum=0.0
    )


class Lift3D(Plugin[Lift3DConfig]):
    """Masks of any camera and a scan in; boxes out."""

    card: ClassVar[Card] = Card(
        title='Lifts masks to boxes in space, with LiDAR or depth',
        system='',
        paper='Qi et al., Frustum PointNets for 3D Object Detection from RGB-D Data, CVPR 2018, '
        'arXiv 1711.08488; Zhang et al., Efficient L-Shape Fitting for Vehicle Detection Using '
        'Laser Scanners, IV 2017',
        reference_code='none',
        limits=(
            'Front and back of a thing are not told apart: its heading may be off by 180 degrees.',
            'How deep a thing of unknown usual size is stays a guess; see its covariance.',
            'A mask that lies on two things gives the nearer one.',
        ),
    )
    Config: ClassVar[type[Any]] = Lift3DConfig
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'Of any number of cameras.'),
        'camera_info': Latest(CameraInfo, 'Of each camera.', required=True, follows='masks'),
        'cloud': Latest(PointCloud, 'A LiDAR; the scan nearest to the masks.', tolerance_s=0.25),
        'depth': Latest(
            Image, 'Depth in the frame and size of the masks (REP-118).', tolerance_s=0.05,
            follows='masks',
        ),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'boxes': Output(
            Boxes3D, 'At the stamp of the masks; those with too few points are left out.'
        ),
    }
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: Lift3DConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._identities = Identities(config.gate_m, config.memory_s)

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Lift all masks of a picture.

        Raises:
            MissingInputError: Neither scan nor depth is near the picture, the camera is not
                calibrated, or depth is that of another camera.
            ShapeError: The masks are not of the size of the calibration, or depth not of theirs.
            TransformUnavailableError: TF does not know the camera, or the scan.
        """
        masks, info = cast(Masks, inputs.one('masks')), cast(CameraInfo, inputs.one('camera_info'))
        height, width = masks.id_map.shape
        if (width, height) != picture_size(info):
            wide, high = picture_size(info)
            raise ShapeError('Masks.id_map', f'{wide}x{high}, as CameraInfo', f'{width}x{height}')
        points = self._points(inputs, masks, info)
        frame = masks.frame_id
        fixed_from_camera = self.context.lookup_transform(
            self.config.fixed_frame, frame, masks.stamp_ns
        )
        frame_from_camera = self.context.lookup_transform(self.config.frame, frame, masks.stamp_ns)
        found = []
        for number, label, score in zip(masks.ids, masks.labels, masks.scores, strict=True):
            mask = masks.mask(number)
            if np.count_nonzero(mask) < self.config.smallest_px:
                continue
            typical = typical_size(label) if self.config.uses_sizes else None
            lifted = lift(mask, info, points, fixed_from_camera[2, :3], typical)
            if lifted is not None:
                place = _place(*lifted, fixed_from_camera)[0]
                name = self._identities.name(inputs.stream, number, label, place, masks.stamp_ns)
                found.append((name, label, float(score), lifted))
        self._identities.forget(masks.stamp_ns)
        return {'boxes': self._boxes(masks, _unique(found), frame_from_camera)}

    def _points(self, inputs: Inputs, masks: Masks, info: CameraInfo) -> Array:
        """(N, 3) metres in optical axes, from depth if there is any, else from the scan."""
        depth, cloud = inputs.maybe('depth'), inputs.maybe('cloud')
        if depth is not None:
            self._check_registered(cast(Image, depth), masks)
            return points_of_depth(cast(Image, depth), info, masks.id_map > 0)
        if cloud is None:
            reason = 'there is no scan and no depth near the stamp of the masks'
            raise MissingInputError('cloud', reason, 'check the LiDAR, and the clocks of both')
        return points_at(
            cast(PointCloud, cloud), masks.frame_id, masks.stamp_ns, self.config.fixed_frame,
            self.context.lookup_transform,
        )  # fmt: skip

    def _check_registered(self, depth: Image, masks: Masks) -> None:
        """Refuse depth that another camera sees: its pixels are not those of the masks.

        Raises:
            MissingInputError: The two frames are not in one place.
            TransformUnavailableError: TF does not know them.
        """
        if depth.frame_id in ('', masks.frame_id):
            return
        change = self.context.lookup_transform(masks.frame_id, depth.frame_id, masks.stamp_ns)
        if np.allclose(change, np.eye(4), atol=_REGISTERED):
            return
        reason = f'depth is seen from {depth.frame_id!r}, the masks from {masks.frame_id!r}'
        fix = 'connect depth registered to the pictures, such as aligned_depth_to_color'
        raise MissingInputError('depth', reason, fix)

    def _boxes(
        self, masks: Masks, found: list[tuple[int, str, float, tuple[Lifted, Array]]],
        frame_from_camera: Array,
    ) -> Boxes3D:  # fmt: skip
        placed = [_place(*lifted, frame_from_camera) for *_, lifted in found]
        return Boxes3D(
            stamp_ns=masks.stamp_ns, frame_id=self.config.frame,
            centres=np.array([p[0] for p in placed], np.float64).reshape(-1, 3),
            quats_xyzw=np.array([p[1] for p in placed], np.float64).reshape(-1, 4),
            covariances=np.array([p[2] for p in placed], np.float64).reshape(-1, 6, 6),
            sizes=np.array([f[3][0].size for f in found], np.float64).reshape(-1, 3),
            scores=np.array([f[2] for f in found], np.float32),
            labels=tuple(f[1] for f in found), track_ids=tuple(str(f[0]) for f in found),
        )  # fmt: skip

    def rewind(self, stream: str) -> None:
        """Forget where things were; ids go on."""
        self._identities.clear()

    def reset(self) -> None:
        """Forget everything, ids too."""
        self._identities = Identities(self.config.gate_m, self.config.memory_s)

    def reconfigure(self, config: Lift3DConfig) -> None:
        """Take live settings over."""
        self.config = config


def _unique(
    found: list[tuple[int, str, float, tuple[Lifted, Array]]],
) -> list[tuple[int, str, float, tuple[Lifted, Array]]]:
    """One of each id: the one that rests on most points."""
    best: dict[int, tuple[int, str, float, tuple[Lifted, Array]]] = {}
    for item in found:
        known = best.get(item[0])
        if known is None or item[3][0].num_points > known[3][0].num_points:
            best[item[0]] = item
    return list(best.values())


def _place(thing: Lifted, axes: Array, target_from_camera: Array) -> tuple[Array, Array, Array]:
    """Centre (3,), quaternion (4,) and covariance (6, 6) in another frame."""
    turn = target_from_camera[:3, :3] @ axes.T  # from upright axes to the frame
    centre = turn @ thing.centre + target_from_camera[:3, 3]
    heading = turn @ np.array([np.cos(thing.yaw), np.sin(thing.yaw), 0.0])
    quat = Rotation.from_euler('z', np.arctan2(heading[1], heading[0])).as_quat()
    covariance = np.diag([0, 0, 0, _TILT_VARIANCE, _TILT_VARIANCE, thing.yaw_variance])
    covariance[:3, :3] = turn @ thing.covariance @ turn.T
    return centre, np.asarray(quat), symmetric(covariance)


PLUGIN = Lift3D
