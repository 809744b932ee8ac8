"""What a bag says was found: tracks, prompts, words, events, boxes in space, by their types.

No wiring is needed: masks are pictures of ids with `<topic>/detections` beside them, and all else
has a message type of its own. So a recording of a running graph can be told, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.bag.reader import BagReader, Record
from mm_perception.bag.transforms import read_transforms
from mm_perception.channel import from_topic
from mm_perception.errors import BagError, MmPerceptionError
from mm_perception.faults import Level, tally
from mm_perception.reporting import told
from mm_perception.reporting.dating import dated
from mm_perception.ros import convert
from mm_perception.ros.convert.boxes3d import BOXES
from mm_perception.ros.convert.detections import DETECTIONS
from mm_perception.ros.convert.header import stamp_and_frame
from mm_perception.ros.convert.motion import DETAILS, ODOMETRY
from mm_perception.ros.convert.prompt import PROMPT, STATUS
from mm_perception.ros.tf import TransformBuffer
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Boxes3D, Detections, Odometry, Prompt, PromptState, PromptStatus
from mm_perception.samples.prompt import spoken_of
from mm_perception.watching import Watch, unwatched

TRUTH = '/ground_truth/'
DIAGNOSTICS = '/diagnostics'
_SUFFIX = '/detections'


@dataclass(eq=False)
class Track:
    """One track in one camera.

    Attributes:
        topic: Of its masks.
        stamps_ns: Of the pictures in which it has a pixel.
        best: Stamp of the picture in which its box is largest.
        box: (4,) xyxy pixels, there.
        score: The highest.
    """

    topic: str
    track_id: str
    label: str
    stamps_ns: list[int] = field(default_factory=list)
    best: int = 0
    box: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    score: float = 0.0

    def take(self, stamp_ns: int, box: tuple[float, ...], score: float) -> None:
        """Seen once more."""
        self.stamps_ns.append(stamp_ns)
        self.score = max(self.score, score)
        if _area(box) >= _area(self.box):
            self.best, self.box = stamp_ns, box


@dataclass(eq=False)
class Path3D:
    """One track in space.

    Attributes:
        frame_id: Of its places.
        places: (stamp_ns, x, y, z), metres.
    """

    topic: str
    track_id: str
    label: str
    frame_id: str
    places: list[tuple[int, float, float, float]] = field(default_factory=list)

    def take(self, stamp_ns: int, centre: Sequence[float]) -> None:
        """Seen once more."""
        x, y, z = centre
        self.places.append((stamp_ns, x, y, z))


@dataclass(eq=False)
class Recording:
    """All that a report needs of a bag but its pictures.

    Attributes:
        bag: Its path.
        start_ns: Log time of the first message.
        end_ns: Of the last.
        counts: Messages by topic.
        answered: Topic of masks to the stamps of the pictures that were answered.
        tracks: By topic of masks and id.
        prompts: As they were asked.
        statuses: What became of prompts, in order, with the topic.
        lines: What was said, heard, advised, and what happened.
        boxes: Topic of boxes in space to the stamps of its messages.
        frames: Topic of boxes in space to their frame.
        paths: Boxes in space with ids, by topic and id.
        odometry: Topic to (stamp_ns, x, y, yaw) and the frames of it and of the body.
        transforms: TF, where there are boxes in space; else empty.
        warnings: How often (node, level, message) was diagnosed.
        undated: Topics with messages whose stamp is zero; their times are those of the bag.
        problems: What could not be read.
    """

    bag: Path
    start_ns: int = 0
    end_ns: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    answered: dict[str, list[int]] = field(default_factory=dict)
    tracks: dict[tuple[str, str], Track] = field(default_factory=dict)
    prompts: list[Prompt] = field(default_factory=list)
    statuses: list[tuple[str, PromptStatus]] = field(default_factory=list)
    lines: list[told.Line] = field(default_factory=list)
    boxes: dict[str, list[int]] = field(default_factory=dict)
    frames: dict[str, str] = field(default_factory=dict)
    paths: dict[tuple[str, str], Path3D] = field(default_factory=dict)
    odometry: dict[str, Ego] = field(default_factory=dict)
    transforms: TransformBuffer = field(default_factory=partial(TransformBuffer, None))
    warnings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    undated: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first message to the last."""
        return max((self.end_ns - self.start_ns) / 1e9, 1e-3)

    def words_of(self, prompt_id: str) -> str:
        """The text of a prompt; what people read for its id where it has none, as boxes do."""
        texts = (p.text for p in self.prompts if p.prompt_id == prompt_id and p.text)
        return next(texts, spoken_of(prompt_id))

    def at_s(self, stamp_ns: int) -> float:
        """Seconds from the first message."""
        return (stamp_ns - self.start_ns) / 1e9

    def end_with(self, bag_end_ns: int) -> None:
        """Let its time end with that of the bag that was replayed.

        Nodes that are behind go on after it, and so do their diagnostics, while nothing is seen
        any more. What was told later than the end stays within.
        """
        stamps = [line.end_ns for line in self.lines]
        stamps += [status.stamp_ns for _, status in self.statuses]
        stamps += [seen[-1] for seen in (*self.answered.values(), *self.boxes.values()) if seen]
        if self.start_ns < bag_end_ns:
            self.end_ns = min(self.end_ns, max([bag_end_ns, *stamps]))


