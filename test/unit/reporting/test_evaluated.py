"""The page: curves, pictures, words; it needs nothing but itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from mm_perception.evaluation.naming import Answer, score_absent, score_present
from mm_perception.evaluation.result import (
    BOXES,
    DESCRIPTIONS,
    STACK,
    Case,
    Evaluation,
    NodeFacts,
    Settings,
    WorldFacts,
)
from mm_perception.reporting.charts import curves, sparkline
from mm_perception.reporting.evaluated import write_report
from mm_perception.reporting.page import strip
from mm_perception.reporting.pictures import HEIGHT, WIDTH, Overlay, close_up, window
from test.unit.evaluation.shapes import nothing, square

NAN = float('nan')


def test_a_gap_breaks_the_curve() -> None:
    svg = ElementTree.fromstring(curves([0.0, 1.0, 2.0, 3.0, 4.0], {'stack': [0, 1, NAN, 1, 1]}))
    lines = [e.attrib['points'].split() for e in svg.iter('polyline')]
    assert [len(points) for points in lines] == [2, 2]
    (x0, y0), (x1, y1) = (map(float, point.split(',')) for point in lines[0])
    assert x1 > x0
    assert y1 < y0  # up is more


def test_a_single_point_is_a_dot_and_values_stay_inside() -> None:
    svg = ElementTree.fromstring(sparkline([NAN, 1.7, NAN], size=(120, 22)))
    (dot,) = svg.iter('circle')
    assert 0 <= float(dot.attrib['cy']) <= 22
    assert list(svg.iter('polyline')) == []
    (single,) = ElementTree.fromstring(curves([2.0], {'stack': [0.5]})).iter('polyline')
    assert single.attrib['class'] == 'stack dot'


def test_an_area_reaches_down_to_zero() -> None:
    svg = ElementTree.fromstring(curves([0.0, 1.0], {}, areas={'covers': [1.0, 0.5]}))
    (area,) = svg.iter('polygon')
    corners = [tuple(map(float, point.split(','))) for point in area.attrib['points'].split()]
    (x0, top), (x1, middle), *floor = corners
    (y0,) = {y for _, y in floor}
    assert [x for x, _ in floor] == [x1, x0]
    assert (y0 - middle) == pytest.approx((y0 - top) / 2, abs=0.1)


@pytest.mark.parametrize(('number', 'wide'), [(1, 1), (2, 2), (3, 0), (4, 4), (5, 2), (6, 0)])
def test_a_strip_has_no_holes(number: int, wide: int) -> None:
    """A row has six columns; a wide picture takes three, others two."""
    text = strip([(b'', 'a')] * number)
    assert (text.count('<figure'), text.count('class="wide"')) == (number, wide)
    assert number == 1 or (3 * wide + 2 * (number - wide)) % 6 == 0


@pytest.mark.parametrize('left', [0, 20, 48])
def test_the_window_shows_all_of_a_mask(left: int) -> None:
    mask = square(1, left) > 0
    rows, columns = window(mask)
    assert mask[rows, columns].sum() == mask.sum()
    assert (columns.stop - columns.start) < mask.shape[1]


def test_the_window_of_nothing_is_everything() -> None:
    assert window(nothing() > 0) == (slice(0, 40), slice(0, 60))


def test_pictures_show_the_same_part() -> None:
    rgb = np.full((40, 60, 3), 90, np.uint8)
    overlays = {'truth': Overlay(square(3, 5)), 'found': Overlay(nothing())}
    pictures = close_up(rgb, overlays)
    decoded = {k: cv2.imdecode(np.frombuffer(v, np.uint8), 1) for k, v in pictures.items()}
    assert {d.shape for d in decoded.values()} == {(HEIGHT, WIDTH, 3)}
    assert np.ptp(decoded['found'].astype(int)) < 10
    assert np.ptp(decoded['truth'].astype(int)) > 60


def evaluation() -> Evaluation:
    """One text that is half right, and one false alarm."""
    truth, times = [square(1, 10)] * 4, [0.0, 0.1, 0.2, 0.3]
    half = Answer([square(1, 10)] * 2 + [nothing()] * 2)
    jpeg = close_up(np.zeros((40, 60, 3), np.uint8), {'truth': Overlay(truth[0])})['truth']
    present = {STACK: score_present(truth, half), BOXES: score_present(truth, Answer(truth))}
    alarm, quiet = score_absent(half), score_absent(Answer([nothing()] * 4, is_denied=True))
    return Evaluation(
        'a <stack>', {'node': {'weights': 'nano'}}, Settings(),
        {STACK: DESCRIPTIONS[STACK], BOXES: DESCRIPTIONS[BOXES]},
        worlds=[WorldFacts('drive-1', '/bags/drive-1', 1, 4, (60, 40), 0.3, 1.0)],
        cases=[
            Case('drive-1', '', 'the red car', True, times, {**present}, 2,
                 {'truth': jpeg, 'found': jpeg}),
            Case('drive-1', 'left', 'the blue van', False, times,
                 {STACK: alarm, BOXES: quiet}, 0, {'found': jpeg}),
        ],
        nodes={'node': NodeFacts('tracker', 8, [5.0], {'InferenceError': 2}, 'made to <fail>')},
        notes=['a note'],
    )  # fmt: skip


def test_the_page_stands_alone_and_says_it_all(tmp_path: Path) -> None:
    _, path = write_report(evaluation(), tmp_path)
    text = path.read_text()
    assert set(re.findall(r'(?:src|href)="([a-z]+):', text)) == {'data'}
    assert not re.search(r'<(script|link)\b|https?://', text)
    for words in ('the red car', 'the blue van', 'drive-1, left', 'a note', 'false alarm', 'HOTA'):
        assert words in text, words
    assert 'a &lt;stack&gt;' in text
    assert 'made to &lt;fail&gt;' in text
    assert '<stack>' not in text
    assert text.count('<figure>') == 3


def test_the_numbers_are_json_without_nan(tmp_path: Path) -> None:
    result = evaluation()
    path, _ = write_report(result, tmp_path)
    plain = json.loads(path.read_text())
    scores = plain['scores'][STACK]
    assert (scores['mean_iou'], scores['hota'], scores['false_alarms']) == (0.5, 0.5, 1.0)
    assert plain['scores'][BOXES]['hota'] == 1.0
    assert plain['scores'][BOXES]['rejected'] == 1.0
    assert plain['cases'][0]['iou_by_frame'] == [1.0, 1.0, 0.0, 0.0]
    assert not result.is_clean


def test_a_page_without_any_case_is_still_a_page(tmp_path: Path) -> None:
    empty = Evaluation('colour', {}, Settings(), {STACK: DESCRIPTIONS[STACK]})
    plain, path = write_report(empty, tmp_path)
    assert json.loads(plain.read_text())['scores'][STACK]['mean_iou'] is None
    assert '0 worlds' in path.read_text()
    assert empty.is_clean
