"""The loop that all trainings share."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

CHECKPOINT = 'checkpoint.pt'
LOG = 'log.jsonl'


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes:
        steps: Updates.
        learning_rate: Highest; rises over `warm_up` steps and falls along a cosine to a hundredth.
        weight_decay: Of AdamW, on matrices only.
        warm_up: Steps.
        seed: Of weights and batches.
        clip_norm: Largest norm of the gradient.
        average: Decay of the running mean of the weights, which is what is kept.
        log_every: Steps between lines of the log.
        validate_every: Steps between validations; a checkpoint is written with each.
        is_mixed: Compute in bfloat16 where torch finds it safe.
        optimizer: adamw; or muon, which turns the matrices by orthogonal steps (Jordan et al.,
            2024; in torch) and leaves all else to adamw.
        settling: Batches whose mean and variance are what batch normalisation keeps.
        share: Of the time, in proportion to other stages, where a training is given minutes.
        fuses_attention: On a CPU: use torch's fused attention, which is faster where many places
            read many; else plain maths, which is faster where rows are short.
    """

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warm_up: int = 100
    seed: int = 0
    clip_norm: float = 1.0
    average: float = 0.998
    log_every: int = 20
    validate_every: int = 500
    is_mixed: bool = True
    optimizer: Literal['adamw', 'muon'] = 'adamw'
    settling: int = 24
    share: float = 1.0
    fuses_attention: bool = False


class Task(Protocol):
    """What differs between networks."""

    settings: Settings

    def build(self) -> nn.Module:
        """A new network; torch's random numbers are seeded."""
        ...

    def batch(self, step: int) -> Any:
        """The batch of a step, on the CPU: a pure function of seed and step.

        It runs in a thread, or beside CUDA in a forked process, which must not touch CUDA.
        """
        ...

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Parts of the loss; their sum is minimised. What begins with `_` is only logged."""
        ...

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Scores on held-out worlds, quickly; the first one leads."""
        ...


def train(
    task: Task,
    folder: Path,
    device: torch.device,
    *,
    start: nn.Module | None = None,
    threads: int = 1,
    seconds: float = math.inf,
    progress: Callable[[int], None] = lambda done: None,
    report: Callable[[str], None] = print,
) -> nn.Module:
    """Train, or go on where an earlier call in the same folder stopped.

    Args:
        task: The network and its data.
        folder: For checkpoint and log.
        device: cpu or cuda.
        start: Where to start from instead of from chance: the result of an earlier stage.
        threads: That make batches beside the training; processes where that is on CUDA.
        seconds: Most that it may take; the learning rate then falls by the clock if need be.
        progress: Called with steps done; a KeyboardInterrupt of it leaves a checkpoint.
        report: Called with a line of text now and then.

    Returns:
        The network with the mean of the weights of the last steps, on the CPU, in eval mode.
    """
    settings, begun_s = task.settings, time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    model = _begin(task, start).to(device)
    mean = _mean_of(model, settings)
    optimizers = make_optimizers(model, settings)
    first = _resume(folder / CHECKPOINT, model, mean, optimizers, device)
    log = _Log(folder / LOG, report)
    for step, batch in _batches(task, first, threads, device):
        model.train()
        passed = (time.monotonic() - begun_s) / seconds
        parts, total, norm = _gradients(task, model, batch, device)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group['lr'] = learning_rate(settings, step, passed)
            optimizer.step()
        mean.update_parameters(model)
        done, is_last = step + 1, step + 1 == settings.steps or passed >= 1
        is_checked = is_last or done % settings.validate_every == 0
        # Not each step: to look at a number of the GPU is to wait for it. NaN does not go away.
        if (is_checked or done % settings.log_every == 0) and not torch.isfinite(norm):
            raise FloatingPointError(f'gradient is {norm} by step {step}: lower the learning rate')
        log.add(step, total, parts, every=settings.log_every)
        if is_checked:
            renew_statistics(task, mean.module, device)
            log.scores(done, task.validate(mean.module.eval(), device))
            _save(folder / CHECKPOINT, done, model, mean, optimizers)
        _count(progress, done, partial(_save, folder / CHECKPOINT, done, model, mean, optimizers))
        if is_last:
            break
    if first == settings.steps:  # an earlier call did all steps
        renew_statistics(task, mean.module, device)
    return mean.module.cpu().eval()


