"""The matcher: newest wins, nothing of the old run survives a loop, late sensors are masked."""

from __future__ import annotations

import threading
import time

import pytest

from mm_perception.errors import ConfigError
from mm_perception.matcher import Matcher, trigger_port
from mm_perception.ports import Latest, Queue, Reference, Surround
from mm_perception.samples import Image, Text
from test.fakes import image

SECOND = 1_000_000_000


def text(stamp_ns: int, words: str = '') -> Text:
    return Text(stamp_ns=stamp_ns, text=words)


def single(**latest: Latest) -> dict[str, object]:
    return {'image': Reference(Image), 'prompt': Queue(Text), **latest}


def test_newest_wins_and_the_drop_is_counted() -> None:
    matcher = Matcher(single(), {'image': ['']})
    for stamp in (1, 2, 3):
        matcher.push('image', '', image(stamp))
    assert matcher.take().stamp_ns == 3
    assert matcher.take() is None
    assert matcher.drops['image/', 'newer came'] == 2


def test_lossless_keeps_every_sample_in_order() -> None:
    matcher = Matcher(single(), {'image': ['']}, lossless=True)
    for stamp in (1, 2, 3):
        matcher.push('image', '', image(stamp))
    assert [matcher.take().stamp_ns for _ in range(3)] == [1, 2, 3]
    assert not matcher.drops


def test_drops_while_nobody_listens_are_not_losses() -> None:
    matcher = Matcher(single(), {'image': ['']})
    matcher.is_paused = True
    matcher.push('image', '', image(1))
    matcher.push('image', '', image(2))
    assert matcher.drops == {('image/', 'nobody listens'): 1}


def test_prompts_are_never_lost() -> None:
    matcher = Matcher(single(), {'image': [''], 'prompt': ['']})
    for stamp in range(5):
        matcher.push('prompt', '', text(stamp, str(stamp)))
    assert matcher.take() is None, 'a prompt alone does not start an inference'
    matcher.push('image', '', image(9))
    assert [t.text for t in matcher.take().all('prompt')] == ['0', '1', '2', '3', '4']
    matcher.push('image', '', image(10))
    assert matcher.take().all('prompt') == ()


def test_prompt_queue_has_a_limit_and_counts_what_it_loses() -> None:
    matcher = Matcher(single(), {'image': [''], 'prompt': ['']})
    for stamp in range(1001):
        matcher.push('prompt', '', text(stamp))
    matcher.push('image', '', image(1))
    assert len(matcher.take().all('prompt')) == 1000
    assert matcher.drops['prompt/', 'full'] == 1


def test_cameras_take_turns() -> None:
    matcher = Matcher(single(), {'image': ['front', 'back']})
    order = []
    for stamp in range(1, 5):
        matcher.push('image', 'front', image(stamp))
        matcher.push('image', 'back', image(stamp))
        order.append(matcher.take().stream)
    assert order == ['front', 'back', 'front', 'back']


def test_late_frame_is_dropped_but_a_loop_rewinds() -> None:
    matcher = Matcher(single(), {'image': ['']})
    matcher.push('image', '', image(10 * SECOND))
    assert not matcher.take().rewound
    matcher.push('image', '', image(10 * SECOND - 1))
    assert matcher.take() is None
    assert matcher.drops['image/', 'late'] == 1
    matcher.push('image', '', image(2 * SECOND))
    inputs = matcher.take()
    assert (inputs.stamp_ns, inputs.rewound) == (2 * SECOND, True)
    matcher.push('image', '', image(2 * SECOND + 1))
    assert not matcher.take().rewound, 'told once'


def test_loop_of_one_camera_does_not_rewind_the_other() -> None:
    matcher = Matcher(single(), {'image': ['front', 'back']})
    for stream in ('front', 'back'):
        matcher.push('image', stream, image(10 * SECOND))
        matcher.take()
    matcher.push('image', 'front', image(1 * SECOND))
    assert matcher.take().rewound
    matcher.push('image', 'back', image(11 * SECOND))
    assert not matcher.take().rewound


