"""Offers in order: how well they fit what is seen, and how much they are liked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm_perception.plugins.ad_segment.catalogue import Offer
from mm_perception.plugins.ad_segment.matching import Product
from mm_perception.plugins.ad_segment.profile import Profile
from mm_perception.samples.sample import Array


@dataclass(frozen=True)
class Ranked:
    """An offer for a product in view.

    Attributes:
        offer: The offer.
        product: The product that it fits best.
        fit: How well, 0 to 1.
        score: Fit, doubled for each unit of liking and halved for each of dislike.
        reasons: Why it is liked or not.
    """

    offer: Offer
    product: Product
    fit: float
    score: float
    reasons: tuple[str, ...]


def rank(
    offers: Sequence[Offer], products: Sequence[Product], fits: Sequence[Array],
    profile: Profile, min_match: float,
) -> list[Ranked]:  # fmt: skip
    """All offers of what is in view, best first; each once, for the product that it fits best.

    Args:
        offers: N offers.
        products: M products.
        fits: M of (N,), how well each offer fits a product.
        profile: Of who looks.
        min_match: Offers that fit by less are left out.
    """
    found = []
    for index, offer in enumerate(offers):
        best = max(range(len(products)), key=lambda m: float(fits[m][index]), default=None)
        if best is None or fits[best][index] < min_match or fits[best][index] <= 0:
            continue
        fit, (liking, reasons) = float(fits[best][index]), profile.strength(offer)
        found.append(Ranked(offer, products[best], fit, fit * 2.0**liking, tuple(reasons)))
    return sorted(found, key=lambda entry: (-entry.score, entry.offer.id))


def listed(ranked: Sequence[Ranked], user: str) -> dict[str, object]:
    """Offers as JSON has them."""
    return {
        'user': user,
        'offers': [
            {
                'id': r.offer.id, 'title': r.offer.title, 'price': r.offer.price,
                'score': round(r.score, 3), 'fit': round(r.fit, 3), 'why': list(r.reasons),
                'track_id': str(r.product.track_id), 'box': [round(v, 1) for v in r.product.box],
            }
            for r in ranked
        ],
    }  # fmt: skip
