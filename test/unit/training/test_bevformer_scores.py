"""Scores of BEVFormer: 1 for the truth, 0 for what is elsewhere, and honest in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mm_perception.evaluation.boxes3d import score_boxes
from mm_perception.nets.bevformer import BevBoxes, BevFormer
from mm_perception.nets.bevformer.boxes import decode_codes
from mm_perception.nets.bevformer.configs import CONFIGS, BackboneConfig, PixelConfig
from mm_perception.training import bevformer_scores
from mm_perception.training.bevformer_baselines import (
    clusters,
    constant_boxes,
    mean_maps,
    mean_sizes,
)
from mm_perception.training.bevformer_batches import Setup, codes_of, turned_maps
from mm_perception.training.bevformer_scores import (
    final_scores,
    in_base,
    map_ious,
    pair_of,
    pairs_of,
    quick_scores,
    speed_errors,
    truth_of,
)
from mm_perception.training.data import FINAL_SEED
from mm_perception.world.bev_clips import UNKNOWN, BevClip
from test.unit.training.bev_clips import SIZE, a_clip

#: More than the network is given at once.
CLIPS = [a_clip(2 + seed % 2, seed) for seed in range(9)]
JUDGED = 3  # of the four boxes of a clip


class Oracle:
    """Knows the last moments of `CLIPS`; remembers how it was asked."""

    def __init__(self, shift_m: float = 0.0) -> None:
        self.config = replace(CONFIGS['nano'], pixels=replace(PixelConfig(), width_px=SIZE[0]))
        self.shift_m, self.asked = shift_m, []

    def __call__(self, pixels, matrices, motions, previous, mask, ids, clouds) -> Any:
        memory = 0 if previous is None else int(previous[0, 0, 0])
        self.asked.append((len(pixels), memory, [motion.dx_m for motion in motions],
                           bool(mask.any()), bool(clouds.is_there.any())))  # fmt: skip
        truth = torch.from_numpy(turned_maps(CLIPS[0].maps[-1], Setup()) == 1)
        logits = torch.where(truth, 9.0, -9.0).expand(len(pixels), -1, -1, -1)
        bev = torch.full((len(pixels), 1, 1), memory + 1.0)
        return SimpleNamespace(bev=bev, map_logits=logits.roll(round(20 * self.shift_m), -1))

    def boxes(self, output) -> list[BevBoxes]:
        codes = torch.from_numpy(codes_of(CLIPS[0].boxes[-1], Setup()))
        boxes, speeds = decode_codes(codes)
        boxes[:, 0] += self.shift_m
        labels = torch.from_numpy(CLIPS[0].boxes[-1].classes)
        found = BevBoxes(boxes, speeds, torch.full((len(boxes),), 0.9), labels)
        return [found] * len(output.bev)


def test_the_truth_scores_one_in_everything() -> None:
    oracle = Oracle()
    scores = quick_scores(oracle, CLIPS, 'cpu')
    assert next(iter(scores)) == 'map_both'
    ones = ('map_both', 'nds_both', 'map_cameras', 'map_lidar', 'iou_both', 'iou_drivable',
            'ap_car', 'ap_cone', 'map_one_frame')  # fmt: skip
    for name in ones:
        assert scores[name] == pytest.approx(1.0, abs=1e-4), name
    assert scores['speed_error'] == pytest.approx(0, abs=1e-4)
    assert scores['speed_error_if_still'] == pytest.approx(5**0.5, abs=1e-4)
    assert 'iou_crossing' not in scores  # there is none


def test_what_is_elsewhere_scores_nothing() -> None:
    scores = quick_scores(Oracle(shift_m=4.5), CLIPS, 'cpu')
    assert scores['map_both'] == 0
    assert scores['iou_lane'] < 0.5
    assert 'speed_error' not in scores


def test_memory_runs_through_the_moments_and_is_left_out_where_asked() -> None:
    oracle = Oracle()
    quick_scores(oracle, CLIPS, 'cpu')
    asked = oracle.asked
    # 9 clips are a batch of 8 and one of 1; three moments for each of three modalities
    assert [(a[0], a[1]) for a in asked[:6]] == [(8, 0), (8, 1), (8, 2), (1, 0), (1, 1), (1, 2)]
    assert asked[0][2] == [0.0] * 8
    assert asked[1][2][0] == pytest.approx(1.5)
    assert [a[3:] for a in (asked[0], asked[6], asked[12])] == [
        (True, True), (True, False), (False, True)
    ]  # fmt: skip
    assert len(asked) == 3 * 6 + 2
    assert asked[18][1] == 0
    assert asked[18][2] == [0.0] * 8  # no motion without memory


def test_a_box_on_something_that_nobody_can_see_is_neither_right_nor_wrong() -> None:
    clip = CLIPS[0]
    truth = clip.boxes[-1]
    assert truth.is_judged.tolist() == [True, True, True, False]
    judged, found = pair_of(truth, truth_of(truth))
    assert judged.labels == found.labels == ('car', 'pedestrian', 'cone')
    far = replace(truth, centres=truth.centres + np.float32([0, 2.5, 0]))
    assert len(pair_of(truth, truth_of(far))[1]) == 4
    # but not if something that is judged is nearer
    centres = truth.centres.copy()
    centres[3] = centres[0] + np.float32([1.5, 0, 0])
    crowded = replace(truth, centres=centres)
    assert 'car' in pair_of(crowded, truth_of(truth))[1].labels


def test_boxes_come_back_to_base_link() -> None:
    truth = CLIPS[0].boxes[1]
    boxes, speeds = decode_codes(torch.from_numpy(codes_of(truth, Setup())))
    scores = torch.tensor([0.1, 0.4, 0.3, 0.2])
    found = in_base(BevBoxes(boxes, speeds, scores, torch.from_numpy(truth.classes)))
    order = [1, 2, 3, 0]
    np.testing.assert_allclose(found.centres, truth.centres[order], atol=1e-4)
    np.testing.assert_allclose(found.sizes, truth.sizes[order], rtol=1e-4)
    turned = np.exp(1j * found.yaws()) / np.exp(1j * truth.yaws[order])
    np.testing.assert_allclose(turned, 1, atol=1e-4)
    assert found.velocities is not None
    np.testing.assert_allclose(found.velocities[:, :2], truth.velocities[order], atol=1e-4)
    outside = boxes + torch.tensor([40.0, 0, 0, 0, 0, 0, 0])
    labels = torch.from_numpy(truth.classes)
    assert len(in_base(BevBoxes(outside, speeds, scores, labels))) < 4


def test_map_iou_by_hand() -> None:
    clip = CLIPS[0]
    maps = clip.maps.copy()
    maps[:, 0] = 0
    maps[-1, 0, 60:64, 60:64] = 1
    maps[-1, 0, 64:66, 60:64] = UNKNOWN
    known = replace(clip, maps=maps)
    said = np.zeros((5, 128, 128), np.float32)
    said[:, :] = 0.49
    # base rows 60..65 are columns 67..62 of frame BEV; columns are rows
    said[0, 60:64, 62:66] = 0.5  # two of its four columns are unknown, two are right
    assert map_ious([known], [said])['drivable'] == pytest.approx(8 / 16)


def test_speed_errors_are_of_what_moves() -> None:
    truth = CLIPS[0].boxes[-1]
    still = replace(truth, velocities=np.zeros_like(truth.velocities))
    found = speed_errors([pair_of(truth, truth_of(still))])
    assert set(found) == {'speed_error', 'speed_error_if_still'}
    assert list(found.values()) == pytest.approx([5**0.5] * 2, abs=1e-5)


def test_baselines_know_what_is_common() -> None:
    always = constant_boxes(CLIPS, 100)
    assert len(always) == JUDGED  # all clips are alike
    assert score_boxes(pairs_of(CLIPS, [always] * len(CLIPS))).mean_ap == pytest.approx(1)
    prior = mean_maps(CLIPS)
    assert map_ious(CLIPS, [prior] * len(CLIPS))['lane'] == pytest.approx(1)
    sizes = mean_sizes(CLIPS)
    np.testing.assert_allclose(sizes[0], [4.4, 1.8, 1.5], rtol=1e-5)
    assert np.isnan(sizes[1]).all()  # no truck is judged


def test_a_cluster_becomes_a_box_of_its_kind() -> None:
    sizes = mean_sizes(CLIPS)
    along, across, up = np.meshgrid(
        np.linspace(-2.1, 2.1, 20), np.linspace(-0.8, 0.8, 8), [0.4, 1.4]
    )
    angle = 0.5
    x = 8 + np.cos(angle) * along - np.sin(angle) * across
    y = -6 + np.sin(angle) * along + np.cos(angle) * across
    car = np.stack([x, y, up, up * 0], axis=-1).reshape(-1, 4)
    ground = np.column_stack([np.linspace(-30, 30, 400)] * 2 + [np.zeros(400)] * 2)
    found = clusters(np.concatenate([car, ground]).astype(np.float32), sizes)
    assert found.labels == ('car',)
    np.testing.assert_allclose(found.centres[0, :2], [8, -6], atol=0.1)
    assert np.sin(found.yaws()[0] - angle) == pytest.approx(0, abs=0.02)
    assert len(clusters(ground.astype(np.float32), sizes)) == 0


def test_final_scores_have_names_and_baselines(monkeypatch, tmp_path) -> None:
    asked, parts = [], []

    @contextmanager
    def watch(total: int, title: str) -> Iterator[Any]:
        done: list[int] = []
        parts.append((title, total, done))
        yield done.append

    def make(folder, plans, workers) -> list[Any]:
        asked.append({(plan.split.value, plan.rig_split.value) for plan in plans})
        assert min(plan.seed for plan in plans) == FINAL_SEED
        return CLIPS

    monkeypatch.setattr(bevformer_scores, 'make_bev_clips', make)
    monkeypatch.setattr(bevformer_scores.BevClip, 'load', lambda clip: clip)
    oracle = SimpleNamespace(to=lambda device: Oracle())
    monkeypatch.setattr(bevformer_scores, 'load_model', lambda name: SimpleNamespace(model=oracle))
    monkeypatch.setattr(bevformer_scores, '_FINAL_CLIPS', len(CLIPS))
    monkeypatch.setattr(bevformer_scores, '_FINAL_OTHERS', len(CLIPS))
    table = final_scores(tmp_path, 'cpu', watch)
    assert asked == [{('held_out', 'train')}, {('held_out', 'held_out')}, {('train', 'train')}]
    made = [(total, done) for title, total, done in parts if title == 'making drives']
    assert made == [(len(CLIPS), list(range(1, len(CLIPS) + 1)))] * 3
    assert all(done[-1] == total for _, total, done in parts if total), (
        'each part ends at its total'
    )
    assert [title for title, total, _ in parts if not total] == ['baselines']
    ones = (
        'mAP, both', 'NDS, lidar', 'IoU of the map, drivable', 'other rigs: mAP, cameras',
        'known things: IoU of the map, both', 'baseline (the commonest boxes, always): mAP',
    )  # fmt: skip
    assert [table[name] for name in ones] == [1.0] * len(ones)
    assert table['velocity error of what moves (m/s), if still'] == round(5**0.5, 3)
    assert table['baseline (clusters of LiDAR points): mAP'] < 0.5
    assert table['judged boxes'] == JUDGED * len(CLIPS)


@pytest.mark.parametrize(('has_eyes', 'first'), [(True, 'map_both'), (False, 'map_lidar')])
def test_a_real_network_can_be_scored(has_eyes, first) -> None:
    torch.manual_seed(0)
    config = replace(
        CONFIGS['nano'], backbone=BackboneConfig((1, 1, 1, 1), 4, out_stages=(1, 2, 3)), dims=16,
        heads=2, ffn_dims=16, bev_size=(64, 64), num_encoder_layers=1, num_decoder_layers=1,
        num_queries=20, max_boxes=20, pixels=replace(PixelConfig(), width_px=SIZE[0]),
    )  # fmt: skip
    model = BevFormer(config if has_eyes else replace(config, backbone=None, depth=None)).eval()
    clips: list[BevClip] = CLIPS[:2]
    scores = quick_scores(model, clips, 'cpu')
    assert next(iter(scores)) == first
    assert 0 <= scores[first] < 0.2
    assert set(scores) >= {'iou_lidar', 'nds_lidar', 'map_one_frame'}
    assert ('map_cameras' in scores) == has_eyes
