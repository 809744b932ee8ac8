"""The table of causes, what the checks say, and the pages agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mm_perception import faults
from mm_perception.diagnosis import causes

ROOT = Path(__file__).parents[3]
DIAGNOSIS = ROOT / 'mm_perception' / 'diagnosis'


def said() -> set[str]:
    """Every cause that the doctor can report: not those of `mmp rig`."""
    found = set()
    for path in DIAGNOSIS.glob('*.py'):
        if path.name == 'rig.py':
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            is_finding = isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'Finding'
            if is_finding and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                found.add(node.args[1].value)
    from mm_perception.diagnosis.nodes import CAUSE_OF_ERROR

    return found | set(CAUSE_OF_ERROR.values())


def test_every_cause_is_in_the_table_and_can_be_said() -> None:
    assert said() == set(causes.CAUSES)


def test_consequences_exist_and_come_later() -> None:
    for name, cause in causes.CAUSES.items():
        for follower in (*cause.explains, *cause.explains_all):
            assert causes.rank(follower) > causes.rank(name), (name, follower)


@pytest.mark.parametrize(
    ('page', 'table'),
    [('doctor.md', causes.markdown_table()), ('diagnostics.md', faults.markdown_table())],
)
def test_pages_hold_the_tables(page: str, table: str) -> None:
    text = (ROOT / 'docs' / page).read_text()
    assert table in text, f'run: ./mmp doctor --markdown, and paste the table into docs/{page}'


def test_every_cause_that_the_pages_name_exists() -> None:
    known = set(causes.CAUSES)
    text = (ROOT / 'docs' / 'doctor.md').read_text()
    named = set(re.findall(r'(?:begin with|follows from|ERROR|WARN) +([a-z]+_[a-z_]+)', text))
    assert named
    assert named <= known


def test_what_diagnostics_says_is_on_its_page() -> None:
    """The phrases of `ros.diagnostics.judge` are explained word for word."""
    source = (ROOT / 'mm_perception' / 'ros' / 'diagnostics.py').read_text()
    page = (ROOT / 'docs' / 'diagnostics.md').read_text()
    for phrase in (
        'not active: ', 'waiting for required input: ', 'idle: nobody subscribes to an output',
        'running', 'nothing yet', 'silent for ', 'publishers: ',
    ):  # fmt: skip
        assert phrase in source, phrase
        assert phrase.strip() in page, phrase
