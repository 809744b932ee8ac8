"""A sentence as plain words: lower case, no punctuation, short forms written out, numbers."""

from __future__ import annotations

import re

_SHORT_FORMS = (
    (r"\bwon't\b", 'will not'),
    (r"\bcan't\b", 'can not'),
    (r'\bcannot\b', 'can not'),
    (r"\b(do|does|did|is|are|was|were|could|would|should|have|has)n'?t\b", r'\1 not'),
    (r"\blet's\b", 'let us'),
    (r"\b(what|where|who|that|there|how|it|he|she)'s\b", r'\1 is'),
    (r"\bi'm\b", 'i am'),
    (r"\b(i|you|we|they)'d\b", r'\1 would'),
    (r"\b(i|you|we|they|it|that)'ll\b", r'\1 will'),
    (r"\b(i|you|we|they)'ve\b", r'\1 have'),
    (r"\b(you|we|they)'re\b", r'\1 are'),
    (r'\b(wanna)\b', 'want to'),
    (r'\b(gonna)\b', 'going to'),
    (r'\bper cent\b', 'percent'),
    (r'(\d) ?%', r'\1 percent'),
    (r'\bgray\b', 'grey'),
    (r'\bcolor(s|ed)?\b', r'colour\1'),
)
_UNDER_20 = (
    'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen '
    'fifteen sixteen seventeen eighteen nineteen'
)
_BY_TEN = 'twenty thirty forty fifty sixty seventy eighty ninety'
_UNITS = {word: number for number, word in enumerate(_UNDER_20.split())}
_TENS = {word: 10 * number for number, word in enumerate(_BY_TEN.split(), 2)}


def plain(text: str) -> str:
    """A sentence in lower case without punctuation, its short forms written out.

    Convention:
        "What's behind me?" becomes 'what is behind me', "don't!" 'do not', '30%' '30 percent'.
    """
    said = text.lower().replace('\u2019', "'")
    said = re.sub(r"(?<![a-z0-9])'|'(?![a-z0-9])", ' ', said)
    said = re.sub(r'(?<!\d)\.|\.(?!\d)', ' ', said)
    said = re.sub(r"[^\w\s'%.]", ' ', said)
    for pattern, full in _SHORT_FORMS:
        said = re.sub(pattern, full, said)
    return ' '.join(said.split())


def with_digits(text: str) -> str:
    """A text whose spelt numbers below 200 are digits; a lone "one" stays, it may be a pronoun.

    Convention:
        'twenty five percent' becomes '25 percent', 'one hundred percent' '100 percent'; 'the
        left one' stays.
    """
    words, found, index = text.split(), [], 0
    while index < len(words):
        number, length = _number_at(words, index)
        found.append(words[index] if number is None else str(number))
        index += length
    return ' '.join(found)


def _number_at(words: list[str], index: int) -> tuple[int | None, int]:
    """A number that begins at a word, and how many words it has."""
    rest = words[index : index + 5]
    if rest[:2] in (['one', 'hundred'], ['a', 'hundred']):
        tail = rest[3:] if rest[2:3] == ['and'] else rest[2:]
        more, length = _number_at(tail, 0) if tail else (None, 1)
        joined = 3 if rest[2:3] == ['and'] else 2
        return (100, 2) if more is None else (100 + more, joined + length)
    word, following = words[index], (rest[1:2] or [''])[0]
    if word in _TENS:
        unit = _UNITS.get(following, 0)
        return (_TENS[word] + unit, 2) if 0 < unit < 10 else (_TENS[word], 1)
    if word == 'one' and following not in ('percent', 'degree', 'minute', 'hour'):
        return None, 1
    return _UNITS.get(word), 1
