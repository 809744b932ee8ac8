"""What counts as the answer of a stack: labels, and what the status says of other tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mm_perception import registry
from mm_perception.errors import BagError, ConfigError
from mm_perception.evaluation.answers import answering_node
from mm_perception.evaluation.asking import ask
from mm_perception.evaluation.scenes import read_pictures, read_world
from mm_perception.graph import StackSpec, load_stack, parse_stack
from mm_perception.plugin import Inputs, Output, Outputs, Plugin, Port, Queue, Reference
from mm_perception.samples import Image, Masks, Prompt, PromptState, PromptStatus
from test.data.coloured_bag import IMAGE, write_coloured_bag
from test.data.shape_bag import write_shape_bag
from test.fakes import CARD, FakeConfig

FRAMES = 4


class Pointer(Plugin[FakeConfig]):
    """Marks two squares; says in the third picture that `alias` is the first of them."""

    card: ClassVar[Any] = CARD
    Config: ClassVar[type[Any]] = FakeConfig
    inputs: ClassVar[dict[str, Port]] = {'image': Reference(Image), 'prompt': Queue(Prompt)}
    outputs: ClassVar[dict[str, Output]] = {
        'masks': Output(Masks),
        'status': Output(PromptStatus, per_stream=False),
    }

    def load(self, device: str) -> None:
        self.frames = 0

    def infer(self, inputs: Inputs) -> Outputs:
        self.frames += 1
        told = [(p.text, self._state(p.text), ()) for p in inputs.all('prompt')]
        if self.frames == 3:
            told.append(('alias', PromptState.FOUND, ('5',)))
        if self.config.mode == 'lazy' and self.frames > 2:
            return {}
        picture = inputs.one('image')
        id_map = np.zeros((picture.height, picture.width), np.uint16)
        id_map[:20, :20], id_map[:20, 40:60] = 5, 6
        masks = Masks(
            stamp_ns=inputs.stamp_ns, id_map=id_map, ids=(5, 6), labels=('first', 'second'),
            scores=np.array([0.5, 0.25], np.float32),
        )  # fmt: skip
        statuses = [
            PromptStatus(
                stamp_ns=inputs.stamp_ns, prompt_id=text, stream=inputs.stream, state=state,
                track_ids=ids,
            )
            for text, state, ids in told
        ]  # fmt: skip
        return {'masks': masks, 'status': statuses}

    def _state(self, text: str) -> PromptState:
        return PromptState.NOT_FOUND if text in ('alias', 'nobody') else PromptState.SEARCHING


@pytest.fixture(autouse=True)
def pointer(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry.load
    monkeypatch.setattr(registry, 'load', lambda n: Pointer if n == 'pointer' else real(n))


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_coloured_bag(tmp_path_factory.mktemp('bag') / 'coloured', FRAMES)


def stack(mode: str = 'ok', nodes: int = 1) -> StackSpec:
    node = {
        'plugin': 'pointer', 'inputs': {'image': 'auto', 'prompt': '/prompt'},
        'parameters': {'device': 'cpu', 'mode': mode},
    }  # fmt: skip
    return parse_stack('pointer', {'nodes': {f'pointer{n or ""}': node for n in range(nodes)}})


def test_tracks_answer_by_label_or_by_status(bag: Path, tmp_path: Path) -> None:
    texts = ['first', 'second', 'alias', 'nobody']
    asked = ask(stack(), read_world(bag), texts, tmp_path / 'out')
    assert asked.answered == {IMAGE: 1.0}
    ids = {
        text: [sorted(set(np.unique(m).tolist()) - {0}) for m in answer.id_maps]
        for (_, text), answer in asked.answers.items()
    }
    assert ids['first'] == [[5]] * FRAMES
    assert ids['second'] == [[6]] * FRAMES
    assert ids['alias'] == [[], [], [5], [5]]
    assert ids['nobody'] == [[]] * FRAMES
    answers = {text: answer for (_, text), answer in asked.answers.items()}
    assert (answers['alias'].is_claimed, answers['alias'].is_denied) == (True, True)
    assert (answers['nobody'].is_claimed, answers['nobody'].is_denied) == (False, True)
    assert (answers['first'].is_claimed, answers['first'].is_denied) == (False, False)
    assert answers['first'].scores[0] == {5: 0.5, 6: 0.25}


def test_pictures_without_a_result_are_not_answered(bag: Path, tmp_path: Path) -> None:
    asked = ask(stack('lazy'), read_world(bag), ['first'], tmp_path / 'out')
    assert asked.answered == {IMAGE: 0.5}
    answer = asked.answers[IMAGE, 'first']
    assert [bool(ids.any()) for ids in answer.id_maps] == [True, True, False, False]
    assert answer.scores[3] == {}


def test_failures_are_in_the_report(bag: Path, tmp_path: Path, monkeypatch) -> None:
    def fail(self: Pointer, inputs: Inputs) -> Outputs:
        raise RuntimeError('made to fail')

    monkeypatch.setattr(Pointer, 'infer', fail)
    asked = ask(stack(), read_world(bag), ['first'], tmp_path / 'out')
    assert asked.answered == {IMAGE: 0.0}
    assert asked.report.nodes['pointer'].stats.failures == {'InferenceError': FRAMES}


@pytest.mark.parametrize('name', ['clip', 'two'])
def test_one_node_must_answer(name: str) -> None:
    spec = stack(nodes=2) if name == 'two' else load_stack(name)
    with pytest.raises(ConfigError, match='one node that takes prompts and gives masks'):
        answering_node(spec)


def test_the_truth_of_a_bag(bag: Path) -> None:
    world = read_world(bag)
    (scene,) = world.scenes
    assert (scene.camera, scene.image_topic, len(scene.truth)) == ('', IMAGE, FRAMES)
    assert scene.times_s == pytest.approx([t / 10 for t in range(FRAMES)], abs=1e-6)
    assert len(scene.first(0.15)) == 2
    assert {name.text for name in world.names} >= {'the purple ball', 'the red bar'}


def test_pictures_are_read_by_stamp(bag: Path) -> None:
    (scene,) = read_world(bag).scenes
    wanted = scene.truth[2].stamp_ns
    assert len(list(read_pictures(bag, IMAGE))) == FRAMES
    ((stamp_ns, rgb),) = read_pictures(bag, IMAGE, [wanted])
    assert (stamp_ns, rgb.shape) == (wanted, (*scene.truth[2].id_map.shape, 3))


def test_a_bag_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match='mmp world'):
        read_world(write_shape_bag(tmp_path / 'shape', 2))


def test_damaged_objects_are_told(bag: Path) -> None:
    path = bag / 'objects.json'
    before = path.read_text()
    path.write_text('{')
    try:
        with pytest.raises(BagError, match=r'objects\.json cannot be read'):
            read_world(bag)
    finally:
        path.write_text(before)
