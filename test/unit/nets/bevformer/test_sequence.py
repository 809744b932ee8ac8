"""Pictures in, boxes out, three frames with memory: the whole network against the reference.

The reference ran through its own detector class, which takes absolute poses and subtracts the
previous one itself; ours got `EgoMotion.between` two poses. The third frame lacks a camera: there
the reference got a projection that hits nothing. The reference overwrites the BEV of a frame by
its turned form when the next frame comes, so that is what the goldens hold for all but the last.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.errors import ShapeError
from mm_perception.nets.bevformer import EgoMotion
from test.unit.nets.bevformer import recipe
from test.unit.nets.bevformer.recipe import NARROW, tensor

TOLERANCE = 1e-4  # of a BEV with unit variance, after a backbone and three frames
LOST = 2


@pytest.fixture(scope='module')
def net():
    return recipe.build(NARROW, recipe.official_shapes('narrow'))


@pytest.fixture(scope='module')
def matrices():
    return torch.from_numpy(recipe.rig(160, 96)).float()[None]


@pytest.fixture(scope='module')
def outputs(net, matrices):
    result, previous = [], None
    for index, motion in enumerate(recipe.motions()):
        images = tensor(f'frame{index}', 1, 6, 3, 96, 160)
        mask = torch.ones(1, 6, dtype=torch.bool)
        if index == 2:
            images[0, LOST] = torch.nan  # whatever a missing picture holds must not matter
            mask[0, LOST] = False
        result.append(net(images, matrices, [motion], previous, mask))
        previous = result[-1].bev
    return result


@pytest.mark.parametrize('frame', range(3))
def test_sequence_equals_the_reference(net, outputs, frame):
    with np.load(recipe.GOLDENS / 'sequence.npz') as file:
        kept = 'bev' if frame == 2 else 'aligned'
        golden = {name: torch.from_numpy(file[f'{name}{frame}']) for name in (kept, 'boxes')}
        scores, labels = file[f'scores{frame}'], file[f'labels{frame}']
    bev = outputs[frame].bev
    if kept == 'aligned':
        bev = net.encoder.align(bev, [recipe.motions()[frame + 1]])
    assert float((bev[:, ::5] - golden[kept]).abs().max()) <= TOLERANCE
    boxes = net.boxes(outputs[frame])[0]
    ours, theirs = boxes.xyz_lwh_yaw, golden['boxes']  # theirs: x y bottom w l h rot vx vy
    assert len(ours) == len(theirs) == NARROW.max_boxes
    np.testing.assert_allclose(boxes.scores, scores, atol=TOLERANCE)
    assert boxes.labels.tolist() == labels.tolist()
    bottom = ours[:, 2] - ours[:, 5] / 2
    assert float((ours[:, :2] - theirs[:, :2]).abs().max()) <= 50 * TOLERANCE  # metres, up to 50
    assert float((bottom - theirs[:, 2]).abs().max()) <= 50 * TOLERANCE
    assert float((ours[:, [4, 3, 5]] / theirs[:, 3:6] - 1).abs().max()) <= 10 * TOLERANCE
    assert float((boxes.velocity_xy - theirs[:, 7:]).abs().max()) <= 10 * TOLERANCE


def test_tolerance_notices_lost_memory(net, matrices, outputs):
    images = tensor('frame1', 1, 6, 3, 96, 160)
    forgetful = net(images, matrices, [recipe.motions()[1]], None)
    assert float((forgetful.bev - outputs[1].bev).abs().max()) > 100 * TOLERANCE


def test_a_masked_camera_is_as_good_as_none(net, matrices, outputs):
    kept = [index for index in range(6) if index != LOST]
    images = tensor('frame2', 1, 6, 3, 96, 160)[:, kept]
    output = net(
        images,
        matrices[:, kept],
        [recipe.motions()[2]],
        outputs[1].bev,
        camera_ids=torch.tensor(kept),
    )
    assert float((output.bev - outputs[2].bev).abs().max()) <= 1e-5
    everything = net(
        tensor('frame2', 1, 6, 3, 96, 160), matrices, [recipe.motions()[2]], outputs[1].bev
    )
    assert float((output.bev - everything.bev).abs().max()) > 0.01


def test_samples_of_a_batch_do_not_mix(net, matrices, outputs):
    images = torch.cat([tensor(f'frame{index}', 1, 6, 3, 96, 160) for index in (1, 2)])
    turned = matrices.roll(1, dims=1)  # another rig in the second sample
    motions = [recipe.motions()[1], EgoMotion(dx_m=1.0, dyaw_rad=-0.2, dt_s=0.5)]
    previous = torch.cat([outputs[0].bev, outputs[1].bev])
    together = net(images, torch.cat([matrices, turned]), motions, previous).bev
    first = net(images[:1], matrices, motions[:1], previous[:1]).bev
    second = net(images[1:], turned, motions[1:], previous[1:]).bev
    assert float((together - torch.cat([first, second])).abs().max()) <= 1e-5


def test_inputs_are_left_alone(net, matrices, outputs):
    inputs = [tensor('frame1', 1, 6, 3, 96, 160), matrices.clone(), outputs[0].bev.clone()]
    copies = [value.clone() for value in inputs]
    net(inputs[0], inputs[1], [recipe.motions()[1]], inputs[2])
    assert all(torch.equal(a, b) for a, b in zip(inputs, copies, strict=True))


def test_it_can_be_trained(matrices):
    net = recipe.build(NARROW, recipe.official_shapes('narrow')).train().requires_grad_(True)
    previous = tensor('head.previous', 1, 320, 64)
    images = tensor('frame1', 1, 6, 3, 96, 160)
    output = net(images, matrices, [recipe.motions()[1]], previous)
    (output.logits.sum() + output.codes.sum()).backward()
    dead = {name for name, value in net.named_parameters() if value.grad is None}
    assert dead == set()


@pytest.mark.parametrize(
    ('change', 'what'),
    [
        ({'images': torch.zeros(1, 6, 1, 96, 160)}, 'images'),
        ({'image_from_bev': torch.zeros(1, 5, 4, 4)}, 'image_from_bev'),
        ({'motions': []}, 'motions'),
        ({'previous': torch.zeros(1, 5, 64)}, 'previous'),
        ({'camera_mask': torch.ones(6, dtype=torch.bool)}, 'camera_mask'),
        ({'images': torch.zeros(1, 7, 3, 96, 160)}, 'image_from_bev'),
    ],
)
def test_shapes_that_do_not_fit_are_named(net, matrices, change, what):
    arguments = {
        'images': torch.zeros(1, 6, 3, 96, 160),
        'image_from_bev': matrices,
        'motions': [EgoMotion()],
        **change,
    }
    with pytest.raises(ShapeError, match=what):
        net(**arguments)


def test_more_cameras_than_embeddings_need_ids(net, matrices):
    eight = torch.cat((matrices, matrices[:, :2]), dim=1)
    images = torch.zeros(1, 8, 3, 96, 160)
    with pytest.raises(ShapeError, match='camera_ids'):
        net(images, eight, [EgoMotion()])
    ids = torch.tensor([0, 1, 2, 3, 4, 5, 0, 1])
    assert net(images, eight, [EgoMotion()], camera_ids=ids).bev.isfinite().all()
