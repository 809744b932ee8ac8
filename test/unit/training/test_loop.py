"""The loop: it learns, goes on where it stopped, and says when something is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mm_perception.training import loop
from mm_perception.training.loop import (
    CHECKPOINT,
    LOG,
    Settings,
    _batches,
    carry_over,
    learning_rate,
    make_optimizers,
    train,
)

CPU = torch.device('cpu')
TRUE_WEIGHTS = torch.tensor([[1.0, -2.0, 0.5]])


class Line:
    """Linear regression; `stop_at` fails like a machine that is switched off."""

    def __init__(self, settings: Settings, stop_at: int = 10**9) -> None:
        self.settings, self._stop_at = settings, stop_at

    def build(self) -> nn.Module:
        return nn.Linear(3, 1)

    def batch(self, step: int) -> Tensor:
        if step == self._stop_at:
            raise KeyboardInterrupt
        return torch.randn(16, 3, generator=torch.Generator().manual_seed(step))

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        error = (model(batch) - batch @ TRUE_WEIGHTS.T).square().mean()
        return {'error': error, '_logged': error.detach() * 0 + 7}

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        assert not model.training
        return {'score': float(model.weight.detach()[0, 0])}


def settings(**changes: Any) -> Settings:
    base = {'steps': 60, 'learning_rate': 0.3, 'weight_decay': 0.0, 'warm_up': 5, 'average': 0.8,
            'validate_every': 20, 'log_every': 10, 'is_mixed': False}  # fmt: skip
    return Settings(**{**base, **changes})


@pytest.mark.parametrize('optimizer', ['adamw', 'muon'])
def test_it_learns(tmp_path, optimizer: str) -> None:
    plan = settings(steps=200, optimizer=optimizer)
    model = train(Line(plan), tmp_path, CPU, report=lambda line: None)
    torch.testing.assert_close(model.weight.detach(), TRUE_WEIGHTS, atol=0.05, rtol=0)
    assert not model.training


@pytest.mark.parametrize('optimizer', ['adamw', 'muon'])
def test_a_training_that_was_cut_goes_on_to_the_same_weights(tmp_path, optimizer: str) -> None:
    plan = settings(optimizer=optimizer)
    whole = train(Line(plan), tmp_path / 'whole', CPU, report=lambda line: None)
    with pytest.raises(KeyboardInterrupt):
        train(Line(plan, stop_at=45), tmp_path / 'cut', CPU, report=lambda line: None)
    again = train(Line(plan), tmp_path / 'cut', CPU, report=lambda line: None)
    torch.testing.assert_close(again.weight, whole.weight, atol=0, rtol=0)
    steps = [json.loads(line)['step'] for line in (tmp_path / 'cut' / LOG).open()]
    assert steps == [10, 20, 20, 30, 40, 40, 50, 60, 60]


def test_muon_turns_matrices_and_leaves_tables_kernels_and_vectors_to_adamw() -> None:
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.Conv2d(3, 2, 1))
    muon, adamw = make_optimizers(net, settings(optimizer='muon'))
    assert [id(p) for g in muon.param_groups for p in g['params']] == [id(net[1].weight)]
    rest = {id(p) for g in adamw.param_groups for p in g['params']}
    assert rest == {id(p) for p in net.parameters()} - {id(net[1].weight)}
    (only,) = make_optimizers(net, settings())
    assert sum(len(g['params']) for g in only.param_groups) == len(list(net.parameters()))


def test_the_log_has_losses_and_scores(tmp_path) -> None:
    train(Line(settings(steps=20)), tmp_path, CPU, report=lambda line: None)
    losses, scores = [json.loads(line) for line in (tmp_path / LOG).open()][-2:]
    assert losses['logged'] == 7
    assert losses['loss'] == losses['error']  # what begins with _ does not count
    assert set(scores['held_out']) == {'score'}
    assert (tmp_path / CHECKPOINT).exists()


def test_a_broken_loss_ends_it(tmp_path) -> None:
    class Broken(Line):
        def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
            return {'error': model(batch).sum() * float('nan')}

    with pytest.raises(FloatingPointError, match='by step 9'):
        train(Broken(settings()), tmp_path, CPU, report=lambda line: None)
    assert not (tmp_path / CHECKPOINT).exists()


def test_processes_make_the_same_batches_as_threads() -> None:
    task = Line(settings(steps=6))
    apart, here = ([*_batches(task, 2, 2, torch.device(kind))] for kind in ('cuda', 'cpu'))
    assert [step for step, _ in apart] == [step for step, _ in here] == [2, 3, 4, 5]
    for (_, first), (_, second) in zip(apart, here, strict=True):
        torch.testing.assert_close(first, second, atol=0, rtol=0)


def test_the_learning_rate_rises_and_falls() -> None:
    plan = settings(steps=105, warm_up=5, learning_rate=1.0)
    rates = [learning_rate(plan, step) for step in range(105)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (4, 5)
    assert rates[-1] < 0.02
    assert rates[55] == pytest.approx(0.505, abs=0.01)


def test_the_clock_may_end_it_with_the_rate_at_its_lowest(tmp_path, monkeypatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(loop.time, 'monotonic', lambda: float(next(clock)))
    plan = settings(steps=10**6, log_every=10**6, validate_every=10**6)
    train(Line(plan), tmp_path, CPU, seconds=50.0, report=lambda line: None)
    (ended,) = [json.loads(line) for line in (tmp_path / LOG).open()]
    assert 40 <= ended['step'] <= 60
    assert learning_rate(plan, ended['step'], 1.0) == pytest.approx(0.003)
    assert learning_rate(plan, ended['step'], 0.5) == pytest.approx(0.3 * 0.505, rel=1e-3)


def test_seeds_decide(tmp_path) -> None:
    ends = {
        float(train(Line(settings(steps=1, seed=seed)), tmp_path / name, CPU,
                    report=lambda line: None).weight.detach()[0, 0])
        for name, seed in (('a', 0), ('b', 0), ('c', 1))
    }  # fmt: skip
    assert len(ends) == 2


def test_a_stage_starts_where_the_one_before_ended(tmp_path) -> None:
    first = train(Line(settings()), tmp_path / '1', CPU, report=lambda line: None)
    still = settings(steps=1, learning_rate=0.0, warm_up=0)
    second = train(Line(still), tmp_path / '2', CPU, start=first, report=lambda line: None)
    torch.testing.assert_close(second.weight, first.weight, atol=0, rtol=0)


def test_carrying_over_leaves_buffers_of_another_shape_and_refuses_lost_parameters() -> None:
    def net(size: int, width: int = 3) -> nn.Module:
        module = nn.Linear(width, 1)
        module.register_buffer('places', torch.arange(size))
        return module

    source, target = net(2), net(5)
    carry_over(source, target)
    torch.testing.assert_close(target.weight, source.weight)
    assert target.places.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match='weight'):
        carry_over(source, net(2, width=4))


class Normalised(Line):
    """The same behind a batch normalisation."""

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))

    def batch(self, step: int) -> Tensor:
        return super().batch(step) * 5 + 2

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        return {'score': 0.0}


def test_statistics_of_averaged_weights_are_measured_anew(tmp_path) -> None:
    plan = settings(steps=12, average=0.95, learning_rate=0.05)
    task = Normalised(plan)
    model: Any = train(task, tmp_path, CPU, report=lambda line: None)
    with torch.no_grad():
        seen = torch.cat([model[0](task.batch(step)) for step in range(12)])
    torch.testing.assert_close(model[1].running_mean, seen.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model[1].running_var, seen.var(0), atol=0.5, rtol=0.1)
    assert model[1].momentum == 0.1
    again: Any = train(task, tmp_path, CPU, report=lambda line: None)
    torch.testing.assert_close(again[1].running_mean, model[1].running_mean)


class Masked(Line):
    """The same with a buffer of minus infinity, as masks of attention have."""

    def build(self) -> nn.Module:
        model = nn.Linear(3, 1)
        model.register_buffer('mask', torch.tensor(-torch.inf), persistent=False)
        return model


def test_buffers_that_are_infinite_stay_so(tmp_path) -> None:
    model: Any = train(Masked(settings(steps=20)), tmp_path, CPU, report=lambda line: None)
    assert model.mask == -torch.inf
