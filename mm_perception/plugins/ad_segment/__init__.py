"""Offers for what is in the picture, ranked by what somebody said to like.

Masks of products are matched with a catalogue by class, colour words and likeness
(`matching.py`); offers of what is in view are ranked by an explicit profile (`profile.py`), which
grows by what is said ("I like red cups") and by clicks and dismissals. One can ask what it knows
("what do you know about me"), why an offer is first ("why"), and let it forget ("forget red",
"forget everything").

Privacy: a profile stays in memory, one for each user, and is gone with the process, unless
`profile_file` names a file. It holds nothing but what `profile.py` says, no picture, no history.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, ShapeError
from mm_perception.model_plugin import ModelPlugin
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Port,
    PublicWeights,
    Queue,
    Reference,
)
from mm_perception.plugins.ad_segment.catalogue import Offer, read_catalogue
from mm_perception.plugins.ad_segment.matching import Product, match, product_of
from mm_perception.plugins.ad_segment.profile import (
    SAID,
    Profile,
    attributes_of,
    read_preference,
)
from mm_perception.plugins.ad_segment.ranking import Ranked, listed, rank
from mm_perception.samples import Command, Event, Image, Intent, Masks, Sample, Text
from mm_perception.text.thing_phrase import read_thing_phrase

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine

_ASKS = re.compile(r'\b(what do you know|my profile|about me)\b')


@dataclass(frozen=True)
class AdSegmentConfig:
    """Settings of the `ad_segment` plugin."""

    catalogue: str = parameter(
        '', 'File of offers, .json or .csv; example for the one that is shipped; empty for none.'
    )
    weights: str = parameter(
        'nano', 'Of a CLIP that compares products with offers; empty: colour words alone.'
    )
    likeness_share: float = parameter(
        0.6, 'How much likeness counts beside colour.', minimum=0.0, maximum=1.0, live=True
    )
    min_match: float = parameter(
        0.3, 'Offers that fit a product by less are not made.', minimum=0.0, maximum=1.0, live=True
    )
    max_offers: int = parameter(5, 'Most offers per picture.', minimum=1, live=True)
    look_every_s: float = parameter(
        1.0, 'Seconds after which a product is looked at again.', minimum=0.0, live=True
    )
    smallest_px: int = parameter(60, 'Masks of fewer pixels are left out.', minimum=1, live=True)
    user: str = parameter('guest', 'Whose profile counts.', live=True)
    profile_file: str = parameter(
        '', 'JSON file that keeps the profiles; empty keeps them in memory alone.'
    )


class AdSegment(ModelPlugin[AdSegmentConfig, 'ClipEngine']):
    """Masks of products and preferences in; ranked offers out."""

    card: ClassVar[Card] = Card(
        title='Ranks offers for products in view by stated and clicked preferences',
        system='2-4',
        paper='Radford et al., CLIP, 2021, arXiv 2103.00020, for likeness; the ranking is an '
        'explicit policy',
        reference_code='none',
        weights=(PublicWeights('openai/clip-vit-base-patch32', 'MIT', 'transformers'),),
        limits=(
            'Offers of one class and colour fit a product equally well.',
            'Words that are neither colour, class nor price have to be in the text of an offer.',
            'It learns nothing from other users.',
        ),
    )
    Config: ClassVar[type[Any]] = AdSegmentConfig
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'Products, of any number of cameras.'),
        'image': Latest(
            Image, 'The picture of the masks.', tolerance_s=0.02, required=True, follows='masks'
        ),
        'command': Queue(Command, 'prefer; ask and stop with "why", "about me", "forget".'),
        'text': Queue(Text, 'The same in plain words.'),
        'feedback': Queue(Event, 'clicked or dismissed, with the id of the offer as label.'),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'offers': Output(Text, 'JSON: offers, best first, with score, reasons, track and box.'),
        'products': Output(Masks, 'With offers; the label is the title of the best one.'),
        'profile': Output(Text, 'JSON of what is known, when it changes.', per_stream=False),
        'say': Output(Text, 'Answers.', per_stream=False),
    }

    def __init__(self, config: AdSegmentConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._offers: tuple[Offer, ...] = ()
        self._profiles: dict[str, Profile] = {}
        self._products: dict[tuple[str, int], tuple[int, Product]] = {}
        self._last: list[Ranked] = []

    @classmethod
    def tiny(cls) -> AdSegmentConfig:
        """A network with random weights for tests."""
        return AdSegmentConfig(weights='random', catalogue='example')

    def load(self, device: str) -> None:
        """Read catalogue and profiles, load the network."""
        self._offers = read_catalogue(self.config.catalogue)
        self._profiles = read_profiles(self.config.profile_file)
        if self.config.weights:
            from mm_perception.nets.clip import shared_clip

            self._shared = shared_clip(self.config.weights, device)

    @property
    def profile(self) -> Profile:
        """Of the present user."""
        return self._profiles.setdefault(self.config.user, Profile())

    def infer(self, inputs: Inputs) -> Outputs:
        """Learn what was said and clicked, then rank offers for what is in view.

        Raises:
            ShapeError: The picture is not of the size of the masks.
        """
        header: dict[str, Any] = {'stamp_ns': inputs.stamp_ns, 'frame_id': inputs.frame_id}
        # Before anything is learnt: what was said with a picture that fails waits for the next.
        masks = cast(Masks, inputs.one('masks'))
        products = self._see(inputs.stream, masks, cast(Image, inputs.one('image')))
        before, said = self.profile.as_json(), []
        for command in inputs.all('command'):
            said += self._command(cast(Command, command))
        for text in inputs.all('text'):
            said += self._hear(cast(Text, text).text)
        for event in inputs.all('feedback'):
            self._feedback(cast(Event, event))
        fits = [self._match(product) for product in products]
        ranked = rank(self._offers, products, fits, self.profile, self.config.min_match)
        self._last = ranked = ranked[: self.config.max_offers]
        outputs: dict[str, Sample | list[Sample]] = {
            'offers': Text(**header, text=json.dumps(listed(ranked, self.config.user))),
            'products': _masks_of(masks, ranked),
            'say': [Text(**header, text=sentence, language='en') for sentence in said],
            'profile': [],
        }
        now = self.profile.as_json()
        if now != before:
            self._keep()
            content = {'user': self.config.user, 'likes': now}
            outputs['profile'] = [Text(**header, text=json.dumps(content))]
        return outputs

    def _keep(self) -> None:
        """A full disk costs nobody the offers, and what was learnt stays in memory."""
        try:
            write_profiles(self.config.profile_file, self._profiles)
        except OSError as error:
            expected = f'a file that can be written ({error.strerror}); likings are in memory only'
            self.context.report(ConfigError('profile_file', self.config.profile_file, expected))

    def rewind(self, stream: str) -> None:
        """Forget what a camera saw; likings stay."""
        self._products = {k: v for k, v in self._products.items() if k[0] != stream}
        self._last = []

    def reset(self) -> None:
        """Forget what was seen, and all likings that are not in a file."""
        self._products.clear()
        self._last = []
        self._profiles = read_profiles(self.config.profile_file)

    def _command(self, command: Command) -> list[str]:
        if command.intent is Intent.PREFER:
            return self._hear(command.text or f'{command.value} {command.target}')
        is_mine = command.text.lower().startswith(('why', 'forget')) or _ASKS.search(
            command.text.lower()
        )
        return self._hear(command.text) if is_mine else []

    def _hear(self, text: str) -> list[str]:
        """Take a sentence; gives what is to be said."""
        words = text.lower().strip(' ?!.')
        if words.startswith('forget'):
            about = attributes_of(words)
            number = self.profile.forget(about)
            return [f'I have forgotten {number} of your preferences.']
        if words.startswith('why'):
            if not self._last:
                return ['There is no offer now.']
            best = self._last[0]
            reasons = '; '.join(best.reasons) or 'it is in view, and I know no preference of yours'
            return [f'{best.offer.title}: {reasons}.']
        if _ASKS.search(words):
            known = [
                f'{"likes" if li.weight > 0 else "does not like"} {li.words()} ({li.source})'
                for li in self.profile.likings
            ]
            return [f'{self.config.user} {", ".join(known) or "has no preferences yet"}.']
        for attributes, is_liked in read_preference(words):
            self.profile.learn(attributes, SAID if is_liked else -SAID, 'said')
        return []

    def _feedback(self, event: Event) -> None:
        offer = next((o for o in self._offers if o.id == event.label), None)
        if offer is not None and event.kind in ('clicked', 'dismissed'):
            self.profile.feedback(offer, is_clicked=event.kind == 'clicked')

    def _see(self, stream: str, masks: Masks, image: Image) -> list[Product]:
        """Products in view; each is looked at again only after a while."""
        rgb = image.rgb()
        if rgb.shape[:2] != masks.id_map.shape:
            raise ShapeError('image', f'{masks.id_map.shape}, as the masks', f'{rgb.shape[:2]}')
        clip = None if self._shared is None else self._shared.model
        counts = np.bincount(masks.id_map.reshape(-1), minlength=65536)
        kinds = {kind for offer in self._offers for kind in offer.phrase.kinds}
        found = []
        for number, label in zip(masks.ids, masks.labels, strict=True):
            is_sold = bool(read_thing_phrase(label).kinds & kinds)
            if counts[number] < self.config.smallest_px or not is_sold:
                continue
            key, now_ns = (stream, number), masks.stamp_ns
            since_ns, product = self._products.get(key, (-(1 << 62), None))
            if product is None or now_ns - since_ns >= self.config.look_every_s * 1e9:
                product = product_of(number, label, masks.mask(number), rgb, clip)
                self._products[key] = now_ns, product
            found.append(product)
        gone = [k for k in self._products if k[0] == stream and k[1] not in masks.ids]
        for key in gone:
            del self._products[key]
        return found

    def _match(self, product: Product) -> Any:
        clip = None if self._shared is None else self._shared.model
        return match(product, self._offers, clip, self.config.likeness_share)


def _masks_of(masks: Masks, ranked: list[Ranked]) -> Masks:
    """The masks of products with offers, each labelled with its best one."""
    best: dict[int, Ranked] = {}
    for entry in ranked:
        best.setdefault(entry.product.track_id, entry)
    ids = tuple(number for number in masks.ids if number in best)
    id_map = np.where(np.isin(masks.id_map, ids), masks.id_map, 0).astype(np.uint16)
    return Masks(
        stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, id_map=id_map, ids=ids,
        labels=tuple(best[i].offer.title for i in ids),
        scores=np.array([best[i].fit for i in ids], np.float32),
    )  # fmt: skip


def read_profiles(path: str) -> dict[str, Profile]:
    """Profiles by user from a file; none if there is no file yet, or none is named.

    Raises:
        ConfigError: The file holds something else.
    """
    if not path or not Path(path).exists():
        return {}
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        return {str(user): Profile.from_json(rows) for user, rows in content.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError('profile_file', path, f'profiles that were saved: {error}') from error


def write_profiles(path: str, profiles: dict[str, Profile]) -> None:
    """Keep profiles, if a file is named; a file that is there is whole.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    if not path:
        return
    content = {user: profile.as_json() for user, profile in profiles.items()}
    target = Path(path)
    with tempfile.NamedTemporaryFile(
        'w', dir=target.parent, suffix='.part', delete=False, encoding='utf-8'
    ) as file:
        try:
            json.dump(content, file, indent=1)
            file.flush()
            os.replace(file.name, target)
        except OSError:
            os.unlink(file.name)
            raise


PLUGIN = AdSegment
