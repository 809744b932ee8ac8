"""Things in a picture, with what a phrase can tell them apart by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from mm_perception.imaging.colour_words import colour_shares
from mm_perception.samples import Image, Masks, mask_box
from mm_perception.samples.sample import Array
from mm_perception.text.words import COLOUR_WORDS, NOUNS, singular

#: A thing has a colour if that names so much of it.
_COLOURED = 0.3


@dataclass(frozen=True, eq=False)
class Candidate:
    """A thing in a picture.

    Attributes:
        number: Its id in the masks.
        label: What it is called there.
        score: In [0, 1].
        box: (4,) left, top, right, bottom in pixels.
        centre: (2,) mean x and y of its pixels.
        area: Pixels.
        colours: Words for its colour: of its label, else as its pixels look.
    """

    number: int
    label: str
    score: float
    box: Array
    centre: Array
    area: int
    colours: frozenset[str]

    def fits(self, noun: str) -> bool:
        """Whether a noun phrase names it; the empty phrase names everything.

        Every word has to be true of it: a colour word of its colour, a known noun of its kind
        (`mm_perception.text.words.NOUNS`), other words are looked for in its label.
        """
        return label_fits(self.label, noun, self.colours)


def label_fits(label: str, noun: str, colours: Collection[str] = ()) -> bool:
    """Whether a noun phrase names what has a label; see `Candidate.fits`.

    Args:
        label: What it is called.
        noun: Without articles.
        colours: That it has beside those of its label.
    """
    said, called = singular(noun), singular(label)
    if not said or said == called:
        return True
    kinds = _kinds(said)
    if kinds and not kinds & _kinds(called):
        return False
    own = _noun_in(said).split() if kinds else []
    words = called.split()
    return all(
        word in words or (word in COLOUR_WORDS and word in colours)
        for word in said.split()
        if word not in own
    )


def candidates_of(masks: Masks, image: Image | None) -> list[Candidate]:
    """The things that own pixels, in the order of the masks.

    Args:
        masks: Of the picture.
        image: The picture, of the same size; None where colours are known from labels only.
    """
    found = []
    for number, label, score in zip(masks.ids, masks.labels, masks.scores, strict=True):
        mask = masks.mask(number)
        box = mask_box(mask)
        if box is None:
            continue
        rows, columns = np.nonzero(mask)
        found.append(
            Candidate(
                number, label, float(score), np.array(box),
                np.array([columns.mean(), rows.mean()]), len(rows), _colours(label, image, mask),
            )
        )  # fmt: skip
    return found


def only_ids(masks: Masks, ids: Collection[int]) -> Masks:
    """Some of the instances, with their ids; the rest becomes background."""
    kept = [index for index, number in enumerate(masks.ids) if number in ids]
    id_map = np.where(np.isin(masks.id_map, list(ids)), masks.id_map, 0).astype(np.uint16)
    return replace(
        masks, id_map=id_map, ids=tuple(masks.ids[i] for i in kept),
        labels=tuple(masks.labels[i] for i in kept), scores=masks.scores[kept],
        visible=tuple(masks.visible[i] for i in kept),
    )  # fmt: skip


def _colours(label: str, image: Image | None, mask: Array) -> frozenset[str]:
    named = frozenset(word for word in label.lower().split() if word in COLOUR_WORDS)
    if named or image is None or image.data.shape[:2] != mask.shape or not mask.any():
        return named
    shares = colour_shares(image.rgb(), mask)
    return frozenset(word for word, share in shares.items() if share >= _COLOURED)


def _noun_in(text: str) -> str:
    """The longest known noun in a text; empty if there is none."""
    padded = f' {text} '
    return max((noun for noun in NOUNS if f' {noun} ' in padded), key=len, default='')


def _kinds(text: str) -> frozenset[str]:
    return frozenset(NOUNS.get(_noun_in(text), ()))
