"""A stack on a bag without ROS nodes: nothing dropped, the same bytes, stamps and frames kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun, resolve_stack
from mm_perception.bag.reader import BagReader, Record
from mm_perception.bag.transforms import TF_TOPICS
from mm_perception.bag.writer import BagWriter
from mm_perception.errors import BagError, ConfigError
from mm_perception.graph import parse_stack
from mm_perception.reporting.recording import Recording, add_transforms
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Masks, Prompt
from test.data.shape_bag import COMPRESSED, IMAGE, INFO, PERIOD_NS, START_NS, write_shape_bag
from test.fakes import FakeMasker
from test.replay.masker_stack import masker_stack, records_of, use_fakes

MASKS = '/masker/output/masks'
NOTE = '/masker/output/note'


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fakes(monkeypatch)


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shape_bag(tmp_path_factory.mktemp('bag') / 'shape')


def test_auto_takes_the_raw_topic_and_not_its_compressed_twin(bag: Path) -> None:
    with BagReader(bag) as reader:
        stack = resolve_stack(masker_stack(), reader)
    assert stack.node('masker').inputs['image'] == {'': IMAGE}


def test_every_frame_becomes_a_result_with_its_stamp_and_frame(bag: Path, tmp_path: Path) -> None:
    report = OfflineRun(masker_stack(), bag, tmp_path / 'out').run()
    assert (report.problem, report.nodes['masker'].stats.inferences) == ('', 6)
    messages = [deserialize(r.data, r.type_name) for r in records_of(tmp_path / 'out', MASKS)]
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in messages]
    assert stamps == [START_NS + i * PERIOD_NS for i in range(6)]
    assert {m.header.frame_id for m in messages} == {'camera_front'}


def test_masks_are_those_of_the_picture(bag: Path, tmp_path: Path) -> None:
    OfflineRun(masker_stack(), bag, tmp_path / 'out').run()
    join = convert.assemble(Masks)
    assert join is not None
    samples = []
    with BagReader(tmp_path / 'out') as reader:
        for record in reader.records([MASKS, f'{MASKS}/detections', f'{MASKS}/labels']):
            suffix = record.topic.removeprefix(MASKS)
            sample = join.add(suffix, deserialize(record.data, record.type_name))
            samples += [sample] if sample is not None else []
    assert len(samples) == 6
    for index, sample in enumerate(samples):
        expected = np.zeros((48, 64), bool)
        expected[16:32, 4 + 4 * index : 20 + 4 * index] = True
        np.testing.assert_array_equal(sample.mask(1), expected)
        assert sample.labels == ('bright',)


def test_results_carry_the_log_time_of_their_cause(bag: Path, tmp_path: Path) -> None:
    OfflineRun(masker_stack(), bag, tmp_path / 'out').run()
    times = [record.log_time_ns for record in records_of(tmp_path / 'out', NOTE)]
    assert times == [record.log_time_ns for record in records_of(bag, IMAGE)]


def test_the_result_stands_alone(bag: Path, tmp_path: Path) -> None:
    """Pictures, calibration and TF are in it, so that RViz and Foxglove show it as it is."""
    OfflineRun(masker_stack(), bag, tmp_path / 'out').run()
    for topic in (IMAGE, INFO, '/tf', '/tf_static'):
        mine, theirs = records_of(tmp_path / 'out', topic), records_of(bag, topic)
        assert [r.data for r in mine] == [r.data for r in theirs], topic
    with BagReader(tmp_path / 'out') as reader:
        assert COMPRESSED not in reader.topics
        assert reader.topics['/tf_static'].latched


def test_masks_that_went_in_are_in_the_result_with_their_detections(
    bag: Path, tmp_path: Path
) -> None:
    OfflineRun(masker_stack(), bag, tmp_path / 'masks').run()
    nodes = {
        'pose': {
            'inputs': {'masks': MASKS, 'image': IMAGE},
            'parameters': {'weights': 'random', 'people': ['bright']},
        }
    }
    report = OfflineRun(
        parse_stack('people', {'nodes': nodes}), tmp_path / 'masks', tmp_path / 'out'
    ).run()
    assert report.nodes['pose'].stats.inferences == 6
    for topic in (MASKS, f'{MASKS}/detections'):
        mine, theirs = (records_of(tmp_path / name, topic) for name in ('out', 'masks'))
        assert [r.data for r in mine] == [r.data for r in theirs], topic


def test_inputs_can_be_left_out(bag: Path, tmp_path: Path) -> None:
    OfflineRun(masker_stack(), bag, tmp_path / 'out', passes_inputs=False).run()
    with BagReader(tmp_path / 'out') as reader:
        assert IMAGE not in reader.topics
        assert reader.topics[MASKS].count == 6


def test_the_same_run_twice_writes_the_same_bytes(bag: Path, tmp_path: Path) -> None:
    for name in ('one', 'two'):
        OfflineRun(masker_stack(), bag, tmp_path / name / 'bag').run()
    files = sorted(file.name for file in (tmp_path / 'one' / 'bag').iterdir())
    assert files == ['bag.mcap', 'metadata.yaml']
    for name in files:
        first, second = (tmp_path / run / 'bag' / name for run in ('one', 'two'))
        assert first.read_bytes() == second.read_bytes(), name


def test_a_loop_in_the_bag_rewinds_the_plugin_once(tmp_path: Path) -> None:
    looped = write_shape_bag(tmp_path / 'looped', loops=2)
    seen: list[list[str]] = []
    run = OfflineRun(masker_stack(), looped, tmp_path / 'out')
    plugin = run.runners[0].plugin
    assert isinstance(plugin, FakeMasker)
    run.on_output = lambda topic, sample: seen.append(list(plugin.rewound))
    report = run.run()
    assert report.nodes['masker'].stats.inferences == 12
    assert seen[-1] == ['']


def test_a_frame_that_fails_is_counted_and_the_run_goes_on(bag: Path, tmp_path: Path) -> None:
    report = OfflineRun(masker_stack(mode='raise'), bag, tmp_path / 'out').run()
    stats = report.nodes['masker'].stats
    assert (report.problem, dict(stats.failures)) == ('', {'InferenceError': 6})
    assert stats.last_failure is not None
    assert 'made to fail' in stats.last_failure.message
    with BagReader(tmp_path / 'out') as reader:
        assert reader.topics[MASKS].count == 0
        assert reader.topics[IMAGE].count == 6


def test_damaged_message_is_told_with_its_topic_and_the_run_goes_on(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = OfflineRun(masker_stack(), bag, tmp_path / 'out')
    whole = run._reader.records

    def damaged(topics: Any) -> Iterator[Record]:
        pictures = 0
        for record in whole(topics):
            pictures += record.topic == IMAGE
            is_hit = record.topic == IMAGE and pictures == 2
            yield replace(record, data=record.data[:40]) if is_hit else record

    monkeypatch.setattr(run._reader, 'records', damaged)
    stats = run.run().nodes['masker'].stats
    assert stats.inferences == 5
    assert dict(stats.failures) == {'MalformedMessageError': 1}
    assert stats.last_failure is not None
    assert stats.last_failure.message.startswith(f'{IMAGE}: sensor_msgs/msg/Image: 40 bytes')


def test_damaged_transforms_are_told_to_who_needs_them_and_the_run_goes_on(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeMasker, 'uses_transforms', True)
    with BagReader(bag) as reader, BagWriter(tmp_path / 'damaged') as writer:
        for name, topic in reader.topics.items():
            writer.add_topic(name, topic.type_name, latched=topic.latched)
        hit = set()
        for record in reader.records():
            is_hit = record.topic in TF_TOPICS and record.topic not in hit
            hit |= {record.topic} if is_hit else set()
            writer.write(record.topic, record.log_time_ns, record.data[: 20 if is_hit else None])
    run = OfflineRun(masker_stack(), tmp_path / 'damaged', tmp_path / 'out')
    stats = run.run().nodes['masker'].stats
    assert stats.inferences == 6
    assert dict(stats.failures) == {'MalformedMessageError': 2}
    assert stats.last_failure is not None
    assert stats.last_failure.message.startswith('/tf')
    lookup = run.runners[0].plugin.context.lookup_transform
    assert lookup('odom', 'base_link', START_NS + PERIOD_NS)[0, 3] == pytest.approx(0.1)
    recording = Recording(tmp_path)
    add_transforms(recording, tmp_path / 'damaged')
    assert sorted(problem.split(':')[0] for problem in recording.problems) == ['/tf', '/tf_static']


def test_result_that_cannot_be_written_ends_the_run(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = OfflineRun(masker_stack(), bag, tmp_path / 'out')
    write = run._writer.write

    def full(topic: str, log_time_ns: int, data: bytes) -> None:
        if topic == MASKS:
            raise OSError(28, 'No space left on device')
        write(topic, log_time_ns, data)

    monkeypatch.setattr(run._writer, 'write', full)
    with pytest.raises(OSError, match='No space left'):
        run.run()


def test_ctrl_c_keeps_what_is_done(bag: Path, tmp_path: Path) -> None:
    run = OfflineRun(masker_stack(), bag, tmp_path / 'out')

    def interrupt(done: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    report = run.run(interrupt)
    assert report.problem == 'interrupted'
    with BagReader(tmp_path / 'out') as reader:
        assert 0 < reader.topics[MASKS].count < 6


def test_prompts_need_an_input_for_them(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='a dog'):
        OfflineRun(masker_stack(), bag, tmp_path / 'out', prompts=[Prompt(text='a dog')])
    assert not (tmp_path / 'out').exists(), 'nothing is written before it is known to work'


def test_a_topic_that_the_bag_lacks_is_named_with_what_there_is(bag: Path, tmp_path: Path) -> None:
    stack = masker_stack()
    spec = stack.node('masker')
    inputs = {'image': {'': '/nowhere'}}
    stack = stack.with_node(type(spec)(spec.name, spec.plugin, inputs, {}, spec.parameters))
    with pytest.raises(ConfigError, match=rf'/nowhere.*{IMAGE}'):
        OfflineRun(stack, bag, tmp_path / 'out')


def test_a_result_is_never_written_over(bag: Path, tmp_path: Path) -> None:
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'metadata.yaml').touch()
    with pytest.raises(BagError, match='exists already'):
        OfflineRun(masker_stack(), bag, tmp_path / 'out')
