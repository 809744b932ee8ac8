"""The map from above agrees with rays from above, and with the axes that ROS has."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.motion import standing
from mm_perception.world.scene import Part, Scene, Solid, Stage, Thing
from mm_perception.world.street import make_street
from mm_perception.world.truth import CLASSES, Bird, Grid, bird_of, class_below
from test.unit.world.scenes import GREY

GRID = Grid(resolution=0.5, ahead=20.0, behind=10.0, aside=8.0)
ROAD = [
    ('terrain', Solid('plane', (99, 99, 1), (0, 0, -0.1), GREY)),
    ('road', Solid('box', (50, 4, 0.05), (0, 0, -0.05), GREY)),
    ('pavement', Solid('box', (50, 1, 0.1), (0, 5, 0), GREY)),
    ('marking', Solid('box', (50, 0.05, 0.01), (0, 0.1, 0), GREY)),
    ('building', Solid('box', (3, 2, 4), (12, 8, 4), GREY)),
]


def at(bird: Bird, x: float, y: float) -> tuple[str, int]:
    """Class and instance at a place in the frame of the body."""
    row = int((y + bird.grid.aside) / bird.grid.resolution)
    column = int((x + bird.grid.behind) / bird.grid.resolution)
    return CLASSES[bird.classes[row, column]], int(bird.instances[row, column])


def car(x: float, y: float, yaw: float) -> Thing:
    solid = Solid('box', (2.0, 0.9, 0.7), (0, 0, 0.7), GREY)
    return Thing('car', 'red', (4, 1.8, 1.4), [Part([solid], standing(x, y, yaw))])


def test_convention_rows_are_y_and_columns_are_x() -> None:
    centres = Grid().centres()
    np.testing.assert_allclose(centres[0, 0], [-19.875, -19.875])
    np.testing.assert_allclose(centres[80, 81], [0.375, 0.125])
    assert Grid().shape == centres.shape[:2] == (160, 240)
    assert Grid().origin == (-20, -20)


def test_what_is_where_from_a_body_that_looks_along_the_road() -> None:
    stage = Stage(Scene([car(11, -2, 0.0)], ROAD))
    bird = bird_of(stage, 0.0, np.array([5.0, -1.0, 0.0]), 0.0, GRID)
    assert at(bird, 6.2, -0.8) == ('vehicle', 1)
    assert at(bird, 6.2 - 2.5, -0.8) == ('road', 0)
    assert at(bird, 0.2, 1.1) == ('marking', 0)
    assert at(bird, 0.2, 6.2) == ('pavement', 0)
    assert at(bird, 6.2, 7.7) == ('building', 0)
    assert at(bird, 0.2, -4.2) == ('terrain', 0)
    area = (bird.instances == 1).sum() * GRID.resolution**2
    assert area == pytest.approx(4 * 1.8, abs=2)


def test_what_is_where_from_a_body_that_looks_to_the_left() -> None:
    """Ahead is then +y in the world, and to the left -x."""
    stage = Stage(Scene([car(2, 12, 0.3)], ROAD))
    bird = bird_of(stage, 0.0, np.array([5.0, -1.0, 0.0]), np.pi / 2, GRID)
    assert at(bird, 13.2, 3.2) == ('vehicle', 1)
    assert at(bird, 6.2, 0.2) == ('pavement', 0)
    assert at(bird, 8.7, -6.2) == ('building', 0)
    assert at(bird, -5.2, 0.2) == ('terrain', 0)


def test_occupancy_is_what_one_cannot_drive_through() -> None:
    stage = Stage(Scene([car(11, -2, 0.0)], ROAD[1:]))
    bird = bird_of(stage, 0.0, np.zeros(3), 0.0, GRID)
    occupancy = bird.occupancy()
    assert occupancy.dtype == np.int8
    assert set(np.unique(occupancy)) == {-1, 0, 100}
    assert (occupancy[bird.instances > 0] == 100).all()
    assert (occupancy[bird.classes == CLASSES.index('building')] == 100).all()
    assert (occupancy[bird.classes == CLASSES.index('road')] == 0).all()
    assert (occupancy[bird.classes == 0] == -1).all()


@pytest.mark.parametrize('x', [3.0, 3.1, 3.24, 3.25, 3.4])
def test_a_thin_post_is_not_lost_between_cells_and_its_lamp_is_not_in_the_way(x) -> None:
    solids = [
        Solid('cylinder', (0.03, 1.4), (x, 2, 1.4), GREY),
        Solid('box', (2, 2, 0.2), (x, 2, 3.0), GREY),
    ]
    bird = bird_of(Stage(Scene([Thing('lamp', '', (4, 4, 3), [Part(solids)])])), 0.0, np.zeros(3),
                   0.0, GRID)  # fmt: skip
    assert 1 <= (bird.instances == 1).sum() <= 4


def test_the_map_is_what_rays_from_above_meet() -> None:
    stage, body = Stage(make_street(5)), np.array([4.0, -1.7, 0.0])
    bird, high = bird_of(stage, 0.7, body, 0.1, Grid(resolution=0.5)), np.array([4.0, -1.7, 4000])
    yaw = np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    places = bird.grid.centres().reshape(-1, 2) @ yaw.T + body[:2]
    rays = np.concatenate([places, np.zeros((len(places), 1))], 1) - high
    hits = stage.cast(high, rays / np.linalg.norm(rays, axis=1, keepdims=True))
    kinds = np.array(stage.kinds)[hits.geom]
    mapped = np.array(CLASSES)[bird.classes.reshape(-1)]
    bare = (stage.instances[hits.geom] == 0) & (bird.instances.reshape(-1) == 0)
    assert bare.mean() > 0.7
    wide = bare & ~np.isin(mapped, ['marking', 'crossing'])
    assert (kinds[wide] == mapped[wide]).mean() > 0.98
    for kind in ('car', 'van', 'bus', 'truck'):
        own = kinds == kind
        same = stage.instances[hits.geom[own]] == bird.instances.reshape(-1)[own]
        assert not own.any() or same.mean() > 0.9


def test_the_ground_below_a_place() -> None:
    stage = Stage(Scene([], ROAD))
    found = [class_below(stage, np.array(xy)) for xy in ((0, 2), (0, 5), (0, 0.1), (0, 30))]
    assert found == ['road', 'pavement', 'marking', 'terrain']
    assert class_below(Stage(Scene([], ROAD[1:])), np.array([0, 30])) == 'unknown'
