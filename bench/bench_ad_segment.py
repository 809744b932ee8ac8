"""ad_segment on held-out rooms: `python -m bench.bench_ad_segment` writes results/ad_segment.json.

  python -m bench.bench_ad_segment [--rooms 40] [--users 40] [--chain-rooms 8]

A camera in a corner (480x270) sees products; the catalogue has two offers for each of 8 classes in
each of 11 colours. Parts:

  matching    is the best offer of a product of its class and colour: by colour words, by CLIP
              nano, by both, and a guess. Masks are true, labels name classes alone.
  offers      simulated users like two colours and two classes. Wanted are the offers of what is
              truly in view that suit a user best. Recall at k of ways to rank: after two sentences
              (said), after 20 and 80 offers that were clicked, dismissed or passed over, against
              popularity among all users, and chance, over the same offers and over the catalogue.
  preference  colours and classes that a profile holds strongest after clicks; sentences that are
              read right.
  chain       offers after two sentences with masks of text_tracker, nano weights.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from mm_perception.inputs import Inputs
from mm_perception.nets.clip import ClipEngine, shared_clip
from mm_perception.plugins.ad_segment.catalogue import Offer, with_price_levels
from mm_perception.plugins.ad_segment.matching import Product, match, product_of
from mm_perception.plugins.ad_segment.profile import SAID, Profile, read_preference
from mm_perception.plugins.ad_segment.ranking import rank
from mm_perception.plugins.text_tracker import TextTracker, TextTrackerConfig
from mm_perception.samples import Image, Masks
from mm_perception.text.thing_phrase import read_thing_phrase
from mm_perception.text.words import COLOUR_WORDS
from mm_perception.training.data import FINAL_SEED
from mm_perception.world.home import watching_camera
from mm_perception.world.render import Optics, View, look
from mm_perception.world.room import make_room
from mm_perception.world.scene import Stage
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'ad_segment.json'
KINDS = ('cup', 'ball', 'plant', 'lamp', 'chair', 'crate', 'table', 'sofa')
LEAST_PX, RANKS, CLICKS = 100, (1, 3, 5), (20, 80)
SHARES = {'colour words': 0.0, 'both': 0.6, 'clip': 1.0}
#: Class and colour.
Kind = tuple[str, str]


def catalogue() -> tuple[Offer, ...]:
    found = []
    for kind in KINDS:
        for number, colour in enumerate(COLOUR_WORDS):
            for level, price in (('basic', 10.0), ('fine', 30.0)):
                title = f'{level} {colour} {kind}'
                phrase = read_thing_phrase(f'{colour} {kind}')
                offer = Offer(title.replace(' ', '-'), title, '', price + number, {}, phrase)
                found.append(offer)
    return with_price_levels(found)


def kind_of(offer: Offer) -> Kind:
    return offer.phrase.noun, offer.phrase.colour


@dataclass(frozen=True)
class Room:
    """What a camera sees of a room, and what is truly there."""

    view: View
    names: dict[int, Kind]

    @classmethod
    def of(cls, seed: int, split: Split) -> Room:
        scene = make_room(seed, split)
        camera, pose = watching_camera(scene, seed)
        view = look(Stage(scene), camera, *pose, Optics(), np.random.default_rng(seed))
        sizes = np.bincount(view.ids.reshape(-1), minlength=len(scene.things) + 1)
        names = {
            t.instance: (t.kind, t.colour)
            for t in scene.things
            if t.kind in KINDS and sizes[t.instance] >= LEAST_PX
        }
        return cls(view, names)

    def products(self, clip: ClipEngine) -> list[Product]:
        return [
            product_of(number, kind, self.view.ids == number, self.view.rgb, clip)
            for number, (kind, _) in self.names.items()
        ]


@dataclass(frozen=True)
class User:
    """Who likes two colours and two classes."""

    colours: tuple[str, ...]
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, rng: np.random.Generator) -> User:
        # Some colours and classes are liked by more people, so that popularity tells something.
        chosen = []
        for words in (COLOUR_WORDS, KINDS):
            share = 1 / np.arange(1, len(words) + 1) ** 0.7
            chosen.append(
                tuple(str(w) for w in rng.choice(words, 2, replace=False, p=share / share.sum()))
            )
        return cls(*chosen)

    def joy(self, kind: Kind) -> int:
        return (kind[0] in self.kinds) + (kind[1] in self.colours)

    def sentences(self) -> list[str]:
        return [f'I like {self.colours[0]} and {self.colours[1]}',
                f'I want {self.kinds[0]}s and {self.kinds[1]}s']  # fmt: skip

    def clicks(
        self, rng: np.random.Generator, offers: Sequence[Offer], number: int
    ) -> Iterator[tuple[Offer, bool]]:
        for index in rng.integers(len(offers), size=number).tolist():
            joy = self.joy(kind_of(offers[index]))
            if rng.random() < (0.05, 0.6, 0.9)[joy]:
                yield offers[index], True
            elif rng.random() < 0.5:
                yield offers[index], False


class Crowd:
    """Users, what they clicked, and what is popular among them."""

    def __init__(self, number: int, offers: Sequence[Offer], rng: np.random.Generator) -> None:
        self.offers, self.users = offers, [User.of(rng) for _ in range(number)]
        self.clicked = {n: [Profile() for _ in self.users] for n in CLICKS}
        self._popular: Counter[str] = Counter()
        for count, profiles in self.clicked.items():
            for user, profile in zip(self.users, profiles, strict=True):
                for offer, is_clicked in user.clicks(rng, offers, count):
                    profile.feedback(offer, is_clicked)
                    self._popular[offer.id] += is_clicked

    def by_popularity(self, offers: Sequence[Offer]) -> list[Offer]:
        return sorted(offers, key=lambda o: -self._popular[o.id])


def said(user: User) -> Profile:
    profile = Profile()
    for sentence in user.sentences():
        for attributes, is_liked in read_preference(sentence):
            profile.learn(attributes, SAID if is_liked else -SAID, 'said')
    return profile


def recall(order: Sequence[Offer], wanted: set[str]) -> list[float]:
    """Share of the wanted offers, or of the places where they are more, at each rank."""
    hits = [offer.id in wanted for offer in order]
    return [sum(hits[:k]) / min(k, len(wanted)) for k in RANKS]


def bench_matching(
    room: Room, offers: Sequence[Offer], clip: ClipEngine, tally: dict[str, Counter[str]]
) -> None:
    for product in room.products(clip):
        truth = room.names[product.track_id]
        for way, share in SHARES.items():
            best = offers[int(np.argmax(match(product, offers, clip, share)))]
            tally[way]['right' if kind_of(best) == truth else 'wrong'] += 1
            tally[f'{way}: {truth[0]}']['right' if kind_of(best) == truth else 'wrong'] += 1


def bench_offers(
    fits: list[Any], products: list[Product], truth: set[Kind], crowd: Crowd,
    tally: dict[str, list[list[float]]], rng: np.random.Generator,
) -> None:  # fmt: skip
    """Every user looks at one room."""
    offers = crowd.offers
    for index, user in enumerate(crowd.users):
        best = max((user.joy(kind) for kind in truth), default=0)
        wanted = {o.id for o in offers if kind_of(o) in truth and user.joy(kind_of(o)) == best}
        if not best:
            continue
        profiles = {'said': said(user)}
        profiles |= {f'{n} offers clicked or not': crowd.clicked[n][index] for n in CLICKS}
        there: list[Offer] = []
        for way, profile in profiles.items():
            there = [e.offer for e in rank(offers, products, fits, profile, 0.3)]
            tally[way].append(recall(there, wanted))
        by_chance = [there[i] for i in rng.permutation(len(there)).tolist()]
        tally['popularity in view'].append(recall(crowd.by_popularity(there), wanted))
        tally['chance in view'].append(recall(by_chance, wanted))
        tally['popularity'].append(recall(crowd.by_popularity(offers), wanted))
        order = rng.permutation(len(offers)).tolist()
        tally['chance'].append(recall([offers[i] for i in order], wanted))


def bench_preference(crowd: Crowd) -> dict[str, Any]:
    found: dict[str, Any] = {'n': len(crowd.users)}
    for number, profiles in crowd.clicked.items():
        right: Counter[str] = Counter()
        for user, profile in zip(crowd.users, profiles, strict=True):
            for name, wanted in (('colour', user.colours), ('class', user.kinds)):
                held = [
                    dict(li.attributes)[name]
                    for li in sorted(profile.likings, key=lambda li: -li.weight)
                    if name in dict(li.attributes)
                ]
                right[name] += len(set(held[:2]) & set(wanted))
        total = 2 * len(crowd.users)
        shares = {name: round(hits / total, 3) for name, hits in right.items()}
        found[f'{number} offers clicked or not'] = shares
    found['chance'] = {
        'colour': round(2 / len(COLOUR_WORDS), 3), 'class': round(2 / len(KINDS), 3)
    }  # fmt: skip
    found['sentences'] = round(sum(map(_is_read, crowd.users)) / len(crowd.users), 3)
    return found


def _is_read(user: User) -> bool:
    text = f"I love {user.colours[0]} {user.kinds[0]}s but I don't like {user.colours[1]}"
    liked = sorted([('colour', user.colours[0]), ('class', user.kinds[0])])
    found = [(sorted(a), is_liked) for a, is_liked in read_preference(text)]
    return found == [(liked, True), ([('colour', user.colours[1])], False)]


def tracked(room: Room, tracker: TextTracker) -> Masks:
    tracker.reset()
    found: Any = None
    for step in range(3):
        stamp_ns = round((0.1 + 0.4 * step) * 1e9)
        image = Image(stamp_ns=stamp_ns, frame_id='camera', data=room.view.rgb)
        inputs = Inputs(stamp_ns, 'camera', samples={'image': image, 'prompt': ()})
        found = tracker.infer(inputs)['masks']
    return found


def summary(tally: dict[str, list[list[float]]]) -> dict[str, Any]:
    return {
        way: {'n': len(rows), **{f'recall@{k}': round(float(v), 3)
              for k, v in zip(RANKS, np.mean(rows, axis=0), strict=True)}}
        for way, rows in tally.items()
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rooms', type=int, default=40)
    parser.add_argument('--users', type=int, default=40)
    parser.add_argument('--chain-rooms', type=int, default=8)
    parser.add_argument('--split', type=Split, default=Split.HELD_OUT)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report, started_s, offers = provenance(), time.perf_counter(), catalogue()
    rng = np.random.default_rng(3)
    crowd = Crowd(args.users, offers, rng)
    clip = shared_clip('nano', 'cpu').model
    tracker = TextTracker(TextTrackerConfig(prompts=tuple(f'a {kind}' for kind in KINDS)))
    if args.chain_rooms:
        tracker.load('cpu')
    matching: Any = defaultdict(Counter)
    ranking: Any = defaultdict(list)
    chain: Any = defaultdict(list)
    for index in range(args.rooms):
        room = Room.of(FINAL_SEED + index, args.split)
        if not room.names:
            continue
        bench_matching(room, offers, clip, matching)
        products, truth = room.products(clip), set(room.names.values())
        fits = [match(product, offers, clip, SHARES['both']) for product in products]
        bench_offers(fits, products, truth, crowd, ranking, rng)
        if index < args.chain_rooms:
            masks = tracked(room, tracker)
            products = [
                product_of(n, label, masks.mask(n), room.view.rgb, clip)
                for n, label in zip(masks.ids, masks.labels, strict=True)
                if masks.mask(n).any()
            ]
            fits = [match(product, offers, clip, SHARES['both']) for product in products]
            bench_offers(fits, products, truth, crowd, chain, rng)
        print(index, flush=True)
    report['matching'] = {
        way: {'n': sum(c.values()), 'right': round(c['right'] / sum(c.values()), 3)}
        for way, c in matching.items()
    }
    report['matching']['chance'] = {'right': round(1 / len(COLOUR_WORDS), 3)}
    report['offers'], report['chain'] = summary(ranking), summary(chain)
    report['preference'] = bench_preference(crowd)
    report['wall_s'] = round(time.perf_counter() - started_s)
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps({k: report[k] for k in ('matching', 'offers', 'chain', 'preference')}))


if __name__ == '__main__':
    main()
