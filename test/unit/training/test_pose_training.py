"""Crops, maps, losses and scores of the training of poses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from transformers import Dinov2WithRegistersModel, VitPoseForPoseEstimation

from mm_perception.nets.pose import load_pose
from mm_perception.nets.pose.engine import coco_boxes, decode
from mm_perception.nets.pose.weights import processor_of
from mm_perception.training import pose, pose_scores
from mm_perception.training.loop import Settings, train
from mm_perception.training.pose import CELLS, RECIPE, SHAPE, PoseTask, losses_of, nano_config
from mm_perception.training.pose_batches import (
    SWAPPED,
    Person,
    Window,
    any_window,
    bumps,
    cut,
    make_batch,
    people_of,
    window_of,
)
from mm_perception.training.pose_scores import (
    Found,
    Truth,
    guessed,
    mean_pose,
    near,
    oks_ap,
    pck,
    presence,
    quick_scores,
    rating,
)
from mm_perception.weights import NANO
from mm_perception.world import pose_views
from mm_perception.world.pose_views import PoseViews
from mm_perception.world.truth import KEYPOINTS

INDEX = KEYPOINTS.index
#: x and y as shares of a box, of somebody who faces the camera.
STANDS = np.array([
    (0.5, 0.1), (0.56, 0.08), (0.44, 0.08), (0.62, 0.1), (0.38, 0.1), (0.75, 0.22), (0.25, 0.22),
    (0.85, 0.38), (0.15, 0.38), (0.9, 0.52), (0.1, 0.52), (0.65, 0.53), (0.35, 0.53), (0.65, 0.74),
    (0.35, 0.74), (0.65, 0.95), (0.35, 0.95),
])  # fmt: skip
COLOURS = np.random.default_rng(5).integers(60, 256, (17, 3))


def a_person(
    box: tuple[float, float, float, float] = (40, 20, 90, 130), absent: tuple[int, ...] = (),
    size: tuple[int, int] = (150, 160),
) -> Person:  # fmt: skip
    """Somebody of dots, each joint of a colour of its own."""
    corners = np.array(box, np.float32)
    places = corners[:2] + STANDS * (corners[2:] - corners[:2])
    rgb = np.full((*size, 3), 30, np.uint8)
    visible = np.full(17, 2, np.uint8)
    for joint, (x, y) in enumerate(places):
        if joint in absent:
            visible[joint] = 0
        else:
            cv2.circle(rgb, (round(x), round(y)), 2, COLOURS[joint].tolist(), -1)
    places[list(absent)] = np.nan
    return Person(rgb, corners, places.astype(np.float32), visible, 'standing')


def test_left_and_right_are_swapped() -> None:
    assert [KEYPOINTS[i] for i in SWAPPED[:3]] == ['nose', 'right_eye', 'left_eye']
    assert SWAPPED[INDEX('left_ankle')] == INDEX('right_ankle')
    assert [SWAPPED[i] for i in SWAPPED] == list(range(17))


@pytest.mark.parametrize('is_mirrored', [False, True])
@pytest.mark.parametrize('angle', [0.0, 0.5])
def test_joints_stay_on_what_they_are_of(is_mirrored: bool, angle: float) -> None:
    person = a_person()
    plain = window_of(person.box, SHAPE)
    window = Window(plain.middle, plain.size, angle, is_mirrored)
    picture, places, there = cut(person, window, SHAPE)
    assert there.all()
    for joint, (x, y) in enumerate(np.round(places).astype(int)):
        # In a mirror the left eye is the right one of whom one sees.
        colour = COLOURS[SWAPPED[joint] if is_mirrored else joint]
        np.testing.assert_allclose(picture[y, x], colour, atol=30)


def test_a_mirror_swaps_sides_in_the_crop() -> None:
    person = a_person()
    plain = window_of(person.box, SHAPE)
    _, places, _ = cut(person, plain, SHAPE)
    _, mirrored, _ = cut(person, Window(plain.middle, plain.size, 0.0, True), SHAPE)
    for name in ('left_wrist', 'right_wrist'):  # left stays on the side where left was
        assert (places[INDEX(name), 0] > SHAPE[0] / 2) == (mirrored[INDEX(name), 0] > SHAPE[0] / 2)
    np.testing.assert_allclose(mirrored[SWAPPED, 0], SHAPE[0] - 1 - places[:, 0], atol=1e-3)


def test_a_crop_is_that_of_the_processor() -> None:
    person = a_person((30.5, 12, 101, 140))
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 256, person.rgb.shape).astype(np.uint8), (0, 0), 2)
    person = Person(noise, person.box, person.pixels, person.visible, '')
    ours, _, _ = cut(person, window_of(person.box, SHAPE), SHAPE)
    processor = processor_of(nano_config())
    theirs: Any = processor(
        images=[noise], boxes=[coco_boxes(person.box[None]).tolist()], return_tensors='pt',
        do_normalize=False,
    )['pixel_values'][0]  # fmt: skip
    gap = np.abs(ours / 255 - theirs.permute(1, 2, 0).numpy())
    assert np.quantile(gap, 0.98) < 0.005  # all but where the picture ends


def test_a_map_is_decoded_to_where_the_joint_is() -> None:
    person = a_person((31, 17, 88, 139), absent=(INDEX('left_knee'),))
    _, places, there = cut(person, window_of(person.box, SHAPE), SHAPE)
    maps = bumps(torch.from_numpy(places[None]), torch.from_numpy(there[None]), SHAPE, CELLS)
    assert maps.shape == (1, 17, CELLS[1], CELLS[0])
    found, scores = decode(processor_of(nano_config()), maps, coco_boxes(person.box[None]))
    known = person.visible > 0
    np.testing.assert_allclose(found[0, known], person.pixels[known], atol=0.7)
    assert (scores[0, known] > 0.8).all()
    assert scores[0, INDEX('left_knee')] == 0


def test_what_is_out_of_the_picture_or_of_the_crop_is_not_to_be_found() -> None:
    person = a_person(absent=(0, 9))
    _, _, there = cut(person, window_of(person.box, SHAPE), SHAPE)
    assert np.flatnonzero(~there).tolist() == [0, 9]
    upper = Window((65, 40), (60, 80))
    _, _, there = cut(person, upper, SHAPE)
    assert there[INDEX('right_shoulder')]
    assert not there[[INDEX('left_ankle'), INDEX('right_knee')]].any()


def test_batches_are_functions_of_the_generator_and_windows_stay_near() -> None:
    people = [a_person(), a_person((10, 10, 60, 120))]
    first, second = (make_batch(np.random.default_rng(3), people, 4, SHAPE) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.places, second.places)
    assert first.pixels.shape == (4, 3, SHAPE[1], SHAPE[0])
    rng = np.random.default_rng(0)
    shown = np.mean([
        cut(people[0], any_window(rng, people[0], SHAPE), SHAPE)[2].mean() for _ in range(60)
    ])  # fmt: skip
    assert shown > 0.85


def test_losses_are_least_for_the_true_maps() -> None:
    people = [a_person(absent=(3,))]
    batch = make_batch(np.random.default_rng(1), people, 3, SHAPE)
    wanted = bumps(batch.places, batch.is_there, SHAPE, CELLS)
    right = losses_of(wanted, wanted, batch.is_there)
    empty = losses_of(torch.zeros_like(wanted), wanted, batch.is_there)
    moved = losses_of(wanted.roll(5, -1), wanted, batch.is_there)
    assert right['maps'] == 0
    for wrong in (empty, moved):
        assert wrong['maps'] > 0.3
        assert wrong['where'] > right['where'] * 1.2
    nobody = torch.zeros_like(batch.is_there)
    flat = losses_of(0 * wanted, 0 * wanted, nobody)
    assert float(flat['maps']) == float(flat['where']) == 0


def test_it_begins_with_the_layers_of_dino() -> None:
    """Without places and registers, a layer does what DINOv2's does."""
    task = PoseTask([], [], Settings(steps=1))
    model: Any = task.build()
    dino: Any = Dinov2WithRegistersModel.from_pretrained(NANO / 'dino', dtype=torch.float32)
    tokens = torch.randn(2, 7, 192, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = model.backbone.encoder.layer[2].eval()(tokens)
        theirs = dino.encoder.layer[2].eval()(tokens)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


@pytest.fixture
def small_views(monkeypatch: pytest.MonkeyPatch) -> list[PoseViews]:
    monkeypatch.setattr(pose_views, 'SHAPES', ((120, 120),))
    monkeypatch.setattr(pose_views, 'NUM_VIEWS', 3)
    return [pose_views.render_views(seed, pose_views.Split.TRAIN) for seed in range(2)]


def test_training_lowers_the_loss_and_the_result_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_views: list[PoseViews]
) -> None:
    monkeypatch.setattr(pose, '_CROPS', 4)
    settings = Settings(
        steps=12, learning_rate=1e-3, warm_up=2, validate_every=12, log_every=3, average=0.5,
        optimizer='muon', is_mixed=False,
    )  # fmt: skip
    task = PoseTask(small_views, small_views, settings)
    lines: list[str] = []
    model = train(task, tmp_path / 'work', torch.device('cpu'), report=lines.append)
    losses = [json.loads(line)['loss'] for line in lines if 'loss' in line]
    assert losses[-1] < losses[0]
    assert 'pck' in lines[-1]
    RECIPE.save(model, tmp_path / 'out')
    engine: Any = load_pose(str(tmp_path / 'out'))
    assert isinstance(engine.model, VitPoseForPoseEstimation)
    people = people_of(small_views)
    places, scores = engine.keypoints(people[0].rgb, people[0].box[None])
    assert np.isfinite(places).all()
    # What validates is what runs: crops of both are the same but for rounding.
    quick = quick_scores(model.float(), people, torch.device('cpu'))
    found = pose_scores.find(engine, people)
    assert abs(quick['pck'] - pck(found.places, Truth.of(people))['all']) < 0.1
    assert scores.shape == (1, 17)


