"""ViTPose: any checkpoint of the class is read, and joints come back in pixels of the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTModel, VitPoseForPoseEstimation

from mm_perception.errors import ShapeError, WeightsError
from mm_perception.nets.pose import load_pose, shared_pose
from mm_perception.nets.pose.engine import VitPoseEngine, coco_boxes, decode
from mm_perception.nets.pose.weights import config_of, processor_of
from test.unit.nets_pose.tiny_vitpose import save_vitpose

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 255, (120, 160, 3)).astype(np.uint8)
BOXES = np.array([[20, 10, 60, 110], [70.5, 20, 150, 90]], np.float32)


@pytest.fixture
def engine() -> Any:
    return load_pose('random')


@pytest.mark.parametrize(('experts', 'classic'), [(1, False), (1, True), (3, False)])
def test_every_kind_of_checkpoint_gives_what_transformers_gives(tmp_path, experts, classic):
    folder = save_vitpose(tmp_path / 'model', experts, classic=classic)
    engine: Any = load_pose(str(folder))
    places, scores = engine.keypoints(PICTURE, BOXES)
    assert places.shape == (2, 17, 2) and scores.shape == (2, 17)  # noqa: PT018
    assert places.dtype == scores.dtype == np.float32
    model: Any = VitPoseForPoseEstimation.from_pretrained(folder).eval()
    boxes = coco_boxes(BOXES)
    pixels = engine.processor(images=[PICTURE], boxes=[boxes.tolist()], return_tensors='pt')
    which = {'dataset_index': torch.zeros(2, dtype=torch.long)} if experts > 1 else {}
    with torch.no_grad():
        output = model(**pixels, **which)
    (theirs,) = engine.processor.post_process_pose_estimation(output, boxes=[boxes.tolist()])
    found = np.stack([person['scores'].numpy() for person in theirs])
    np.testing.assert_allclose(scores, np.clip(found, 0, 1), atol=1e-5)
    # Random maps have ridges, where DARK leaps far away; held to a cell it never does.
    points = np.stack([person['keypoints'].numpy() for person in theirs])
    cell = np.array([100, 100 / 0.75])[None, None] / 10
    is_near = np.abs(points - places).max(-1) < 1e-3
    assert is_near.mean() > 0.5
    assert (np.abs(points - places)[is_near] < cell).all()


def bumps(cells: np.ndarray, shape: tuple[int, int] = (16, 12)) -> torch.Tensor:
    """(N, 17, h, w) Gaussians at cells (N, 17, 2), x and y."""
    row, column = np.mgrid[: shape[0], : shape[1]]
    apart = (column - cells[..., :1, None]) ** 2 + (row - cells[..., 1:, None]) ** 2
    return torch.from_numpy(np.exp(-apart / (2 * 1.5**2)).astype(np.float32))


def test_a_bump_of_the_heatmap_is_at_its_place_in_the_picture(engine) -> None:
    """The corners of the crop are the corner cells; the rest lies evenly between."""
    cells = np.tile(RNG.uniform(3, 8, (17, 2)), (2, 1, 1))
    places, scores = decode(engine.processor, bumps(cells), coco_boxes(BOXES))
    for box, found in zip(BOXES, places, strict=True):
        x0, y0, x1, y1 = box - 0.5
        wide = max(x1 - x0, (y1 - y0) * 0.75) * 1.25
        corner = np.array([(x0 + x1) / 2 - wide / 2, (y0 + y1) / 2 - wide / 0.75 / 2])
        expected = corner + cells[0] / (11, 15) * (wide, wide / 0.75)
        assert np.abs(found - expected).max() < 0.12 * wide / 12  # of a cell: what DARK blurs
    assert (scores > 0.85).all()


def test_a_picture_and_a_box_that_move_together_move_the_points(engine) -> None:
    wide = np.zeros((200, 240, 3), np.uint8)
    wide[30:150, 40:200] = PICTURE
    box = BOXES[:1]
    places, scores = engine.keypoints(PICTURE, box)
    moved, again = engine.keypoints(wide, box + np.float32([40, 30, 40, 30]))
    np.testing.assert_allclose(moved, places + np.float32([40, 30]), atol=1e-2)
    np.testing.assert_allclose(again, scores, atol=1e-4)


def test_what_the_network_sees_is_where_it_says(engine) -> None:
    """A bright pixel of the picture, found in the crop, comes back to its own place."""
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[60:63, 40:43] = 255
    boxes = coco_boxes(BOXES[:1])
    pixels = engine.processor(images=[picture], boxes=[boxes.tolist()], return_tensors='pt')
    bright = pixels['pixel_values'][0].mean(0)
    bright = (bright - bright.min()).numpy()
    row, column = np.mgrid[:64, :48]
    at = np.array([(bright * column).sum(), (bright * row).sum()]) / bright.sum()
    cells = np.tile(at / (47, 63) * (11, 15), (1, 17, 1))
    places, _ = decode(engine.processor, bumps(cells), boxes)
    np.testing.assert_allclose(places[0], np.tile([41.0, 61.0], (17, 1)), atol=0.8)


def test_nobody_many_and_who_is_partly_outside(engine) -> None:
    places, scores = engine.keypoints(PICTURE, np.zeros((0, 4), np.float32))
    assert places.shape == (0, 17, 2) and scores.shape == (0, 17)  # noqa: PT018
    outside = np.float32([[-40, -30, 30, 60], [140, 90, 300, 400]])
    places, scores = engine.keypoints(PICTURE, outside)
    assert np.isfinite(places).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    many = np.tile(BOXES, (10, 1))
    places, _ = engine.keypoints(PICTURE, many)
    np.testing.assert_allclose(places[18:], places[:2], atol=1e-3)
    frozen = PICTURE.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(engine.keypoints(frozen, many)[0], places)


def test_maps_without_a_maximum_say_that_nothing_is_there(engine) -> None:
    flat = torch.full((2, 17, 16, 12), -0.2)
    places, scores = decode(engine.processor, flat, coco_boxes(BOXES))
    assert (scores == 0).all()
    np.testing.assert_allclose(places[0, 0], [39.5, 59.5])
    ridge = torch.zeros(2, 17, 16, 12)
    ridge[:, :, :, 5] = 0.5  # no curvature along y
    places, _ = decode(engine.processor, ridge, coco_boxes(BOXES))
    assert np.isfinite(places).all()


@pytest.mark.parametrize(
    ('rgb', 'boxes', 'words'),
    [
        (PICTURE[..., 0], BOXES, '(120, 160)'),
        (PICTURE.astype(np.float32), BOXES, 'float32'),
        (PICTURE, BOXES[0], '(4,)'),
        (PICTURE, BOXES[:, :3], '(2, 3)'),
        (PICTURE, np.float32([[5, 5, 5, 9]]), '[5.0, 5.0, 5.0, 9.0]'),
        (PICTURE, np.float32([[5, 5, np.nan, 9]]), 'nan'),
    ],
)
def test_what_is_wrong_is_said(engine, rgb, boxes, words) -> None:
    with pytest.raises(ShapeError) as caught:
        engine.keypoints(rgb, boxes)
    assert words in str(caught.value)


def test_what_is_no_pose_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match='mmp fetch usyd-community/absent'):
        load_pose('usyd-community/absent')
    other = tmp_path / 'vit'
    tiny = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32)
    ViTModel(tiny).save_pretrained(other)
    with pytest.raises(WeightsError, match='VitPoseForPoseEstimation'):
        load_pose(str(other))
    folder = save_vitpose(tmp_path / 'broken')
    state = load_file(folder / 'model.safetensors')
    del state['head.conv.weight']
    save_file(state, folder / 'model.safetensors', metadata={'format': 'pt'})
    with pytest.raises(WeightsError, match=r'lacks head\.conv\.weight'):
        load_pose(str(folder))
    lonely = save_vitpose(tmp_path / 'lonely')
    (lonely / 'preprocessor_config.json').unlink()
    with pytest.raises(WeightsError, match='no pose network'):
        load_pose(str(lonely))


def test_other_keypoints_than_those_of_coco_are_refused(tmp_path: Path) -> None:
    config = config_of({'hidden_size': 16, 'num_hidden_layers': 1, 'num_attention_heads': 2})
    config.num_labels = 21  # of a hand
    VitPoseForPoseEstimation(config).save_pretrained(tmp_path)
    processor_of(config).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match='finds 21 keypoints'):
        load_pose(str(tmp_path))


def test_the_layout_is_that_of_the_hub(tmp_path: Path) -> None:
    folder = save_vitpose(tmp_path / 'model')
    assert json.loads((folder / 'config.json').read_text())['model_type'] == 'vitpose'
    written = json.loads((folder / 'preprocessor_config.json').read_text())
    assert written['image_processor_type'] == 'VitPoseImageProcessor'


def test_one_engine_for_all_nodes() -> None:
    first, second = shared_pose('random', 'cpu'), shared_pose('random', 'cpu')
    assert first.model is second.model
    assert isinstance(first.model, VitPoseEngine)
    first.release()
    second.release()
