"""Same weights, same pixels, same prompts: our masks are those of the reference video predictor.

Tolerance: mask logits have a standard deviation of about 8 here. Both sides keep memories in
bfloat16, so a difference of one float32 rounding can flip one bfloat16 step (0.4 %) of a memory,
which later frames carry on; 0.01 leaves room for that and is far below any mistake in the method
(see `test_tolerance_notices_*`).
"""

import numpy as np
import pytest

pytest.importorskip('sam2', reason='the reference package sam2 is not installed')

from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.nets.sam2.memory import ObjectMemory
from test.parity import reference
from test.parity.reference import BEDROOM, Event

pytestmark = pytest.mark.usefixtures('one_thread')

LOGIT_TOLERANCE = 0.01


def synthetic_frames(count: int) -> list[np.ndarray]:
    """A textured square that moves over a textured ground, 120x160."""
    rng = np.random.default_rng(5)
    ground = rng.integers(0, 256, (120, 160, 3), np.uint8)
    square = rng.integers(0, 256, (40, 40, 3), np.uint8)
    frames = []
    for index in range(count):
        frame = ground // 2
        frame[30:70, 20 + 4 * index : 60 + 4 * index] = square
        frames.append(frame)
    return frames


class Case:
    """A reference predictor, its frames on disk, and our engine with its weights."""

    def __init__(
        self, folder, frames, *, image_size: int = 128, refined_is_cond: bool = True
    ) -> None:
        self.frames = frames
        self.refined_is_cond = refined_is_cond
        self.predictor = reference.build_reference(
            image_size, seed=3, refined_is_cond=refined_is_cond
        )
        self.frames_path = reference.write_frames(frames, folder / 'frames')
        reference.balance(self.predictor, self.frames_path)
        weights = reference.save_checkpoint(self.predictor, folder / 'model.pt')
        self.engine = Sam2Engine.load(weights, image_size=image_size)

    def compare(self, script: dict[int, Event]) -> reference.Comparison:
        options = {'is_refined_frame_prompted': self.refined_is_cond}
        ours = reference.run_ours(self.engine, self.frames, script, **options)
        theirs = reference.run_reference(self.predictor, self.frames_path, script)
        return reference.compare(ours, theirs)


def assert_equal(comparison: reference.Comparison) -> None:
    assert min(comparison.iou) >= 0.99
    assert max(comparison.max_abs) <= LOGIT_TOLERANCE
    assert min(comparison.share) > 0.02
    assert max(comparison.share) < 0.98


@pytest.fixture(scope='module')
def synthetic(tmp_path_factory):
    return Case(tmp_path_factory.mktemp('synthetic'), synthetic_frames(18))


@pytest.mark.slow
@pytest.mark.skipif(not BEDROOM.is_file(), reason=f'shared data is absent: {BEDROOM}')
def test_bedroom_points_box_mask_late_object_and_refinement(tmp_path):
    frames = reference.bedroom_frames(26)
    mask = np.zeros(frames[0].shape[:2], bool)
    mask[100:300, 400:700] = True
    first = ObjectPrompt(1, points=[(480, 270), (300, 80)], labels=[1, 0])
    second = ObjectPrompt(2, box=(100, 100, 400, 300))
    third = ObjectPrompt(5, mask=mask)
    late = ObjectPrompt(9, points=[(700, 200)])
    click = ObjectPrompt(1, 'refine', points=[(500, 300)], labels=[0])
    script = {0: Event((first, second, third)), 20: Event((late,)), 22: Event((click,))}
    comparison = Case(tmp_path, frames, image_size=256).compare(script)
    assert len(comparison.iou) == 3 * 20 + 4 * 6
    assert_equal(comparison)


def test_synthetic_with_every_kind_of_prompt_and_removal(synthetic):
    mask = np.zeros((120, 160), bool)
    mask[30:70, 60:100] = True
    script = {
        0: Event((ObjectPrompt(1, points=[(40, 50)]), ObjectPrompt(2, box=(20, 30, 60, 70)))),
        3: Event((ObjectPrompt(4, points=[(40, 50)], box=(30, 30, 70, 70)),)),
        8: Event((ObjectPrompt(2, 'refine', mask=mask),)),
        10: Event((ObjectPrompt(1, 'refine', box=(60, 30, 100, 70)),), remove=(4,)),
    }
    assert_equal(synthetic.compare(script))


def test_refinement_that_does_not_condition(tmp_path):
    case = Case(tmp_path, synthetic_frames(18), refined_is_cond=False)
    click = ObjectPrompt(1, 'refine', points=[(60, 50), (10, 10)], labels=[1, 0])
    assert_equal(
        case.compare({0: Event((ObjectPrompt(1, points=[(40, 50)]),)), 5: Event((click,))})
    )


@pytest.mark.parametrize('lost', ['spatial', 'pointers'])
def test_tolerance_notices_one_memory_too_few(synthetic, monkeypatch, lost):
    keep = (6, 16) if lost == 'spatial' else (7, 15)  # of 7 spatial memories and 16 pointers
    create = ObjectMemory.__init__

    def forgetful(self, num_maskmem, max_pointers, *args, **kwargs):
        create(self, *keep, *args, **kwargs)

    monkeypatch.setattr(ObjectMemory, '__init__', forgetful)
    comparison = synthetic.compare({0: Event((ObjectPrompt(1, points=[(40, 50)]),))})
    assert max(comparison.max_abs) > 2 * LOGIT_TOLERANCE
