"""Training of DINOv2 nano: patches that say what they show, in words of CLIP.

DINOv2 learns from pictures alone, which takes a thousand times more of them than the synthetic
world has. So its small sibling is taught: a text encoder of its own learns beside it to name
classes, colours and whole scenes. What is kept of that encoder is the space: a small map that
carries CLIP's vectors of texts into it (Barsellotti et al., Talk2DINO, arXiv 2411.19331, section
3.2) is fitted last, from texts alone, so that it can be fitted anew for other CLIP weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BitImageProcessor, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from mm_perception.nets.clip import ClipEngine, load_clip
from mm_perception.nets.dino.text_map import TextMap, halves
from mm_perception.nets.dino.weights import MAP_FILE
from mm_perception.training.clip import DEVIATION, MEAN
from mm_perception.training.dino_batches import NAMES, PAIRS, PLACES, Batch, Sampler
from mm_perception.training.dino_losses import Said, Seen, losses_of
from mm_perception.training.dino_teacher import Teacher
from mm_perception.training.loop import Settings
from mm_perception.training.recipe import Recipe, save_half
from mm_perception.training.vocabulary import END, START, make_tokenizer
from mm_perception.weights import NANO, directory_sha256, locate
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import Scenery, phrase, scene_caption
from mm_perception.world.materials import COLOURS

IMAGE_SIDE, PATCH = 192, 12
TEXT_LENGTH = 32
#: Beside the weights, for those who fit the map anew.
TEACHER_FILE = 'teacher.safetensors'
_WIDTH, _LAYERS, _HEADS, _REGISTERS = 192, 6, 3, 4
_PHRASES = 64
STEPS, _FIT_STEPS, _FIT_TEXTS, _POOL = 4000, 5000, 256, 6000
_PLACE_CODE = 0.3  # size of the sines that begin as codes of places


def nano_config() -> Dinov2WithRegistersConfig:
    """About 2.7 M parameters."""
    return Dinov2WithRegistersConfig(
        hidden_size=_WIDTH, num_hidden_layers=_LAYERS, num_attention_heads=_HEADS,
        image_size=IMAGE_SIDE, patch_size=PATCH, num_register_tokens=_REGISTERS,
    )  # fmt: skip


class Pupil(nn.Module):
    """The network, its teacher, and the map that takes the teacher's place.

    Args:
        text_dimension: Of CLIP's vectors.
    """

    def __init__(self, text_dimension: int) -> None:
        super().__init__()
        self.model = Dinov2WithRegistersModel(nano_config())
        self.teacher = Teacher(len(make_tokenizer(TEXT_LENGTH)), TEXT_LENGTH, _WIDTH)
        self.text_map = TextMap(text_dimension, _WIDTH, 2 * _WIDTH)
        #: Logarithms of factors on cosines of patches and of pictures; offset of the latter.
        self.fine = nn.Parameter(torch.tensor(2.7))
        self.coarse = nn.Parameter(torch.tensor(2.7))
        self.offset = nn.Parameter(torch.tensor(-3.0))

    def see(self, pixels: Tensor) -> Seen:
        """Pictures (B, 3, S, S)."""
        tokens = self.model(pixel_values=pixels).last_hidden_state
        return Seen.of(tokens, self.model.config.num_register_tokens)

    def scales(self) -> tuple[Tensor, Tensor, Tensor]:
        """For `losses_of`."""
        return self.fine.exp().clamp(max=100), self.coarse.exp().clamp(max=100), self.offset


class DinoTask:
    """Patches and pictures learn to agree with what a text encoder says of them.

    Args:
        clips: Of training worlds.
        held_out: Of worlds with what training never saw.
        settings: Of the loop.
        pictures: Of a batch; half of them are whole scenes.
    """

    def __init__(
        self, clips: Sequence[Clip], held_out: Sequence[Clip], settings: Settings,
        pictures: int = 20,
    ) -> None:  # fmt: skip
        self._held_out, self.settings = held_out, settings
        self._clips, self._pictures = clips, pictures
        self._tokens = Tokens()

    def build(self) -> nn.Module:
        """A new network."""
        _ = self._sampler  # before processes that make batches are forked, which share it
        pupil = Pupil(load_clip(locate('nano', 'clip')).dimension)
        embeddings = pupil.model.embeddings
        with torch.no_grad():
            # Registers of zeros would stay equal for ever.
            nn.init.normal_(embeddings.register_tokens, std=0.02)
            embeddings.position_embeddings[0, 1:] = _sines(IMAGE_SIDE // PATCH, _WIDTH)
        return pupil

    def batch(self, step: int) -> Batch:
        """Pictures and texts of a step."""
        return self._sampler.batch(np.random.default_rng([self.settings.seed, step]), self._tokens)

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """See `losses_of`."""
        pupil: Any = model
        lesson = self._sampler.lesson(batch, device)
        seen = pupil.see(lesson.pixels)
        said = Said.of(pupil.teacher(batch.input_ids.to(device)), len(batch.same))
        with torch.autocast(device.type, enabled=False):  # half precision blurs large logits
            return losses_of(seen, said, lesson, batch.to(device), pupil.scales())

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Classes and colours of held-out patches, and recall among scenes, by the teacher."""
        from mm_perception.training.dino_scores import quick_scores

        pupil: Any = model.eval()
        return quick_scores(
            pupil, lambda texts: pupil.teacher(self._tokens(texts).to(device)), self._held_out
        )

    @cached_property
    def _sampler(self) -> Sampler:
        scenes = self._pictures // 2
        return Sampler(self._clips, scenes, self._pictures - scenes, _PHRASES, IMAGE_SIDE, PATCH)


