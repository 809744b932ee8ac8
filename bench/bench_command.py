"""Commands in words against what they mean: results/command.json.

  python -m bench.bench_command [--encoder FOLDER_OR_HUB_ID]

The sentences are in bench/commands, written by hand before the rules were: `development` was
looked at while the rules were made, `held_out` was not; but one author wrote sentences and rules.
Ways:

  rules + spelling + examples   the plugin as it comes: rules, slips mended, nearest example
  rules + spelling              without examples
  rules                         without the mending of slips too
  examples                      no rules: the nearest example alone, always acted on
  keywords                      the first verb or particle of a list decides, what follows is meant
  majority                      TRACK and all words

For sentences that carry a command: `right` has intent and all slots right, `intent` the intent,
`target` intent and target, `yes` is right or asks "did you mean" with all right, so that a yes
completes it, `asked` is asked back, `wrong` is acted on otherwise than it is meant (of all
sentences, also those that should be asked back). `rightly_asked` is of those that should be.
`noise` repeats it with one recogniser's slip in each sentence: a word that sounds almost the same,
in the CMU dictionary, or a letter. Each number is a share; `n` and `n_unclear` say of how many.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from mm_perception.samples import Intent, Relation
from mm_perception.text.commands import core
from mm_perception.text.interpret import Interpreter, Meaning
from mm_perception.text.likeness import Embed, Guesser
from mm_perception.text.reading import Question, Reading
from mm_perception.text.spelling import load_speller, slips

RESULTS = ROOT / 'bench' / 'results' / 'command.json'
SENTENCES = ROOT / 'bench' / 'commands'
SPLITS = ('development', 'held_out')
ROUNDS = 5
Way = Callable[[str], Meaning]
_KEYWORDS = {
    'stop': Intent.STOP, 'on': Intent.TURN_ON, 'off': Intent.TURN_OFF, 'track': Intent.TRACK,
    'follow': Intent.TRACK, 'segment': Intent.SEGMENT, 'select': Intent.SELECT, 'put': Intent.MOVE,
    'move': Intent.MOVE, 'hide': Intent.HIDE, 'show': Intent.SHOW, 'set': Intent.SET,
    'make': Intent.SET, 'where': Intent.FIND, 'find': Intent.FIND, 'what': Intent.ASK,
    'how': Intent.ASK, 'summarise': Intent.SUMMARISE, 'prefer': Intent.PREFER,
    'yes': Intent.CONFIRM, 'no': Intent.DENY,
}  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it means; None where it has to be asked back."""

    text: str
    meaning: Reading | None


def sentences(split: str) -> list[Sentence]:
    """One half of the sentences."""
    found = []
    for line in (SENTENCES / f'{split}.psv').read_text().splitlines()[1:]:
        text, intent, *slots = line.split('|')
        target, relation, anchor, value, deictic = (*slots, '', '', '', '', '')[:5]
        meaning = None
        if intent != 'ask_back':
            meaning = Reading(
                Intent(intent), target, Relation(relation), anchor, value, bool(deictic)
            )
        found.append(Sentence(text, meaning))
    return found


def slots_of(reading: Reading) -> tuple[object, ...]:
    return (
        reading.intent, reading.target, reading.relation, reading.anchor, reading.value,
        reading.is_deictic,
    )  # fmt: skip


def score(way: Way, said: Sequence[Sentence], texts: Sequence[str]) -> dict[str, float]:
    """Shares, see the module."""
    counts = dict.fromkeys(
        ('right', 'intent', 'target', 'yes', 'asked', 'wrong', 'rightly_asked'), 0
    )
    unclear = sum(sentence.meaning is None for sentence in said)
    started_s = time.perf_counter()
    found = [way(text) for text in texts]
    seconds = time.perf_counter() - started_s
    for sentence, meaning in zip(said, found, strict=True):
        got = meaning[0] if isinstance(meaning, list) and len(meaning) == 1 else None
        is_asked = meaning is None or isinstance(meaning, Question)
        want = sentence.meaning
        is_right = want is not None and got is not None and slots_of(got) == slots_of(want)
        counts['wrong'] += not is_asked and not is_right
        if want is None:
            counts['rightly_asked'] += is_asked
            continue
        counts['asked'] += is_asked
        about = meaning.about if isinstance(meaning, Question) else None
        is_offered = about is not None and slots_of(about) == slots_of(want)
        counts['yes'] += is_right or is_offered
        counts['right'] += is_right
        has_intent = got is not None and got.intent is want.intent
        counts['intent'] += has_intent
        counts['target'] += has_intent and got is not None and got.target == want.target
    clear = len(said) - unclear
    whole = {'wrong': len(said), 'rightly_asked': unclear}
    shares = {key: round(count / whole.get(key, clear), 3) for key, count in counts.items()}
    return {**shares, 'ms_per_sentence': round(1e3 * seconds / len(said), 2)}


