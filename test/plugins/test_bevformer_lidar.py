"""The plugin with a network that knows a LiDAR alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mm_perception.errors import MissingInputError
from mm_perception.nets.bevformer import CONFIGS
from test.plugins.test_bevformer import Bench, cloud_of, picture

LIDAR_ALONE = replace(
    CONFIGS['nano'], backbone=None, depth=None, has_motion=False, tells_velocity=False
)


def test_a_network_of_a_lidar_alone_does_not_touch_pictures() -> None:
    bench = Bench(LIDAR_ALONE)
    assert bench.plugin.model_info()['sees'] == 'LiDAR'
    broken = {'left': picture('nowhere')}
    outputs = bench.look(images=broken, cloud=cloud_of([[5, 0, 0]]))
    assert (outputs['map'].cells >= 0).all()
    assert bench.reports == []
    assert outputs['boxes'].velocities is None, 'they were not learned'
    with pytest.raises(MissingInputError, match=r"'cloud'.*sees LiDAR"):
        bench.look(images={'left': picture('left')})
