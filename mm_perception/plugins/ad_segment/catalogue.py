"""Offers: read from JSON or CSV, checked, and asked what is true of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mm_perception.errors import ConfigError
from mm_perception.graph import stacks_folder
from mm_perception.text.thing_phrase import ThingPhrase, read_thing_phrase

_OWN = ('id', 'title', 'text', 'price')
_LAYOUT = 'offers with id, title and, if wanted, text, price and attributes such as class, colour'
#: What can be true of an offer: colour red, class cup, price low, word striped.
Attribute = tuple[str, str]


@dataclass(frozen=True)
class Offer:
    """One offer.

    Attributes:
        id: Its own name.
        title: For people.
        text: A sentence.
        price: None where it has none.
        attributes: Further facts, such as brand.
        phrase: Class and colour of the product.
        price_level: low, middle or high among the offers of its class; empty without a price.
    """

    id: str
    title: str
    text: str = ''
    price: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    phrase: ThingPhrase = field(default_factory=lambda: ThingPhrase(''))
    price_level: str = ''

    def holds(self, attribute: Attribute) -> bool:
        """Whether something is true of it."""
        name, value = attribute
        if name == 'class':
            return bool(read_thing_phrase(value).kinds & self.phrase.kinds)
        if name == 'colour':
            return self.phrase.colour == value
        if name == 'price':
            return self.price_level == value
        words = ' '.join((self.title, self.text, *self.attributes.values())).lower().split()
        return value in words

    def facts(self) -> list[Attribute]:
        """Class and colour, as far as it has them: what a click speaks for."""
        facts = [('class', self.phrase.noun), ('colour', self.phrase.colour)]
        return [(name, value) for name, value in facts if value]

    def sentence(self) -> str:
        """For a network that compares texts with pictures."""
        return f'a {self.phrase.colour} {self.phrase.noun}'.replace('  ', ' ')


def read_catalogue(source: str) -> tuple[Offer, ...]:
    """Offers of a file.

    Args:
        source: A .json (a list of mappings) or .csv file; a bare name is one that is shipped in
            config/catalogues; empty for none.

    Raises:
        ConfigError: There is no such file, or it holds no offers.
    """
    if not source:
        return ()
    path = Path(source)
    if not path.suffix:
        path = stacks_folder().parent / 'catalogues' / f'{source}.csv'
    try:
        text = path.read_text(encoding='utf-8')
        rows = json.loads(text) if path.suffix == '.json' else list(_rows(text))
    except (OSError, ValueError) as error:
        raise ConfigError('catalogue', source, f'a file of offers: {error}') from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError('catalogue', source, f'a list of {_LAYOUT}')
    offers = tuple(_offer(row, source) for row in rows)
    ids = [offer.id for offer in offers]
    twice = next((i for i in ids if ids.count(i) > 1), None)
    if twice is not None:
        raise ConfigError('catalogue', twice, 'ids that come once')
    return with_price_levels(offers)


def _rows(text: str) -> list[dict[str, object]]:
    rows = csv.DictReader(text.splitlines())
    return [
        {
            **{key: row[key] for key in _OWN if row.get(key)},
            'attributes': {k: v for k, v in row.items() if k not in _OWN and v},
        }
        for row in rows
    ]


def _offer(row: Mapping[str, object], source: str) -> Offer:
    attributes = row.get('attributes') or {}
    if not row.get('id') or not row.get('title') or not isinstance(attributes, Mapping):
        raise ConfigError('catalogue', dict(row), f'{_LAYOUT}, in {source}')
    facts = {str(k): str(v) for k, v in attributes.items()}
    title = str(row['title'])
    named = ' '.join((facts.get('colour', ''), facts.get('class', ''))).strip()
    try:
        price = float(str(row['price'])) if row.get('price') not in (None, '') else None
    except ValueError as error:
        raise ConfigError('catalogue', dict(row), f'a number as price: {error}') from error
    return Offer(
        str(row['id']), title, str(row.get('text') or ''), price, facts,
        read_thing_phrase(named or title),
    )  # fmt: skip


def with_price_levels(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """The same offers; the price of each is low, middle or high among those of its class."""
    found = []
    for offer in offers:
        prices = [o.price for o in offers if o.price is not None and o.phrase == offer.phrase]
        if not prices:
            prices = [o.price for o in offers if o.price is not None]
        level = ''
        if offer.price is not None:
            low, high = np.percentile(prices, (34, 66))
            level = 'low' if offer.price < low else 'high' if offer.price > high else 'middle'
        values = {name: getattr(offer, name) for name in vars(offer)}
        found.append(Offer(**{**values, 'price_level': level}))
    return tuple(found)
