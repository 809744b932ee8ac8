"""Parts of a page: lanes, the map, what was told, and the table of what was loaded."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mm_perception.bag.reader import Record
from mm_perception.faults import Level, tally, without_numbers
from mm_perception.reporting import facts
from mm_perception.reporting.charts import ticks
from mm_perception.reporting.found import when
from mm_perception.reporting.lanes import MOST_LANES, lanes_of
from mm_perception.reporting.map import map_of
from mm_perception.reporting.page import picture, table
from mm_perception.reporting.pictures import jpeg_of
from mm_perception.reporting.recording import Ego, Path3D, Recording, Track
from mm_perception.reporting.shots import MOST_MOMENTS, moments_of
from mm_perception.reporting.style import STYLE
from mm_perception.reporting.told import Line, Teller
from mm_perception.ros import convert
from mm_perception.ros.convert.speech import TRANSCRIPT
from mm_perception.ros.convert.text import TEXT
from mm_perception.samples import Text, Transcript

SECOND = 10**9
MASKS = '/tracker/output/masks'


def recording(seconds: float = 10.0) -> Recording:
    return Recording(Path('bag'), 0, round(seconds * SECOND))


def test_a_gap_makes_two_stays() -> None:
    found = recording()
    found.answered[MASKS] = [SECOND * n // 10 for n in range(100)]
    seen = [n for n in range(100) if n < 20 or n >= 60]
    stamps = [SECOND * n // 10 for n in seen]
    found.tracks[MASKS, '1'] = Track(MASKS, '1', 'a car', stamps)
    (lane,), left_out = lanes_of(found)
    assert [(span.start_s, span.end_s) for span in lane.spans] == [(0.0, 1.9), (6.0, 9.9)]
    assert left_out == []


def test_lanes_are_bounded_and_the_rest_is_told() -> None:
    found = recording()
    found.answered[MASKS] = [0, SECOND]
    for n in range(MOST_LANES + 3):
        found.tracks[MASKS, str(n)] = Track(MASKS, str(n), 'a car', [0], best=0)
    lanes, left_out = lanes_of(found)
    assert len(lanes) == MOST_LANES
    assert left_out == ['3 tracks of shortest stay']
    moments, num_more = moments_of(found)
    assert (len(moments), num_more) == (2, 0), 'all appear at once, and room is left'


def test_of_many_changes_some_are_shown_evenly() -> None:
    found = recording()
    found.answered[MASKS] = [SECOND * n for n in range(100)]
    for n in range(100):
        stamp_ns = SECOND * n
        found.tracks[MASKS, str(n)] = Track(MASKS, str(n), 'a car', [stamp_ns], best=stamp_ns)
    moments, num_more = moments_of(found)
    assert len(moments) + num_more == 100
    assert 10 <= len(moments) <= MOST_MOMENTS
    assert moments[-1].stamp_ns > 90 * SECOND


def test_ticks_are_round_and_few() -> None:
    assert ticks(6.2) == [0, 1, 2, 3, 4, 5, 6]
    assert ticks(0.35) == [0, 0.1, 0.2, 0.3]
    for span in (1.0, 47.0, 333.0, 5000.0):
        assert 3 <= len(ticks(span)) <= 8


def drive(frame_id: str, *places: tuple[int, float, float]) -> Recording:
    """A robot that drives 10 m in a second, and a track at (stamp_ns, x, y), 1 m high."""
    found = recording()
    ego = Ego('odom', 'base_link', [(0, 0.0, 0.0, 0.0), (SECOND, 10.0, 0.0, 0.0)])
    found.odometry['/odom'] = ego
    found.paths['/t', '7'] = Path3D('/t', '7', 'car', frame_id, [(*p, 1.0) for p in places])
    return found


def last_name(text: str) -> tuple[float, float]:
    place = re.search(r'left:([\d.]+)%;top:([\d.]+)%">car #7', text)
    assert place is not None
    return float(place[1]), float(place[2])


def test_the_map_carries_boxes_of_the_robot_along_with_it() -> None:
    """What stays 5 m ahead of a robot that drives 10 m ends at 15 m."""
    own = map_of(drive('base_link', (0, 5.0, 2.0), (SECOND, 5.0, 2.0)))
    fixed = map_of(drive('odom', (0, 5.0, 2.0), (SECOND, 15.0, 2.0)))
    assert last_name(own) == last_name(fixed)
    x, y = last_name(fixed)
    assert x > 50, 'ahead is to the right'
    assert y < 50, 'left is up'


def test_names_on_the_map_do_not_lie_upon_each_other() -> None:
    """The longer track keeps its name; that of the other is told by the mouse."""
    found = drive('odom', (0, 5.0, 2.0), (SECOND, 15.0, 2.0))
    for number, y in (('8', 2.1), ('9', -6.0)):
        path = Path3D('/t', number, 'van', 'odom', [(SECOND, 15.0, y, 1.0)])
        found.paths['/t', number] = path
    text = map_of(found)
    assert re.findall(r'>([a-z]+ #\d)</span>', text) == ['car #7', 'van #9']
    assert re.findall(r'<title>([a-z]+ #\d)</title>', text) == ['car #7', 'van #8', 'van #9']


def test_there_is_no_map_of_a_frame_that_nobody_knows() -> None:
    assert map_of(drive('lidar', (0, 5.0, 2.0))) == ''


def take(lines: list[Line], *records: tuple[str, object, int]) -> None:
    teller = Teller(lines)
    for topic, message, time_ns in records:
        kind = TRANSCRIPT if 'transcript' in topic else TEXT
        teller.take(Record(topic, kind, time_ns, b''), message)


def told(text: str, stamp_s: int) -> object:
    return convert.to_msgs(Text(stamp_ns=stamp_s * SECOND, text=text))['']


def test_advice_that_only_counts_is_one_line() -> None:
    lines: list[Line] = []
    words = (
        'slow, at most 8.3 m/s: a car',
        'slow, at most 7.9 m/s: a car',
        'slow, at most 7.8 m/s: a moment ago a car',
        'stop, now',
        '{"a": 1}',
    )
    topic = '/advisor/output/advice'
    take(lines, *((topic, told(text, n), n) for n, text in enumerate(words)))
    assert [(line.kind, line.mark, line.times) for line in lines] == [
        ('advice', 'warn', 3), ('advice', 'bad', 1),
    ]  # fmt: skip
    assert lines[0].end_ns == 2 * SECOND


def test_only_final_transcripts_are_told() -> None:
    lines: list[Line] = []
    for is_final in (False, True):
        heard = Transcript(stamp_ns=0, end_ns=SECOND, text='stop', is_final=is_final)
        take(lines, ('/speech/output/transcript', convert.to_msgs(heard)[''], 0))
    assert [line.text for line in lines] == ['“stop” (sure by 1.00)']


def test_convention_without_numbers() -> None:
    assert without_numbers('slow, at most 8.3 m/s') == 'slow, at most # m/s'


def test_diagnoses_of_one_kind_are_counted_together() -> None:
    warnings: Counter[tuple[str, str, str]] = Counter()
    tally(warnings, 'node', Level.OK, 'running')
    for seconds in ('5.0', '6.1'):
        tally(warnings, 'node', Level.WARN, f'silent for {seconds} s')
    assert warnings == {('node', 'WARN', 'silent for # s'): 2}


def test_weights_are_told_with_hash_and_licence() -> None:
    node = {
        'plugin': 'text_tracker', 'weights': 'nano', 'weights_sha256': 'ab' * 32,
        'licence': 'Apache-2.0', 'grounder': 'grounding_dino', 'grounder_sha256': 'cd' * 32,
        'grounder_weights': 'IDEA-Research/grounding-dino-tiny', 'verifier_weights': 'mine',
    }  # fmt: skip
    text = facts.weights({'tracker': node})
    assert 'abababababab<' in text
    assert 'cdcdcdcdcdcd<' in text
    row = text.split('<tr')[-2]
    assert 'grounding_dino' in row
    assert 'Apache-2.0' in row, 'from the card of the plugin'
    assert 'not known: ask its author' in text


@pytest.mark.parametrize(('failures', 'inputs', 'state'), [
    ({'InferenceError': 2}, {'image': 2}, 'failed'), ({}, {'image': 2}, 'no result'),
    ({}, {'image': 0}, 'nothing came'),
])  # fmt: skip
def test_a_stage_without_results_says_why(
    failures: dict[str, int], inputs: dict[str, int], state: str
) -> None:
    node = {'plugin': 'p', 'failures': failures, 'inputs': inputs, 'inferences': 0}
    assert f'>{state}</span>' in facts.speed({'node': node}, 1.0)


def test_a_column_that_nobody_knows_is_left_out() -> None:
    node = {'plugin': 'p', 'inputs': {'image': 2}, 'inferences': 2, 'inference_p50_ms': 3.0}
    heads = re.findall(r'<th[^>]*>([^<]+)</th>', facts.speed({'node': node}, 0.0))
    assert heads == ['stage', 'state', 'done', 'ms, median', 'dropped', 'failed']


def test_nothing_moves_when_a_picture_appears() -> None:
    """The page knows its size before; and it is there on paper, where nobody scrolls."""
    jpeg = jpeg_of(np.zeros((36, 64, 3), np.uint8))
    text = picture(jpeg, 'a car')
    assert 'width="64" height="36"' in text
    assert 'lazy' not in text
    assert 'width' not in picture(b'broken', 'a car')


def test_the_time_of_a_result_ends_with_the_bag_that_was_replayed() -> None:
    """Nodes that are behind go on telling after it: that is no time in which all is gone."""
    found = recording(9.7)
    found.answered[MASKS] = [0, 5 * SECOND]
    found.end_with(6 * SECOND)
    assert found.seconds == 6.0
    late = recording(9.7)
    late.lines.append(Line('/say', 'said', 'gone', 8 * SECOND, 8 * SECOND))
    late.end_with(6 * SECOND)
    assert late.seconds == 8.0, 'what was told later is shown'
    other = Recording(Path('bag'), 100 * SECOND, 110 * SECOND)
    other.end_with(6 * SECOND)
    assert other.seconds == 10.0, 'another clock'


def test_colours_of_advice_are_explained() -> None:
    found = recording()
    found.lines.append(Line('/a/output/advice', 'advice', 'slow', 0, 3 * SECOND, 'warn'))
    assert '<i class="key warn"></i>to slow or yield' in when(found)


def test_colours_of_the_map_are_explained_and_suit_the_dark() -> None:
    found = drive('odom', (0, 5.0, 2.0), (SECOND, 15.0, 2.0))
    found.paths['/t', '8'] = Path3D('/t', '8', 'van', 'odom', [(SECOND, 15.0, -6.0, 1.0)])
    text = map_of(found)
    keys = dict(re.findall(r'style="--hue:(\d+)"></i>(\w+)<', text))
    assert sorted(keys.values()) == ['car', 'van']
    assert set(re.findall(r'points="[^"]*" style="--hue:(\d+)"', text)) == set(keys)
    assert '--lightness' in STYLE.split('prefers-color-scheme: dark')[1].split('}')[0]


def test_on_a_phone_every_value_has_its_head() -> None:
    text = table(('track', 'best <score>'), [('', ('a', '0.9'))])
    assert 'data-head="best &lt;score&gt;"' in text
