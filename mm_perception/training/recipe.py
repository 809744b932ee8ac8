"""From a recipe to a folder of weights with a card; `mmp train` and `mmp eval` for networks."""

from __future__ import annotations

import importlib
import json
import math
import platform
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from mm_perception.errors import ConfigError, WeightsError
from mm_perception.training import NETS, loop
from mm_perception.training.data import LateClips, load_clips
from mm_perception.watching import Watch, unwatched
from mm_perception.weights import NANO
from mm_perception.world.clips import VERSION, Clip
from mm_perception.world.variety import Split

SCORES = 'scores.json'
_SEEDS_PER_TRAINING = 100
CLIP_DATA = (
    '{training_clips} clips of 8 pictures and {training_stills} single pictures (version '
    '{clip_version}) of the synthetic world of the split `train`, {training_reshaped} of the '
    'split `reshaped`,{varied} seeds from 0; no other data. Held-out worlds have other seeds and, '
    'in part, shapes, patterns, light, lenses and pairs of colour and class that training never '
    'shows (`mm_perception/world/variety.py`).'
)


@dataclass(frozen=True)
class Worlds:
    """What a network is trained and validated on.

    Attributes:
        training: Clips.
        held_out: Clips for validation during training.
        counts: For the card, by what `Recipe.data` calls them.
    """

    training: Sequence[Any]
    held_out: Sequence[Any]
    counts: dict[str, int]


def clip_worlds(recipe: Recipe, share: float, workers: int) -> Worlds:
    """Clips and stills of the numbers that a recipe names."""
    plans = {
        'clips': (Split.TRAIN, recipe.num_clips, 8, 0),
        'stills': (Split.TRAIN, recipe.num_stills, 1, recipe.num_clips),
        'reshaped': (Split.RESHAPED, recipe.num_reshaped, 1, 0),
        'varied': (Split.VARIED, recipe.num_varied, 1, 0),
    }
    counts = {
        f'training_{name}': max(8, round(full * share)) if full else 0
        for name, (_, full, _, _) in plans.items()
    }

    def load() -> list[Clip]:
        return [
            clip
            for count, (split, _, num_frames, first) in zip(
                counts.values(), plans.values(), strict=True
            )
            for clip in load_clips(
                split, count, num_frames=num_frames, first=first, workers=workers
            )
        ]

    held_out = load_clips(Split.HELD_OUT, recipe.num_held_out, workers=workers)
    return Worlds(LateClips(load), held_out, {**counts, 'clip_version': VERSION})


