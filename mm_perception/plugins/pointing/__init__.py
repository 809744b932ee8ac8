"""Who points, and along which ray: arms of people that are stretched, raised and held still.

Keypoints of a picture and the depth behind them (or a LiDAR) give the arm in space. Its line goes
from the head through the hand, for people aim over the fingertip with the eye; other lines can be
chosen. The ray is what `ar_interact` and `xr_select` take; where it meets something is a place,
and `click` makes that a point prompt for a segmenter in every camera.

There is one ray at a time: that of who pointed first, from the camera that saw it first. Where
depth does not tell an arm that looks stretched in the picture, there is no ray, and an event says
why.

A policy without a network: `pose` finds the keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from typing import Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import MissingInputError, ShapeError
from mm_perception.geometry.cameras import picture_size
from mm_perception.geometry.joints import DepthRelief, Relief, ScanRelief, joints_in_space
from mm_perception.geometry.rays import depth_in_metres, pose_along
from mm_perception.geometry.scans import points_at
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
from mm_perception.plugins.pointing.arms import LINES
from mm_perception.plugins.pointing.holding import Held, Rule
from mm_perception.plugins.pointing.watching import News, Seen, Watch
from mm_perception.samples import (
    CameraInfo,
    Event,
    Image,
    Point3D,
    PointCloud,
    Pose,
    Sample,
    Skeletons,
)
from mm_perception.samples.sample import Array

#: What an event says, by its kind.
_SAYS = {'began': 'points with', 'ended': 'no longer points with', 'refused': 'may point with'}


@dataclass(frozen=True)
class PointingConfig:
    """Settings of the `pointing` plugin."""

    fixed_frame: str = parameter('odom', 'Frame that stands still, z up; ray and place are in it.')
    line: str = parameter(
        'head-hand', 'Along which line people point; the head is the middle between the eyes.',
        choices=LINES,
    )  # fmt: skip
    straight_deg: float = parameter(
        145.0, 'Angle at the elbow from which on an arm is stretched; 180 is straight, degrees.',
        minimum=0.0, maximum=180.0, live=True,
    )  # fmt: skip
    raised_deg: float = parameter(
        35.0, 'Angle between an arm and straight down from which on it does not hang, degrees.',
        minimum=0.0, maximum=180.0, live=True,
    )  # fmt: skip
    dwell_s: float = parameter(
        0.6, 'So long an arm has to be held still before it points, in seconds.',
        minimum=0.0, live=True,
    )  # fmt: skip
    steady_deg: float = parameter(
        10.0, 'By so much its line may turn meanwhile, degrees.',
        minimum=0.1, maximum=90.0, live=True,
    )  # fmt: skip
    smooth_s: float = parameter(
        0.4, 'Joints are the median over so long, in seconds.', minimum=0.0, live=True
    )
    gap_s: float = parameter(
        0.6, 'So long an arm may be missed while it points, and one picture, in seconds.',
        minimum=0.0, live=True,
    )  # fmt: skip
    hand_m: float = parameter(
        0.05, 'The fingertip is so far beyond the wrist; 0.15 with a stretched finger, metres.',
        minimum=0.0, maximum=0.3, live=True,
    )  # fmt: skip
    min_score: float = parameter(
        0.3, 'Keypoints of a lower score are unknown.', minimum=0.0, maximum=1.0, live=True
    )
    point_s: float = parameter(
        1.0, 'Who aims at one place for so long means it: one point; 0: none, in seconds.',
        minimum=0.0, live=True,
    )  # fmt: skip
    ray_spread_deg: float = parameter(
        2.0, 'In a scan the ray meets what is within this of it, degrees.',
        minimum=0.01, maximum=20.0, live=True,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Sight:
    """One picture: the keypoints, what is behind them, and where the camera is."""

    skeletons: Skeletons
    info: CameraInfo
    relief: Relief
    fixed_from_camera: Array


class Pointing(Plugin[PointingConfig]):
    """Keypoints and depth in; a ray, a place and events out."""

    card: ClassVar[Card] = Card(
        title='Makes a ray of an arm that points, from keypoints and depth',
        system='3-4',
        paper='Nickel and Stiefelhagen, Visual recognition of pointing gestures for human-robot '
        'interaction, Image and Vision Computing 2007 (the line from the head through the hand); '
        'Herbort and Kunde, Spatial (Mis-)Interpretation of Pointing Gestures to Distal '
        'Referents, Journal of Experimental Psychology: HPP 2015 (eye, finger and thing align)',
        reference_code='none',
        limits=(
            'Without depth or a scan at shoulder, elbow and wrist there is no ray.',
            'An arm that points along the line of sight hides its own joints: no ray.',
            'Whoever holds a straight arm still points, whatever they mean by it.',
            'It knows no fingers: the hand is taken to go on along the forearm.',
        ),
    )
    Config: ClassVar[type[Any]] = PointingConfig
    inputs: ClassVar[dict[str, Port]] = {
        'skeletons': Reference(Skeletons, 'Of `pose`; any number of cameras.'),
        'camera_info': Latest(CameraInfo, 'Of each camera.', required=True, follows='skeletons'),
        'depth': Latest(
            Image, 'Depth in the frame and size of the pictures (REP-118).', tolerance_s=0.15,
            follows='skeletons',
        ),
        'cloud': Latest(PointCloud, 'A scan, where there is no depth.', tolerance_s=0.25),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'ray': Output(Pose, 'x axis from the hand on along what is pointed.', per_stream=False),
        'point': Output(
            Point3D, 'Where the ray meets something, once for each aim; for `click`.',
            per_stream=False,
        ),
        'event': Output(
            Event, 'Who began or ended to point with which arm, or why there is no ray.',
            per_stream=False,
        ),
    }  # fmt: skip
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: PointingConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._watches: dict[str, Watch] = {}
        #: The camera that gave the last ray, and when: others have to wait.
        self._giver: tuple[str, int] | None = None

    @classmethod
    def tiny(cls) -> PointingConfig:
        """All in one frame."""
        return PointingConfig(fixed_frame='camera')

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Measure all arms of a picture, and say who points along which ray.

        Raises:
            MissingInputError: Somebody is there, but neither depth nor scan is near the picture.
            ShapeError: Calibration or depth are not of the size of the picture.
            TransformUnavailableError: TF does not know the camera, or the scan.
        """
        skeletons = cast(Skeletons, inputs.one('skeletons'))
        stamp_ns, rule = skeletons.stamp_ns, self._rule
        watch = self._watches.setdefault(inputs.stream, Watch())
        sight = self._sight(inputs, skeletons) if skeletons.ids else None
        news = watch.see(stamp_ns, {} if sight is None else self._people(sight), rule)
        outputs: dict[str, Sequence[Sample]] = {
            'ray': (), 'point': (), 'event': [self._event(item, inputs) for item in news],
        }  # fmt: skip
        chosen = watch.chosen(stamp_ns)
        if not watch.has_speaker:
            self._release(inputs.stream)
        if chosen is not None and sight is not None and self._may_give(inputs, rule):
            held, ray = chosen
            outputs['ray'] = [pose_along(ray, stamp_ns, self.config.fixed_frame)]
            outputs['point'] = self._place(held, sight)
        return outputs

    def rewind(self, stream: str) -> None:
        """Arms that were held are of the other run."""
        self._watches.pop(stream, None)
        self._release(stream)

    def reset(self) -> None:
        """Forget everything."""
        self._watches.clear()
        self._giver = None

    def _may_give(self, inputs: Inputs, rule: Rule) -> bool:
        """Whether the ray is this camera's; takes it where no other has it."""
        if self._giver is not None and self._giver[0] != inputs.stream:
            silent_s = abs(inputs.stamp_ns - self._giver[1]) / 1e9
            if silent_s <= rule.memory_s:
                return False
        self._giver = inputs.stream, inputs.stamp_ns
        return True

    def _release(self, stream: str) -> None:
        """In a camera nobody points any more."""
        if self._giver is not None and self._giver[0] == stream:
            self._giver = None

    @property
    def _rule(self) -> Rule:
        c = self.config
        return Rule(
            line=c.line, hand_m=c.hand_m, straight_deg=c.straight_deg, raised_deg=c.raised_deg,
            dwell_s=c.dwell_s, steady_deg=c.steady_deg, smooth_s=c.smooth_s, gap_s=c.gap_s,
            point_s=c.point_s,
        )  # fmt: skip

    def _sight(self, inputs: Inputs, skeletons: Skeletons) -> _Sight:
        info, size = (
            cast(CameraInfo, inputs.one('camera_info')),
            (skeletons.width, skeletons.height),
        )
        if size != picture_size(info):
            wide, high = picture_size(info)
            got = f'{size[0]}x{size[1]}'
            raise ShapeError('size of Skeletons', f'{wide}x{high}, as CameraInfo', got)
        pose = self.context.lookup_transform(
            self.config.fixed_frame, skeletons.frame_id, skeletons.stamp_ns
        )
        return _Sight(skeletons, info, self._relief(inputs, skeletons, info), pose)

    def _relief(self, inputs: Inputs, skeletons: Skeletons, info: CameraInfo) -> Relief:
        depth, cloud = inputs.maybe('depth'), inputs.maybe('cloud')
        if isinstance(depth, Image):
            if (depth.width, depth.height) != (skeletons.width, skeletons.height):
                wanted = f'{skeletons.width}x{skeletons.height}, as Skeletons'
                raise ShapeError('depth', wanted, f'{depth.width}x{depth.height}')
            return DepthRelief(depth_in_metres(depth), info)
        if isinstance(cloud, PointCloud):
            points = points_at(
                cloud, skeletons.frame_id, skeletons.stamp_ns, self.config.fixed_frame,
                self.context.lookup_transform,
            )  # fmt: skip
            return ScanRelief(points[points[:, 2] > 0], info)
        reason = 'there is no depth and no scan near the stamp of the keypoints'
        raise MissingInputError('depth', reason, 'check the depth camera or LiDAR, and the clocks')

    def _people(self, sight: _Sight) -> dict[int, Seen]:
        """Keypoints and joints of everybody."""
        skeletons, pose = sight.skeletons, sight.fixed_from_camera
        found = {}
        for index, number in enumerate(skeletons.ids):
            is_sure = skeletons.scores[index] >= self.config.min_score
            keypoints = np.where(is_sure[:, None], skeletons.points[index], np.nan)
            own = joints_in_space(keypoints.astype(np.float64), sight.relief, sight.info)
            found[number] = Seen(keypoints, own @ pose[:3, :3].T + pose[:3, 3])
        return found

    def _place(self, held: Held, sight: _Sight) -> list[Point3D]:
        """Where a ray that was aimed for long enough meets what the camera sees; told once."""
        config, stamp_ns = self.config, sight.skeletons.stamp_ns
        ray = held.aim(stamp_ns, self._rule) if config.point_s else None
        if ray is None:
            return []
        own = ray.moved(np.linalg.inv(sight.fixed_from_camera))
        distance = sight.relief.hit(own, radians(config.ray_spread_deg))
        if distance is None:
            return []
        held.told()
        place = ray.at(np.array([distance]))[0]
        return [Point3D(stamp_ns=stamp_ns, frame_id=config.fixed_frame, position=place)]

    def _event(self, news: News, inputs: Inputs) -> Event:
        who = f'person {news.number}'
        why = f': {news.reason}' if news.reason else ''
        return Event(
            stamp_ns=inputs.stamp_ns, frame_id=self.config.fixed_frame, kind=news.kind,
            start_ns=news.start_ns, end_ns=inputs.stamp_ns, stream=inputs.stream,
            track_ids=(str(news.number),), label='person', rule=f'{news.side} arm',
            message=f'{who} {_SAYS[news.kind]} the {news.side} arm{why}',
        )  # fmt: skip


PLUGIN = Pointing