@dataclass(eq=False)
class Ego:
    """How the robot moved: `places` holds (stamp_ns, x, y, yaw), metres and radians."""

    frame_id: str
    body_id: str
    places: list[tuple[int, float, float, float]] = field(default_factory=list)


def read_recording(bag: Path, watch: Watch = unwatched) -> Recording:
    """Read everything but pictures, clouds and sound.

    Args:
        bag: Folder or file.
        watch: Shows progress.

    Raises:
        BagError: It is no bag.
    """
    with BagReader(bag) as reader:
        recording = Recording(bag, reader.start_ns, reader.end_ns)
        recording.counts = {name: topic.count for name, topic in reader.topics.items()}
        if reader.damage:
            recording.problems.append(reader.damage)
        takers = _takers(recording, reader)
        total = sum(recording.counts[name] for name in takers)
        try:
            with watch(total, 'reading the result') as progress:
                for done, record in enumerate(reader.records(takers.keys()), 1):
                    _guarded(recording, takers[record.topic], record)
                    progress(done)
        except BagError as error:
            recording.problems = [str(error)]  # says more than what was known from the start
    recording.lines.sort(key=lambda line: line.start_ns)
    return recording


def add_transforms(recording: Recording, bag: Path) -> None:
    """Take the TF of a bag: of the recording, or of the one that was replayed.

    Raises:
        BagError: It cannot be read.
    """
    with BagReader(bag) as reader:
        read_transforms(reader, recording.transforms, partial(_tell, recording))


def add_odometry(recording: Recording, bag: Path) -> None:
    """Take the odometry of another bag: a replay keeps only what its stack has asked for.

    Raises:
        BagError: It cannot be read.
    """
    with BagReader(bag) as reader:
        topics = [
            name
            for name, topic in reader.topics.items()
            if topic.type_name == ODOMETRY and not name.startswith(TRUTH)
        ]
        for record in reader.records(topics) if topics else ():
            _guarded(recording, partial(_take_odometry, recording), record)


_Take = Callable[[Record, Any], None]


def _takers(recording: Recording, reader: BagReader) -> dict[str, _Take]:
    """By topic, who takes its messages."""
    by_type: dict[str, Callable[[Recording, Record, Any], None]] = {
        DETECTIONS: _take_detections, BOXES: _take_boxes, ODOMETRY: _take_odometry,
        PROMPT: _take_prompt, STATUS: _take_status, DETAILS: _take_diagnostics,
    }  # fmt: skip
    takers: dict[str, _Take] = {}
    teller = told.Teller(recording.lines)
    for name, topic in reader.topics.items():
        if name.startswith(TRUTH):
            continue
        if topic.type_name == DETECTIONS and name.removesuffix(_SUFFIX) in reader.topics:
            recording.answered[name.removesuffix(_SUFFIX)] = []
        if topic.type_name == DETAILS and not name.endswith(DIAGNOSTICS):
            continue  # advice: told from its text
        if topic.type_name in by_type:
            take = by_type[topic.type_name]
            takers[name] = partial(take, recording)
        elif topic.type_name in told.TYPES:
            takers[name] = teller.take
    return takers


