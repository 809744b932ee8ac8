"""Write films and albums into a bag, in order of time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.writer import BagWriter
from mm_perception.errors import ShapeError
from mm_perception.footage.album import Album
from mm_perception.footage.film import RATE_HZ, Film, Sound
from mm_perception.footage.still import Still
from mm_perception.imaging.compressed import claimed_size
from mm_perception.ros import convert
from mm_perception.ros.convert.compressed_image import COMPRESSED
from mm_perception.ros.convert.header import header_of
from mm_perception.ros.convert.image import byte_array
from mm_perception.ros.wire import message_class, serialize, type_name_of
from mm_perception.samples import AudioClip, CameraInfo, Image, Sample

#: Log time in ns, topic, message, and whether it is a picture.
Entry = tuple[int, str, Any, bool]


@dataclass(frozen=True)
class Take:
    """What one film or album becomes.

    Attributes:
        source: The film or album.
        topic: Base topic of its pictures; compressed ones go to `<topic>/compressed`.
        frame_id: Optical frame of the camera.
        start_ns: Stamp of its first moment.
    """

    source: Film | Album
    topic: str
    frame_id: str
    start_ns: int

    @property
    def camera(self) -> str:
        """The namespace of its topics."""
        return self.topic.rsplit('/', 1)[0]

    @property
    def microphone(self) -> str:
        """Frame of its sound."""
        name = self.camera.strip('/').replace('/', '_')
        return f'{name}_microphone'.strip('_') if self.source.has_pictures else name


@dataclass(frozen=True)
class Choice:
    """How pictures and sound are written.

    Attributes:
        every: Every nth picture.
        width: Largest width in pixels; 0 leaves pictures as they are.
        is_raw: sensor_msgs/Image instead of CompressedImage.
        fov_rad: Horizontal field of view for a guess of CameraInfo; 0 means no CameraInfo.
        has_sound: Write the sound of films.
    """

    every: int = 1
    width: int = 0
    is_raw: bool = False
    fov_rad: float = 0.0
    has_sound: bool = True

    def num_pictures(self, takes: Sequence[Take]) -> int:
        """How many there will be, as the files say; 0 where one does not."""
        numbers = [t.source.num_pictures for t in takes if t.source.has_pictures]
        return sum(math.ceil(n / self.every) for n in numbers) if all(numbers) else 0


@dataclass
class Written:
    """What lies in the bag: messages by topic, and pictures."""

    counts: dict[str, int] = field(default_factory=dict)
    pictures: int = 0


def write_footage(
    folder: Path,
    takes: Sequence[Take],
    choice: Choice,
    written: Written,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Write the bag; equal files give equal bytes.

    Pictures are logged at their stamps, sound when a chunk is over. Topics: `<topic>/compressed`
    (or `<topic>`), beside it `camera_info` if a field of view is given, and `audio`, mono at
    16 kHz, where the film has sound.

    Args:
        folder: New folder.
        takes: At least one.
        choice: How.
        written: Is filled while it is written: it also tells what an interrupted call kept.
        progress: Called with the number of pictures written, also before the first.

    Raises:
        BagError: The folder exists already or cannot be written.
        KeyboardInterrupt: Ctrl-C, raised by `progress`; what was written is kept.
    """
    with BagWriter(folder) as writer:
        for topic, type_name in _topics(takes, choice):
            writer.add_topic(topic, type_name)
            written.counts[topic] = 0
        progress(0)
        entries = [e for take in takes for e in (_seen(take, choice), _heard(take, choice))]
        with closing(_merged(entries)) as merged:
            for log_ns, topic, message, is_picture in merged:
                writer.write(topic, log_ns, canonical(serialize(message), type_name_of(message)))
                written.counts[topic] += 1
                written.pictures += is_picture
                progress(written.pictures)


def _merged(entries: Sequence[Iterator[Entry]]) -> Any:
    """A generator: closed, it lets go of the films."""
    yield from heapq.merge(*entries, key=lambda entry: entry[0])


