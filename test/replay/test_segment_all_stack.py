"""A short drive through `dino_segment` offline: a map of labels, a table, a vector per picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.graph import load_stack, parse_stack
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Embedding
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive
from test.replay.masker_stack import records_of

PICTURES, MASKS = '/camera_front/image_raw', '/dino_segment/output/masks'
LABELS = ['car', 'a lamp', 'a red truck']


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('segment')
    bag = write_drive(folder / 'bag', Drive(7, 0.6, 5.0, cameras=one_camera(160, 90)))
    node = {
        'inputs': {'image': PICTURES},
        'parameters': {'weights': 'random', 'labels': LABELS, 'background': ['street']},
    }
    stack = parse_stack('segment', {'nodes': {'dino_segment': node}})
    report = OfflineRun(stack, bag, folder / 'out').run()
    assert report.problem == ''
    assert not report.nodes['dino_segment'].stats.failures
    return folder / 'out'


def messages(bag: Path, topic: str) -> list[Any]:
    return [deserialize(r.data, r.type_name) for r in records_of(bag, topic)]


def test_every_picture_gets_a_map_of_labels_of_its_own_stamp_and_size(result: Path) -> None:
    pictures = messages(result.parent / 'bag', PICTURES)
    maps = messages(result, MASKS)
    assert len(maps) == len(pictures) >= 3
    for picture, found in zip(pictures, maps, strict=True):
        assert (found.encoding, found.height, found.width) == ('mono16', 90, 160)
        assert found.header.stamp == picture.header.stamp
        assert found.header.frame_id == picture.header.frame_id
        ids = np.frombuffer(bytes(found.data), np.uint16)
        assert set(np.unique(ids)) <= {0, 1, 2, 3}


def test_the_table_says_what_the_ids_mean(result: Path) -> None:
    for info in messages(result, f'{MASKS}/label_info'):
        table = {entry.class_id: entry.class_name for entry in info.class_map}
        assert table == {0: 'background', 1: LABELS[0], 2: LABELS[1], 3: LABELS[2]}


def test_pictures_become_unit_vectors_and_nobody_asked_for_overlays(result: Path) -> None:
    records = records_of(result, '/dino_segment/output/embedding')
    assert len(records) == len(messages(result, MASKS))
    for record in records:
        found = convert.from_msg(
            deserialize(record.data, record.type_name), Embedding, record.log_time_ns
        )
        assert isinstance(found, Embedding)
        assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    with BagReader(result) as reader:
        assert '/dino_segment/output/embedding' in reader.topics


def test_the_shipped_stack_takes_all_cameras() -> None:
    node = load_stack('segment_all').node('dino_segment')
    assert node.plugin == 'dino_segment'
    assert node.inputs['image'] == {'*': 'auto'}
