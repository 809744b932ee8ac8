"""Hints appear where they help, and nowhere else."""

from mm_perception.cli._hints import weights_note


def test_convention_small_weights_on_a_foreign_bag_are_named(tmp_path) -> None:
    nodes = {'n': {'weights': 'nano'}, 'm': {'weights': 'facebook/sam2.1-hiera-tiny'}}
    note = weights_note({'bag': str(tmp_path), 'nodes': nodes})
    assert note.startswith('note: n used')
    assert 'track_public' in note
    (tmp_path / 'truth.json').touch()
    assert weights_note({'bag': str(tmp_path), 'nodes': nodes}) == ''


def test_a_file_is_judged_by_its_folder(tmp_path) -> None:
    (tmp_path / 'truth.json').touch()
    bag = tmp_path / 'drive.mcap'
    bag.touch()
    nodes = {'n': {'grounder_weights': 'nano'}}
    assert weights_note({'bag': str(bag), 'nodes': nodes}) == ''


def test_other_weights_need_no_note(tmp_path) -> None:
    nodes = {'n': {'weights': 'random', 'inferences': 3}}
    assert weights_note({'bag': str(tmp_path), 'nodes': nodes}) == ''