def _topics(takes: Sequence[Take], choice: Choice) -> Iterator[tuple[str, str]]:
    for take in takes:
        if take.source.has_pictures:
            yield (
                picture_topic(take, choice),
                (convert.published(Image)[0].type_name if choice.is_raw else COMPRESSED),
            )
            if choice.fov_rad:
                info = convert.published(CameraInfo)[0].type_name
                yield f'{take.camera}/camera_info', info
        if take.source.has_sound and choice.has_sound:
            yield f'{take.camera}/audio', convert.published(AudioClip)[0].type_name


def picture_topic(take: Take, choice: Choice) -> str:
    """Where its pictures are, named as image_transport does.

    Convention:
        `/camera/image_raw` becomes `/camera/image_raw/compressed`, unless pictures are raw.
    """
    return take.topic if choice.is_raw else f'{take.topic}/compressed'


def _seen(take: Take, choice: Choice) -> Iterator[Entry]:
    topic = picture_topic(take, choice)
    for still in take.source.pictures(choice.every):
        try:
            picture = still.narrowed(choice.width)
            message, (height, width) = _picture(take, picture, is_raw=choice.is_raw)
        except ShapeError as error:
            take.source.problems[f'picture at {still.offset_ns / 1e9:.3f} s'] = str(error)
            continue
        stamp_ns = take.start_ns + still.offset_ns
        if choice.fov_rad:
            info = guessed_camera(width, height, choice.fov_rad, stamp_ns, take.frame_id)
            yield stamp_ns, f'{take.camera}/camera_info', convert.to_msgs(info)[''], False
        yield stamp_ns, topic, message, True


def _picture(take: Take, still: Still, *, is_raw: bool) -> tuple[Any, tuple[int, int]]:
    """A message, and height and width."""
    at = partial(Image, stamp_ns=take.start_ns + still.offset_ns, frame_id=take.frame_id)
    if is_raw:
        image = at(data=still.pixels())
        return convert.to_msgs(image)[''], (image.height, image.width)
    data, kind = still.compressed()
    size = claimed_size(np.frombuffer(data, np.uint8)) if still.rgb is None else still.rgb.shape
    message = message_class(COMPRESSED)()
    where = Sample(stamp_ns=take.start_ns + still.offset_ns, frame_id=take.frame_id)
    message.header, message.format = header_of(where), kind
    message.data = byte_array(np.frombuffer(data, np.uint8))
    return message, (int(size[0]), int(size[1]))


def guessed_camera(
    width: int, height: int, fov_rad: float, stamp_ns: int = 0, frame_id: str = ''
) -> CameraInfo:
    """A pinhole without distortion that looks through the middle of its picture.

    Args:
        width: Pixels.
        height: Pixels.
        fov_rad: From the left edge to the right one.
        stamp_ns: Of the picture.
        frame_id: Of the picture.

    Convention:
        640 pixels and 90 degrees give fx = fy = 320; the centre is at 319.5, for pixel 0 is at 0.
    """
    focal = width / 2 / math.tan(fov_rad / 2)
    k = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return CameraInfo(
        stamp_ns=stamp_ns, frame_id=frame_id, width=width, height=height,
        distortion_model='plumb_bob', d=np.zeros(5), k=k, r=np.eye(3),
        p=np.hstack([k, np.zeros((3, 1))]),
    )  # fmt: skip


def _heard(take: Take, choice: Choice) -> Iterator[Entry]:
    """Chunks of sound, stamped with their beginning, each logged when it is over."""
    pieces: Iterator[Sound] = take.source.sound() if choice.has_sound else iter(())
    for offset_ns, data in pieces:
        clip = AudioClip(
            stamp_ns=take.start_ns + offset_ns, frame_id=take.microphone, data=data,
            rate_hz=RATE_HZ,
        )  # fmt: skip
        log_ns = clip.stamp_ns + len(data) * 10**9 // RATE_HZ
        yield log_ns, f'{take.camera}/audio', convert.to_msgs(clip)[''], False
