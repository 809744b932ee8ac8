"""Index a bag: once, from where it was left, with the tracks that it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_perception.bag.offline import available_topics
from mm_perception.bag.reader import BagReader, Record
from mm_perception.errors import BagError, ConfigError, MmPerceptionError
from mm_perception.graph import NodeSpec, resolve_auto
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Image, Masks
from mm_perception.search.indexer import Indexer, Origin, Sameness, space_of
from mm_perception.search.sights import Sight, Sights
from mm_perception.search.store import Store

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine

_BLOCKS, _BLOCK = 64, 1 << 16
_BATCH = 32  # sights that are embedded at once
_FLUSH = 256  # entries that wait to be written
_TRUTH = '/ground_truth/'
_NOTE = 'bag '
_PARTS = ('', '/detections')  # of masks
_COLOURED = ('rgb8', 'rgba8', 'mono8')


@dataclass(frozen=True)
class BagSettings:
    """How a bag is indexed.

    Attributes:
        every_s: Seconds between two pictures of a camera; 0 for every one.
        track_every_s: Seconds between two looks at the same track.
        smallest_px: Tracks of fewer pixels are not looked at.
        thumbnail_px: Longer side of the pictures that are kept.
        sameness: When a picture is not stored again.
        masks: Topics with masks; none: all there are, but for the truth of a synthetic world.
    """

    every_s: float = 0.0
    track_every_s: float = 0.5
    smallest_px: int = 250
    thumbnail_px: int = 160
    sameness: Sameness = field(default_factory=Sameness)
    masks: tuple[str, ...] = ()


@dataclass
class BagReport:
    """What was done.

    Attributes:
        name: Of the bag.
        state: running, complete, interrupted, damaged, or known (it was indexed before).
        messages: Read now.
        pictures: Looked at now.
        tracks: Looks at tracks now.
        entries: Begun now.
        left_out: Topics of pictures without colour, such as depth.
        problems: What could not be used, each kind once.
    """

    name: str
    state: str = 'running'
    messages: int = 0
    pictures: int = 0
    tracks: int = 0
    entries: int = 0
    left_out: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


class BagIndexer:
    """Puts a bag into a store.

    Args:
        bag: Folder or file.
        engine: What embeds.
        store: Where to.
        settings: How.

    Raises:
        BagError: It cannot be opened.
        ConfigError: It has no pictures, or no such masks.
    """

    def __init__(self, bag: Path, engine: ClipEngine, store: Store, settings: BagSettings) -> None:
        self._reader, self._store, self._settings = BagReader(bag), store, settings
        self._streams = _streams(self._reader)
        self._masks = self._masks_topics()
        digest = bag_digest(bag)
        self.report = BagReport(bag.resolve().name)
        self._sights = Sights(settings.every_s, settings.track_every_s, settings.smallest_px)
        origin = Origin(digest, self.report.name)
        self._indexer = Indexer(engine, store, settings.sameness, settings.thumbnail_px, origin)
        self._waiting: list[Sight] = []
        what = json.dumps([settings.every_s, settings.track_every_s, sorted(self._masks)])
        self._note = f'{_NOTE}{digest} {space_of(engine)} {what}'
        note = json.loads(store.note(self._note) or '{}')
        self._is_known, self._done_ns = bool(note.get('is_complete')), int(note.get('done_ns', 0))

    @property
    def total(self) -> int:
        """Messages that are read if the whole bag is."""
        return 0 if self._is_known else sum(self._reader.topics[t].count for t in self._topics())

    def run(self, progress: Callable[[int], None] = lambda done: None) -> BagReport:
        """Index what is not indexed yet; Ctrl-C ends it cleanly, what is done is kept."""
        report = self.report
        if self._is_known:
            report.state = 'known'
            return report
        try:
            for record in self._reader.records(self._topics(), start_ns=self._done_ns or None):
                self._guard(partial(self._take, record))
                report.messages += 1
                self._done_ns = record.log_time_ns
                if len(self._waiting) >= _BATCH:
                    self._embed()
                progress(report.messages)
            report.state = 'complete'
        except BagError as error:
            report.state = 'damaged'
            report.problems.append(str(error))
        except KeyboardInterrupt:
            report.state = 'interrupted'
        finally:
            self._embed()
            self._write(is_complete=report.state == 'complete')
            self._reader.__exit__(None, None, None)
        report.entries = self._indexer.stored
        return report

    def _topics(self) -> list[str]:
        return sorted({*self._streams, *(t + s for t in self._masks for s in _PARTS)})

    def _masks_topics(self) -> dict[str, tuple[str, Any]]:
        """Topic of masks to camera name and what joins their parts."""
        there = [t for t in self._reader.topics if f'{t}/detections' in self._reader.topics]
        wrong = [t for t in self._settings.masks if t not in there]
        if wrong:
            raise ConfigError(
                '--masks', wrong[0], f'one of {", ".join(there) or "none: no masks"}'
            )
        chosen = self._settings.masks or [t for t in there if not t.startswith(_TRUTH)]
        found = {}
        for topic in chosen:
            name = next((s for s in self._streams.values() if topic.endswith(f'/{s}')), None)
            if name is None and list(self._streams.values()) == ['']:
                name = ''
            if name is not None:
                found[topic] = name, convert.assemble(Masks)
        return found

    def _take(self, record: Record) -> None:
        if record.topic not in self._streams:
            self._take_masks(record)
            return
        stream = self._streams[record.topic]
        message = deserialize(record.data, record.type_name)
        stamp_ns, _ = convert.stamp_and_frame(message, record.log_time_ns)
        if not self._masks and not self._sights.wants(stream, stamp_ns):
            return
        image = convert.from_msg(message, Image, record.log_time_ns)
        if isinstance(image, Image) and image.encoding not in _COLOURED:
            self.report.left_out.add(record.topic)
        elif isinstance(image, Image):
            found = self._sights.picture(image, stream, record.topic)
            self.report.pictures += len(found)
            self._waiting += found

    def _take_masks(self, record: Record) -> None:
        topic = next(t for t in self._masks if record.topic in (t, f'{t}/detections'))
        stream, assembler = self._masks[topic]
        message = deserialize(record.data, record.type_name)
        masks = assembler.add(record.topic.removeprefix(topic), message)
        if isinstance(masks, Masks):
            picture = next(t for t, name in self._streams.items() if name == stream)
            found = self._sights.masks(masks, stream, picture)
            self.report.tracks += len(found)
            self._waiting += found

    def _embed(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._guard(lambda: self._indexer.add(waiting))
        if self._indexer.waiting >= _FLUSH:
            self._write(is_complete=False)

    def _write(self, *, is_complete: bool) -> None:
        """Entries first: a note that is there is true."""
        self._indexer.flush()
        note = {'bag': self.report.name, 'done_ns': self._done_ns, 'is_complete': is_complete}
        self._store.write_note(self._note, json.dumps(note))

    def _guard(self, call: Callable[[], object]) -> None:
        """A message that is broken is reported, and the rest is indexed."""
        try:
            call()
        except MmPerceptionError as error:
            text = f'{type(error).__name__}: {error}'
            if text not in self.report.problems:
                self.report.problems.append(text)


def _streams(reader: BagReader) -> dict[str, str]:
    """Topics of pictures to camera names, as a stack would name them."""
    spec = NodeSpec('index', 'video_search', {'image': {'*': 'auto'}})
    resolved = resolve_auto(spec, available_topics(reader))
    return {topic: stream for stream, topic in resolved.inputs['image'].items()}


def bag_digest(bag: Path) -> str:
    """What tells a recording from others, wherever it lies and whatever it is called.

    It hashes the sizes of its storage files and 64 blocks of 64 KiB spread over each, so that a
    recording of many gigabytes takes no longer than a short one.
    """
    digest = hashlib.blake2b(digest_size=16)
    files = [bag] if bag.is_file() else [*bag.glob('*.mcap*'), *bag.glob('*.db3*')]
    for path in sorted(files):
        size = path.stat().st_size
        digest.update(size.to_bytes(8, 'big'))
        with path.open('rb') as file:
            for number in range(_BLOCKS):
                file.seek(max(0, size - _BLOCK) * number // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()
