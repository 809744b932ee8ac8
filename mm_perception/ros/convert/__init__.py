"""Between ROS messages and samples: one table, and the functions that use it.

A message becomes exactly one sample. A sample becomes one message per `WireTopic`: masks, for one,
are a picture of ids, boxes and a table of labels. Live, `assemble` joins the parts again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mm_perception.errors import ConfigError
from mm_perception.ros.convert import (
    audio,
    boxes3d,
    camera_info,
    compressed_image,
    detections,
    event,
    image,
    markers,
    masks,
    motion,
    occupancy,
    outlines,
    point_cloud,
    pose,
    prompt,
    skeletons,
    speech,
    text,
)
from mm_perception.ros.convert.compressed_image import FORMATS
from mm_perception.ros.convert.header import stamp_and_frame
from mm_perception.ros.convert.image import ENCODINGS
from mm_perception.ros.convert.join import StampJoin, boxes3d_join, grid_join
from mm_perception.ros.convert.masks import MasksAssembler, masks_to
from mm_perception.ros.convert.requests import fill_response, request_from_ros, service_of
from mm_perception.ros.wire import type_name_of
from mm_perception.samples import (
    Advice,
    AudioClip,
    BevGrid,
    Boxes3D,
    CameraInfo,
    Command,
    Detections,
    Embedding,
    Event,
    Image,
    Labels,
    Masks,
    Odometry,
    Point3D,
    PointCloud,
    Pose,
    Prompt,
    PromptStatus,
    Sample,
    Skeletons,
    Text,
    Transcript,
)

__all__ = [
    'ENCODINGS', 'FORMATS', 'WireTopic', 'accepted_types', 'assemble', 'fill_response', 'from_msg',
    'published', 'request_from_ros', 'sample_types_of', 'service_of', 'stamp_and_frame', 'to_msgs',
]  # fmt: skip

FromMessage = Callable[[Any, int], Sample]


@dataclass(frozen=True)
class WireTopic:
    """One topic of an output port.

    Attributes:
        suffix: What follows the port's own topic; empty for the topic itself.
        type_name: ROS type.
        latched: Transient local: late subscribers get the newest message.
    """

    suffix: str
    type_name: str
    latched: bool = False


_IN: dict[type[Sample], dict[str, FromMessage]] = {
    Image: {
        image.IMAGE: image.image_from,
        compressed_image.COMPRESSED: compressed_image.compressed_from,
    },
    CameraInfo: {camera_info.CAMERA_INFO: camera_info.camera_info_from},
    PointCloud: {point_cloud.CLOUD: point_cloud.cloud_from},
    Pose: {pose.POSE: pose.pose_from},
    AudioClip: {audio.AUDIO: audio.audio_from},
    Text: {text.STRING: text.string_from, text.TEXT: text.text_from},
    Labels: {text.CLASSIFICATION: text.labels_from},
    Embedding: {text.EMBEDDING: text.embedding_from},
    Detections: {detections.DETECTIONS: detections.detections_from},
    Boxes3D: {boxes3d.BOXES: boxes3d.boxes3d_from},
    BevGrid: {occupancy.GRID: occupancy.grid_from},
    Odometry: {motion.ODOMETRY: motion.odometry_from},
    Point3D: {motion.POINT: motion.point3d_from},
    Prompt: {
        prompt.PROMPT: prompt.prompt_from,
        prompt.POINT: prompt.point_prompt_from,
        text.STRING: prompt.text_prompt_from,
    },
    PromptStatus: {prompt.STATUS: prompt.status_from},
    Transcript: {speech.TRANSCRIPT: speech.transcript_from},
    Command: {speech.COMMAND: speech.command_from},
    Event: {event.EVENT: event.event_from},
    Skeletons: {skeletons.SKELETONS: skeletons.skeletons_from},
    Advice: {motion.DETAILS: motion.advice_from},
}
_OUT: dict[type[Sample], tuple[WireTopic, Callable[[Any], Any]]] = {
    Image: (WireTopic('', image.IMAGE), image.image_to),
    CameraInfo: (WireTopic('', camera_info.CAMERA_INFO), camera_info.camera_info_to),
    PointCloud: (WireTopic('', point_cloud.CLOUD), point_cloud.cloud_to),
    AudioClip: (WireTopic('', audio.AUDIO), audio.audio_to),
    Labels: (WireTopic('', text.CLASSIFICATION), text.labels_to),
    Embedding: (WireTopic('', text.EMBEDDING), text.embedding_to),
    Detections: (WireTopic('', detections.DETECTIONS), detections.detections_to),
    Odometry: (WireTopic('', motion.ODOMETRY), motion.odometry_to),
    Pose: (WireTopic('', pose.POSE), pose.pose_to),
    Point3D: (WireTopic('', motion.POINT), motion.point3d_to),
    Command: (WireTopic('', speech.COMMAND), speech.command_to),
    Event: (WireTopic('', event.EVENT), event.event_to),
}


def _boxes_to(sample: Any) -> dict[str, Any]:
    """Velocities first: who joins them with the boxes finds them there."""
    speeds = boxes3d.velocities_to(sample)
    found = {} if speeds is None else {'/velocities': speeds}
    return {**found, '': boxes3d.boxes3d_to(sample), '/markers': markers.markers_to(sample)}


def _with_words(to_message: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """The message, and the same as a line above the robot."""
    return lambda sample: {'': to_message(sample), '/markers': markers.words_to(sample)}


#: Samples that are spread over several topics.
_OUT_MANY: dict[type[Sample], tuple[tuple[WireTopic, ...], Callable[[Any], dict[str, Any]]]] = {
    Masks: (
        (
            WireTopic('', image.IMAGE),
            WireTopic('/detections', detections.DETECTIONS),
            WireTopic('/label_info', masks.LABEL_INFO, latched=True),
            WireTopic(masks.ANNOTATED, outlines.ANNOTATIONS),
        ),
        masks_to,
    ),
    Skeletons: (
        (WireTopic('', skeletons.SKELETONS), WireTopic(masks.ANNOTATED, outlines.ANNOTATIONS)),
        lambda sample: {
            '': skeletons.skeletons_to(sample),
            masks.ANNOTATED: outlines.limbs_to(sample),
        },
    ),
    Boxes3D: (
        (
            WireTopic('', boxes3d.BOXES),
            WireTopic('/velocities', point_cloud.CLOUD),
            WireTopic('/markers', markers.MARKERS),
        ),
        _boxes_to,
    ),
    BevGrid: (
        tuple(WireTopic(suffix, occupancy.GRID) for suffix in occupancy.SUFFIXES),
        occupancy.grids_to,
    ),
    Advice: (
        (
            WireTopic('', text.TEXT),
            WireTopic('/details', motion.DETAILS),
            WireTopic('/markers', markers.MARKERS),
        ),
        lambda sample: {**motion.advice_to(sample), '/markers': markers.words_to(sample)},
    ),
    **{
        kind: (
            (WireTopic('', type_name), WireTopic('/markers', markers.MARKERS)),
            _with_words(to_message),
        )
        for kind, type_name, to_message in (
            (Text, text.TEXT, text.text_to),
            (Prompt, prompt.PROMPT, prompt.prompt_to),
            (PromptStatus, prompt.STATUS, prompt.status_to),
            (Transcript, speech.TRANSCRIPT, speech.transcript_to),
        )
    },
}
_JOINS: dict[type[Sample], Callable[[], MasksAssembler | StampJoin]] = {
    Masks: MasksAssembler, Boxes3D: boxes3d_join, BevGrid: grid_join,
}  # fmt: skip


def accepted_types(sample_type: type[Sample]) -> tuple[str, ...]:
    """ROS types from which a sample of this type can be made, preferred first."""
    if sample_type is Masks:
        return (image.IMAGE,)
    return tuple(_IN.get(sample_type, {}))


def sample_types_of(type_name: str) -> tuple[type[Sample], ...]:
    """Sample types that a ROS type can become."""
    return tuple(sample for sample, types in _IN.items() if type_name in types)


def from_msg(message: Any, sample_type: type[Sample], received_ns: int = 0) -> Sample:
    """The sample in a message.

    Args:
        message: The message.
        sample_type: What it shall become.
        received_ns: Stamp for messages that have no header.

    Raises:
        MalformedMessageError: The message contradicts itself.
        UnsupportedEncodingError: It is in an encoding that is not known.
        ConfigError: Its type cannot become that sample.
    """
    type_name = type_name_of(message)
    converters = _IN.get(sample_type, {})
    if type_name not in converters:
        expected = ' or '.join(converters) or 'a type with a converter'
        raise ConfigError(f'message for {sample_type.__name__}', type_name, expected)
    return converters[type_name](message, received_ns)


def published(sample_type: type[Sample]) -> tuple[WireTopic, ...]:
    """What a port of this type puts on the wire.

    Raises:
        ConfigError: The type cannot leave the process.
    """
    if sample_type in _OUT_MANY:
        return _OUT_MANY[sample_type][0]
    if sample_type not in _OUT:
        raise ConfigError('output type', sample_type.__name__, 'a sample that has a ROS message')
    return (_OUT[sample_type][0],)


def to_msgs(sample: Sample) -> dict[str, Any]:
    """The messages of a sample by suffix of their topic."""
    if type(sample) in _OUT_MANY:
        return _OUT_MANY[type(sample)][1](sample)
    published(type(sample))
    return {'': _OUT[type(sample)][1](sample)}


def assemble(sample_type: type[Sample]) -> MasksAssembler | StampJoin | None:
    """What joins several topics into one sample, where a sample is spread over several."""
    return _JOINS[sample_type]() if sample_type in _JOINS else None
