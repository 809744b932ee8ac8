"""Raw messages taken in as samples: which topics belong together, and what each becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mm_perception.ros import convert
from mm_perception.ros.convert.boxes3d import BOXES
from mm_perception.ros.convert.compressed_image import COMPRESSED
from mm_perception.ros.convert.detections import DETECTIONS
from mm_perception.ros.convert.image import IMAGE
from mm_perception.ros.convert.masks import ANNOTATED
from mm_perception.ros.convert.motion import DETAILS
from mm_perception.ros.convert.occupancy import GRID, SUFFIXES
from mm_perception.ros.convert.text import TEXT
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Advice, BevGrid, Boxes3D, Masks, Sample

#: What is no sample, and yet drawn.
TRANSFORMS, DIAGNOSTICS = 'tf2_msgs/msg/TFMessage', DETAILS


@dataclass(frozen=True)
class Part:
    """What a topic contributes.

    Attributes:
        topic: Of the sample; the part's own without its suffix.
        suffix: Of the part.
        sample_type: What it becomes, alone or with other parts; None for a message that is drawn
            as it is, `TRANSFORMS` or `DIAGNOSTICS`.
    """

    topic: str
    suffix: str
    sample_type: type[Sample] | None


def parts_of(types: Mapping[str, str]) -> tuple[dict[str, Part], dict[str, str]]:
    """What topics contribute, and for those that contribute nothing, why.

    Args:
        types: Topics to ROS types.

    Convention:
        A picture with boxes on `<topic>/detections` is one of ids: both become Masks. A map
        with `<topic>/lane` has that layer.
    """
    parts: dict[str, Part] = {}
    left_out: dict[str, str] = {}
    for topic in sorted(types):  # a topic comes before those below it
        if topic in parts or topic in left_out:
            continue
        whole = _whole_of(topic, types)
        if whole is not None:
            _claim(*whole, types, parts, left_out)
        elif types[topic] == COMPRESSED and types.get(topic.rsplit('/', 1)[0]) == IMAGE:
            left_out[topic] = ''
        elif types[topic] in (TRANSFORMS, DIAGNOSTICS):
            parts[topic] = Part(topic, '', None)
        elif becomes := convert.sample_types_of(types[topic]):
            parts[topic] = Part(topic, '', becomes[0])
        elif topic.endswith(('/markers', ANNOTATED)) and topic.rsplit('/', 1)[0] in types:
            left_out[topic] = ''  # the same again, for RViz or Foxglove
        elif topic.endswith('/debug/timing'):
            left_out[topic] = ''  # numbers of /diagnostics, for plots elsewhere
        else:
            left_out[topic] = f'nothing is drawn of {types[topic]}'
    return parts, left_out


def _whole_of(topic: str, types: Mapping[str, str]) -> tuple[str, type[Sample]] | None:
    """The topic and type of the sample of several parts, if this one is a part of any."""
    kind = types[topic]
    if kind == IMAGE and types.get(f'{topic}/detections') == DETECTIONS:
        return topic, Masks
    if kind == BOXES:
        return topic, Boxes3D
    if kind == GRID:
        layer = max((s for s in SUFFIXES if topic.endswith(s)), key=len)
        return topic.removesuffix(layer), BevGrid
    if kind == TEXT and types.get(f'{topic}/details') == DETAILS:
        return topic, Advice
    return None


def _claim(
    topic: str,
    sample_type: type[Sample],
    types: Mapping[str, str],
    parts: dict[str, Part],
    left_out: dict[str, str],
) -> None:
    assembler = convert.assemble(sample_type)
    suffixes = ('/details',) if assembler is None else assembler.suffixes
    for wire in convert.published(sample_type):
        name = topic + wire.suffix
        if types.get(name) != wire.type_name:
            continue
        if wire.suffix in suffixes:
            parts[name] = Part(topic, wire.suffix, sample_type)
        else:
            left_out[name] = ''  # the same again, for other programs
    if sample_type is BevGrid:
        for name in types:
            if name.startswith(f'{topic}/') and types[name] == GRID and name not in parts:
                left_out[name] = f'not a layer of {topic}'


class Reading:
    """Turns messages into samples; topics may appear at any time.

    Args:
        is_whole: Every topic is known from the start, as in a bag: wait for all parts.
    """

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole
        self._types: dict[str, str] = {}
        self._parts: dict[str, Part] = {}
        self._joins: dict[str, Any] = {}
        #: Topics of which nothing is drawn, with the reason; empty if another topic has the same.
        self.left_out: dict[str, str] = {}

    def add_topics(self, types: Mapping[str, str]) -> None:
        """Topics and their ROS types, in addition to those before."""
        self._types |= types
        self._parts, self.left_out = parts_of(self._types)
        for part in self._parts.values():
            if part.topic in self._joins or part.sample_type is None:
                continue
            join = convert.assemble(part.sample_type)
            if join is None:
                continue
            self._joins[part.topic] = join
            if self._is_whole and hasattr(join, 'expect'):
                join.expect(s for s in join.suffixes if part.topic + s in self._parts)

    @property
    def topics(self) -> set[str]:
        """Those of which something is drawn."""
        return set(self._parts)

    def take(self, topic: str, data: bytes, received_ns: int) -> tuple[str, Sample | Any] | None:
        """A message.

        Args:
            topic: One of `topics`.
            data: CDR bytes.
            received_ns: When it was logged or came; the stamp where it has none.

        Returns:
            The topic of the sample and the sample, or the message itself where it is no sample.
            None while parts are missing.

        Raises:
            MmPerceptionError: The message is malformed, or of an unknown encoding or type.
        """
        part = self._parts[topic]
        message = deserialize(data, self._types[topic])
        if part.sample_type is None:
            return topic, message
        join = self._joins.get(part.topic)
        if join is None:
            return part.topic, convert.from_msg(message, part.sample_type, received_ns)
        sample = join.add(part.suffix, message)
        return None if sample is None else (part.topic, sample)
