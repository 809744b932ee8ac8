"""Films and findings from a result bag."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.gallery import draw_bag
from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.runner import Wiring
from mm_perception.samples import Masks
from test.data.shape_bag import IMAGE, PERIOD_NS, START_NS, write_shape_bag

MASKS = '/tracker/output/masks'
WIRING = Wiring({'image': {'': IMAGE}}, {'masks': {'': MASKS}})


def write_results(path: Path, num_frames: int, *, delay_frames: int) -> Path:
    """A result bag in which the masks of every picture come so many pictures later."""
    inputs = write_shape_bag(path / 'input', num_frames=num_frames)
    entries: list[tuple[int, str, bytes]] = []
    with BagReader(inputs) as reader:
        image_type = reader.topics[IMAGE].type_name
        entries += [(r.log_time_ns, IMAGE, r.data) for r in reader.records([IMAGE])]
    with BagWriter(path / 'result') as writer:
        writer.add_topic(IMAGE, image_type)
        for wire in convert.published(Masks):
            writer.add_topic(MASKS + wire.suffix, wire.type_name, latched=wire.latched)
        for index in range(num_frames):
            log_ns = START_NS + (index + delay_frames) * PERIOD_NS + 1
            for suffix, message in convert.to_msgs(_masks(index)).items():
                data = canonical(serialize(message), type_name_of(message))
                entries.append((log_ns, MASKS + suffix, data))
        for log_ns, topic, data in sorted(entries, key=lambda entry: entry[:2]):
            writer.write(topic, log_ns, data)
    return path / 'result'


def _masks(index: int) -> Masks:
    id_map = np.zeros((48, 64), np.uint16)
    id_map[16:32, 4:20] = 3
    return Masks(
        stamp_ns=START_NS + index * PERIOD_NS,
        frame_id='camera_front',
        id_map=id_map,
        ids=(3,),
        labels=('square',),
        scores=np.array([0.5 + index / 1000], np.float32),
    )


def test_every_picture_with_a_result_is_drawn(tmp_path: Path) -> None:
    bag = write_results(tmp_path, 6, delay_frames=0)
    gallery = draw_bag(bag, {'tracker': WIRING}, tmp_path)
    assert (gallery.frames, gallery.problems) == (6, [])
    assert {file.name for file in gallery.files} == {'tracker.mp4', 'tracker.png'}
    assert all(file.is_file() for file in gallery.files)


def test_findings_say_what_when_and_how_often(tmp_path: Path) -> None:
    bag = write_results(tmp_path, 6, delay_frames=0)
    (finding,) = draw_bag(bag, {'tracker': WIRING}, tmp_path).findings
    assert (finding.label, finding.track_id, finding.frames) == ('square', 3, 6)
    assert round(finding.first_s, 3) == 0.0
    assert round(finding.last_s, 3) == 0.5
    assert round(finding.best_score, 3) == 0.505


def test_a_result_that_comes_long_after_its_picture_is_drawn(tmp_path: Path) -> None:
    """A slow model online: its masks come 100 pictures later."""
    bag = write_results(tmp_path, 110, delay_frames=100)
    gallery = draw_bag(bag, {'tracker': WIRING}, tmp_path)
    assert gallery.frames == 110
    assert gallery.findings[0].frames == 110
