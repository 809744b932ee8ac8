"""Before a text is found for the first time: is something else there, more surely."""

from __future__ import annotations

from collections.abc import Sequence

from mm_perception.nets.clip.engine import ClipEngine
from mm_perception.nets.clip.likeness import likely_rivals
from mm_perception.nets.grounders import Found, Grounder
from mm_perception.plugins.text_tracker.track_book import as_box, box_iou
from mm_perception.samples.sample import Array

#: Two finds of this IoU are of one object.
_SAME_IOU = 0.5
#: A rival has to be surer by this: next to it the choice is a toss of a coin.
_MARGIN = 0.1


def beaten(
    grounder: Grounder, clip: ClipEngine, rgb: Array, texts: Sequence[str],
    found: Sequence[Found], count: int,
) -> list[bool]:  # fmt: skip
    """Whether a text about another colour or another thing is found there, clearly more surely.

    A grounder is asked for one text at a time: it finds "a yellow van" in a yellow car that it is
    far surer to be "a yellow car", and only learns so by being asked.

    Args:
        grounder: Is asked once more.
        clip: Chooses what it is asked: what comes next to the text in its eyes.
        rgb: (H, W, 3) uint8.
        texts: What `found` points into.
        found: N answers of the grounder.
        count: Texts for each of them.

    Returns:
        N of them.
    """
    rivals = [
        set(likely_rivals(clip, rgb, item.box, texts[item.text_index], count)) for item in found
    ]
    asked = sorted(set().union(*rivals))
    if not asked:
        return [False] * len(found)
    others = grounder.ground(rgb, asked, min(item.score for item in found))
    return [
        any(
            other.score > item.score + _MARGIN and asked[other.text_index] in mine
            and box_iou(as_box(other.box), as_box(item.box)) >= _SAME_IOU
            for other in others
        )
        for item, mine in zip(found, rivals, strict=True)
    ]  # fmt: skip