class FitTask:
    """The map learns to say of CLIP's vectors what the teacher says of the texts.

    Args:
        held_out: Of worlds with what training never saw.
        settings: Of the loop.
    """

    def __init__(self, held_out: Sequence[Clip], settings: Settings) -> None:
        self._held_out, self.settings = held_out, settings
        self._tokens = Tokens()
        self._clip: ClipEngine = load_clip(locate('nano', 'clip'))
        rng = np.random.default_rng(settings.seed)
        # As often as drawn: what stands alone in few texts, a noun or a place, is asked for most.
        self._texts = [any_text(rng) for _ in range(_POOL)]
        self._vectors: Tensor | None = None
        self._targets: Tensor | None = None

    def build(self) -> nn.Module:
        """A new network of which only the map learns."""
        pupil = Pupil(self._clip.dimension).requires_grad_(False)
        pupil.text_map.requires_grad_(True)
        return pupil

    def batch(self, step: int) -> Tensor:
        """Numbers of texts."""
        rng = np.random.default_rng([self.settings.seed, step])
        return torch.from_numpy(rng.integers(len(self._texts), size=_FIT_TEXTS))

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """One minus the mean cosine of both halves."""
        pupil: Any = model
        if self._vectors is None or self._targets is None:
            self._vectors = torch.from_numpy(self._clip.text_features(self._texts)).to(device)
            with torch.no_grad():
                pupil.teacher.eval()
                tokens = torch.split(self._tokens(self._texts), _FIT_TEXTS)
                self._targets = halves(torch.cat([pupil.teacher(t.to(device)) for t in tokens]))
        rows = batch.to(device)
        found = halves(pupil.text_map(self._vectors[rows]))
        return {'apart': 1 - (found * self._targets[rows]).sum((1, 2)).mean()}

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Classes and colours of held-out patches, and recall among scenes, by CLIP's texts."""
        from mm_perception.training.dino_scores import quick_scores

        pupil: Any = model.eval()

        def say(texts: Sequence[str]) -> Tensor:
            vectors = torch.from_numpy(self._clip.text_features(texts)).to(device)
            found: Tensor = pupil.text_map(vectors)
            return found

        return quick_scores(pupil, say, self._held_out)


class Tokens:
    """N texts of the grammar, which has bare words only, to (N, L) int64."""

    def __init__(self) -> None:
        self._words: dict[str, int] = make_tokenizer(TEXT_LENGTH).get_vocab()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """As the tokenizer has them, in a tenth of the time."""
        rows = np.zeros((len(texts), TEXT_LENGTH), np.int64)
        for row, text in zip(rows, texts, strict=True):
            ids = [self._words[word] for word in (START, *text.split(), END)]
            row[: len(ids)] = ids
        return torch.from_numpy(rows)


def any_text(rng: np.random.Generator) -> str:
    """A noun, a colour, a place, a colour and a noun, or a caption of a scene that is made up."""
    chance = rng.random()
    if chance < 0.3:
        lead = ('', 'a ', 'the ')[int(rng.integers(3))]
        return lead + NAMES[int(rng.integers(len(NAMES)))]
    if chance < 0.35:
        return list(COLOURS)[int(rng.integers(len(COLOURS)))]
    pairs = [PAIRS[int(i)] for i in rng.integers(len(PAIRS), size=4)]
    if chance < 0.65:
        return phrase(rng, *pairs[0]).text
    things = tuple(ThingTruth(1 + i, *pair) for i, pair in enumerate(pairs[: rng.integers(2, 5)]))
    centres, depth = rng.uniform(0, 300, (len(things), 2)), rng.uniform(2, 20, len(things))
    place = PLACES[int(rng.integers(len(PLACES)))]
    return scene_caption(rng, Scenery(things, centres, depth, place))


