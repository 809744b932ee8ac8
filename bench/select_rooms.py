"""Held-out rooms for bench_select: what cameras see, what is true, and what people might say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from mm_perception.samples import CameraInfo, Command, Image, Intent, Masks, Relation
from mm_perception.samples.sample import Array
from mm_perception.world.camera import Camera
from mm_perception.world.drive import Drive, Place, one_camera, render_frame
from mm_perception.world.render import View
from mm_perception.world.scene import Thing
from mm_perception.world.variety import Split

FIRST_SEED = 900_000  # as mm_perception.evaluation.worlds
LEAST_PX = 60
STEREO_M = 0.064
START_NS = 1_000_000_000


def ns(time_s: float) -> int:
    """Stamp of a moment of a drive."""
    return START_NS + round(time_s * 1e9)


def stereo_pair() -> tuple[Camera, ...]:
    """Two cameras as far apart as eyes."""
    (middle,) = one_camera(320, 180, 'room')
    sides = {'left': 0.5, 'right': -0.5}  # y of the body is left
    return tuple(
        replace(middle, name=name, at=middle.at + np.array([0.0, side * STEREO_M, 0.0]))
        for name, side in sides.items()
    )


@dataclass
class Room:
    """One drive in a room, rendered as it is asked for."""

    drive: Drive
    _views: dict[int, dict[str, View]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, index: int, cameras: tuple[Camera, ...] | None = None, place: Place = 'room'
    ) -> Room:
        """A held-out room, or a street."""
        chosen = one_camera(320, 180, place) if cameras is None else cameras
        drive = Drive(
            FIRST_SEED + index, 2.0, 10.0, chosen, lidar=None, split=Split.HELD_OUT, place=place
        )
        return cls(drive)

    def view(self, index: int, camera: Camera) -> View:
        """What a camera sees in a frame."""
        if index not in self._views:
            self._views[index] = render_frame(self.drive, index).views
        return self._views[index][camera.name]

    def things(self) -> dict[int, Thing]:
        """Named things by instance."""
        names = self.drive.names
        return {t.instance: t for t in self.drive.stage.scene.things if t.instance in names}

    def masks(self, index: int, camera: Camera, *, has_colours: bool = True) -> Masks:
        """True masks of what is large enough; labels with or without colours."""
        view, names = self.view(index, camera), self.drive.names
        ids, counts = np.unique(view.ids, return_counts=True)
        kept = [int(i) for i, n in zip(ids, counts, strict=True) if i in names and n >= LEAST_PX]
        things = self.things()
        return Masks(
            stamp_ns=ns(self.drive.time_s(index)), frame_id=camera.frame_id,
            id_map=np.where(np.isin(view.ids, kept), view.ids, 0).astype(np.uint16),
            ids=tuple(kept), scores=np.ones(len(kept), np.float32),
            labels=tuple(names[i] if has_colours else things[i].kind for i in kept),
        )  # fmt: skip

    def image(self, index: int, camera: Camera) -> Image:
        """The picture."""
        return Image(
            stamp_ns=ns(self.drive.time_s(index)), frame_id=camera.frame_id,
            data=self.view(index, camera).rgb,
        )  # fmt: skip

    def info(self, index: int, camera: Camera) -> CameraInfo:
        """The calibration."""
        return camera.info(ns(self.drive.time_s(index)))

    def pose(self, index: int, camera: Camera) -> Array:
        """(4, 4) from optical axes to the room."""
        return self.lookup('map', camera.frame_id, ns(self.drive.time_s(index)))

    def lookup(self, target: str, source: str, stamp_ns: int) -> Array:
        """True transforms between map, base_link and the cameras."""
        at, turn = self.drive.ego((stamp_ns - START_NS) / 1e9)
        poses = {'map': np.eye(4), 'base_link': np.eye(4)}
        poses['base_link'][:3, :3], poses['base_link'][:3, 3] = turn, at
        for camera in self.drive.cameras:
            mount = np.eye(4)
            mount[:3, :3], mount[:3, 3] = camera.turn, camera.at
            poses[camera.frame_id] = poses['base_link'] @ mount
        return np.asarray(np.linalg.inv(poses[target]) @ poses[source])

    def surface(self, index: int, camera: Camera, number: int) -> Array:
        """(N, 3) in the room: what the camera truly sees of a thing."""
        view = self.view(index, camera)
        rows, columns = np.nonzero(view.ids == number)
        ahead = np.stack([columns, rows, np.ones(len(rows))], 1) @ np.linalg.inv(camera.matrix).T
        pose = self.pose(index, camera)
        return np.asarray(
            ahead * view.depth[rows, columns][:, None] @ pose[:3, :3].T + pose[:3, 3]
        )


@dataclass(frozen=True)
class Said:
    """A command and what is truly meant by it.

    Attributes:
        rule: Kind of phrase.
        command: As the plugin gets it.
        kind: Of what is looked for.
        truth: Instances.
    """

    rule: str
    command: Command
    kind: str
    truth: frozenset[int]


def sayings(room: Room, index: int, camera: Camera) -> Iterator[Said]:
    """What can be said of a frame that has one right answer in the world, not in the picture.

    Left and right are by bearing from the camera, near and far by true distance, size by true
    volume, beside by true distance; who is right by less than a tenth is not asked for.
    """
    masks, things = room.masks(index, camera), room.things()
    time_s = room.drive.time_s(index)
    kinds = Counter(things[i].kind for i in masks.ids)
    to_camera = np.linalg.inv(room.pose(index, camera))
    spots = {}
    for i in masks.ids:
        middle = things[i].pose(time_s)[0] + np.array([0, 0, things[i].size[2] / 2])
        spots[i] = to_camera[:3, :3] @ middle + to_camera[:3, 3]
    for kind, count in kinds.items():
        own = [i for i in masks.ids if things[i].kind == kind]
        if count < 2:
            continue
        bearing = {i: float(np.arctan2(spots[i][0], spots[i][2])) for i in own}
        distance = {i: float(np.linalg.norm(spots[i])) for i in own}
        volume = {i: float(np.prod(things[i].size)) for i in own}
        yield from _ordered(kind, 'side', bearing, ('left', 'right'), 0.05)
        for word, values in (('nearest', distance), ('farthest', distance), ('biggest', volume)):
            sign = 1 if word == 'nearest' else -1
            ranked = sorted(own, key=lambda i: sign * values[i])
            first, second = (values[i] for i in ranked[:2])
            if abs(first - second) > 0.1 * max(first, second):
                yield _said(word, kind, f'the {word} {kind}', {ranked[0]})
        ranked = sorted(own, key=lambda i: bearing[i])
        if count >= 3 and min(np.diff([bearing[i] for i in ranked])) > 0.05:
            yield _said('second', kind, f'the second {kind} from the left', {ranked[1]})
        yield from _coloured(kind, own, things)
        yield from _beside(kind, own, masks.ids, things, spots)


def _said(rule: str, kind: str, target: str, truth: set[int], anchor: str = '') -> Said:
    command = Command(
        stamp_ns=0, end_ns=0, intent=Intent.SELECT, text=target, target=target, anchor=anchor,
        relation=Relation.NEXT_TO if anchor else Relation.NONE,
    )  # fmt: skip
    return Said(rule, command, kind, frozenset(truth))


def _ordered(
    kind: str, rule: str, values: dict[int, float], words: tuple[str, str], least: float
) -> Iterator[Said]:
    ranked = sorted(values, key=lambda i: values[i])
    for word, first, second in zip(words, (ranked[0], ranked[-1]), (ranked[1], ranked[-2]),
                                   strict=True):  # fmt: skip
        if abs(values[first] - values[second]) > least:
            yield _said(rule, kind, f'the {word} {kind}', {first})


def _coloured(kind: str, own: list[int], things: dict[int, Thing]) -> Iterator[Said]:
    colours = Counter(things[i].colour for i in own)
    for i in own:
        colour = things[i].colour
        if colours[colour] == 1:
            yield _said('colour', kind, f'the {colour} {kind}', {i})
            if len(own) == 2:
                other = {j for j in own if j != i}
                yield _said('not', kind, f'the {kind} but not the {colour} one', other)


def _beside(
    kind: str, own: list[int], ids: tuple[int, ...], things: dict[int, Thing],
    spots: dict[int, Array],
) -> Iterator[Said]:  # fmt: skip
    kinds = Counter(things[i].kind for i in ids)
    for anchor in ids:
        if kinds[things[anchor].kind] > 1:
            continue
        away = {i: float(np.linalg.norm(spots[i] - spots[anchor])) for i in own}
        ranked = sorted(own, key=lambda i: away[i])
        if away[ranked[0]] < 1.5 and away[ranked[1]] > 1.5 * away[ranked[0]]:
            name = f'the {things[anchor].kind}'
            yield _said('next to', kind, f'the {kind}', {ranked[0]}, name)
