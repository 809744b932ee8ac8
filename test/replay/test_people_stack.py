"""A bag in, skeletons out: read back, drawn into a film, and the same bytes twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm_perception.bag.gallery import draw_bag
from mm_perception.bag.offline import OfflineRun, full_wiring
from mm_perception.graph import load_stack, parse_stack
from mm_perception.samples import Skeletons
from test.data.shape_bag import IMAGE, write_shape_bag
from test.replay.masker_stack import records_of
from test.replay.test_home_stack import samples_on

SKELETONS = '/pose/output/skeletons'
NODES = {
    'colour_tracker': {'inputs': {'image': IMAGE}, 'parameters': {'prompts': ['yellow']}},
    'pose': {
        'inputs': {'masks': 'colour_tracker.masks', 'image': IMAGE},
        'parameters': {'weights': 'random', 'people': ['yellow'], 'min_score': 0.0},
    },
}


def replay(bag: Path, out: Path) -> OfflineRun:
    run = OfflineRun(parse_stack('people', {'nodes': NODES}), bag, out)
    report = run.run()
    assert report.problem == ''
    assert not report.nodes['pose'].stats.failures
    return run


def test_every_picture_gets_the_joints_of_who_is_in_it(tmp_path: Path) -> None:
    bag = write_shape_bag(tmp_path / 'bag', num_frames=5)
    out, again = tmp_path / 'out', tmp_path / 'again'
    replay(bag, out)
    found: list[Skeletons] = samples_on(out, SKELETONS, Skeletons)
    masks = records_of(out, '/colour_tracker/output/masks')
    assert len(found) == len(masks) == 5
    assert all(skeletons.ids == (1,) for skeletons in found)
    assert all(np.isfinite(s.points[s.known()]).all() for s in found)
    assert len(records_of(out, f'{SKELETONS}/annotations')) == 5
    replay(bag, again)
    assert [r.data for r in records_of(again, SKELETONS)] == [
        r.data for r in records_of(out, SKELETONS)
    ]


def test_skeletons_are_drawn_into_a_film(tmp_path: Path) -> None:
    bag = write_shape_bag(tmp_path / 'bag', num_frames=3)
    node = replay(bag, tmp_path / 'out').stack.node('pose')
    gallery = draw_bag(tmp_path / 'out', {'pose': full_wiring(node)}, tmp_path)
    assert gallery.frames == 3
    assert {path.name for path in gallery.files} == {'pose.mp4', 'pose.png'}


def test_the_shipped_stack_links_its_nodes() -> None:
    stack = load_stack('people')
    assert stack.node('pose').links() == {'masks': ('text_tracker', 'masks')}
    assert stack.node('pose').parameters.get('weights', 'nano') == 'nano'
