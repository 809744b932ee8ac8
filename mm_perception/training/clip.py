"""Training of CLIP nano: pictures and crops of the synthetic world with captions from a grammar.

The objective is that of the paper (Radford et al., 2021, section 2.3), but every caption that is
true of a crop counts as a match: in a small world that is common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from mm_perception.training.data import Pixels, jittered, normalised
from mm_perception.training.loop import Settings
from mm_perception.training.recipe import Recipe, save_half
from mm_perception.training.vocabulary import make_tokenizer
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import (
    Phrase,
    Scenery,
    caption_of,
    scene_caption,
    scenery_of,
)

IMAGE_SIDE = 128
TEXT_LENGTH = 32
SMALLEST_CROP_PX = 250
_MEAN, _DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def nano_config(vocabulary_size: int) -> CLIPConfig:
    """About 4 M parameters."""
    text = {
        'vocab_size': vocabulary_size, 'hidden_size': 160, 'intermediate_size': 480,
        'num_hidden_layers': 3, 'num_attention_heads': 4, 'max_position_embeddings': TEXT_LENGTH,
        'pad_token_id': 0, 'bos_token_id': 2, 'eos_token_id': vocabulary_size - 1,
        'projection_dim': 128,
    }  # fmt: skip
    vision = {
        'hidden_size': 192, 'intermediate_size': 576, 'num_hidden_layers': 6,
        'num_attention_heads': 6, 'image_size': IMAGE_SIDE, 'patch_size': 16,
        'projection_dim': 128,
    }  # fmt: skip
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=128)


def box_crop(
    rgb: Pixels, mask: npt.NDArray[np.bool_], margin: float, shift: tuple[float, float] = (0, 0)
) -> Pixels:
    """The square around a mask with a margin, (h, w, 3), cut where the picture ends.

    Args:
        rgb: (H, W, 3).
        mask: (H, W), not empty.
        margin: Share of the longer side that is added on each side.
        shift: Of the middle, in shares of the longer side.
    """
    rows, columns = np.nonzero(mask)
    x0, x1, y0, y1 = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    longer = max(x1 - x0, y1 - y0)
    half = longer * (0.5 + margin)
    x, y = (x0 + x1) / 2 + shift[0] * longer, (y0 + y1) / 2 + shift[1] * longer
    height, width = mask.shape
    left, right = max(0, int(x - half)), min(width, int(np.ceil(x + half)))
    top, bottom = max(0, int(y - half)), min(height, int(np.ceil(y + half)))
    return rgb[top:bottom, left:right]


def to_square(rgb: Pixels) -> Pixels:
    """Stretch to the network's input, (IMAGE_SIDE, IMAGE_SIDE, 3)."""
    how = cv2.INTER_AREA if rgb.shape[0] > IMAGE_SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (IMAGE_SIDE, IMAGE_SIDE), interpolation=how), np.uint8)


@dataclass(frozen=True)
class Batch:
    """N pictures with captions.

    Attributes:
        pixels: (N, 3, S, S).
        input_ids: (N, L).
        same: (N, N) of 0 and 1, whether caption j is that of picture i.
    """

    pixels: Tensor
    input_ids: Tensor
    same: Tensor


