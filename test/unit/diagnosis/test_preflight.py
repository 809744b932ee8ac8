"""Weights and device of a stack that is not started yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_perception.diagnosis import preflight
from mm_perception.diagnosis.preflight import check_stack
from mm_perception.diagnosis.snapshot import Machine
from mm_perception.errors import DeviceError
from mm_perception.faults import Level
from mm_perception.graph import load_stack, parse_stack
from mm_perception.weights import problem_with


def stack(**parameters: object):
    node = {'plugin': 'sam2', 'inputs': {'image': '/cam'}, 'parameters': parameters}
    return parse_stack('mine', {'nodes': {'seg': node}})


def test_hub_id_that_was_not_fetched() -> None:
    (finding,) = check_stack(stack(weights='nobody/nothing', device='cpu'), Machine(), 'robot')
    assert (finding.level, finding.cause) == (Level.ERROR, 'model_missing')
    assert finding.subject == '/robot/seg'
    assert "parameter weights is 'nobody/nothing'" in finding.evidence
    assert finding.fix == 'run: mmp fetch nobody/nothing'


def no_device(name: str) -> str:
    """As on a machine without GPU; test_doctor asks torch."""
    raise DeviceError(name, 'there are 0 CUDA devices')


@pytest.mark.parametrize('machine', [Machine(), Machine(gpus=('RTX',))])
def test_device_that_is_not_there(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, 'resolve_device', no_device)
    (finding,) = check_stack(stack(device='cuda:99'), machine)
    assert (finding.level, finding.cause) == (Level.ERROR, 'device_missing')
    assert "'cuda:99'" in finding.evidence
    assert ('RTX' if machine.gpus else 'no NVIDIA GPU') in finding.evidence
    assert 'nodes.seg.parameters.device: auto' in finding.fix


@pytest.mark.parametrize('source', ['nano', 'random', 'random:tiny', '', 'pocketsphinx', '.'])
def test_words_of_which_nothing_is_known_to_be_wrong(source: str) -> None:
    assert problem_with(source) is None


@pytest.mark.parametrize('source', ['/nowhere/model', 'model.pt', './x.safetensors'])
def test_files_that_are_not_there(source: str) -> None:
    problem = problem_with(source)
    assert problem is not None
    assert problem.problem == 'there is no such file'


def test_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / 'model.pt').touch()
    assert problem_with(str(tmp_path / 'model.pt')) is None


@pytest.mark.parametrize('name', ['track', 'voice'])
def test_our_own_stacks_need_nothing_that_is_not_here(name: str) -> None:
    assert check_stack(load_stack(name), Machine()) == []
