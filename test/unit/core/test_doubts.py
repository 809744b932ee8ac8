"""One stamp that leaps is wrong and ends nothing; time that is set back, or goes on, is told."""

from __future__ import annotations

from typing import Any

import pytest

from mm_perception.matcher import Matcher
from mm_perception.ports import Latest, Reference, Surround
from mm_perception.samples import Image, Text
from test.fakes import image

SECOND = 1_000_000_000


class Bench:
    """A matcher with a clock of its own, which goes on 0.1 s per picture."""

    def __init__(self, *, lossless: bool = True, **more: Latest) -> None:
        self.now_s = 100.0
        self.matcher = Matcher(
            {'image': Reference(Image), **more},
            {'image': ['', 'other'], **{name: [''] for name in more}},
            lossless=lossless,
            now_ns=lambda: round(self.now_s * SECOND),
        )

    def show(self, *stamps_s: float, stream: str = '', every_s: float = 0.1) -> list[Any]:
        """Pictures in; back comes the stamp of each that came out, and whether it rewound."""
        found = []
        for stamp_s in stamps_s:
            self.now_s += every_s
            self.matcher.push('image', stream, image(round(stamp_s * SECOND)))
            found += self.taken()
        return found

    def taken(self) -> list[tuple[float, bool]]:
        found = []
        while (inputs := self.matcher.take()) is not None:
            found.append((inputs.stamp_ns / SECOND, inputs.rewound))
        return found


@pytest.mark.parametrize('wrong_s', [60.0, 0.0], ids=['of the future', 'of the past'])
@pytest.mark.parametrize('lossless', [True, False])
def test_one_wrong_stamp_is_dropped_and_counted(wrong_s: float, lossless: bool) -> None:
    bench = Bench(lossless=lossless)
    found = bench.show(50.0, 50.1, wrong_s, 50.2, 50.3)
    assert found == [(50.0, False), (50.1, False), (50.2, False), (50.3, False)]
    assert bench.matcher.drops == {('image/', 'wrong stamp'): 1}


def test_time_set_back_is_told_at_the_second_stamp_and_no_picture_is_lost() -> None:
    bench = Bench()
    assert bench.show(50.0, 50.1) == [(50.0, False), (50.1, False)]
    assert bench.show(10.0) == []
    assert bench.show(10.1, 10.2) == [(10.0, True), (10.1, False), (10.2, False)]
    assert not bench.matcher.drops


def test_a_short_loop_is_no_error() -> None:
    found = Bench().show(50.0, 50.3, 50.6, 50.0, 50.3, 50.6)
    assert [stamp_s for stamp_s, rewound in found if rewound] == [50.0]
    assert len(found) == 6


def test_the_newest_is_taken_live_and_told_that_time_was_set_back() -> None:
    bench = Bench(lossless=False)
    assert bench.show(50.0, 10.0, 10.1) == [(50.0, False), (10.1, True)]


def test_time_that_leaps_ahead_and_stays_there_is_no_error() -> None:
    bench = Bench()
    found = bench.show(50.0, 60.0, 60.1)
    assert found == [(50.0, False), (60.0, False), (60.1, False)]
    assert bench.show(1.0, 30.0) == [(1.0, True), (30.0, False)], 'chaos'


def test_a_camera_that_rarely_looks_does_not_leap() -> None:
    found = Bench().show(50.0, 56.0, 62.0, every_s=6.0)
    assert found == [(50.0, False), (56.0, False), (62.0, False)]


def test_what_nothing_contradicts_is_believed() -> None:
    bench = Bench()
    assert bench.show(50.0, 10.0) == [(50.0, False)]
    bench.now_s += 1.1
    assert bench.taken() == [(10.0, True)]
    assert bench.show(70.0) == []
    bench.matcher.advance(1 << 62)
    assert bench.taken() == [(70.0, False)], 'the last of a bag'


def test_cameras_are_doubted_each_on_its_own() -> None:
    bench = Bench()
    assert bench.show(50.0, stream='other') == [(50.0, False)]
    assert bench.show(10.0) == [(10.0, False)]
    assert bench.show(50.1, stream='other') == [(50.1, False)]


def test_a_wrong_stamp_of_a_camera_that_does_not_lead_is_no_moment() -> None:
    ports = {'images': Surround(Image, patience_s=0.0, silence_s=0.5)}
    now_s = [100.0]
    matcher = Matcher(
        ports, {'images': ['front', 'left']}, now_ns=lambda: round(now_s[0] * SECOND)
    )
    found = []
    for stream, stamp_s in (('front', 50.0), ('left', 60.0), ('front', 50.1), ('left', 50.1)):
        now_s[0] += 0.05
        matcher.push('images', stream, image(round(stamp_s * SECOND)))
        inputs = matcher.take()
        found += [] if inputs is None else [(inputs.stamp_ns / SECOND, inputs.rewound)]
    assert found == [(50.0, False), (50.1, False)]
    assert matcher.drops == {('images/left', 'wrong stamp'): 1}


def test_a_clock_that_was_set_makes_no_doubt() -> None:
    bench = Bench()
    bench.show(50.0)
    bench.matcher.rewind()
    assert bench.show(1.0) == [(1.0, True)]


def test_one_wrong_stamp_beside_the_reference_costs_no_other() -> None:
    bench = Bench(note=Latest(Text, tolerance_s=0.05))
    for stamp_s in (50.0, 50.1, 60.0, 50.2):
        bench.matcher.push('note', '', Text(stamp_ns=round(stamp_s * SECOND), text=str(stamp_s)))
    bench.matcher.push('image', '', image(round(50.1 * SECOND)))
    inputs = bench.matcher.take()
    assert inputs is not None
    note = inputs.maybe('note')
    assert isinstance(note, Text)
    assert note.text == '50.1'
