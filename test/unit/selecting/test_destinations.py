"""Places beside things."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.samples import Relation
from mm_perception.selecting.destinations import destination_of
from mm_perception.selecting.surfaces import Surface


def thing(at: tuple[float, float, float], size: tuple[float, float, float]) -> Surface:
    place = np.array(at, np.float64)
    return Surface(place, np.array([-1.0, 0, 0]), place, np.array(size, np.float64), 9)


@pytest.mark.parametrize(
    ('relation', 'place'),
    [
        (Relation.LEFT_OF, (3, 0.1, 0)), (Relation.RIGHT_OF, (3, -0.1, 0)),
        (Relation.BEHIND, (3.1, 0, 0)), (Relation.IN_FRONT_OF, (2.9, 0, 0)),
        (Relation.NEXT_TO, (3, -0.1, 0)), (Relation.ON, (3, 0, 0)),
    ],
)  # fmt: skip
def test_convention_places(relation: Relation, place: tuple[float, float, float]) -> None:
    anchor, moved = thing((3, 0, 0), (0, 0, 0)), thing((2, -1, 0), (0, 0, 0))
    found = destination_of(relation, [anchor], moved, np.eye(4))
    np.testing.assert_allclose(found, place, atol=1e-12)


def test_things_do_not_stand_in_each_other() -> None:
    table, cup = thing((3, 0, 0.4), (1.0, 1.6, 0.8)), thing((1, 1, 0.1), (0.1, 0.1, 0.2))
    found = destination_of(Relation.ON, [table], cup, np.eye(4))
    np.testing.assert_allclose(found, [3, 0, 0.9])
    beside = destination_of(Relation.NEXT_TO, [table], cup, np.eye(4))
    np.testing.assert_allclose(beside, [3, 0.95, 0.4])


def test_between_needs_two() -> None:
    one, two = thing((3, -1, 0), (1, 1, 1)), thing((3, 2, 0), (1, 1, 1))
    found = destination_of(Relation.BETWEEN, [one, two], one, np.eye(4))
    np.testing.assert_allclose(found, [3, 0.5, 0])
    assert destination_of(Relation.BETWEEN, [one], one, np.eye(4)) is None
    assert destination_of(Relation.ON, [], one, np.eye(4)) is None
    assert destination_of(Relation.NONE, [one], two, np.eye(4)) is None
