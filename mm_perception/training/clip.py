"""Training of CLIP nano: pictures and crops of the synthetic world with captions from a grammar.

The objective is that of the paper (Radford et al., 2021, section 2.3), but every caption that is
true of a crop counts as a match: in a small world that is common. Beside it every patch learns
what is in it, which takes a fraction of the pictures that captions alone would need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from open_clip import CLIP
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.nets.clip.engine import CONFIG_FILE
from mm_perception.training.data import LARGEST_SHARE, Crop, Pixels, jittered, normalised
from mm_perception.training.loop import Settings
from mm_perception.training.recipe import Recipe
from mm_perception.training.sam2_batches import KINDS
from mm_perception.training.vocabulary import make_tokenizer
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import (
    Phrase,
    Scenery,
    caption_of,
    scene_caption,
    scenery_of,
)
from mm_perception.world.materials import COLOURS

IMAGE_SIDE, PATCH = 128, 16
TEXT_LENGTH = 32
SMALLEST_CROP_PX = 250
BATCH, STEPS = 128, 2400
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CHANNELS, _WIDTH = 128, 28
_NUM_KINDS, _NUM_COLOURS = 1 + len(KINDS), 1 + len(COLOURS)


def nano_config(vocabulary_size: int) -> dict[str, Any]:
    """An open_clip configuration of about 5 M parameters."""
    vision = {'image_size': IMAGE_SIDE, 'layers': [1, 2, 2, 1], 'width': _WIDTH}
    text = {
        'context_length': TEXT_LENGTH, 'vocab_size': vocabulary_size, 'width': 160, 'heads': 4,
        'layers': 3, 'hf_tokenizer_name': 'local',
    }  # fmt: skip
    return {'embed_dim': _CHANNELS, 'vision_cfg': vision, 'text_cfg': text}


def box_around(
    mask: npt.NDArray[np.bool_], margin: float, shift: tuple[float, float] = (0, 0)
) -> tuple[int, int, int, int]:
    """The square around a mask with a margin, cut where the picture ends: x0, y0, x1, y1 in px.

    Args:
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
    return (
        max(0, int(x - half)), max(0, int(y - half)),
        min(width, int(np.ceil(x + half))), min(height, int(np.ceil(y + half))),
    )  # fmt: skip


def is_main(ids: Pixels, instance: int) -> bool:
    """Whether no other thing covers more of the box around a thing than the thing itself."""
    rows, columns = np.nonzero(ids == instance)
    inside = ids[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    areas = np.bincount(inside.ravel(), minlength=instance + 1)
    return int(areas[1:].argmax()) + 1 == instance


@dataclass(frozen=True)
class Batch:
    """N pictures with captions.

    Attributes:
        pixels: (N, 3, S, S).
        input_ids: (N, L).
        same: (N, N) of 0 and 1, whether caption j is that of picture i.
        content: (N, patches, 1 + classes + 1 + colours), what share of each patch has nothing or
            a class, and nothing or a colour.
        shown: (N, 2) int64, class and colour of what a crop shows, 0 for none; -1 for scenes.
    """

    pixels: Tensor
    input_ids: Tensor
    same: Tensor
    content: Tensor
    shown: Tensor


class Pupil(nn.Module):
    """The network, and heads that read what a patch and a crop show, and are thrown away."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.places = nn.Conv2d(16 * _WIDTH, _NUM_KINDS + _NUM_COLOURS, 1)
        self.things = nn.Linear(_CHANNELS, _NUM_KINDS + _NUM_COLOURS)

    def see(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors (N, D), and what is said of patches (N, patches, classes + colours)."""
        visual = self.model.visual
        fine = visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels))))
        places = self.places(fine).flatten(2).transpose(1, 2)
        whole = visual.attnpool(visual.layer4(fine))
        return functional.normalize(whole.float(), dim=-1), places.float()


