"""The truth about a drive: what the bag carries of it, and the rest in `truth.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm_perception.world.camera import Camera
from mm_perception.world.drive import NOT_NAMED, Drive, Frame, Place, Stream
from mm_perception.world.materials import COLOURS
from mm_perception.world.render import View
from mm_perception.world.scene import Array
from mm_perception.world.speech import Utterance
from mm_perception.world.truth import (
    CLASSES,
    KEYPOINTS,
    Bird,
    Box,
    Grid,
    Skeleton,
    Vocabulary,
    Watch,
    action_of,
    bird_of,
    boxes_of,
    captions_of,
    class_below,
    keypoints_of,
    questions_about,
    relations_in,
    sight_of,
    skeletons_of,
)

#: Things farther from base_link are left out, metres.
REACH_M = 60.0
_KINDS: dict[Place, tuple[str, ...]] = {
    'street': ('car', 'van', 'truck', 'bus', 'cyclist', 'pedestrian', 'cone', 'barrier'),
    'room': (
        'person', 'ball', 'crate', 'table', 'chair', 'sofa', 'lamp', 'fridge', 'cup', 'plant',
        'television',
    ),
}  # fmt: skip
_GRIDS: dict[Place, Grid] = {'street': Grid(), 'room': Grid(0.1, 6.0, 6.0, 6.0)}
#: What comes closer than that to base_link is an event, metres.
_NEAR_M: dict[Place, float] = {'street': 4.0, 'room': 1.0}


class TruthLog:
    """Collects what is true of a drive, frame by frame.

    Args:
        drive: The drive.
        start_ns: Stamp of its time 0.
        grid: Cells of the maps from above.
    """

    def __init__(self, drive: Drive, start_ns: int, grid: Grid | None = None) -> None:
        self._drive, self._start_ns = drive, start_ns
        self.grid = grid or _GRIDS[drive.place]
        self._watch = Watch(_NEAR_M[drive.place])
        self._vocabulary = Vocabulary(_KINDS[drive.place], tuple(COLOURS))
        self._frames: list[dict[str, Any]] = []
        self._speech: list[Utterance] = []

    def add(self, frame: Frame, stamps_ns: Mapping[str, int]) -> list[Box]:
        """Take a frame into the log.

        Args:
            frame: The next one.
            stamps_ns: Of each picture, as it is published.

        Returns:
            Boxes in base_link of the named things within `REACH_M`, hidden ones too.
        """
        stage, time_s = self._drive.stage, frame.time_s
        at, turn = self._drive.ego(time_s)
        in_world = [b for b in boxes_of(stage, time_s) if b.kind not in NOT_NAMED]
        boxes = [
            box
            for box in (b.seen_from(at, turn) for b in in_world)
            if np.linalg.norm(box.centre[:2]) < REACH_M
        ]
        people = {t.instance for t in stage.scene.things if t.joints}
        ground = {
            b.instance: class_below(stage, b.centre[:2]) for b in in_world if b.instance in people
        }
        self._watch.moment(time_s, boxes, ground)
        skeletons, cameras = skeletons_of(stage.scene, time_s), {}
        for number, camera in enumerate(self._drive.cameras):
            view = frame.views.get(camera.name)
            if view is not None:
                rng = self._drive.rng(Stream.WORDS, frame.index, number)
                seen = self._of_camera(camera, view, time_s, skeletons, rng)
                cameras[camera.name] = {'stamp_ns': stamps_ns[camera.name], **seen}
        actions = {str(t.instance): a for t in stage.scene.things if (a := action_of(t))}
        self._frames.append(
            {
                'stamp_ns': self._ns(time_s), 'actions': actions,
                'boxes': [_of_box(box) for box in boxes], 'cameras': cameras,
            }
        )  # fmt: skip
        return boxes

    def bird(self, time_s: float) -> Bird:
        """The map around base_link at a moment."""
        at, turn = self._drive.ego(time_s)
        yaw = float(np.arctan2(turn[1, 0], turn[0, 0]))
        return bird_of(self._drive.stage, time_s, at, yaw, self.grid)

    def add_speech(self, utterances: Sequence[Utterance]) -> None:
        """Take what people say into the log."""
        self._speech += utterances

    def save(self, path: Path) -> None:
        """Write everything as JSON: stamps in ns, metres, radians, m/s, pixels."""
        things = self._drive.stage.scene.things
        head = {
            'start_ns': self._start_ns,
            'objects': {
                str(t.instance): {'kind': t.kind, 'colour': t.colour, 'words': t.words}
                for t in things
                if t.kind not in NOT_NAMED
            },
            'keypoints': KEYPOINTS,
            'bev_classes': CLASSES,
            'microphones': self._microphones(),
            'speech': [self._of_utterance(utterance) for utterance in self._speech],
            'events': [self._of_event(asdict(event)) for event in self._watch.events()],
        }
        lines = ',\n'.join(json.dumps(frame) for frame in self._frames)
        text = json.dumps(head, indent=1).removesuffix('\n}')
        path.write_text(f'{text},\n "frames": [\n{lines}\n]}}\n')

    def _of_camera(
        self, camera: Camera, view: View, time_s: float, skeletons: Sequence[Skeleton],
        rng: np.random.Generator,
    ) -> dict[str, Any]:  # fmt: skip
        sight = sight_of(view, self._drive.stage.scene.things, self._drive.place)
        self._watch.picture(time_s, camera.name, sight.pixels, view.ids.size)
        at, turn = self._drive.ego(time_s)
        joints = [
            keypoints_of(skeleton, camera, at, turn, view)
            for skeleton in skeletons
            if skeleton.instance in sight.pixels
        ]
        return {
            'pixels': {str(i): n for i, n in sight.pixels.items()},
            'keypoints': {str(k.instance): _rows(k.pixels, k.visible) for k in joints},
            'relations': [[r.first, r.how, r.second] for r in relations_in(sight)],
            'captions': captions_of(rng, sight),
            'questions': [asdict(q) for q in questions_about(rng, sight, self._vocabulary)],
        }

    def _microphones(self) -> dict[str, Any] | None:
        array = self._drive.microphones
        if array is None:
            return None
        return {'frame': array.name, 'places': array.places.tolist(), 'rate_hz': array.rate_hz}

    def _of_utterance(self, said: Utterance) -> dict[str, Any]:
        """The times are those at the mouth; instance 0 is the user, who is no thing."""
        return {
            'instance': said.instance, 'text': said.text, 'voice': said.voice.name,
            'start_ns': self._ns(said.source.start_s), 'end_ns': self._ns(said.source.end_s),
        }  # fmt: skip

    def _of_event(self, event: dict[str, Any]) -> dict[str, Any]:
        start_ns, end_ns = (self._ns(event.pop(key)) for key in ('start_s', 'end_s'))
        return {**event, 'start_ns': start_ns, 'end_ns': end_ns}

    def _ns(self, time_s: float) -> int:
        return self._start_ns + round(time_s * 1e9)


def _of_box(box: Box) -> dict[str, Any]:
    return {
        'instance': box.instance, 'centre': _rounded(box.centre), 'size': _rounded(box.size),
        'yaw': round(box.yaw, 4), 'velocity': _rounded(box.velocity),
    }  # fmt: skip


def _rows(pixels: Array, visible: npt.NDArray[np.uint8]) -> list[list[float] | None]:
    """x, y and visibility of each joint; None for what is not in the picture."""
    return [
        [round(float(x), 1), round(float(y), 1), int(v)] if v else None
        for (x, y), v in zip(pixels, visible, strict=True)
    ]


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 4) + 0.0 for value in values]  # no -0.0
