"""Video summaries: what happened is told, shown and kept within bounds of length and memory."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest

from mm_perception.errors import RequestError
from mm_perception.imaging.compressed import decode_picture
from mm_perception.inputs import Inputs
from mm_perception.plugins.video_summary import VideoSummary, VideoSummaryConfig
from mm_perception.plugins.video_summary.diary import (
    Diary,
    Moment,
    merge_cost,
    usual_change,
    weight_in,
)
from mm_perception.plugins.video_summary.selecting import choose, segments_of
from mm_perception.plugins.video_summary.telling import clock
from mm_perception.samples import Command, Embedding, Event, Image, Intent, Masks, Text, Transcript

SECOND_NS = 1_000_000_000
RNG = np.random.default_rng(4)
SCENES = [
    np.kron(RNG.integers(0, 256, (3, 4, 3)), np.ones((12, 16, 1))).astype(np.uint8)
    for _ in range(3)
]


def image_of(scene: int, stamp_ns: int) -> Image:
    """A scene with noise."""
    noise = np.random.default_rng(stamp_ns % 2**32).normal(0, 4, SCENES[scene].shape)
    data = np.clip(SCENES[scene] + noise, 0, 255).astype(np.uint8)
    return Image(stamp_ns=stamp_ns, frame_id='camera', data=data)


def masks_of(things: dict[int, str], stamp_ns: int) -> Masks:
    id_map = np.zeros((36, 64), np.uint16)
    for place, number in enumerate(things):
        id_map[5:15, 12 * place : 12 * place + 10] = number
    return Masks(
        stamp_ns=stamp_ns, frame_id='camera', id_map=id_map, ids=tuple(things),
        labels=tuple(things.values()), scores=np.ones(len(things), np.float32),
    )  # fmt: skip


class Rig:
    """Two pictures a second."""

    def __init__(self, **settings: Any) -> None:
        self.plugin = VideoSummary(VideoSummaryConfig(tell_every_s=1e6, **settings))
        self.stamp_ns = 0
        self.outputs: Any = {}

    def see(
        self, seconds: float, scene: int = 0, things: dict[int, str] | None = None, **queued: Any
    ) -> None:
        for _ in range(round(seconds * 2)):
            self.stamp_ns += SECOND_NS // 2
            samples = {
                'image': image_of(scene, self.stamp_ns), 'embedding': None,
                'masks': masks_of(things or {}, self.stamp_ns), 'events': (), 'transcripts': (),
                'commands': (), **queued,
            }  # fmt: skip
            self.outputs = self.plugin.infer(Inputs(self.stamp_ns, 'camera', samples=samples))
            queued = {}

    def details(self) -> Any:
        return json.loads(self.plugin.sum_up('', has_picture=False)[1])

    def text(self) -> str:
        return self.plugin.sum_up('', has_picture=False)[0]


def event(stamp_ns: int, kind: str = 'entered', **changes: Any) -> Event:
    values: dict[str, Any] = {'track_ids': ('3',), 'label': 'car', 'message': f'car #3 {kind}'}
    return Event(
        stamp_ns=stamp_ns, frame_id='camera', kind=kind, start_ns=stamp_ns, end_ns=stamp_ns,
        **{**values, **changes},
    )  # fmt: skip


def test_who_comes_and_goes_is_told_with_the_times() -> None:
    rig = Rig()
    rig.see(20)
    rig.see(10, things={3: 'red car'})
    rig.see(20)
    (who,) = rig.details()['who']
    assert who == {'track': '3', 'label': 'red car', 'first_s': 20.0, 'last_s': 29.5}
    text = rig.text()
    assert 'red car #3 appeared' in text
    assert 'red car #3 was gone' in text
    assert 'red car #3: in view from 0:20 to 0:29.' in text
    clips = rig.details()['clips']
    assert any(c['start_s'] <= 20 <= c['end_s'] and 'appeared' in c['text'] for c in clips)


def test_what_is_said_and_what_others_report_is_told() -> None:
    rig = Rig()
    rig.see(20)
    said = Transcript(stamp_ns=12 * SECOND_NS, end_ns=13 * SECOND_NS, text='stop right there')
    partial = Transcript(
        stamp_ns=15 * SECOND_NS, end_ns=16 * SECOND_NS, text='stop', is_final=False
    )
    rig.see(20, events=(event(18 * SECOND_NS),), transcripts=(said, partial))
    moments = rig.details()['moments']
    assert [(m['kind'], m['time_s']) for m in moments] == [('said', 11.5), ('entered', 17.5)]
    assert 'somebody said "stop right there"' in rig.text()
    assert 'car #3 entered' in rig.text()


def test_the_same_from_two_sources_is_told_once() -> None:
    rig = Rig()
    rig.see(10)
    rig.see(5, things={3: 'car'})
    rig.see(5, things={3: 'car'}, events=(event(10 * SECOND_NS + 1, 'appeared'),))
    assert [m['text'] for m in rig.details()['moments']] == ['car #3 appeared']
    assert rig.details()['moments'][0]['weight'] > 0.7, 'the surer one stays'


def test_an_event_of_another_camera_is_not_of_this_one() -> None:
    rig = Rig()
    rig.see(4)
    rig.see(4, events=(event(4 * SECOND_NS, stream='garden'),))
    assert rig.details()['moments'] == []


def test_clips_keep_to_their_share_and_prefer_what_is_important() -> None:
    rig = Rig(share=0.1, clip_s=1.0)
    rig.see(100)
    times = [(10, 0.05), (30, 1.0), (50, 0.05), (70, 1.0), (90, 0.05)]
    found = tuple(
        event(t * SECOND_NS, f'kind{t}', track_ids=(str(t),), score=score) for t, score in times
    )
    rig.see(1, events=found)
    clips = rig.details()['clips']
    assert sum(c['end_s'] - c['start_s'] for c in clips) <= 0.1 * 101 + 1e-6
    few = Rig(share=0.02, clip_s=1.0)
    few.see(100)
    few.see(1, events=found)
    shown = [c['text'] for c in few.details()['clips']]
    assert shown == ['car #3 kind30', 'car #3 kind70']


def test_moments_close_together_share_a_clip() -> None:
    diary = Diary(100, 100)
    for index in range(100):
        diary.picture(index * SECOND_NS, np.ones(4), np.zeros(1, np.uint8), None)
    for stamp_s, text in ((20.0, 'a'), (20.6, 'b'), (60.0, 'c')):
        diary.add(Moment(round(stamp_s * SECOND_NS), text, text, 0.5))
    (clip,) = choose(diary, 0.0, 2.0, 10)
    assert [moment.text for moment in clip.moments] == ['a', 'b']


def test_scenes_become_segments() -> None:
    rig = Rig()
    for scene, seconds in ((0, 15), (1, 20), (2, 15), (0, 10)):
        rig.see(seconds, scene)
    segments = rig.details()['segments']
    assert [s['start_s'] for s in segments] == [0, 15, 35, 50]
    shown = [c['key_s'] for c in rig.details()['clips']]
    for change in (15, 35, 50):
        assert any(abs(key - change) <= 1 for key in shown), shown


def test_one_scene_is_one_segment() -> None:
    rig = Rig()
    rig.see(60)
    assert len(rig.details()['segments']) == 1
    assert 'nothing tracked' in rig.text()


def test_memory_is_bounded_and_early_scenes_are_kept() -> None:
    rig = Rig(max_spans=40, max_moments=20)
    rig.see(100)
    rig.see(5, 1, {1: 'cat'})
    strong = event(104 * SECOND_NS, 'crossed')
    rig.see(100, events=(strong,))
    for index in range(60):
        weak = event(rig.stamp_ns, f'k{index}', track_ids=(str(index),), score=0.01)
        rig.see(10, 0, {100 + index: 'dog'}, events=(weak,))
        rig.see(10)
    diary = rig.plugin._diaries['']
    assert len(diary.spans) <= 40
    assert len(diary.moments) <= 20
    assert len(diary.past) <= 20
    assert 'car #3 crossed' in [m['text'] for m in rig.details()['moments']]
    pictures = [decode_picture(span.key).astype(int) for span in diary.spans]
    assert min(np.abs(p - SCENES[1]).mean() for p in pictures) < 30, 'the short scene is there'


def test_summaries_come_every_so_often_and_on_command() -> None:
    plugin_rig = Rig()
    plugin_rig.plugin = VideoSummary(VideoSummaryConfig(tell_every_s=5.0))
    told = []
    for _ in range(24):
        plugin_rig.see(0.5)
        told.append(bool(plugin_rig.outputs))
    assert [i for i, has in enumerate(told) if has] == [10, 20]
    header: dict[str, Any] = {'stamp_ns': plugin_rig.stamp_ns, 'end_ns': plugin_rig.stamp_ns}
    track = Command(**header, intent=Intent.TRACK, text='track the car', target='the car')
    plugin_rig.see(0.5, commands=(track,))
    assert not plugin_rig.outputs
    please = Command(**header, intent=Intent.SUMMARISE, text='what happened')
    plugin_rig.see(0.5, commands=(please,))
    assert set(plugin_rig.outputs) == {'summary', 'details', 'storyboard'}


def test_questions_are_answered_about_their_subject() -> None:
    rig = Rig()
    with pytest.raises(RequestError, match='no picture yet'):
        rig.plugin.answer('summarise', Text(stamp_ns=0, text=''))
    rig.see(10)
    rig.see(10, things={3: 'red car', 4: 'blue van'})
    rig.see(10)

    def ask(subject: str) -> str:
        reply: Any = rig.plugin.answer('summarise', Text(stamp_ns=0, text=subject))
        assert reply.stamp_ns == rig.stamp_ns
        return str(reply.message)

    assert 'red car #3' in ask('')
    assert 'blue van #4' in ask('')
    assert 'red car #3 appeared' in ask('the red car')
    assert 'blue' not in ask('the red car')
    assert 'nothing tracked' in ask('a dog')
    assert 'appeared' not in ask('a dog')


def test_the_storyboard_shows_the_key_pictures() -> None:
    rig = Rig(clip_s=1.0)
    rig.see(10, 0)
    rig.see(10, 1, {3: 'car'})
    _, details, board = rig.plugin.sum_up('', has_picture=True)
    assert board is not None
    tiles = len(json.loads(details)['clips'])
    assert board.shape == (-(-tiles // 3) * 232, 960, 3)
    tile = board[:180, :320].astype(float)
    wanted = [cv2.resize(s, (320, 180), interpolation=cv2.INTER_AREA) for s in SCENES]
    likeness = [np.corrcoef(tile.reshape(-1), w.reshape(-1))[0, 1] for w in wanted]
    assert max(likeness[:2]) > 0.8


def test_a_new_run_begins_a_new_summary() -> None:
    rig = Rig()
    rig.see(10, things={3: 'car'})
    rig.plugin.rewind('')
    rig.stamp_ns = 0
    rig.see(10)
    assert rig.details()['who'] == []
    assert rig.details()['seconds'] == 9.5


def test_a_late_embedding_does_not_make_a_change() -> None:
    rig = Rig()
    vector = np.full(64, 0.125, np.float32)
    for index in range(40):
        known = Embedding(stamp_ns=rig.stamp_ns, vector=vector, model='m')
        rig.see(0.5, index % 2, embedding=known if index % 4 else None)
    assert len(rig.details()['segments']) == 1, 'embeddings count, not the pictures'


def test_convention_of_clock_weights_and_subjects() -> None:
    assert clock(83_400_000_000, 0) == '1:23'
    moments = [Moment(5, 'a', 'a', 0.5), Moment(6, 'b', 'b', 0.5)]
    assert weight_in(moments, 0, 10) == pytest.approx(0.75)
    assert weight_in(moments, 10, 20) == 0
    diary = Diary(8, 8)
    diary.add(Moment(1, 'appeared', 'red car #3 appeared', 0.5))
    diary.add(Moment(2, 'gone', 'car #4 was gone', 0.5))
    assert [m.text for m in diary.about('the red car').moments] == ['red car #3 appeared']
    assert len(diary.moments) == 2


def test_neighbours_that_differ_by_noise_cost_about_one() -> None:
    diary, rng = Diary(500, 8), np.random.default_rng(1)
    for index in range(300):
        vector = np.ones(64) + 0.1 * rng.standard_normal(64)
        diary.picture(index, vector, np.zeros(1, np.uint8), None)
    usual = usual_change(diary.spans)
    costs = [
        merge_cost(a, b, usual) for a, b in zip(diary.spans[:-1], diary.spans[1:], strict=True)
    ]
    assert np.mean(costs) == pytest.approx(1.0, abs=0.1)
    assert len(segments_of(diary, 40)) == 1
