"""When the next message is due."""

import pytest

from mm_perception.bag.pacing import Pacer
from mm_perception.errors import ConfigError


class HandClock:
    """Monotonic time that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_message_is_due_as_long_after_the_start_as_it_was_logged() -> None:
    pacer = Pacer(1_000_000_000, 1.0, HandClock())
    assert pacer.delay_s(3_500_000_000) == pytest.approx(2.5)


def test_twice_the_rate_is_half_the_wait() -> None:
    pacer = Pacer(0, 2.0, HandClock())
    assert pacer.delay_s(3_000_000_000) == pytest.approx(1.5)


def test_a_late_message_does_not_delay_those_after_it() -> None:
    clock = HandClock()
    pacer = Pacer(0, 1.0, clock)
    clock.now_s += 5.0
    assert pacer.delay_s(4_000_000_000) == 0.0
    assert pacer.delay_s(6_000_000_000) == pytest.approx(1.0)


def test_bag_time_goes_on_with_the_rate() -> None:
    clock = HandClock()
    pacer = Pacer(7_000_000_000, 0.5, clock)
    clock.now_s += 4.0
    assert pacer.now_ns() == 9_000_000_000


@pytest.mark.parametrize('rate', [0.0, -1.0, float('inf'), float('nan')])
def test_a_rate_that_is_no_speed_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match='rate'):
        Pacer(0, rate)
