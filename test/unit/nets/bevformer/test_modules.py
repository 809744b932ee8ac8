"""Every part of BEVFormer against the reference: same weights, same inputs, same numbers.

Tolerance: all compared values are around one; 2e-5 is a few hundred float32 roundings, and the
smallest mistakes in the method (see `test_tolerance_notices_*`) are a hundred times as large.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.nets.bevformer import EgoMotion
from mm_perception.nets.bevformer.boxes import decode_boxes
from mm_perception.nets.bevformer.geometry import (
    cell_centres,
    pillar_points,
    project_to_cameras,
    rotate_bev,
)
from test.unit.nets.bevformer import recipe
from test.unit.nets.bevformer.recipe import NARROW, tensor

pytestmark = pytest.mark.usefixtures('one_thread')

TOLERANCE = 2e-5
ROWS, COLUMNS = NARROW.bev_size
CELLS = ROWS * COLUMNS
SIZES = [(12, 20), (6, 10), (3, 5), (2, 3)]
EVERY = slice(None, None, 5)  # the goldens keep every fifth cell


@pytest.fixture(scope='module')
def golden():
    with np.load(recipe.GOLDENS / 'modules.npz') as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope='module')
def net():
    return recipe.build(NARROW, recipe.official_shapes('narrow'))


def assert_equal(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = TOLERANCE) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) <= tolerance


def references(shift: tuple[float, float] = (0.0, 0.0)) -> torch.Tensor:
    here = cell_centres(NARROW.bev_size)
    return torch.stack((here + torch.tensor(shift), here))[None]


def temporal_inputs():
    names = ('previous', 'queries', 'position')
    return [tensor(f'temporal.{name}', 1, CELLS, 64) for name in names]


def seen(num_cameras: int = 6):
    points = pillar_points(NARROW.bev_size, NARROW.range_m, NARROW.num_pillar_points)
    matrices = torch.from_numpy(recipe.rig(160, 96)[:num_cameras]).float()[None]
    return project_to_cameras(points, matrices, (96, 160))[:2]


def spatial_features() -> torch.Tensor:
    return tensor('spatial.features', 6, sum(h * w for h, w in SIZES), 64)[None]


def test_temporal_self_attention(net, golden):
    previous, queries, position = temporal_inputs()
    history = torch.stack((previous, queries), dim=1)
    attention = net.encoder.layers[0].temporal
    found = attention(queries, history, position, references((0.03, -0.05)), NARROW.bev_size)
    assert_equal(found[:, EVERY], golden['temporal'])
    first = torch.stack((queries, queries), dim=1)
    found = attention(queries, first, position, references(), NARROW.bev_size)
    assert_equal(found[:, EVERY], golden['temporal_first'])


@pytest.mark.parametrize('mistake', ['no shift', 'swapped shift', 'frames swapped', 'position'])
def test_tolerance_notices_a_temporal_mistake(net, golden, mistake):
    previous, queries, position = temporal_inputs()
    shift = {'no shift': (0.0, 0.0), 'swapped shift': (-0.05, 0.03)}.get(mistake, (0.03, -0.05))
    history = torch.stack((previous, queries), dim=1)
    if mistake == 'frames swapped':
        history = history.flip(1)
    if mistake == 'position':
        position = position * 0
    found = net.encoder.layers[0].temporal(
        queries, history, position, references(shift), NARROW.bev_size
    )
    assert float((found[:, EVERY] - golden['temporal']).abs().max()) > 100 * TOLERANCE


def test_projection_and_hits(golden):
    places, hits = seen()
    theirs = golden['places']
    assert torch.equal(hits[0], golden['hits'])
    assert 0.1 < golden['hits'].float().mean() < 0.9
    visible = golden['hits'][:, EVERY]
    assert_equal(places[0, :, EVERY][visible], theirs[visible], 1e-6)
    # Behind a camera coordinates are huge; they only need to stay far outside.
    far = theirs.abs() > 10
    assert bool((places[0, :, EVERY][far].abs() > 9).all())


def test_spatial_cross_attention(net, golden):
    queries = tensor('spatial.queries', 1, CELLS, 64)
    attention = net.encoder.layers[1].spatial
    found = attention(queries, spatial_features(), SIZES, *seen())
    assert_equal(found[:, EVERY], golden['spatial'])


@pytest.mark.parametrize('mistake', ['one camera less', 'heights reversed', 'levels as one'])
def test_tolerance_notices_a_spatial_mistake(net, golden, mistake):
    queries = tensor('spatial.queries', 1, CELLS, 64)
    places, hits = seen()
    features, sizes = spatial_features(), SIZES
    if mistake == 'one camera less':
        hits = hits.clone()
        hits[:, 3] = False
    if mistake == 'heights reversed':
        places, hits = places.flip(3), hits.flip(3)
    if mistake == 'levels as one':
        sizes = [SIZES[0][::-1], *SIZES[1:]]
    found = net.encoder.layers[1].spatial(queries, features, sizes, places, hits)
    assert float((found[:, EVERY] - golden['spatial']).abs().max()) > 100 * TOLERANCE


def test_encoder_layer(net, golden):
    previous, queries, position = temporal_inputs()
    layer = net.encoder.layers[1]
    around = (spatial_features(), SIZES, *seen())
    history = torch.stack((previous, queries), dim=1)
    found = layer(queries, history, position, references((0.03, -0.05)), around)
    assert_equal(found[:, EVERY], golden['layer'])
    found = layer(queries, None, position, references(), around)
    assert_equal(found[:, EVERY], golden['layer_first'])


def test_rotation_of_the_previous_bev(golden):
    previous = temporal_inputs()[0]
    before = previous.clone()
    turned = rotate_bev(previous, [11.5], NARROW.bev_size, (9.0, 11.0))
    assert torch.equal(turned[0, EVERY], golden['rotated'])
    assert torch.equal(previous, before)


def test_decoder_layer(net, golden):
    queries = tensor('decoder.queries', 1, NARROW.num_queries, 64)
    position = tensor('decoder.position', 1, NARROW.num_queries, 64)
    places = tensor('decoder.references', 1, NARROW.num_queries, 2).sigmoid()
    found = net.decoder.layers[1](queries, position, tensor('decoder.bev', 1, CELLS, 64), places)
    assert_equal(found, golden['decoder_layer'])


@pytest.mark.parametrize('name', ['head', 'head_first'])
def test_whole_head(net, golden, name):
    levels = [tensor(f'head.level{i}', 1, 6, 64, *size) for i, size in enumerate(SIZES)]
    previous = tensor('head.previous', 1, CELLS, 64) if name == 'head' else None
    matrices = torch.from_numpy(recipe.rig(160, 96)).float()[None]
    bev = net.encoder(levels, matrices, (96, 160), [recipe.motions()[1]], previous)
    logits, codes = net.decoder(bev)
    assert_equal(bev[:, EVERY], golden[f'{name}_bev'])
    assert_equal(logits, golden[f'{name}_logits'])
    assert_equal(codes, golden[f'{name}_codes'], 50 * TOLERANCE)  # metres, up to 50


def test_memory_and_motion_matter_to_the_head(net, golden):
    levels = [tensor(f'head.level{i}', 1, 6, 64, *size) for i, size in enumerate(SIZES)]
    previous = tensor('head.previous', 1, CELLS, 64)
    matrices = torch.from_numpy(recipe.rig(160, 96)).float()[None]
    motion = recipe.motions()[1]
    straight = EgoMotion(motion.dx_m, motion.dy_m, 0.0, motion.dt_s, motion.yaw_rad)
    bev = net.encoder(levels, matrices, (96, 160), [straight], previous)
    assert float((bev[:, EVERY] - golden['head_bev']).abs().max()) > 100 * TOLERANCE


def test_bottlenecks_with_dcnv2(net, golden):
    stage = net.backbone.stages[2]
    assert_equal(stage[0](tensor('bottleneck.stride', 2, 64, 14, 18)), golden['bottleneck_stride'])
    assert_equal(stage[1](tensor('bottleneck.same', 2, 128, 7, 9)), golden['bottleneck'])


def test_dcnv2_survives_what_is_not_a_number(net):
    features = tensor('bottleneck.same', 2, 128, 7, 9)
    features[0, :, 3, 4] = torch.nan
    spoilt = net.backbone.stages[2][1](features)
    assert spoilt[0].isnan().any()
    assert_equal(spoilt[1], net.backbone.stages[2][1](features[1:])[0])


def test_backbone_and_feature_pyramid(net, golden):
    outputs = net.backbone(tensor('backbone.images', 2, 3, 96, 160))
    assert len(outputs) == 3
    for index, features in enumerate(outputs):
        assert_equal(features[:, ::4], golden[f'backbone{index}'], 1e-4)
    levels = net.neck(outputs)
    assert len(levels) == 4
    for index, features in enumerate(levels):
        assert_equal(features[:, ::8], golden[f'neck{index}'], 1e-4)


def test_box_decoding(golden):
    scale = torch.tensor([45, 45, 0.3, 0.3, 9, 0.3, 1, 1, 3, 3])
    boxes = decode_boxes(
        tensor('boxes.logits', 60, 10), tensor('boxes.codes', 60, 10) * scale, NARROW
    )
    theirs = golden['boxes']  # x y z w l h rot vx vy
    assert 0 < len(theirs) < NARROW.max_boxes, 'some are dropped by the limits'
    assert torch.equal(boxes.labels, golden['box_labels'])
    assert_equal(boxes.scores, golden['box_scores'], 1e-6)
    ours = boxes.xyz_lwh_yaw
    assert_equal(ours[:, :3], theirs[:, :3])
    assert_equal(ours[:, [4, 3, 5]], theirs[:, 3:6])
    assert_equal(boxes.velocity_xy, theirs[:, 7:])
    # Headings of mmdetection3d 0.17, see its converter: rot = -yaw - pi / 2.
    turn = ours[:, 6] + theirs[:, 6] + torch.pi / 2
    assert_equal(torch.sin(turn), torch.zeros(len(turn)))
    assert_equal(torch.cos(turn), torch.ones(len(turn)))