@dataclass(frozen=True)
class _Sample:
    """A picture with a caption, and the thing that it shows if it is a crop."""

    rgb: Pixels
    ids: Pixels
    phrase: Phrase
    thing: ThingTruth | None
    things: tuple[ThingTruth, ...]


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
        model: Any = CLIP(**nano_config(len(self._tokenizer)))
        return Pupil(model).to(memory_format=torch.channels_last)

    def batch(self, step: int) -> Batch:
        """Half crops, half scenes: negatives of a picture are mostly of its own sort."""
        rng = np.random.default_rng([self.settings.seed, step])
        samples = [(self._crop if index % 2 else self._scene)(rng) for index in range(self._size)]
        ids = self._tokenizer(
            [sample.phrase.text for sample in samples], padding='max_length', truncation=True,
            max_length=TEXT_LENGTH, return_tensors='pt',
        )['input_ids']  # fmt: skip
        same = np.eye(len(samples), dtype=np.float32)
        for row, sample in enumerate(samples):
            for column, other in enumerate(samples):
                if sample.thing is not None and other.thing is not None:
                    same[row, column] = other.phrase.means(sample.thing)
        pixels = np.stack([normalised(jittered_lightly(rng, sample.rgb)) for sample in samples])
        content = np.stack([_content(sample.ids, sample.things) for sample in samples])
        shown = np.array([_shown(sample.thing) for sample in samples])
        return Batch(torch.from_numpy(pixels), ids, *map(torch.from_numpy, (same, content, shown)))

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Symmetric cross entropy; rows of a picture share their weight among equal captions."""
        pupil: Any = model
        pixels = batch.pixels.to(device, memory_format=torch.channels_last)
        seen, places = pupil.see(pixels)
        said = pupil.model.encode_text(batch.input_ids.to(device), normalize=True).float()
        same = batch.same.to(device)
        logits = pupil.model.logit_scale.exp().clamp(max=100) * seen @ said.t()
        right = (same.gather(1, logits.argmax(1, keepdim=True)) > 0).float().mean()
        sizes = (_NUM_KINDS, _NUM_COLOURS)
        real = batch.content.to(device).split(sizes, dim=-1)
        kinds, colours = (
            -(share * part.log_softmax(-1)).sum(-1).mean()
            for part, share in zip(places.split(sizes, dim=-1), real, strict=True)
        )
        shown = batch.shown.to(device)
        told = pupil.things(seen * _CHANNELS**0.5).float().split(sizes, dim=-1)
        things = [
            functional.cross_entropy(part, of, ignore_index=-1)
            for part, of in zip(told, shown.unbind(1), strict=True)
        ]
        return {
            'contrast': (_cross_entropy(logits, same) + _cross_entropy(logits.t(), same.t())) / 2,
            'kinds': kinds, 'colours': colours, 'things': torch.stack(things).mean(),
            '_right': right.detach(),
        }  # fmt: skip

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Zero-shot colour and class of held-out crops, and retrieval among 50 scenes."""
        from mm_perception.training.clip_scores import engine_of, quick_scores

        pupil: Any = model.eval()
        engine = engine_of(pupil.model, self._tokenizer, device)
        return quick_scores(engine, self._held_out)

    def _crop(self, rng: np.random.Generator) -> _Sample:
        things: tuple[ThingTruth, ...] = ()
        while not things:
            index, frame = self._any(rng)
            things = self._main_things(index, frame)
        clip, thing = self._clips[index], things[int(rng.integers(len(things)))]
        margin, shift = rng.uniform(0.0, 0.25), tuple(rng.uniform(-0.08, 0.08, 2))
        box = box_around(clip.ids[frame] == thing.instance, margin, shift)
        crop = Crop(box, IMAGE_SIDE, bool(rng.random() < 0.5))
        return _sample(clip, frame, crop, caption_of(rng, thing), thing)

    def _scene(self, rng: np.random.Generator) -> _Sample:
        while True:
            index, frame = self._any(rng)
            clip, scenery = self._clips[index], self._scenery(index, frame)
            if len(scenery.things) > 1:
                height, width = clip.rgb.shape[1:3]
                crop = Crop((0, 0, width, height), IMAGE_SIDE)
                return _sample(clip, frame, crop, Phrase(scene_caption(rng, scenery), ()), None)

    def _any(self, rng: np.random.Generator) -> tuple[int, int]:
        index = int(rng.integers(len(self._clips)))
        return index, int(rng.integers(len(self._clips[index].rgb)))

    @cache  # noqa: B019 - a task lives as long as its training
    def _scenery(self, index: int, frame: int) -> Scenery:
        return scenery_of(self._clips[index], frame, SMALLEST_CROP_PX)

    @cache  # noqa: B019
    def _main_things(self, index: int, frame: int) -> tuple[ThingTruth, ...]:
        ids, things = self._clips[index].ids[frame], self._scenery(index, frame).things
        return tuple(
            thing for thing in things
            if (ids == thing.instance).mean() <= LARGEST_SHARE and is_main(ids, thing.instance)
        )  # fmt: skip


