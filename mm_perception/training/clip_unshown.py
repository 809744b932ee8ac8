"""The last stage of CLIP: captions of pairs of class and colour that no picture shows.

Pictures lean towards pairs that they were trained on. In a purple van there is some purple bus
where only buses were ever purple, whatever is done to tell colour and class apart. What evens
that out is known as calibrated stacking (Chao et al., ECCV 2016, section 3): what training shows
has to be surer by a constant. Here it lies in the texts: captions of pairs that no picture shows
are moved a little towards all pictures. Pictures do not change.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.training.clip_batches import NAMES, names_alone, noun_of
from mm_perception.training.clip_texts import TextsTask
from mm_perception.training.loop import Settings
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import ThingTruth
from mm_perception.world.language import Phrase, caption_of, scene_caption
from mm_perception.world.materials import COLOURS

#: How far, in lengths of a caption; chosen in worlds that validate.
LEANING = 0.15
_UNSHOWN, _SHOWN, _SCENES = 96, 96, 32  # captions in a batch
_CROPS = 4  # batches whose crops make the mean picture


def unshown_caption(rng: np.random.Generator, shown: frozenset[tuple[int, int]]) -> Phrase:
    """A caption of a class in a colour that no picture shows it in, whatever class it may mean.

    Args:
        rng: Random numbers.
        shown: Pairs that pictures show, as `number_of` has them.
    """
    colours = list(COLOURS)
    while True:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        colour = int(rng.integers(len(colours)))
        caption = caption_of(rng, ThingTruth(0, kind, colours[colour]))
        meant = {(1 + KINDS.index(k), 1 + colour) for k in caption.kinds}
        if kind not in ('tree', 'traffic light') and not meant & shown:
            return caption


@dataclass(frozen=True)
class Texts:
    """Texts of a step.

    Attributes:
        input_ids: (N, L) int64; first of pairs that no picture shows, then captions of pictures,
            then `names_alone`.
        pairs: (M, 2) int64, of the first, which of `NAMES` and which colour they have.
    """

    input_ids: Tensor
    pairs: Tensor


class UnshownTask(TextsTask):
    """Texts alone learn: those of unshown pairs move, all others stay.

    Args:
        first: The task of the first stage: its pictures and its network.
        settings: Of this one.
    """

    def __init__(self, first: Any, settings: Settings) -> None:
        super().__init__(first, settings)
        self._move: Tensor | None = None

    def batch(self, step: int) -> Texts:
        """Texts."""
        rng, index = np.random.default_rng([self.settings.seed, step]), self._index
        unshown = [unshown_caption(rng, index.shown) for _ in range(_UNSHOWN)]
        shown = self._crop_captions(rng, _SHOWN)
        views = [index.views[int(i)] for i in rng.integers(len(index.views), size=_SCENES)]
        scenes = [scene_caption(rng, view.scenery) for view in views]
        texts = [*(p.text for p in unshown), *shown, *scenes, *names_alone(rng)]
        numbers = [(noun_of(p), list(COLOURS).index(p.colour)) for p in unshown]
        return Texts(self._first.tokens(texts), torch.tensor(numbers))

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """One minus the cosine to where texts should point, of unshown pairs and of the rest."""
        pupil: Any = model
        ids, pairs = batch.input_ids.to(device), batch.pairs.to(device)
        if self._before is None or self._move is None:
            self._before = copy.deepcopy(pupil).eval()
            self._move = self._from_here(pupil, ids, pairs, device)
        before: Any = self._before
        with torch.no_grad():
            aim = before.model.encode_text(ids, normalize=True).float()
            moved = functional.normalize(aim[: len(pairs)] + self._move, dim=-1)
        said = pupil.model.encode_text(ids, normalize=True).float()
        apart = 1 - (said * torch.cat([moved, aim[len(moved) :]])).sum(1)
        return {'unshown': apart[: len(moved)].mean(), 'rest': apart[len(moved) :].mean()}

    @torch.no_grad()
    def _from_here(self, pupil: Any, ids: Tensor, pairs: Tensor, device: torch.device) -> Tensor:
        """(D,) what is added to captions: less, where an earlier training has moved them."""
        is_training = pupil.training
        pupil.eval()
        seen = torch.cat([self._first.crops_seen(pupil, step, device) for step in range(_CROPS)])
        mean = functional.normalize(seen.mean(0), dim=0)
        said = pupil.model.encode_text(ids, normalize=True).float()
        pupil.train(is_training)
        names, colours = torch.split(
            said[-len(NAMES) - len(COLOURS) :], [len(NAMES), len(COLOURS)]
        )
        words = functional.normalize(names[pairs[:, 0]] + colours[pairs[:, 1]], dim=-1)
        move: Tensor = (LEANING - ((said[: len(pairs)] - words) @ mean).mean()) * mean
        return move