class ClipTask:
    """Contrastive learning on crops of things and on whole scenes."""

    def __init__(
        self, clips: Sequence[Clip], held_out: Sequence[Clip], size: int, settings: Settings
    ) -> None:
        self._clips, self._held_out = clips, held_out
        self._size, self.settings = size, settings
        self._tokenizer = make_tokenizer(TEXT_LENGTH)

    def build(self) -> nn.Module:
        """A new network."""
        model: nn.Module = CLIPModel(nano_config(len(self._tokenizer)))
        return model

    def batch(self, step: int) -> Batch:
        """Half crops, half scenes: negatives of a picture are mostly of its own sort."""
        rng = np.random.default_rng([self.settings.seed, step])
        samples = [(self._crop if index % 2 else self._scene)(rng) for index in range(self._size)]
        texts = [phrase.text for _, phrase, _ in samples]
        ids = self._tokenizer(
            texts, padding='max_length', truncation=True, max_length=TEXT_LENGTH,
            return_tensors='pt',
        )['input_ids']  # fmt: skip
        same = np.eye(len(samples), dtype=np.float32)
        for row, (_, _, thing) in enumerate(samples):
            for column, (_, phrase, other) in enumerate(samples):
                if thing is not None and other is not None and phrase.means(thing):
                    same[row, column] = 1
        pixels = np.stack([normalised(jittered_lightly(rng, sample[0])) for sample in samples])
        return Batch(torch.from_numpy(pixels), ids, torch.from_numpy(same))

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Symmetric cross entropy; rows of a picture share their weight among equal captions."""
        net: Any = model
        output = net(pixel_values=batch.pixels.to(device), input_ids=batch.input_ids.to(device))
        same = batch.same.to(device)
        logits = output.logits_per_image.float()
        by_image = _cross_entropy(logits, same)
        by_text = _cross_entropy(logits.t(), same.t())
        right = (same.gather(1, logits.argmax(1, keepdim=True)) > 0).float().mean()
        return {'contrast': (by_image + by_text) / 2, '_right': right.detach()}

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Zero-shot colour and class of held-out crops, and retrieval among 50 scenes."""
        from mm_perception.training.clip_scores import engine_of, quick_scores

        model.eval()
        engine = engine_of(model, self._tokenizer, device)
        return quick_scores(engine, self._held_out)

    def _crop(self, rng: np.random.Generator) -> tuple[Pixels, Phrase, ThingTruth | None]:
        while True:
            clip, scenery, frame = self._any(rng)
            if scenery.things:
                break
        thing = scenery.things[int(rng.integers(len(scenery.things)))]
        mask = clip.ids[frame] == thing.instance
        shift = tuple(rng.uniform(-0.08, 0.08, 2))
        picture = to_square(box_crop(clip.rgb[frame], mask, rng.uniform(0.0, 0.25), shift))
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        return picture, caption_of(rng, thing), thing

    def _scene(self, rng: np.random.Generator) -> tuple[Pixels, Phrase, ThingTruth | None]:
        while True:
            clip, scenery, frame = self._any(rng)
            if len(scenery.things) > 1:
                caption = Phrase(scene_caption(rng, scenery), ())
                return to_square(clip.rgb[frame]), caption, None

    def _any(self, rng: np.random.Generator) -> tuple[Clip, Scenery, int]:
        index = int(rng.integers(len(self._clips)))
        frame = int(rng.integers(len(self._clips[index].rgb)))
        return self._clips[index], self._scenery(index, frame), frame

    @cache  # noqa: B019 - a task lives as long as its training
    def _scenery(self, index: int, frame: int) -> Scenery:
        return scenery_of(self._clips[index], frame, SMALLEST_CROP_PX)


def _cross_entropy(logits: Tensor, same: Tensor) -> Tensor:
    target = same / same.sum(1, keepdim=True)
    return -(target * logits.log_softmax(1)).sum(1).mean()


def jittered_lightly(rng: np.random.Generator, rgb: Pixels) -> Pixels:
    """Other light, but never so other that a colour would get another name."""
    return jittered(rng, rgb) if rng.random() < 0.3 else rgb


def _make(clips: Sequence[Clip], held_out: Sequence[Clip], scale: float) -> list[ClipTask]:
    settings = Settings(max(4, round(2000 * scale)), learning_rate=1e-3, weight_decay=0.1, seed=2)
    return [ClipTask(clips, held_out, 128, settings)]


def _save(model: Any, folder: Path) -> None:
    save_half(model, folder)
    make_tokenizer(TEXT_LENGTH).save_pretrained(folder)
    side = {'height': IMAGE_SIDE, 'width': IMAGE_SIDE}
    CLIPImageProcessor(
        size=side, do_center_crop=False, image_mean=_MEAN, image_std=_DEVIATION
    ).save_pretrained(folder)


def _score(weights: Path, device: str, progress: Callable[[int], None]) -> dict[str, Any]:
    from mm_perception.training.clip_scores import final_scores

    return final_scores(weights, device, progress)


RECIPE = Recipe(
    net='clip',
    title='Pictures and texts in one space: CLIPModel of transformers, 4 M parameters.',
    num_clips=1200,
    num_held_out=60,
    make=_make,
    save=_save,
    score=_score,
    notes=(
        'ViT of 6 layers and 192 channels on 128 px in patches of 16; text encoder of 3 layers '
        'and a vocabulary of whole words. What is not in it is read as unknown.',
        'It knows the synthetic world and its words: use a public checkpoint for real pictures.',
    ),
)