def _count(progress: Callable[[int], None], done: int, save: Callable[[], None]) -> None:
    """Tell how far it is; where that says that Ctrl-C was pressed, keep what was learnt."""
    try:
        progress(done)
    except KeyboardInterrupt:
        save()
        raise


def _begin(task: Task, start: nn.Module | None) -> nn.Module:
    torch.set_float32_matmul_precision('high')
    torch.manual_seed(task.settings.seed)
    model = task.build()
    if start is not None:
        carry_over(start, model)
    return model


def _gradients(
    task: Task, model: nn.Module, batch: Any, device: torch.device
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Leave gradients in the network; parts of the loss, their sum, the norm of the gradient."""
    with _arithmetic(device, task.settings):
        parts = task.loss(model, batch, device)
    total = torch.stack([v for name, v in parts.items() if not name.startswith('_')]).sum()
    model.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    return parts, total, nn.utils.clip_grad_norm_(model.parameters(), task.settings.clip_norm)


def _mean_of(model: nn.Module, settings: Settings) -> AveragedModel:
    """Running mean of the weights; buffers are copied, since minus infinities have no mean."""
    average: Any = get_ema_multi_avg_fn  # carries no types
    return AveragedModel(model, multi_avg_fn=average(settings.average), use_buffers=False)


@torch.no_grad()
def renew_statistics(task: Task, model: nn.Module, device: torch.device) -> None:
    """Measure mean and variance of every batch normalisation anew, on the last batches.

    Those of averaged weights are not the average of those of the weights (Izmailov et al., 2018,
    section 3.2).
    """
    model.train()
    norms = [
        m for m in model.modules()
        if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training
    ]  # fmt: skip
    if not norms:  # or all keep what an earlier stage has measured
        model.eval()
        return
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    steps = task.settings.steps
    for step in range(max(0, steps - task.settings.settling), steps):
        with _arithmetic(device, task.settings):
            task.loss(model, task.batch(step), device)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
    model.eval()


@torch.no_grad()
def carry_over(source: nn.Module, target: nn.Module) -> None:
    """Copy all parameters, and the buffers that have the same name and shape in both.

    Raises:
        ValueError: A parameter of the target is not in the source, or has another shape.
    """
    known = source.state_dict()
    parameters = dict(target.named_parameters())
    for name, value in {**parameters, **dict(target.named_buffers())}.items():
        if name in known and known[name].shape == value.shape:
            value.copy_(known[name])
        elif name in parameters:
            raise ValueError(f'no {name} of shape {tuple(value.shape)} to start from')


def learning_rate(settings: Settings, step: int, passed: float = 0.0) -> float:
    """Of a step, counted from 0, after a share of the time that there is."""
    if step < settings.warm_up:
        return settings.learning_rate * (step + 1) / settings.warm_up
    share = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    share = min(1.0, max(share, passed))
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def make_optimizers(model: nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    """Optimizers that share the parameters of a network among them."""
    trained = [p for p in model.parameters() if p.requires_grad]
    vectors = [p for p in trained if p.ndim <= 1]
    matrices = [p for p in trained if p.ndim > 1]
    rate, decay = settings.learning_rate, settings.weight_decay
    optimizers: list[torch.optim.Optimizer] = []
    if settings.optimizer == 'muon':
        tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
        turned = [p for p in matrices if p.ndim == 2 and id(p) not in tables]
        names = {id(p) for p in turned}
        matrices = [p for p in matrices if id(p) not in names]
        optimizers.append(
            torch.optim.Muon(turned, lr=rate, weight_decay=decay, adjust_lr_fn='match_rms_adamw')
        )
    groups = [
        {'params': matrices, 'weight_decay': decay}, {'params': vectors, 'weight_decay': 0.0}
    ]  # fmt: skip
    return [*optimizers, torch.optim.AdamW(groups, lr=rate)]


@contextlib.contextmanager
def _arithmetic(device: torch.device, settings: Settings) -> Iterator[None]:
    """How numbers are computed, see `Settings`."""
    is_plain = device.type == 'cpu' and not settings.fuses_attention
    attention = sdpa_kernel(SDPBackend.MATH) if is_plain else contextlib.nullcontext()
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.is_mixed), attention:
        yield


def _batches(
    task: Task, first: int, threads: int, device: torch.device
) -> Iterator[tuple[int, Any]]:
    steps = range(first, task.settings.steps)
    if device.type != 'cpu':
        # Threads would share one lock with the thread that feeds the GPU.
        loader: DataLoader[Any] = DataLoader(
            _Steps(task, steps), batch_size=None, collate_fn=_unchanged, num_workers=threads,
            multiprocessing_context='fork', prefetch_factor=4, worker_init_fn=_on_one_core,
        )  # fmt: skip
        yield from zip(steps, loader, strict=True)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = [(s, pool.submit(task.batch, s)) for s in steps[: threads + 1]]
        for step in steps:
            following = step + threads + 1
            _, future = waiting.pop(0)
            batch = future.result()
            if following < task.settings.steps:
                waiting.append((following, pool.submit(task.batch, following)))
            yield step, batch


class _Steps(Dataset[Any]):
    """The batches of a task, by number."""

    def __init__(self, task: Task, steps: range) -> None:
        self._task, self._steps = task, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> Any:
        return self._task.batch(self._steps[index])


def _unchanged(batch: Any) -> Any:
    return batch


def _on_one_core(_: int) -> None:
    cv2.setNumThreads(0)


def _resume(
    path: Path, model: nn.Module, mean: nn.Module, optimizers: Sequence[torch.optim.Optimizer],
    device: torch.device,
) -> int:  # fmt: skip
    if not path.exists():
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    model.load_state_dict(state['model'])
    mean.load_state_dict(state['mean'])
    for optimizer, kept in zip(optimizers, state['optimizers'], strict=True):
        optimizer.load_state_dict(kept)
    return int(state['step'])


def _save(
    path: Path, step: int, model: nn.Module, mean: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
) -> None:  # fmt: skip
    state = {
        'step': step, 'model': model.state_dict(), 'mean': mean.state_dict(),
        'optimizers': [optimizer.state_dict() for optimizer in optimizers],
    }  # fmt: skip
    part = path.with_suffix('.part')
    torch.save(state, part)
    part.replace(path)


class _Log:
    """Means of losses and scores as lines of JSON."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        self._path, self._report = path, report
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._started_s = time.monotonic()

    def add(self, step: int, total: Tensor, parts: dict[str, Tensor], *, every: int) -> None:
        for name, value in {'loss': total, **parts}.items():
            key = name.lstrip('_')
            kept = value.detach().double()
            self._sums[key] = self._sums[key] + kept if key in self._sums else kept
        self._count += 1
        if (step + 1) % every == 0:
            means = {n: round(float(value) / self._count, 4) for n, value in self._sums.items()}
            self._write({'step': step + 1, **means})
            self._sums, self._count = {}, 0

    def scores(self, step: int, scores: dict[str, float]) -> None:
        self._write({'step': step, 'held_out': {k: round(v, 4) for k, v in scores.items()}})

    def _write(self, record: dict[str, Any]) -> None:
        record['seconds'] = round(time.monotonic() - self._started_s, 1)
        with self._path.open('a') as file:
            file.write(json.dumps(record) + '\n')
        self._report(json.dumps(record))
