"""Small configs of the detectors that people use, made from what mmdetection3d has of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from mm_perception.plugins.mmdet3d import tiny_config

CLASSES = ['car', 'pedestrian', 'bicycle']
RANGE = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
VOXEL = [1.6, 1.6, 8.0]
NORM = {'type': 'BN', 'eps': 1e-3, 'momentum': 0.01}


def point_pillars(**loading: Any) -> dict[str, Any]:
    """The tiny config of the plugin, as a mapping; `loading` changes its past scans."""
    config = {'model': tiny_config.model, 'test_dataloader': tiny_config.test_dataloader}
    config = copy.deepcopy(config)
    config['test_dataloader']['dataset']['pipeline'][1].update(loading)
    return config


def center_point() -> dict[str, Any]:
    """As centerpoint_pillar02_second_secfpn_8xb4-cyclic-20e_nus-3d, with coarse pillars."""
    voxels = {
        'max_num_points': 20,
        'voxel_size': VOXEL,
        'max_voxels': [4000, 4000],
        'point_cloud_range': RANGE,
    }
    encoder = {
        'type': 'PillarFeatureNet',
        'in_channels': 5,
        'feat_channels': [16],
        'with_distance': False,
        'voxel_size': VOXEL,
        'point_cloud_range': RANGE,
        'norm_cfg': {**NORM, 'type': 'BN1d'},
        'legacy': False,
    }
    backbone = {
        'type': 'SECOND',
        'in_channels': 16,
        'out_channels': [16, 16, 16],
        'layer_nums': [1, 1, 1],
        'layer_strides': [2, 2, 2],
        'norm_cfg': NORM,
        'conv_cfg': {'type': 'Conv2d', 'bias': False},
    }
    neck = {
        'type': 'SECONDFPN',
        'in_channels': [16, 16, 16],
        'out_channels': [16, 16, 16],
        'upsample_strides': [0.5, 1, 2],
        'norm_cfg': NORM,
        'upsample_cfg': {'type': 'deconv', 'bias': False},
        'use_conv_for_no_stride': True,
    }
    scatter = {'type': 'PointPillarsScatter', 'in_channels': 16, 'output_shape': [64, 64]}
    model = {
        'type': 'CenterPoint',
        'data_preprocessor': {
            'type': 'Det3DDataPreprocessor', 'voxel': True, 'voxel_layer': voxels,
        },
        'pts_voxel_encoder': encoder,
        'pts_middle_encoder': scatter,
        'pts_backbone': backbone,
        'pts_neck': neck,
        **_center_head(),
    }  # fmt: skip
    return {'model': model, 'test_dataloader': _loader([*_sweeps(), *_flip([])])}


def _center_head() -> dict[str, Any]:
    limits = [-61.2, -61.2, -10.0, 61.2, 61.2, 10.0]
    grid = {'pc_range': RANGE[:2], 'out_size_factor': 4, 'voxel_size': VOXEL[:2]}
    head = {
        'type': 'CenterHead',
        'in_channels': 48,
        'tasks': [
            {'num_class': 1, 'class_names': ['car']},
            {'num_class': 2, 'class_names': ['pedestrian', 'bicycle']},
        ],
        'common_heads': {
            'reg': (2, 2), 'height': (1, 2), 'dim': (3, 2), 'rot': (2, 2), 'vel': (2, 2),
        },
        'share_conv_channel': 16,
        'bbox_coder': {
            'type': 'CenterPointBBoxCoder',
            'post_center_range': limits,
            'max_num': 50,
            'score_threshold': 0.1,
            'code_size': 9,
            **grid,
        },
        'separate_head': {'type': 'SeparateHead', 'init_bias': -2.19, 'final_kernel': 3},
        'norm_bbox': True,
    }  # fmt: skip
    test = {
        'post_center_limit_range': limits,
        'max_per_img': 50,
        'max_pool_nms': False,
        'min_radius': [4, 1],
        'score_threshold': 0.1,
        'nms_type': 'rotate',
        'pre_max_size': 100,
        'post_max_size': 20,
        'nms_thr': 0.2,
        **grid,
    }
    return {'pts_bbox_head': head, 'test_cfg': {'pts': test}}


def point_fusion() -> dict[str, Any]:
    """A PointPillars whose points carry picture features, as in MVX-Net, but with hard pillars."""
    config = point_pillars()
    model = config['model']
    channels = 16
    model['pts_voxel_encoder']['in_channels'] = 4
    model['pts_voxel_encoder']['fusion_layer'] = {
        'type': 'PointFusion',
        'img_channels': channels,
        'pts_channels': channels,
        'mid_channels': channels,
        'out_channels': channels,
        'img_levels': [0],
        'align_corners': False,
        'activate_out': True,
        'fuse_out': False,
    }
    model['data_preprocessor'] |= {
        'mean': [102.98, 115.95, 122.77],
        'std': [570.0, 570.0, 570.0],  # small: no batch norm has seen data yet
        'bgr_to_rgb': False,
        'pad_size_divisor': 32,
    }
    model['img_backbone'] = {
        'type': 'mmdet.ResNet',
        'depth': 18,
        'num_stages': 1,
        'strides': [1],
        'dilations': [1],
        'out_indices': [0],
        'norm_eval': True,
        # Never fetched: the plugin takes weights from the checkpoint only.
        'init_cfg': {'type': 'Pretrained', 'checkpoint': 'http://127.0.0.1:9/none.pth'},
    }
    model['img_neck'] = {
        'type': 'mmdet.FPN', 'in_channels': [64], 'out_channels': channels, 'num_outs': 1,
    }  # fmt: skip
    points = {**_sweeps()[0], 'use_dim': 4}
    steps = [points, {'type': 'LoadImageFromFile'}]
    steps += _flip([{'type': 'Resize', 'scale': 0, 'keep_ratio': True}], ['points', 'img'])
    steps[2]['img_scale'] = (320, 180)
    config['test_dataloader'] = _loader(steps)
    return config


def _sweeps() -> list[dict[str, Any]]:
    return [
        {'type': 'LoadPointsFromFile', 'coord_type': 'LIDAR', 'load_dim': 5, 'use_dim': 5},
        {
            'type': 'LoadPointsFromMultiSweeps',
            'sweeps_num': 9,
            'use_dim': [0, 1, 2, 3, 4],
            'pad_empty_sweeps': True,
            'remove_close': True,
            'test_mode': True,
        },
    ]


def _flip(first: list[dict[str, Any]], keys: list[str] | None = None) -> list[dict[str, Any]]:
    inner = [
        *first,
        {'type': 'RandomFlip3D'},
        {'type': 'PointsRangeFilter', 'point_cloud_range': RANGE},
    ]
    return [
        {
            'type': 'MultiScaleFlipAug3D',
            'img_scale': (1333, 800),
            'pts_scale_ratio': 1,
            'flip': False,
            'transforms': inner,
        },
        {'type': 'Pack3DDetInputs', 'keys': keys or ['points']},
    ]


def _loader(pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        'dataset': {
            'type': 'NuScenesDataset',
            'metainfo': {'classes': CLASSES},
            'box_type_3d': 'LiDAR',
            'pipeline': pipeline,
        }
    }


def write(config: dict[str, Any], path: Path) -> str:
    """As a Python config file; tuples stay tuples, which JSON would lose."""
    path.write_text('\n'.join(f'{name} = {value!r}' for name, value in config.items()) + '\n')
    return str(path)
