"""A home in a bag: the same bytes twice, commands at their moment, masks with names."""

from __future__ import annotations

import json
from pathlib import Path

from mm_perception.bag.reader import BagReader
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Command, Intent
from mm_perception.world.home_bag import COMMAND, IMAGE, MASKS, START_NS, HomePlan, write_home

PLAN = HomePlan(
    0, 1.0, 2.0, width=64,
    commands=[(0.7, Command(stamp_ns=0, end_ns=0, intent=Intent.TURN_ON, text='on', target='it'))],
)  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_equal_plans_give_equal_bytes_and_commands_keep_their_moment(tmp_path: Path) -> None:
    first, second = (write_home(tmp_path / name / 'bag', PLAN) for name in 'ab')
    assert contents(first) == contents(second)
    with BagReader(first) as reader:
        assert reader.topics[IMAGE].count == reader.topics[MASKS].count == 2
        (record,) = reader.records([COMMAND])
        sample = convert.from_msg(deserialize(record.data, record.type_name), Command)
    assert record.log_time_ns == sample.stamp_ns == START_NS + 700_000_000
    names = json.loads((first / 'objects.json').read_text())
    assert 'pink lamp' in names.values()