def truth_of(people: list[Person]) -> Truth:
    return Truth.of(people)


def test_convention_pck_is_a_fifth_of_the_torso() -> None:
    person = a_person()
    truth = truth_of([person])
    torso = np.linalg.norm(
        person.pixels[INDEX('left_shoulder')] - person.pixels[INDEX('right_hip')]
    )
    np.testing.assert_allclose(truth.torsos, [torso], rtol=1e-6)
    for share, value in ((0.19, 1.0), (0.21, 0.0)):
        moved = person.pixels + np.float32([share * torso, 0])
        assert pck(moved[None], truth)['all'] == value
    absent = truth_of([a_person(absent=(9,))])
    assert np.isnan(near(absent.places, absent)[0, 9])
    assert pck(absent.places, absent)['wrists'] == 1.0
    lost = [INDEX(f'{a}_{b}') for a in ('left', 'right') for b in ('hip', 'shoulder')]
    nobody = truth_of([a_person(absent=tuple(lost))])
    assert np.isnan(near(nobody.places, nobody)).all()


def test_oks_ap_counts_what_is_near_enough() -> None:
    people = [a_person(), a_person((10, 10, 70, 140))]
    truth = truth_of(people)
    ones = np.ones((2, 17), np.float32)
    assert oks_ap(Found(truth.places, ones), truth)['AP'] == 1.0
    far = Found(truth.places + np.float32(60), ones)
    assert oks_ap(far, truth)['AP'] == 0.0
    half = truth.places.copy()
    half[1] += 60
    ranked = np.stack([ones[0], 0.5 * ones[1]])
    assert 0.45 < oks_ap(Found(half, ranked), truth)['AP'] < 0.55


def test_scores_rate_people_and_tell_what_is_there() -> None:
    scores = np.full((1, 17), 0.9, np.float32)
    scores[0, 5:9] = 0.1
    assert rating(scores[0]) == pytest.approx(0.9)
    assert rating(np.zeros(17, np.float32)) == 0.0
    truth = truth_of([a_person(absent=(5, 6, 7, 8))])
    assert presence(scores, truth) == {'auc': 1.0, 'inside': 1.0, 'outside': 1.0}
    assert presence(1 - scores, truth)['auc'] == 0.0
    assert np.isnan(presence(scores, truth_of([a_person()]))['auc'])


def test_a_mean_pose_is_put_into_boxes() -> None:
    people = [a_person(), a_person((10, 10, 70, 140), absent=(3,))]
    pose_of_all = mean_pose(people)
    np.testing.assert_allclose(pose_of_all, STANDS, atol=1e-5)
    found = guessed(people, pose_of_all)
    np.testing.assert_allclose(found.places[0], people[0].pixels, atol=1e-3)