@dataclass(frozen=True)
class Recipe:
    """How the nano weights of a network come about.

    Attributes:
        net: Folder under `mm_perception/weights`.
        title: What it does, for the card.
        num_held_out: Clips that validate during training.
        make: The stages from training and held-out clips and a factor on the number of steps;
            each starts with the weights of the one before, and an optimizer of its own.
        save: Writes network (and tokenizer) in hub layout.
        num_clips: Training clips of eight pictures, seeds from 0.
        num_stills: Of one picture, seeds from `num_clips`.
        num_reshaped: Of one picture with reshaped things, seeds from 0.
        num_varied: Of one picture with reshaped things of further families, seeds from 0.
        notes: Paragraphs for the card: architecture, limits.
        score: Final scores from the folder of weights, with baselines; None takes `final_scores`
            of the module `<net>_scores`.
        core: What is saved of what is trained.
        restore: Reads what `save` wrote, where that is more than the parameters of the core.
        worlds: Makes what is trained on, from the recipe, a share of it, and a number of
            processes.
        data: What that is, for the card, with names of `Worlds.counts` in braces.
    """

    net: str
    title: str
    num_held_out: int
    make: Callable[[Sequence[Any], Sequence[Any], float], Sequence[loop.Task]]
    save: Callable[[nn.Module, Path], None]
    notes: tuple[str, ...]
    score: Callable[[Path, str, Watch], dict[str, Any]] | None = None
    core: Callable[[nn.Module], Any] = lambda model: model
    restore: Callable[[nn.Module, Path], None] | None = None
    num_clips: int = 0
    num_stills: int = 0
    num_reshaped: int = 0
    num_varied: int = 0
    worlds: Callable[[Recipe, float, int], Worlds] = clip_worlds
    data: str = CLIP_DATA


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
    start: Path | None = None,
    first_stage: int = 1,
    scale: float = 1.0,
    workers: int = 1,
    minutes: float = math.inf,
    is_scored: bool = True,
    watch: Watch = unwatched,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train, save, score, write the card.

    Args:
        recipe: Which network.
        work: For checkpoint and log; a training that was cut goes on from there.
        out: For weights.
        device: cpu or cuda.
        start: Weights to start from instead of from chance.
        first_stage: The first that is done; those before made `start`.
        scale: Factor on the number of steps and of clips; below 1 for a trial.
        workers: Processes that render clips.
        minutes: Most that the stages may take together, each according to its `share`.
        is_scored: Whether final scores are taken at once; `mmp eval NET --card` takes them later.
        watch: Shows the progress of each part.
        report: Called with lines of the log.

    Returns:
        The final scores; none if they were not taken.
    """
    with watch(0, 'making worlds'):
        worlds = recipe.worlds(recipe, min(scale, 1.0), workers)
    report(f'worlds: {worlds.counts}')
    stages = recipe.make(worlds.training, worlds.held_out, scale)
    if first_stage > len(stages):
        raise ConfigError('--stage', first_stage, f'a number from 1 to {len(stages)}')
    model = stages[0].build() if start is None else restored(recipe, stages[-1], start)
    log = '' if start is None else (start / loop.LOG).read_text()
    more = _SEEDS_PER_TRAINING * len(steps_of(log))  # what goes on sees batches that are new to it
    end_s = time.monotonic() + 60 * minutes
    for number, task in list(enumerate(stages, 1))[first_stage - 1 :]:
        folder, is_new = work / f'stage-{number}', number == 1 and start is None
        task.settings = replace(task.settings, seed=task.settings.seed + more)
        left = sum(stage.settings.share for stage in stages[number - 1 :])
        with watch(task.settings.steps, f'stage {number} of {len(stages)}') as progress:
            model = loop.train(
                task, folder, torch.device(device), start=None if is_new else model,
                threads=max(1, workers - 1), progress=progress, report=report,
                seconds=max(1.0, (end_s - time.monotonic()) * task.settings.share / left),
            )  # fmt: skip
        log += (folder / loop.LOG).read_text()
    _keep(recipe, model, log, out)
    facts = _facts_of(recipe, model, worlds, stages, log, device, minutes)
    scores = score_net(recipe, out, device, watch) if is_scored else {}
    document(recipe, out, scores, facts)
    return scores


def _keep(recipe: Recipe, model: nn.Module, log: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    recipe.save(model, out)
    (out / loop.LOG).write_text(log)


def _facts_of(
    recipe: Recipe, model: nn.Module, worlds: Worlds, stages: Sequence[loop.Task], log: str,
    device: str, minutes: float,
) -> dict[str, Any]:  # fmt: skip
    facts = {
        'parameters': sum(p.numel() for p in recipe.core(model).parameters()), **worlds.counts,
        'device': _machine(device), 'minutes': minutes_of(log), 'minutes given': minutes,
        'steps done': steps_of(log),
        'stages': [asdict(task.settings) for task in stages],
    }  # fmt: skip
    return {name: value for name, value in facts.items() if value != math.inf}


def document(recipe: Recipe, out: Path, scores: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write scores and card beside weights and log.

    Args:
        recipe: Which network.
        out: Folder of weights and log.
        scores: Final ones.
        facts: How the training went.
    """
    text = json.dumps({'scores': scores, 'training': facts}, indent=1)
    (out / SCORES).write_text(text + '\n')
    (out / 'README.md').write_text(card(recipe, scores, facts))


