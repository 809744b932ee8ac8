"""Which pictures of a bag a report shows, and those as JPEG with what was found drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mm_perception import cdr
from mm_perception.bag.from_above import holds
from mm_perception.bag.reader import BagReader, Record
from mm_perception.drawing import draw_masks, draw_skeletons, enlarged, fitted
from mm_perception.drawing.birds_eye import draw_birds_eye
from mm_perception.errors import BagError, MmPerceptionError
from mm_perception.reporting.dating import dated, moment_of
from mm_perception.reporting.page import Shot
from mm_perception.reporting.pictures import LETTERS, jpeg_of, part_around
from mm_perception.reporting.recording import TRUTH, Recording, Track
from mm_perception.ros import convert
from mm_perception.ros.convert.boxes3d import BOXES
from mm_perception.ros.convert.image import IMAGE
from mm_perception.ros.convert.skeletons import SKELETONS
from mm_perception.ros.wire import deserialize
from mm_perception.samples import BevGrid, Boxes3D, Image, Masks, PromptState, Sample, Skeletons
from mm_perception.samples.sample import Array
from mm_perception.watching import Watch, unwatched

#: Most pictures of each kind; what is left out is told.
MOST_MOMENTS, MOST_TRACKS, MOST_EVENTS, MOST_BOARDS, MOST_ABOVE = 12, 24, 12, 4, 6
_WIDTH, _BOARD_WIDTH, _ABOVE_PX, _REACH_M = 560, 1060, 420, 40.0
_OUTPUT = ('/output/', '/debug/')


@dataclass(frozen=True)
class Moment:
    """A picture that is worth a look: when something changes, and in between.

    Attributes:
        topic: Of the masks.
        stamp_ns: Of the picture.
        title: What happens.
    """

    topic: str
    stamp_ns: int
    title: str


@dataclass(eq=False)
class Album:
    """All pictures of a report.

    Attributes:
        moments: In order of time.
        tracks: By topic of masks and track id.
        events: Evidence.
        boards: What the stack itself has drawn for people, such as a storyboard.
        above: Boxes in space and the map, seen from above.
        left_out: What there was no room for, and what could not be drawn.
    """

    moments: list[Shot]
    tracks: dict[tuple[str, str], Shot]
    events: list[Shot]
    boards: list[Shot]
    above: list[Shot]
    left_out: list[str]


def moments_of(recording: Recording) -> tuple[list[Moment], int]:
    """When something changes for a track or a prompt, and evenly in between.

    Returns:
        In order of time; and how many changes there was no room for.
    """
    found = _changes(recording)
    stride = max(1, -(-len(found) // MOST_MOMENTS))
    chosen = dict(list(found.items())[::stride])
    room = MOST_MOMENTS - len(chosen)
    if room > 0:
        for topic, stamps in recording.answered.items():
            step = max(1, -(-len(stamps) * len(recording.answered) // room))
            for stamp_ns in stamps[::step]:
                chosen.setdefault((topic, stamp_ns), '')
    moments = [Moment(topic, stamp_ns, title) for (topic, stamp_ns), title in chosen.items()]
    num_more = len(found.keys() - chosen.keys())
    return sorted(moments, key=lambda moment: moment.stamp_ns), num_more


def _changes(recording: Recording) -> dict[tuple[str, int], str]:
    """What happens to prompts and tracks, by topic of the masks and stamp, in order of time."""
    found: dict[tuple[str, int], str] = {}
    for topic, status in recording.statuses:
        node = topic.split('/output/')[0]
        for masks, stamps in recording.answered.items():
            stamp_ns = _next(stamps, status.stamp_ns)
            is_its = masks.startswith(f'{node}/') and masks.endswith(status.stream)
            if is_its and stamp_ns and status.state in _TOLD:
                text = f'“{recording.words_of(status.prompt_id)}” {_TOLD[status.state]}'
                before = found.get((masks, stamp_ns))
                found[masks, stamp_ns] = f'{before}; {text}' if before else text
    for (topic, _), track in recording.tracks.items():
        found.setdefault((topic, track.stamps_ns[0]), f'{track.label} #{track.track_id} appears')
        found.setdefault((topic, track.best), f'{track.label} #{track.track_id}, largest')
    return dict(sorted(found.items(), key=lambda item: item[0][1]))


_TOLD = {
    PromptState.FOUND: 'found', PromptState.NOT_FOUND: 'not found',
    PromptState.REMOVED: 'removed', PromptState.REJECTED: 'rejected',
}  # fmt: skip


def _next(stamps: Sequence[int], stamp_ns: int) -> int | None:
    return next((s for s in stamps if s >= stamp_ns), stamps[-1] if stamps else None)


def album_of(recording: Recording, watch: Watch = unwatched) -> Album:
    """Read a bag again, and draw what was chosen.

    Args:
        recording: What was found in it.
        watch: Shows progress.

    Raises:
        BagError: It is no bag.
    """
    album = Album([], {}, [], [], [], [])
    _add_events(album, recording)
    tracks = sorted(recording.tracks.values(), key=lambda t: -len(t.stamps_ns))
    if len(tracks) > MOST_TRACKS:
        album.left_out.append(f'pictures of {len(tracks) - MOST_TRACKS} tracks seen least')
    moments, num_more = moments_of(recording)
    if num_more:
        album.left_out.append(f'pictures of {num_more} changes of tracks and prompts')
    with BagReader(recording.bag) as reader:
        painter = _Painter(album, recording, moments, tracks[:MOST_TRACKS])
        above = [
            _Above(topic, reader, recording, album)
            for topic in recording.boxes
            if _is_around_robot(recording, topic)
        ]
        boards = _boards(reader)
        topics = {*painter.topics(reader), *boards, *(t for a in above for t in a.topics)}
        total = sum(recording.counts.get(name, 0) for name in topics)
        try:
            with watch(total, 'choosing pictures') as progress:
                for done, record in enumerate(reader.records(topics), 1):
                    _guarded(album, record, [painter, *above], boards)
                    progress(done)
        except BagError as error:
            album.left_out.append(f'pictures after {error}')
        for one in above:
            one.close()
    painter.close()
    return album


def _guarded(
    album: Album, record: Record, takers: Sequence[_Painter | _Above], boards: set[str]
) -> None:
    with _told(album, record.topic):
        for taker in takers:
            taker.take(record)
        if record.topic in boards:
            _add_board(album, record)


def _add_events(album: Album, recording: Recording) -> None:
    with_picture = [line for line in recording.lines if line.picture is not None]
    if len(with_picture) > MOST_EVENTS:
        album.left_out.append(f'pictures of {len(with_picture) - MOST_EVENTS} later events')
    for line in with_picture[:MOST_EVENTS]:
        assert line.picture is not None
        rgb = np.asarray(line.picture.rgb())
        caption = f'{recording.at_s(line.start_ns):.1f} s: {line.text}'
        album.events.append(Shot(jpeg_of(_narrowed(rgb, _WIDTH)), caption))


def _boards(reader: BagReader) -> set[str]:
    return {
        name
        for name, topic in reader.topics.items()
        if topic.type_name == IMAGE and name.rstrip('/').endswith('/storyboard')
    }


def _add_board(album: Album, record: Record) -> None:
    image = convert.from_msg(deserialize(record.data, record.type_name), Image, record.log_time_ns)
    assert isinstance(image, Image)
    shot = Shot(jpeg_of(_narrowed(np.asarray(image.rgb()), _BOARD_WIDTH)), record.topic)
    album.boards = [*album.boards, shot][-MOST_BOARDS:]  # the last tell of the whole


class _Painter:
    """Draws masks, and the limbs of people, over the pictures of the same stamp and frame.

    All is drawn at the end: skeletons come after the masks that they were looked for in.
    """

    def __init__(
        self, album: Album, recording: Recording, moments: Sequence[Moment],
        tracks: Sequence[Track],
    ) -> None:  # fmt: skip
        self._album, self._recording = album, recording
        self._moments = {(m.topic, m.stamp_ns): m for m in moments}
        self._tracks: dict[tuple[str, int], list[Track]] = {}
        for track in tracks:
            self._tracks.setdefault((track.topic, track.best), []).append(track)
        self._wanted = {*self._moments, *self._tracks}
        self._stamps = {stamp_ns for _, stamp_ns in self._wanted}
        self._pictures: dict[tuple[int, str], Record] = {}
        self._masks: dict[tuple[str, int], dict[str, Record]] = {}
        self._people: dict[tuple[int, str], dict[str, Record]] = {}

    def topics(self, reader: BagReader) -> Iterator[str]:
        """Masks, skeletons, and every picture that no node has made."""
        if not self._wanted:
            return
        for name, topic in reader.topics.items():
            if self._kind_of(name, topic.type_name) is not None:
                yield name

    def take(self, record: Record) -> None:
        """A message of the bag."""
        kind = self._kind_of(record.topic, record.type_name)
        head = cdr.read_head(record.type_name, record.data) if kind else None
        stamp_ns = 0 if head is None else moment_of(head.stamp_ns, record)
        if head is None or stamp_ns not in self._stamps:
            return
        there = stamp_ns, head.frame_id
        if kind is Image:
            self._pictures[there] = record
        elif kind is Skeletons:
            self._people.setdefault(there, {})[record.topic] = record
        else:
            topic = record.topic.removesuffix('/detections')
            if (topic, stamp_ns) in self._wanted:
                parts = self._masks.setdefault((topic, stamp_ns), {})
                parts[record.topic.removeprefix(topic)] = record

    def _kind_of(self, topic: str, type_name: str) -> type[Sample] | None:
        if topic.removesuffix('/detections') in self._recording.answered:
            return Masks
        if type_name == SKELETONS:
            return None if topic.startswith(TRUTH) else Skeletons
        is_picture = Image in convert.sample_types_of(type_name) and _is_input(topic)
        return Image if is_picture else None

    def _draw(self, key: tuple[str, int], parts: dict[str, Record]) -> None:
        there = key[1], _frame_of(parts[''])
        picture, masks = self._pictures.get(there), _joined(parts)
        image = None if picture is None else _sample_of(picture, Image)
        if not isinstance(masks, Masks) or not isinstance(image, Image):
            return
        rgb, when = np.asarray(image.rgb()), f'{self._recording.at_s(key[1]):.1f} s'
        self._wanted.discard(key)
        moment = self._moments.get(key)
        if moment is not None:
            large = enlarged(rgb)
            drawn = draw_masks(large, fitted(masks, large), letters=LETTERS)
            for record in self._people.get(there, {}).values():
                people = _sample_of(record, Skeletons)
                if isinstance(people, Skeletons):
                    drawn = draw_skeletons(drawn, people)
            words = moment.title or (', '.join(dict.fromkeys(masks.labels)) or 'nothing marked')
            where = f' · {camera_of(key[0])}' if len(self._recording.answered) > 1 else ''
            shot = Shot(jpeg_of(_narrowed(drawn, _WIDTH)), f'{when}: {words}{where}')
            self._album.moments.append(shot)
        for track in self._tracks.get(key, []):
            part = part_around(rgb, masks, int(track.track_id), track.box)
            text = f'{track.label} #{track.track_id}, {when}'
            self._album.tracks[track.topic, track.track_id] = Shot(jpeg_of(part), text)

    def close(self) -> None:
        """Draw, in order of time, and tell what had no picture."""
        for key in sorted(self._masks, key=lambda key: key[1]):
            if len(self._masks[key]) == 2:
                with _told(self._album, key[0]):
                    self._draw(key, self._masks[key])
        if self._wanted:
            number = len(self._wanted)
            self._album.left_out.append(
                f'{number} moments whose picture is not in the bag, or of another size'
            )


def _joined(parts: dict[str, Record]) -> Sample | None:
    """Masks of their picture of ids and their detections."""
    assembler, found = convert.assemble(Masks), None
    assert assembler is not None
    for suffix, record in parts.items():
        found = assembler.add(suffix, deserialize(record.data, record.type_name))
    return found


def _sample_of(record: Record, kind: type[Sample]) -> Sample:
    message = deserialize(record.data, record.type_name)
    return convert.from_msg(message, kind, record.log_time_ns)


@contextmanager
def _told(album: Album, topic: str) -> Iterator[None]:
    """What cannot be drawn is left out, and told once."""
    try:
        yield
    except MmPerceptionError as error:
        text = f'{topic}: {error}'
        if text not in album.left_out:
            album.left_out.append(text)


class _Above:
    """Draws boxes in space over the map of the same node."""

    def __init__(self, topic: str, reader: BagReader, recording: Recording, album: Album) -> None:
        self._topic, self._recording, self._album = topic, recording, album
        stamps = recording.boxes[topic]
        self._stamps = set(stamps[:: max(1, -(-len(stamps) // MOST_ABOVE))])
        node = topic.split('/output/')[0]
        join: Any = convert.assemble(BevGrid)
        suffixes = [s for s in join.suffixes if holds(reader, f'{node}/output/map{s}')]
        join.expect(suffixes)
        self._join = join
        self._maps = {f'{node}/output/map{suffix}': suffix for suffix in suffixes}
        self._boxes: dict[int, Boxes3D] = {}
        self._grids: dict[int, BevGrid] = {}
        self.topics = {topic, *self._maps}

    def take(self, record: Record) -> None:
        """A message of the bag."""
        if record.topic == self._topic and record.type_name == BOXES:
            message = deserialize(record.data, record.type_name)
            boxes = dated(convert.from_msg(message, Boxes3D, record.log_time_ns), record)
            if isinstance(boxes, Boxes3D) and boxes.stamp_ns in self._stamps:
                self._boxes[boxes.stamp_ns] = boxes
        elif record.topic in self._maps:
            message = deserialize(record.data, record.type_name)
            grid = self._join.add(self._maps[record.topic], message)
            if isinstance(grid, BevGrid) and moment_of(grid.stamp_ns, record) in self._stamps:
                self._grids[moment_of(grid.stamp_ns, record)] = grid

    def close(self) -> None:
        """Draw."""
        for stamp_ns, boxes in sorted(self._boxes.items()):
            grid = self._grids.get(stamp_ns)
            reach_m = _REACH_M if grid is None else min(-grid.origin[0], -grid.origin[1])
            picture = draw_birds_eye(
                boxes, grid, reach_m if reach_m > 0 else _REACH_M, side_px=_ABOVE_PX
            )
            kinds = dict.fromkeys(boxes.labels)
            found = ', '.join(f'{boxes.labels.count(kind)} {kind}' for kind in kinds)
            when = f'{self._recording.at_s(stamp_ns):.1f} s'
            self._album.above.append(Shot(jpeg_of(picture), f'{when}: {found or "nothing found"}'))


def _is_around_robot(recording: Recording, topic: str) -> bool:
    """Whether boxes are in a frame that moves with the robot, which is in its middle."""
    still = {ego.frame_id for ego in recording.odometry.values()} | {'map', 'odom', 'world'}
    return recording.frames[topic] not in still


def camera_of(topic: str) -> str:
    """What a topic of masks is called for people: its node and camera."""
    node, _, rest = topic.strip('/').partition('/output/')
    stream = rest.partition('/')[2]
    return f'{node} · {stream}' if stream else node


def _is_input(topic: str) -> bool:
    return not topic.startswith(TRUTH) and not any(part in topic for part in _OUTPUT)


def _frame_of(record: Record) -> str:
    head = cdr.read_head(record.type_name, record.data)
    return head.frame_id if head else ''


def _narrowed(rgb: Array, width: int) -> Array:
    """A picture no wider than that."""
    if rgb.shape[1] <= width:
        return rgb
    size = width, round(rgb.shape[0] * width / rgb.shape[1])
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
