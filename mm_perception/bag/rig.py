"""The cameras and the LiDAR of a recording at a few moments, brought together through TF."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.bag.reader import BagReader, Record
from mm_perception.bag.transforms import read_transforms
from mm_perception.channel import from_topic
from mm_perception.errors import BagError, ConfigError, MmPerceptionError
from mm_perception.geometry.scans import points_at
from mm_perception.inputs import Report
from mm_perception.ros import convert
from mm_perception.ros.tf import TransformBuffer
from mm_perception.ros.wire import deserialize
from mm_perception.samples import CameraInfo, Image, PointCloud
from mm_perception.samples.sample import Array

_COMPRESSED = '/compressed'


@dataclass(frozen=True)
class Moment:
    """A picture, and the scan next to it in time.

    Attributes:
        image: The picture.
        cloud: The scan.
        points: (N, 3) float64 of the scan in optical axes, metres: each from when it was measured,
            if the scan has a field time, t or offset_time, to when the picture was taken. None if
            TF does not know the way.
        reason: Why it does not.
    """

    image: Image
    cloud: PointCloud
    points: Array | None
    reason: str = ''


@dataclass
class RigCamera:
    """One camera of a recording.

    Attributes:
        topic: Of its pictures.
        info: Its calibration; None if there is none.
        moments: In order of time.
    """

    topic: str
    info: CameraInfo | None = None
    moments: list[Moment] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The topic without what all cameras have in common at its end."""
        parts = self.topic.removesuffix(_COMPRESSED).strip('/').split('/')
        return '_'.join(parts[:-1] or parts)


def read_rig(
    path: Path, lidar: str = '', num_moments: int = 5, report: Report | None = None
) -> list[RigCamera]:
    """Read some moments of a recording, evenly spread.

    Args:
        path: A bag.
        lidar: Topic of the scans; empty for the only one, or the first by name.
        num_moments: How many scans.
        report: Takes the errors of damaged messages, which are left out; without it the first one
            is raised.

    Raises:
        BagError: The bag cannot be read, or has no camera or no scans.
        ConfigError: No such LiDAR topic.
        MalformedMessageError: A message is damaged.
    """
    with BagReader(path) as reader:
        clouds, pictures = _topics(reader, PointCloud), _cameras(reader)
        if not clouds or not pictures:
            what = 'PointCloud2' if not clouds else 'colour Image or CompressedImage'
            raise BagError(str(path), f'has no {what} topic', 'record cameras, LiDAR, TF together')
        if lidar and lidar not in clouds:
            raise ConfigError('--lidar', lidar, f'one of {", ".join(clouds)}')
        scans = list(_evenly(reader, lidar or clouds[0], num_moments, report))
        stamps = np.array([scan.stamp_ns for scan in scans], np.int64)
        transforms = read_transforms(reader, report=report)
        nearest = _nearest(reader, pictures, stamps, report)
        return [
            RigCamera(topic, _info(reader, topic), [
                _moment(image, scans[index], transforms)
                for index, image in sorted(nearest[topic].items())
            ])
            for topic in pictures
        ]  # fmt: skip


def _topics(reader: BagReader, kind: type[Any]) -> list[str]:
    return sorted(
        topic.name for topic in reader.topics.values()
        if topic.count and kind in convert.sample_types_of(topic.type_name)
    )  # fmt: skip


def _cameras(reader: BagReader) -> list[str]:
    """Topics of colour pictures; the compressed one where there are both."""
    found: dict[str, str] = {}
    for topic in _topics(reader, Image):
        first = next(iter(reader.records([topic])))
        try:
            _decoded(first, Image).rgb()
        except MmPerceptionError:  # depth, ids, or a format that nobody reads
            continue
        found.setdefault(topic.removesuffix(_COMPRESSED), topic)
    return sorted(found.values())


def _decoded(record: Record, kind: type[Any]) -> Any:
    message = deserialize(record.data, record.type_name)
    return convert.from_msg(message, kind, record.log_time_ns)


def _evenly(
    reader: BagReader, topic: str, most: int, report: Report | None
) -> Iterator[PointCloud]:
    count = reader.topics[topic].count
    wanted = set(np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist())
    for index, record in enumerate(reader.records([topic])):
        if index in wanted and (cloud := _maybe(record, PointCloud, report)) is not None:
            yield cloud


def _nearest(
    reader: BagReader, topics: list[str], stamps: Array, report: Report | None
) -> dict[str, dict[int, Image]]:
    """The picture of each topic that is nearest to each stamp."""
    best: dict[str, dict[int, tuple[int, Record]]] = {topic: {} for topic in topics}
    for record in reader.records(topics):
        with _told(record, report):
            message = deserialize(record.data, record.type_name)
            stamp_ns, _ = convert.stamp_and_frame(message, record.log_time_ns)
            away = np.abs(stamps - stamp_ns)
            index = int(away.argmin())
            known = best[record.topic].get(index)
            if known is None or away[index] < known[0]:
                best[record.topic][index] = int(away[index]), record
    return {
        topic: {
            index: image for index, (_, record) in found.items()
            if (image := _maybe(record, Image, report)) is not None
        }
        for topic, found in best.items()
    }  # fmt: skip


def _maybe(record: Record, kind: type[Any], report: Report | None) -> Any:
    """The sample; None if the message is damaged and there is somebody to tell."""
    with _told(record, report):
        return _decoded(record, kind)
    return None


@contextmanager
def _told(record: Record, report: Report | None) -> Iterator[None]:
    try:
        yield
    except MmPerceptionError as error:
        if report is None:
            raise
        report(from_topic(error, record.topic))


def _info(reader: BagReader, topic: str) -> CameraInfo | None:
    base = topic.removesuffix(_COMPRESSED)
    name = f'{base.rsplit("/", 1)[0]}/camera_info'
    if name not in reader.topics:
        return None
    record = next(iter(reader.records([name])), None)
    return None if record is None else _decoded(record, CameraInfo)


def _moment(image: Image, cloud: PointCloud, transforms: TransformBuffer) -> Moment:
    """Through the root of TF, so that the way driven between the two stamps counts."""
    root = transforms.root_of(cloud.frame_id)
    try:
        points = points_at(cloud, image.frame_id, image.stamp_ns, root, transforms.lookup)
    except MmPerceptionError as error:
        return Moment(image, cloud, None, str(error))
    return Moment(image, cloud, points)
