"""The last stage of CLIP: captions of pairs of class and colour that no picture shows.

Pictures lean towards pairs that they were trained on. In a purple van there is some purple bus
where only buses were ever purple, whatever is done to tell colour and class apart. What evens
that out is known as calibrated stacking (Chao et al., ECCV 2016, section 3): what training shows
has to be surer by a constant. Here it lies in the texts: captions of pairs that no picture shows
are moved a little towards all pictures. Pictures do not change.

One constant for all is wrong where a text fits what training shows: every plant is half a green
one, whatever its pot. So each goes as far as it may: until it would be nearest of all to more than
a small share of the crops of training, of which it is never true.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.text.words import NOUNS
from mm_perception.training.clip_batches import NAMES, names_alone, names_kinds, noun_of
from mm_perception.training.clip_texts import TextsTask
from mm_perception.training.loop import Settings
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import ThingTruth
from mm_perception.world.language import Phrase, caption_of, scene_caption
from mm_perception.world.materials import COLOURS

#: Share of crops of training to which a caption may be nearest that is not true of them, and how
#: far it goes at most, in lengths of a caption; both chosen in worlds that validate.
FALSE_CLAIMS = 0.01
FARTHEST = 0.15
_STEP = 0.01
_UNSHOWN, _SHOWN, _SCENES = 96, 96, 32  # captions in a batch
_CROPS = 24  # batches of whose crops claims are counted


def unshown_caption(rng: np.random.Generator, shown: frozenset[tuple[int, int]]) -> Phrase:
    """A caption of a class in a colour that no picture shows a class in that it may mean.

    Args:
        rng: Random numbers.
        shown: Pairs that pictures show, as `number_of` has them.
    """
    while True:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
        if kind not in ('tree', 'traffic light'):
            caption = caption_of(rng, ThingTruth(0, kind, colour))
            if meanings(caption.kinds, colour) - shown:
                return caption


def meanings(kinds: Iterable[str], colour: str) -> set[tuple[int, int]]:
    """Pairs of class and colour that a noun in a colour may mean, as `number_of` has them."""
    return {(1 + KINDS.index(kind), 1 + list(COLOURS).index(colour)) for kind in kinds}


@torch.no_grad()
def leanings(
    captions: Tensor, is_false: Tensor, crops: Tensor, best: Tensor, middle: Tensor
) -> Tensor:
    """How far captions may go towards all pictures.

    Args:
        captions: (P, D) unit vectors.
        is_false: (N, P) bool, of which crops each is not true.
        crops: (N, D) unit vectors.
        best: (N,) likeness of each crop to the nearest of all other captions.
        middle: (D,) unit vector towards all pictures.

    Returns:
        (P,) in lengths of a caption; less than 0 for those that claim too much where they are.
    """
    ways = torch.arange(-FARTHEST, FARTHEST + _STEP / 2, _STEP, device=captions.device)
    shares = []
    for way in ways:
        there = functional.normalize(captions + way * middle, dim=-1)
        shares.append((((crops @ there.t()) > best[:, None]) & is_false).float().mean(0))
    is_right = (torch.stack(shares) <= FALSE_CLAIMS).cumprod(0)
    return ways[(is_right.sum(0) - 1).clamp(min=0)]


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
        self._moves: Tensor | None = None
        shown = self._index.shown
        #: (names, colours) of bool: what means a pair that no picture shows.
        self.is_unshown = torch.tensor(
            [[bool(meanings(NOUNS[name], c) - shown) for c in COLOURS] for name in NAMES]
        )

    def batch(self, step: int) -> Texts:
        """Texts."""
        rng, index = np.random.default_rng([self.settings.seed, step]), self._index
        unshown = [unshown_caption(rng, index.shown) for _ in range(_UNSHOWN)]
        shown = [p.text for p in self._crop_captions(rng, _SHOWN) if not self._moves_away(p)]
        views = [index.views[int(i)] for i in rng.integers(len(index.views), size=_SCENES)]
        scenes = [scene_caption(rng, view.scenery) for view in views]
        texts = [*(p.text for p in unshown), *shown, *scenes, *names_alone(rng)]
        numbers = [(noun_of(p), list(COLOURS).index(p.colour)) for p in unshown]
        return Texts(self._first.tokens(texts), torch.tensor(numbers))

    def _moves_away(self, phrase: Phrase) -> bool:
        return bool(self.is_unshown[noun_of(phrase), list(COLOURS).index(phrase.colour)])

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """One minus the cosine to where texts should point, of unshown pairs and of the rest."""
        pupil: Any = model
        ids, pairs = batch.input_ids.to(device), batch.pairs.to(device)
        if self._before is None or self._moves is None:
            self._before = copy.deepcopy(pupil).eval()
            self._moves = self.moves(self._before, device)
        before: Any = self._before
        with torch.no_grad():
            aim = before.model.encode_text(ids, normalize=True).float()
            move = self._moves[pairs[:, 0], pairs[:, 1]]
            moved = functional.normalize(aim[: len(pairs)] + move, dim=-1)
        said = pupil.model.encode_text(ids, normalize=True).float()
        apart = 1 - (said * torch.cat([moved, aim[len(moved) :]])).sum(1)
        return {'unshown': apart[: len(moved)].mean(), 'rest': apart[len(moved) :].mean()}

    @torch.no_grad()
    def moves(self, pupil: Any, device: torch.device) -> Tensor:
        """What is added to the caption of each of `NAMES` in each colour.

        Args:
            pupil: The network, which does not learn.
            device: Where.

        Returns:
            (names, colours, D), 0 for what pictures show.
        """
        seen, shown = zip(
            *(self._first.crops_seen(pupil, step, device) for step in range(_CROPS)), strict=True
        )
        crops, pairs = torch.cat(seen), torch.cat(shown)
        middle = functional.normalize(crops.mean(0), dim=0)
        texts = [f'a {colour} {name}' for name in NAMES for colour in COLOURS]
        ids = self._first.tokens(texts).to(device)
        said = pupil.model.encode_text(ids, normalize=True).float()
        kinds_of = torch.from_numpy(names_kinds()).to(device)
        is_kind = kinds_of[:, pairs[:, 0]].t()  # (N, names)
        is_colour = functional.one_hot(pairs[:, 1] - 1, len(COLOURS)).bool()
        is_true = (is_kind[:, :, None] & is_colour[:, None]).flatten(1)
        is_unshown = self.is_unshown.flatten().to(device)
        best = (crops @ said[~is_unshown].t()).amax(1)
        far = leanings(said, ~is_true, crops, best, middle)
        ahead = ((said - self._of_words(pupil, device)) @ middle)[is_unshown].mean()
        far = far.minimum(FARTHEST - ahead)  # less, where an earlier training has moved them
        far = torch.where(is_unshown, far, 0).reshape(len(NAMES), len(COLOURS), 1)
        moves: Tensor = far * middle
        return moves

    def _of_words(self, pupil: Any, device: torch.device) -> Tensor:
        """(names x colours, D) unit vectors that a name and a colour alone make together."""
        alone = [*(f'a {name}' for name in NAMES), *COLOURS]
        said = pupil.model.encode_text(self._first.tokens(alone).to(device), normalize=True)
        names, colours = said.float().split([len(NAMES), len(COLOURS)])
        return functional.normalize((names[:, None] + colours).flatten(0, 1), dim=-1)
