"""When the next message of a bag is due."""

from __future__ import annotations

import time
from collections.abc import Callable

from mm_perception.errors import ConfigError


class Pacer:
    """Maps bag time to monotonic time; a message that is late does not delay those after it.

    Args:
        start_ns: Bag time that is now.
        rate: Bag seconds per second.
        now_s: Monotonic clock.

    Raises:
        ConfigError: The rate is not a number above 0.
    """

    def __init__(
        self, start_ns: int, rate: float = 1.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        if not 0 < rate < float('inf'):
            raise ConfigError('rate', rate, 'a number above 0')
        self._start_ns, self._rate, self._now_s = start_ns, rate, now_s
        self._started_s = now_s()

    def delay_s(self, log_time_ns: int) -> float:
        """Seconds until a message is due; 0 if it is due or late."""
        due_s = (log_time_ns - self._start_ns) / 1e9 / self._rate
        return max(0.0, due_s - (self._now_s() - self._started_s))

    def now_ns(self) -> int:
        """What time it is in the bag."""
        return self._start_ns + int((self._now_s() - self._started_s) * self._rate * 1e9)
