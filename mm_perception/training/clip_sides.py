"""The second stage of CLIP: captions say which thing is left, and pictures show it.

What tells left from right is found by no gradient from nothing: texts and pictures each would
have to have it for the other to gain by it. So both get a code for it that is made up. A class and
a colour have few dimensions among all those of the space; those that pictures and texts use least
take, by a rotation, the same once more, of what is left (in front) minus what is right (behind):
roles bound to fillers by a matrix (Smolensky, Artificial Intelligence 46, 1990, section 3). Texts
are trained towards that, on captions of made-up scenes; of pictures the last layer is fitted by
least squares, after the heads of the attention pool before it were made to look more to the left
or to the right by turns: all alike, they lose what is where.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.training.clip_batches import names_alone
from mm_perception.training.clip_sights import number_of
from mm_perception.training.clip_texts import TextsTask
from mm_perception.training.loop import Settings
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import ThingTruth
from mm_perception.world.language import (
    RELATIONS,
    SPOKEN_OF,
    Scenery,
    relation,
    scene_caption,
)
from mm_perception.world.materials import COLOURS

#: Dimensions of what classes and colours are apart in; 0.99 of their energy in nano.
DIMENSIONS = 28
#: Length of what is said of sides, beside a caption of length 1.
LENGTH = 0.3
#: The leftmost column of the attention pool weighs exp(1.5 times this) as much as the rightmost.
LEANING = 1.25
_SCENES, _CROPS = 192, 48  # texts in a batch
_PICTURES = 24  # batches that the last layer is fitted to
_RIDGE = 300.0
_STATED = re.compile(rf'(.*?) ({"|".join(RELATIONS)}) (.*?)(?: and .*)?(?: in a (?:street|room))?')


@dataclass(frozen=True)
class Spaces:
    """Where sides are said.

    Attributes:
        middle: (D,) mean of the names of things.
        words: (D, K) orthonormal: what names differ in.
        sides: (2, D, K) orthonormal: for left against right, and front against behind.
    """

    middle: Tensor
    words: Tensor
    sides: Tensor

    @classmethod
    def of(cls, names: Tensor, vectors: Tensor) -> Spaces:
        """Find them.

        Args:
            names: (N, D) of things of each class and colour.
            vectors: (M, D) of pictures and texts.
        """
        middle = names.mean(0)
        words = torch.linalg.svd(names - middle, full_matrices=False).Vh[:DIMENSIONS].t()
        rare = torch.linalg.eigh(vectors.t() @ vectors).eigenvectors[:, : 2 * DIMENSIONS]
        return cls(middle, words, torch.stack(rare.split(DIMENSIONS, dim=1)))

    def codes(self, vectors: Tensor) -> Tensor:
        """(N, K) unit vectors of (N, D) of names of things."""
        return functional.normalize((vectors - self.middle) @ self.words, dim=-1)


@dataclass(frozen=True)
class Texts:
    """Texts of a step.

    Attributes:
        input_ids: (N, L) int64; captions of made-up scenes, then of crops, then `names_alone`.
        parts: (2 R, L) int64, what lies to what: the R first things, then the R second ones.
        stated: (R, 3) int64, the caption, 0 for left and right and 1 for front and behind, and
            1 if the first thing is left or in front, else -1.
    """

    input_ids: Tensor
    parts: Tensor
    stated: Tensor


class SidesTask(TextsTask):
    """Texts learn; the end of what sees is made anew once, at the first step.

    Args:
        first: The task of the first stage: its pictures and its network.
        settings: Of this one.
    """

    def __init__(self, first: Any, settings: Settings) -> None:
        super().__init__(first, settings)
        self._spaces: Spaces | None = None

    def batch(self, step: int) -> Texts:
        """Texts."""
        rng, shown = np.random.default_rng([self.settings.seed, step]), self._index.shown
        scenes = [scene_caption(rng, made_up(rng, shown)) for _ in range(_SCENES)]
        crops = [phrase.text for phrase in self._crop_captions(rng, _CROPS)]
        found = [(number, _STATED.fullmatch(text)) for number, text in enumerate(scenes)]
        told = [(number, match) for number, match in found if match]
        stated = [(number, *_role(match[2])) for number, match in told]
        return Texts(
            self._first.tokens([*scenes, *crops, *names_alone(rng)]),
            self._first.tokens([match[i] for i in (1, 3) for _, match in told]),
            torch.tensor(stated),
        )

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Squared distance to where texts should point, in `LENGTH`: of sides, and of all."""
        pupil: Any = model
        if self._spaces is None:
            self._spaces = self._begin(pupil, device)
            self._before = copy.deepcopy(pupil).eval()
        ids, sides = batch.input_ids.to(device), self._spaces.sides
        aim = self._aim(ids, batch.parts.to(device), batch.stated.to(device))
        off = (pupil.model.encode_text(ids, normalize=True).float() - aim) / LENGTH
        wrong = torch.einsum('nd,adk->nak', off[:_SCENES], sides)
        return {
            'sides': wrong.square().sum((1, 2)).mean(),
            'scenes': off[:_SCENES].square().sum(1).mean(),
            'rest': off[_SCENES:].square().sum(1).mean(),
        }

    @torch.no_grad()
    def _aim(self, ids: Tensor, parts: Tensor, stated: Tensor) -> Tensor:
        """(N, D) where texts should point: where they did, and their sides."""
        before: Any = self._before
        spaces = self._spaces
        assert spaces is not None
        said = before.model.encode_text(torch.cat([ids, parts]), normalize=True).float()
        said = said - torch.einsum('nd,adk,aek->ne', said, spaces.sides, spaces.sides)
        aim = functional.normalize(said[: len(ids)], dim=-1)
        first, second = spaces.codes(said[len(ids) :]).chunk(2)
        which, axis, sign = stated.unbind(1)
        code = sign[:, None] * (first - second)
        aim[which] += LENGTH * torch.einsum('rk,rdk->rd', code, spaces.sides[axis])
        return functional.normalize(aim, dim=-1)

    @torch.no_grad()
    def _begin(self, pupil: Any, device: torch.device) -> Spaces:
        """Spaces of a network, which is made to see sides; kept in it if that was done before."""
        if pupil.sides.any():
            return Spaces(pupil.middle, pupil.words, pupil.sides)
        is_training = pupil.training
        pupil.eval()
        batches = [self._first.batch(step) for step in range(_PICTURES)]
        count = len(batches[0].sceneries)
        pictures = [self._first.pixels(b, device)[0][:count] for b in batches]
        crops = [self._first.crops_seen(pupil, step, device)[0] for step in range(4)]
        said = pupil.model.encode_text(self.batch(0).input_ids.to(device), normalize=True)
        seen = functional.normalize(pupil.model.visual(pictures[0]).float(), dim=-1)
        names = self._names(pupil, device)
        spaces = Spaces.of(names, torch.cat([*crops, seen, said.float(), names]))
        lean(pupil.model.visual, torch.cat(pictures[:2]))
        codes = self._codes(names, spaces)
        aims = [torch.stack([sides_of(s, codes) for s in b.sceneries]) for b in batches]
        fit(pupil.model.visual, pictures, torch.cat(aims).to(device), spaces.sides)
        for name in ('middle', 'words', 'sides'):
            getattr(pupil, name).copy_(getattr(spaces, name))
        pupil.train(is_training)
        return spaces

    def _names(self, pupil: Any, device: torch.device) -> Tensor:
        texts = [f'a {colour} {_noun(kind)}' for kind in KINDS for colour in COLOURS]
        ids = self._first.tokens(texts).to(device)
        vectors: Tensor = pupil.model.encode_text(ids, normalize=True).float()
        return vectors

    @staticmethod
    def _codes(names: Tensor, spaces: Spaces) -> dict[tuple[int, int], Tensor]:
        codes = spaces.codes(names).cpu().view(len(KINDS), len(COLOURS), -1)
        return {
            (1 + kind, 1 + colour): codes[kind, colour]
            for kind in range(len(KINDS)) for colour in range(len(COLOURS))
        }  # fmt: skip


