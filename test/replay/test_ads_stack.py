"""A room in a bag: offers for what is in view, before and after somebody says what they like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.graph import load_stack, parse_stack
from mm_perception.samples import Command, Image, Intent, Text
from mm_perception.world.home_bag import COMMAND, IMAGE, MASKS, START_NS, HomePlan, write_home
from test.replay.test_home_stack import samples_on

#: In this room the camera sees a pink and a green lamp, a sofa and a table, and more.
SEED = 0
LIKED_S = 1.0


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('ads')
    text = 'I like green lamps'
    said = Command(stamp_ns=0, end_ns=0, intent=Intent.PREFER, text=text)
    bag = write_home(folder / 'bag', HomePlan(SEED, 2.0, 4.0, commands=[(LIKED_S, said)]))
    catalogue = folder / 'offers.json'
    rows = [
        {'id': f'{kind}-{colour}', 'title': f'{colour} {kind}', 'price': 9}
        for kind in ('lamp', 'sofa', 'table')
        for colour in ('pink', 'green', 'grey', 'black')
    ]
    catalogue.write_text(json.dumps(rows))
    node = {
        'inputs': {'masks': MASKS, 'image': IMAGE, 'command': COMMAND},
        'parameters': {'catalogue': str(catalogue), 'weights': ''},
    }
    report = OfflineRun(
        parse_stack('ads', {'nodes': {'ad_segment': node}}), bag, folder / 'out'
    ).run()
    assert report.problem == ''
    assert not report.nodes['ad_segment'].stats.failures
    return folder / 'out'


def test_offers_follow_what_is_in_view_and_what_is_liked(result: Path) -> None:
    texts: list[Any] = samples_on(result, '/ad_segment/output/offers', Text)
    assert len(texts) == 8
    for text in texts:
        offers = json.loads(text.text)['offers']
        assert {o['id'] for o in offers} == {'lamp-pink', 'lamp-green', 'sofa-grey', 'table-pink'}
        is_later = text.stamp_ns > START_NS + LIKED_S * 1e9
        if is_later:
            assert offers[0]['id'] == 'lamp-green'
            assert offers[0]['why'] == ['you like green lamp (said, +1.00)']


def test_products_keep_their_ids_and_the_profile_is_told_once(result: Path) -> None:
    maps = samples_on(result, '/ad_segment/output/products', Image)
    truth = samples_on(result, MASKS, Image)
    assert len(maps) == len(truth) == 8
    for products, everything in zip(maps, truth, strict=True):
        kept = products.data > 0
        assert 0 < kept.mean() < (everything.data > 0).mean()
        assert (products.data == everything.data)[kept].all()
    profiles = samples_on(result, '/ad_segment/output/profile', Text)
    assert [json.loads(p.text)['user'] for p in profiles] == ['guest']


def test_the_shipped_stack_links_its_nodes() -> None:
    stack = load_stack('ads')
    assert stack.node('ad_segment').links() == {'masks': ('text_tracker', 'masks')}