def garbled(text: str, rng: np.random.Generator) -> str:
    """A sentence with one slip: a word that sounds almost the same, or a letter."""
    words = text.split()
    places = [i for i, word in enumerate(words) if len(word) > 2 and word.isalpha()]
    if not places:
        return text
    index = places[int(rng.integers(len(places)))]
    word = words[index]
    alike = sounding_like(word)
    if alike and rng.random() < 0.5:
        words[index] = alike[int(rng.integers(len(alike)))]
    else:
        cut = int(rng.integers(1, len(word)))
        letter = 'abcdefghijklmnopqrstuvwxyz'[int(rng.integers(26))]
        words[index] = word[:cut] + (letter if rng.random() < 0.5 else '') + word[cut + 1 :]
    return ' '.join(words)


@cache
def sounding_like(word: str) -> list[str]:
    """Words of the dictionary that differ in no phone, or else in one."""
    speller = load_speller()
    for most in (0, 1):
        found = {
            other
            for sound in speller.sounds.get(word, ())
            for other, sounds in speller.sounds.items()
            if other != word and other.isalpha()
            and any(abs(len(s) - len(sound)) <= most and s[0] == sound[0]
                    and slips(s, sound) <= most for s in sounds)
        }  # fmt: skip
        if found:
            return sorted(found)
    return []


def by_keyword(text: str) -> Meaning:
    words = core(text).split()
    for index, word in enumerate(words):
        if word in _KEYWORDS:
            return [Reading(_KEYWORDS[word], ' '.join(words[index + 1 :]))]
    return None


def by_example(embed: Embed | None) -> Way:
    guesser = Guesser(embed)

    def way(text: str) -> Meaning:
        guess = guesser.guess(core(text))
        return None if guess is None else [guess.reading]

    return way


def clip_nano() -> Embed:
    """Text vectors of the CLIP that comes with the package."""
    from mm_perception.nets.clip import shared_clip

    engine = shared_clip('nano', 'cpu').model
    return lambda texts: engine.embed_texts([text.replace('THING', 'thing') for text in texts])


def ways_of(encoder: str) -> dict[str, Way]:
    speller, ngrams, clip = load_speller(), Guesser(), Guesser(clip_nano())
    ways: dict[str, Way] = {
        'rules + spelling + examples': Interpreter(speller, ngrams).interpret,
        'rules + spelling + examples by CLIP nano': Interpreter(speller, clip).interpret,
        'rules + spelling': Interpreter(speller).interpret,
        'rules': Interpreter().interpret,
        'examples': by_example(None),
        'examples by CLIP nano': by_example(clip_nano()),
        'keywords': by_keyword,
        'majority': lambda text: [Reading(Intent.TRACK, core(text))],
    }
    if encoder:
        from mm_perception.nets.sentences import load_sentence_encoder

        embed = load_sentence_encoder(encoder, 'cpu').embed
        ways['rules + spelling + examples by encoder'] = Interpreter(
            speller, Guesser(embed)
        ).interpret
    return ways


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--encoder', default='', help='a sentence encoder to compare with')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    report: dict[str, Any] = provenance()
    ways = ways_of(args.encoder)
    for split in SPLITS:
        said = sentences(split)
        rng = np.random.default_rng(5)
        noisy = [(s, garbled(s.text, rng)) for _ in range(ROUNDS) for s in said]
        report[split] = {
            'n': sum(s.meaning is not None for s in said),
            'n_unclear': sum(s.meaning is None for s in said),
            'clean': {n: score(way, said, [s.text for s in said]) for n, way in ways.items()},
            'noise': {
                n: score(way, [s for s, _ in noisy], [text for _, text in noisy])
                for n, way in ways.items()
            },
        }
        for condition in ('clean', 'noise'):
            for name, shares in report[split][condition].items():
                print(f'{split} {condition} {name}: {shares}')
    args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    main()
