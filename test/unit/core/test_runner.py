"""The runner: what a plugin does wrong stays in the plugin."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mm_perception.channel import Bus
from mm_perception.errors import InferenceError, LateInputError, PluginContractError, RequestError
from mm_perception.matcher import Matcher
from mm_perception.ports import Queue, Reference
from mm_perception.runner import Runner, Wiring
from mm_perception.samples import Image, Masks, MatchRequest, Text
from test.fakes import FakeConfig, FakeMasker, image

WIRING = Wiring(
    inputs={'image': {'': '/image'}, 'prompt': {'': '/prompt'}},
    outputs={'masks': {'': '/masks'}, 'note': {'': '/note'}, 'overlay': {'': '/overlay'}},
)


class Bench:
    """A runner without a thread, and what it published."""

    def __init__(self, config: FakeConfig, **options: Any) -> None:
        self.bus = Bus()
        self.runner = Runner('fake', FakeMasker, config, self.bus, WIRING, **options)
        self.runner.load('cpu')
        self.runner.activate(threaded=False)
        self.errors: list[BaseException] = []
        self.runner.on_failure = self.errors.append
        self.masks: list[Any] = []

    def listen(self) -> Bench:
        self.bus.channel('/masks', Masks).subscribe(self.masks.append)
        return self

    def show(self, stamp_ns: int) -> bool:
        self.bus.channel('/image', Image).publish(image(stamp_ns))
        return self.runner.step()


@pytest.fixture
def bench() -> Callable[..., Bench]:
    return lambda config=FakeConfig(), **options: Bench(config, **options)  # noqa: B008


def test_output_has_stamp_and_frame_of_the_source(bench) -> None:
    b = bench().listen()
    assert b.show(42)
    assert (b.masks[0].stamp_ns, b.masks[0].frame_id) == (42, 'camera')


def test_masks_of_another_size_than_their_picture_are_refused(bench) -> None:
    b = bench(FakeConfig(mode='small')).listen()
    b.show(42)
    assert b.masks == []
    (error,) = b.errors
    assert isinstance(error, PluginContractError)
    assert "masks of 3x2 pixels for 'image' of 6x4" in str(error)


def test_what_a_plugin_reports_is_counted_and_the_inference_goes_on(bench) -> None:
    b = bench().listen()
    error = LateInputError('image', 2.0, 1.0)
    b.runner.plugin.context.report(error)
    assert b.show(1)
    assert b.errors == [error]
    assert b.runner.stats.failures == {'LateInputError': 1}
    assert len(b.masks) == 1


def test_nobody_listens_nothing_is_computed(bench) -> None:
    b = bench()
    assert not b.show(1)
    assert b.runner.plugin.frames == 0
    b.listen()
    assert b.runner.step(), 'the newest frame is still there when somebody comes'
    assert b.masks[0].stamp_ns == 1


def test_nodes_in_a_ring_that_nobody_listens_to_rest_and_work_for_a_listener_of_either() -> None:
    """A tracker prompted by a node that it tells what became of the prompt, as in stack say."""
    bus, pair = Bus(), []
    for own, other in (('/a', '/b'), ('/b', '/a')):
        wiring = Wiring(
            inputs={'image': {'': '/image'}, 'prompt': {'': f'{other}/note'}},
            outputs={'masks': {'': f'{own}/masks'}, 'note': {'': f'{own}/note'}},
        )
        pair.append(Runner(own, FakeMasker, FakeConfig(), bus, wiring))
    for runner in pair:
        runner.load('cpu')
        runner.activate(threaded=False)
    assert [runner.is_wanted() for runner in pair] == [False, False]
    bus.channel('/image', Image).publish(image(1))
    assert [runner.step() for runner in pair] == [False, False]
    listening = bus.channel('/a/masks', Masks).subscribe(lambda masks: None)
    assert [runner.is_wanted() for runner in pair] == [True, True], 'one feeds the other'
    listening.close()
    assert [runner.is_wanted() for runner in pair] == [False, False]


def test_debug_output_is_made_only_when_wanted(bench) -> None:
    b = bench().listen()
    seen: list[Any] = []
    b.show(1)
    b.bus.channel('/overlay', Image).subscribe(seen.append)
    b.show(2)
    assert [s.stamp_ns for s in seen] == [2]


def test_raising_plugin_publishes_nothing_and_lives_on(bench) -> None:
    b = bench(FakeConfig(mode='raise')).listen()
    assert b.show(1)
    assert b.masks == []
    assert isinstance(b.errors[0], InferenceError)
    assert 'made to fail' in b.runner.stats.last_failure.message
    b.runner.reconfigure(FakeConfig(mode='ok'))
    b.show(2)
    assert [m.stamp_ns for m in b.masks] == [2]
    assert b.runner.stats.failures == {'InferenceError': 1}


def test_a_bug_is_logged_once_and_counted_each_time(
    bench, caplog: pytest.LogCaptureFixture
) -> None:
    b = bench(FakeConfig(mode='raise')).listen()
    for stamp_ns in (1, 2, 3):
        b.show(stamp_ns)
    assert b.runner.stats.failures['InferenceError'] == 3
    assert caplog.text.count('Traceback') == 1
    assert 'made to fail' in caplog.text


def test_out_of_memory_takes_the_node_out_of_service(bench) -> None:
    b = bench(FakeConfig(mode='memory')).listen()
    given_up = []
    b.runner.on_give_up = lambda: given_up.append(True)
    b.show(1)
    assert given_up == [True]


@pytest.mark.parametrize('mode', ['undeclared', 'wrong_type'])
def test_breach_of_contract_is_a_failure(bench, mode) -> None:
    b = bench(FakeConfig(mode=mode)).listen()
    b.show(1)
    assert [type(e).__name__ for e in b.errors] == ['PluginContractError']


@pytest.mark.parametrize('mode', ['nothing', 'hole'])
def test_outputs_that_are_none_do_not_end_the_worker(bench, mode) -> None:
    b = bench(FakeConfig(mode=mode)).listen()
    b.show(1)
    assert [type(e) for e in b.errors] == [InferenceError]
    b.runner.reconfigure(FakeConfig())
    b.show(2)
    assert [m.stamp_ns for m in b.masks] == [2]


def test_listener_that_fails_ends_neither_the_worker_nor_the_other_outputs(bench) -> None:
    b = bench()
    b.runner.deactivate()
    notes: list[str] = []
    done = threading.Event()

    def fail(item: Any) -> None:
        raise OverflowError('made to fail')

    def note(item: Any) -> None:
        notes.append(item.text)
        done.set()

    b.bus.channel('/masks', Masks).subscribe(fail)
    b.bus.channel('/note', Text).subscribe(note)
    b.listen()
    b.runner.activate()
    for stamp in (1, 2):
        b.bus.channel('/image', Image).publish(image(stamp))
        assert done.wait(5), 'the worker died'
        done.clear()
    b.runner.deactivate()
    assert notes == ['1', '2']
    assert [m.stamp_ns for m in b.masks] == [1, 2]
    assert b.runner.stats.failures == {'InferenceError': 2}
    assert 'made to fail' in b.runner.stats.last_failure.message


def test_worker_survives_what_fails_between_inferences(bench) -> None:
    b = bench()
    b.runner.deactivate()
    asked = iter([True])

    def wants() -> bool:
        if next(asked, False):
            raise RuntimeError('made to fail')
        return True

    done = threading.Event()
    b.bus.channel('/masks', Masks).subscribe(lambda item: done.set(), wants)
    b.runner.activate()
    b.bus.channel('/image', Image).publish(image(1))
    assert done.wait(5), 'the worker died'
    b.runner.deactivate()
    assert b.runner.stats.failures == {'InferenceError': 1}


def test_stale_input_is_refused(bench) -> None:
    b = bench(now_ns=lambda: 10_000_000_000, max_age_s=1.0).listen()
    b.show(1_000_000_000)
    assert b.masks == []
    assert b.runner.stats.failures == {'StaleInputError': 1}


@pytest.mark.parametrize('reason', ['raise', 'stale'])
def test_events_that_came_with_a_frame_that_failed_wait_for_the_next(bench, reason) -> None:
    config = FakeConfig(mode='raise' if reason == 'raise' else 'ok')
    b = bench(config, now_ns=lambda: 10_000_000_000, max_age_s=1.0).listen()
    prompts = b.bus.channel('/prompt', Text)
    prompts.publish(Text(stamp_ns=1, text='first'))
    b.show(9_100_000_000 if reason == 'raise' else 8_900_000_000)
    assert b.masks == []
    prompts.publish(Text(stamp_ns=2, text='second'))
    b.runner.reconfigure(FakeConfig())
    b.show(9_200_000_000)
    assert b.runner.plugin.heard == ['first', 'second']
    b.show(9_200_000_000)
    assert b.runner.plugin.heard == ['first', 'second'], 'once each'


def test_requests_are_answered_between_frames(bench) -> None:
    b = bench()
    future = b.runner.ask('match', MatchRequest(texts=('a', 'b')))
    assert not future.done()
    b.runner.step()
    assert future.result(0).scores.tolist() == [0.5, 0.5]


def test_request_to_an_inactive_node_is_refused(bench) -> None:
    b = bench()
    waiting = b.runner.ask('match', MatchRequest(texts=('a',)))
    b.runner.deactivate()
    for future in (waiting, b.runner.ask('match', MatchRequest(texts=('a',)))):
        with pytest.raises(RequestError, match='activate'):
            future.result(0)


def test_loop_rewinds_the_plugin_and_keeps_prompts(bench) -> None:
    b = bench().listen()
    b.show(10_000_000_000)
    b.bus.channel('/prompt', Text).publish(Text(stamp_ns=1, text='the red car'))
    assert not b.show(1), 'one stamp alone may be wrong'
    b.show(2)
    assert b.runner.plugin.rewound == ['']
    assert b.runner.plugin.heard == ['the red car']


def test_worker_thread_stops_and_starts_again(bench) -> None:
    b = bench().listen()
    b.runner.deactivate()
    arrived = threading.Event()
    b.bus.channel('/masks', Masks).subscribe(lambda item: arrived.set())
    for stamp in (1, 2):
        b.runner.activate()
        b.bus.channel('/image', Image).publish(image(stamp))
        assert arrived.wait(5)
        arrived.clear()
        b.runner.deactivate()
    assert [m.stamp_ns for m in b.masks] == [1, 2]
    b.bus.channel('/image', Image).publish(image(3))
    assert b.runner.plugin.frames == 2


def test_frame_of_an_earlier_service_is_not_used(bench) -> None:
    b = bench()
    b.bus.channel('/image', Image).publish(image(1))
    b.runner.deactivate()
    b.runner.activate(threaded=False)
    b.listen()
    assert not b.runner.step()


def test_plugin_whose_reset_fails_is_closed_all_the_same(bench, monkeypatch) -> None:
    b, closed = bench(), []
    b.runner.deactivate()
    monkeypatch.setattr(b.runner.plugin, 'reset', lambda: 1 / 0)
    monkeypatch.setattr(b.runner.plugin, 'close', lambda: closed.append(True))
    with pytest.raises(ZeroDivisionError):
        b.runner.close()
    assert closed == [True]


def test_queue_that_drives_the_plugin_is_not_given_back_for_ever() -> None:
    matcher = Matcher({'text': Queue(Text)}, {'text': ['']})
    matcher.push('text', '', Text(stamp_ns=1, text='a'))
    inputs = matcher.take()
    assert inputs is not None
    matcher.give_back(inputs)
    assert matcher.take() is None


def test_what_is_given_back_stays_within_the_limit() -> None:
    matcher = Matcher({'image': Reference(Image), 'text': Queue(Text)}, {'image': ['']})
    for round_ in range(3):
        for number in range(600):
            matcher.push('text', '', Text(stamp_ns=number, text=f'{round_}'))
        matcher.push('image', '', image(round_))
        inputs = matcher.take()
        assert inputs is not None
        matcher.push('text', '', Text(stamp_ns=0, text='meanwhile'))
        matcher.give_back(inputs)
    matcher.push('image', '', image(9))
    left = matcher.take()
    assert left is not None
    assert len(left.all('text')) == 1000
    assert sum(matcher.drops.values()) == 803
