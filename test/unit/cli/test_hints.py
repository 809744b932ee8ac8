"""Hints appear where they help, and nowhere else."""

from mm_perception.cli._hints import failure_of, refused, unanswered, weights_note


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


def test_convention_one_line_for_all_cameras_that_say_the_same() -> None:
    def state(camera: str, state: str, message: str = 'no area is red') -> dict[str, str]:
        return {'prompt': 'red', 'camera': camera, 'state': state, 'message': message}

    states = [state('back', 'SEARCHING'), state('back', 'NOT_FOUND'), state('front', 'NOT_FOUND')]
    assert unanswered(states) == ['red: not_found (no area is red) on back, front']
    assert unanswered([*states, state('back', 'FOUND')]) == [
        'red: not_found (no area is red) on front'
    ]
    assert unanswered([state('', 'REJECTED', 'no')]) == ['red: rejected (no)']
    spoken = {**state('', 'REJECTED', 'no'), 'prompt': 'said-1700000000352000000-0'}
    assert unanswered([spoken]) == ['what was said: rejected (no)']


def test_convention_refused_is_what_nobody_has_taken() -> None:
    def states(*told: str) -> list[dict[str, str]]:
        return [dict(zip(('prompt', 'state'), one.split(': '), strict=True)) for one in told]

    assert refused(['red'], states('red: REJECTED')) == ['red']
    assert refused(['red'], states('red: REJECTED', 'red: NOT_FOUND')) == []
    assert refused(['red'], states('red: NOT_FOUND', 'blue: REJECTED')) == [], 'of the bag'
    clicked = states('click 1.00 2.00 0.00: PENDING', 'click 1.00 2.00 0.00: REJECTED')
    assert refused(['click:1,2,0@odom'], clicked) == ['click 1.00 2.00 0.00']


def test_why_a_node_failed_is_found_offline_and_online() -> None:
    rows = [
        {'node': 'n', 'level': 'ERROR', 'message': 'ERROR: no such encoding', 'count': 3},
        {'node': 'n', 'level': 'WARN', 'message': 'late', 'count': 1},
        {'node': 'm', 'level': 'ERROR', 'message': 'other', 'count': 1},
    ]
    assert failure_of('n', {'nodes': {'n': {'last_failure': 'bad'}}}) == 'bad'
    online = {'nodes': {'n': {}, 'k': {}}, 'diagnostics': rows}
    assert failure_of('n', online) == 'ERROR: no such encoding'
    assert failure_of('k', online) == ''
