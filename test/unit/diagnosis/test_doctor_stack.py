"""`mmp doctor --stack` asks about the stack as `mmp run` would start it with the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_perception.cli import main as mmp
from test.data.shape_bag import IMAGE, write_shape_bag


@pytest.fixture
def bag(tmp_path: Path) -> str:
    return str(write_shape_bag(tmp_path / 'bag'))


def test_an_input_that_is_named_is_looked_for(
    bag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['doctor', '--bag', bag, '--stack', 'colour']
    assert mmp.main([*words, '--input', f'image={IMAGE}']) == 0
    assert IMAGE in capsys.readouterr().out
    assert mmp.main([*words, '--input', 'image=/nowhere/image']) == 2
    assert '/nowhere/image' in capsys.readouterr().out


def test_a_parameter_that_is_set_is_checked(bag: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ['doctor', '--bag', bag, '--stack', 'colour', '--set', 'device=cuda:99']
    assert mmp.main(words) == 2
    assert 'cuda:99' in capsys.readouterr().out


@pytest.mark.parametrize('option', ['--set', '--input'])
def test_without_a_stack_there_is_nothing_to_change(
    option: str, bag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mmp.main(['doctor', '--bag', bag, option, 'finder.image=/cam']) == 2
    assert f"{option} is 'finder.image=/cam'; expected --stack" in capsys.readouterr().err
