"""ad_segment: catalogue, profile that can be read and forgotten, ranking of what is in view."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError, ShapeError
from mm_perception.inputs import Inputs
from mm_perception.plugins.ad_segment import AdSegment, AdSegmentConfig
from mm_perception.plugins.ad_segment.catalogue import read_catalogue
from mm_perception.plugins.ad_segment.profile import Profile, read_preference
from mm_perception.samples import Command, Event, Image, Intent, Masks, Text

#: Label, colour and left edge of what is in view.
SHELF = {1: ('cup', (200, 30, 30), 10), 2: ('cup', (45, 85, 210), 60),
         3: ('ball', (200, 30, 30), 110),
         4: ('person', (50, 165, 60), 150)}  # fmt: skip


class Shop:
    """A shelf with a red and a blue cup and a red ball, before which somebody stands."""

    def __init__(self, **config: Any) -> None:
        self.plugin = AdSegment(
            AdSegmentConfig(**{'catalogue': 'example', 'weights': '', 'max_offers': 9, **config})
        )
        self.plugin.load('cpu')
        self.step = 0
        self.outputs: Any = {}

    def go(self, **queued: Any) -> list[str]:
        """One picture; gives the ids of the offers in order."""
        self.step += 1
        stamp_ns = self.step * 10**9
        picture, ids = np.full((60, 200, 3), 240, np.uint8), np.zeros((60, 200), np.uint16)
        for number, (_, colour, left) in SHELF.items():
            picture[20:50, left : left + 30] = colour
            ids[20:50, left : left + 30] = number
        samples: dict[str, Any] = {
            'image': Image(stamp_ns=stamp_ns, frame_id='camera', data=picture),
            'masks': Masks(
                stamp_ns=stamp_ns, frame_id='camera', id_map=ids, ids=tuple(SHELF),
                labels=tuple(f'a {name}' for name, _, _ in SHELF.values()),
                scores=np.ones(len(SHELF), np.float32),
            ),
            'command': (), 'text': (), 'feedback': (), **queued,
        }  # fmt: skip
        self.outputs = self.plugin.infer(Inputs(stamp_ns, 'camera', samples=samples))
        offers = json.loads(self.outputs['offers'].text)['offers']
        return [offer['id'] for offer in offers]

    def hear(self, text: str) -> list[str]:
        return self.go(text=(Text(stamp_ns=1, text=text),))

    def feedback(self, kind: str, offer: str) -> list[str]:
        event = Event(stamp_ns=1, kind=kind, start_ns=1, end_ns=1, label=offer)
        return self.go(feedback=(event,))

    @property
    def said(self) -> list[str]:
        return [text.text for text in self.outputs['say']]


def test_offers_are_of_what_is_in_view_and_likes_come_first() -> None:
    shop = Shop()
    assert set(shop.go()) == {'cup-red', 'cup-blue', 'ball-red'}
    assert shop.hear('I like blue cups')[0] == 'cup-blue'
    assert shop.hear("I don't like cups")[0] == 'ball-red'
    products = shop.outputs['products']
    assert products.ids == (1, 2, 3)
    assert products.labels[0] == 'Red mug'
    assert not (products.id_map == 4).any()


def test_clicks_and_dismissals_move_class_and_colour() -> None:
    shop = Shop()
    assert shop.feedback('clicked', 'cup-blue')[0] == 'cup-blue'
    assert shop.plugin.profile.as_json()[0]['source'] == 'clicked'
    assert shop.feedback('dismissed', 'cup-blue')[0] in ('ball-red', 'cup-red')
    shop.feedback('clicked', 'no-such-offer')
    shop.feedback('looked', 'cup-blue')
    assert {li.times for li in shop.plugin.profile.likings} == {2}


def test_a_command_prefers_and_others_are_not_heard() -> None:
    shop = Shop()

    def command(intent: Intent, text: str) -> Command:
        return Command(stamp_ns=1, end_ns=1, intent=intent, text=text)

    shop.go(command=(command(Intent.TRACK, 'track the blue cup'),))
    assert shop.plugin.profile.likings == []
    assert shop.go(command=(command(Intent.PREFER, 'I love blue'),))[0] == 'cup-blue'
    shop.go(command=(command(Intent.ASK, 'what do you know about me'),))
    assert shop.said == ['guest likes blue (said).']


def test_it_explains_and_forgets() -> None:
    shop = Shop()
    shop.hear('I like red balls and blue')
    shop.hear('why')
    assert shop.said[0].startswith('Red ball: you like red ball (said, +1.00)')
    shop.hear('forget blue')
    assert shop.said == ['I have forgotten 1 of your preferences.']
    known = json.loads(shop.outputs['profile'][0].text)
    assert [li['attributes'] for li in known['likes']] == [{'class': 'ball', 'colour': 'red'}]
    shop.hear('forget everything about me')
    assert shop.plugin.profile.likings == []
    assert shop.go()
    assert shop.outputs['profile'] == []


def test_profiles_leave_memory_only_into_a_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Shop().hear('I like red')
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / 'likes.json'
    Shop(profile_file=str(path), user='ann').hear('I like red')
    assert json.loads(path.read_text())['ann'][0]['attributes'] == {'colour': 'red'}
    again = Shop(profile_file=str(path), user='ann')
    assert [li.words() for li in again.plugin.profile.likings] == ['red']
    again.hear('forget everything')
    assert json.loads(path.read_text()) == {'ann': []}
    path.write_text('[1]')
    with pytest.raises(ConfigError, match='profiles that were saved'):
        Shop(profile_file=str(path))


def test_a_profile_that_cannot_be_kept_costs_no_offers(tmp_path: Path) -> None:
    path = tmp_path / 'likes.json'
    shop = Shop(profile_file=str(path))
    told: list[Exception] = []
    shop.plugin.context = replace(shop.plugin.context, report=told.append)
    shop.hear('I like red')
    kept = path.read_text()
    path.unlink()
    path.mkdir()  # cannot be replaced by a file
    assert shop.hear('I like blue')
    assert 'likes.json' in str(told[0])
    assert 'in memory only' in str(told[0])
    assert len(json.loads(shop.outputs['profile'][0].text)['likes']) == 2
    assert list(tmp_path.iterdir()) == [path], 'no half-written file is left'
    path.rmdir()
    shop.hear('I like pink')
    assert len(json.loads(path.read_text())['guest']) == 3 > len(json.loads(kept)['guest'])


@pytest.mark.parametrize(
    ('text', 'found'),
    [
        ('I like red cups but not pink',
         [([('colour', 'red'), ('class', 'cup')], True), ([('colour', 'pink')], False)]),
        ('I like red and blue', [([('colour', 'red')], True), ([('colour', 'blue')], True)]),
        ("I don't want cheap chairs", [([('price', 'low'), ('class', 'chair')], False)]),
        ('something striped please', [([('word', 'striped')], True)]),
        ('I like it', []),
    ],
)  # fmt: skip
def test_convention_sentences(text: str, found: list[Any]) -> None:
    assert read_preference(text) == found


def test_convention_strength() -> None:
    offers = {offer.id: offer for offer in read_catalogue('example')}
    profile = Profile()
    profile.learn([('colour', 'red'), ('class', 'cup')], 1.0, 'said')
    assert profile.strength(offers['cup-red'])[0] == 1
    assert profile.strength(offers['ball-red'])[0] == 0.125
    assert profile.strength(offers['ball-blue']) == (0, [])
    for _ in range(9):
        profile.learn([('colour', 'red')], 1.0, 'said')
    assert profile.likings[0].weight == 3
    assert Profile.from_json(profile.as_json()).likings == profile.likings


def test_convention_clicks_that_were_to_be_expected_say_less() -> None:
    offers = {offer.id: offer for offer in read_catalogue('example')}
    profile = Profile()
    profile.feedback(offers['cup-red'], is_clicked=True)
    assert [li.weight for li in profile.likings] == [0.25, 0.25]
    profile.feedback(offers['ball-red'], is_clicked=True)
    likes = {li.words(): li.weight for li in profile.likings}
    assert likes['red'] > likes['cup'] > likes['ball'] > 0
    other = Profile()
    other.feedback(offers['cup-red'], is_clicked=False)
    assert [li.weight for li in other.likings] == [-0.25, -0.25]


def test_catalogues_of_both_kinds_are_read_and_broken_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    rows = [{'id': str(i), 'title': 'Red mug', 'price': p} for i, p in enumerate((1, 2, 3))]
    path.write_text(json.dumps(rows))
    offers = read_catalogue(str(path))
    assert [o.price_level for o in offers] == ['low', 'middle', 'high']
    assert offers[0].holds(('class', 'cup'))
    assert offers[0].holds(('colour', 'red'))
    assert not offers[0].holds(('word', 'striped'))
    for content in ('{}', '[{"id": "1"}]', '[{"id": "1", "title": "x", "price": "much"}]', 'x',
                    '[{"id": "1", "title": "x"}, {"id": "1", "title": "y"}]'):  # fmt: skip
        path.write_text(content)
        with pytest.raises(ConfigError, match='catalogue'):
            read_catalogue(str(path))
    with pytest.raises(ConfigError, match='a file of offers'):
        read_catalogue(str(tmp_path / 'none.csv'))
    assert read_catalogue('') == ()


def test_what_was_said_with_a_picture_that_fails_is_not_taken() -> None:
    shop = Shop()
    shop.go()
    small = Image(stamp_ns=1, frame_id='camera', data=np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ShapeError):
        shop.go(image=small, text=(Text(stamp_ns=1, text='I like blue cups'),))
    assert shop.go()[0] != 'cup-blue', 'the runner gives it back: it would count twice'
    assert shop.hear('I like blue cups')[0] == 'cup-blue'