def _sines(side: int, width: int) -> Tensor:
    """Codes of places on a grid, (side * side, width): as in Chen et al., 2021 (MoCo v3)."""
    omega = 1 / 1000 ** (torch.arange(width // 4) / (width // 4))
    at = torch.arange(side)[:, None] * omega
    row = at[:, None].expand(-1, side, -1).reshape(side * side, -1)
    column = at[None].expand(side, -1, -1).reshape(side * side, -1)
    return _PLACE_CODE * torch.cat([row.sin(), row.cos(), column.sin(), column.cos()], dim=1)


def _make(clips: Sequence[Clip], held_out: Sequence[Clip], scale: float) -> list[Any]:
    steps = max(4, round(STEPS * scale))
    learning = Settings(
        steps, learning_rate=2e-3, warm_up=max(1, min(200, steps // 5)), seed=6,
        validate_every=1000, optimizer='muon',
    )  # fmt: skip
    # It takes a minute on a core whatever the scale, so that it can be done anew alone.
    fitting = Settings(
        _FIT_STEPS, learning_rate=2e-3, weight_decay=0.0, seed=7, validate_every=_FIT_STEPS,
        is_mixed=False, average=0.99, log_every=250, share=0.08,
    )  # fmt: skip
    return [DinoTask(clips, held_out, learning), FitTask(held_out, fitting)]


def _core(model: Any) -> Any:
    return model.model


def _save(model: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    size = {'height': IMAGE_SIDE, 'width': IMAGE_SIDE}
    BitImageProcessor(
        size=size, do_center_crop=False, image_mean=MEAN, image_std=DEVIATION
    ).save_pretrained(folder)
    kept = {f'teacher.{name}': value for name, value in model.teacher.state_dict().items()}
    kept |= {name: getattr(model, name).detach() for name in ('coarse', 'offset')}
    save_file(
        {name: value.half().contiguous() for name, value in kept.items()}, folder / TEACHER_FILE
    )
    text_map = {name: value.half() for name, value in model.text_map.state_dict().items()}
    text_map['logit_scale'] = model.fine.detach().exp()
    facts = {'clip': 'nano', 'clip_sha256': directory_sha256(NANO / 'clip')}
    save_file(
        {name: value.contiguous() for name, value in text_map.items()},
        folder / MAP_FILE,
        metadata=facts,
    )
    save_half(_core(model), folder)


def _restore(model: Any, folder: Path) -> None:
    """All but the map, which begins anew."""
    core: Any = Dinov2WithRegistersModel.from_pretrained(folder, dtype=torch.float32)
    kept = {f'model.{name}': value for name, value in core.state_dict().items()}
    kept |= load_file(folder / TEACHER_FILE)
    kept['fine'] = load_file(folder / MAP_FILE)['logit_scale'].log()
    model.load_state_dict(kept, strict=False)


RECIPE = Recipe(
    net='dino',
    title='Patches of a picture in words of CLIP: a Dinov2WithRegistersModel and a small map.',
    num_clips=400,
    num_stills=9000,
    num_reshaped=6000,
    num_held_out=60,
    make=_make,
    save=_save,
    core=_core,
    restore=_restore,
    notes=(
        'Patches of 12 px on 192 px, 192 wide, 6 layers, 4 registers. It is not learned from '
        'pictures alone, as DINOv2 is, but from what is in the patches of the synthetic world: '
        'classes, colours, and captions of scenes, by a text encoder that learns beside it.',
        'That encoder (`teacher.safetensors`) is not used by the plugin. The map '
        '(`text_map.safetensors`) carries text vectors of CLIP nano to where the encoder has the '
        'same texts; `mmp train dino --start FOLDER --stage 2` fits it anew, for CLIP weights '
        'that changed.',
        'No picture of the training has a pair of colour and class that is kept from it, and no '
        'class is told not to be in a colour that it never has there.',
        'The shipped weights: 985 steps of 20 pictures (`--scale 0.35`) on a CPU core; then 13 '
        'minutes of an H200, which three other trainings used too: 4033 steps of 96 pictures on '
        'two pictures each of 237 clips, 3298 stills and 4002 reshaped ones of new seeds (from '
        '20000; clips from 500000), 2157 on 315, 5398 and 6602. Until then nothing told a '
        'coloured patch that it is no street, and most were taken for one: 881 steps of 24 on '
        'a CPU core did. The map was fitted anew for the present CLIP.',
        'It knows the synthetic world and its words: use a public checkpoint for real pictures.',
    ),
)
