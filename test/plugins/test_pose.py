"""`pose`: who is a person, where the network looks, and what is told of what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError, MissingInputError, WeightsError
from mm_perception.inputs import Inputs
from mm_perception.model_cache import Shared
from mm_perception.plugin import Context
from mm_perception.plugins.pose import PoseConfig, PosePlugin
from mm_perception.samples import Image, Masks, Skeletons

HEIGHT, WIDTH = 48, 64
PERSON, CAR, CHILD, SPECK = 2, 3, 5, 7


class FakeEngine:
    """Puts all joints of a person in the middle of its box; the k-th is sure to k / 20."""

    sha256 = licence = 'none'

    def __init__(self) -> None:
        self.boxes: list[np.ndarray] = []

    def keypoints(self, rgb: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.boxes.append(boxes)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        scores = np.tile(np.arange(17, dtype=np.float32) / 20, (len(boxes), 1))
        return np.repeat(middle[:, None], 17, axis=1), scores


def masks(**changes: Any) -> Masks:
    """A person, a car, a child, and a person of four pixels; another child is hidden."""
    id_map = np.zeros((HEIGHT, WIDTH), np.uint16)
    id_map[4:44, 6:18] = PERSON
    id_map[30:44, 24:50] = CAR
    id_map[20:40, 54:64] = CHILD
    id_map[0:2, 30:32] = SPECK
    labels = ('the man in red', 'a car', 'two children', 'person', 'child')
    fields = {
        'stamp_ns': 7, 'frame_id': 'camera', 'id_map': id_map,
        'ids': (PERSON, CAR, CHILD, SPECK, 9), 'labels': labels,
        'scores': np.ones(5, np.float32), 'visible': (True, True, True, True, False),
    }  # fmt: skip
    return Masks(**{**fields, **changes})


def look(
    found: Masks, config: PoseConfig | None = None, size: tuple[int, int] = (HEIGHT, WIDTH),
    engine: FakeEngine | None = None, **context: Any,
) -> tuple[dict[str, Any], FakeEngine]:  # fmt: skip
    engine = engine or FakeEngine()
    plugin = PosePlugin(config or PoseConfig(), Context(**context))
    plugin._shared = Shared(('fake', id(engine)), lambda: engine)
    picture = Image(stamp_ns=7, frame_id='camera', data=np.full((*size, 3), 90, np.uint8))
    samples = {'masks': found, 'image': picture}
    outputs = plugin.infer(Inputs(stamp_ns=7, frame_id='camera', samples=samples))
    plugin.close()
    return dict(outputs), engine


def test_people_are_looked_at_in_the_boxes_of_their_masks() -> None:
    outputs, engine = look(masks())
    (boxes,) = engine.boxes
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[6, 4, 18, 44], [54, 20, 64, 40]], 'no car, no speck, none hidden'
    skeletons = outputs['skeletons']
    assert isinstance(skeletons, Skeletons)
    assert skeletons.ids == (PERSON, CHILD)
    assert (skeletons.width, skeletons.height) == (WIDTH, HEIGHT)
    assert (skeletons.stamp_ns, skeletons.frame_id) == (7, 'camera')


def test_unsure_joints_are_not_known_but_keep_their_score() -> None:
    outputs, _ = look(masks(), PoseConfig(min_score=0.5))
    skeletons = outputs['skeletons']
    assert skeletons.known()[0].tolist() == [False] * 10 + [True] * 7
    assert skeletons.points[0, 16].tolist() == [12.0, 24.0]
    assert skeletons.scores[0, 3] == pytest.approx(0.15)


def test_joints_out_of_the_picture_are_not_known() -> None:
    class Outside(FakeEngine):
        def keypoints(self, rgb: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            points, scores = super().keypoints(rgb, boxes)
            points[:, 0], points[:, 1] = (WIDTH - 0.6, HEIGHT - 0.6), (-0.4, -0.4)
            points[:, 2], points[:, 3] = (WIDTH - 0.5, 5), (5, -0.6)
            return points, np.ones_like(scores)

    outputs, _ = look(masks(), engine=Outside())
    assert outputs['skeletons'].known()[0, :5].tolist() == [True, True, False, False, True]


def test_masks_of_another_size_lead_to_boxes_in_the_picture() -> None:
    outputs, engine = look(masks(), size=(2 * HEIGHT, 3 * WIDTH))
    assert engine.boxes[0][0].tolist() == [18, 8, 54, 88]
    assert outputs['skeletons'].width == 3 * WIDTH


def test_without_people_nobody_is_found_and_the_network_rests() -> None:
    cars = masks(labels=('a car',) * 5)
    outputs, engine = look(cars)
    assert len(outputs['skeletons']) == 0
    assert engine.boxes == []


def test_the_smallest_mask_that_counts_is_a_setting() -> None:
    assert look(masks(), PoseConfig(smallest_px=4))[0]['skeletons'].ids == (PERSON, CHILD, SPECK)
    assert look(masks(), PoseConfig(smallest_px=201))[0]['skeletons'].ids == (PERSON,)


@pytest.mark.parametrize(
    ('label', 'is_one'),
    [
        ('person', True), ('Two Pedestrians', True), ('the man in red', True), ('workers', True),
        ('a woman, waving', True), ('cyclist', True), ('a manhole', False), ('a red car', False),
        ('', False), ('womanizer', False),
    ],
)  # fmt: skip
def test_words_for_people(label: str, is_one: bool) -> None:
    assert PoseConfig().is_person(label) is is_one


def test_whom_to_look_at_is_a_setting() -> None:
    outputs, _ = look(masks(), PoseConfig(people=('Car',)))
    assert outputs['skeletons'].ids == (CAR,)


@pytest.mark.parametrize(
    ('people', 'words'),
    [((), 'people.*at least one word'), (('a man',), "people.*'a man'.*single words")],
)
def test_lists_that_match_nobody_are_refused(people: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PoseConfig(people=people)


def test_the_overlay_is_drawn_when_it_is_wanted_only() -> None:
    outputs, _ = look(masks())
    assert (outputs['overlay'].data != 90).any()
    outputs, _ = look(masks(), is_wanted=lambda port, stream: port != 'overlay')
    assert outputs.keys() == {'skeletons'}


def test_without_the_picture_of_the_masks_it_says_so() -> None:
    plugin = PosePlugin(PoseConfig())
    samples = {'masks': masks(), 'image': None}
    with pytest.raises(MissingInputError, match='no picture at the stamp of the masks'):
        plugin.infer(Inputs(stamp_ns=7, frame_id='camera', samples=samples))


def test_weights_that_are_not_there_are_named() -> None:
    plugin = PosePlugin(PoseConfig(weights='/no/such/folder'))
    with pytest.raises(WeightsError, match='/no/such/folder'):
        plugin.load('cpu')


def test_random_weights_find_joints_in_the_box() -> None:
    plugin = PosePlugin(replace(PosePlugin.tiny(), people=('man', 'children')))
    plugin.load('cpu')
    picture = Image(
        stamp_ns=7, frame_id='camera',
        data=np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8),
    )  # fmt: skip
    samples = {'masks': masks(), 'image': picture}
    skeletons = plugin.infer(Inputs(stamp_ns=7, frame_id='camera', samples=samples))['skeletons']
    plugin.close()
    assert isinstance(skeletons, Skeletons)
    assert skeletons.ids == (PERSON, CHILD)
    assert skeletons.known().any()
