"""Our embeddings are those of transformers' and open_clip's own pipelines, weight for weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image as PilImage
from transformers import AutoTokenizer, CLIPModel, CLIPProcessor

from mm_perception.errors import ShapeError, WeightsError
from mm_perception.nets.clip import load_clip
from test.unit.nets_clip.tiny_clip import save_open_clip, save_transformers

TEXTS = [
    'a photo of a red car',
    'Zwei Bäume!',
    '',
    'word ' * 200,
    "🙂 don't  \n stop <|endoftext|>",
]
TOLERANCE = 2e-6


@pytest.fixture(scope='module')
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_transformers(tmp_path_factory.mktemp('hub'))


@pytest.fixture(scope='module')
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_open_clip(tmp_path_factory.mktemp('open_clip'))


def pictures() -> list[np.ndarray]:
    """Wide, tall and small ones."""
    rng = np.random.default_rng(5)
    return [
        rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((90, 160), (200, 70), (8, 8))
    ]


def unit(features: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(features, dim=-1).detach().numpy()


def test_transformers_pictures_and_texts(hub: Path) -> None:
    ours = load_clip(str(hub))
    model, processor = CLIPModel.from_pretrained(hub).eval(), CLIPProcessor.from_pretrained(hub)
    inputs = processor(
        text=TEXTS, images=[PilImage.fromarray(p) for p in pictures()], return_tensors='pt',
        padding=True, truncation=True, max_length=77,
    )  # fmt: skip
    with torch.no_grad():
        output = model(**inputs)
    assert np.abs(ours.embed_images(pictures()) - output.image_embeds.numpy()).max() < TOLERANCE
    assert np.abs(ours.embed_texts(TEXTS) - output.text_embeds.numpy()).max() < TOLERANCE
    logits = ours.logit_scale * ours.embed_images(pictures()) @ ours.embed_texts(TEXTS).T
    assert np.abs(logits - output.logits_per_image.numpy()).max() < 1e-4


def test_open_clip_pictures_and_texts(local: Path) -> None:
    ours = load_clip(f'open_clip:local-dir:{local}')
    model, _, preprocess = open_clip.create_model_and_transforms(f'local-dir:{local}')
    tokenizer = open_clip.get_tokenizer(f'local-dir:{local}')
    with torch.no_grad():
        images = torch.stack([preprocess(PilImage.fromarray(p)) for p in pictures()])
        features = model.eval().encode_image(images), model.encode_text(tokenizer(TEXTS))
    assert np.abs(ours.embed_images(pictures()) - unit(features[0])).max() < TOLERANCE
    assert np.abs(ours.embed_texts(TEXTS) - unit(features[1])).max() < TOLERANCE


def test_the_tokenizer_of_the_hub_layout_is_that_of_open_clip(hub: Path) -> None:
    own = AutoTokenizer.from_pretrained(hub)
    theirs = open_clip.get_tokenizer('ViT-B-32')
    for text in ['a photo of a red car', "Don't stop", 'Bäume 🙂', '  two  spaces ', 'x' * 50]:
        ids = own(text)['input_ids']
        assert ids == theirs(text)[0][: len(ids)].tolist(), text
        assert (ids[0], ids[-1]) == (49406, 49407)


def test_the_end_of_text_is_where_the_text_feature_is_read(hub: Path) -> None:
    """The trap: read at the wrong place, texts that differ in their last word would be equal."""
    ours = load_clip(str(hub))
    a, b = ours.embed_texts(['a photo of a car', 'a photo of a tree'])
    assert np.abs(a - b).max() > 1e-3


def test_hash_names_the_weights(hub: Path, local: Path, tmp_path: Path) -> None:
    names = [load_clip(str(hub)).sha256, load_clip(f'open_clip:local-dir:{local}').sha256]
    assert all(len(name) == 64 for name in names)
    assert names[0] != names[1]
    assert load_clip(str(hub)).sha256 == names[0]


def test_a_checkpoint_that_lacks_weights_is_refused(hub: Path, tmp_path: Path) -> None:
    model = CLIPModel.from_pretrained(hub)
    state = {k: v for k, v in model.state_dict().items() if 'text_projection' not in k}
    for file in hub.iterdir():
        if file.suffix == '.json':
            (tmp_path / file.name).write_bytes(file.read_bytes())
    model.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(WeightsError, match=r'lacks text_projection\.weight'):
        load_clip(str(tmp_path))


def test_another_network_is_refused(tmp_path: Path, hub: Path) -> None:
    CLIPModel.from_pretrained(hub).vision_model.save_pretrained(tmp_path)
    with pytest.raises(WeightsError):
        load_clip(str(tmp_path))
    with pytest.raises(WeightsError):
        load_clip(f'open_clip:local-dir:{tmp_path}')


def test_weights_for_another_shape_are_refused(local: Path) -> None:
    with pytest.raises(WeightsError, match='give weights of that model'):
        load_clip(f'open_clip:ViT-B-32/{local / "open_clip_pytorch_model.bin"}')


@pytest.mark.parametrize(
    'bad', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), 'u1')]
)
def test_what_is_no_picture_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ShapeError, match='CLIP image'):
        load_clip('random').embed_images([bad])


def test_nothing_asked_is_nothing_answered() -> None:
    ours = load_clip('random')
    assert ours.embed_images([]).shape == ours.embed_texts([]).shape == (0, ours.dimension)


def test_many_threads_may_embed_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes share an engine; the cache of texts overflows while others read from it."""
    from concurrent.futures import ThreadPoolExecutor

    from mm_perception.nets.clip import engine

    monkeypatch.setattr(engine, '_CACHED_TEXTS', 4)
    ours = load_clip('random')
    expected = {str(i): ours.embed_texts([str(i)])[0] for i in range(12)}

    def ask(start: int) -> bool:
        texts = [str((start + i) % 12) for i in range(5)]
        found = ours.embed_texts(texts)
        return all(
            np.allclose(v, expected[t], atol=1e-6) for t, v in zip(texts, found, strict=True)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(40)))
