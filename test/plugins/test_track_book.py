"""Birth, confirmation, loss, return and death of tracks, on masks made by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from mm_perception.plugins.text_tracker.track_book import (
    Mask,
    Rules,
    Sighting,
    Track,
    TrackBook,
    box_iou,
    mask_iou,
    match,
)
from mm_perception.samples import mask_box

SECOND_NS = 1_000_000_000
RULES = Rules(birth_score=0.5, match_iou=0.3, max_tracks=3, max_misses=1, death_after_s=2.0)
TEXTS = {'car': 'p1', 'tree': 'p2'}


def square(x: int, size: int = 10) -> Mask:
    mask = np.zeros((20, 100), bool)
    mask[5 : 5 + size, x : x + size] = True
    return mask


def sight(x: int, score: float = 0.9, text: str = 'car', *, only_box: bool = False) -> Sighting:
    mask = square(x)
    box = mask_box(mask)
    assert box is not None
    return Sighting(text, score, box, None if only_box else mask)


@pytest.fixture
def book() -> TrackBook:
    return TrackBook(itertools.count(1).__next__)


def born(book: TrackBook, *places: int, text: str = 'car') -> list[Track]:
    decisions = book.associate([sight(x, text=text) for x in places], TEXTS, 0, RULES)
    return [track for track, _ in decisions.births]


def hide(book: TrackBook, stamp_ns: int, *ids: int) -> list[Track]:
    nothing = np.zeros((20, 100), bool)
    return book.observe(stamp_ns, dict.fromkeys(ids, nothing), dict.fromkeys(ids, False), RULES)


def test_sure_detections_become_tracks_with_ids_of_their_own(book: TrackBook) -> None:
    tracks = born(book, 0, 30)
    assert [(t.track_id, t.text, t.prompt_id, t.label) for t in tracks] == [
        (1, 'car', 'p1', 'car'),
        (2, 'car', 'p1', 'car'),
    ]
    assert list(book.tracks) == [1, 2]


def test_unsure_detections_do_not(book: TrackBook) -> None:
    decisions = book.associate([sight(0, 0.49)], TEXTS, 0, RULES)
    assert (decisions.births, book.tracks) == ([], {})


def test_absent_texts_never_make_a_track(book: TrackBook) -> None:
    for stamp in range(10):
        book.associate([], TEXTS, stamp * SECOND_NS, RULES)
    assert book.tracks == {}


def test_a_detection_on_its_track_confirms_it_even_if_unsure(book: TrackBook) -> None:
    born(book, 0)
    decisions = book.associate([sight(3, 0.3)], TEXTS, SECOND_NS, RULES)  # IoU 70/130
    assert [t.track_id for t in decisions.confirmed] == [1]
    assert (decisions.births, book.tracks[1].score) == ([], 0.3)


def test_boxes_are_compared_with_the_box_of_the_mask(book: TrackBook) -> None:
    """A thin diagonal fills a tenth of its box: as masks they would not match."""
    track = born(book, 0)[0]
    track.see(np.eye(20, 100, dtype=bool) & (np.arange(20) < 10)[:, None], 0)
    box_only = Sighting('car', 0.9, (0.0, 0.0, 10.0, 10.0))
    decisions = book.associate([box_only], TEXTS, 0, RULES)
    assert [t.track_id for t in decisions.confirmed] == [1]


def test_two_detections_and_two_tracks_are_paired_for_the_best_sum() -> None:
    """The first track is closest to the first detection, which the second track needs more."""
    tracks = [Track(i, 'car', '', '', 1.0, 0, mask=square(x)) for i, x in ((1, 4), (2, 0))]
    assert match(tracks, [sight(2), sight(8)], min_iou=0.3) == [(0, 1), (1, 0)]


def test_pairs_below_the_limit_do_not_count() -> None:
    """By the sum of all overlaps 0-1 and 1-0 (0.54 + 0.43) would beat 0-0 (0.82 + 0)."""
    tracks = [Track(i, 'car', '', '', 1.0, 0, mask=square(x)) for i, x in ((1, 0), (2, 5))]
    assert match(tracks, [sight(1), sight(3)], min_iou=0.6) == [(0, 0), (1, 1)]
    far = [Track(i, 'car', '', '', 1.0, 0, mask=square(x)) for i, x in ((1, 10), (2, 15))]
    assert match(far, [sight(11), sight(7)], min_iou=0.6) == [(0, 0)]


def test_a_visible_track_that_is_missed_too_often_dies(book: TrackBook) -> None:
    born(book, 0)
    assert book.associate([], TEXTS, 1, RULES).deaths == []
    assert [t.track_id for t in book.associate([], TEXTS, 2, RULES).deaths] == [1]
    assert book.tracks == {}


def test_a_confirmation_forgives_misses(book: TrackBook) -> None:
    born(book, 0)
    for _ in range(4):
        assert book.associate([], TEXTS, 1, RULES).deaths == []
        book.associate([sight(0)], TEXTS, 1, RULES)
    assert list(book.tracks) == [1]


def test_a_hidden_track_is_not_missed_and_returns_under_its_id(book: TrackBook) -> None:
    born(book, 0)
    hide(book, SECOND_NS, 1)
    for _ in range(5):
        assert book.associate([], TEXTS, SECOND_NS, RULES).deaths == []
    decisions = book.associate([sight(14)], TEXTS, 2 * SECOND_NS, RULES)
    assert [t.track_id for t, _ in decisions.returns] == [1]
    assert decisions.births == []
    assert book.tracks[1].is_visible


def test_what_is_found_far_from_a_hidden_track_is_another_object(book: TrackBook) -> None:
    born(book, 0)
    hide(book, SECOND_NS, 1)
    decisions = book.associate([sight(16)], TEXTS, SECOND_NS, RULES)
    assert decisions.returns == []
    assert [t.track_id for t, _ in decisions.births] == [2]
    assert not book.tracks[1].is_visible, 'it may still come back'


def test_a_mask_that_comes_back_is_doubted_until_a_search_finds_it(book: TrackBook) -> None:
    wary = replace(RULES, doubt_after_s=0.3)
    (track,) = born(book, 0)
    track.see(square(0), 0)

    def watch(stamp_ns: int, *, is_there: bool) -> None:
        mask = square(0) if is_there else np.zeros((20, 100), bool)
        assert book.observe(stamp_ns, {1: mask}, {1: is_there}, wary) == []

    watch(SECOND_NS // 10, is_there=False)
    watch(SECOND_NS // 5, is_there=True)
    assert track.is_visible, 'hidden for 0.2 s: a search would not have told'
    watch(SECOND_NS // 2, is_there=False)
    watch(SECOND_NS, is_there=True)
    assert (track.is_visible, track.is_doubted) == (False, True)
    for _ in range(3):
        assert book.associate([], TEXTS, SECOND_NS, wary).deaths == []
    assert (track.is_visible, track.is_doubted, track.misses) == (False, True, 0)
    decisions = book.associate([sight(1)], TEXTS, SECOND_NS, wary)
    assert (decisions.confirmed, decisions.births, decisions.returns) == ([track], [], [])
    assert (track.is_visible, track.is_doubted) == (True, False)
    watch(SECOND_NS + 1, is_there=True)
    assert track.is_visible


def test_what_was_drawn_is_never_doubted(book: TrackBook) -> None:
    wary = replace(RULES, doubt_after_s=0.0)
    track = book.add('box', 1.0, 0)
    hide(book, 1, track.track_id)
    book.observe(SECOND_NS, {1: square(0)}, {1: True}, wary)
    assert track.is_visible, 'no search could confirm it'


def test_an_unsure_detection_brings_nothing_back(book: TrackBook) -> None:
    born(book, 0)
    hide(book, SECOND_NS, 1)
    assert book.associate([sight(10, 0.4)], TEXTS, SECOND_NS, RULES).returns == []


def test_of_several_hidden_tracks_the_nearest_returns(book: TrackBook) -> None:
    born(book, 60, 80)
    hide(book, SECOND_NS, 1, 2)
    decisions = book.associate([sight(74)], TEXTS, SECOND_NS, RULES)
    assert [t.track_id for t, _ in decisions.returns] == [2]


def test_a_hidden_track_of_another_text_does_not_return(book: TrackBook) -> None:
    born(book, 0)
    hide(book, SECOND_NS, 1)
    decisions = book.associate([sight(0, text='tree')], TEXTS, SECOND_NS, RULES)
    assert [t.track_id for t, _ in decisions.births] == [2]


def test_a_track_hidden_for_too_long_dies(book: TrackBook) -> None:
    born(book, 0)
    assert hide(book, 2 * SECOND_NS, 1) == []
    assert [t.track_id for t in hide(book, 2 * SECOND_NS + 1, 1)] == [1]
    assert born(book, 0)[0].track_id == 2, 'an id is not used for another object'


def test_one_object_is_not_two_tracks(book: TrackBook) -> None:
    born(book, 0)
    decisions = book.associate([sight(0), sight(2)], TEXTS, 1, RULES)
    assert (decisions.births, list(book.tracks)) == ([], [1])


def test_an_object_that_answers_two_texts_is_one_track_for_both(book: TrackBook) -> None:
    born(book, 0)
    decisions = book.associate([sight(0), sight(0, text='tree')], TEXTS, 1, RULES)
    assert decisions.births == []
    assert [t.track_id for t in decisions.others['tree']] == [1]
    assert 'car' not in decisions.others


def test_tracks_have_a_limit(book: TrackBook) -> None:
    assert len(born(book, 0, 20, 40, 60)) == RULES.max_tracks


def test_geometric_tracks_are_not_searched_for(book: TrackBook) -> None:
    track = book.add('p', 1.0, 0, label='cup')
    track.see(square(0), 0)
    for _ in range(5):
        book.associate([], TEXTS, 1, RULES)
    assert (list(book.tracks), track.label) == ([1], 'cup')


@pytest.mark.parametrize(
    ('a', 'b', 'iou'),
    [
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (2, 0, 4, 2), 0.0),
        ((0, 0, 2, 2), (5, 5, 6, 6), 0.0),
        ((1, 1, 1, 1), (1, 1, 1, 1), 0.0),
    ],
)
def test_convention_box_iou(a: tuple[float, ...], b: tuple[float, ...], iou: float) -> None:
    assert box_iou(a, b) == pytest.approx(iou)  # type: ignore[arg-type]


def test_convention_mask_iou() -> None:
    assert mask_iou(square(0), square(5)) == pytest.approx(50 / 150)
    assert mask_iou(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 0.0


RENEWING = replace(RULES, renew_iou=0.5)


def test_a_track_that_drifted_from_its_detection_is_begun_anew(book: TrackBook) -> None:
    book.associate([sight(10)], TEXTS, 0, RENEWING)
    track = book.tracks[1]
    track.see(square(14), SECOND_NS // 2)  # 6 of 10 columns are left: IoU 6 / 14
    decisions = book.associate([sight(10)], TEXTS, SECOND_NS, RENEWING)
    assert [(t.track_id, s.box) for t, s in decisions.moved] == [(1, sight(10).box)]
    assert track.last_box == sight(10).box
    assert book.associate([sight(10)], TEXTS, 2 * SECOND_NS, RENEWING).moved == []
    track.see(square(14), SECOND_NS)
    assert book.associate([sight(10)], TEXTS, 2 * SECOND_NS, RULES).moved == []


def test_a_missed_track_moves_to_what_is_found_close_to_where_it_was(book: TrackBook) -> None:
    book.associate([sight(10)], TEXTS, 0, RENEWING)
    book.tracks[1].see(square(50), SECOND_NS // 2)  # hijacked by something else
    decisions = book.associate([sight(24)], TEXTS, SECOND_NS, RENEWING)
    assert [t.track_id for t, _ in decisions.moved] == [1]
    assert list(book.tracks) == [1], 'under its id'
    book.tracks[1].see(square(60), SECOND_NS)
    far = book.associate([sight(88)], TEXTS, 2 * SECOND_NS, RENEWING)
    assert far.moved == []
    assert [t.track_id for t, _ in far.births] == [2]


def test_what_only_one_search_finds_is_no_track(book: TrackBook) -> None:
    careful = replace(RULES, confirms_births=True)
    assert book.associate([sight(10)], TEXTS, 0, careful).births == []
    assert list(book.pending) == ['car']
    assert book.associate([], TEXTS, SECOND_NS, careful).births == []
    assert book.associate([sight(12)], TEXTS, 2 * SECOND_NS, careful).births == []
    assert book.associate([sight(60)], TEXTS, 3 * SECOND_NS, careful).births == [], 'elsewhere'
    decisions = book.associate([sight(64)], TEXTS, 4 * SECOND_NS, careful)
    assert [t.track_id for t, _ in decisions.births] == [1]
    assert book.pending == {}
