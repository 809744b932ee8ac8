"""Which offers are of the product that a mask shows: class, colour words, and likeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.imaging.colour_words import colour_shares
from mm_perception.plugins.ad_segment.catalogue import Offer
from mm_perception.samples.detections import mask_box
from mm_perception.samples.sample import Array
from mm_perception.text.thing_phrase import ThingPhrase, read_thing_phrase

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine


@dataclass(frozen=True)
class Product:
    """What a mask shows.

    Attributes:
        track_id: Of the mask.
        label: Of the mask, taken apart.
        box: (4,) xyxy in pixels.
        colours: Share of each colour word; that of the label alone where it names one.
        vector: (D,) unit vector of the picture around it; None where nobody embeds.
    """

    track_id: int
    label: ThingPhrase
    box: tuple[float, float, float, float]
    colours: dict[str, float]
    vector: Array | None = None


def product_of(
    number: int, label: str, mask: Array, rgb: Array, clip: ClipEngine | None
) -> Product:
    """What a mask shows.

    Args:
        number: Of the mask.
        label: Of the mask.
        mask: (H, W) bool, at least one pixel.
        rgb: (H, W, 3) uint8.
        clip: What embeds it; None for nobody.
    """
    phrase = read_thing_phrase(label)
    colours = {phrase.colour: 1.0} if phrase.colour else colour_shares(rgb, mask)
    box = mask_box(mask) or (0.0, 0.0, 0.0, 0.0)
    vector = None
    if clip is not None:
        from mm_perception.nets.clip.likeness import around

        vector = clip.embed_images([around(rgb, np.array(box))])[0]
    return Product(number, phrase, box, colours, vector)


def match(
    product: Product, offers: Sequence[Offer], clip: ClipEngine | None, likeness_share: float
) -> Array:
    """How well each offer fits a product, (N,) float64 in [0, 1]; 0 for another class.

    Colour counts by its share of the pixels, likeness by the softmax over the sentences of the
    offers of the class (Radford et al., 2021, section 3.1).

    Args:
        product: What is seen.
        offers: N offers.
        clip: The engine that made the vector of the product.
        likeness_share: Weight of likeness beside colour, 0 to 1.
    """
    scores = np.zeros(len(offers))
    fitting = [i for i, o in enumerate(offers) if product.label.kinds & o.phrase.kinds]
    if not fitting:
        return scores
    colours = [product.colours.get(offers[i].phrase.colour, 0.0) for i in fitting]
    named = np.array([bool(offers[i].phrase.colour) for i in fitting])
    by_colour = np.where(named, np.array(colours), 0.5)
    share = 0.0 if clip is None or product.vector is None else likeness_share
    by_likeness = np.zeros(len(fitting))
    if clip is not None and product.vector is not None and share:
        texts = list(dict.fromkeys(offers[i].sentence() for i in fitting))
        cosines = clip.embed_texts(texts).astype(np.float64) @ product.vector
        powers = np.exp((cosines - cosines.max()) * clip.logit_scale)
        worth = dict(zip(texts, powers / powers.sum(), strict=True))
        by_likeness = np.array([worth[offers[i].sentence()] for i in fitting])
    scores[fitting] = (1 - share) * by_colour + share * by_likeness
    return scores
