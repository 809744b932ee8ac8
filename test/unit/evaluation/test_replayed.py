"""What a replay has recorded, scored: the same as live, with its moments, on one page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mm_perception.bag.offline import resolve_stack
from mm_perception.bag.reader import BagReader
from mm_perception.cli import main as mmp
from mm_perception.evaluation import naming
from mm_perception.evaluation.answers import answering_node, recorded_answers
from mm_perception.evaluation.asking import ask
from mm_perception.evaluation.naming import Name
from mm_perception.evaluation.questions import clearest_name
from mm_perception.evaluation.replayed import (
    Story,
    score_replay,
    turning_points,
    worst_frames,
)
from mm_perception.evaluation.result import Evaluation
from mm_perception.evaluation.scenes import World, read_world
from mm_perception.graph import load_stack
from mm_perception.plugins.colour_tracker import ColourTracker
from mm_perception.reporting.story import write_story
from test.data.coloured_bag import IMAGE, PERIOD_NS, START_NS, write_coloured_bag

NAN = float('nan')
FRAMES = 12
PURPLE = Name('ball', 'purple')
#: In these the pictures show nothing.
HIDDEN = (4, 5, 6, 11)


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('bag') / 'coloured'
    return write_coloured_bag(folder, FRAMES, hidden=HIDDEN)


@pytest.fixture(scope='module')
def world(bag: Path) -> World:
    return read_world(bag)


def replay(bag: Path, out: Path, text: str = PURPLE.text) -> Path:
    words = ['replay', str(bag), '--stack', 'colour', '--prompt', text, '--out', str(out)]
    assert mmp.main([*words, '--offline', '--no-film']) == 0
    return out


@pytest.fixture(scope='module')
def scored(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Story]:
    result = replay(bag, tmp_path_factory.mktemp('out') / 'result')
    evaluation, (story,) = score_replay(load_stack('colour'), bag, result, PURPLE)
    return evaluation, story


def test_what_was_recorded_is_what_was_answered(bag: Path, world: World, tmp_path: Path) -> None:
    live = ask(load_stack('colour'), world, [PURPLE.text], tmp_path / 'live')
    with BagReader(bag) as reader:
        spec = answering_node(resolve_stack(load_stack('colour'), reader))
    log = recorded_answers(replay(bag, tmp_path / 'result') / 'bag', spec)
    (scene,) = world.scenes
    assert log.answered(IMAGE) == {START_NS + i * PERIOD_NS for i in range(FRAMES)}
    assert log.answered('/nowhere') is None
    before, after = live.answers[IMAGE, PURPLE.text], log.answer(IMAGE, PURPLE.text, scene.truth)
    assert np.array_equal(before.id_maps, after.id_maps)
    assert (before.is_claimed, before.is_denied) == (after.is_claimed, after.is_denied)
    for ids, live_scores, scores in zip(after.id_maps, before.scores, after.scores, strict=True):
        seen = set(np.unique(ids).tolist()) - {0}  # a hidden track is not recorded
        assert scores == {number: live_scores[number] for number in seen}


def test_a_good_tracker_scores_well(scored: tuple[Evaluation, Story]) -> None:
    evaluation, story = scored
    scores = evaluation.scores()
    assert scores.mean_iou > 0.9
    assert scores.tracks is not None
    assert (scores.tracks.hota > 0.9, scores.tracks.id_switches) == (True, 0)
    assert np.flatnonzero(np.isnan(story.ious)).tolist() == list(HIDDEN)
    assert story.silent == 1.0
    assert story.covers[0] == pytest.approx(np.pi * 24**2 / (180 * 320), rel=0.05)
    (world,) = evaluation.worlds
    assert (world.frames, world.answered) == (FRAMES, 1.0)
    assert evaluation.nodes['colour_tracker'].inferences == FRAMES


def test_a_tracker_that_misses_is_found_out(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ColourTracker, '_follow', lambda *args: None)
    result = replay(bag, tmp_path / 'result')
    evaluation, (story,) = score_replay(load_stack('colour'), bag, result, PURPLE)
    assert evaluation.scores().mean_iou == 0.0
    assert [moment.title for moment in story.moments] == ['in view, but not found']


def test_pictures_without_a_result_do_not_count(bag: Path, tmp_path: Path) -> None:
    """As in real time, where a slow node leaves pictures out."""
    result = replay(bag, tmp_path / 'result')
    shorter = write_coloured_bag(tmp_path / 'longer', FRAMES + 8, hidden=HIDDEN)
    evaluation, (story,) = score_replay(load_stack('colour'), shorter, result, PURPLE)
    assert evaluation.worlds[0].answered == pytest.approx(FRAMES / (FRAMES + 8))
    assert evaluation.scores().mean_iou > 0.9
    assert len(story.ious) == FRAMES


def test_what_is_never_shown_has_no_story(tmp_path: Path) -> None:
    bag = write_coloured_bag(tmp_path / 'bag', 3, hidden=range(3))
    evaluation, stories = score_replay(
        load_stack('colour'), bag, replay(bag, tmp_path / 'result'), PURPLE
    )
    assert (stories, evaluation.cases) == ([], [])
    paths = write_story(evaluation, stories, tmp_path)
    assert json.loads(paths[0].read_text())['scores']['stack']['mean_iou'] is None


def test_without_trackeval_there_are_fewer_scores(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, 'has_trackeval', lambda: False)
    result = replay(bag, tmp_path / 'result')
    evaluation, stories = score_replay(load_stack('colour'), bag, result, PURPLE)
    assert (evaluation.scores().mean_iou > 0.9, evaluation.scores().tracks) == (True, None)
    plain, _ = write_story(evaluation, stories, tmp_path)
    assert 'hota' not in json.loads(plain.read_text())['scores']['stack']


def test_moments_are_in_order_and_drawn(scored: tuple[Evaluation, Story]) -> None:
    _, story = scored
    titles = [(moment.title, round(moment.time_s, 1)) for moment in story.moments]
    assert titles == [('found', 0.0), ('hidden', 0.5), ('found again', 0.7), ('out of view', 1.1)]
    jpeg = np.frombuffer(story.moments[0].pictures['found'], np.uint8)
    picture = cv2.imdecode(jpeg, 1)
    assert picture.shape == (360, 640, 3)
    assert all(set(moment.pictures) == {'truth', 'found'} for moment in story.worst)


@pytest.mark.parametrize(
    ('ious', 'covers', 'expected'),
    [
        ([0.0, 0.9, 0.9], [0.2, 0.2, 0.1], [('found', 1), ('largest', 1)]),
        ([0.9, NAN, NAN, NAN, 0.2, 0.8], [0.1, 0, 0, 0, 0.1, 0.3],
         [('found', 0), ('hidden', 2), ('found again', 5)]),
        ([0.9, 0.9, NAN, NAN], [0.1, 0.2, 0, 0],
         [('found', 0), ('largest', 1), ('out of view', 2)]),
        ([0.1, 0.2], [0.1, 0.3], [('in view, but not found', 1)]),
    ],
)  # fmt: skip
def test_turning_points(ious: list[float], covers: list[float], expected: Any) -> None:
    points = turning_points(np.array(ious), np.array(covers))
    frames = dict.fromkeys(index for _, index in expected)
    assert [index for _, index in points] == list(frames)
    assert set(points) <= set(expected)


def test_the_worst_frames_lie_apart() -> None:
    ious = np.array([0.5, 0.1, 0.2, NAN, 0.3, 0.9])
    times = np.array([0.0, 0.4, 0.6, 0.8, 1.0, 2.0])
    assert worst_frames(ious, times) == [1, 4, 5]


def test_the_page_stands_alone(scored: tuple[Evaluation, Story], tmp_path: Path) -> None:
    evaluation, story = scored
    (tmp_path / 'film.mp4').write_bytes(b'film')
    plain, readable = write_story(
        evaluation, [story], tmp_path, setting='A <replay>.',
        made_by=[('replayed by', 'mmp replay')],
        movies=[(tmp_path / 'film.mp4', 'Seen <here>'), (tmp_path / 'none.mp4', 'not there')],
    )  # fmt: skip
    text = readable.read_text()
    assert set(re.findall(r'(?:src|href)="([a-z]+):', text)) == {'data'}
    assert not re.search(r'<(script|link)\b|https?://', text)
    for words in ('the purple ball', 'A &lt;replay&gt;.', 'data:video/mp4;base64', 'mmp replay',
                  'found again', 'HOTA', '>Seen &lt;here&gt;</figcaption>'):  # fmt: skip
        assert words in text, words
    assert 'not there' not in text
    assert text.count('<figure') == len(story.moments) + 2 * len(story.worst) + 1
    assert json.loads(plain.read_text())['cases'][0]['text'] == 'the purple ball'


def test_the_clearest_name_is_bright_and_often_there(world: World) -> None:
    (scene,) = world.scenes
    name = clearest_name(scene.truth)
    assert name in (Name('box', 'red'), Name('box', 'green'))  # as large as each other
    assert clearest_name(scene.truth[4:6]) is None
