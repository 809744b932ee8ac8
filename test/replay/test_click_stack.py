"""A thing is clicked in space: is what the stack masks that thing?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun, resolve_stack, topics_asked
from mm_perception.bag.reader import BagReader
from mm_perception.bag.transforms import read_transforms
from mm_perception.errors import ConfigError
from mm_perception.graph import StackSpec, load_stack
from mm_perception.graph_overrides import apply_overrides
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Boxes3D, Masks, Point3D, Prompt, PromptState, PromptStatus
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import BOXES, write_drive
from test.replay.masker_stack import records_of

CLICKED, STATUS, MASKS = '/clicked_point', '/click/output/status', '/sam2/output/masks'
TRUTH = '/ground_truth/output/masks/camera_front'


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('click')
    return write_drive(
        folder / 'bag', Drive(7, 0.7, 10.0, cameras=one_camera(480, 270), lidar=None)
    )


def stack() -> StackSpec:
    return apply_overrides(load_stack('click'), ['sam2.device=cpu'])


def masks_of(bag: Path, topic: str) -> dict[int, Masks]:
    join, found = convert.assemble(Masks), {}
    with BagReader(bag) as reader:
        for record in reader.records([topic + suffix for suffix in join.suffixes]):
            message = deserialize(record.data, record.type_name)
            masks = join.add(record.topic.removeprefix(topic), message)
            if masks is not None:
                found[masks.stamp_ns] = masks
    return found


def statuses_of(bag: Path, topic: str) -> list[PromptStatus]:
    return [
        convert.from_msg(deserialize(r.data, r.type_name), PromptStatus)
        for r in records_of(bag, topic)
    ]


def clicked(bag: Path) -> tuple[str, Point3D]:
    """Number of the nearest thing that the first picture shows well, and its middle in odom."""
    truth = masks_of(bag, TRUTH)
    first = truth[min(truth)]
    record = records_of(bag, BOXES)[0]
    boxes = convert.from_msg(deserialize(record.data, record.type_name), Boxes3D)
    assert isinstance(boxes, Boxes3D)
    shown = {str(i) for i in first.ids if first.mask(i).sum() > 1000}
    away = np.linalg.norm(boxes.centres, axis=1)
    index = min((i for i, t in enumerate(boxes.track_ids) if t in shown), key=lambda i: away[i])
    with BagReader(bag) as reader:
        odom_from_base = read_transforms(reader).lookup('odom', boxes.frame_id, boxes.stamp_ns)
    at = odom_from_base[:3, :3] @ boxes.centres[index] + odom_from_base[:3, 3]
    return boxes.track_ids[index], Point3D(stamp_ns=0, frame_id='odom', position=at)


def test_the_mask_is_of_the_thing_that_was_clicked(bag: Path, tmp_path: Path) -> None:
    name, place = clicked(bag)
    report = OfflineRun(stack(), bag, tmp_path / 'out', prompts=[place]).run()
    assert report.problem == ''
    assert not report.nodes['sam2'].stats.failures
    found, truth = masks_of(tmp_path / 'out', MASKS), masks_of(bag, TRUTH)
    ious = []
    for stamp_ns, masks in found.items():
        for track in masks.ids:
            mine, true = masks.mask(track), truth[stamp_ns].mask(int(name))
            ious.append((mine & true).sum() / (mine | true).sum())
    assert len(ious) >= 5
    assert np.mean(ious) > 0.5
    told = statuses_of(tmp_path / 'out', '/sam2/output/status')
    assert [s.state for s in told] == [PromptState.FOUND]
    assert records_of(tmp_path / 'out', CLICKED), 'the click is in the result'


def test_a_click_behind_the_car_is_refused_with_a_reason(bag: Path, tmp_path: Path) -> None:
    place = Point3D(stamp_ns=0, frame_id='base_link', position=np.array([-20.0, 0, 0]))
    OfflineRun(stack(), bag, tmp_path / 'out', prompts=[place]).run()
    told = statuses_of(tmp_path / 'out', STATUS)
    assert [s.state for s in told] == [PromptState.REJECTED]
    assert 'behind' in told[0].message


def test_prompts_go_where_users_ask_and_not_between_nodes(bag: Path) -> None:
    with BagReader(bag) as reader:
        resolved = resolve_stack(stack(), reader)
    assert topics_asked(resolved, Prompt) == ['/prompt']
    assert topics_asked(resolved, Point3D) == [CLICKED]


def test_a_click_needs_a_stack_that_takes_clicks(bag: Path, tmp_path: Path) -> None:
    place = Point3D(stamp_ns=0, frame_id='odom', position=np.zeros(3))
    with pytest.raises(ConfigError, match='Point3D'):
        OfflineRun(load_stack('segment'), bag, tmp_path / 'out', prompts=[place])
