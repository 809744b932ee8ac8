"""Bring samples of several streams together around the stamp of a reference."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping

from mm_perception.doubts import Doubts
from mm_perception.errors import ConfigError
from mm_perception.history import LATE_TOLERANCE_NS, History
from mm_perception.inputs import Inputs, Item
from mm_perception.lead import Lead
from mm_perception.ports import Latest, Port, Queue, Reference, Surround

_QUEUE_LIMIT = 1000


class Matcher:
    """Collects samples from any thread and hands out complete inputs, newest first.

    Args:
        ports: Input ports by name, without requests.
        streams: Stream names per port; ports that are not connected have none.
        lossless: Keep every reference sample in order (offline) instead of the newest only.
        now_ns: Clock of the arrivals, by which a single wrong stamp is known (see `Doubts`);
            without it every stamp is believed.
    """

    def __init__(
        self,
        ports: Mapping[str, Port],
        streams: Mapping[str, Iterable[str]],
        *,
        lossless: bool = False,
        now_ns: Callable[[], int] | None = None,
    ) -> None:
        self._ports = dict(ports)
        self._streams = {port: tuple(streams.get(port, ())) for port in ports}
        self._lossless = lossless
        self._condition = threading.Condition()
        #: Name of the port that drives inference.
        self.trigger = trigger_port(self._ports)
        #: Name of the surround port, which may drive or lie beside a reference; empty for none.
        self._surround = next((p for p, k in ports.items() if isinstance(k, Surround)), '')
        self._lead = Lead(self._ports, self._streams, self.trigger)
        names = self._lead.waits_as or self._streams[self.trigger]
        self._waiting: dict[str, deque[Item]] = {s: deque() for s in names}
        self._history: dict[tuple[str, str], History] = {
            (port, stream): History(self._ports[port])
            for port, names in self._streams.items()
            for stream in names
        }
        self._queues: dict[str, deque[Item]] = {
            p: deque() for p, kind in self._ports.items() if isinstance(kind, Queue)
        }
        self._last_ns: dict[str, int] = {}
        self._rewound: set[str] = set()
        self._doubts = Doubts(now_ns)
        self._turn = 0
        self._now_ns = 0
        self._is_woken = False
        #: True while nobody wants the outputs: what passes meanwhile is no loss.
        self.is_paused = False
        #: Samples that were never used, by 'port/stream' and cause: 'newer came', 'late', 'full',
        #: 'nobody listens', 'wrong stamp'.
        self.drops: Counter[tuple[str, str]] = Counter()

    def push(self, port: str, stream: str, item: Item) -> None:
        """Take a sample in; called by channels, from any thread."""
        with self._condition:
            if port in self._queues:
                self._push_queue(port, stream, item)
            elif (port, stream) in self._lead:
                self._history[port, stream].append(item)
                if self._lead.is_taken_by(port, stream, item.stamp_ns):
                    self._push_reference(port, stream, self._lead.waits_as[0], item)
            elif port == self.trigger:
                self._lead.note(port, stream, item.stamp_ns)
                self._push_reference(port, stream, stream, item)
            else:
                if port == self._surround:
                    self._lead.note(port, stream, item.stamp_ns)
                self._history[port, stream].append(item)
            self._condition.notify_all()

    def _push_queue(self, port: str, stream: str, item: Item) -> None:
        queue = self._queues[port]
        if len(queue) >= _QUEUE_LIMIT:
            queue.popleft()
            self.drops[f'{port}/{stream}', 'full'] += 1
        queue.append(item)

    def _push_reference(self, port: str, stream: str, name: str, item: Item) -> None:
        believed, wrong = self._doubts.sift(name, f'{port}/{stream}', item)
        if wrong:
            self.drops[wrong, 'wrong stamp'] += 1
        for arrival in believed:
            self._let_wait(arrival.label, name, arrival.item)

    def _let_wait(self, label: str, name: str, item: Item) -> None:
        if not self._accept_time(label, name, item.stamp_ns):
            return
        waiting = self._waiting[name]
        if waiting and not self._lossless:
            cause = 'nobody listens' if self.is_paused else 'newer came'
            self.drops[label, cause] += len(waiting)
            waiting.clear()
        waiting.append(item)

    def _end_doubts(self, now_ns: int | None = None) -> None:
        for name, arrival in self._doubts.overdue(now_ns).items():
            self._let_wait(arrival.label, name, arrival.item)

    def _accept_time(self, label: str, name: str, stamp_ns: int) -> bool:
        last = self._last_ns.get(name)
        if last is not None and stamp_ns < last:
            if last - stamp_ns < LATE_TOLERANCE_NS:
                self.drops[label, 'late'] += 1
                return False
            self._rewind(name)
        self._last_ns[name] = stamp_ns
        return True

    def rewind(self) -> None:
        """Time was set back for all (simulated clock jumped): forget what is of the old run."""
        with self._condition:
            for stream in self._waiting:
                self._rewind(stream)
            self._doubts.clear()
            for history in self._history.values():
                history.clear()

    def _rewind(self, stream: str) -> None:
        self._rewound.add(stream)
        self._last_ns.pop(stream, None)
        self._lead.forget()
        if not self._lossless:
            self._waiting[stream].clear()

    def take(self, timeout_s: float = 0.0) -> Inputs | None:
        """The next complete input, or None if there is none within the time.

        A surround input waits up to its patience for late streams, counted from this call.
        """
        with self._condition:
            self._end_doubts()
            self._condition.wait_for(lambda: self._is_ready() or self._is_woken, timeout_s)
            self._is_woken = False
            stream = self._next_stream()
            if stream is None:
                return self._take_queue_only()
            item = self._waiting[stream].popleft()
            kind = self._ports.get(self._surround)
            if isinstance(kind, Surround) and not self._lossless:
                self._condition.wait_for(lambda: not self._awaited(kind, item), kind.patience_s)
            return self._complete(stream, item)

    def advance(self, now_ns: int) -> None:
        """Tell a lossless matcher how far time has come: it waits for late streams no longer."""
        with self._condition:
            self._now_ns = now_ns
            self._end_doubts(now_ns)
            self._condition.notify_all()

    def sleep(self, timeout_s: float) -> None:
        """Wait until `wake` is called or the time is over."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_woken, timeout_s)
            self._is_woken = False

    def wake(self) -> None:
        """End the wait of `take` or `sleep` under way, or else the next one."""
        with self._condition:
            self._is_woken = True
            self._condition.notify_all()

    def give_back(self, inputs: Inputs) -> None:
        """Let what came on queues wait again, unless the plugin has read it: its picture failed.

        Not where queues drive the plugin: the same would fail again at once, and for ever.
        """
        with self._condition:
            if isinstance(self._ports[self.trigger], Queue):
                return
            for port, queue in self._queues.items():
                items = inputs.samples.get(port)
                if isinstance(items, tuple) and port not in inputs.read:
                    queue.extendleft(reversed(items))
                while len(queue) > _QUEUE_LIMIT:
                    queue.popleft()
                    self.drops[f'{port}/', 'full'] += 1

    def discard_waiting(self) -> None:
        """Forget reference samples that nobody took: the node goes out of service."""
        with self._condition:
            self._doubts.clear()
            for waiting in self._waiting.values():
                waiting.clear()

    def _is_ready(self) -> bool:
        return self._next_stream() is not None or self._has_queue_trigger()

    def _has_queue_trigger(self) -> bool:
        return isinstance(self._ports[self.trigger], Queue) and any(self._queues.values())

    def _next_stream(self) -> str | None:
        if isinstance(self._ports[self.trigger], Queue):
            return None
        names = list(self._waiting)
        for step in range(len(names)):
            stream = names[(self._turn + step) % len(names)]
            waiting = self._waiting[stream]
            if waiting and not self._lacking_ports(stream) and self._is_settled(waiting[0]):
                return stream
        return None

    def _is_settled(self, reference: Item) -> bool:
        """Offline, a surround input waits in bag time until all streams are there or too late."""
        kind = self._ports.get(self._surround)
        if not isinstance(kind, Surround) or not self._lossless:
            return True
        is_over = self._now_ns > reference.stamp_ns + int(kind.patience_s * 1e9)
        return is_over or not self._awaited(kind, reference)

    def _lacking_ports(self, stream: str) -> list[str]:
        """Required latest ports that have nothing yet for a reference stream."""
        return [
            port
            for port, kind in self._ports.items()
            if isinstance(kind, Latest) and kind.required and not self._past(port, kind, stream)
        ]

    def _past(self, port: str, kind: Latest, stream: str) -> History:
        names = self._streams[port]
        name = stream if kind.follows else next(iter(names), '')
        return self._history[port, name] if name in names else History(kind)

    def lacking(self) -> tuple[str, ...]:
        """Required latest ports that hold back a reference sample, or have nothing at all."""
        with self._condition:
            return tuple(sorted({p for s in self._waiting for p in self._lacking_ports(s)}))

    def _take_queue_only(self) -> Inputs | None:
        if not self._has_queue_trigger():
            return None
        newest = max((q[-1] for q in self._queues.values() if q), key=lambda item: item.stamp_ns)
        if self._rewound:  # the streams of a queue are not told apart
            self._rewound = {''}
        return self._gather('', newest)

    def _complete(self, stream: str, item: Item) -> Inputs:
        names = list(self._waiting)
        self._turn = (names.index(stream) + 1) % len(names)
        return self._gather(stream, item)

    def _gather(self, stream: str, reference: Item) -> Inputs:
        samples: dict[str, Item | dict[str, Item] | tuple[Item, ...] | None] = {}
        missing: list[str] = []
        for port, kind in self._ports.items():
            if port in self._queues:
                samples[port] = tuple(self._queues[port])
                self._queues[port].clear()
            elif isinstance(kind, Surround):
                samples[port] = self._around(port, kind, reference)
                missing += [f'{port}/{name}' for name in self._lacking(reference)]
            elif isinstance(kind, Reference):
                samples[port] = reference
            elif isinstance(kind, Latest) and isinstance(self._ports.get(kind.follows), Surround):
                each = {n: self._nearest(port, n, kind, reference) for n in self._streams[port]}
                samples[port] = {name: item for name, item in each.items() if item is not None}
            elif isinstance(kind, Latest):
                name = stream if kind.follows else next(iter(self._streams[port]), '')
                samples[port] = self._nearest(port, name, kind, reference)
                missing += [port] if samples[port] is None and self._streams[port] else []
        rewound = stream in self._rewound
        self._rewound.discard(stream)
        return Inputs(
            stamp_ns=reference.stamp_ns,
            frame_id=reference.frame_id,
            stream=stream,
            rewound=rewound,
            missing=tuple(missing),
            samples=samples,
        )

    def _around(self, port: str, kind: Surround, reference: Item) -> dict[str, Item]:
        found = {}
        for stream in self._streams[port]:
            nearest = self._history[port, stream].nearest(reference.stamp_ns, kind.tolerance_s)
            if nearest is not None:
                found[stream] = nearest
        return found

    def _lacking(self, reference: Item) -> tuple[str, ...]:
        kind = self._ports.get(self._surround)
        if not isinstance(kind, Surround):
            return ()
        found = self._around(self._surround, kind, reference)
        return tuple(s for s in self._streams[self._surround] if s not in found)

    def _awaited(self, kind: Surround, reference: Item) -> list[str]:
        """Streams that lack, the stand-in among them, and may still come."""
        lacking = [(self._surround, name) for name in self._lacking(reference)]
        stand_in = self._ports.get(kind.stand_in)
        for name in self._streams.get(kind.stand_in, ())[:1]:
            if isinstance(stand_in, Latest) and not self._nearest(
                kind.stand_in, name, stand_in, reference
            ):
                lacking.append((kind.stand_in, name))
        return [n for p, n in lacking if self._lead.is_alive(p, n, reference.stamp_ns)]

    def _nearest(self, port: str, stream: str, kind: Latest, reference: Item) -> Item | None:
        history = self._history.get((port, stream))
        if history is None or kind.tolerance_s is None:
            return None if history is None else history.newest
        return history.nearest(reference.stamp_ns, kind.tolerance_s)


def trigger_port(ports: Mapping[str, Port]) -> str:
    """The port that drives inference: the reference, else the surround port, else the first queue.

    Where it is a queue, what comes on any other queue drives the plugin as well.

    Raises:
        ConfigError: There is none, or more than one reference or more than one surround port.
    """
    references = [p for p, kind in ports.items() if isinstance(kind, Reference)]
    surrounds = [p for p, kind in ports.items() if isinstance(kind, Surround)]
    driving = references + surrounds or [p for p, k in ports.items() if isinstance(k, Queue)]
    if len(references) > 1 or len(surrounds) > 1 or not driving:
        raise ConfigError('input ports', list(ports), 'one Reference or Surround port, or a Queue')
    return driving[0]
