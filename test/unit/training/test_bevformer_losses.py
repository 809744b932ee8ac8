"""Losses of BEVFormer: right answers cost nothing, and each query answers for the right thing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mm_perception.training.bevformer_frames import NO_LABEL, BoxTargets
from mm_perception.training.bevformer_losses import (
    axis_error,
    box_losses,
    heat_loss,
    heat_targets,
    map_losses,
    match,
    radius_of,
)
from mm_perception.world.bev_clips import UNKNOWN

CLASSES, QUERIES, LAYERS = 5, 12, 3


def targets(*rows: tuple[int, float, float], padding: int = 2) -> BoxTargets:
    """Cars and others of 4 by 2 m at x, y; two samples, of which the second has the first row."""
    codes = torch.zeros(2, len(rows) + padding, 10)
    labels = torch.full((2, len(rows) + padding), NO_LABEL)
    for index, (label, x, y) in enumerate(rows):
        code = torch.tensor([x, y, 0.7, 1.4, 0.8, 0.4, 0.6, -0.8, 2.0, -1.0])
        codes[0, index], labels[0, index] = code, label
        if index == 0:
            codes[1, 0], labels[1, 0] = code, label
    return BoxTargets(codes, labels, torch.full((2, 1, 2), torch.inf), torch.zeros(2))


TWO = targets((0, 5.0, 8.0), (3, -10.0, 20.0))


def answers(
    wanted: BoxTargets, seed: int = 0
) -> tuple[Tensor, Tensor, dict[tuple[int, int, int], int]]:
    """Perfect ones by chosen queries, others elsewhere and unsure; which query has which."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.full((LAYERS, 2, QUERIES, CLASSES), -12.0)
    codes = torch.randn(LAYERS, 2, QUERIES, 10, generator=generator) * 10
    owners = {}
    for layer in range(LAYERS):
        for sample, labels in enumerate(wanted.labels):
            order = torch.randperm(QUERIES, generator=generator).tolist()
            for target, label in enumerate(labels.tolist()):
                if label == NO_LABEL:
                    continue
                query = order[target]
                codes[layer, sample, query] = wanted.codes[sample, target]
                logits[layer, sample, query, label] = 12.0
                owners[layer, sample, target] = query
    return logits, codes, owners


def test_matching_finds_the_right_pairs_in_every_layer_and_sample() -> None:
    logits, codes, owners = answers(TWO)
    layer, sample, query, target = (part.tolist() for part in match(logits, codes, TWO))
    found = {(a, b, d): c for a, b, c, d in zip(layer, sample, query, target, strict=True)}
    assert found == owners
    assert len(layer) == LAYERS * 3


def test_two_boxes_never_share_a_query() -> None:
    near = targets((0, 5.0, 8.0), (0, 5.1, 8.0))
    codes = torch.zeros(1, 2, QUERIES, 10)
    codes[..., :2] = 30.0
    codes[0, 0, 4] = near.codes[0, 0]
    _, sample, query, _ = match(torch.zeros(1, 2, QUERIES, CLASSES), codes, near)
    of_first = query[sample == 0].tolist()
    assert len(set(of_first)) == 2
    assert 4 in of_first


def test_the_class_decides_where_places_do_not() -> None:
    codes = TWO.codes[:, :1].expand(-1, QUERIES, -1)[None]
    logits = torch.zeros(1, 2, QUERIES, CLASSES)
    logits[:, :, 7, 0], logits[:, :, 2, 3] = 3.0, 3.0
    _, sample, query, target = match(logits, codes, TWO)
    pairs = set(zip(sample.tolist(), query.tolist(), target.tolist(), strict=True))
    assert pairs == {(0, 7, 0), (0, 2, 1), (1, 7, 0)}


def test_perfect_boxes_cost_nothing_and_worse_ones_more() -> None:
    logits, codes, owners = answers(TWO)
    parts = box_losses(logits, codes, TWO)
    assert float(parts['class']) < 1e-4
    assert float(parts['box']) == 0
    off = codes.clone()
    off[0, 0, owners[0, 0, 0], 0] += 3.0  # metres
    assert float(box_losses(logits, off, TWO)['box']) == pytest.approx(0.25 * 3.0 / 3)
    off[0, 0, owners[0, 0, 0], 8] += 1.0  # m/s
    assert float(box_losses(logits, off, TWO)['box']) == pytest.approx(0.25 * 3.4 / 3)
    wrong = logits.clone()
    wrong[2, 1, owners[2, 1, 0]] = -12.0
    assert float(box_losses(wrong, codes, TWO)['class']) > 1


