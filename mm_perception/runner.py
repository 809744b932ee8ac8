"""Run one plugin: inputs from channels, inference on a worker thread, outputs to channels.

The same runner lives in a ROS lifecycle node, in the offline bag runner (without a thread) and in
tests.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mm_perception.channel import Bus, Channel, Deferred, Subscription, resolve
from mm_perception.errors import (
    ConfigError,
    InferenceError,
    MmPerceptionError,
    PluginContractError,
    RequestError,
    StaleInputError,
)
from mm_perception.faults import Outcome, fault_of
from mm_perception.inputs import Inputs, Item
from mm_perception.matcher import Matcher
from mm_perception.plugin import Context, Plugin, Request
from mm_perception.samples import Image, Masks, Sample
from mm_perception.stats import Stats

_IDLE_S = 0.1
Topics = Mapping[str, Mapping[str, str]]

log = logging.getLogger('mm_perception.runner')


@dataclass(frozen=True)
class Wiring:
    """Full topic names of one plugin: port to stream to topic."""

    inputs: Topics = field(default_factory=dict)
    outputs: Topics = field(default_factory=dict)


@dataclass
class _Question:
    port: str
    request: Sample
    answer: Future[Sample]


class Runner:
    """Hosts a plugin.

    Args:
        name: Node name, for messages.
        plugin_class: The plugin.
        config: Its settings.
        bus: Channels of this process.
        wiring: Which topics its ports are connected to.
        lossless: Offline: every sample is used, in order.
        now_ns: Clock that stamps are compared with.
        max_age_s: Refuse reference samples older than this; 0 accepts any age.
        works_unheard: Infer even if nobody wants the outputs.
        lookup_transform: See `Context`.
    """

    def __init__(
        self,
        name: str,
        plugin_class: type[Plugin[Any]],
        config: Any,
        bus: Bus,
        wiring: Wiring,
        *,
        lossless: bool = False,
        now_ns: Callable[[], int] = time.time_ns,
        max_age_s: float = 0.0,
        works_unheard: bool = False,
        lookup_transform: Callable[[str, str, int], Any] | None = None,
    ) -> None:
        self.name = name
        self.wiring = wiring
        self.max_age_s = max_age_s
        self.works_unheard = works_unheard
        self.stats = Stats()
        self._logged: set[tuple[str, str, int]] = set()
        #: Called with every error, from the worker thread.
        self.on_failure: Callable[[BaseException], None] = lambda error: None
        #: Called when a failure demands that the node goes inactive.
        self.on_give_up: Callable[[], None] = lambda: None
        self._now_ns = now_ns
        self._bus = bus
        self._outputs = _open_outputs(bus, plugin_class, wiring)
        ports = {p: k for p, k in plugin_class.inputs.items() if not isinstance(k, Request)}
        streams = {port: tuple(wiring.inputs.get(port, {})) for port in ports}
        context = Context(
            streams=streams, is_wanted=self._is_output_wanted, report=self._take_report
        )
        if lookup_transform is not None:
            context = replace(context, lookup_transform=lookup_transform)
        self.plugin = plugin_class(config, context)
        self.matcher = Matcher(ports, streams, lossless=lossless, now_ns=now_ns)
        self._questions: deque[_Question] = deque()
        self._changes: deque[Any] = deque()
        self._subscriptions: list[Subscription] = []
        self._thread: threading.Thread | None = None
        self._is_active = False
        #: Of each thread: is it finding out whether this runner is wanted?
        self._asked = threading.local()
        #: Held while the plugin computes; `load`, `reset` and `close` need it too.
        self._busy = threading.Lock()
        for port, names in streams.items():
            for stream in names:
                self.stats.expect(_label(port, stream))

    def load(self, device: str) -> None:
        """Load the plugin's weights; on failure the plugin is closed and the error raised."""
        with self._busy:
            try:
                self.plugin.load(device)
            except BaseException:
                self.plugin.close()
                raise

    def activate(self, *, threaded: bool = True) -> None:
        """Connect the inputs and, unless the caller wants to `step` itself, start the worker."""
        self._is_active = True
        for port, streams in self.wiring.inputs.items():
            sample_type = self.plugin.inputs[port].sample_type
            for stream, topic in streams.items():
                channel = self._bus.channel(topic, sample_type)
                listener = self._listener(port, stream)
                wants = self._wants_input
                self._subscriptions.append(channel.subscribe(listener, wants))
        if threaded:
            self._thread = threading.Thread(target=self._work, name=f'{self.name} worker')
            self._thread.start()

    def deactivate(self) -> None:
        """Disconnect, and wait for the inference under way; weights stay."""
        self._is_active = False
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()
        self.matcher.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None
        self.matcher.discard_waiting()
        while self._questions:
            question = self._questions.popleft()
            question.answer.set_exception(
                RequestError(
                    'the node was deactivated', question.port, 'activate it and ask again'
                )
            )

    def close(self) -> None:
        """Give the plugin's memory back and forget everything.

        Raises:
            Exception: What `reset` or `close` raised; `close` is called in any case.
        """
        with self._busy:
            try:
                self.plugin.reset()
            finally:
                self.plugin.close()

    def ask(self, port: str, request: Sample) -> Future[Sample]:
        """Answer a request between two inferences; the future carries the reply or the error."""
        answer: Future[Sample] = Future()
        if not self._is_active:
            error = RequestError('the node is not active', port, 'activate it and ask again')
            answer.set_exception(error)
            return answer
        self._questions.append(_Question(port, request, answer))
        self.matcher.wake()
        return answer

    def reconfigure(self, config: Any) -> None:
        """Hand over a validated config; it takes effect before the next inference."""
        self._changes.append(config)
        self.matcher.wake()

    def rewind(self) -> None:
        """Time was set back for the whole process."""
        self.matcher.rewind()

    def step(self, timeout_s: float = 0.0) -> bool:
        """Do what is due: settings, requests, then at most one inference.

        Returns:
            True if there was an inference, failed or not.
        """
        self._apply_changes()
        self._answer_questions()
        is_wanted = self.works_unheard or self.is_wanted()
        self.matcher.is_paused = not is_wanted
        if not is_wanted:
            if timeout_s:
                self.matcher.sleep(timeout_s)
            return False
        inputs = self.matcher.take(timeout_s)
        if inputs is None:
            return False
        self._infer(inputs)
        return True

    def is_wanted(self) -> bool:
        """True if anybody would use an output now.

        Nodes may form a ring (a tracker tells who prompts it what became of the prompt): that the
        ring wants what it makes itself does not count.
        """
        if getattr(self._asked, 'is_under_way', False):
            return False
        self._asked.is_under_way = True
        try:
            channels = [c for streams in self._outputs.values() for c in streams.values()]
            return any(channel.is_wanted() for channel in channels)
        finally:
            self._asked.is_under_way = False

    def _work(self) -> None:
        while self._is_active:
            _, error = self._guard(0, partial(self.step, _IDLE_S))
            if error is not None:  # not of an inference, which guards itself: do not spin on it
                self.matcher.sleep(_IDLE_S)

    def _wants_input(self) -> bool:
        return self.works_unheard or self.is_wanted()

    def _is_output_wanted(self, port: str, stream: str) -> bool:
        channel = self._outputs.get(port, {}).get(stream)
        return channel is not None and channel.is_wanted()

    def _listener(self, port: str, stream: str) -> Callable[[Item], None]:
        label = _label(port, stream)

        def listen(item: Item) -> None:
            self.stats.received(label, item.stamp_ns)
            self.matcher.push(port, stream, item)

        return listen

    def _apply_changes(self) -> None:
        while self._changes:
            config = self._changes.popleft()
            with self._busy:
                self._guard(0, partial(self.plugin.reconfigure, config))

    def _answer_questions(self) -> None:
        while self._questions:
            question = self._questions.popleft()
            with self._busy:
                reply, error = self._guard(
                    0, partial(self.plugin.answer, question.port, question.request)
                )
            if error is not None:
                question.answer.set_exception(error)
            else:
                question.answer.set_result(reply)

    def _infer(self, inputs: Inputs) -> None:
        started_s = time.perf_counter()
        with self._busy:
            outputs, error = self._guard(inputs.stamp_ns, partial(self._call_plugin, inputs))
        if error is not None:
            self.matcher.give_back(inputs)
        if error is None:
            _, error = self._guard(inputs.stamp_ns, partial(self._publish, inputs, outputs))
        if error is None:
            age_s = (self._now_ns() - inputs.stamp_ns) / 1e9
            latency_s = age_s if inputs.stamp_ns else None
            self.stats.inferred(time.perf_counter() - started_s, latency_s)

    def _call_plugin(self, inputs: Inputs) -> Mapping[str, Sample | Sequence[Sample]]:
        if inputs.rewound:
            self.plugin.rewind(inputs.stream)
        age_s = (self._now_ns() - inputs.stamp_ns) / 1e9
        if self.max_age_s and age_s > self.max_age_s:
            raise StaleInputError(
                _label(self.matcher.trigger, inputs.stream), age_s, self.max_age_s
            )
        return self.plugin.infer(inputs)

    def _guard(self, stamp_ns: int, call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        """Run plugin code; whatever it raises is counted and reported, and the node lives on."""
        try:
            return call(), None
        except MmPerceptionError as error:
            return None, self._fail(error)
        except MemoryError as error:
            return None, self._fail(error)
        except Exception as error:  # noqa: BLE001 - of a stranger's plugin; logged and counted
            self._log_once(error)
            wrapped = InferenceError(type(self.plugin).__name__, stamp_ns, error)
            wrapped.__cause__ = error
            return None, self._fail(wrapped)

    def _log_once(self, error: Exception) -> None:
        """A bug fails at every frame: its traceback is wanted once, its number is counted."""
        *_, place = traceback.walk_tb(error.__traceback__)
        key = type(error).__name__, place[0].f_code.co_filename, place[1]
        if key not in self._logged:
            self._logged.add(key)
            log.error(
                'plugin of node %s failed; where the same fails again, it is only counted',
                self.name, exc_info=error,
            )  # fmt: skip

    def _take_report(self, error: MmPerceptionError) -> None:
        self._fail(error)

    def _fail(self, error: BaseException) -> BaseException:
        self.stats.failed(error)
        self.on_failure(error)
        if fault_of(error).outcome is Outcome.DEACTIVATE:
            self._is_active = False
            self.on_give_up()
        return error

    def _publish(self, inputs: Inputs, outputs: Mapping[str, Sample | Sequence[Sample]]) -> None:
        for port, value in outputs.items():
            if port not in self.plugin.outputs:
                self._fail(PluginContractError(self.name, f'{port!r} is no output port of it'))
                continue
            stream = inputs.stream if self.plugin.outputs[port].per_stream else ''
            channel = self._outputs[port].get(stream)
            if channel is None:
                continue
            for sample in [value] if isinstance(value, Sample) else value:
                # Guarded one by one: a listener that fails costs no other output of the moment.
                self._guard(inputs.stamp_ns, partial(self._hand_on, channel, sample, inputs))

    def _hand_on(self, channel: Channel[Any], sample: Sample, inputs: Inputs) -> None:
        if isinstance(sample, Masks):
            self._check_size(sample, inputs)
        try:
            channel.publish(sample)
        except ConfigError as error:
            raise PluginContractError(self.name, str(error)) from error

    def _check_size(self, masks: Masks, inputs: Inputs) -> None:
        """Masks of another size lie beside what they mean, and nobody behind would notice."""
        item = inputs.samples.get(self.matcher.trigger)
        picture = resolve(item) if isinstance(item, Sample | Deferred) else None
        if not isinstance(picture, Image | Masks) or picture.stamp_ns != masks.stamp_ns:
            return
        of = picture.data if isinstance(picture, Image) else picture.id_map
        if masks.id_map.shape != of.shape[:2]:
            theirs, ours = (f'{array.shape[1]}x{array.shape[0]}' for array in (masks.id_map, of))
            problem = f'masks of {theirs} pixels for {self.matcher.trigger!r} of {ours}: give '
            problem += 'masks the size of the picture that came in'
            raise PluginContractError(self.name, problem)


def _open_outputs(
    bus: Bus, plugin_class: type[Plugin[Any]], wiring: Wiring
) -> dict[str, dict[str, Channel[Any]]]:
    return {
        port: {
            stream: bus.channel(topic, output.sample_type)
            for stream, topic in wiring.outputs.get(port, {}).items()
        }
        for port, output in plugin_class.outputs.items()
    }


def _label(port: str, stream: str) -> str:
    return f'{port}/{stream}' if stream else port
