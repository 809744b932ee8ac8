"""Texts that name things: what they mean, and how an answer is scored."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import PromptError, ShapeError
from mm_perception.evaluation.naming import (
    Answer,
    Name,
    map_of,
    parse_name,
    score_absent,
    score_present,
    split_label,
    summarise,
    without_small,
)
from mm_perception.evaluation.questions import Questions, choose_questions, seen_names
from test.unit.evaluation.shapes import nothing, square, truth_of

KINDS = ('car', 'traffic light', 'van')
LABELS = {1: 'red car', 2: 'blue car', 3: 'red van', 4: 'traffic light'}


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('the red car', Name('car', 'red')),
        ('A Red Car.', Name('car', 'red')),
        ('gray van', Name('van', 'grey')),
        ('an orange traffic light', Name('traffic light', 'orange')),
        ('car', Name('car')),
        ('the traffic light', Name('traffic light')),
    ],
)
def test_texts_are_understood(text: str, name: Name) -> None:
    assert parse_name(text, KINDS) == name


@pytest.mark.parametrize('text', ['', 'the', 'red', 'the red bus', 'the red car on the left'])
def test_texts_that_are_not_understood_are_refused(text: str) -> None:
    with pytest.raises(PromptError, match='the kinds are: car, traffic light, van'):
        parse_name(text, KINDS)


def test_a_label_is_a_colour_and_a_kind_or_a_kind() -> None:
    assert split_label('red car') == Name('car', 'red')
    assert split_label('traffic light') == Name('traffic light')
    assert split_label('orange') == Name('orange')
    assert (Name('car', 'red').text, Name('car').text) == ('the red car', 'the car')


def test_a_name_means_all_of_its_colour_and_kind() -> None:
    ids = square(3, 40, ids=square(2, 20, ids=square(1, 2)))
    masks = truth_of(ids, LABELS)
    assert np.unique(map_of(Name('car', 'red'), masks)).tolist() == [0, 1]
    assert np.unique(map_of(Name('car'), masks)).tolist() == [0, 1, 2]
    assert not map_of(Name('van', 'blue'), masks).any()


def test_overlap_counts_where_the_object_is_seen() -> None:
    truth = [square(1, 5), square(1, 5, side=5), nothing(), square(1, 5)]
    found = [square(8, 5), nothing(), nothing(), square(8, 11)]
    score = score_present(truth, Answer(found))
    np.testing.assert_allclose(score.ious, [1, np.nan, np.nan, 72 / 216])
    assert score.mean_iou == pytest.approx((1 + 1 / 3) / 2)
    assert score.tracks.num_truth == 2


def test_two_things_of_one_name_are_one_area_and_two_tracks() -> None:
    truth = [square(2, 30, ids=square(1, 5))] * 3
    merged = np.where(truth[0] > 0, 9, 0).astype(np.uint16)
    apart, together = (
        score_present(truth, Answer(truth)),
        score_present(truth, Answer([merged] * 3)),
    )
    assert (apart.mean_iou, together.mean_iou) == (1.0, 1.0)
    assert apart.tracks.hota == pytest.approx(1)
    assert together.tracks.hota < 0.6


def test_marking_what_is_too_small_is_neither_right_nor_wrong() -> None:
    small = square(2, 40, side=6)
    truth = [square(1, 5, ids=small)] * 3
    honest, keen = [square(7, 5)] * 3, [square(7, 5, ids=np.where(small > 0, 8, 0))] * 3
    for answer in (honest, keen):
        score = score_present(truth, Answer(answer))
        assert (score.mean_iou, score.tracks.hota) == (1.0, pytest.approx(1))
    elsewhere = [square(7, 5, ids=square(8, 25, side=6))] * 3
    assert score_present(truth, Answer(elsewhere)).tracks.hota < 0.8


def test_what_lies_mostly_on_small_things_goes_with_them() -> None:
    truth = square(2, 20, side=6)
    found = square(8, 20, side=7)
    kept_truth, kept_found = without_small(truth, found, 100)
    assert (kept_truth.any(), kept_found.any()) == (False, False)
    _, large = without_small(truth, square(8, 20, side=12), 100)
    assert np.count_nonzero(large) == 144 - 36


def test_frames_of_an_answer_must_be_those_of_the_truth() -> None:
    with pytest.raises(ShapeError, match='expected 2, got 1'):
        score_present([nothing()] * 2, Answer([nothing()]))


@pytest.mark.parametrize(
    ('maps', 'is_claimed', 'is_denied', 'expected'),
    [
        ([0, 0, 0, 0], False, True, (0.0, False, True)),
        ([0, 0, 0, 0], False, False, (0.0, False, False)),
        ([0, 1, 0, 0], False, True, (0.25, True, False)),
        ([0, 0, 0, 0], True, True, (0.0, True, False)),
    ],
    ids=['rejected', 'silent', 'marked once', 'claimed'],
)
def test_absent_texts(maps, is_claimed, is_denied, expected) -> None:
    answer = Answer([square(1, 5) * n for n in maps], is_claimed, is_denied)
    score = score_absent(answer)
    assert (score.alarm_frames, score.is_alarm, score.is_rejected) == expected


def test_scores_over_texts() -> None:
    truth = [square(1, 5)] * 4
    good, bad = score_present(truth, Answer(truth)), score_present(truth, Answer([nothing()] * 4))
    unseen = score_present([nothing()] * 4, Answer([nothing()] * 4))
    quiet = score_absent(Answer([nothing()] * 4, is_denied=True))
    loud = score_absent(Answer(truth))
    scores = summarise([good, bad, unseen], [quiet, loud])
    assert (scores.num_present, scores.num_absent) == (2, 2)
    assert (scores.mean_iou, scores.found) == (0.5, 0.5)
    assert (scores.false_alarms, scores.alarm_frames, scores.rejected) == (0.5, 0.5, 0.5)
    assert scores.tracks is not None
    assert scores.tracks.det_a == pytest.approx(0.5)


def test_without_texts_scores_are_none() -> None:
    numbers = summarise([], []).numbers()
    assert numbers['mean_iou'] is None
    assert numbers['rejected'] is None
    assert 'hota' not in numbers


def test_names_that_are_seen_have_enough_pixels() -> None:
    ids = square(3, 40, side=9, ids=square(1, 5))
    assert seen_names([truth_of(ids, LABELS)]) == {Name('car', 'red')}
    assert seen_names([truth_of(ids, LABELS)], 81) == {Name('car', 'red'), Name('van', 'red')}
    assert seen_names([truth_of(nothing(), LABELS)]) == set()


def test_names_that_are_seen_stay_for_half_of_the_frames() -> None:
    there, gone = truth_of(square(1, 5), LABELS), truth_of(nothing(), LABELS)
    assert seen_names([there, gone]) == {Name('car', 'red')}
    assert seen_names([there, gone, gone]) == set()
    assert seen_names([there, gone, gone], share=0.0) == {Name('car', 'red')}
    assert seen_names([]) == set()


def test_questions_are_true_false_and_repeatable() -> None:
    world = [split_label(label) for label in (*LABELS.values(), 'green bus', 'blue bus')]
    seen = world[:4]
    for seed in range(20):
        questions = choose_questions(
            seen, world, np.random.default_rng(seed), num_present=2, num_absent=3
        )
        assert len(questions.present) == 2
        assert set(questions.present) <= set(seen)
        assert all(name.colour for name in questions.all)
        assert not set(questions.absent) & set(world)
        assert {n.kind for n in questions.absent} <= {'car', 'van', 'bus'}
        assert {n.colour for n in questions.absent} <= {'red', 'blue', 'green'}
        assert len(set(questions.absent)) == 3
        again = choose_questions(
            seen, world, np.random.default_rng(seed), num_present=2, num_absent=3
        )
        assert again == questions


def test_a_world_with_every_pair_is_asked_for_other_colours() -> None:
    world = [Name('car', 'red')]
    questions = choose_questions(world, world, np.random.default_rng(0), num_absent=2)
    assert questions.present == (Name('car', 'red'),)
    assert len(questions.absent) == 2
    assert {name.kind for name in questions.absent} == {'car'}
    assert 'red' not in {name.colour for name in questions.absent}


def test_texts_of_a_run_share_no_word_and_presence() -> None:
    present = (Name('car', 'red'), Name('car', 'blue'), Name('van', 'blue'), Name('bus', 'green'))
    absent = (Name('truck', 'white'), Name('cone', 'white'))
    runs = Questions(present, absent).runs()
    assert [len(run) for run in runs] == [3, 1, 1, 1]
    assert sorted(name for run in runs for name in run) == sorted(present + absent)
    for run in runs:
        assert len({name.kind for name in run}) == len({name.colour for name in run}) == len(run)
        assert set(run) <= set(present) or set(run) <= set(absent)
