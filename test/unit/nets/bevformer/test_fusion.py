"""LiDAR, trunk and heads of our own nets: where things land, and what is missing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch

from mm_perception.errors import ConfigError, ShapeError, WeightsError
from mm_perception.nets.bevformer import CONFIGS, BevFormer, BevFormerConfig, Clouds, EgoMotion
from mm_perception.nets.bevformer.trunk import peaks
from mm_perception.nets.bevformer.weights import load_model, save_model

SMALL = replace(
    CONFIGS['nano'],
    name='small',
    backbone=replace(CONFIGS['nano'].backbone, blocks=(1, 1, 1, 1), width=8),
    bev_size=(16, 16),
    dims=32,
    ffn_dims=32,
    num_encoder_layers=1,
    num_decoder_layers=2,
    num_queries=12,
    trunk_blocks=1,
)
STILL = [EgoMotion(), EgoMotion()]


@pytest.fixture(scope='module')
def model() -> BevFormer:
    torch.manual_seed(5)
    return BevFormer(SMALL).eval().requires_grad_(False)


def clouds(values: list[list[float]], sample: list[int], is_there: list[bool]) -> Clouds:
    rows = torch.tensor(values, dtype=torch.float32).reshape(-1, 4)
    return Clouds(rows, torch.tensor(sample, dtype=torch.int64), torch.tensor(is_there))


def scan(seed: int = 0, count: int = 300) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(count, 4, generator=generator)
    return unit * torch.tensor([60.0, 60, 3, 1]) - torch.tensor([30.0, 30, 0.5, 0])


def pictures(batch: int = 2, cameras: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, cameras, 3, 64, 96, generator=generator)
    ahead = torch.tensor([[60.0, 48, 0, 0], [0, 32, -60, 60], [0, 1, 0, 0], [0, 0, 0, 1]])
    return images, ahead.expand(batch, cameras, 4, 4)


def test_a_point_lands_in_its_pillar(model) -> None:
    # pillars of 2 m: 5.1 m to the right is column (5.1 + 32) / 2 = 18, 9.9 m behind is row 11
    one = clouds([[5.1, -9.9, 0.5, 1.0]], [1], [True, True])
    filled = model.pillars.scatter(one).abs().sum(dim=1).nonzero()
    assert filled.tolist() == [[1, 11, 18]]


def test_what_lies_outside_or_is_no_number_is_nowhere(model) -> None:
    far = [[40.0, 0, 0, 1], [0, 0, 9, 1], [float('nan'), 0, 0, 1], [0, float('inf'), 0, 1]]
    assert not model.pillars.scatter(clouds(far, [0] * 4, [True])).any()
    kept = [[1.0, 2, 0, 1]]
    both = model.pillars.scatter(clouds(far + kept, [0] * 5, [True]))
    torch.testing.assert_close(both, model.pillars.scatter(clouds(kept, [0], [True])))
    edge = torch.nextafter(torch.tensor(32.0), torch.tensor(0.0)).item()
    assert model.pillars.scatter(clouds([[edge, edge, 0, 1]], [0], [True]))[0, :, -1, -1].any()


def test_the_order_of_points_does_not_matter(model) -> None:
    values = scan()
    zeros = torch.zeros(len(values), dtype=torch.int64)
    there = torch.ones(1, dtype=torch.bool)
    first = model.pillars(Clouds(values, zeros, there))
    second = model.pillars(Clouds(values.flip(0), zeros, there))
    torch.testing.assert_close(first, second)
    with pytest.raises(ShapeError, match='clouds'):
        model.pillars(Clouds(values[:, :3], zeros, there))


def test_a_missing_scan_leaves_the_other_samples_alone(model) -> None:
    images, projections = pictures()
    values = torch.cat((scan(1), scan(2)))
    sample = torch.arange(2).repeat_interleave(300)
    there = torch.tensor([True, False])
    out = model(images, projections, STILL, clouds=Clouds(values, sample, there))
    alone = model(images[1:], projections[1:], STILL[1:])
    torch.testing.assert_close(out.bev[1], alone.bev[0], atol=1e-4, rtol=1e-4)
    own = Clouds(values[:300], sample[:300], there[:1])
    first = model(images[:1], projections[:1], STILL[:1], clouds=own)
    torch.testing.assert_close(out.bev[0], first.bev[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(out.bev[0], model(images, projections, STILL).bev[0], atol=1e-2)


def test_missing_pictures_count_for_nothing(model) -> None:
    images, projections = pictures()
    mask = torch.tensor([[True, False], [False, False]])
    spoilt = torch.where(mask[..., None, None, None], images, float('nan'))
    out = model(spoilt, projections, STILL, camera_mask=mask)
    for value in (out.bev, out.map_logits, out.heat, out.codes):
        assert value.isfinite().all()
    zeros = model(images * 0, projections, STILL, camera_mask=mask & False)
    torch.testing.assert_close(out.bev[1], zeros.bev[1], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(out.bev[0], zeros.bev[0], atol=1e-2)


def test_heads_have_their_sizes_and_any_number_of_cameras_shares_one_embedding(model) -> None:
    images, projections = pictures(cameras=5)
    out = model(images, projections, STILL)
    assert out.map_logits.shape == (2, 5, 32, 32)
    assert out.heat.shape == (2, 5, 16, 16)
    assert out.logits.shape == (2, 2, 12, 5)
    order = torch.tensor([4, 2, 0, 1, 3])
    mixed = model(images[:, order], projections[:, order], STILL)
    torch.testing.assert_close(mixed.bev, out.bev, atol=1e-4, rtol=1e-4)


def test_the_heading_in_the_fixed_frame_does_not_matter(model) -> None:
    images, projections = pictures(batch=1)
    first, second = (
        model(images, projections, [EgoMotion(1.0, 0.2, 0.1, 0.5, yaw_rad=yaw)]).bev
        for yaw in (0.0, 2.0)
    )
    torch.testing.assert_close(first, second)


def test_peaks_are_local_maxima_of_each_class() -> None:
    heat = torch.full((1, 2, 6, 8), -5.0)
    heat[0, 0, 2, 3], heat[0, 0, 2, 4], heat[0, 1, 2, 4], heat[0, 1, 5, 0] = 4, 3, 2, 1
    cells, classes = peaks(heat, 3)
    assert cells.tolist() == [[2 * 8 + 3, 2 * 8 + 4, 5 * 8]]
    assert classes.tolist() == [[0, 1, 1]]


def test_queries_start_at_the_peaks(model) -> None:
    bev = torch.randn(1, 256, 32)
    heat = torch.full((1, 5, 16, 16), -9.0)
    heat[0, 3, 4, 12] = 9.0
    _, _, references = model.decoder.start(bev, heat)
    assert references[0, 0].tolist() == pytest.approx([12.5 / 16, 4.5 / 16, 0.2])  # z = 0 m


def test_a_folder_gives_the_same_network_back(model, tmp_path) -> None:
    save_model(model, tmp_path)
    loaded = load_model(str(tmp_path))
    assert loaded.model.config == SMALL
    for name, value in model.state_dict().items():
        kept = loaded.model.state_dict()[name]
        torch.testing.assert_close(kept, value, atol=1e-2, rtol=1e-3)
    values = json.loads((tmp_path / 'config.json').read_text())
    assert BevFormerConfig.from_dict(values) == BevFormerConfig.from_dict(asdict(SMALL)) == SMALL
    (tmp_path / 'config.json').write_text(json.dumps({**values, 'dims': 64}))
    with pytest.raises(WeightsError, match='does not fit'):
        load_model(str(tmp_path))
    (tmp_path / 'config.json').write_text('{}x')
    with pytest.raises(WeightsError, match='cannot be read'):
        load_model(str(tmp_path))


def test_a_lidar_branch_needs_a_trunk() -> None:
    with pytest.raises(ConfigError, match='trunk_blocks'):
        replace(SMALL, trunk_blocks=0)
