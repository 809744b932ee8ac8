"""What is looked at, and what is stored of it."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.imaging.compressed import decode_picture
from mm_perception.samples import Image, Masks
from mm_perception.search.entry import Where
from mm_perception.search.indexer import Indexer, Origin, Sameness, space_of, thumbnail
from mm_perception.search.sights import Sights
from mm_perception.search.store import Store, open_store
from test.unit.search.entries import SECOND_NS
from test.unit.search.fake_clip import FakeClip

RED, GREEN, BLUE = (250, 5, 5), (5, 250, 5), (5, 5, 250)


def image(second: float, colour: tuple[int, int, int] = RED) -> Image:
    data = np.full((40, 60, 3), colour, np.uint8)
    data[:, :20] = BLUE
    return Image(stamp_ns=round(second * SECOND_NS), frame_id='camera', data=data)


def masks(second: float, *, visible: bool = True, height: int = 40) -> Masks:
    ids = np.zeros((height, 60), np.uint16)
    ids[10:20, 2:12] = 7
    return Masks(
        stamp_ns=round(second * SECOND_NS), frame_id='camera', id_map=ids, ids=(7,),
        labels=('car',), scores=np.ones(1, np.float32), visible=(visible,),
    )  # fmt: skip


def indexed(store: Store, sights: list, **sameness: float) -> Indexer:
    indexer = Indexer(FakeClip(), store, Sameness(**sameness), 32, Origin('digest', 'drive'))
    indexer.add(sights)
    indexer.flush()
    return indexer


def pictures(*items: tuple[float, tuple[int, int, int]]) -> list:
    sights = Sights(0.0, 0.5, 10)
    return [s for second, colour in items for s in sights.picture(image(second, colour), 'front')]


def spans(store: Store) -> list[tuple[float, float]]:
    found = store.entries(space_of(FakeClip()), Where(), 99)
    return [(e.stamp_ns / SECOND_NS, e.end_ns / SECOND_NS) for e in found]


def test_what_looks_the_same_is_stored_once_with_its_span() -> None:
    with open_store('') as store:
        items = [(0, RED), (0.5, RED), (1, RED), (1.5, GREEN), (2, RED)]
        indexer = indexed(store, pictures(*items))
        assert spans(store) == [(0, 1), (1.5, 1.5), (2, 2)]
        assert (indexer.seen, indexer.stored) == (5, 3)


def test_a_pause_and_a_long_time_begin_a_new_entry() -> None:
    with open_store('') as store:
        indexed(store, pictures(*((s, RED) for s in (0, 1, 5, 6, 7, 8))), gap_s=2.0, longest_s=2.0)
        assert spans(store) == [(0, 1), (5, 7), (8, 8)]


def test_an_open_span_is_written_and_grows() -> None:
    with open_store('') as store:
        indexer = Indexer(FakeClip(), store, Sameness(), 32)
        indexer.add(pictures((0, RED)))
        indexer.flush()
        assert spans(store) == [(0, 0)]
        indexer.add(pictures((1, RED)))
        assert indexer.waiting == 1
        indexer.flush()
        assert spans(store) == [(0, 1)]
        assert indexer.waiting == 0


def test_time_between_pictures_and_between_looks_at_a_track() -> None:
    sights = Sights(1.0, 2.0, 10)
    due = [len(sights.picture(image(0.5 * i), 'front')) for i in range(5)]
    assert due == [1, 0, 1, 0, 1]
    assert not sights.wants('front', round(2.4 * SECOND_NS))
    assert sights.wants('back', 0)
    tracks = []
    for i in range(6):
        sights.picture(image(3 + i), 'front')
        tracks.append(len(sights.masks(masks(3 + i), 'front')))
    assert tracks == [1, 0, 1, 0, 1, 0]


def test_a_track_is_cut_out_of_its_own_picture() -> None:
    sights = Sights(0.0, 0.0, 10)
    sights.picture(image(0.0), 'front', '/front/image')
    sights.picture(image(0.1, GREEN), 'front')
    (sight,) = sights.masks(masks(0.0), 'front', '/front/image')
    assert (sight.box, sight.label, sight.track_id) == ((2.0, 10.0, 12.0, 20.0), 'car', '7')
    assert (sight.stamp_ns, sight.topic) == (0, '/front/image')
    assert (sight.rgb == BLUE).all()


@pytest.mark.parametrize(
    ('sample', 'smallest'),
    [
        (masks(5.0), 10), (masks(0.0, visible=False), 10), (masks(0.0), 101),
        (masks(0.0, height=41), 10),
    ],
    ids=['no such picture', 'hidden', 'small', 'of another size'],
)  # fmt: skip
def test_tracks_that_show_nothing(sample: Masks, smallest: int) -> None:
    sights = Sights(0.0, 0.0, smallest)
    sights.picture(image(0.0), 'front')
    assert sights.masks(sample, 'front') == []


def test_pictures_that_wait_for_masks_are_few() -> None:
    sights = Sights(0.0, 0.0, 10)
    for i in range(100):
        sights.picture(image(0.1 * i), 'front')
    assert sights.masks(masks(9.9), 'front')
    assert not sights.masks(masks(9.0), 'front')
    sights.forget('front')
    assert not sights.masks(masks(9.8), 'front')


def test_thumbnails_are_small_and_keep_their_shape() -> None:
    picture = decode_picture(np.frombuffer(thumbnail(image(0).data, 30), np.uint8))
    assert picture.shape == (20, 30, 3)
    same = decode_picture(np.frombuffer(thumbnail(image(0).data, 300), np.uint8))
    assert same.shape == (40, 60, 3)


def test_other_weights_are_another_space_wherever_they_lie() -> None:
    first, second = FakeClip(), FakeClip()
    second.name = '/elsewhere/fake'
    assert space_of(first) == space_of(second) == 'fake@abcdef012345'
    second.sha256 = '0' * 64
    assert space_of(first) != space_of(second)
