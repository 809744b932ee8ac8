"""Counters and timings of one running plugin."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from mm_perception.faults import Level, fault_of

_WINDOW_S = 10.0
_SAMPLES = 512


@dataclass(frozen=True)
class Failure:
    """The newest failure of a plugin."""

    cause: str
    message: str
    level: Level
    when_s: float


@dataclass
class _Arrivals:
    count: int = 0
    last_stamp_ns: int = 0
    times_s: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    def rate_hz(self, now_s: float) -> float:
        recent = [t for t in self.times_s if now_s - t <= _WINDOW_S]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-9)


class Stats:
    """Thread-safe; times are monotonic seconds unless they are called stamps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrivals: dict[str, _Arrivals] = {}
        self._inference_s: deque[float] = deque(maxlen=_SAMPLES)
        self._latency_s: deque[float] = deque(maxlen=_SAMPLES)
        self.inferences = 0
        self.failures: Counter[str] = Counter()
        self.last_failure: Failure | None = None
        self.last_success_s: float | None = None

    def expect(self, port: str) -> None:
        """Name an input ('port' or 'port/stream') so that it is listed before anything arrives."""
        with self._lock:
            self._arrivals.setdefault(port, _Arrivals())

    def received(self, port: str, stamp_ns: int) -> None:
        """Count an input sample."""
        with self._lock:
            arrivals = self._arrivals.setdefault(port, _Arrivals())
            arrivals.count += 1
            arrivals.last_stamp_ns = stamp_ns
            arrivals.times_s.append(time.monotonic())

    def inferred(self, inference_s: float, latency_s: float | None) -> None:
        """Count an inference; `latency_s` is from source stamp to publication, node clock.

        It is None where the source has no stamp.
        """
        with self._lock:
            self.inferences += 1
            self._inference_s.append(inference_s)
            if latency_s is not None:
                self._latency_s.append(latency_s)
            self.last_success_s = time.monotonic()

    def failed(self, error: BaseException) -> None:
        """Count a failure by its class."""
        with self._lock:
            cause = type(error).__name__
            self.failures[cause] += 1
            self.last_failure = Failure(cause, str(error), fault_of(error).level, time.monotonic())

    def inputs(self) -> dict[str, tuple[int, float, float | None, int]]:
        """Per input: count, rate in Hz, seconds since the last one (None: never), last stamp."""
        now_s = time.monotonic()
        with self._lock:
            return {
                port: (
                    a.count,
                    a.rate_hz(now_s),
                    now_s - a.times_s[-1] if a.times_s else None,
                    a.last_stamp_ns,
                )
                for port, a in self._arrivals.items()
            }

    def timings_ms(self) -> dict[str, float]:
        """p50, p95 and p99 of inference and end-to-end latency of the newest inferences, in ms."""
        with self._lock:
            series = {'inference': list(self._inference_s), 'latency': list(self._latency_s)}
        return {
            f'{name}_p{q}_ms': float(np.percentile(values, q)) * 1e3
            for name, values in series.items()
            if values
            for q in (50, 95, 99)
        }
