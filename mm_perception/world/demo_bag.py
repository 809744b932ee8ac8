"""A bag for the demo: one camera, a clip of moving shapes, its calibration and its truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.writer import BagWriter
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.samples import CameraInfo, Image, Masks, Sample
from mm_perception.world.shapes import Clip, Frame, make_clip

FRAMES = 120
RATE_HZ = 15
START_NS = 1_700_000_000_000_000_000
IMAGE_TOPIC = '/camera/front/image_raw'
INFO_TOPIC = '/camera/front/camera_info'
TRUTH_TOPIC = '/ground_truth/output/masks'  # `auto` inputs take no topic below output/


def write_demo_bag(folder: Path, seed: int = 1, num_frames: int = FRAMES) -> Path:
    """Write the bag; equal seeds give equal bytes.

    Args:
        folder: New folder.
        seed: Of the clip.
        num_frames: At 15 Hz.

    Returns:
        `folder`, with `objects.json` beside the bag's own files.
    """
    clip = make_clip(seed, num_frames)
    with BagWriter(folder) as writer:
        for topic, sample_type in (
            (IMAGE_TOPIC, Image), (INFO_TOPIC, CameraInfo), (TRUTH_TOPIC, Masks),
        ):  # fmt: skip
            for wire in convert.published(sample_type):
                writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
        for index, frame in enumerate(clip):
            stamp_ns = START_NS + index * 1_000_000_000 // RATE_HZ
            _write(writer, INFO_TOPIC, _calibration(clip, stamp_ns))
            _write(writer, IMAGE_TOPIC, _image(frame, stamp_ns))
            _write(writer, TRUTH_TOPIC, _truth(clip, frame, stamp_ns))
    (folder / 'objects.json').write_text(json.dumps(list(clip.names)) + '\n')
    return folder


def demo_names(seed: int = 1) -> tuple[str, ...]:
    """What is in the clip."""
    return make_clip(seed, 0).names


def _write(writer: BagWriter, topic: str, sample: Sample) -> None:
    for suffix, message in convert.to_msgs(sample).items():
        data = canonical(serialize(message), type_name_of(message))
        writer.write(topic + suffix, sample.stamp_ns, data)


def _image(frame: Frame, stamp_ns: int) -> Image:
    return Image(stamp_ns=stamp_ns, frame_id='camera_front_optical', data=frame.rgb)


def _truth(clip: Clip, frame: Frame, stamp_ns: int) -> Masks:
    ids = tuple(range(1, len(clip.names) + 1))
    present = set(np.unique(frame.ids).tolist())
    return Masks(
        stamp_ns=stamp_ns,
        frame_id='camera_front_optical',
        id_map=frame.ids,
        ids=ids,
        labels=clip.names,
        scores=np.ones(len(ids), np.float32),
        visible=tuple(i in present for i in ids),
    )


def _calibration(clip: Clip, stamp_ns: int) -> CameraInfo:
    height, width = clip.size
    k = np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], np.float64)
    return CameraInfo(
        stamp_ns=stamp_ns,
        frame_id='camera_front_optical',
        width=width,
        height=height,
        distortion_model='plumb_bob',
        d=np.zeros(5),
        k=k,
        r=np.eye(3),
        p=np.hstack([k, np.zeros((3, 1))]),
    )