def score_again(
    recipe: Recipe, out: Path, device: str, watch: Watch = unwatched
) -> dict[str, Any]:
    """Score weights that `train_net` made, and write scores and card anew.

    Raises:
        WeightsError: There is no record of their training.
    """
    try:
        facts = json.loads((out / SCORES).read_text())['training']
    except (OSError, ValueError, KeyError) as error:
        fix = 'give a folder that mmp train made'
        raise WeightsError(str(out), f'has no record of its training ({error})', fix) from error
    scores = score_net(recipe, out, device, watch)
    document(recipe, out, scores, facts)
    return scores


def minutes_of(log: str) -> float:
    """How long trainings took, those of earlier stages and what was cut and went on included."""
    total, last = 0.0, 0.0
    for line in log.splitlines():
        now = float(json.loads(line)['seconds'])
        if now < last:  # another stage, or a training that went on, starts from 0
            total += last
        last = now
    return round((total + last) / 60, 1)


def steps_of(log: str) -> list[int]:
    """How many steps each training did, those of earlier stages included; cut ones are shorter."""
    done: list[int] = []
    for line in log.splitlines():
        step = int(json.loads(line)['step'])
        if done and step >= done[-1]:
            done[-1] = step
        else:
            done.append(step)
    return done


def restored(recipe: Recipe, stage: loop.Task, folder: Path) -> nn.Module:
    """A network with saved weights; helpers that are not saved begin anew."""
    model = stage.build()
    if recipe.restore is not None:
        recipe.restore(model, folder)
        return model
    core, state = recipe.core(model), load_file(folder / 'model.safetensors')
    missing = core.load_state_dict(state, strict=False).missing_keys
    absent = set(missing) & {name for name, _ in core.named_parameters()}
    if absent:
        raise WeightsError(
            str(folder), f'lacks {sorted(absent)[0]}', 'give the weights of this net'
        )
    return model


def score_net(
    recipe: Recipe, weights: Path, device: str, watch: Watch = unwatched
) -> dict[str, Any]:
    """Scores on held-out worlds, and those of baselines.

    Args:
        recipe: Which network.
        weights: Folder of them.
        device: cpu or cuda.
        watch: Shows each part, with how much of it there is to do.
    """
    score = recipe.score
    if score is None:
        scores: Any = importlib.import_module(f'mm_perception.training.{recipe.net}_scores')
        score = scores.final_scores
    return dict(score(weights, device, watch))


def weights_of(net: str) -> Path:
    """The folder of the nano weights of a network."""
    return NANO / net


def card(recipe: Recipe, scores: dict[str, Any], facts: dict[str, Any]) -> str:
    """The card of a network as Markdown."""
    num_varied = facts.get('training_varied', 0)  # cards from before that split have none
    varied = f' {num_varied} of the split `varied`,' if num_varied else ''
    data = recipe.data.format(varied=varied, **facts)
    lines = [
        f'# {recipe.net} nano', '', recipe.title, '',
        f'Made by `mmp train {recipe.net}`; measured by `mmp eval {recipe.net}`. Apache-2.0.',
        '',
        *[line for note in recipe.notes for line in (note, '')],
        '## Data', *textwrap.wrap(data, 99, break_on_hyphens=False), '',
        '## Scores', 'On held-out worlds:', '', '| measure | value |', '|---|---|',
        *[f'| {name} | {value} |' for name, value in scores.items()], '',
        '## Training', '| | |', '|---|---|',
        *[
            f'| {name} | {", ".join(map(str, value)) if isinstance(value, list) else value} |'
            for name, value in facts.items() if name != 'stages'
        ],
        *[
            f'| {name}, by stage | {", ".join(str(stage[name]) for stage in facts["stages"])} |'
            for name in facts['stages'][0]
        ], '',
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
