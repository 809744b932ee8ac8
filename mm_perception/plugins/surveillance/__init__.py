"""Watches zones and lines, and tells what happens there: alerts with evidence, counts, privacy.

Masks with track ids come from whatever tracks; this plugin knows rules only. They are sentences,
see `rules.py`: "entered yard: person", "dwelt yard 10 s", "crossed gate to the left", "gone: red
car". Where the lowest part of a mask is decides where a thing stands. What may fire twice, and who
is gone or just hidden, is decided in `watcher.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import MissingInputError, ShapeError
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
from mm_perception.plugins.surveillance.places import (
    GroundUnits,
    PictureUnits,
    foot_of,
    is_at_edge,
)
from mm_perception.plugins.surveillance.privacy import Veil, pixelated
from mm_perception.plugins.surveillance.rules import Rules, parse_rules
from mm_perception.plugins.surveillance.watcher import Finding, Sight, Timing, Watcher
from mm_perception.samples import CameraInfo, Event, Image, Masks, Text, mask_box
from mm_perception.samples.sample import Array

Units = PictureUnits | GroundUnits


@dataclass(frozen=True)
class SurveillanceConfig:
    """Settings of the `surveillance` plugin."""

    zones: tuple[str, ...] = parameter(
        (), 'Areas, as "yard: 0.1,0.6 0.9,0.6 0.9,1 0.1,1".', live=True
    )
    lines: tuple[str, ...] = parameter((), 'Borders, as "gate: 0.5,1 0.5,0.4".', live=True)
    alerts: tuple[str, ...] = parameter(
        ('appeared', 'gone'),
        'What to tell, as "entered yard: person, car", "left yard", "dwelt yard 10 s", "crowded '
        'yard 3: person", "crossed gate to the left", "appeared: dog", "gone: the red car".',
        live=True,
    )
    units: str = parameter(
        'relative', 'Of zones and lines: shares of the picture, pixels, or metres on the ground.',
        choices=('relative', 'px', 'ground'),
    )  # fmt: skip
    ground_frame: str = parameter('map', 'Frame of rules on the ground, which is its plane z = 0.')
    margin: float = parameter(
        0.015, 'Nearer to a border than this nothing changes, in heights of the picture.',
        minimum=0.0, maximum=0.5, live=True,
    )  # fmt: skip
    margin_m: float = parameter(
        0.2, 'The same on the ground, in metres.', minimum=0.0, maximum=100.0, live=True
    )
    confirm_s: float = parameter(
        0.3, 'A change counts once it has lasted so many seconds.', minimum=0.0, live=True
    )
    lost_s: float = parameter(
        2.0, 'Who is unseen for so many seconds is gone.', minimum=0.0, live=True
    )
    settle_s: float = parameter(
        1.0, 'What is seen within so many seconds from the first picture was there before.',
        minimum=0.0, live=True,
    )  # fmt: skip
    smallest_px: int = parameter(
        30, 'Masks of fewer pixels count as unseen.', minimum=1, live=True
    )
    private_labels: tuple[str, ...] = parameter(
        ('person', 'people', 'pedestrian', 'cyclist', 'man', 'woman', 'child'),
        'Who is hidden in the private picture: a label with any of these words.', live=True,
    )  # fmt: skip
    private_cells: int = parameter(
        24, 'Tiles along the height of the private picture.', minimum=1, maximum=200, live=True
    )
    private_grow: float = parameter(
        0.1, 'What is hidden is larger than the mask by this share of its height.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    private_hold_s: float = parameter(
        0.5, 'So long after a mask was lost, its area is hidden, and where it went.',
        minimum=0.0, live=True,
    )  # fmt: skip
    evidence_width: int = parameter(
        640, 'Pictures of events are reduced to this width in pixels.', minimum=32, live=True
    )

    def __post_init__(self) -> None:
        """Refuse rules that cannot be read."""
        self.rules()

    def rules(self) -> Rules:
        """Zones, lines and alerts.

        Raises:
            ConfigError: With the rule, and how it is written.
        """
        is_relative = self.units == 'relative'
        return parse_rules(self.zones, self.lines, self.alerts, is_relative=is_relative)

    def timing(self) -> Timing:
        """When a change counts."""
        margin = self.margin_m if self.units == 'ground' else self.margin
        return Timing(
            round(self.confirm_s * 1e9), round(self.lost_s * 1e9), round(self.settle_s * 1e9),
            margin,
        )  # fmt: skip


class _Camera:
    """What is remembered of one camera; rules in pixels need the size of its pictures."""

    def __init__(self, config: SurveillanceConfig, shape: tuple[int, int], units: Units) -> None:
        self.shape = shape
        self.rules = units.rules(config.rules())
        self.watcher = Watcher(self.rules, config.timing())
        self.veil = Veil(config.private_labels, config.private_hold_s, config.private_grow)


class Surveillance(Plugin[SurveillanceConfig]):
    """Masks with track ids in; alerts with evidence out."""

    card: ClassVar[Card] = Card(
        title='Watches zones and lines: alerts with evidence, counts, privacy',
        system='2-3',
        paper='none: explicit rules on tracks; the masks are those of Ravi et al., SAM 2, 2024, '
        'arXiv 2408.00714',
        reference_code='none',
        limits=(
            'As good as the tracks: a thing with two ids is two things, unless one follows the '
            'other at the same place.',
            'Whose feet are hidden, or below the picture, stands where its lowest visible part '
            'is.',
            'Who was hidden while leaving a zone, and is not seen again, has not left it; the '
            'count forgets it when it is gone.',
            'The camera has to stand still, but for rules on the ground.',
            'The private picture hides what has a mask; evidence shows who it was.',
        ),
    )
    Config: ClassVar[type[Any]] = SurveillanceConfig
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'With track ids, of any number of cameras.'),
        'image': Latest(
            Image, 'The pictures of the masks, for evidence and privacy.', tolerance_s=0.01,
            follows='masks',
        ),
        'camera_info': Latest(CameraInfo, 'For rules on the ground.', follows='masks'),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'events': Output(Event, 'What happened, with track, rule, sentence and picture.'),
        'counts': Output(Text, 'JSON: zone to label to how many are in it.'),
        'private': Output(Image, 'The picture with people in coarse tiles.'),
        'overlay': Output(Image, 'Masks, zones, lines and where things stand.', is_debug=True),
    }
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: SurveillanceConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._cameras: dict[str, _Camera] = {}

    @classmethod
    def tiny(cls) -> SurveillanceConfig:
        """One zone over the whole picture, and things that are in it count at once."""
        return SurveillanceConfig(
            zones=('all: 0,0 1,0 1,1 0,1',), alerts=('entered all', 'crowded all 1', 'gone'),
            confirm_s=0.0, settle_s=0.0, private_labels=('car',),
        )  # fmt: skip

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Look where everybody stands, and apply the rules.

        Raises:
            MissingInputError: Rules on the ground, but no calibration.
            TransformUnavailableError: Rules on the ground, but TF does not know the camera.
        """
        masks = cast(Masks, inputs.one('masks'))
        picture = self._picture(inputs)
        units = self._units(inputs, masks)
        camera = self._camera(inputs.stream, masks, units)
        feet, sights = self._sights(masks, units)
        found = camera.watcher.look(sights, masks.stamp_ns)
        hidden = camera.veil.look(masks)
        counts = camera.watcher.counts()
        header: dict[str, Any] = {'stamp_ns': inputs.stamp_ns, 'frame_id': inputs.frame_id}
        outputs: dict[str, Any] = {
            'events': [self._event(f, inputs, masks, picture, camera, units) for f in found],
            'counts': Text(**header, text=json.dumps(counts, sort_keys=True)),
        }
        if picture is None:
            return outputs
        rgb = picture.rgb()
        if self.context.is_wanted('private', inputs.stream):
            veiled = pixelated(rgb, hidden, self.config.private_cells)
            outputs['private'] = Image(**header, data=veiled)
        if self.context.is_wanted('overlay', inputs.stream):
            from mm_perception.plugins.surveillance.drawing import draw_overview

            shapes, scale = _shapes(camera.rules, units), rgb.shape[0] / masks.id_map.shape[0]
            lines = [f'{zone}: {sum(n.values())}' for zone, n in counts.items()]
            shapes = {name: points * scale for name, points in shapes.items()}
            feet = {number: foot * scale for number, foot in feet.items()}
            outputs['overlay'] = Image(
                **header, data=draw_overview(rgb, masks, shapes, feet, lines)
            )
        return outputs

    def _picture(self, inputs: Inputs) -> Image | None:
        """Evidence is worth having, but no alert shall be lost for the want of it."""
        picture = cast(Image | None, inputs.maybe('image', self.context.report))
        try:
            return picture and replace(picture, data=picture.rgb(), encoding='rgb8')
        except ShapeError as error:  # depth, or 16 bits
            self.context.report(error)
            return None

    def rewind(self, stream: str) -> None:
        """Tracks are of another run."""
        self._cameras.pop(stream, None)

    def reset(self) -> None:
        """Forget everything."""
        self._cameras.clear()

    def reconfigure(self, config: SurveillanceConfig) -> None:
        """New rules begin anew: what is there now was there before."""
        super().reconfigure(config)
        self._cameras.clear()

    def _units(self, inputs: Inputs, masks: Masks) -> Units:
        if self.config.units != 'ground':
            height, width = masks.id_map.shape
            return PictureUnits(height, width, self.config.units == 'relative')
        info = cast(CameraInfo | None, inputs.maybe('camera_info'))
        if info is None:
            reason = 'rules on the ground need the calibration of the camera'
            raise MissingInputError('camera_info', reason, 'connect it, or set units: relative')
        return GroundUnits(
            info,
            self.context.lookup_transform(
                self.config.ground_frame, masks.frame_id, masks.stamp_ns
            ),
        )

    def _camera(self, stream: str, masks: Masks, units: Units) -> _Camera:
        """A camera that changes its resolution begins anew."""
        camera, shape = self._cameras.get(stream), masks.id_map.shape
        if camera is None or camera.shape != shape:
            camera = self._cameras[stream] = _Camera(self.config, (shape[0], shape[1]), units)
        return camera

    def _sights(self, masks: Masks, units: Units) -> tuple[dict[int, Array], list[Sight]]:
        """Where everybody stands in pixels, and what the rules need to know."""
        feet, sights = {}, []
        for number, label, score in zip(masks.ids, masks.labels, masks.scores, strict=True):
            mask = masks.mask(number)
            box = mask_box(mask)
            if box is None or np.count_nonzero(mask) < self.config.smallest_px:
                continue
            foot = feet[number] = foot_of(mask)
            corners = np.array(box, np.float32)
            edge = is_at_edge(corners, *masks.id_map.shape)
            sight = Sight(number, label, float(score), units.place(foot), corners, edge)
            sights.append(sight)
        return feet, sights

    def _event(
        self, found: Finding, inputs: Inputs, masks: Masks, picture: Image | None, camera: _Camera,
        units: Units,
    ) -> Event:  # fmt: skip
        sights, alert = found.sights, found.alert
        boxes = np.array([s.box for s in sights])
        box = np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
        evidence = None
        if picture is not None:
            from mm_perception.plugins.surveillance.drawing import draw_evidence

            rgb = picture.rgb()
            scale = rgb.shape[0] / masks.id_map.shape[0]
            shapes = {
                name: points * scale
                for name, points in _shapes(camera.rules, units).items()
                if name == alert.place
            }
            numbers = [sight.track_id for sight in sights]
            drawn = draw_evidence(
                rgb, masks, shapes, numbers, found.message, self.config.evidence_width
            )
            evidence = Image(stamp_ns=picture.stamp_ns, frame_id=picture.frame_id, data=drawn)
            box = box * np.float32(scale)
        return Event(
            stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, kind=alert.kind,
            start_ns=found.start_ns, end_ns=inputs.stamp_ns, stream=inputs.stream,
            track_ids=tuple(str(sight.track_id) for sight in sights),
            label=', '.join(dict.fromkeys(sight.label for sight in sights)), rule=alert.text,
            score=min(sight.score for sight in sights), message=found.message,
            box=box.astype(np.float32), picture=evidence,
        )  # fmt: skip


def _shapes(rules: Rules, units: Units) -> dict[str, Array]:
    """Zones and lines in pixels of the masks, by name."""
    shapes = {zone.name: zone.corners for zone in rules.zones}
    shapes |= {line.name: line.ends for line in rules.lines}
    return {name: units.pixels(points) for name, points in shapes.items()}


PLUGIN = Surveillance
