"""`mmp replay` offline, as a user calls it: files, numbers, exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.cli import main as mmp
from mm_perception.cli._prompts import parse_prompt
from mm_perception.errors import ConfigError, PromptError
from mm_perception.samples import Point3D, Prompt
from test.data.shape_bag import IMAGE, write_shape_bag
from test.replay.masker_stack import use_fakes


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fakes(monkeypatch)


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shape_bag(tmp_path_factory.mktemp('bag') / 'shape')


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    node = {'plugin': 'fake', 'inputs': {'image': 'auto'}, 'parameters': {'device': 'cpu'}}
    path = tmp_path / 'masker.yaml'
    path.write_text(yaml.safe_dump({'nodes': {'masker': node}}))
    return path


def replay(bag: Path, stack: Path, out: Path, *more: str) -> int:
    words = ['replay', str(bag), '--stack', str(stack), '--out', str(out), '--offline', *more]
    return mmp.main(words)


def summary_of(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / 'summary.json').read_text()))


def test_everything_is_written_and_named(
    bag: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'out'
    assert replay(bag, stack, out) == 0
    printed = capsys.readouterr().out
    for name in ('bag', 'masker.mp4', 'masker.png', 'summary.json'):
        assert (out / name).exists()
        assert str(out / name) in printed
    assert 'bright #1: 0.00 to 0.50 s, 6 frames' in printed


def test_the_summary_counts(bag: Path, stack: Path, tmp_path: Path) -> None:
    replay(bag, stack, tmp_path / 'out')
    summary = summary_of(tmp_path / 'out')
    assert (summary['mode'], summary['problem'], summary['stack']) == ('offline', '', 'masker')
    assert summary['frames_drawn'] == 6
    node = summary['nodes']['masker']
    assert node['inputs']['image'] == 6
    assert (node['inferences'], node['drops'], node['failures']) == (6, {}, {})
    assert 0 < node['inference_p50_ms'] <= node['inference_p99_ms']
    (track,) = summary['tracks']
    assert (track['label'], track['track_id'], track['frames']) == ('bright', 1, 6)
    assert (track['first_s'], track['last_s']) == (0.0, pytest.approx(0.5))


def test_a_failing_node_is_told_and_the_bag_is_kept(
    bag: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(bag, stack, tmp_path / 'out', '--set', 'masker.mode=raise') == 1
    node = summary_of(tmp_path / 'out')['nodes']['masker']
    assert node['failures'] == {'InferenceError': 6}
    assert 'made to fail' in node['last_failure']
    printed = capsys.readouterr().out
    assert '6 failed' in printed
    assert "  failed: plugin 'FakeMasker' raised RuntimeError" in printed
    with BagReader(tmp_path / 'out' / 'bag') as reader:
        assert reader.topics[IMAGE].count == 6


def test_without_a_film_it_still_tells_what_was_found(
    bag: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'out'
    assert replay(bag, stack, out, '--no-film') == 0
    assert 'bright #1: 0.00 to 0.50 s, 6 frames' in capsys.readouterr().out
    assert not list(out.glob('*.mp4'))
    assert summary_of(out)['pictures'] == []


def test_stamps_of_zero_are_told_and_times_are_those_of_recording(
    bag: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zero = tmp_path / 'zero'
    with BagReader(bag) as reader, BagWriter(zero) as writer:
        writer.add_topic(IMAGE, reader.topics[IMAGE].type_name)
        for record in reader.records([IMAGE]):
            data = record.data[:4] + bytes(8) + record.data[12:]  # the header begins with it
            writer.write(IMAGE, record.log_time_ns, data)
    assert replay(zero, stack, tmp_path / 'out') == 0
    printed = capsys.readouterr().out
    assert 'bright #1: 0.00 to 0.50 s, 6 frames' in printed
    assert 'stamps of the pictures are zero' in printed
    assert f'mmp doctor --bag {zero}' in printed


def test_who_asks_nothing_is_told_so(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['replay', str(bag), '--stack', 'colour', '--offline', '--no-film', '--out']
    assert mmp.main([*words, str(tmp_path / 'a')]) == 0
    assert 'note: nothing was asked of colour_tracker' in capsys.readouterr().out
    assert mmp.main([*words, str(tmp_path / 'b'), '--prompt', 'a thing']) == 1, 'scripts see it'
    printed = capsys.readouterr().out
    assert 'nothing was asked' not in printed
    assert 'a thing: rejected (no colour word' in printed


@pytest.mark.parametrize(
    ('more', 'named'),
    [
        (['--input', 'masker.image=/camera/front/image_rew'], "did you mean '/camera/front/im"),
        (['--set', 'masker.no_such=1'], 'no_such'),
        (['--input', 'masker.image=/nowhere'], '/nowhere'),
        (['--prompt', 'box:1,2,3'], 'box:1,2,3'),
        (['--rate', '0'], '--rate'),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    bag: Path,
    stack: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    named: str,
) -> None:
    assert replay(bag, stack, tmp_path / 'out', *more) == 2
    message = capsys.readouterr().err.strip()
    assert named in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / 'out').exists()


def test_a_prompt_that_nobody_takes_leaves_nothing(bag: Path, tmp_path: Path) -> None:
    stack = tmp_path / 'labels.yaml'
    node = {'plugin': 'clip', 'inputs': {'image': 'auto'}}
    stack.write_text(yaml.safe_dump({'nodes': {'labels': node}}))
    assert replay(bag, stack, tmp_path / 'a' / 'out', '--prompt', 'red') == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ['labels.yaml']


def test_results_are_not_written_over(bag: Path, stack: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'notes.txt').write_text('mine')
    assert replay(bag, stack, out) == 2
    assert [file.name for file in out.iterdir()] == ['notes.txt']


def test_prompts_are_text_points_or_a_box() -> None:
    assert parse_prompt('the red car: the one on the left').text.startswith('the red car')
    points = parse_prompt('point:3,4;5,6')
    assert isinstance(points, Prompt)
    np.testing.assert_array_equal(points.points, np.array([[3, 4], [5, 6]], np.float32))
    np.testing.assert_array_equal(points.point_labels, [1, 1])
    box = parse_prompt('box:1,2,30,40')
    assert isinstance(box, Prompt)
    np.testing.assert_array_equal(box.box, np.array([1, 2, 30, 40], np.float32))


def test_a_click_is_a_place_in_a_frame() -> None:
    click = parse_prompt('click:500000.25,-3,0.8@map')
    assert isinstance(click, Point3D)
    assert (click.stamp_ns, click.frame_id) == (0, 'map')
    assert click.position.tolist() == [500000.25, -3.0, 0.8]


@pytest.mark.parametrize('text', ['the red car', 'point:3,4', 'box:1,2,30,40'])
def test_prompts_may_end_after_some_pictures(text: str) -> None:
    prompt = parse_prompt(text, max_frames=7)
    assert isinstance(prompt, Prompt)
    assert prompt.max_frames == 7


@pytest.mark.parametrize(
    'text',
    [
        'point:1', 'point:a,b', 'box:1,2,3', 'box:1,2;3,4', 'point:1,2;3', 'click:1,2,3',
        'click:1,2@map', 'box:1,2,3,4@map', 'click:1,2,3;4,5,6@map',
    ],
)  # fmt: skip
def test_numbers_that_are_no_prompt_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r'numbers|pairs|metres'):
        parse_prompt(text)


def test_a_box_without_area_is_refused() -> None:
    with pytest.raises(PromptError, match='area'):
        parse_prompt('box:10,10,10,20')


def test_after_missing_weights_the_same_command_can_be_given_again(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['replay', str(bag), '--stack', 'segment', '--out', str(tmp_path / 'out'), '--offline']
    for _ in range(2):
        assert mmp.main([*words, '--set', 'sam2.weights=nobody/nothing']) == 2
        assert 'mmp fetch nobody/nothing' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
