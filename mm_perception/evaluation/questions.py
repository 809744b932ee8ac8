"""What to ask of a world: some texts that name what is there, some that name nothing.

An absent text pairs a colour and a kind that the world has, but not together: a system that
listens to one of the two words alone is found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mm_perception.evaluation.naming import MIN_PIXELS, Name, map_of, split_label
from mm_perception.samples import Masks
from mm_perception.world.materials import COLOURS

_DULL = ('white', 'grey', 'black', 'brown')


@dataclass(frozen=True)
class Questions:
    """Names to ask for.

    Attributes:
        present: Something of that name is seen from the start.
        absent: Nothing of that name exists in the world.
    """

    present: tuple[Name, ...]
    absent: tuple[Name, ...]

    @property
    def all(self) -> tuple[Name, ...]:
        """Present ones first."""
        return self.present + self.absent

    def runs(self) -> list[tuple[Name, ...]]:
        """What to ask together: names that share neither colour nor kind, nor presence.

        All texts of a run share one map of ids; so a system that confuses two of them, or raises a
        false alarm, does not also lose pixels of another text that it has right.
        """
        groups: list[list[Name]] = []
        for names in (self.present, self.absent):
            first = len(groups)
            for name in names:
                free = (
                    group
                    for group in groups[first:]
                    if all(n.kind != name.kind and n.colour != name.colour for n in group)
                )
                group = next(free, None)
                if group is None:
                    group = []
                    groups.append(group)
                group.append(name)
        return [tuple(group) for group in groups]


def seen_names(
    frames: Sequence[Masks], min_pixels: int = MIN_PIXELS, share: float = 0.5
) -> set[Name]:
    """Names of what is well in view.

    Args:
        frames: Truths of one camera.
        min_pixels: An instance of fewer pixels is not in view.
        share: Of the frames, in which an instance of the name has to be in view.
    """
    counts: Counter[Name] = Counter()
    for masks in frames:
        sizes = np.bincount(masks.id_map.reshape(-1), minlength=max(masks.ids, default=0) + 1)
        pairs = zip(masks.ids, masks.labels, strict=True)
        counts.update({split_label(label) for i, label in pairs if sizes[i] >= min_pixels})
    return {name for name, count in counts.items() if count >= max(share * len(frames), 1)}


def clearest_name(frames: Sequence[Masks]) -> Name | None:
    """What shows best: of a bright colour, often in view, and large; None if there is nothing.

    Args:
        frames: Truths of one camera.
    """
    bright = [n for n in seen_names(frames, share=0.3) if n.colour and n.colour not in _DULL]
    areas = {
        name: sum(int(np.count_nonzero(map_of(name, masks))) for masks in frames)
        for name in sorted(bright)
    }
    return max(areas, key=areas.__getitem__, default=None)


def choose_questions(
    seen: Collection[Name],
    world: Collection[Name],
    rng: np.random.Generator,
    *,
    num_present: int = 4,
    num_absent: int = 4,
) -> Questions:
    """Choose what to ask.

    Args:
        seen: What is in view at the start.
        world: Everything in the world, seen or not.
        rng: Decides.
        num_present: Most texts that name something; fewer where less is seen.
        num_absent: Texts that name nothing.
    """
    coloured = sorted(name for name in seen if name.colour)
    order = rng.permutation(len(coloured))[:num_present]
    return Questions(tuple(coloured[index] for index in order), _absent(world, rng, num_absent))


def _absent(world: Collection[Name], rng: np.random.Generator, number: int) -> tuple[Name, ...]:
    """Pairs that nothing has; those come first whose colour and kind are both in the world."""
    kinds = Counter(name.kind for name in world if name.colour)
    colours = Counter(name.colour for name in world if name.colour)
    for colour in COLOURS:  # a tiny world may have every pair of what is in it
        colours.setdefault(colour, 0)
    free = [Name(k, c) for k in sorted(kinds) for c in sorted(colours) if Name(k, c) not in world]
    order = rng.permutation(len(free))
    near = sorted(order, key=lambda i: colours[free[i].colour] == 0)
    return tuple(free[index] for index in near[:number])
