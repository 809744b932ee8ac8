"""Chance with a memory of what training may see: held-out worlds show what it never did."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import TypeVar

import numpy as np

from mm_perception.world.materials import COLOURS

Option = TypeVar('Option')
#: One colour-class pair in this many is kept from training.
_PAIRS_PER_NOVEL = 6
#: Of the choices in a held-out world, at least this share is of what training never saw.
_NOVEL_SHARE = 0.4
#: Of the families in a varied world, this share is of those that no other world shows.
_MORE_SHARE = 2 / 3


class Split(str, Enum):
    """Which worlds are made.

    Attributes:
        TRAIN: For training.
        HELD_OUT: For tests of what was trained.
        ANY: With all there is.
        RESHAPED: For training: what `TRAIN` may show, of other proportions and parts.
        VARIED: For training: what `RESHAPED` may show, and families of its own.
        RECOLOURED: For tests: what `TRAIN` may show but for colours, which are those of
            `HELD_OUT`: tells what pairs cost that training never shows, and they alone.
    """

    TRAIN = 'train'
    HELD_OUT = 'held_out'
    ANY = 'any'
    RESHAPED = 'reshaped'
    VARIED = 'varied'
    RECOLOURED = 'recoloured'  # the place in this list seeds the dice: add at the end

    @property
    def is_known(self) -> bool:
        """Whether training may see it."""
        return self in (Split.TRAIN, Split.RESHAPED, Split.VARIED)

    @property
    def is_familiar(self) -> bool:
        """Whether all but colours is what training may see."""
        return self.is_known or self is Split.RECOLOURED

    @property
    def is_reshaped(self) -> bool:
        """Whether its things have other proportions and parts than their families give them."""
        return self in (Split.RESHAPED, Split.VARIED)


def is_novel_pair(colour: str, kind: str) -> bool:
    """Whether no training world shows a thing of this kind in this colour."""
    return (list(COLOURS).index(colour) + sum(kind.encode())) % _PAIRS_PER_NOVEL == 0


class Dice:
    """Random choices from a seed.

    Args:
        seed: Any number of numbers; train and held-out worlds of equal seed differ.
        split: What may be chosen.
    """

    def __init__(self, seed: int | Sequence[int], split: Split = Split.ANY) -> None:
        numbers = [seed] if isinstance(seed, int) else list(seed)
        self.rng = np.random.default_rng([*numbers, list(Split).index(split)])
        self.split = split

    def uniform(self, low: float, high: float) -> float:
        """A number in a range."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True as often as that."""
        return bool(self.rng.random() < probability)

    def one_of(self, options: Sequence[Option], novel: Collection[Option] = ()) -> Option:
        """One of some options.

        Args:
            options: Repeat one to make it likelier.
            novel: Those that training never sees.
        """
        return self._one_of(options, novel, only_known=self.split.is_familiar)

    def family(self, *families: str, more: Collection[str] = ()) -> str:
        """A family of shapes or patterns; the last is kept from training.

        Args:
            families: Those of all splits.
            more: Those that only `VARIED` shows.
        """
        if more and self.split is Split.VARIED and self.chance(_MORE_SHARE):
            return self.one_of(list(more))
        return self.one_of(families, families[-1:])

    def colour(self, kind: str, options: Sequence[str]) -> str:
        """A colour for a thing; some pairs are kept from training."""
        novel = [c for c in options if is_novel_pair(c, kind)]
        return self._one_of(options, novel, only_known=self.split.is_known)

    def within(self, low: float, high: float, novel_below: float) -> float:
        """A number in a range, of which training never sees what is below a bound."""
        is_rare = self.split is Split.HELD_OUT and self.chance(_NOVEL_SHARE)
        if is_rare:
            return self.uniform(low, novel_below)
        return self.uniform(novel_below if self.split.is_familiar else low, high)

    def _one_of(
        self, options: Sequence[Option], novel: Collection[Option], *, only_known: bool
    ) -> Option:
        known = [option for option in options if option not in novel]
        rare = [option for option in options if option in novel]
        if only_known:
            chosen = known
        elif self.split is not Split.ANY and rare and self.chance(_NOVEL_SHARE):
            chosen = rare
        else:
            chosen = list(options)
        return chosen[int(self.rng.integers(len(chosen)))]