def test_clock_jump_rewinds_all_and_keeps_prompts() -> None:
    matcher = Matcher(single(), {'image': ['front', 'back'], 'prompt': ['']})
    matcher.push('image', 'front', image(10 * SECOND))
    matcher.push('prompt', '', text(1, 'keep me'))
    matcher.rewind()
    assert matcher.take() is None, 'the frame of the old run is gone'
    matcher.push('image', 'back', image(1))
    inputs = matcher.take()
    assert inputs.rewound
    assert inputs.all('prompt')[0].text == 'keep me'


@pytest.mark.parametrize(
    ('stamps', 'reference', 'expected'),
    [([1.0, 2.0, 3.0], 2.1, 2.0), ([1.0], 1.4, 1.0), ([1.0], 1.6, None), ([], 1.0, None)],
)
def test_nearest_within_tolerance(stamps, reference, expected) -> None:
    ports = single(note=Latest(Text, tolerance_s=0.5))
    matcher = Matcher(ports, {'image': [''], 'note': ['']})
    for stamp in stamps:
        matcher.push('note', '', text(int(stamp * SECOND)))
    matcher.push('image', '', image(int(reference * SECOND)))
    found = matcher.take().maybe('note')
    assert (found and found.stamp_ns / SECOND) == expected


def test_old_run_is_not_matched_after_a_loop() -> None:
    ports = single(note=Latest(Text, tolerance_s=0.5))
    matcher = Matcher(ports, {'image': [''], 'note': ['']})
    for stamp in (1.0, 5.0, 9.0, 1.2):
        matcher.push('note', '', text(int(stamp * SECOND)))
    matcher.push('image', '', image(int(5.0 * SECOND)))
    inputs = matcher.take()
    assert inputs.maybe('note') is None
    assert inputs.missing == ('note',)


def test_required_input_holds_inference_back_per_camera() -> None:
    ports = single(info=Latest(Text, required=True, follows='image'))
    matcher = Matcher(ports, {'image': ['front', 'back'], 'info': ['front', 'back']})
    matcher.push('image', 'front', image(1))
    matcher.push('image', 'back', image(1))
    assert matcher.take() is None
    assert matcher.lacking() == ('info',)
    matcher.push('info', 'back', text(1, 'of back'))
    inputs = matcher.take()
    assert (inputs.stream, inputs.one('info').text) == ('back', 'of back')
    assert matcher.take() is None


def surround(tolerance_s: float = 0.05, patience_s: float = 0.2) -> dict[str, object]:
    return {'images': Surround(Image, tolerance_s=tolerance_s, patience_s=patience_s)}


def test_surround_waits_for_late_cameras_then_masks_them() -> None:
    matcher = Matcher(surround(), {'images': ['front', 'left', 'right']})
    matcher.push('images', 'left', image(1 * SECOND - 1000))
    matcher.push('images', 'front', image(1 * SECOND))
    inputs = matcher.take()
    assert set(inputs.many('images')) == {'front', 'left'}
    assert inputs.missing == ('images/right',)


def test_surround_gets_a_camera_that_comes_within_patience() -> None:
    matcher = Matcher(surround(patience_s=5.0), {'images': ['front', 'left']})
    matcher.push('images', 'front', image(SECOND))
    timer = threading.Timer(0.1, matcher.push, ('images', 'left', image(SECOND + 1)))
    timer.start()
    started = time.monotonic()
    inputs = matcher.take()
    timer.join()
    assert set(inputs.many('images')) == {'front', 'left'}
    assert time.monotonic() - started < 4.0


def test_surround_offline_waits_in_bag_time() -> None:
    matcher = Matcher(surround(), {'images': ['front', 'left']}, lossless=True)
    matcher.push('images', 'front', image(SECOND))
    matcher.advance(SECOND + 1)
    assert matcher.take() is None
    matcher.advance(2 * SECOND)
    assert matcher.take().missing == ('images/left',)


def driven(matcher: Matcher) -> list[tuple[float, tuple[str, ...]]]:
    """Stamps in seconds, and what was there, of all that a matcher gives now."""
    found = []
    while (inputs := matcher.take()) is not None:
        found.append((inputs.stamp_ns / SECOND, tuple(sorted(inputs.many('images')))))
    return found