def made_up(rng: np.random.Generator, shown: frozenset[tuple[int, int]]) -> Scenery:
    """Two to four things in pairs of class and colour that training shows, anywhere."""
    pairs = sorted(pair for pair in shown if pair[1])
    chosen = [pairs[int(i)] for i in rng.integers(len(pairs), size=int(rng.integers(2, 5)))]
    things = tuple(
        ThingTruth(number, KINDS[kind - 1], list(COLOURS)[colour - 1])
        for number, (kind, colour) in enumerate(chosen)
    )
    # So close together that a third are in front of another, not beside it.
    centres = rng.uniform(0, 160, (len(things), 2))
    place = ('street', 'room')[int(rng.integers(2))]
    return Scenery(things, centres, rng.uniform(0, 6, len(things)), place)


def sides_of(scenery: Scenery, codes: dict[tuple[int, int], Tensor]) -> Tensor:
    """(2, K) what is left minus what is right, and what is in front minus what is behind.

    Args:
        scenery: The largest of its things are compared, each two as captions do.
        codes: Of things, by `number_of`.
    """
    things = [codes[number_of(thing)] for thing in scenery.things[:SPOKEN_OF]]
    found, count = torch.zeros(2, len(things[0]) if things else DIMENSIONS), 0
    for first in range(len(things)):
        for second in range(first):
            word = relation(scenery, first, second)
            if word:
                axis, sign = _role(word)
                found[axis] += sign * (things[first] - things[second])
                count += 1
    return found / max(1, count)


