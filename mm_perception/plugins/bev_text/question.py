"""What a text asks of the map, and what each cell answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.errors import PromptError
from mm_perception.samples.sample import Array
from mm_perception.text.words import layer_named, names_thing, singular

if TYPE_CHECKING:
    from mm_perception.nets.clip.engine import ClipEngine, Vectors

#: What a picture shows where a map has a layer: CLIP knows captions, not questions.
_CAPTIONS = {
    'drivable': 'a road', 'walkway': 'a pavement', 'crossing': 'a pedestrian crossing',
    'lane': 'a lane marking',
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A text, understood.

    Attributes:
        text: As it was asked.
        layer: Of a map that answers it; empty if none does.
        caption: What a picture of it would be called.
        stands: Whether it stands on the ground (True), is ground (False), or may be either.
    """

    text: str
    layer: str
    caption: str
    stands: bool | None

    @classmethod
    def of(cls, text: str) -> Question:
        """Understand a text."""
        layer = layer_named(text)
        if layer:
            return cls(text, layer, _CAPTIONS[layer], False)
        return cls(text, '', singular(text), True if names_thing(text) else None)

    def asked_of(
        self, clip: ClipEngine, seen: Vectors, heights: Array, background: Sequence[str],
        least_m: float,
    ) -> Array:  # fmt: skip
        """Per cent (M,) int8 of belief that cells are what the text names.

        Args:
            clip: The engine.
            seen: (M, D) float32 unit vectors of the cells.
            heights: (M,) metres over the ground.
            background: Captions of what is around things.
            least_m: What stands is at least so high.

        Raises:
            PromptError: The weights do not know a word of it.
        """
        from mm_perception.nets.clip.likeness import share, unknown_words

        unknown = unknown_words(clip, self.caption)
        if unknown:
            raise PromptError(
                'the weights of CLIP do not know a word', unknown[0],
                'ask with other words, take public weights, or connect a map that knows it',
            )  # fmt: skip
        shares = share(clip, seen, self.caption, background)
        if self.stands is not None:
            shares = np.where((heights >= least_m) == self.stands, shares, 0.0)
        return np.asarray(np.round(100 * shares), np.int8)
