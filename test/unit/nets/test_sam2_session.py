"""The streaming session on a small random model: what it returns, refuses and forgets."""

import numpy as np
import pytest
import torch

from mm_perception.errors import ConfigError, PromptError, ShapeError
from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine

HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope='module')
def engine():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Sam2Engine.load('random')
    torch.set_num_threads(before)


def frame(index: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    rng = np.random.default_rng(1)
    image = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    image = np.roll(image, index, axis=1)
    return image if (height, width) == (HEIGHT, WIDTH) else np.resize(image, (height, width, 3))


def square_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:30, 20:44] = True
    return mask


POINT = ObjectPrompt(1, points=[(20, 20)])
BOX = ObjectPrompt(2, box=(10, 8, 40, 30))
MASK = ObjectPrompt(3, mask=square_mask())


def test_result_holds_one_mask_per_object_in_the_order_of_addition(engine):
    session = engine.open_session()
    result = session.step(frame(0), [BOX, POINT])
    assert result.object_ids.tolist() == [2, 1]
    result = session.step(frame(1), [MASK])
    assert result.object_ids.tolist() == [2, 1, 3]
    assert result.frame == 1
    assert result.mask_logits.shape == (3, 32, 32)
    assert result.mask_logits.dtype == torch.float32
    assert result.iou.shape == result.object_logits.shape == (3,)
    assert result.full_logits().shape == (3, HEIGHT, WIDTH)
    assert np.array_equal(result.masks(), (result.full_logits() > 0).numpy())
    assert all(0.01 < share < 0.99 for share in result.masks().mean(axis=(1, 2)))


def test_no_objects_is_an_empty_result_not_a_failure(engine):
    session = engine.open_session()
    result = session.step(frame(0))
    assert result.object_ids.shape == (0,)
    assert result.masks().shape == (0, HEIGHT, WIDTH)
    assert result.full_logits().shape == (0, HEIGHT, WIDTH)
    session.step(frame(1), [POINT])
    assert len(session.step(frame(2), remove=[1]).object_ids) == 0


def test_prompts_steer_the_masks(engine):
    one = engine.open_session().step(frame(0), [POINT]).mask_logits
    other = engine.open_session().step(frame(0), [ObjectPrompt(1, points=[(50, 40)])]).mask_logits
    negative = ObjectPrompt(1, points=[(20, 20)], labels=[0])
    background = engine.open_session().step(frame(0), [negative]).mask_logits
    assert (one - other).abs().max() > 0.1
    assert (one - background).abs().max() > 0.1


def test_mask_prompt_is_returned_as_it_was_given(engine):
    result = engine.open_session().step(frame(0), [MASK])
    wrong = result.masks()[0] != square_mask()
    assert wrong.mean() < 0.05  # only along the edge: the network's grid is coarser


def test_batch_equals_one_by_one(engine):
    script = {
        0: [POINT, BOX],
        4: [MASK, ObjectPrompt(7, points=[(50, 40), (5, 5)], labels=[1, 0])],
        9: [ObjectPrompt(1, 'refine', points=[(30, 30)], labels=[0])],
    }
    together = engine.open_session()
    alone = {object_id: engine.open_session() for object_id in (1, 2, 3, 7)}
    for index in range(24):
        prompts = script.get(index, [])
        batch = together.step(frame(index), prompts)
        rows = dict(zip(batch.object_ids.tolist(), batch.mask_logits, strict=True))
        for object_id, session in alone.items():
            own = [prompt for prompt in prompts if prompt.object_id == object_id]
            single = session.step(frame(index), own)
            if len(single.object_ids):
                torch.testing.assert_close(
                    single.mask_logits[0], rows[object_id], atol=0.02, rtol=0
                )


def test_all_objects_are_one_batch_after_warm_up(engine, monkeypatch):
    session = engine.open_session()
    session.step(frame(0), [POINT])
    session.step(frame(1))
    session.step(frame(2), [BOX, MASK])
    for index in range(3, 20):
        session.step(frame(index))
    sizes = []
    read = engine.reader.read

    def counting(shared, views):
        sizes.append(len(views))
        return read(shared, views)

    monkeypatch.setattr(engine.reader, 'read', counting)
    session.step(frame(20))
    assert sizes == [3]