@torch.no_grad()
def lean(visual: Any, pictures: Tensor) -> None:
    """Heads of the attention pool look more to the left or to the right by turns.

    One feature that hardly varies is given up for the column; its weight in keys is such that
    the logit of a column falls or rises evenly, whatever else the picture shows.

    Args:
        visual: The network that sees, in eval mode.
        pictures: (N, 3, S, S) float32 to measure features and queries on.
    """
    pool, kept = visual.attnpool, []
    hook = visual.layer4.register_forward_hook(lambda module, given, out: kept.append(out))
    visual(pictures)
    hook.remove()
    features = kept[0].float()
    width, side, heads = features.shape[1], features.shape[-1], pool.num_heads
    column = torch.arange(side, device=features.device) - (side - 1) / 2
    spare = int(features.permute(0, 2, 3, 1).flatten(0, 2).var(0).argmin())
    for layer in (pool.q_proj, pool.k_proj, pool.v_proj):
        layer.weight[:, spare] = 0
    pool.positional_embedding[0, spare] = 0
    pool.positional_embedding[1:, spare] = (column * 2 / side).repeat(side)
    query = pool.q_proj(features.mean((2, 3)) + pool.positional_embedding[0])
    query = query.mean(0).view(heads, -1)
    sign = torch.tensor([(-1.0) ** head for head in range(heads)], device=features.device)
    key = query / query.square().sum(1, keepdim=True) * (width / heads) ** 0.5
    pool.k_proj.weight[:, spare] = (LEANING * sign[:, None] * key).flatten()


@torch.no_grad()
def fit(visual: Any, pictures: list[Tensor], aims: Tensor, sides: Tensor) -> None:
    """The last layer says sides, by least squares with a ridge; all else that it says stays.

    Args:
        visual: The network that sees, in eval mode.
        pictures: Of scenes, (N, 3, S, S) float32 each.
        aims: (all, 2, K) of them, see `sides_of`.
        sides: (2, D, K), see `Spaces`.
    """
    pool, last = visual.attnpool, visual.attnpool.c_proj
    length = torch.cat([visual(some) for some in pictures]).norm(dim=1).mean()
    pool.c_proj = nn.Identity()
    pool.c_proj.weight = torch.eye(last.in_features, device=aims.device)
    pool.c_proj.bias = torch.zeros(last.in_features, device=aims.device)
    heads = torch.cat([visual(some).float() for some in pictures])
    pool.c_proj = last
    mean = heads.mean(0)
    apart = heads - mean
    square = apart.t() @ apart + _RIDGE * torch.eye(len(mean), device=aims.device)
    solved = torch.linalg.solve(square, apart.t() @ aims.flatten(1))
    flat = torch.cat(list(sides), dim=1)
    others = torch.eye(len(flat), device=aims.device) - flat @ flat.t()
    said = LENGTH * length * flat @ solved.t()
    last.weight.copy_(others @ last.weight + said)
    last.bias.copy_(others @ last.bias - said @ mean)


def _role(word: str) -> tuple[int, int]:
    """The axis of a relation, and 1 if the first thing is left or in front, else -1."""
    number = RELATIONS.index(word)
    return number // 2, -1 if number % 2 else 1


def _noun(kind: str) -> str:
    return 'person' if kind == 'pedestrian' else kind
