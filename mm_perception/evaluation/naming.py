"""How well a text such as "the red car" is answered: overlap, tracks, and silence where it is due.

The truth of a text is every instance of its colour and kind; two red cars are both "the red car".
An instance counts in pictures that show at least `MIN_PIXELS` of it; where fewer show, its pixels
are nobody's: marking them is neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm_perception.errors import PromptError, ShapeError
from mm_perception.evaluation.masks import mask_iou
from mm_perception.evaluation.tracking import TrackScores, has_trackeval, score_tracks, together
from mm_perception.samples import Masks
from mm_perception.samples.sample import Array
from mm_perception.world.materials import COLOURS

MIN_PIXELS = 100
#: Mean IoU from which on an object counts as found.
FOUND_IOU = 0.5
_ARTICLES = ('a', 'an', 'the')
_SPELLINGS = {'gray': 'grey'}
_COLOURS = frozenset(COLOURS) | {'cyan'}


@dataclass(frozen=True, order=True)
class Name:
    """What a text means.

    Attributes:
        kind: Class name, may have several words.
        colour: Named colour; empty for any.
    """

    kind: str
    colour: str = ''

    @property
    def text(self) -> str:
        """As it is asked for: 'the red car'."""
        return f'the {self.colour} {self.kind}' if self.colour else f'the {self.kind}'

    def fits(self, thing: Name) -> bool:
        """Whether a thing of that name is meant; without a colour every thing of the kind is."""
        return thing.kind == self.kind and self.colour in ('', thing.colour)


def split_label(label: str) -> Name:
    """Colour and kind of a label of the truth.

    Convention:
        'red car' is a car that is red; 'traffic light' has no colour, for 'traffic' is none.
    """
    first, _, rest = label.strip().lower().partition(' ')
    colour = _SPELLINGS.get(first, first)
    return Name(rest, colour) if rest and colour in _COLOURS else Name(label.strip().lower())


def parse_name(text: str, kinds: Collection[str]) -> Name:
    """Understand a text: an article if you like, a colour if you like, a kind.

    Args:
        text: Such as 'the red car', 'a car', 'Red car.'.
        kinds: Class names that there are, from the truth.

    Raises:
        PromptError: It ends in none of the kinds, or has other words besides.
    """
    words = text.lower().replace('.', ' ').replace(',', ' ').split()
    if words and words[0] in _ARTICLES:
        words = words[1:]
    name = split_label(' '.join(words))
    if name.kind not in kinds:
        known = ', '.join(sorted(kinds))
        raise PromptError('not a colour and a kind', text, f'the kinds are: {known}')
    return name


def map_of(name: Name, masks: Masks) -> Array:
    """The instances of the truth that a name means.

    Returns:
        (H, W) uint16, their ids, 0 elsewhere.
    """
    ids = [
        i
        for i, label in zip(masks.ids, masks.labels, strict=True)
        if name.fits(split_label(label))
    ]
    return np.where(np.isin(masks.id_map, ids), masks.id_map, 0).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class Answer:
    """What became of one text in one camera.

    Attributes:
        id_maps: T maps, (H, W) uint16: tracks that answer the text, all 0 where nothing does.
        is_claimed: It was ever said that the text was found.
        is_denied: It was ever said that nothing answers the text, or that it cannot be used.
        scores: Of tracks by id, for each of the T frames; empty where they have none.
    """

    id_maps: Sequence[Array]
    is_claimed: bool = False
    is_denied: bool = False
    scores: Sequence[Mapping[int, float]] = ()


@dataclass(frozen=True, eq=False)
class PresentScore:
    """How a text was answered that names something.

    Attributes:
        ious: (T,) float64 overlap with all that is meant, NaN in frames that do not show it.
        tracks: Of the instances, each on its own; None without TrackEval.
    """

    ious: npt.NDArray[np.float64]
    tracks: TrackScores | None

    @property
    def mean_iou(self) -> float:
        """Mean over the frames that show it; NaN if none does."""
        shown = self.ious[~np.isnan(self.ious)]
        return float(shown.mean()) if len(shown) else float('nan')


@dataclass(frozen=True)
class AbsentScore:
    """How a text was answered that names nothing.

    Attributes:
        alarm_frames: Share of frames in which something was marked.
        is_alarm: Something was marked in some frame, or said to be found.
        is_rejected: No alarm, and it was said that there is nothing: silence is not enough.
    """

    alarm_frames: float
    is_alarm: bool
    is_rejected: bool


def score_present(
    truth: Sequence[Array], answer: Answer, min_pixels: int = MIN_PIXELS
) -> PresentScore:
    """Compare an answer with what the text means.

    Args:
        truth: T maps, (H, W) uint16, of `map_of`.
        answer: Of the same T pictures.
        min_pixels: Instances of fewer pixels do not count.

    Raises:
        ShapeError: Different numbers of frames, or sizes.
    """
    if len(truth) != len(answer.id_maps):
        raise ShapeError('frames of an answer', f'{len(truth)}', f'{len(answer.id_maps)}')
    pairs = [without_small(t, f, min_pixels) for t, f in zip(truth, answer.id_maps, strict=True)]
    ious = [mask_iou(t > 0, f > 0) if t.any() else np.nan for t, f in pairs]
    tracks = None
    if has_trackeval():  # no run-time dependency: without it there are fewer scores
        tracks = score_tracks([t for t, _ in pairs], [f for _, f in pairs])
    return PresentScore(np.array(ious, np.float64), tracks)


def score_absent(answer: Answer) -> AbsentScore:
    """Judge the answer to a text that names nothing."""
    marked = [bool(ids.any()) for ids in answer.id_maps]
    is_alarm = any(marked) or answer.is_claimed
    share = float(np.mean(marked)) if marked else 0.0
    return AbsentScore(share, is_alarm, answer.is_denied and not is_alarm)


def without_small(truth: Array, found: Array, min_pixels: int) -> tuple[Array, Array]:
    """Take out instances that are too small to count, and what marks them.

    Args:
        truth: (H, W) uint16.
        found: (H, W) uint16.
        min_pixels: Least number of pixels of an instance that counts.

    Returns:
        Both maps without the pixels of small instances; of `found` also without what lies for
        more than half on such pixels.
    """
    sizes = np.bincount(truth.reshape(-1))
    small = np.flatnonzero((sizes > 0) & (sizes < min_pixels))
    nobody = np.isin(truth, small[small > 0])
    if not nobody.any():
        return truth, found
    areas = np.bincount(found.reshape(-1))
    inside = np.bincount(found[nobody], minlength=len(areas))
    dropped = np.isin(found, np.flatnonzero(2 * inside > areas)) | nobody
    return np.where(nobody, 0, truth), np.where(dropped, 0, found)


@dataclass(frozen=True)
class NamingScores:
    """Scores over many texts; NaN where there was no text to score.

    Attributes:
        mean_iou: Mean over present texts of their mean IoU.
        found: Share of present texts with a mean IoU of at least `FOUND_IOU`.
        tracks: Over all present texts, every mask counting alike; None without TrackEval.
        false_alarms: Share of absent texts that were answered at all.
        alarm_frames: Mean share of frames in which an absent text was answered.
        rejected: Share of absent texts that were rejected in words and never answered.
        num_present: Texts.
        num_absent: Texts.
    """

    mean_iou: float
    found: float
    tracks: TrackScores | None
    false_alarms: float
    alarm_frames: float
    rejected: float
    num_present: int
    num_absent: int

    def numbers(self) -> dict[str, float | int | None]:
        """All scores, rounded; None for NaN, as JSON knows no NaN."""
        names = ('mean_iou', 'found', 'false_alarms', 'alarm_frames', 'rejected')
        own = {name: rounded(getattr(self, name)) for name in names}
        tracks = self.tracks.numbers() if self.tracks else {}
        return {**own, **tracks, 'num_present': self.num_present, 'num_absent': self.num_absent}


def summarise(present: Iterable[PresentScore], absent: Iterable[AbsentScore]) -> NamingScores:
    """Scores over texts; present ones that no frame shows are left out."""
    shown = [score for score in present if not np.isnan(score.mean_iou)]
    tracks = [score.tracks for score in shown if score.tracks]
    silent = list(absent)
    return NamingScores(
        mean_iou=_mean([score.mean_iou for score in shown]),
        found=_mean([score.mean_iou >= FOUND_IOU for score in shown]),
        tracks=together(tracks) if tracks else None,
        false_alarms=_mean([score.is_alarm for score in silent]),
        alarm_frames=_mean([score.alarm_frames for score in silent]),
        rejected=_mean([score.is_rejected for score in silent]),
        num_present=len(shown),
        num_absent=len(silent),
    )


def rounded(value: float) -> float | None:
    """Four digits; None for NaN."""
    return None if np.isnan(value) else round(float(value), 4)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float('nan')
