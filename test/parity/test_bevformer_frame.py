"""BEVFormer tiny and base end to end on the real nuScenes frame, against the reference.

Two steps with memory: the same six pictures seen from two poses. Tiny is exactly as published
but for smaller pictures; base has its ResNet-101 with DCNv2, four levels, six encoder and six
decoder layers, a coarser grid and fewer queries. Weights are by seed (no checkpoint can be
shipped), so boxes mean nothing; that every number agrees means that the method is the same.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.nets.bevformer import BevFormerConfig, to_pixels
from mm_perception.nets.bevformer.boxes import decode_boxes
from test.parity import nuscenes_frame
from test.unit.nets.bevformer import recipe

pytestmark = pytest.mark.skipif(
    not nuscenes_frame.FRAME.is_dir(), reason=f'shared data is absent: {nuscenes_frame.FRAME}'
)
# Of a BEV with unit variance. The backbone's first layers see values up to 150 and sampling
# places move with the features, so roundings are amplified; a wrong camera order gives 3.
BEV_TOLERANCE = 1e-3
CASES = {
    'tiny': (recipe.TINY, 'tiny', 1.0),
    'base': (recipe.BASE, 'base', 60.0),
}


@pytest.fixture(scope='module')
def frame():
    return nuscenes_frame.read_frame()


def run(name: str, frame: nuscenes_frame.NuscenesFrame):
    """Network, input and two outputs of one case."""
    config, size, stem_scale = CASES[name]
    shapes = recipe.resized(recipe.official_shapes(size), config)
    net = recipe.build(config, shapes, stem_scale)
    pixels, matrices = to_pixels(frame.images, frame.image_from_lidar, config.pixels)
    outputs, previous = [], None
    with torch.inference_mode():
        for motion in recipe.motions()[:2]:
            outputs.append(net(pixels, matrices, [motion], previous))
            previous = outputs[-1].bev
    return net, pixels, outputs


def moments(pixels: torch.Tensor) -> dict[str, np.ndarray]:
    """Mean and deviation (1, 6, 3) of every sixteenth pixel of the input."""
    sampled = pixels[..., ::16, ::16].numpy()
    return {'pixel_mean': sampled.mean(axis=(3, 4)), 'pixel_std': sampled.std(axis=(3, 4))}


def assert_boxes(output, golden, index: int, config: BevFormerConfig) -> None:
    boxes = decode_boxes(output.logits[-1, 0], output.codes[-1, 0], config)
    theirs = golden[f'boxes{index}']  # x y bottom w l h rot vx vy
    assert len(boxes) == len(theirs)
    scores = boxes.scores.numpy()
    np.testing.assert_allclose(scores, golden[f'scores{index}'], atol=1e-3)
    # Equal scores may change places; where the order is the same, boxes must be.
    same = (boxes.labels.numpy() == golden[f'labels{index}']) & (
        np.abs(boxes.xyz_lwh_yaw[:, 0].numpy() - theirs[:, 0]) < 0.2
    )
    assert same.mean() > 0.95
    ours = boxes.xyz_lwh_yaw.numpy()[same]
    theirs = theirs[same]
    assert np.abs(ours[:, :2] - theirs[:, :2]).max() < 0.05  # metres, up to 50
    assert np.abs(ours[:, 2] - ours[:, 5] / 2 - theirs[:, 2]).max() < 0.05
    np.testing.assert_allclose(ours[:, [4, 3, 5]], theirs[:, 3:6], rtol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
def test_real_frame_equals_the_reference(frame, name):
    with np.load(recipe.GOLDENS / f'{name}_real_frame.npz') as file:
        golden = dict(file)
    net, pixels, outputs = run(name, frame)
    # First the input, for JPEG decoders differ: were they to, all else would by no fault of ours.
    # Moments of each plane only: pictures of the data set have no place in this repository.
    for name_of, value in moments(pixels).items():
        np.testing.assert_allclose(value, golden[name_of], rtol=1e-3, atol=1e-3)
    for index, output in enumerate(outputs):
        logits = output.logits[-1, :, ::3].numpy()
        codes = output.codes[-1, :, ::3].numpy()
        assert np.abs(logits - golden[f'logits{index}']).max() <= 10 * BEV_TOLERANCE
        assert np.abs(codes - golden[f'codes{index}']).max() <= 50 * BEV_TOLERANCE  # metres
        assert_boxes(output, golden, index, CASES[name][0])
    # The reference overwrites its first BEV by the turned one when the second frame comes.
    aligned = net.encoder.align(outputs[0].bev, [recipe.motions()[1]])[:, ::31].numpy()
    assert np.abs(aligned - golden['aligned0']).max() <= BEV_TOLERANCE
    assert np.abs(outputs[1].bev[:, ::31].numpy() - golden['bev1']).max() <= BEV_TOLERANCE
    # The numbers depend on memory and are no constants.
    assert np.abs(golden['aligned0'] - golden['bev1']).max() > 100 * BEV_TOLERANCE


def test_annotated_cars_are_where_the_projections_say(frame):
    """Projections of the frame are right: near cars of the truth lie in some picture."""
    config = recipe.TINY
    _, matrices = to_pixels(frame.images, frame.image_from_lidar, config.pixels)
    near = [
        box['box_xyzlwh_yaw'][:3]
        for box in nuscenes_frame.truth()
        if box['label'] == 'car' and box['num_lidar_pts'] > 20
    ]
    assert near
    points = np.concatenate([np.array(near), np.ones((len(near), 1))], axis=1)
    seen = np.zeros(len(near), bool)
    for matrix in matrices[0].double().numpy():
        u, v, depth, _ = matrix @ points.T
        seen |= (depth > 0) & (u / depth > 0) & (u / depth < 320) & (v / depth < 180)
    assert seen.all()