def _guarded(recording: Recording, take: _Take, record: Record) -> None:
    """A message that is broken is told, each kind once, and the rest is read."""
    try:
        message = deserialize(record.data, record.type_name)
        is_dated = stamp_and_frame(message, record.log_time_ns)[0] != 0
        if not is_dated and record.type_name != PROMPT:  # which means the newest picture
            recording.undated.add(record.topic)
        take(record, message)
    except MmPerceptionError as error:
        _tell(recording, from_topic(error, record.topic))


def _tell(recording: Recording, error: MmPerceptionError) -> None:
    if str(error) not in recording.problems:
        recording.problems.append(str(error))


def _take_detections(recording: Recording, record: Record, message: Any) -> None:
    topic = record.topic.removesuffix(_SUFFIX)
    if topic not in recording.answered:
        return
    found = dated(convert.from_msg(message, Detections, record.log_time_ns), record)
    assert isinstance(found, Detections)
    recording.answered[topic].append(found.stamp_ns)
    ids = found.track_ids or tuple(map(str, range(1, len(found) + 1)))
    for track_id, label, box, score in zip(
        ids, found.labels, found.xyxy.tolist(), found.scores.tolist(), strict=True
    ):
        track = recording.tracks.setdefault((topic, track_id), Track(topic, track_id, label))
        track.take(found.stamp_ns, tuple(box), score)


def _take_boxes(recording: Recording, record: Record, message: Any) -> None:
    boxes = dated(convert.from_msg(message, Boxes3D, record.log_time_ns), record)
    assert isinstance(boxes, Boxes3D)
    recording.boxes.setdefault(record.topic, []).append(boxes.stamp_ns)
    recording.frames[record.topic] = boxes.frame_id
    take_paths(recording.paths, record.topic, boxes)


def take_paths(paths: dict[tuple[str, str], Path3D], topic: str, boxes: Boxes3D) -> None:
    """Boxes with ids go on where those of the same topic and id were."""
    places = boxes.centres.tolist()
    for track_id, label, place in zip(boxes.track_ids, boxes.labels, places, strict=False):
        path = Path3D(topic, track_id, label, boxes.frame_id)
        paths.setdefault((topic, track_id), path).take(boxes.stamp_ns, place)


def _take_odometry(recording: Recording, record: Record, message: Any) -> None:
    odom = dated(convert.from_msg(message, Odometry, record.log_time_ns), record)
    assert isinstance(odom, Odometry)
    ego = recording.odometry.setdefault(record.topic, Ego(odom.frame_id, odom.child_frame_id))
    x, y, z, w = odom.quat_xyzw.tolist()
    yaw = float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
    ego.places.append((odom.stamp_ns, *odom.position[:2].tolist(), yaw))


def _take_prompt(recording: Recording, record: Record, message: Any) -> None:
    prompt = convert.from_msg(message, Prompt, record.log_time_ns)
    assert isinstance(prompt, Prompt)
    recording.prompts.append(prompt)


def _take_status(recording: Recording, record: Record, message: Any) -> None:
    status = dated(convert.from_msg(message, PromptStatus, record.log_time_ns), record)
    assert isinstance(status, PromptStatus)
    recording.statuses.append((record.topic, status))


def _take_diagnostics(recording: Recording, record: Record, message: Any) -> None:
    for status in message.status:
        level = Level(min(status.level[0], Level.STALE))
        tally(recording.warnings, status.name.split(':')[0], level, status.message)


def said_of(state: PromptState) -> str:
    """CSS class of what became of a prompt."""
    return {
        PromptState.FOUND: 'good', PromptState.NOT_FOUND: 'bad', PromptState.REJECTED: 'bad',
    }.get(state, 'wait')  # fmt: skip


def _area(box: tuple[float, ...]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