def test_image_is_encoded_once_per_step_and_not_at_all_without_objects(engine, monkeypatch):
    calls = []
    encode = engine.encode
    monkeypatch.setattr(engine, 'encode', lambda image: calls.append(1) or encode(image))
    session = engine.open_session()
    session.step(frame(0))
    assert not calls
    session.step(frame(1), [POINT, BOX, MASK])
    session.step(frame(2), [ObjectPrompt(1, 'refine', box=(0, 0, 64, 48))])
    assert len(calls) == 2


def test_sessions_of_one_engine_are_independent(engine):
    lone, first, second = (engine.open_session() for _ in range(3))
    expected = [lone.step(frame(i), [POINT] if i == 0 else []).mask_logits for i in range(4)]
    for index in range(4):
        prompts = [POINT] if index == 0 else []
        second.step(frame(9 - index), [BOX] if index == 0 else [])
        assert torch.equal(first.step(frame(index), prompts).mask_logits, expected[index])


def test_reset_forgets_everything(engine):
    session = engine.open_session()
    expected = session.step(frame(0), [POINT]).mask_logits
    session.step(frame(1), [BOX])
    session.reset()
    assert session.object_ids == []
    assert session.memory_bytes() == session.num_tensors() == 0
    again = session.step(frame(0), [POINT])
    assert again.frame == 0
    assert torch.equal(again.mask_logits, expected)


def test_removed_object_leaves_no_trace_and_its_id_can_be_used_anew(engine):
    session = engine.open_session()
    session.step(frame(0), [POINT, BOX])
    session.step(frame(1), remove=[1])
    alone = engine.open_session()
    alone.step(frame(0), [BOX])
    alone.step(frame(1))
    assert session.memory_bytes() == alone.memory_bytes()
    result = session.step(frame(2), [POINT], remove=[2])
    fresh = engine.open_session().step(frame(2), [POINT])
    assert result.object_ids.tolist() == [1]
    torch.testing.assert_close(result.mask_logits, fresh.mask_logits)


BAD_STEPS = [
    ([ObjectPrompt(5, points=[(64, 20)])], PromptError, r'\[64.0, 20.0\]'),
    ([ObjectPrompt(5, points=[(-1, 20)])], PromptError, r'\[-1.0, 20.0\]'),
    ([ObjectPrompt(5, points=[(float('nan'), 20)])], PromptError, 'nan'),
    ([ObjectPrompt(5, points=[(1, 2, 3)])], ShapeError, r'\(1, 3\)'),
    ([ObjectPrompt(5, points=[(1, 2), (3,)])], PromptError, 'no numbers'),
    ([ObjectPrompt(5, box='left')], PromptError, 'left'),
    ([ObjectPrompt(5, points=[(1, 2)], labels=[2])], PromptError, r'\[2\]'),
    ([ObjectPrompt(5, points=[(1, 2)], labels=[1, 1])], ShapeError, r'\(2,\)'),
    ([ObjectPrompt(5, labels=[1])], PromptError, 'labels without points'),
    ([ObjectPrompt(5, points=np.zeros((0, 2)))], PromptError, 'nothing asked'),
    ([ObjectPrompt(5)], PromptError, 'nothing asked'),
    ([ObjectPrompt(5, box=(10, 10, 10, 20))], PromptError, r'10.0, 10.0, 10.0, 20.0'),
    ([ObjectPrompt(5, box=(10, 10, 65, 20))], PromptError, '65.0'),
    ([ObjectPrompt(5, box=(10, 10, float('inf'), 20))], PromptError, 'inf'),
    ([ObjectPrompt(5, box=(10, 10, 20))], ShapeError, r'\(3,\)'),
    ([ObjectPrompt(5, mask=np.zeros((HEIGHT, WIDTH), bool))], PromptError, 'empty'),
    ([ObjectPrompt(5, mask=np.ones((9, 9), bool))], ShapeError, r'\(9, 9\)'),
    ([ObjectPrompt(5, mask=np.ones((HEIGHT, WIDTH)))], ShapeError, 'float64'),
    ([ObjectPrompt(5, mask=square_mask(), box=(1, 1, 9, 9))], PromptError, 'give one'),
    ([ObjectPrompt(5, kind='move', box=(1, 1, 9, 9))], PromptError, 'move'),
    ([ObjectPrompt(1, points=[(20, 20)])], PromptError, 'exists already: 1'),
    ([ObjectPrompt(5, 'refine', points=[(20, 20)])], PromptError, 'to refine: 5'),
    ([MASK, ObjectPrompt(3, box=(1, 1, 9, 9))], PromptError, 'two prompts'),
    ([BOX, MASK, ObjectPrompt(4, points=[(1, 1)])], PromptError, 'too many objects: 4'),
]


