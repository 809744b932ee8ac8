"""Pictures of moments show the limbs of people over their masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mm_perception.bag.canonical import canonical
from mm_perception.bag.writer import BagWriter
from mm_perception.drawing import draw_skeletons
from mm_perception.reporting import shots
from mm_perception.reporting.recording import read_recording
from mm_perception.reporting.shots import Album, album_of
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.samples import KEYPOINTS, Image, Masks, Sample, Skeletons
from mm_perception.samples.sample import Array

IMAGE, MASKS, SKELETONS = '/camera/image_raw', '/finder/output/masks', '/pose/output/skeletons'
HEIGHT, WIDTH = 90, 160
#: Of the joints, in the picture.
PLACE = np.random.default_rng(4).uniform((60, 10), (100, 80), (len(KEYPOINTS), 2))


def skeletons_at(stamp_ns: int, frame_id: str = 'front') -> Skeletons:
    return Skeletons(
        stamp_ns=stamp_ns, frame_id=frame_id, width=WIDTH, height=HEIGHT, ids=(1,),
        points=PLACE[None].astype(np.float32),
        scores=np.ones((1, len(KEYPOINTS)), np.float32),
    )  # fmt: skip


def samples_at(stamp_ns: int) -> dict[str, Sample]:
    """A grey picture, and a person in it."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint16)
    ids[10:80, 60:100] = 1
    stamp = {'stamp_ns': stamp_ns, 'frame_id': 'front'}
    return {
        IMAGE: Image(**stamp, data=np.full((HEIGHT, WIDTH, 3), 60, np.uint8)),
        MASKS: Masks(
            **stamp, id_map=ids, ids=(1,), labels=('a person',), scores=np.ones(1, np.float32)
        ),
    }


def album(folder: Path, *people: tuple[str, Skeletons]) -> Album:
    """Of one picture; what `pose` says comes half a second after the masks."""
    entries = [(10**9, topic, sample) for topic, sample in samples_at(10**9).items()]
    entries += [(15 * 10**8, topic, sample) for topic, sample in people]
    with BagWriter(folder) as writer:
        for topic in {topic for _, topic, _ in entries}:
            sample = next(s for _, t, s in entries if t == topic)
            for wire in convert.published(type(sample)):
                writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
        for log_ns, topic, sample in entries:
            for suffix, message in convert.to_msgs(sample).items():
                data = canonical(serialize(message), type_name_of(message))
                writer.write(topic + suffix, log_ns, data)
    return album_of(read_recording(folder))


def moment(made: Album) -> Array:
    (shot,) = made.moments
    return np.asarray(cv2.imdecode(np.frombuffer(shot.jpeg, np.uint8), cv2.IMREAD_COLOR))


def test_limbs_are_drawn_by_the_one_drawing_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Skeletons] = []

    def drawing(rgb: Array, skeletons: Skeletons) -> Array:
        drawn.append(skeletons)
        return draw_skeletons(rgb, skeletons)

    monkeypatch.setattr(shots, 'draw_skeletons', drawing)
    plain = moment(album(tmp_path / 'plain'))
    assert drawn == []
    limbs = moment(album(tmp_path / 'limbs', (SKELETONS, skeletons_at(10**9))))
    (skeletons,) = drawn
    np.testing.assert_allclose(skeletons.points[0], PLACE, atol=1e-3)
    scale = limbs.shape[1] / WIDTH
    for x, y in np.round((PLACE + 0.5) * scale).astype(int):
        assert limbs[y, x].min() > 180, 'a joint is a white dot'
    assert np.abs(limbs.astype(int) - plain).mean() > 2


@pytest.mark.parametrize(
    ('topic', 'skeletons'),
    [
        (SKELETONS, skeletons_at(11 * 10**8)),
        (SKELETONS, skeletons_at(10**9, 'left')),
        ('/ground_truth/output/skeletons', skeletons_at(10**9)),
    ],
    ids=['of another moment', 'of another camera', 'of the truth'],
)
def test_other_skeletons_are_not(tmp_path: Path, topic: str, skeletons: Skeletons) -> None:
    plain = moment(album(tmp_path / 'plain'))
    other = moment(album(tmp_path / 'other', (topic, skeletons)))
    np.testing.assert_array_equal(other, plain)


def test_what_cannot_be_drawn_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mm_perception.errors import ShapeError

    def fails(rgb: Array, masks: Masks) -> Array:
        raise ShapeError('mask', 'another', 'this')

    monkeypatch.setattr(shots, 'fitted', fails)
    made = album(tmp_path / 'bag')
    assert made.moments == []
    assert any(text.startswith(f'{MASKS}: ') for text in made.left_out)