def test_when_the_first_camera_falls_silent_the_next_one_drives_until_it_is_back() -> None:
    matcher = Matcher(surround(patience_s=0.0), {'images': ['front', 'left', 'right']})
    answers = []
    for tenth in range(60):
        stamp_ns = tenth * SECOND // 10
        for name, is_there in (
            ('front', not 10 < tenth < 40), ('left', True), ('right', True),
        ):  # fmt: skip
            if is_there:
                matcher.push('images', name, image(stamp_ns))
                answers += driven(matcher)
    stamps = [round(stamp_s * 10) for stamp_s, _ in answers]
    assert stamps == [*range(11), *range(21, 60)], 'a second of silence, and none twice'
    assert answers[5][1] == ('front',), 'the others come a moment later'
    assert answers[15][1] == ('left',)


def test_a_silent_camera_is_not_waited_for() -> None:
    ports = {'images': Surround(Image, patience_s=0.3, silence_s=0.5)}
    matcher = Matcher(ports, {'images': ['front', 'left']})
    for half in range(4):
        matcher.push('images', 'front', image(half * SECOND // 2))
        started = time.monotonic()
        assert matcher.take().missing == ('images/left',)
        assert (time.monotonic() - started > 0.25) is (half < 2)


def test_a_stand_in_drives_where_no_camera_is() -> None:
    ports = {
        'images': Surround(Image, patience_s=0.0, stand_in='scan'),
        'scan': Latest(Text, tolerance_s=0.1),
    }
    wired = Matcher(ports, {'images': ['front'], 'scan': ['']})
    for tenth in range(15):
        wired.push('scan', '', text(tenth * SECOND // 10, 'scan'))
    inputs = wired.take()
    assert inputs.stamp_ns == 1.4 * SECOND
    assert inputs.one('scan').text == 'scan'
    assert (inputs.many('images'), inputs.missing) == ({}, ('images/front',))
    wired.push('images', 'front', image(15 * SECOND // 10))
    wired.push('scan', '', text(15 * SECOND // 10 + 1, 'scan'))
    assert wired.take().stamp_ns == 15 * SECOND // 10
    assert wired.take() is None, 'the camera leads again'
    alone = Matcher(ports, {'scan': ['']})
    alone.push('scan', '', text(SECOND, 'scan'))
    inputs = alone.take()
    assert (inputs.stamp_ns, inputs.many('images'), inputs.missing) == (SECOND, {}, ())


def test_a_stand_in_is_waited_for_where_it_has_nothing_near() -> None:
    ports = {'images': Surround(Image, stand_in='scan'), 'scan': Latest(Text, tolerance_s=0.3)}
    matcher = Matcher(ports, {'images': ['front'], 'scan': ['']}, lossless=True)
    matcher.push('images', 'front', image(SECOND))
    assert matcher.take() is None
    matcher.push('scan', '', text(SECOND + 1000, 'first'))
    assert matcher.take().one('scan').text == 'first'
    matcher.push('images', 'front', image(SECOND * 12 // 10))
    assert matcher.take().one('scan').text == 'first', 'one that is near is enough'
    matcher.push('images', 'front', image(2 * SECOND))
    assert matcher.take() is None
    matcher.advance(3 * SECOND)
    assert matcher.take().missing == ('scan',)


def test_calibrations_come_with_all_cameras() -> None:
    ports = {**surround(patience_s=0.0), 'info': Latest(Text, follows='images')}
    streams = {'images': ['front', 'left', 'right'], 'info': ['front', 'left', 'right']}
    matcher = Matcher(ports, streams)
    matcher.push('info', 'left', text(1, 'of left'))
    matcher.push('info', 'right', text(1, 'old'))
    matcher.push('info', 'right', text(2, 'of right'))
    matcher.push('images', 'front', image(SECOND))
    found = matcher.take().many('info')
    assert {name: sample.text for name, sample in found.items()} == {
        'left': 'of left', 'right': 'of right'
    }  # fmt: skip


def test_time_set_back_is_told_whoever_leads() -> None:
    matcher = Matcher(surround(patience_s=0.0), {'images': ['front', 'left']})
    matcher.push('images', 'left', image(5 * SECOND))
    matcher.push('images', 'left', image(7 * SECOND))
    assert not matcher.take().rewound
    matcher.push('images', 'left', image(SECOND))
    inputs = matcher.take()
    assert (inputs.stamp_ns, inputs.rewound) == (SECOND, True)


def test_surround_beside_a_reference_is_taken_around_its_stamp() -> None:
    ports = {'note': Reference(Text), **surround(), 'info': Latest(Text, follows='images')}
    streams = {'note': [''], 'images': ['front', 'left'], 'info': ['front', 'left']}
    matcher = Matcher(ports, streams, lossless=True)
    assert matcher.trigger == 'note'
    matcher.push('info', 'front', text(1, 'of front'))
    matcher.push('images', 'front', image(SECOND - 1000))
    assert matcher.take() is None, 'pictures alone drive nothing'
    matcher.push('note', '', text(SECOND))
    matcher.advance(SECOND + 1)
    assert matcher.take() is None, 'left may still come'
    matcher.push('images', 'left', image(SECOND + 1000))
    inputs = matcher.take()
    assert set(inputs.many('images')) == {'front', 'left'}
    assert set(inputs.many('info')) == {'front'}
    assert inputs.missing == ()
    matcher.push('note', '', text(2 * SECOND))
    matcher.advance(3 * SECOND)
    inputs = matcher.take()
    assert inputs.many('images') == {}
    assert inputs.missing == ('images/front', 'images/left')


@pytest.mark.parametrize('streams', [[], ['front']], ids=['none', 'silent'])
def test_surround_beside_a_reference_is_not_waited_for_in_vain(streams: list[str]) -> None:
    ports = {'note': Reference(Text), 'images': Surround(Image, patience_s=30.0, silence_s=0.5)}
    matcher = Matcher(ports, {'note': [''], 'images': streams})
    for stream in streams:
        matcher.push('images', stream, image(SECOND))
    matcher.push('note', '', text(2 * SECOND))
    started = time.monotonic()
    assert matcher.take().many('images') == {}
    assert time.monotonic() - started < 15.0


def test_queue_alone_triggers() -> None:
    matcher = Matcher({'text': Queue(Text)}, {'text': ['']})
    assert matcher.take() is None
    matcher.push('text', '', text(1, 'a'))
    matcher.push('text', '', text(2, 'b'))
    inputs = matcher.take()
    assert inputs.stamp_ns == 2
    assert [t.text for t in inputs.all('text')] == ['a', 'b']
    assert matcher.take() is None


def test_any_queue_triggers_where_there_are_queues_only() -> None:
    matcher = Matcher({'heard': Queue(Text), 'typed': Queue(Text)}, {'typed': ['']})
    matcher.push('typed', '', text(3, 'a'))
    inputs = matcher.take()
    assert inputs is not None
    assert inputs.stamp_ns == 3
    assert (inputs.all('heard'), [t.text for t in inputs.all('typed')]) == ((), ['a'])
    assert matcher.take() is None


def test_a_queue_that_triggers_is_told_that_time_was_set_back() -> None:
    matcher = Matcher({'text': Queue(Text)}, {'text': ['front', 'back']})
    matcher.push('text', 'front', text(9, 'a'))
    assert not matcher.take().rewound
    matcher.rewind()
    for stamp_ns, expected in ((1, True), (2, False)):
        matcher.push('text', 'back', text(stamp_ns, 'b'))
        assert matcher.take().rewound is expected


@pytest.mark.parametrize(
    'ports',
    [
        {},
        {'a': Latest(Text)},
        {'a': Reference(Image), 'b': Reference(Text)},
        {'a': Surround(Image), 'b': Surround(Text)},
    ],
)
def test_ports_without_one_trigger_are_refused(ports) -> None:
    with pytest.raises(ConfigError, match='Reference or Surround'):
        trigger_port(ports)


def test_reference_that_comes_during_patience_is_not_lost() -> None:
    matcher = Matcher(surround(patience_s=0.3), {'images': ['front', 'left']})
    matcher.push('images', 'front', image(SECOND))
    timer = threading.Timer(0.1, matcher.push, ('images', 'front', image(2 * SECOND)))
    timer.start()
    assert matcher.take().stamp_ns == SECOND
    timer.join()
    assert matcher.take().stamp_ns == 2 * SECOND
    assert not matcher.drops


def test_wake_ends_the_wait_even_if_it_came_before() -> None:
    matcher = Matcher(single(), {'image': ['']})
    matcher.wake()
    started = time.monotonic()
    assert matcher.take(timeout_s=30.0) is None
    assert time.monotonic() - started < 15.0
