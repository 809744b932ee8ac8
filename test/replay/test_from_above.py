"""Films of boxes and maps from above, from a result bag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.gallery import draw_bag
from mm_perception.bag.writer import BagWriter
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.runner import Wiring
from mm_perception.samples import BevGrid, Boxes3D, Sample, quats_of_yaws

START_NS, PERIOD_NS = 1_700_000_000_000_000_000, 100_000_000
BOXES, MAP = '/bev/output/boxes', '/bev/output/map'


def boxes(index: int) -> Boxes3D:
    return Boxes3D(
        stamp_ns=START_NS + index * PERIOD_NS, frame_id='base_link',
        centres=np.array([[10.0, 0, 0.8]]), sizes=np.array([[4.0, 2.0, 1.6]]),
        quats_xyzw=quats_of_yaws(np.zeros(1)), scores=np.ones(1, np.float32), labels=('car',),
        velocities=np.zeros((1, 3)),
    )  # fmt: skip


def grid(index: int) -> BevGrid:
    cells = np.zeros((2, 32, 32), np.int8)
    cells[1, 16:] = 100  # what is left of the robot; the other layer comes first
    return BevGrid(
        stamp_ns=START_NS + index * PERIOD_NS, frame_id='base_link',
        layers=('occupied', 'drivable'),
        cells=cells, resolution_m=1.0, origin=(-16.0, -16.0, 0.0, 0.0),
    )  # fmt: skip


def write(path: Path, samples: list[tuple[str, Sample]]) -> Path:
    with BagWriter(path) as writer:
        for topic, sample_type in ((BOXES, Boxes3D), (MAP, BevGrid)):
            for wire in convert.published(sample_type):
                writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
        for number, (topic, sample) in enumerate(samples):
            for suffix, message in convert.to_msgs(sample).items():
                data = canonical(serialize(message), type_name_of(message))
                writer.write(topic + suffix, START_NS + number, data)
    return path


def first_picture(path: Path) -> np.ndarray:
    with av.open(str(path)) as film:
        return next(film.decode(video=0)).to_ndarray(format='rgb24').astype(int)


def test_boxes_and_map_of_a_moment_are_one_picture(tmp_path: Path) -> None:
    samples = [part for i in range(4) for part in ((BOXES, boxes(i)), (MAP, grid(i)))]
    bag = write(tmp_path / 'bag', samples)
    gallery = draw_bag(
        bag, {'bev': Wiring({}, {'boxes': {'': BOXES}, 'map': {'': MAP}})}, tmp_path
    )
    assert (gallery.frames, gallery.problems) == (4, [])
    assert {f.name for f in gallery.files} == {'bev_from_above.mp4', 'bev_from_above.png'}
    picture = first_picture(tmp_path / 'bev_from_above.mp4')
    side = picture.shape[1]
    left, right = picture[side // 2, side // 8], picture[side // 2, 7 * side // 8]
    assert left.sum() > right.sum() + 60, 'drivable ground is lighter, and on the left'


def test_boxes_without_a_map_are_drawn_too(tmp_path: Path) -> None:
    late = replace(grid(0), stamp_ns=START_NS - PERIOD_NS)
    samples: list[tuple[str, Sample]] = [(BOXES, boxes(0)), (MAP, late), (BOXES, boxes(1))]
    bag = write(tmp_path / 'bag', samples)
    alone = draw_bag(bag, {'bev': Wiring({}, {'boxes': {'': BOXES}})}, tmp_path)
    assert alone.frames == 2
    both = {'bev': Wiring({}, {'boxes': {'': BOXES}, 'map': {'': MAP}})}
    assert draw_bag(bag, both, tmp_path).frames == 2
