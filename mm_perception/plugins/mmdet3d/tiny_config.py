"""A PointPillars small enough for tests, written as configs of mmdetection3d are.

The parts are those of its config pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d, which takes x, y, z
and the age of each point.
"""

from typing import Any

class_names = ['car', 'pedestrian']
_range = [-12.8, -12.8, -5.0, 12.8, 12.8, 8.0]
_voxel = [0.8, 0.8, 13.0]
_norm = {'type': 'naiveSyncBN2d', 'eps': 1e-3, 'momentum': 0.01}

model: dict[str, Any] = {
    'type': 'MVXFasterRCNN',
    'data_preprocessor': {
        'type': 'Det3DDataPreprocessor',
        'voxel': True,
        'voxel_layer': {
            'max_num_points': 16,
            'point_cloud_range': _range,
            'voxel_size': _voxel,
            'max_voxels': (1024, 1024),
        },
    },
    'pts_voxel_encoder': {
        'type': 'HardVFE',
        'in_channels': 4,
        'feat_channels': [16, 16],
        'with_distance': False,
        'voxel_size': _voxel,
        'with_cluster_center': True,
        'with_voxel_center': True,
        'point_cloud_range': _range,
        'norm_cfg': {'type': 'naiveSyncBN1d', 'eps': 1e-3, 'momentum': 0.01},
    },
    'pts_middle_encoder': {
        'type': 'PointPillarsScatter',
        'in_channels': 16,
        'output_shape': [32, 32],
    },
    'pts_backbone': {
        'type': 'SECOND',
        'in_channels': 16,
        'norm_cfg': _norm,
        'layer_nums': [1, 1, 1],
        'layer_strides': [2, 2, 2],
        'out_channels': [16, 16, 16],
    },
    'pts_neck': {
        'type': 'mmdet.FPN',
        'norm_cfg': _norm,
        'act_cfg': {'type': 'ReLU'},
        'in_channels': [16, 16, 16],
        'out_channels': 16,
        'start_level': 0,
        'num_outs': 3,
    },
    'pts_bbox_head': {
        'type': 'Anchor3DHead',
        'num_classes': 2,
        'in_channels': 16,
        'feat_channels': 16,
        'use_direction_classifier': True,
        'anchor_generator': {
            'type': 'AlignedAnchor3DRangeGenerator',
            'ranges': [[-12.8, -12.8, -1.8, 12.8, 12.8, -1.8]],
            'scales': [1, 2, 4],
            'sizes': [[2.5981, 0.8660, 1.0], [1.0, 1.0, 1.0]],
            'custom_values': [0, 0],
            'rotations': [0, 1.57],
            'reshape_out': True,
        },
        'assigner_per_size': False,
        'diff_rad_by_sin': True,
        'dir_offset': -0.7854,
        'bbox_coder': {'type': 'DeltaXYZWLHRBBoxCoder', 'code_size': 9},
    },
    'test_cfg': {
        'pts': {
            'use_rotate_nms': True,
            'nms_across_levels': False,
            'nms_pre': 100,
            'nms_thr': 0.2,
            'score_thr': 0.05,
            'min_bbox_size': 0,
            'max_num': 20,
        }
    },
}

test_dataloader: dict[str, Any] = {
    'dataset': {
        'type': 'NuScenesDataset',
        'metainfo': {'classes': class_names},
        'box_type_3d': 'LiDAR',
        'pipeline': [
            {'type': 'LoadPointsFromFile', 'coord_type': 'LIDAR', 'load_dim': 5, 'use_dim': 5},
            {'type': 'LoadPointsFromMultiSweeps', 'sweeps_num': 2, 'test_mode': True},
            {
                'type': 'MultiScaleFlipAug3D',
                'img_scale': (1333, 800),
                'pts_scale_ratio': 1,
                'flip': False,
                'transforms': [
                    {'type': 'RandomFlip3D'},
                    {'type': 'PointsRangeFilter', 'point_cloud_range': _range},
                ],
            },
            {'type': 'Pack3DDetInputs', 'keys': ['points']},
        ],
    }
}
