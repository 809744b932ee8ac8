"""Whether a sentence is said to somebody of a name, as "robot, track the red car" is."""

from __future__ import annotations

from mm_perception.text.spelling import is_one_slip
from mm_perception.text.tokens import plain

#: What people say before a name.
_CALLS = ('hey', 'hi', 'hello', 'ok', 'okay', 'please', 'now', 'so', 'well', 'uh', 'um', 'er')
#: Shorter names are too close to other words to be guessed.
_SHORTEST = 4


def said_to(name: str, text: str) -> str | None:
    """What a sentence says to somebody; None where it does not begin with the name.

    At the end a name could as well be that of a thing: "track the robot".

    Args:
        name: One word or more.
        text: The sentence, as it was heard; one letter of each word of the name may be wrong.

    Convention:
        To 'robot', 'Hey robot, stop!' says 'stop', 'robot' says '', and 'stop, robot' and 'the
        robot stops' say nothing.
    """
    words, called = plain(text).split(), plain(name).split()
    while words and words[0] in _CALLS and words[: len(called)] != called:
        words = words[1:]
    first, rest = words[: len(called)], words[len(called) :]
    if len(first) < len(called):
        return None
    is_called = all(
        word == own or (len(own) >= _SHORTEST and is_one_slip(word, own))
        for word, own in zip(first, called, strict=True)
    )
    return ' '.join(rest) if is_called else None
