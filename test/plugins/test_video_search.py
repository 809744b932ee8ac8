"""Memory, requests and texts of `video_search`; what it finds is in test/unit/search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import MmPerceptionError, RequestError
from mm_perception.plugin import Context
from mm_perception.plugins.video_search import VideoSearch, VideoSearchConfig
from mm_perception.samples import Event, Image, Masks, SearchRequest, Text
from test.plugins.samples import SECOND_NS, inputs_for, picture

pytestmark = pytest.mark.usefixtures('one_thread')

LENIENT = VideoSearchConfig(weights='random', min_share=0.0, min_cosine=-1.0, smallest_px=1)


def loaded(config: VideoSearchConfig = LENIENT, **context: Any) -> VideoSearch:
    plugin = VideoSearch(config, Context(streams={'image': ('left', 'right')}, **context))
    plugin.load('cpu')
    return plugin


@pytest.fixture
def plugin() -> Iterator[VideoSearch]:
    made = loaded()
    yield made
    made.close()


def noise(second: float) -> Image:
    """A picture unlike that of any other second."""
    rng = np.random.default_rng(round(second * 10))
    colour = rng.integers(0, 256, 3)
    data = np.clip(rng.normal(colour, 60, (48, 64, 3)), 0, 255).astype(np.uint8)
    return Image(stamp_ns=round(second * SECOND_NS), frame_id='camera', data=data)


def see(plugin: VideoSearch, image: Image, stream: str = 'left', **samples: Any) -> Any:
    samples = {'image': image, 'masks': None, **samples}
    return plugin.infer(inputs_for(VideoSearch, image.stamp_ns, stream=stream, samples=samples))


def entries(plugin: VideoSearch) -> int:
    plugin.answer('search', SearchRequest(text='a car'))
    return int(plugin.model_info()['entries'])


def ask(plugin: VideoSearch, **request: Any) -> Any:
    return plugin.answer('search', SearchRequest(**request))


def test_an_example_picture_finds_the_moment_it_was_seen(plugin: VideoSearch) -> None:
    for second in range(6):
        see(plugin, noise(3 * second))
    hit = ask(plugin, image=noise(9)).hits[0]
    assert (hit.stamp_ns, hit.stream, hit.frame_id) == (9 * SECOND_NS, 'left', 'camera')
    assert hit.score == pytest.approx(1, abs=1e-3)
    assert hit.jpeg[:2].tolist() == [0xFF, 0xD8]


def test_a_still_camera_is_stored_once_per_span() -> None:
    plugin = loaded(replace(LENIENT, longest_s=10.0))
    for tenth in range(205):
        see(plugin, picture(tenth * SECOND_NS // 10))
    assert entries(plugin) == 3
    plugin.close()


def test_tracks_are_found_with_their_box(plugin: VideoSearch) -> None:
    image, ids = noise(1), np.zeros((48, 64), np.uint16)
    ids[10:20, 30:50] = 9
    masks = Masks(
        stamp_ns=image.stamp_ns, frame_id='camera', id_map=ids, ids=(9,), labels=('car',),
        scores=np.ones(1, np.float32),
    )  # fmt: skip
    see(plugin, image, masks=masks)
    see(plugin, noise(30))
    hits = ask(plugin, image=replace(image, data=image.data[8:22, 28:52].copy())).hits
    assert (hits[0].track_id, hits[0].label) == ('9', 'car')
    assert hits[0].box.tolist() == [30, 10, 50, 20]
    assert len(ask(plugin, track_id='9').hits) == 2  # its own picture, and the other


def test_memory_is_bounded_by_number_and_age() -> None:
    plugin = loaded(replace(LENIENT, max_entries=5, same_cosine=1.0))
    for second in range(20):
        see(plugin, noise(second))
    assert entries(plugin) == 5
    assert min(h.start_ns for h in ask(plugin, text='a car').hits) == 15 * SECOND_NS
    plugin.close()
    plugin = loaded(replace(LENIENT, keep_s=7.5, same_cosine=1.0))
    for second in range(20):
        see(plugin, noise(second))
    assert entries(plugin) == 8
    plugin.close()


def test_each_text_is_answered_and_nothing_is_an_answer_too(plugin: VideoSearch) -> None:
    text = Text(stamp_ns=0, text='a car')
    answers: list[Event] = see(plugin, noise(0), query=(text,))['answer']
    assert [(e.kind, e.label) for e in answers] == [('found', 'a car')]
    assert answers[0].picture is not None
    plugin.reconfigure(replace(LENIENT, min_share=1.0))
    answers = see(plugin, noise(5), query=(text, text))['answer']
    assert [(e.kind, e.score) for e in answers] == [('not_found', 0.0)] * 2
    assert answers[0].message


def test_a_text_that_is_none_is_reported_and_the_rest_is_answered() -> None:
    reports: list[MmPerceptionError] = []
    plugin = loaded(report=reports.append)
    texts = (Text(stamp_ns=0, text=' '), Text(stamp_ns=0, text='a car'))
    assert len(see(plugin, noise(0), query=texts)['answer']) == 1
    assert len(reports) == 1
    plugin.close()


def test_time_set_back_forgets_that_camera_only(plugin: VideoSearch) -> None:
    see(plugin, noise(50))
    see(plugin, noise(51), 'right')
    plugin.rewind('left')
    see(plugin, noise(1))
    stamps = {hit.stamp_ns // SECOND_NS for hit in ask(plugin, text='a car').hits}
    assert stamps == {51, 1}


def test_an_index_in_a_folder_outlives_the_node(tmp_path: Path) -> None:
    config = replace(LENIENT, index=str(tmp_path / 'index'))
    plugin = loaded(config)
    see(plugin, noise(1))
    plugin.reset()
    plugin.close()
    again = loaded(config)
    see(again, noise(30))
    again.rewind('left')
    assert {h.stamp_ns // SECOND_NS for h in ask(again, text='a car').hits} == {1, 30}
    again.close()


def test_without_a_model_it_says_so() -> None:
    with pytest.raises(RequestError, match='configure the node first'):
        VideoSearch(LENIENT).answer('search', SearchRequest(text='a car'))
