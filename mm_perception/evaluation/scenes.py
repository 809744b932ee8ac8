"""Bags with a truth, as `mmp world` writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mm_perception.bag.reader import BagReader
from mm_perception.errors import BagError
from mm_perception.evaluation.naming import Name, split_label
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Image, Masks
from mm_perception.samples.sample import Array

TRUTH = '/ground_truth/output/masks'
_PARTS = ('detections', 'label_info', 'annotations')


@dataclass(frozen=True, eq=False)
class Scene:
    """What one camera of a bag sees.

    Attributes:
        camera: Its name; empty where the bag has one camera without a name.
        image_topic: Its pictures.
        truth: T truths in order of time, one per picture.
        start_ns: Stamp of the first picture.
    """

    camera: str
    image_topic: str
    truth: tuple[Masks, ...]
    start_ns: int

    @property
    def times_s(self) -> list[float]:
        """(T) seconds from the first picture."""
        return [(masks.stamp_ns - self.start_ns) / 1e9 for masks in self.truth]

    def first(self, seconds: float) -> list[Masks]:
        """The truths of the first seconds."""
        return [m for m, t in zip(self.truth, self.times_s, strict=True) if t <= seconds]

    def only(self, stamps_ns: Collection[int]) -> Scene:
        """The same without the other pictures."""
        return replace(self, truth=tuple(m for m in self.truth if m.stamp_ns in stamps_ns))


@dataclass(frozen=True, eq=False)
class World:
    """A bag with its truth.

    Attributes:
        bag: The folder.
        scenes: One per camera.
        names: Of everything in the world, seen or not.
    """

    bag: Path
    scenes: tuple[Scene, ...]
    names: frozenset[Name]


def read_world(bag: Path) -> World:
    """Read the truth of a bag.

    Raises:
        BagError: It is no bag, or holds no truth, or truth without pictures.
    """
    truths, images = find_topics(bag)
    scenes = tuple(_scene(bag, topic, images) for topic in truths)
    labels = {label for scene in scenes for masks in scene.truth for label in masks.labels}
    return World(bag, scenes, frozenset(map(split_label, labels | _objects(bag))))


def find_topics(bag: Path) -> tuple[list[str], list[str]]:
    """Topics of truths and of pictures, without reading a message.

    Raises:
        BagError: It is no bag, or holds no truth.
    """
    with BagReader(bag) as reader:
        topics = {name for name, topic in reader.topics.items() if topic.count}
        images = [
            name
            for name in sorted(topics)
            if Image in convert.sample_types_of(reader.topics[name].type_name)
            and not name.startswith(TRUTH)
        ]
    truths = sorted(t for t in topics if t.startswith(TRUTH) and t.split('/')[-1] not in _PARTS)
    if not truths:
        raise BagError(str(bag), f'has no truth on {TRUTH}', 'make one with: mmp world')
    return truths, images


def read_pictures(
    bag: Path, topic: str, stamps_ns: Collection[int] | None = None
) -> Iterator[tuple[int, Array]]:
    """Pictures of a topic in order: stamp, and (H, W, 3) uint8 RGB.

    Args:
        bag: The folder.
        topic: Of the pictures.
        stamps_ns: Only these; None means all.
    """
    with BagReader(bag) as reader:
        for record in reader.records([topic]):
            message = deserialize(record.data, record.type_name)
            stamp_ns, _ = convert.stamp_and_frame(message, record.log_time_ns)
            if stamps_ns is None or stamp_ns in stamps_ns:
                image = convert.from_msg(message, Image, record.log_time_ns)
                if isinstance(image, Image):
                    yield stamp_ns, np.asarray(image.rgb())


def read_masks(bag: Path, topic: str) -> dict[int, Masks]:
    """Masks of a topic by stamp.

    Raises:
        BagError: It is no bag.
    """
    masks: dict[int, Masks] = {}
    assembler = convert.assemble(Masks)
    topics = {topic: '', f'{topic}/detections': '/detections'}
    with BagReader(bag) as reader:
        for record in reader.records(topics.keys()):
            message = deserialize(record.data, record.type_name)
            sample = assembler.add(topics[record.topic], message) if assembler else None
            if isinstance(sample, Masks):
                masks[sample.stamp_ns] = sample
    return masks


def _scene(bag: Path, truth_topic: str, images: list[str]) -> Scene:
    camera = truth_topic.removeprefix(TRUTH).strip('/')
    fitting = [name for name in images if not camera or camera in name.split('/')]
    if not fitting:
        raise BagError(str(bag), f'has no pictures for {truth_topic}', 'make one with: mmp world')
    masks = read_masks(bag, truth_topic)
    if not masks:
        raise BagError(str(bag), f'has no whole message on {truth_topic}', 'make it again')
    truth = tuple(masks[stamp_ns] for stamp_ns in sorted(masks))
    return Scene(camera, fitting[0], truth, truth[0].stamp_ns)


def _objects(bag: Path) -> set[str]:
    """What `objects.json` lists; nothing if there is none."""
    path = bag / 'objects.json'
    if not path.is_file():
        return set()
    try:
        return {str(name) for name in json.loads(path.read_text()).values()}
    except (ValueError, AttributeError) as error:
        raise BagError(
            str(bag), f'objects.json cannot be read: {error}', 'make it again'
        ) from error
