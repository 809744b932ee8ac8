"""From a recipe to a folder of weights with a card; `mmp train` and `mmp eval` for networks."""

from __future__ import annotations

import importlib
import json
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mm_perception.errors import ConfigError
from mm_perception.training import NETS, loop
from mm_perception.training.data import load_clips
from mm_perception.weights import NANO
from mm_perception.world.clips import VERSION, Clip
from mm_perception.world.variety import Split

SCORES = 'scores.json'
#: Seeds of held-out worlds that only final scores see; validation uses the first ones.
FINAL_SEED = 100_000


@dataclass(frozen=True)
class Recipe:
    """How the nano weights of a network come about.

    Attributes:
        net: Folder under `mm_perception/weights`.
        title: What it does, for the card.
        num_clips: Training clips, seeds from 0.
        num_held_out: Clips that validate during training.
        make: The task from training and held-out clips and a factor on the number of steps.
        save: Writes network (and tokenizer) in hub layout.
        score: Final scores from the folder of weights, with baselines.
        notes: Paragraphs for the card: architecture, limits.
    """

    net: str
    title: str
    num_clips: int
    num_held_out: int
    make: Callable[[Sequence[Clip], Sequence[Clip], float], loop.Task]
    save: Callable[[nn.Module, Path], None]
    score: Callable[[Path, str, Callable[[int], None]], dict[str, Any]]
    notes: tuple[str, ...]


def recipe_of(net: str) -> Recipe:
    """The recipe of a network.

    Raises:
        ConfigError: There is none.
    """
    if net not in NETS:
        raise ConfigError('net', net, f'one of {", ".join(NETS)}')
    recipe: Recipe = importlib.import_module(f'mm_perception.training.{net}').RECIPE
    return recipe


def train_net(
    recipe: Recipe,
    work: Path,
    out: Path,
    device: str,
    *,
    scale: float = 1.0,
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train, save, score, write the card.

    Args:
        recipe: Which network.
        work: For checkpoint and log; a training that was cut goes on from there.
        out: For weights.
        device: cpu or cuda.
        scale: Factor on the number of steps and of clips; below 1 for a trial.
        workers: Processes that render clips.
        progress: Called with steps done.
        report: Called with lines of the log.

    Returns:
        The final scores.
    """
    started_s = time.monotonic()
    count = max(8, round(recipe.num_clips * min(scale, 1.0)))
    report(f'clips: {count} for training, {recipe.num_held_out} held out')
    clips = load_clips(Split.TRAIN, count, workers=workers)
    held_out = load_clips(Split.HELD_OUT, recipe.num_held_out, workers=workers)
    task = recipe.make(clips, held_out, scale)
    model = loop.train(
        task, work, torch.device(device), threads=max(1, workers - 1), progress=progress,
        report=report,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    recipe.save(model, out)
    shutil.copyfile(work / loop.LOG, out / loop.LOG)
    scores = score_net(recipe, out, device)
    facts = {
        'parameters': sum(p.numel() for p in model.parameters()),
        'training_clips': count, 'clip_version': VERSION, 'device': _machine(device),
        'minutes_of_this_call': round((time.monotonic() - started_s) / 60, 1),
        'settings': asdict(task.settings),
    }  # fmt: skip
    (out / SCORES).write_text(json.dumps({'scores': scores, 'training': facts}, indent=1) + '\n')
    (out / 'README.md').write_text(card(recipe, scores, facts))
    return scores


def score_net(
    recipe: Recipe, weights: Path, device: str, progress: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Scores on held-out worlds, and those of baselines."""
    return recipe.score(weights, device, progress)


def weights_of(net: str) -> Path:
    """The folder of the nano weights of a network."""
    return NANO / net


def card(recipe: Recipe, scores: dict[str, Any], facts: dict[str, Any]) -> str:
    """The card of a network as Markdown."""
    lines = [
        f'# {recipe.net} nano', '', recipe.title, '',
        f'Made by `mmp train {recipe.net}`; measured by `mmp eval {recipe.net}`. Apache-2.0.',
        '',
        *[line for note in recipe.notes for line in (note, '')],
        '## Data',
        f'{facts["training_clips"]} clips (version {facts["clip_version"]}) of the synthetic world,',
        'seeds from 0 of the split `train`; no other data. Held-out worlds have other seeds and, in',
        'part, shapes, patterns, light, lenses and pairs of colour and class that training never',
        'shows (`mm_perception/world/variety.py`).', '',
        '## Scores', 'On held-out worlds:', '', '| measure | value |', '|---|---|',
        *[f'| {name} | {value} |' for name, value in scores.items()], '',
        '## Training', '| | |', '|---|---|',
        *[f'| {name} | {value} |' for name, value in facts.items() if name != 'settings'],
        *[f'| {name} | {value} |' for name, value in facts['settings'].items()], '',
        'Losses and validation: `log.jsonl`.', '',
    ]  # fmt: skip
    return '\n'.join(lines)


def save_half(model: Any, folder: Path) -> None:
    """Write a transformers model with parameters in half precision, as its hub layout has it.

    Buffers keep float32: they hold frequencies of position codes.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.half()
    model.save_pretrained(folder)


def _machine(device: str) -> str:
    if device.startswith('cuda'):
        return torch.cuda.get_device_name(device)
    return f'{torch.get_num_threads()} threads of {platform.machine()}'
