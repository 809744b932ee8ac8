"""Label maps, vectors and requests of `dino_segment`; loading is tested in test/unit/nets_dino."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError, PromptError, RequestError, WeightsError
from mm_perception.nets.clip import load_clip
from mm_perception.plugins.dino_segment import DinoSegment, DinoSegmentConfig, unknown_among
from mm_perception.samples import EmbedTextRequest, MatchRequest
from mm_perception.weights import locate
from test.plugins.samples import SECOND_NS, inputs_for, picture

pytestmark = pytest.mark.usefixtures('one_thread')

LABELS = ('a car', 'a tree', 'a lamp')


@pytest.fixture
def plugin() -> Iterator[DinoSegment]:
    made = DinoSegment(config())
    made.load('cpu')
    yield made
    made.close()


def config(**changes: Any) -> DinoSegmentConfig:
    values = {'weights': 'random', 'labels': LABELS, 'background': ()}
    return DinoSegmentConfig(**{**values, **changes})


def see(plugin: DinoSegment, shift: int = 0, stream: str = '') -> Any:
    image = picture(SECOND_NS, shift=shift)
    return plugin.infer(inputs_for(DinoSegment, stream=stream, samples={'image': image}))


def test_every_pixel_has_a_label_where_nothing_competes(plugin: DinoSegment) -> None:
    masks = see(plugin)['masks']
    assert masks.labels == LABELS
    assert masks.ids == (1, 2, 3)
    assert set(np.unique(masks.id_map)) <= {1, 2, 3}
    for number, score, is_there in zip(masks.ids, masks.scores, masks.visible, strict=True):
        assert is_there == bool((masks.id_map == number).any())
        assert (score > 0) == is_there


def test_pixels_take_the_label_of_the_nearest_text(plugin: DinoSegment) -> None:
    """With ids by patch: the picture is as large as sixteen patches."""
    engine = plugin._engine
    image = picture(SECOND_NS)
    cosines = engine.look(image.rgb()).patches @ engine.patch_vectors(LABELS).T
    masks = see(plugin)['masks']
    rows, columns = (np.arange(4) * size // 4 + size // 8 for size in masks.id_map.shape)
    middles = masks.id_map[np.ix_(rows, columns)]
    assert (middles == 1 + cosines.argmax(-1)).mean() > 0.8  # between patches it is interpolated


def test_background_and_unlikely_labels_are_no_label(plugin: DinoSegment) -> None:
    plugin.reconfigure(config(labels=('a car',), background=('a tree', 'a lamp')))
    masks = see(plugin)['masks']
    assert masks.labels == ('a car',)
    assert set(np.unique(masks.id_map)) <= {0, 1}
    plugin.reconfigure(config(min_share=1.0))
    masks = see(plugin)['masks']
    assert not masks.id_map.any()
    assert not any(masks.visible)


def test_ids_stay_with_their_labels_when_others_are_unknown(
    plugin: DinoSegment, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Any] = []
    plugin.context = dataclasses.replace(plugin.context, report=reported.append)
    monkeypatch.setattr(
        'mm_perception.plugins.dino_segment.unknown_among',
        lambda clip, texts: {t: t for t in texts if t in ('a car', 'the sky')},
    )
    plugin.reconfigure(config(background=('the sky',)))
    for _ in range(2):
        masks = see(plugin)['masks']
        assert (masks.labels, masks.ids) == (LABELS[1:], (2, 3))
    assert [str(error.value) for error in reported] == ['a car', 'the sky']  # once, not each time
    plugin.reconfigure(config(labels=('a car',)))
    with pytest.raises(PromptError, match=r"label 'a car'.*use other words"):
        see(plugin)


def test_words_that_nano_does_not_know_are_found() -> None:
    clip = load_clip(locate('nano', 'clip'))
    texts = ('car', 'a street', 'a brick wall')
    assert unknown_among(clip, texts) == {'a brick wall': 'brick'}


def test_the_picture_is_a_unit_vector_beside_texts(plugin: DinoSegment) -> None:
    first, second = see(plugin)['embedding'], see(plugin, shift=24)['embedding']
    assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(first.vector, second.vector, atol=1e-4)
    reply = plugin.answer('embed_text', EmbedTextRequest(texts=LABELS))
    assert reply.model == first.model
    assert reply.vectors.shape == (3, len(first.vector))
    match = plugin.answer('match', MatchRequest(texts=LABELS, stream=''))
    np.testing.assert_allclose(match.cosines, reply.vectors @ second.vector, atol=1e-5)
    assert match.scores.sum() == pytest.approx(1, abs=1e-5)


def test_requests_without_texts_or_pictures_are_refused(plugin: DinoSegment) -> None:
    with pytest.raises(RequestError, match='give at least one'):
        plugin.answer('match', MatchRequest(image=picture()))
    with pytest.raises(RequestError, match='no picture of that camera'):
        plugin.answer('match', MatchRequest(texts=LABELS, stream='left'))


def test_labels_are_texts_that_differ() -> None:
    for labels in ((), ('car', 'car'), ('car', ' ')):
        with pytest.raises(ConfigError, match='labels'):
            config(labels=labels)


def test_a_map_without_a_clip_asks_for_one(tmp_path: Any) -> None:
    from test.unit.nets_dino.tiny_dino import save_dino, save_map

    folder = save_dino(tmp_path / 'dino', 4)
    path = save_map(tmp_path / 'map.pth', load_clip('random').dimension, 32)
    settings = config(weights=str(folder), text_map=str(path))
    with pytest.raises(ConfigError, match='weights of CLIP'):
        DinoSegment(settings).load('cpu')
    plugin = DinoSegment(dataclasses.replace(settings, clip='random'))
    plugin.load('cpu')
    assert see(plugin)['masks'].labels == LABELS
    plugin.close()
    with pytest.raises(WeightsError, match='no map'):
        DinoSegment(config(weights=str(folder))).load('cpu')
