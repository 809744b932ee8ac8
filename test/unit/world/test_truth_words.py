"""What is said of pictures is true, checked against the pixels and not against what said it."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from mm_perception.text.words import NOUNS
from mm_perception.world.camera import Camera
from mm_perception.world.language import Scenery
from mm_perception.world.materials import COLOURS
from mm_perception.world.motion import standing
from mm_perception.world.render import View, look
from mm_perception.world.scene import Part, Scene, Solid, Stage, Thing
from mm_perception.world.street import make_street
from mm_perception.world.truth import (
    Question,
    Relation,
    Sight,
    Vocabulary,
    captions_of,
    questions_about,
    relations_in,
    sight_of,
)
from test.unit.world.scenes import GREY, IDEAL, see

VOCABULARY = Vocabulary(('car', 'van', 'truck', 'bus', 'pedestrian', 'cyclist'), tuple(COLOURS))
CAMERA = Camera('camera', 160, 90, 100.0, at=np.array([0.0, -1.7, 1.5]))
Picture = tuple[View, Sight, list[Thing], list[Question]]


def cube(kind: str, colour: str, x: float, y: float, half: float = 0.5) -> Thing:
    solid = Solid('box', (half, half, half), (0, 0, 0), GREY)
    return Thing(kind, colour, (1, 1, 1), [Part([solid], standing(x, y))])


def picture(*things: Thing) -> Picture:
    camera = Camera('camera', 160, 90, 100.0)
    view, listed = see(Stage(Scene(list(things))), camera), list(things)
    sight = sight_of(view, listed)
    return view, sight, listed, questions_about(np.random.default_rng(1), sight, VOCABULARY)


@pytest.fixture(scope='module')
def streets() -> list[Picture]:
    found = []
    for seed in range(8):
        scene, rng = make_street(seed), np.random.default_rng(seed)
        stage = Stage(scene)
        view = look(stage, CAMERA, np.array([4.0 * seed, 0, 0]), np.eye(3), IDEAL, rng)
        sight = sight_of(view, scene.things)
        asked = [q for _ in range(5) for q in questions_about(rng, sight, VOCABULARY)]
        found.append((view, sight, scene.things, asked))
    return found


def named(view: View, things: list[Thing], words: str) -> list[Thing]:
    """Things with at least one pixel that a name means."""
    kind, _, colour = words.partition(' in ')
    if not colour:
        colour, _, kind = words.rpartition(' ')
    fitting = [t for t in things if t.kind == kind and (not colour or t.colour == colour)]
    return [t for t in fitting if (view.ids == t.instance).any()]


def true_answer(view: View, things: list[Thing], question: Question) -> str:
    """What someone answers who sees every pixel."""
    text = question.text
    if match := re.fullmatch(r'Is there an? (.+)\?', text):
        return 'yes' if named(view, things, match[1]) else 'no'
    if match := re.fullmatch(r'How many (.+) are there\?', text):
        kind = next(k for k in VOCABULARY.kinds if match[1].startswith(k))
        return str(len(named(view, things, kind)))
    if match := re.fullmatch(r'What colour is the (\w+)( wearing)?\?', text):
        (one,) = named(view, things, match[1])
        return one.colour
    match = re.fullmatch(r'Is the (.+) (left of|right of|nearer than) the (.+)\?', text)
    assert match, text
    (one,), (other,) = (named(view, things, match[i]) for i in (1, 3))
    masks = [view.ids == t.instance for t in (one, other)]
    if match[2] == 'nearer than':
        first, second = (np.median(view.depth[mask]) for mask in masks)
    else:
        first, second = (np.nonzero(mask)[1].mean() for mask in masks)
        if match[2] == 'right of':
            first, second = second, first
    return 'yes' if first < second else 'no'


def test_every_answer_is_true(streets) -> None:
    asked = [(view, things, q) for view, _, things, qs in streets for q in qs]
    assert {q.kind for _, _, q in asked} == {'exist', 'count', 'colour', 'side', 'nearer'}
    for view, things, question in asked:
        assert question.answer == true_answer(view, things, question), question


def test_who_does_not_look_is_right_half_of_the_time(streets) -> None:
    answers = Counter((q.kind, q.answer) for *_, qs in streets for q in qs)
    for kind in ('exist', 'side', 'nearer'):
        assert answers[kind, 'yes'] == answers[kind, 'no'] > 0
    # Nor do the words of a question tell the answer.
    sides = Counter((('left' in q.text), q.answer) for *_, qs in streets for q in qs
                    if q.kind == 'side')  # fmt: skip
    assert len(sides) == 4


def test_questions_name_what_they_are_about(streets) -> None:
    for view, _, things, asked in streets:
        for question in asked:
            for instance in question.instances:
                assert things[instance - 1].kind in question.text.replace('buses', 'bus')
                assert (view.ids == instance).any()


def test_what_is_too_small_to_count_is_not_asked_about() -> None:
    _, sight, _, asked = picture(cube('car', 'red', 6, 1), cube('car', 'blue', 80, -2, 0.5))
    assert [t.colour for t in sight.clear] == ['red']
    assert {t.colour for t in sight.seen} == {'red', 'blue'}
    assert not [q for q in asked if q.kind == 'count' and 'car' in q.text]
    assert not [q for q in asked if q.kind == 'colour']
    assert not [q for q in asked if 'blue car' in q.text]


def test_what_has_no_name_of_its_own_is_not_compared() -> None:
    _, _, _, asked = picture(
        cube('car', 'red', 6, 2), cube('car', 'red', 6, -2), cube('van', 'blue', 12, 0)
    )
    assert not [q for q in asked if q.kind in ('side', 'nearer')]
    assert next(q.answer for q in asked if q.kind == 'count') in ('1', '2')
    assert [q.answer for q in asked if q.kind == 'colour'] == ['blue']


def test_an_empty_picture_has_little_to_ask() -> None:
    _, sight, _, asked = picture(cube('car', 'red', -6, 0))
    assert all((q.kind, q.answer) == ('count', '0') for q in asked)
    assert captions_of(np.random.default_rng(0), sight) == ['a street']
    assert relations_in(sight) == []


@pytest.mark.parametrize('width', [80, 320])
def test_relations_are_those_that_the_camera_sees_at_any_size_of_picture(width) -> None:
    things = [
        cube('car', 'red', 6, 1.5),
        cube('van', 'blue', 7, -1.2),
        cube('bus', 'green', 12, 2.9, 1.6),
    ]
    camera = Camera('camera', width, round(width * 0.6), width * 0.6)
    view = see(Stage(Scene(things)), camera)
    found = relations_in(sight_of(view, things))
    assert set(found) == {
        Relation(1, 'left of', 2), Relation(3, 'behind', 1), Relation(3, 'left of', 2),
    }  # fmt: skip


def test_captions_name_only_what_is_there(streets) -> None:
    for view, sight, things, _ in streets:
        texts = captions_of(np.random.default_rng(0), sight, 4)
        assert len(set(texts)) == len(texts) > 0
        seen = {(things[i - 1].kind, things[i - 1].colour) for i in np.unique(view.ids) if i}
        for text in texts:
            parts = re.split(r' (?:left of|right of|in front of|behind|and) ', text)
            for part in parts:
                assert part in ('a street', 'a room') or _means(part) & seen, (text, part)
    assert isinstance(sight.scenery, Scenery)


def _means(words: str) -> set[tuple[str, str]]:
    """Classes and colours that a part of a caption such as 'a van wearing red' can mean."""
    words = re.sub(r'^an? | in a (street|room)$', '', words)
    match = re.fullmatch(r'(?P<noun>.+) (?:in|wearing) (?P<colour>\w+)', words) or re.fullmatch(
        r'(?P<colour>\w+) (?P<noun>.+)', words
    )
    assert match, words
    return {(kind, match['colour']) for kind in NOUNS[match['noun']]}
