"""Where a thing goes that shall be put next to, on or behind another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm_perception.samples import Relation
from mm_perception.samples.sample import Array
from mm_perception.selecting.surfaces import Surface

_ROOM_M = 0.1  # between things that stand side by side


def destination_of(
    relation: Relation, anchors: Sequence[Surface], thing: Surface, fixed_from_camera: Array
) -> Array | None:
    """(3,) metres in the fixed frame: the middle of where a thing shall be.

    Left and right, behind and in front are as the camera sees them; up is the z axis of the fixed
    frame. What of a thing nobody sees does not count, so the place is that of its seen side.

    Args:
        relation: How it shall lie to the anchors.
        anchors: Seen sides of the others; two for BETWEEN.
        thing: Seen side of the one to be moved.
        fixed_from_camera: (4, 4) of who speaks.

    Returns:
        None where there is no such place.

    Convention:
        With the camera looking along x, a thing of no size to the left of an anchor of no size at
        (3, 0, 0) is at (3, 0.1, 0).
    """
    if relation is Relation.BETWEEN:
        return np.mean([a.centre for a in anchors], axis=0) if len(anchors) == 2 else None
    if len(anchors) != 1:
        return None
    anchor = anchors[0]
    away = anchor.centre - fixed_from_camera[:3, 3]
    ahead = np.array([away[0], away[1], 0.0])
    ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
    left = np.array([-ahead[1], ahead[0], 0.0])
    up = np.array([0.0, 0.0, 1.0])
    # "Next to" is on the side where the thing is now.
    side = 1.0 if (thing.centre - anchor.centre) @ left > 0 else -1.0
    ways = {
        Relation.LEFT_OF: (left, _ROOM_M), Relation.RIGHT_OF: (-left, _ROOM_M),
        Relation.NEXT_TO: (side * left, _ROOM_M), Relation.BEHIND: (ahead, _ROOM_M),
        Relation.IN_FRONT_OF: (-ahead, _ROOM_M), Relation.ON: (up, 0.0),
        Relation.UNDER: (-up, 0.0),
    }  # fmt: skip
    if relation not in ways:
        return None
    along, room = ways[relation]
    reach = float(np.abs(along) @ (anchor.size + thing.size)) / 2 + room
    return np.asarray(anchor.centre + reach * along)