@pytest.mark.parametrize(('prompts', 'error', 'message'), BAD_STEPS)
def test_bad_prompt_is_named_and_changes_nothing(engine, prompts, error, message):
    session, untouched = (engine.open_session(max_objects=3) for _ in range(2))
    for stream in (session, untouched):
        stream.step(frame(0), [POINT])
    with pytest.raises(error, match=message):
        session.step(frame(1), prompts)
    assert session.object_ids == [1]
    expected = untouched.step(frame(1))
    result = session.step(frame(1))
    assert result.frame == expected.frame
    assert torch.equal(result.mask_logits, expected.mask_logits)


def test_mask_that_vanishes_at_network_resolution_is_refused(engine):
    mask = np.zeros((2048, 2048), bool)
    mask[5, 5] = True
    image = np.zeros((2048, 2048, 3), np.uint8)
    with pytest.raises(PromptError, match='too small'):
        engine.open_session().step(image, [ObjectPrompt(1, mask=mask)])


def test_unknown_id_cannot_be_removed(engine):
    session = engine.open_session()
    session.step(frame(0), [POINT])
    with pytest.raises(PromptError, match='remove: 8'):
        session.step(frame(1), remove=[1, 8])
    assert session.object_ids == [1]


def test_image_of_another_size_needs_a_reset(engine):
    session = engine.open_session()
    session.step(frame(0), [POINT])
    with pytest.raises(ShapeError, match='reset'):
        session.step(frame(1, 50, 70))
    assert session.object_ids == [1]
    session.reset()
    assert session.step(frame(1, 50, 70), [POINT]).masks().shape == (1, 50, 70)


@pytest.mark.parametrize(
    'image', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_bad_image_is_refused(engine, image):
    with pytest.raises(ShapeError, match='image'):
        engine.open_session().step(image)


def test_failure_inside_the_network_leaves_the_session_as_it_was(engine, monkeypatch):
    session, untouched = engine.open_session(), engine.open_session()
    for stream in (session, untouched):
        stream.step(frame(0), [POINT])
    with monkeypatch.context() as patch:
        patch.setattr(engine.heads, 'encode_memory', lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            session.step(frame(1), [BOX])
    assert session.object_ids == [1]
    assert torch.equal(session.step(frame(1)).mask_logits, untouched.step(frame(1)).mask_logits)


@pytest.mark.parametrize('option', [{'max_objects': 0}, {'max_prompted_frames': 1}])
def test_bad_session_options_are_refused(engine, option):
    with pytest.raises(ConfigError):
        engine.open_session(**option)


def test_memory_is_flat_even_when_every_frame_is_refined(engine):
    session = engine.open_session(max_prompted_frames=4)
    held = []
    for index in range(40):
        kind = 'add' if index == 0 else 'refine'
        session.step(frame(index), [ObjectPrompt(1, kind, points=[(20, 20)])])
        held.append((session.memory_bytes(), session.num_tensors()))
    assert len(set(held[20:])) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_is_flat_over_2000_frames():
    session = Sam2Engine.load('random', image_size=64).open_session()
    held = []
    for index in range(2000):
        prompts = [POINT, BOX] if index == 0 else []
        session.step(frame(index), prompts)
        held.append((session.memory_bytes(), session.num_tensors()))
    assert len(set(held[16:])) == 1
    assert held[-1][0] < 100_000


def run(engine: Sam2Engine, count: int) -> np.ndarray:
    session = engine.open_session()
    masks = [session.step(frame(0), [POINT, BOX, MASK]).masks()]
    masks += [session.step(frame(index)).masks() for index in range(1, count)]
    return np.stack(masks)


def share_equal(one: np.ndarray, other: np.ndarray) -> float:
    return float((one == other).mean())


def test_half_precision_gives_about_the_same_masks(engine):
    half = Sam2Engine.load('random', dtype=torch.bfloat16)
    assert share_equal(run(engine, 6), run(half, 6)) > 0.95


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_gpu_gives_the_masks_of_the_cpu(engine):
    assert share_equal(run(engine, 20), run(Sam2Engine.load('random', 'cuda'), 20)) > 0.99
