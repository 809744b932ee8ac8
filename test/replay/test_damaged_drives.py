"""A stack on drives whose sensors are damaged: it answers what arrives, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineReport, OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.graph import load_stack
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Image, Masks, Prompt, PromptAction
from mm_perception.world.damage import Damage
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive
from test.replay.masker_stack import records_of

PICTURES = '/camera_front/image_raw'
MASKS = '/colour_tracker/output/masks'
NUM = 12


def drive(damage: Damage) -> Drive:
    return Drive(5, NUM / 10, cameras=one_camera(128, 72), lidar=None, damage=damage)


def run(folder: Path, damage: Damage) -> tuple[OfflineReport, Path, Path]:
    bag = write_drive(folder / 'bag', drive(damage))
    prompt = Prompt(stamp_ns=0, frame_id='', action=PromptAction.ADD, text='orange')
    report = OfflineRun(load_stack('colour'), bag, folder / 'out', prompts=[prompt]).run()
    return report, bag, folder / 'out'


def stamps(bag: Path, topic: str) -> list[int]:
    found = [deserialize(r.data, r.type_name).header.stamp for r in records_of(bag, topic)]
    return [stamp.sec * 10**9 + stamp.nanosec for stamp in found]


@pytest.mark.parametrize(
    'damage',
    [
        Damage(),
        Damage(dropped=0.4),
        Damage(jitter_s=0.04, rain=1.0),
        Damage(dropped=0.3, jitter_s=0.2, rain=0.5, blackout=(0.5, 0.7), miscalibration_rad=0.1),
    ],
    ids=['sound', 'dropped', 'jitter and rain', 'all'],
)
def test_every_picture_that_arrives_is_answered_with_its_own_stamp(
    tmp_path: Path, damage: Damage
) -> None:
    report, bag, out = run(tmp_path, damage)
    runner = report.nodes['colour_tracker']
    assert report.problem == ''
    assert not runner.stats.failures
    arrived = stamps(bag, PICTURES)
    assert 0 < len(arrived) <= NUM
    assert (len(arrived) < NUM) == (damage.dropped > 0)
    dropped = sum(runner.matcher.drops.values())
    assert len(stamps(out, MASKS)) + dropped == len(arrived)
    assert set(stamps(out, MASKS)) <= set(arrived)


def test_a_black_picture_is_an_empty_answer_and_the_next_one_is_not(tmp_path: Path) -> None:
    _, _, out = run(tmp_path, Damage(blackout=(0.3, 0.8)))
    join = convert.assemble(Masks)
    assert join is not None
    areas = []
    with BagReader(out) as reader:
        for record in reader.records([MASKS, f'{MASKS}/detections']):
            suffix = record.topic.removeprefix(MASKS)
            masks = join.add(suffix, deserialize(record.data, record.type_name))
            if isinstance(masks, Masks):
                areas.append(int((masks.id_map > 0).sum()))
    assert len(areas) == NUM
    assert areas[3:8] == [0] * 5
    assert min(areas[:3]) > 0
    assert max(areas[8:]) > 0


def test_rain_hurts_pictures_but_not_the_truth(tmp_path: Path) -> None:
    bags = [
        write_drive(tmp_path / name, drive(damage))
        for name, damage in (('dry', Damage()), ('wet', Damage(rain=1.0)))
    ]
    convert_picture = convert.assemble(Image)
    assert convert_picture is None  # one message is one picture
    dry, wet = (
        np.stack([
            np.frombuffer(deserialize(r.data, r.type_name).data, np.uint8)
            for r in records_of(bag, PICTURES)
        ]).astype(float) for bag in bags
    )  # fmt: skip
    assert wet.std() < 0.8 * dry.std()
    truth = '/ground_truth/output/masks/camera_front'
    assert [r.data for r in records_of(bags[0], truth)] == [
        r.data for r in records_of(bags[1], truth)
    ]