def test_a_false_box_counts_only_where_the_truth_is_known() -> None:
    logits, codes, owners = answers(TWO)
    free = next(q for q in range(QUERIES) if q not in {owners[0, 0, 0], owners[0, 0, 1]})
    logits[0, 0, free, 2], codes[0, 0, free, :2] = 5.0, torch.tensor([3.0, -7.0])
    assert float(box_losses(logits, codes, TWO)['class']) > 1
    unjudged = TWO.unjudged_xy.clone()
    unjudged[0, 0] = torch.tensor([3.5, -7.5])
    assert float(box_losses(logits, codes, replace(TWO, unjudged_xy=unjudged))['class']) < 1e-3
    unjudged[0, 0] = torch.tensor([6.0, -7.0])
    assert float(box_losses(logits, codes, replace(TWO, unjudged_xy=unjudged))['class']) > 1


@pytest.mark.parametrize('padding', [0, 3])
def test_gradients_are_finite_with_no_targets(padding: int) -> None:
    nothing = targets(padding=padding)
    logits = torch.randn(LAYERS, 2, QUERIES, CLASSES, requires_grad=True)
    codes = torch.randn(LAYERS, 2, QUERIES, 10, requires_grad=True)
    heat = torch.randn(2, CLASSES, 16, 16, requires_grad=True)
    parts = box_losses(logits, codes, nothing)
    (parts['class'] + parts['box'] + heat_loss(heat, nothing)).backward()
    assert float(parts['box'].detach()) == 0
    for tensor in (logits, heat):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().sum() > 0
    assert codes.grad is None or not codes.grad.any()


def test_wild_numbers_are_matched_all_the_same() -> None:
    codes = torch.full((1, 2, QUERIES, 10), torch.nan)
    layer, *_ = match(torch.full((1, 2, QUERIES, CLASSES), torch.inf), codes, TWO)
    assert len(layer) == 3


def test_autocast_changes_nothing() -> None:
    logits, codes, _ = answers(TWO, seed=2)
    logits, codes = logits + torch.randn_like(logits), codes + torch.randn_like(codes)
    plain = box_losses(logits, codes, TWO)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = box_losses(logits, codes, TWO)
    for name, value in plain.items():
        assert mixed[name].dtype == torch.float32
        torch.testing.assert_close(mixed[name], value)


def test_heat_peaks_in_the_cell_of_the_centre() -> None:
    heat = heat_targets(TWO, CLASSES, (64, 64))
    assert float(heat[0, 0, 40, 37]) == 1  # y 8, x 5: rows from behind, columns from the left
    assert float(heat[0, 3, 52, 22]) == 1
    assert int((heat == 1).sum()) == 3
    assert 0 < float(heat[0, 0, 40, 38]) < 1
    assert float(heat[0, 0].sum()) == pytest.approx(float(heat[1, 0].sum()))
    assert not heat[1, 3].any()


def test_the_radius_keeps_a_tenth_of_the_union() -> None:
    wide, long = torch.tensor([4.0, 1.0]), torch.tensor([10.0, 0.5])
    radius = radius_of(wide, long)
    shared = (4 - radius[0]) * (10 - radius[0])
    assert float(shared / (80 - shared)) == pytest.approx(0.1)
    assert float(radius[1]) == 1


def test_a_perfect_heat_map_costs_little_and_a_shifted_one_much() -> None:
    wanted = heat_targets(TWO, CLASSES, (64, 64))
    perfect = torch.where(wanted == 1, 12.0, -12.0)
    assert float(heat_loss(perfect, TWO)) < 1e-3
    assert float(heat_loss(perfect.roll(5, dims=-1), TWO)) > 5
    # A peak beside the right one costs less than one far away.
    beside, far = perfect.clone(), perfect.clone()
    beside[0, 0, 40, 38], far[0, 0, 5, 5] = 3.0, 3.0
    assert float(heat_loss(beside, TWO)) < 0.5 * float(heat_loss(far, TWO))


def test_a_perfect_map_costs_nothing_and_the_unknown_never_does() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randint(0, 2, (2, 5, 16, 16), generator=generator).to(torch.uint8)
    maps[0, :, :4] = UNKNOWN
    perfect = torch.where(maps == 1, 20.0, -20.0)
    parts = map_losses(perfect, maps)
    assert sum(float(value) for value in parts.values()) < 1e-3
    other = perfect.clone()
    other[0, :, :4] = 20.0
    for name, value in map_losses(other, maps).items():
        torch.testing.assert_close(value, parts[name])
    worse = map_losses(-perfect, maps)
    assert float(worse['map']) > 10
    assert float(worse['map_dice']) > 0.9
    all_unknown = torch.full_like(maps, UNKNOWN)
    logits = torch.randn(2, 5, 16, 16, requires_grad=True)
    sum(map_losses(logits, all_unknown).values(), torch.zeros(())).backward()
    assert logits.grad is not None
    assert not logits.grad.any()


def test_an_opposite_heading_lies_along_the_same_axis() -> None:
    real = torch.tensor([[0.6, 0.8], [0.6, 0.8], [0.0, 1.0]])
    found = torch.tensor([[0.6, 0.8], [-0.6, -0.8], [1.0, 0.0]])
    assert axis_error(found, real).tolist() == pytest.approx([0.0, 0.0, 2.0])
