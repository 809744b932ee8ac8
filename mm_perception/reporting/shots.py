"""Which pictures of a bag a report shows, and those pictures as JPEG with masks drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mm_perception import cdr
from mm_perception.bag.from_above import holds
from mm_perception.bag.reader import BagReader, Record
from mm_perception.drawing import draw_masks, enlarged, fitted
from mm_perception.drawing.birds_eye import draw_birds_eye
from mm_perception.errors import BagError, MmPerceptionError
from mm_perception.reporting.page import Shot
from mm_perception.reporting.pictures import LETTERS, jpeg_of, part_around
from mm_perception.reporting.recording import TRUTH, Recording, Track
from mm_perception.ros import convert
from mm_perception.ros.convert.boxes3d import BOXES
from mm_perception.ros.convert.image import IMAGE
from mm_perception.ros.wire import deserialize
from mm_perception.samples import BevGrid, Boxes3D, Image, Masks, PromptState
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
    try:
        for taker in takers:
            taker.take(record)
        if record.topic in boards:
            _add_board(album, record)
    except MmPerceptionError as error:
        text = f'{record.topic}: {error}'
        if text not in album.left_out:
            album.left_out.append(text)


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
    """Draws masks over the pictures of the same stamp and frame."""

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

    def topics(self, reader: BagReader) -> Iterator[str]:
        """Masks, and every picture that no node has made."""
        if not self._wanted:
            return
        for name, topic in reader.topics.items():
            if (
                name in self._recording.answered
                or name.removesuffix('/detections') in (self._recording.answered)
                or (Image in convert.sample_types_of(topic.type_name) and _is_input(name))
            ):
                yield name

    def take(self, record: Record) -> None:
        topic = record.topic.removesuffix('/detections')
        is_masks = topic in self._recording.answered
        if not is_masks and not (
            _is_input(record.topic) and Image in convert.sample_types_of(record.type_name)
        ):
            return
        head = cdr.read_head(record.type_name, record.data)
        if head is None or head.stamp_ns not in self._stamps:
            return
        if not is_masks:
            self._pictures[head.stamp_ns, head.frame_id] = record
        elif (topic, head.stamp_ns) in self._wanted:
            parts = self._masks.setdefault((topic, head.stamp_ns), {})
            parts[record.topic.removeprefix(topic)] = record
        else:
            return
        self._draw_complete(head.stamp_ns, head.frame_id)

    def _draw_complete(self, stamp_ns: int, frame_id: str) -> None:
        picture = self._pictures.get((stamp_ns, frame_id))
        if picture is None:
            return
        for key in [k for k, parts in self._masks.items() if k[1] == stamp_ns]:
            parts = self._masks[key]
            if len(parts) < 2 or _frame_of(parts['']) != frame_id:
                continue
            self._draw(key, picture, self._masks.pop(key))

    def _draw(self, key: tuple[str, int], picture: Record, parts: dict[str, Record]) -> None:
        assembler = convert.assemble(Masks)
        masks = None
        for suffix, record in parts.items():
            assert assembler is not None
            masks = assembler.add(suffix, deserialize(record.data, record.type_name))
        message = deserialize(picture.data, picture.type_name)
        image = convert.from_msg(message, Image, picture.log_time_ns)
        if not isinstance(masks, Masks) or not isinstance(image, Image):
            return
        rgb, when = np.asarray(image.rgb()), f'{self._recording.at_s(key[1]):.1f} s'
        self._wanted.discard(key)
        moment = self._moments.get(key)
        if moment is not None:
            large = enlarged(rgb)
            marked = draw_masks(large, fitted(masks, large), letters=LETTERS)
            drawn = _narrowed(marked, _WIDTH)
            words = moment.title or (', '.join(dict.fromkeys(masks.labels)) or 'nothing marked')
            where = f' · {camera_of(key[0])}' if len(self._recording.answered) > 1 else ''
            self._album.moments.append(Shot(jpeg_of(drawn), f'{when}: {words}{where}'))
        for track in self._tracks.get(key, []):
            part = part_around(rgb, masks, int(track.track_id), track.box)
            text = f'{track.label} #{track.track_id}, {when}'
            self._album.tracks[track.topic, track.track_id] = Shot(jpeg_of(part), text)

    def close(self) -> None:
        """Tell what had no picture."""
        if self._wanted:
            number = len(self._wanted)
            self._album.left_out.append(
                f'{number} moments whose picture is not in the bag, or of another size'
            )


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
            boxes = convert.from_msg(message, Boxes3D, record.log_time_ns)
            if isinstance(boxes, Boxes3D) and boxes.stamp_ns in self._stamps:
                self._boxes[boxes.stamp_ns] = boxes
        elif record.topic in self._maps:
            message = deserialize(record.data, record.type_name)
            grid = self._join.add(self._maps[record.topic], message)
            if isinstance(grid, BevGrid) and grid.stamp_ns in self._stamps:
                self._grids[grid.stamp_ns] = grid

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
