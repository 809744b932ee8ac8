"""DINOv2 beside texts: the loading code on checkpoints of the real classes, and what comes out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from transformers import AutoModel

from mm_perception.errors import ShapeError, WeightsError
from mm_perception.nets.clip import ClipEngine, load_clip
from mm_perception.nets.dino import clip_of, load_dino
from mm_perception.nets.dino.labelling import Vocabulary, paint, softmax
from mm_perception.nets.dino.text_map import halves
from mm_perception.nets.dino.weights import load_text_map
from test.unit.nets_dino.tiny_dino import DEVIATION, MEAN, WIDTH, save_dino, save_map

TEXTS = ('a car', 'a tree')


@pytest.fixture(scope='module')
def clip() -> ClipEngine:
    return load_clip('random')


@pytest.fixture(scope='module')
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 90, 3)).astype(np.uint8)


@pytest.mark.parametrize('registers', [0, 4])
def test_patches_are_the_last_hidden_state_without_class_and_registers(
    tmp_path: Path, clip: ClipEngine, picture: np.ndarray, registers: int
) -> None:
    folder = save_dino(tmp_path / 'dino', registers)
    save_map(folder / 'text_map.safetensors', clip.dimension, 2 * WIDTH, clip='random')
    sight = load_dino(str(folder), '', clip).look(picture)
    model = AutoModel.from_pretrained(folder).eval()
    small = cv2.resize(picture, (56, 56), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    pixels = torch.from_numpy((small - np.float32(MEAN)) / np.float32(DEVIATION)).permute(2, 0, 1)
    with torch.no_grad():
        tokens = model(pixel_values=pixels[None]).last_hidden_state[0]
    patches = tokens[1 + registers :]
    assert patches.shape == (16, WIDTH)
    unit = torch.nn.functional.normalize(patches, dim=-1).reshape(4, 4, WIDTH)
    np.testing.assert_allclose(sight.patches, unit.numpy(), atol=1e-5)
    whole = halves(torch.cat([tokens[0], patches.mean(0)])).flatten()
    np.testing.assert_allclose(sight.whole, whole.numpy(), atol=1e-5)
    assert np.linalg.norm(sight.whole) == pytest.approx(1, abs=1e-5)


def test_texts_go_through_two_layers_as_talk2dino_has_them(
    tmp_path: Path, clip: ClipEngine, picture: np.ndarray
) -> None:
    """A map for patches alone: the published files have no more than two layers."""
    folder = save_dino(tmp_path / 'dino', 4)
    path = save_map(tmp_path / 'vitb_mlp_infonce.pth', clip.dimension, WIDTH)
    engine = load_dino(str(folder), str(path), clip)
    state = torch.load(path, weights_only=True)
    texts = clip.text_features(TEXTS)
    hidden = np.tanh(
        texts @ state['linear_layer.weight'].numpy().T + state['linear_layer.bias'].numpy()
    )
    found = hidden @ state['linear_layer2.weight'].numpy().T + state['linear_layer2.bias'].numpy()
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(engine.patch_vectors(TEXTS), found, atol=1e-5)
    np.testing.assert_allclose(engine.whole_vectors(TEXTS), found, atol=1e-5)
    whole = engine.look(picture).whole
    mean = engine.look(picture).patches.mean((0, 1))  # not the same: patches are of unit length
    assert whole.shape == mean.shape == (WIDTH,)
    assert clip_of(str(folder), str(path)) == ''


def test_a_picture_may_be_looked_at_more_closely(
    tmp_path: Path, clip: ClipEngine, picture: np.ndarray
) -> None:
    folder = save_dino(tmp_path / 'dino', 4)
    path = save_map(tmp_path / 'map.pth', clip.dimension, WIDTH)
    assert load_dino(str(folder), str(path), clip, side=115).look(picture).patches.shape[0] == 8


def test_the_map_knows_its_clip_and_refuses_another(tmp_path: Path, clip: ClipEngine) -> None:
    folder = save_dino(tmp_path / 'dino', 4)
    path = folder / 'text_map.safetensors'
    save_map(path, clip.dimension, WIDTH, clip='random', clip_sha256=clip.sha256)
    assert clip_of(str(folder), '') == 'random'
    assert load_dino(str(folder), '', clip).logit_scale == 20
    save_map(path, clip.dimension, WIDTH, clip='random', clip_sha256='of others')
    with pytest.raises(WeightsError, match=r'fitted to other weights.*--stage 2'):
        load_dino(str(folder), '', clip)


@pytest.mark.parametrize(
    ('text_dimension', 'dimension', 'problem'),
    [(7, WIDTH, 'takes 7 numbers of a text'), (None, 9, 'makes 9 numbers, a patch has 32')],
)
def test_a_map_that_does_not_fit_is_refused(
    tmp_path: Path, clip: ClipEngine, text_dimension: int | None, dimension: int, problem: str
) -> None:
    folder = save_dino(tmp_path / 'dino', 4)
    path = save_map(tmp_path / 'map.pth', text_dimension or clip.dimension, dimension)
    with pytest.raises(WeightsError, match=problem):
        load_dino(str(folder), str(path), clip)


def test_files_that_are_no_map_are_refused(tmp_path: Path, clip: ClipEngine) -> None:
    folder = save_dino(tmp_path / 'dino', 4)
    with pytest.raises(WeightsError, match='no map from texts'):
        load_dino(str(folder), '', clip)
    with pytest.raises(WeightsError, match=r'lacks linear_layer\.weight'):
        load_text_map(folder / 'model.safetensors')
    (tmp_path / 'map.pth').write_bytes(b'nothing')
    with pytest.raises(WeightsError, match='cannot be read'):
        load_text_map(tmp_path / 'map.pth')


def test_another_network_is_refused(tmp_path: Path, clip: ClipEngine) -> None:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        image_size=28, patch_size=14,
    )  # fmt: skip
    ViTModel(config).save_pretrained(tmp_path / 'vit')
    with pytest.raises(WeightsError, match='is a ViTModel; give a DINOv2 model'):
        load_dino(str(tmp_path / 'vit'), '', clip)


def test_what_is_no_picture_is_refused(clip: ClipEngine) -> None:
    with pytest.raises(ShapeError, match='H, W, 3'):
        load_dino('random', '', clip).look(np.zeros((4, 4), np.uint8))


def test_painting_takes_the_likeliest_text_and_leaves_out_what_is_unlikely() -> None:
    shares = np.zeros((2, 2, 3), np.float32)
    shares[0, 0] = (0.9, 0.1, 0.0)
    shares[0, 1] = (0.2, 0.45, 0.35)
    shares[1] = (0.1, 0.2, 0.7)  # the last text is background
    id_map, scores = paint(shares, (8, 8), (5, 7), 0.0)
    assert id_map[0, 0] == 5
    assert id_map[0, 7] == 7
    assert not id_map[7].any()
    assert scores[0] > 0.6
    id_map, scores = paint(shares, (8, 8), (5, 7), 0.5)
    assert (id_map[0, 0], id_map[0, 7]) == (5, 0)
    assert scores[1] == 0


def test_shares_are_a_softmax_of_scaled_cosines() -> None:
    vectors = np.eye(2, dtype=np.float32)
    words = Vocabulary(('a',), (1,), vectors)
    patches = np.array([[[1, 0], [0.6, 0.8]]], np.float32)
    expected = 1 / (1 + np.exp(-10 * np.array([1.0, -0.2])))
    np.testing.assert_allclose(words.shares(patches, 10.0)[0, :, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(softmax(np.zeros((1, 4))), 0.25)
