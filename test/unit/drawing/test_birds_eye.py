"""The picture from above: what is where in it."""

from __future__ import annotations

import numpy as np

from mm_perception.drawing.birds_eye import draw_birds_eye
from mm_perception.samples import BevGrid, Boxes3D, quats_of_yaws


def boxes(*centres: tuple[float, float], yaw: float = 0.0) -> Boxes3D:
    count = len(centres)
    return Boxes3D(
        stamp_ns=0, frame_id='base_link', centres=np.array([[*c, 0.8] for c in centres]).reshape(
            -1, 3
        ),
        sizes=np.tile([4.5, 1.8, 1.5], (count, 1)), quats_xyzw=quats_of_yaws(np.full(count, yaw)),
        scores=np.full(count, 0.5, np.float32), labels=('car',) * count,
        velocities=np.zeros((count, 3)),
    )  # fmt: skip


def grid(layer: str) -> BevGrid:
    """20 m to each side in cells of 1 m; what is more than 5 m to the left is known and full."""
    cells = np.full((1, 40, 40), -1, np.int8)
    cells[0, 25:] = 100
    return BevGrid(
        stamp_ns=0, frame_id='base_link', layers=(layer,), cells=cells, resolution_m=1.0,
        origin=(-20.0, -20.0, 0.0, 0.0),
    )  # fmt: skip


def changed(picture: np.ndarray) -> np.ndarray:
    """Rows and columns that boxes changed."""
    return np.argwhere((picture != draw_birds_eye(boxes(), None, 20.0)).any(axis=-1))


def test_ahead_is_up_and_left_is_left() -> None:
    ahead = changed(draw_birds_eye(boxes((10.0, 0.0)), None, 20.0))
    assert ahead[:, 0].max() < 320 - 16 * 7
    assert abs(np.median(ahead[:, 1]) - 320) < 60
    left = changed(draw_birds_eye(boxes((0.0, 10.0)), None, 20.0))
    assert left[:, 1].min() < 320 - 16 * 10
    assert left[:, 1].max() < 320


def test_a_car_that_drives_ahead_stands_upright_in_the_picture() -> None:
    def extent(yaw: float) -> np.ndarray:
        found = changed(draw_birds_eye(boxes((10.0, 0.0), yaw=yaw), None, 20.0))
        return np.ptp(found[found[:, 1] < 336], axis=0)  # without the text at its right

    along, across = extent(0.0), extent(np.pi / 2)
    assert along[0] > 4.4 * 16
    assert across[0] < 2.2 * 16 + 10


def test_layers_have_colours_and_unknown_is_dark() -> None:
    drawn = draw_birds_eye(boxes(), grid('occupied'), 20.0)
    assert drawn.dtype == np.uint8
    left, right = drawn[600, 40].astype(int), drawn[600, 600].astype(int)
    assert left[0] > 2 * left[2], 'red'
    assert right.max() < 40
    other = draw_birds_eye(boxes(), grid('drivable'), 20.0)
    assert not np.array_equal(other[600, 40], drawn[600, 40])


def test_boxes_far_outside_do_no_harm() -> None:
    draw_birds_eye(boxes((1e7, -1e7), (5.0, 0.0)), grid('lane'), 20.0)