def _sample(clip: Clip, frame: int, crop: Crop, said: Phrase, thing: ThingTruth | None) -> _Sample:
    picture, ids = crop.picture(clip.rgb[frame]), crop.labels(clip.ids[frame], IMAGE_SIDE)
    return _Sample(picture, ids, said, thing, clip.things)


def _content(ids: Pixels, things: Sequence[ThingTruth]) -> npt.NDArray[np.float32]:
    """Share of each patch that has a class and that has a colour, (patches, classes + colours)."""
    kinds, colours = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for thing in things:
        kinds[thing.instance] = 1 + KINDS.index(thing.kind)
        if thing.colour:
            colours[thing.instance] = 1 + list(COLOURS).index(thing.colour)
    side = IMAGE_SIDE // PATCH
    rows = ids.reshape(side, PATCH, side, PATCH).swapaxes(1, 2).reshape(side * side, -1)
    place = np.arange(side * side)[:, None]
    shares = [
        np.bincount((place * count + table[rows]).ravel(), minlength=side * side * count)
        .reshape(side * side, count)
        for table, count in ((kinds, _NUM_KINDS), (colours, _NUM_COLOURS))
    ]  # fmt: skip
    return (np.concatenate(shares, axis=1) / PATCH**2).astype(np.float32)


def _shown(thing: ThingTruth | None) -> tuple[int, int]:
    if thing is None:
        return -1, -1
    return 1 + KINDS.index(thing.kind), 1 + list(COLOURS).index(thing.colour)


def _cross_entropy(logits: Tensor, same: Tensor) -> Tensor:
    target = same / same.sum(1, keepdim=True)
    return -(target * logits.log_softmax(1)).sum(1).mean()


def jittered_lightly(rng: np.random.Generator, rgb: Pixels) -> Pixels:
    """Other light, but never so other that a colour would get another name."""
    return jittered(rng, rgb) if rng.random() < 0.3 else rgb


def _make(clips: Sequence[Clip], held_out: Sequence[Clip], scale: float) -> list[ClipTask]:
    settings = Settings(
        max(4, round(STEPS * scale)), learning_rate=2e-3, weight_decay=0.1, seed=2,
        validate_every=400, optimizer='muon', average=0.995,
    )  # fmt: skip
    return [ClipTask(clips, held_out, BATCH, settings)]


def _core(model: Any) -> Any:
    return model.model


def _save(model: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    core, tokenizer = _core(model), make_tokenizer(TEXT_LENGTH)
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in core.state_dict().items()
    }
    save_file(state, folder / 'model.safetensors')
    tokenizer.save_pretrained(folder)
    config = {
        'model_cfg': nano_config(len(tokenizer)),
        'preprocess_cfg': {
            'mean': MEAN, 'std': DEVIATION, 'interpolation': 'bilinear', 'resize_mode': 'squash'
        },
    }  # fmt: skip
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + '\n')


def _score(weights: Path, device: str, progress: Callable[[int], None]) -> dict[str, Any]:
    from mm_perception.training.clip_scores import final_scores

    return final_scores(weights, device, progress)


RECIPE = Recipe(
    net='clip',
    title='Pictures and texts in one space: CLIP with a ResNet, in the layout of open_clip.',
    num_stills=9000,
    num_reshaped=5000,
    num_held_out=60,
    make=_make,
    save=_save,
    score=_score,
    core=_core,
    notes=(
        'The modified ResNet of the paper (section 2.4), 28 wide, in 1, 2, 2 and 1 blocks on '
        '128 px; text encoder of 3 layers and a vocabulary of whole words. What is not in it is '
        'read as unknown.',
        'Longer, or with captions that name a colour or a class alone, it knows what it has seen '
        'better and pairs that it never saw worse.',
        'The shipped weights: the learning rate of the first 800 steps fell as if for 2600. In '
        'their log the validations are void (averaging had broken a mask of the text encoder; '
        'that is mended, the weights were not touched by it).',
        'It knows the synthetic world and its words: use a public checkpoint for real pictures.',
    ),
)
