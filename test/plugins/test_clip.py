"""Labels, embeddings and requests of `clip`; its parity tests are in test/unit/nets_clip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError, RequestError, WeightsError
from mm_perception.plugins.clip import Clip, ClipConfig
from mm_perception.samples import EmbedTextRequest, Labels, MatchRequest
from test.plugins.samples import SECOND_NS, inputs_for, picture

pytestmark = pytest.mark.usefixtures('one_thread')

TEXTS = ('a car', 'a tree', 'a very long text ' * 40)


@pytest.fixture
def clip() -> Iterator[Clip]:
    plugin = Clip(ClipConfig(weights='random', labels=TEXTS))
    plugin.load('cpu')
    yield plugin
    plugin.close()


def see(clip: Clip, stamp_ns: int = SECOND_NS, *, shift: int = 0, stream: str = '') -> Any:
    image = picture(stamp_ns, shift=shift)
    return clip.infer(inputs_for(Clip, stamp_ns, stream=stream, samples={'image': image}))


def score(labels: Labels, name: str) -> float:
    return float(labels.scores[labels.names.index(name)])


def test_labels_are_probabilities_best_first(clip: Clip) -> None:
    labels = see(clip)['labels']
    assert sorted(labels.names) == sorted(TEXTS)
    assert labels.scores.sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(labels.scores) <= 0).all()


def test_scores_are_the_softmax_of_scaled_cosines(clip: Clip) -> None:
    """Equation of section 2.3 of the paper, from the plugin's own embeddings."""
    outputs = see(clip)
    engine = clip._engine
    texts = engine.embed_texts([f'a photo of {text}' for text in TEXTS])
    logits = engine.logit_scale * (texts @ outputs['embedding'].vector)
    expected = np.exp(logits - logits.max())
    expected /= expected.sum()
    assert [score(outputs['labels'], t) for t in TEXTS] == pytest.approx(list(expected), abs=1e-5)


def test_the_embedding_is_a_unit_vector_that_depends_on_the_picture(clip: Clip) -> None:
    first, second = see(clip)['embedding'], see(clip, shift=24)['embedding']
    assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(first.vector, second.vector, atol=1e-4)
    assert first.model == second.model != ''


def test_labels_change_while_running_and_may_be_empty(clip: Clip) -> None:
    clip.reconfigure(ClipConfig(weights='random', labels=('a dog',)))
    assert see(clip)['labels'].names == ('a dog',)
    clip.reconfigure(ClipConfig(weights='random'))
    assert see(clip).keys() == {'embedding'}


def test_a_higher_temperature_flattens(clip: Clip) -> None:
    sharp = see(clip)['labels'].scores
    clip.reconfigure(ClipConfig(weights='random', labels=TEXTS, temperature=10.0))
    assert np.ptp(see(clip)['labels'].scores) < np.ptp(sharp)


def test_templates_are_averaged(clip: Clip) -> None:
    both = ('{}', 'a drawing of {}')
    clip.reconfigure(ClipConfig(weights='random', labels=TEXTS, templates=both))
    vectors = clip._label_vectors(['a car'])
    parts = clip._engine.embed_texts(['a car', 'a drawing of a car'])
    mean = parts.mean(axis=0)
    assert vectors[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


@pytest.mark.parametrize('templates', [(), ('a photo',)])
def test_templates_without_a_place_for_the_label_are_refused(templates: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match='templates'):
        ClipConfig(templates=templates)


def test_a_request_may_bring_its_picture(clip: Clip) -> None:
    image = picture(7)
    reply: Any = clip.answer('match', MatchRequest(image=image, texts=TEXTS))
    assert (reply.stamp_ns, reply.frame_id) == (7, 'camera')
    assert reply.scores.sum() == pytest.approx(1, abs=1e-5)
    engine = clip._engine
    cosines = engine.embed_texts(TEXTS) @ engine.embed_images([image.data])[0]
    assert reply.cosines == pytest.approx(cosines, abs=1e-6)


def test_a_request_without_a_picture_means_the_newest(clip: Clip) -> None:
    with pytest.raises(RequestError, match='no picture'):
        clip.answer('match', MatchRequest(texts=TEXTS))
    see(clip, 5, stream='left')
    see(clip, 6, stream='left', shift=9)
    assert clip.answer('match', MatchRequest(texts=TEXTS)).stamp_ns == 6
    see(clip, 8, stream='right')
    assert clip.answer('match', MatchRequest(texts=TEXTS, stream='left')).stamp_ns == 6
    with pytest.raises(RequestError, match='left, right'):
        clip.answer('match', MatchRequest(texts=TEXTS))


def test_time_set_back_forgets_the_newest_picture(clip: Clip) -> None:
    see(clip, 5)
    clip.rewind('')
    with pytest.raises(RequestError):
        clip.answer('match', MatchRequest(texts=TEXTS))


def test_texts_become_vectors(clip: Clip) -> None:
    reply: Any = clip.answer('embed_text', EmbedTextRequest(texts=TEXTS))
    assert np.array_equal(reply.vectors, clip._engine.embed_texts(TEXTS))
    assert reply.model == clip._engine.name


@pytest.mark.parametrize('request_', [MatchRequest(image=picture()), EmbedTextRequest()])
def test_requests_without_texts_are_refused(clip: Clip, request_: Any) -> None:
    with pytest.raises(RequestError, match='at least one'):
        clip.answer('match', request_)


def test_texts_are_computed_once(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    see(clip)
    monkeypatch.setattr(clip._engine, '_text_features', lambda texts: pytest.fail(f'{texts}'))
    see(clip, shift=1)


def test_two_plugins_share_one_model(clip: Clip) -> None:
    other = Clip(ClipConfig(weights='random'))
    other.load('cpu')
    assert other._engine is clip._engine
    other.close()
    assert see(clip)


@pytest.mark.parametrize(
    ('weights', 'message'),
    [
        ('nobody/has-this', 'run: mmp fetch nobody/has-this'),
        ('open_clip:ViT-B-32/laion2b_s34b_b79k', 'run: mmp fetch open_clip:ViT-B-32/laion2b'),
        ('open_clip:ViT-B-32/nothing', 'has no weights'),
        ('open_clip:NoSuchModel/x', 'has no model'),
        ('open_clip:ViT-B-32', 'names no weights'),
        ('open_clip:local-dir:/nowhere', 'no such directory'),
        ('random:large', 'one random variant'),
    ],
)
def test_weights_that_are_not_here_are_an_error_with_the_fix(weights: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        Clip(ClipConfig(weights=weights)).load('cpu')
