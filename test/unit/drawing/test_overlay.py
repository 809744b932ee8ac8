"""What is drawn, and what must stay as it was."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mm_perception.drawing import (
    colour_of,
    draw_banner,
    draw_masks,
    draw_prompt,
    enlarged,
    fitted,
)
from mm_perception.samples import Masks, Prompt

GREY = 90


def ground(height: int = 180, width: int = 320) -> Any:
    return np.full((height, width, 3), GREY, np.uint8)


def masks(**regions: tuple[slice, slice]) -> Masks:
    """Masks on `ground`, ids in order, named as the arguments."""
    id_map = np.zeros((180, 320), np.uint16)
    for instance_id, region in enumerate(regions.values(), 1):
        id_map[region] = instance_id
    return Masks(
        stamp_ns=1,
        frame_id='camera',
        id_map=id_map,
        ids=tuple(range(1, len(regions) + 1)),
        labels=tuple(regions),
        scores=np.full(len(regions), 0.5, np.float32),
    )


def test_the_inside_of_a_mask_leans_towards_its_colour() -> None:
    drawn = draw_masks(ground(), masks(dog=(slice(60, 140), slice(100, 200))))
    inside = drawn[100, 150].astype(int)
    towards = np.array(colour_of(1)) - GREY
    share = (inside - GREY) @ towards / (towards @ towards)
    assert 0.15 < share < 0.5, 'seen, and the object keeps a colour of its own'


def test_pixels_far_from_any_mask_stay() -> None:
    drawn = draw_masks(ground(), masks(dog=(slice(60, 140), slice(100, 200))))
    assert (drawn[:, 260:] == GREY).all()
    assert (drawn[150:, :] == GREY).all()


def test_the_picture_itself_is_not_changed() -> None:
    picture = ground()
    picture.flags.writeable = False
    draw_masks(picture, masks(dog=(slice(60, 140), slice(100, 200))))
    draw_banner(picture, ['line'])
    assert (picture == GREY).all()


def test_nothing_found_is_the_picture_as_it_was() -> None:
    assert (draw_masks(ground(), masks()) == GREY).all()


def test_a_hidden_track_has_no_tag() -> None:
    hidden = masks(dog=(slice(0, 0), slice(0, 0)))
    assert hidden.ids == (1,)
    assert (draw_masks(ground(), hidden) == GREY).all()


@pytest.mark.parametrize(
    'region',
    [
        (slice(0, 20), slice(0, 20)),
        (slice(0, 20), slice(300, 320)),
        (slice(160, 180), slice(300, 320)),
        (slice(0, 180), slice(0, 320)),
    ],
    ids=['upper left', 'upper right', 'lower right', 'all'],
)
def test_tags_at_the_edge_stay_inside(region: tuple[slice, slice]) -> None:
    """Other letters at the edge, other pixels: the tag was not clipped away."""
    one = draw_masks(ground(), masks(aaaaaa=region))
    other = draw_masks(ground(), masks(WWWWWW=region))
    assert one.shape == other.shape == (180, 320, 3)
    assert (one != other).any()


def test_tags_in_one_place_do_not_hide_each_other() -> None:
    """A mask inside another that begins in the same corner: both names can be read."""
    outer, inner = (slice(0, 150), slice(0, 200)), (slice(0, 60), slice(0, 60))
    drawn = draw_masks(ground(), masks(a=outer, b=inner))
    inked = {i: (drawn == np.array(colour_of(i))).all(axis=2).sum() for i in (1, 2)}
    alone = draw_masks(ground(), masks(a=outer))
    (one_tag,) = [(alone == np.array(colour_of(1))).all(axis=2).sum()]
    assert inked[1] > one_tag / 2
    assert inked[2] > one_tag / 2


def test_a_label_that_is_wider_than_the_picture_is_drawn() -> None:
    label = 'a very long description of a thing that nobody can see in this small picture'
    drawn = draw_masks(ground(), masks(**{label: (slice(60, 140), slice(100, 200))}))
    assert drawn.shape == (180, 320, 3)


def test_without_tags_only_the_mask_is_drawn() -> None:
    region = (slice(60, 140), slice(100, 200))
    drawn = draw_masks(ground(), masks(dog=region), has_tags=False)
    changed = np.argwhere((drawn != GREY).any(axis=2))
    assert changed.min(axis=0).tolist() >= [57, 97]
    assert (draw_masks(ground(), masks(dog=region)) != drawn).any()


def test_small_pictures_are_enlarged_with_their_masks() -> None:
    found = masks(dog=(slice(60, 140), slice(100, 200)))
    large = enlarged(ground())
    assert large.shape == (360, 640, 3)
    twice = fitted(found, large)
    assert twice.id_map[120:280, 200:400].all()
    assert np.count_nonzero(twice.id_map) == 160 * 200
    assert enlarged(ground(720, 1280)).shape == (720, 1280, 3)


def test_colours_of_neighbouring_ids_differ() -> None:
    colours = [np.array(colour_of(i)) for i in range(1, 20)]
    assert all(np.abs(a - b).sum() > 120 for a, b in pairwise(colours))
    assert colour_of(7) == colour_of(7)


def test_the_banner_covers_the_lower_edge_only() -> None:
    drawn = draw_banner(ground(), ['front  1.00 s'])
    assert (drawn[:120] == GREY).all()
    assert (drawn[-3:] < GREY).any()


def test_a_prompt_shows_its_points_and_its_box() -> None:
    prompt = Prompt(
        points=np.array([[50.0, 60.0], [250.0, 60.0]], np.float32),
        point_labels=np.array([1, 0], np.int8),
        box=np.array([100, 90, 200, 150], np.float32),
    )
    drawn = draw_prompt(ground(), prompt).astype(int)
    wanted, unwanted = drawn[60, 50], drawn[60, 250]
    assert wanted.argmax() == 1, 'green'
    assert unwanted.argmax() == 0, 'red'
    assert (drawn[90, 150] > GREY).all(), 'upper edge of the box'


def test_letters_can_be_larger_while_outlines_stay() -> None:
    one = masks(dog=(slice(60, 140), slice(100, 200)))
    drawn, larger = draw_masks(ground(), one), draw_masks(ground(), one, letters=2.0)
    assert (drawn[80:] == larger[80:]).all()
    assert (larger[:60] != GREY).any(axis=2).sum() > 2 * (drawn[:60] != GREY).any(axis=2).sum()
