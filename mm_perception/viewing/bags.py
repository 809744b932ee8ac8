"""Recordings and results onto the stage: which folders hold bags, and every message of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from mm_perception.bag.reader import BagReader, Record
from mm_perception.bag.transforms import TF_TOPICS, read_transforms
from mm_perception.errors import BagError, ConfigError, MmPerceptionError
from mm_perception.ros.tf import TransformBuffer
from mm_perception.samples import Sample
from mm_perception.viewing.drawings import MESSAGES, draw
from mm_perception.viewing.reading import Reading
from mm_perception.viewing.stage import Stage

#: So many messages at the head of a topic are compared to tell a copy from another recording.
_COMPARED = 10


def bags_in(path: Path) -> list[Path]:
    """The bags of a path: itself, the one of a result, or those of a folder of both.

    Raises:
        BagError: There is none.

    Convention:
        What `mmp demo` writes is the bags drive, from_above/bag, result/bag and voice/bag.
    """
    if _is_bag(path):
        return [path]
    if not path.exists():
        raise BagError(str(path), 'does not exist', 'check the path')
    folders = [path, *sorted(p for p in path.iterdir() if p.is_dir())] if path.is_dir() else []
    found = [
        bag
        for folder in folders
        for bag in (folder, folder / 'bag')
        if bag != path and _is_bag(bag)
    ]
    if not found:
        fix = 'give a rosbag2 folder, an .mcap file, or what mmp replay or mmp demo wrote'
        raise BagError(str(path), 'is no bag, and none is in it', fix)
    first = [bag for bag in found if bag.name != 'bag']  # recordings before what was made of them
    return first + [bag for bag in found if bag.name == 'bag']


def _is_bag(path: Path) -> bool:
    if path.is_file():
        return path.suffix in ('.mcap', '.db3')
    return path.is_dir() and (
        (path / 'metadata.yaml').is_file() or any(path.glob('*.mcap')) or any(path.glob('*.db3'))
    )


@dataclass
class Account:
    """What became of the messages.

    Attributes:
        drawn: Messages that were drawn or became part of a drawing.
        problems: First reason by topic of what could not be.
        failed: How many by topic.
        left_out: Topics of which nothing is drawn, and why.
    """

    drawn: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, str] = field(default_factory=dict)

    def fail(self, topic: str, error: MmPerceptionError) -> None:
        """A message could not be drawn."""
        self.failed[topic] += 1
        self.problems.setdefault(topic, str(error))


class Show:
    """Bags on one stage; a topic that a later one copied from an earlier one is drawn once.

    Args:
        bags: Folders or files.
        topics: Only these; none means all.
        start_s: Leave out so much at the head of each.
        seconds: And what comes so long after; None for all.

    Raises:
        BagError: One cannot be opened.
        ConfigError: A topic is in none of them.
    """

    def __init__(
        self,
        bags: Sequence[Path],
        topics: Collection[str] = (),
        *,
        start_s: float = 0.0,
        seconds: float | None = None,
    ) -> None:
        self.readers = [BagReader(bag) for bag in bags]
        self.transforms = TransformBuffer(None)
        self._names = _distinct_names(bags)
        self._readings = [_reading_of(reader, topics) for reader in self.readers]
        self._topics = [self._chosen(index) for index in range(len(bags))]
        there = {topic for reader in self.readers for topic in reader.topics}
        unknown = sorted(set(topics) - there)
        if unknown:
            raise ConfigError(
                '--topics', unknown, f'topics of the bags: {", ".join(sorted(there))}'
            )
        self._start_s, self._seconds = start_s, seconds
        for reader in self.readers:
            # What is damaged is told when it is drawn.
            read_transforms(reader, self.transforms, report=lambda error: None)

    @property
    def num_messages(self) -> int:
        """Messages that will be read."""
        return sum(
            reader.topics[topic].count
            for reader, topics in zip(self.readers, self._topics, strict=True)
            for topic in topics
        )

    def draw(
        self,
        stage: Stage,
        progress: Callable[[int], None] = lambda done: None,
        after: Callable[[], None] = lambda: None,
    ) -> Account:
        """Draw every message, a bag after the other: the time line brings them together.

        Args:
            stage: Where to.
            progress: Called with the number of messages read.
            after: Called after each message.
        """
        account, done = Account(), 0
        for index, reader in enumerate(self.readers):
            reading, name = self._readings[index], self._names[index]
            account.left_out |= {t: why for t, why in reading.left_out.items() if why}
            for record in self._records(reader, self._topics[index]):
                try:
                    taken = reading.take(record.topic, record.data, record.log_time_ns)
                    if taken is not None:
                        shown = self._shown(taken[0], name, reader)
                        if shown != taken[0]:
                            stage.layout.add_apart(name)
                        draw_any(stage, shown, taken[1], record.type_name, record.log_time_ns)
                    account.drawn += 1
                except MmPerceptionError as error:
                    account.fail(record.topic, error)
                done += 1
                progress(done)
                after()
        return account

    def close(self) -> None:
        """Close the bags."""
        for reader in self.readers:
            reader.__exit__(None, None, None)

    def _records(self, reader: BagReader, topics: set[str]) -> Iterator[Record]:
        start_ns = reader.start_ns + int(self._start_s * 1e9)
        end_ns = start_ns + int(self._seconds * 1e9) if self._seconds else None
        for record in reader.records(topics, start_ns=start_ns if self._start_s else None):
            if end_ns is not None and record.log_time_ns > end_ns:
                return
            yield record

    def _chosen(self, index: int) -> set[str]:
        """Topics to read of a bag: those that no earlier one has."""
        reader = self.readers[index]
        chosen = set()
        for topic in self._readings[index].topics:
            earlier = [r for r in self.readers[:index] if topic in r.topics]
            if not any(_is_copy(reader, other, topic) for other in earlier):
                chosen.add(topic)
        return chosen

    def _shown(self, topic: str, name: str, reader: BagReader) -> str:
        """The topic, below the name of its bag where an earlier bag has another of that name."""
        earlier = self.readers[: self.readers.index(reader)]
        is_taken = any(topic in r.topics and r.topics[topic].count for r in earlier)
        return f'/{name}{topic}' if is_taken and topic not in TF_TOPICS else topic


def draw_any(
    stage: Stage, topic: str, item: Sample | object, type_name: str, received_ns: int
) -> None:
    """Draw a sample, or a message that is none."""
    if isinstance(item, Sample):
        draw(stage, topic, item, received_ns)
        return
    stage.at(received_ns)
    MESSAGES[type_name](stage, topic, item)


def _reading_of(reader: BagReader, wanted: Collection[str]) -> Reading:
    """Takes in the topics of a bag: those wanted and below them, and TF; none wanted means all."""
    reading = Reading(is_whole=True)
    reading.add_topics(
        {
            topic: info.type_name
            for topic, info in reader.topics.items()
            if info.count and (topic in TF_TOPICS or is_wanted(topic, wanted))
        }
    )
    return reading


def is_wanted(topic: str, wanted: Collection[str]) -> bool:
    """Whether a topic is one of those, or below one of them; none wanted means all."""
    return not wanted or any(topic == w or topic.startswith(f'{w}/') for w in wanted)


def _is_copy(reader: BagReader, other: BagReader, topic: str) -> bool:
    """Whether a topic of two bags has the same number of messages, and begins the same."""
    if reader.topics[topic].count != other.topics[topic].count:
        return False
    heads = [[r.data for r in islice(bag.records([topic]), _COMPARED)] for bag in (reader, other)]
    return heads[0] == heads[1]


def _distinct_names(bags: Sequence[Path]) -> list[str]:
    """Short names: of the folder, and of the one above where that says more."""
    names = [b.parent.name if b.name == 'bag' else b.stem for b in map(Path.resolve, bags)]
    seen = Counter(names)
    return [n if seen[n] == 1 else f'{n}_{i}' for i, n in enumerate(names, 1)]
