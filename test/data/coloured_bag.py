"""A light bag with a truth: things of plain colours sway over a grey ground."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.writer import BagWriter
from mm_perception.evaluation.scenes import TRUTH
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.samples import Image, Masks, Sample

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
IMAGE = '/camera/front/image_raw'
HEIGHT, WIDTH = 180, 320
#: Two are red; each of the others is alone with its colour, and one is alone with its kind.
NAMES = ('purple ball', 'red box', 'red bar', 'green box', 'orange bar', 'blue bar')
COLOURS = {
    'red': (205, 45, 40),
    'green': (50, 165, 60),
    'blue': (45, 85, 210),
    'yellow': (232, 208, 45),
    'purple': (140, 60, 175),
    'orange': (242, 135, 25),
}
_RADIUS = 24


def paint(names: Sequence[str], index: int = 0) -> tuple[Any, Any]:
    """Picture and truth of a moment: (180, 320, 3) uint8 RGB, and uint16 ids from 1 as named."""
    rng = np.random.default_rng(index)
    rgb = rng.integers(100, 116, (HEIGHT, WIDTH, 3), np.uint8)
    ids = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number, name in enumerate(names, 1):
        row, column = divmod(number - 1, 3)
        x, y = 54 + 106 * column + round(20 * np.sin(0.3 * index + number)), 46 + 90 * row
        colour, kind = name.split()
        area = np.zeros((HEIGHT, WIDTH), np.uint8)
        if kind == 'ball':
            cv2.circle(area, (x, y), _RADIUS, 1, -1)
        else:
            half = _RADIUS // (2 if kind == 'bar' else 1)
            area[y - half : y + half, x - _RADIUS : x + _RADIUS] = 1
        rgb[area > 0] = np.array(COLOURS[colour]) + rng.integers(-8, 9, (int(area.sum()), 3))
        ids[area > 0] = number
    return rgb, ids


def write_coloured_bag(
    folder: Path,
    num_frames: int = 6,
    names: Sequence[str] = NAMES,
    *,
    hidden: Sequence[int] = (),
    is_stamped: bool = True,
) -> Path:
    """Write the bag, with `objects.json` as `mmp world` does.

    Args:
        folder: To make.
        num_frames: Pictures, 10 per second.
        names: Up to six; a colour, and `ball`, `box` or `bar`.
        hidden: Pictures that show nothing but the ground.
        is_stamped: Without it the stamps of pictures and truth are zero.
    """
    with BagWriter(folder) as writer:
        for topic, sample_type in ((IMAGE, Image), (TRUTH, Masks)):
            for wire in convert.published(sample_type):
                writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
        for index in range(num_frames):
            rgb, ids = paint(() if index in hidden else names, index)
            log_ns = START_NS + index * PERIOD_NS
            stamp_ns = log_ns if is_stamped else 0
            _write(writer, IMAGE, Image(stamp_ns=stamp_ns, frame_id='camera', data=rgb), log_ns)
            numbers = tuple(range(1, int(ids.max()) + 1))
            truth = Masks(
                stamp_ns=stamp_ns, frame_id='camera', id_map=ids, ids=numbers,
                labels=tuple(names[: len(numbers)]), scores=np.ones(len(numbers), np.float32),
            )  # fmt: skip
            _write(writer, TRUTH, truth, log_ns)
    objects = {str(number): name for number, name in enumerate(names, 1)}
    (folder / 'objects.json').write_text(json.dumps(objects) + '\n')
    return folder


def _write(writer: BagWriter, topic: str, sample: Sample, log_ns: int) -> None:
    for suffix, message in convert.to_msgs(sample).items():
        data = canonical(serialize(message), type_name_of(message))
        writer.write(topic + suffix, log_ns, data)
