"""How long threads of torch spin while they wait: short, unless the user has said something."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

VARIABLES = ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')
UNSET = {name: value for name, value in os.environ.items() if name not in VARIABLES}


def said_by_openmp(**environment: str) -> str:
    """What libgomp read when torch was imported after us."""
    done = subprocess.run(
        [sys.executable, '-c', 'import mm_perception, torch'], text=True, capture_output=True,
        env={**UNSET, **environment, 'OMP_DISPLAY_ENV': 'verbose'}, check=True,
    )  # fmt: skip
    if 'GOMP_SPINCOUNT' not in done.stderr:
        pytest.skip('this torch is not built with libgomp')
    return done.stderr


def test_threads_wait_without_holding_their_cores() -> None:
    assert "GOMP_SPINCOUNT = '3000'" in said_by_openmp()


@pytest.mark.parametrize(
    ('variable', 'value', 'count'),
    [('GOMP_SPINCOUNT', '70', '70'), ('OMP_WAIT_POLICY', 'PASSIVE', '0')],
)
def test_what_the_user_has_set_stands(variable: str, value: str, count: str) -> None:
    assert f"GOMP_SPINCOUNT = '{count}'" in said_by_openmp(**{variable: value})
