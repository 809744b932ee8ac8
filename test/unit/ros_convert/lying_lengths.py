"""Claim too much at every place of a message; print by how many MB each type raised the peak."""

from __future__ import annotations

import json
import resource
import struct

from mm_perception.errors import MalformedMessageError
from mm_perception.ros import wire

TYPES = [
    'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/CameraInfo',
    'sensor_msgs/msg/PointCloud2', 'std_msgs/msg/String', 'geometry_msgs/msg/PointStamped',
    'mm_perception_msgs/msg/AudioChunk', 'mm_perception_msgs/msg/Embedding',
    'mm_perception_msgs/msg/Prompt', 'mm_perception_msgs/msg/PromptStatus',
    'mm_perception_msgs/msg/TextStamped', 'mm_perception_msgs/msg/Transcript',
    'mm_perception_msgs/msg/Command', 'mm_perception_msgs/msg/Event',
    'mm_perception_msgs/msg/SkeletonArray',
    'vision_msgs/msg/Detection2DArray',
    'vision_msgs/msg/Classification', 'vision_msgs/msg/LabelInfo', 'tf2_msgs/msg/TFMessage',
    'diagnostic_msgs/msg/DiagnosticArray',
]  # fmt: skip
SIZE = 1_000_000


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    growth = {}
    for type_name in TYPES:
        base = wire.serialize(wire.message_class(type_name)())
        before = peak_mb()
        for place in range(4, min(len(base), 60) - 3, 4):
            for claim in (SIZE, SIZE // 2, 2**28, 2**32 - 1):
                data = base[:place] + struct.pack('<I', claim) + bytes(SIZE)
                try:
                    wire.deserialize(data, type_name)
                except MalformedMessageError:
                    continue
        growth[type_name] = peak_mb() - before
    print(json.dumps(growth))  # noqa: T201


if __name__ == '__main__':
    main()
