"""From the letters of a CTC network to words: the best path, and the best sentence of a grammar.

Connectionist temporal classification: Graves et al., ICML 2006. The search in a grammar is
Viterbi's algorithm on the product of the word graph and CTC's blanks, exact and without a beam.
How sure it is comes from the forward sum over the same product (section 4.1): the share of one
sentence in all of them, which is the confidence of Wessel et al., Confidence measures for large
vocabulary continuous speech recognition, IEEE TSAP 2001, of a whole sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mm_perception.speech.grammar import WordGraph
from mm_perception.speech.recogniser import HeardWord

Scores = npt.NDArray[np.float32]
_NEVER = np.float32(-1e9)
#: Instead of a number of states back: from the end of another word, from the silence at first.
_ENTERED, _STARTED = 3, 4
#: Letters of neighbouring frames say the same thing more than once: their log probabilities count
#: by half where sentences are compared (acoustic scale, Wessel et al., section III).
_SCALE = 0.5
#: What it costs to say a word after another one, nats; '' before the first.
Cost = Callable[[str, str], float]


@dataclass(frozen=True)
class Alphabet:
    """What the columns of a CTC network mean.

    Attributes:
        letters: In lower case; names such as <unk> for what is no letter.
        blank: Column of nothing.
        bar: Column between words.
    """

    letters: tuple[str, ...]
    blank: int
    bar: int


@dataclass(frozen=True)
class Path:
    """A way through the frames.

    Attributes:
        words: Words, with times of their letters.
        score: Its log probability, mean over the frames.
    """

    words: tuple[HeardWord, ...]
    score: float


def best_path(logs: Scores, alphabet: Alphabet, frame_s: float) -> Path:
    """The likeliest letter of each frame, repetitions and blanks taken out (section 3.2).

    Args:
        logs: (T, V) log probabilities.
        alphabet: Of the columns.
        frame_s: Seconds per frame.

    Convention:
        Frames that say c c - a r | | a (- for blank) are the words "car" and "a".
    """
    best = logs.argmax(axis=1)
    at = np.arange(len(best))
    begins = np.flatnonzero((best != np.roll(best, 1)) | (at == 0))
    ends = np.append(begins[1:], len(best))[: len(begins)]
    words: list[HeardWord] = []
    letters: list[tuple[str, int, int]] = []
    runs = list(zip(begins.tolist(), ends.tolist(), strict=True))
    for begin, end in [*runs, (len(best), len(best))]:
        column = alphabet.bar if begin == len(best) else int(best[begin])
        if column == alphabet.bar:
            words += [_word(letters, logs, best, frame_s)] if letters else []
            letters = []
        elif column != alphabet.blank and len(alphabet.letters[column]) == 1:
            letters.append((alphabet.letters[column], begin, end))
    return Path(tuple(words), _mean(logs[at, best]))


def _word(
    letters: Sequence[tuple[str, int, int]], logs: Scores, columns: npt.NDArray[np.intp],
    frame_s: float,
) -> HeardWord:  # fmt: skip
    """A word from its letters, each with its first frame and the one after its last."""
    first, last = letters[0][1], letters[-1][2]
    frames = np.concatenate([np.arange(begin, end) for _, begin, end in letters])
    confidence = float(np.exp(_mean(logs[frames, columns[frames]])))
    text = ''.join(letter for letter, _, _ in letters)
    return HeardWord(text, first * frame_s, last * frame_s, min(confidence, 1.0))


def _mean(values: npt.NDArray[np.floating]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _no_cost(before: str, word: str) -> float:
    return 0.0


class GrammarSearch:
    """Finds the likeliest sentence of a grammar.

    States: for each word of the graph the bar before it and its letters, a blank after each.

    Args:
        graph: Of words.
        alphabet: Of the network.
        cost: Of a word after another; what is seldom said has to fit the sound better.
    """

    def __init__(self, graph: WordGraph, alphabet: Alphabet, cost: Cost = _no_cost) -> None:
        columns = {letter: i for i, letter in enumerate(alphabet.letters)}
        labels: list[int] = []
        begins, ends = [], []
        for word in graph.words:
            begins.append(len(labels))
            spelled = [columns.get(letter, -1) for letter in word]
            for column in (alphabet.bar, *spelled):
                labels += [column, alphabet.blank]
            ends.append(len(labels) - 1)
        self._labels = np.array(labels)
        self._is_known = self._labels >= 0
        # A blank cannot be left out between equal letters, nor reached from before its letter.
        twice = np.roll(self._labels, 2)
        self._skips = (self._labels != alphabet.blank) & (self._labels != twice)
        self._begins, self._ends = np.array(begins), np.array(ends)
        self._skips[self._begins] = False
        self._words = graph.words
        self._word_of = np.repeat(np.arange(len(begins)), np.diff([*begins, len(labels)]))
        self._blank = alphabet.blank
        pairs = np.array(sorted((b, a) for a, b in graph.follows), np.intp).reshape(-1, 2)
        self._before = pairs[:, 1]
        self._targets, self._segments = np.unique(pairs[:, 0], return_index=True)
        self._sizes = np.diff([*self._segments, len(pairs)])
        self._first = self._begins[list(graph.first)]
        self._last = self._ends[list(graph.last)]
        self._alphabet, self._cost = alphabet, cost
        said = graph.words
        costs = [cost(said[a], said[b]) for b, a in pairs.tolist()]
        self._costs = np.array(costs, np.float32)
        self._first_costs = np.array([cost('', said[i]) for i in graph.first], np.float32)

    def find(self, logs: Scores, frame_s: float) -> Path | None:
        """The likeliest sentence; None if there are too few frames for any.

        Args:
            logs: (T, V) log probabilities.
            frame_s: Seconds per frame.
        """
        steps, entries = [], []
        score = np.full(len(self._labels), _NEVER)
        silence = np.float32(0.0)  # all blanks, before the first word
        for row in logs:
            score, step, entry = self._advance(score, row, silence)
            silence = silence + row[self._blank]
            steps.append(step)
            entries.append(entry)
        finals = np.concatenate([self._last, self._last - 1])
        state = int(finals[score[finals].argmax()])
        if score[state] <= _NEVER / 2:
            return None
        words = self._spoken(self._back(state, steps, entries), logs, frame_s)
        total = float(score[state]) + self._cost_of([word.text for word in words])
        return Path(words, total / len(logs))

    def share(self, path: Path, logs: Scores) -> float:
        """How likely a sentence is among all that the grammar has, in [0, 1].

        Args:
            path: A sentence that was found.
            logs: (T, V) log probabilities that it was found in.

        Convention:
            Of two sentences that fit a sound equally well, each has 0.5.
        """
        words = tuple(word.text for word in path.words)
        pairs = tuple((i, i + 1) for i in range(len(words) - 1))
        graph = WordGraph(words, (0,), (len(words) - 1,), pairs)
        own = GrammarSearch(graph, self._alphabet, self._cost)._total(logs)
        return min(1.0, float(np.exp(own - self._total(logs))))

    def _total(self, logs: Scores) -> float:
        """Log of the summed probabilities of all paths through the frames."""
        weights, first_weights = np.exp(-self._costs), np.exp(-self._first_costs)
        chances = np.exp(_SCALE * logs.astype(np.float64))
        mass, silence, total = np.zeros(len(self._labels)), 1.0, 0.0
        for row in chances:
            new = mass.copy()
            shifted = mass[:-1].copy()
            shifted[self._begins[1:] - 1] = 0.0
            new[1:] += shifted
            new[2:] += np.where(self._skips[2:], mass[:-2], 0.0)
            if len(self._before):
                ended = mass[self._ends] + mass[self._ends - 1]
                arriving = ended[self._before] * weights
                new[self._begins[self._targets]] += np.add.reduceat(arriving, self._segments)
            new[self._first + 2] += silence * first_weights
            mass = new * np.where(self._is_known, row[self._labels], 0.0)
            silence *= float(row[self._blank])
            size = float(mass.sum()) + silence
            mass, silence, total = mass / size, silence / size, total + float(np.log(size))
        final = float(mass[self._last].sum() + mass[self._last - 1].sum())
        return total + float(np.log(max(final, 1e-300)))

    def _cost_of(self, words: Sequence[str]) -> float:
        return sum(self._cost(a, b) for a, b in zip(('', *words), words, strict=False))

    def _advance(
        self, score: Scores, row: Scores, silence: np.float32
    ) -> tuple[Scores, npt.NDArray[np.int8], npt.NDArray[np.int32]]:
        """One frame on: scores, how many states back each came from, what led into each word."""
        one = np.concatenate([[_NEVER], score[:-1]])
        one[self._begins] = _NEVER
        two = np.where(self._skips, np.concatenate([[_NEVER, _NEVER], score[:-2]]), _NEVER)
        step = np.zeros(len(score), np.int8)
        best = score
        for back, other in ((1, one), (2, two)):
            is_better = other > best
            best, step = np.where(is_better, other, best), np.where(is_better, back, step)
        best, step = best.astype(np.float32), step.astype(np.int8)
        entry = np.zeros(len(self._words), np.int32)
        is_blank = score[self._ends] >= score[self._ends - 1]
        ends = np.where(is_blank, self._ends, self._ends - 1)
        arriving = score[ends][self._before] - self._costs
        if len(arriving):
            top = np.maximum.reduceat(arriving, self._segments)
            starts = self._begins[self._targets]
            is_better = top > best[starts]
            best[starts] = np.where(is_better, top, best[starts])
            step[starts] = np.where(is_better, _ENTERED, step[starts])
            hits = np.flatnonzero(arriving == np.repeat(top, self._sizes))
            groups = np.repeat(np.arange(len(top)), self._sizes)[hits]
            entry[self._targets[groups]] = ends[self._before[hits]]
        letters = self._first + 2  # a sentence begins without a bar
        starting = silence - self._first_costs
        is_first = starting > best[letters]
        best[letters] = np.where(is_first, starting, best[letters])
        step[letters] = np.where(is_first, _STARTED, step[letters])
        emitted = np.where(self._is_known, row[self._labels], _NEVER)
        return best + emitted, step, entry

    def _back(
        self, state: int, steps: Sequence[npt.NDArray[np.int8]],
        entries: Sequence[npt.NDArray[np.int32]],
    ) -> npt.NDArray[np.intp]:  # fmt: skip
        """States by frame; -1 before the first word."""
        path = np.full(len(steps), -1)
        for frame in range(len(steps) - 1, -1, -1):
            path[frame] = state
            step = int(steps[frame][state])
            if step == _STARTED:
                break
            state = int(entries[frame][self._word_of[state]]) if step == _ENTERED else state - step
        return path

    def _spoken(
        self, path: npt.NDArray[np.intp], logs: Scores, frame_s: float
    ) -> tuple[HeardWord, ...]:
        """The words of a path, with the times of their letters."""
        begins = self._begins[self._word_of[path]]
        is_letter = (path >= 0) & (path > begins) & ((path - begins) % 2 == 0)
        frames = np.flatnonzero(is_letter)
        words = []
        for part in np.split(frames, np.flatnonzero(np.diff(self._word_of[path[frames]])) + 1):
            if len(part):
                chance = float(np.exp(_mean(logs[part, self._labels[path[part]]])))
                text = self._words[self._word_of[path[part[0]]]]
                first, last = int(part[0]), int(part[-1]) + 1
                words.append(HeardWord(text, first * frame_s, last * frame_s, min(chance, 1.0)))
        return tuple(words)


@lru_cache(maxsize=8)
def search_in(graph: WordGraph, alphabet: Alphabet, cost: Cost = _no_cost) -> GrammarSearch:
    """The search of a grammar, made once per alphabet and cost."""
    return GrammarSearch(graph, alphabet, cost)
